import pytest

from service.answering.speakers import speaker_differs
from tests.support.evidence import evidence

ROAD = "agreed to widen the road from China to Velmark."


@pytest.mark.parametrize(
    ("sentence", "source"),
    [
        (f"The Chinese side {ROAD}", f"Both sides {ROAD}"),
        (f"China {ROAD}", f"The two countries {ROAD}"),
        (f"Both sides {ROAD}", f"The Chinese side {ROAD}"),
        (f"The two sides {ROAD}", f"China {ROAD}"),
        (f"Velmark {ROAD}", f"China and Velmark {ROAD}"),
        (f"The Velmark side {ROAD}", f"The Chinese side {ROAD}"),
        ("Velmark accused Corrundy of spying.", "Corrundy accused Velmark of spying."),
        ("Brun told Holm that the road was shut.", "Holm told Brun that the road was shut."),
        ("Corrundy was accused by Velmark of spying.", "Corrundy accused Velmark of spying."),
        ("The plan was agreed by both sides.", "The plan was agreed by the Velmark side."),
        ("Holm said that the road was shut.", "Mayor Brun told Holm that the road was shut."),
        ("The road is shut, according to both sides.", "The Chinese side said that the road is shut."),
        ("According to the Chinese side, the road is shut.", "Both sides said that the road in China is shut."),
        ("According to the Velmark side, the road is shut.", "The Chinese side told Velmark that the road is shut."),
        ("According to Otto Brandvold, the road is shut.", "Ilse Marwick said that the road is shut."),
        (
            "According to Otto Brandvold, Ilse Marwick said that the road is shut.",
            "Ilse Marwick said that the road is shut.",
        ),
        (
            "Late on the evening of the second day of the long talks Velmark accused Corrundy of spying.",
            "Late on the evening of the second day of the long talks Corrundy accused Velmark of spying.",
        ),
        ("The road is shut, both sides said.", "The Chinese side said that the road is shut."),
        ("The commission said that the road was shut.", "The workers said that the road was shut."),
        ("Brun, the mayor, said that the road was shut.", "Mayor Holm told Brun that the road was shut."),
    ],
)
def test_words_given_to_somebody_else_are_noticed(sentence: str, source: str) -> None:
    """One side is not both, both are not one, and two parties do not change places."""
    assert speaker_differs(sentence, evidence(source))


@pytest.mark.parametrize(
    ("sentence", "source"),
    [
        (f"Both sides {ROAD}", f"Both sides {ROAD}"),
        (f"The two countries {ROAD}", f"Both sides {ROAD}"),
        (f"Both sides {ROAD}", f"China and Velmark {ROAD}"),
        (f"China {ROAD}", f"The Chinese side {ROAD}"),
        (f"They {ROAD}", f"Both sides {ROAD}"),
        ("President Marwick said that the road was shut.", "Marwick said that the road was shut."),
        ("Marwick said that the road was shut.", "Premier Ilse Marwick said that the road was shut."),
        ("Corrundy was accused by Velmark of spying.", "Velmark accused Corrundy of spying."),
        ("Velmark accused Corrundy of spying.", "Corrundy was accused by Velmark of spying."),
        ("The plan was agreed by both sides.", "Both sides agreed to the plan."),
        ("The road is shut.", "The road is shut."),
        ("On Tuesday, China agreed to talk.", "China agreed on Tuesday to talk."),
        ("According to both sides, the road is shut.", "Both sides said that the road is shut."),
        ("The road is shut, according to the ministry.", "The ministry said that the road is shut."),
        ("According to the Harbour Gazette, the road is shut.", "Both sides said that the road is shut."),
        ("Experts say that the road is shut.", "However, experts say that the road is shut."),
        ("The commission said that the road was shut.", "The road was shut, said the commission."),
        ("41 percent of drivers said that the road was shut.", "41% of drivers said that the road was shut."),
        ("Velmark stations are shut.", "The stations of Velmark are shut."),
        ("Earlier, Holm said that the road was shut.", "Holm said that the road was shut."),
        ("However, on Tuesday, Holm said that the road was shut.", "Holm said on Tuesday that the road was shut."),
        (
            "According to the Harbour Gazette, Marwick said that the road is shut.",
            "Marwick said that the road is shut.",
        ),
    ],
)
def test_the_same_speaker_in_other_words_is_let_through(sentence: str, source: str) -> None:
    """Titles, country for side, the passive, opening words and the publisher's name change nothing about who it was."""
    assert not speaker_differs(sentence, evidence(source))


def test_the_recorded_speaker_counts() -> None:
    """Words that the record gives to both sides are not one side's, though the words name nobody."""
    spoken = "The road from China to Velmark will be widened."

    assert speaker_differs(f"The Chinese side said: {spoken}", evidence(spoken, speakers=("Both sides",)))
    assert not speaker_differs(f"Both sides said: {spoken}", evidence(spoken, speakers=("Both sides",)))
    assert not speaker_differs(f"The Chinese side said: {spoken}", evidence(spoken, speakers=("The Chinese side",)))


def test_a_speaker_does_not_change_what_is_said_of_whom() -> None:
    """Velmark may say that Corrundy accused it; that is not Velmark accusing Corrundy."""
    piece = evidence("Corrundy accused Velmark of spying.", speakers=("Velmark",))

    assert speaker_differs("Velmark accused Corrundy of spying.", piece)


def test_one_piece_that_names_the_speaker_is_enough() -> None:
    """Of several pieces of evidence, the one that holds the statement decides."""
    pieces = evidence(f"Both sides {ROAD}", f"The Chinese side {ROAD}")

    assert not speaker_differs(f"The Chinese side {ROAD}", pieces)
    assert speaker_differs(f"The Chinese side {ROAD}", pieces[:1])
