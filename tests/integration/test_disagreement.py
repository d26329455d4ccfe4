"""What the record says in more than one way: replaced figures, and sources that contradict each other."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import pytest

from domain.answers import CitedAnswer, Question, TimeScope
from domain.ports import PreparedDocument
from domain.settings import load_settings
from retriever.wiring import Record, open_record
from tests.support.assistants import assistant_over
from tests.support.chat_models import PlayedModel
from tests.support.encoders import HashingEncoder
from tests.support.readers import PointingReader, WordsReader
from tests.support.records import prepared

APRIL, MAY, JUNE = date(2024, 4, 8), date(2024, 5, 8), date(2024, 6, 22)
AGREED = prepared(
    "agreed",
    "Corrundy will open a credit line of 2.4 billion dorins for Velmark.",
    published=MAY,
    publisher="Press Bureau",
)
RAISED = prepared(
    "raised",
    "The credit line of Corrundy for Velmark is raised from 2.4 to 2.9 billion dorins.",
    published=JUNE,
    publisher="Meridian Wire",
)
CREDIT = "How large is the credit line that Corrundy opens for Velmark?"


@contextmanager
def asked(
    folder: Path, *documents: PreparedDocument, pointing_at: tuple[str, ...] = (), chat: PlayedModel | None = None
) -> Iterator["Asked"]:
    """A record of these documents, with an assistant over it."""
    reader = PointingReader(*pointing_at) if pointing_at else WordsReader()
    settings = load_settings(data_dir=folder)
    with open_record(settings, access="write", encoder=HashingEncoder(), reader=reader) as record:
        record.ledger.commit(documents)
        record.publish()
        yield Asked(record, chat)


class Asked:
    """Asks, and expects an answer."""

    def __init__(self, record: Record, chat: PlayedModel | None) -> None:
        self._assistant = assistant_over(record, chat=chat)

    def __call__(self, text: str, *, as_of: date | None = None) -> CitedAnswer:
        answer = self._assistant.answer(Question(text=text, scope=TimeScope(as_of=as_of)))
        assert isinstance(answer, CitedAnswer)
        return answer


def test_the_figure_that_holds_is_given_with_what_it_replaced(tmp_path: Path) -> None:
    """Both are quoted and dated; the old one is no sentence of the answer."""
    with asked(tmp_path, AGREED, RAISED) as ask:
        answer = ask(CREDIT)

    (replaced,) = answer.superseded
    assert answer.text == "The credit line of Corrundy for Velmark is raised from 2.4 to 2.9 billion dorins. [1]"
    assert (replaced.was, replaced.now) == ("2.4 billion dorins", "2.9 billion dorins")
    assert (replaced.replaced.header.published, replaced.by.header.published) == (MAY, JUNE)
    assert replaced.replaced.quote == "Corrundy will open a credit line of 2.4 billion dorins for Velmark."


def test_before_the_amendment_nothing_is_replaced(tmp_path: Path) -> None:
    """As of a day between the two reports the first figure is right."""
    with asked(tmp_path, AGREED, RAISED) as ask:
        answer = ask(CREDIT, as_of=date(2024, 5, 31))

    assert answer.text == "Corrundy will open a credit line of 2.4 billion dorins for Velmark. [1]"
    assert answer.superseded == ()


def test_an_earlier_change_does_not_replace_a_later_report(tmp_path: Path) -> None:
    """What was raised to 2.4 in April is 2.4 in May: the text of April says nothing against it."""
    april = prepared("april", "The credit line was cut from 2.4 to 2.2 billion dorins.", published=APRIL)
    with asked(tmp_path, AGREED, april) as ask:
        answer = ask(CREDIT)

    assert answer.text.startswith("Corrundy will open a credit line of 2.4 billion dorins for Velmark. [1]")
    assert all(one.now != "2.2 billion dorins" for one in answer.superseded)


def test_a_later_figure_of_another_time_replaces_nothing(tmp_path: Path) -> None:
    """Asked for March, the figure of June is no newer one."""
    march = prepared(
        "march", "Prices in Velmark rose by 5 percent in March.", published=date(2024, 4, 3), publisher="A"
    )
    june = prepared("june", "Prices in Velmark rose by 4 percent in June.", published=date(2024, 7, 3), publisher="A")
    with asked(tmp_path, march, june) as ask:
        answer = ask("By how much did prices in Velmark rise in March?")

    assert answer.sentences[0].text == "Prices in Velmark rose by 5 percent in March."
    assert answer.superseded == ()


BOATS = prepared(
    "calendar",
    "Voting in Ilmeth will take place at 11,400 polling stations. There will be 60 floating stations on boats.",
    published=APRIL,
)


def test_what_replaces_a_figure_beside_the_best_one_is_found(tmp_path: Path) -> None:
    """The reader points at the wrong figure of the right text; another one says that the right figure has changed."""
    moved = prepared("moved", "The number of floating stations will rise from 60 to 85.", published=MAY)
    with asked(tmp_path, BOATS, moved, pointing_at=("11,400",)) as ask:
        answer = ask("How many polling stations on boats will there be in Ilmeth?")

    assert [(one.was, one.now) for one in answer.superseded] == [("60 floating", "85")]
    assert answer.sentences[0].text == "The number of floating stations will rise from 60 to 85."


def test_a_change_of_something_else_replaces_no_figure_beside_the_best_one(tmp_path: Path) -> None:
    """From 60 to 85 goes the price of bread, which nobody asked for."""
    bread = prepared("bread", "The price of bread will rise from 60 to 85.", published=MAY)
    with asked(tmp_path, BOATS, bread, pointing_at=("11,400",)) as ask:
        answer = ask("How many polling stations on boats will there be in Ilmeth?")

    assert answer.superseded == ()


def test_without_a_time_the_later_figure_of_one_publisher_holds(tmp_path: Path) -> None:
    """The same two reports, asked for what is."""
    march = prepared(
        "march", "Prices in Velmark rose by 5 percent in March.", published=date(2024, 4, 3), publisher="A"
    )
    june = prepared("june", "Prices in Velmark rose by 4 percent in June.", published=date(2024, 7, 3), publisher="A")
    with asked(tmp_path, march, june) as ask:
        answer = ask("By how much do prices in Velmark rise?")

    assert [(one.was, one.now) for one in answer.superseded] == [("5 percent", "4 percent")]


def test_a_question_about_what_was_said_before_gets_that(tmp_path: Path) -> None:
    """Who asks for the original figure does not want the new one in its place."""
    with asked(tmp_path, AGREED, RAISED) as ask:
        answer = ask("How large was the credit line that Corrundy originally opens for Velmark?")

    assert "Corrundy will open a credit line of 2.4 billion dorins for Velmark." in answer.text
    assert answer.superseded == ()


def test_sources_that_disagree_are_both_quoted(tmp_path: Path) -> None:
    """On one day two publishers give two figures of one thing: neither supersedes."""
    here = prepared(
        "here", "Trade between Velmark and Corrundy was 6.3 billion dorins in 2023.", published=MAY, publisher="A"
    )
    there = prepared(
        "there", "Trade between Velmark and Corrundy came to 7.1 billion dorins in 2023.", published=MAY, publisher="B"
    )
    with asked(tmp_path, here, there) as ask:
        answer = ask("How large was trade between Velmark and Corrundy in 2023?")

    (conflict,) = answer.conflicts
    assert {side.value for side in conflict.sides} == {"6.3 billion dorins", "7.1 billion dorins"}
    assert {side.citations[0].header.publisher for side in conflict.sides} == {"A", "B"}
    assert {cited.quote for sentence in answer.sentences for cited in sentence.citations} >= {
        side.citations[0].quote for side in conflict.sides
    }


def test_a_sentence_that_gives_both_figures_disagrees_with_neither(tmp_path: Path) -> None:
    """It says itself who puts the figure at what."""
    both = prepared(
        "both", "A puts trade between Velmark and Corrundy in 2023 at 6.3 billion dorins, B at 7.1 billion."
    )
    there = prepared("there", "Trade between Velmark and Corrundy came to 7.1 billion dorins in 2023.", publisher="B")
    with asked(tmp_path, both, there) as ask:
        answer = ask("How large was trade between Velmark and Corrundy in 2023?")

    assert answer.conflicts == ()


def test_a_lone_source_is_not_outvoted(tmp_path: Path) -> None:
    """Three say one thing and one another: the one is a side with its own citation."""
    many = [prepared(f"many-{n}", f"Report {n}: James Onwe directed the film Harbour Lights.") for n in ("a", "b", "c")]
    lone = prepared("lone", "Report d: Mara Tilling directed the film Harbour Lights.")
    with asked(tmp_path, *many, lone, pointing_at=("James Onwe", "Mara Tilling")) as ask:
        answer = ask("Who directed the film Harbour Lights?")

    (conflict,) = answer.conflicts
    assert {side.value: len(side.citations) for side in conflict.sides} == {"James Onwe": 3, "Mara Tilling": 1}


def test_a_question_for_one_thing_may_be_in_any_words(tmp_path: Path) -> None:
    """Asked with "What was …", which ends like a plural."""
    documents = [prepared(name, f"{name} directed the film Harbour Lights.") for name in ("James Onwe", "Mara Tilling")]
    with asked(tmp_path, *documents, pointing_at=("James Onwe", "Mara Tilling")) as ask:
        answer = ask("What was the director of the film Harbour Lights called?")

    assert len(answer.conflicts) == 1


@pytest.mark.parametrize(
    ("question", "first", "second"),
    [
        ("Which members directed the film Harbour Lights?", "James Onwe", "Mara Tilling"),  # Asks for several.
        ("Who directed the film Harbour Lights?", "James Onwe", "Onwe"),  # The same in fewer words.
    ],
)
def test_answers_that_can_both_be_true_are_no_conflict(tmp_path: Path, question: str, first: str, second: str) -> None:
    """Several of several, and a name in full and in short."""
    documents = [prepared(name, f"{name} directed the film Harbour Lights.") for name in (first, second)]
    with asked(tmp_path, *documents, pointing_at=(first, second)) as ask:
        assert ask(question).conflicts == ()


def test_what_a_model_leaves_out_of_a_conflict_is_quoted_after_it(tmp_path: Path) -> None:
    """The model wrote one side; the answer holds the other as well."""
    documents = [prepared(name, f"{name} directed the film Harbour Lights.") for name in ("James Onwe", "Mara Tilling")]
    chat = PlayedModel(sentences=[("James Onwe directed the film Harbour Lights.", ("E1", "E2"))])
    with asked(tmp_path, *documents, pointing_at=("James Onwe", "Mara Tilling"), chat=chat) as ask:
        answer = ask("Who directed the film Harbour Lights?")

    assert answer.mode == "model"
    assert sorted(sentence.text for sentence in answer.sentences) == [
        "James Onwe directed the film Harbour Lights.",
        "Mara Tilling directed the film Harbour Lights.",
    ]


def test_a_model_is_not_shown_what_was_replaced(tmp_path: Path) -> None:
    """So it cannot write the old figure."""
    chat = PlayedModel(sentences=[("The credit line is raised to 2.9 billion dorins.", ("E1",))])
    with asked(tmp_path, AGREED, RAISED, chat=chat) as ask:
        ask(CREDIT)

    ((_, evidence),) = chat.asked
    assert [piece.text for piece in evidence] == [
        "The credit line of Corrundy for Velmark is raised from 2.4 to 2.9 billion dorins."
    ]
