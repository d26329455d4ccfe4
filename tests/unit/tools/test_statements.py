import pytest

from tools.support.statements import statement_of


@pytest.mark.parametrize(
    ("question", "answer", "statement"),
    [
        ("Who opened the dam at Onse?", "Ilse Marwick", "Ilse Marwick opened the dam at Onse."),
        ("Who was the mayor of Onse?", "Ilse Marwick", "Ilse Marwick was the mayor of Onse."),
        ("Which team won the cup?", "Velmark", "Velmark team won the cup."),
        ("What company is the owner of it?", "Onse Water", "Onse Water is the owner of it."),
        ("What did Luther seek to restore?", "public order", "Luther seek to restore public order."),
        ("When was the old dam built?", "1900", "The old dam was built in 1900."),
        ("In what year was the old dam built?", "1900", "The old dam was built in 1900."),
        ("When did the first fish appear?", "in May", "The first fish appear in May."),
        ("How many boats sank in the storm?", "nine", "Nine boats sank in the storm."),
        ("How many boats did Onse have?", "nine", "Onse have nine boats."),
        ("Why was the dam closed?", "of a leak", "The dam was closed because of a leak."),
        ("Besides Onse, what was shut?", "Velmark", None),
        ("Who?", "Velmark", None),
    ],
)
def test_an_answered_question_is_a_statement(question: str, answer: str, statement: str | None) -> None:
    """Near enough to English to learn from; what cannot be turned is left out."""
    assert statement_of(question, answer) == statement
