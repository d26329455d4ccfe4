import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.answering.asked import Asked, asked_for, holds


@pytest.mark.parametrize(
    ("question", "asked"),
    [
        ("Who opened the dam?", Asked.WHO),
        ("Whose ferry sank?", Asked.WHO),
        ("Which prime minister resigned?", Asked.WHO),
        ("When did the bridge open?", Asked.WHEN),
        ("In what year did the bridge open?", Asked.WHEN),
        ("Where is the dam?", Asked.WHERE),
        ("What city hosts the talks?", Asked.WHERE),
        ("How many boats sank?", Asked.HOW_MANY),
        ("How long is the bridge?", Asked.HOW_MANY),
        ("What percentage of boats sank?", Asked.HOW_MANY),
        ("How much did the bridge cost?", Asked.HOW_MUCH),
        ("How many dollars did Velmark lend?", Asked.HOW_MUCH),
        ("Why did the ferry stop?", Asked.WHY),
        ("What caused the flood?", Asked.WHY),
        ("What did the minister say when asked about the dam?", Asked.ANY),
        ("What will the president sign?", Asked.ANY),
        ("Tell me about the dam.", Asked.ANY),
        ("", Asked.ANY),
    ],
)
def test_the_form_of_a_question_tells_what_it_asks_for(question: str, asked: Asked) -> None:
    assert asked_for(question) is asked


@pytest.mark.parametrize(
    ("question", "answers", "does_not"),
    [
        ("Who opened the dam?", "It was opened by Ilse Marwick.", "It was opened with a song."),
        ("Who opened the dam?", "The minister opened it.", "It was opened with a song."),
        ("Who met Marwick?", "There was Otto Brandvold.", "There was Marwick."),
        ("When does the bridge open?", "It opens on 12 April.", "It opens to cars."),
        ("When does the bridge open?", "It opens next week.", "It opens to cars."),
        ("When in 2025 does it open?", "It opens in May.", "It opens in 2025."),
        ("Where is the dam?", "It stands at Sorrel Gate.", "It stands on rock."),
        ("How many boats sank?", "A dozen boats sank.", "Boats sank."),
        ("How many of 87 boats sank?", "Of 87 boats 12 sank.", "Of 87 boats some sank."),
        ("How much snow fell?", "30 centimetres fell.", "Snow fell."),
        ("How much did it cost?", "It cost €5.", "It cost five days."),
        ("Why did the ferry stop?", "It stopped because of ice.", "It stopped."),
    ],
)
def test_a_sentence_holds_what_is_asked_for_or_not(question: str, answers: str, does_not: str) -> None:
    """A time, a number, a sum, a place, a reason or a person that the question does not name itself."""
    asked = asked_for(question)

    assert holds(asked, answers, question)
    assert not holds(asked, does_not, question)


@given(st.text(), st.text())
def test_anything_answers_a_question_of_no_form(sentence: str, question: str) -> None:
    assert holds(Asked.ANY, sentence, question)


@given(st.sampled_from([Asked.WHEN, Asked.HOW_MANY, Asked.HOW_MUCH]), st.text())
def test_a_question_does_not_answer_itself(asked: Asked, text: str) -> None:
    """A time or number that the question names is nothing new."""
    assert not holds(asked, text, text)
