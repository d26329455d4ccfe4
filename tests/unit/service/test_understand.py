from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.answers import Question, TimeScope, Turn
from domain.errors import QuestionError
from service.answering.understand import Understanding, understand

SIXTH = TimeScope(as_of=date(2025, 2, 6))
BRIDGE = "What did Premier Marwick say about the Orrin bridge?"


def understood(text: str, *earlier: str, scope: TimeScope | None = None) -> Understanding:
    """What a question means after the user's earlier ones, each of which was answered."""
    history = tuple(
        turn
        for said in earlier
        for turn in (Turn(role="user", text=said), Turn(role="assistant", text="The Costrel ferry stops in May."))
    )
    return understand(Question(text=text, scope=scope or TimeScope(), history=history))


@pytest.mark.parametrize(
    "text",
    [
        "What is known as of 6 February 2025 about the dam?",
        "What is known as of the 6th of February, 2025 about the dam?",
        "What is known as of Feb. 6th, 2025, about the dam?",
        "What is known about the dam as of 2025-02-06?",
        "What is known about the dam (as of 2025-02-06)?",
    ],
)
def test_a_stated_day_becomes_the_scope(text: str) -> None:
    """`as of` a full date is taken out of the question, however the date is written."""
    assert understood(text) == Understanding(text="What is known about the dam?", scope=SIXTH)


@pytest.mark.parametrize(
    "text",
    [
        "What is known about the dam as of 31 February 2025?",
        "What was published about the dam?",
        "How many cases were reported in February 2025?",
        "What is known about the dam as of today?",
        "What happened at the dam on 6 February 2025?",
        "What happened at the dam?",
    ],
)
def test_other_dates_change_nothing(text: str) -> None:
    """A date that does not exist, or the day of an event, is no time scope."""
    assert understood(text) == Understanding(text=text, scope=TimeScope())


@pytest.mark.parametrize(
    ("words", "scope"),
    [
        ("as of February 2025", TimeScope(as_of=date(2025, 2, 28))),
        ("as of 2024", TimeScope(as_of=date(2024, 12, 31))),
        ("published before 6 February 2025", TimeScope(published_to=date(2025, 2, 5))),
        ("published by February 2025", TimeScope(published_to=date(2025, 2, 28))),
        ("according to reports published after 2025-02-06", TimeScope(published_from=date(2025, 2, 7))),
        ("in articles published since March 2024", TimeScope(published_from=date(2024, 3, 1))),
        ("published in 2024", TimeScope(published_from=date(2024, 1, 1), published_to=date(2024, 12, 31))),
        (
            "in reports published between 1 March 2024 and May 2024",
            TimeScope(published_from=date(2024, 3, 1), published_to=date(2024, 5, 31)),
        ),
    ],
)
def test_words_about_publishing_become_the_scope(words: str, scope: TimeScope) -> None:
    """Months and years stand for all their days; the words are taken out."""
    assert understood(f"What is known about the dam {words}?") == Understanding(
        text="What is known about the dam?", scope=scope
    )


def test_a_question_of_nothing_but_a_day_keeps_its_words() -> None:
    """There would be nothing left to search for."""
    assert understood("As of 6 February 2025?") == Understanding(text="As of 6 February 2025?", scope=SIXTH)


def test_the_request_is_stronger_than_the_words() -> None:
    """An `as_of` that the request gives is not moved by the question; the rest of the scope stays in any case."""
    given_scope = TimeScope(as_of=date(2024, 1, 1), publisher="Harbour Gazette")
    other = TimeScope(publisher="Harbour Gazette")

    assert understood("The dam as of 2025-02-06?", scope=given_scope).scope == given_scope
    assert understood("The dam as of 2025-02-06?", scope=other).scope == TimeScope(
        as_of=date(2025, 2, 6), publisher="Harbour Gazette"
    )


def test_contradicting_times_are_refused() -> None:
    """A question as of a day before the request's first day can have no answer."""
    with pytest.raises(QuestionError, match="2025-03-01"):
        understood("The dam as of 2025-02-06?", scope=TimeScope(published_from=date(2025, 3, 1)))


@pytest.mark.parametrize(
    ("text", "stand_alone"),
    [
        ("What about the ferry?", "What did Premier Marwick say about the ferry?"),
        ("And on Costrel?", "What did Premier Marwick say about Costrel?"),
        ("When does it open?", "When does it open (Premier Marwick say, Orrin bridge)?"),
        ("Why?", "Why (Premier Marwick say, Orrin bridge)?"),
        ("And when?", "And when (Premier Marwick say, Orrin bridge)?"),
        ("Was anyone hurt?", "Was anyone hurt (Premier Marwick say, Orrin bridge)?"),
        (
            "And how much will the toll for lorries be?",
            "And how much will the toll for lorries be (Premier Marwick say, Orrin bridge)?",
        ),
        # Who "he" is was said in the answer.
        ("What did he say about Gaza?", "What did he say about Gaza (Costrel, Premier Marwick, Orrin bridge)?"),
        ("Who spoke for Ilmeth there?", "Who spoke for Ilmeth there (Costrel, Premier Marwick say, Orrin bridge)?"),
    ],
)
def test_a_follow_up_takes_what_it_lacks_from_the_question_before(text: str, stand_alone: str) -> None:
    """The words that are searched for name the subject again."""
    assert understood(text, BRIDGE).text == stand_alone


@pytest.mark.parametrize(
    "text",
    [
        "Who is Otto Brandvold?",
        "What did they say about Costrel?",
        "How many boats sank near the harbour in the storm?",
    ],
)
def test_a_complete_question_is_not_touched(text: str) -> None:
    """A question that names its subject stands alone in any conversation."""
    assert understood(text, BRIDGE).text == text


def test_a_chain_of_follow_ups_keeps_its_subject() -> None:
    """Each question is completed from the one before, which was completed itself."""
    assert understood("Why?", BRIDGE, "What about the ferry?").text == "Why (Premier Marwick say, ferry)?"


def test_what_the_assistant_said_is_no_question() -> None:
    """Only the user's turns complete a question."""
    history = (Turn(role="assistant", text="The Costrel ferry stops in May."),)

    assert understand(Question(text="Why?", history=history)).text == "Why?"


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("<b>Who</b> opened\n the dam?", "Who opened the dam?"),
        ("Who\u200b opened the d\u00adam?", "Who opened the dam?"),
        ("<!-- hello -->Who?", "Who?"),
        ("<script>", "<script>"),
        (" <b></b> ", "<b></b>"),
    ],
)
def test_markup_is_taken_out_while_something_is_left(text: str, clean: str) -> None:
    """A question that is nothing but markup is about that markup."""
    assert understood(text).text == clean


QUESTIONS = st.text(alphabet=st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=80)


@given(QUESTIONS.filter(str.strip), st.lists(QUESTIONS.filter(str.strip), max_size=3))
def test_what_is_searched_for_is_never_empty(text: str, earlier: list[str]) -> None:
    """For any question after any others: something is left, and nothing that this question says is lost to history."""
    assert understood(text, *earlier).text.strip()
    assert understood(f"{text} bridge", *earlier).text.strip()


@given(st.dates(min_value=date(1900, 1, 1), max_value=date(2099, 12, 31)), st.sampled_from(["%d %B %Y", "%B %d, %Y"]))
def test_every_day_can_be_stated(day: date, form: str) -> None:
    """Whatever the day, it is read as it was written."""
    assert understood(f"What is known about the dam as of {day.strftime(form)}?") == Understanding(
        text="What is known about the dam?", scope=TimeScope(as_of=day)
    )
