from dataclasses import replace
from datetime import date

import pytest

from domain.answers import Evidence
from domain.corpus import Citable
from service.answering.guards import Reason, first_failing, unfounded_names
from service.answering.negation import negation_differs
from tests.support.evidence import evidence


def inside(passage: str, sentence: str, *, title: str | None = None, place: str | None = None) -> Evidence:
    """A sentence as evidence from a longer passage of a document with a title and a place."""
    (whole,) = evidence(passage)
    start = passage.index(sentence)
    header = replace(whole.citable.header, title=title, place=place)
    span = replace(whole.span, start=start, end=start + len(sentence))
    return replace(whole, citable=Citable(passage=whole.citable.passage, header=header), span=span)


@pytest.mark.parametrize(
    ("sentence", "source", "reason"),
    [
        ("85 trains cross the bridge a day.", "87 trains cross the bridge a day.", "number_not_in_source"),
        ("It opens on 13 April.", "It opens on 12 April.", "number_not_in_source"),
        ("Otto Brandvold opened the dam.", "Ilse Marwick opened the dam.", "name_not_in_source"),
        ("The dam opened on Wednesday.", "The dam opened on Tuesday.", "name_not_in_source"),
        ("Read more at https://evil.example/x.", "Read more in the annex.", "name_not_in_source"),
        ("Write to a@evil.example.", "Write to the mayor.", "name_not_in_source"),
        (
            "The Velmark side agreed to the port.",
            "Both sides agreed to the port in Velmark.",
            "speaker_not_in_source",
        ),
        (
            "Both sides agreed to the port in Velmark.",
            "The Velmark side agreed to the port.",
            "speaker_not_in_source",
        ),
        ("The council approved the budget.", "The council did not approve the budget.", "negation_differs"),
        ("The council did not approve the budget.", "The council approved the budget.", "negation_differs"),
        ("The council approved the budget.", "The council may approve the budget.", "modality_differs"),
        ("Ilse Marwick won the race.", "Ilse Marwick leads in the race.", "happening_not_in_source"),
    ],
)
def test_a_changed_fact_is_withheld_for_its_own_reason(sentence: str, source: str, reason: Reason) -> None:
    """Each kind of change has a reason that tells the reader what was wrong."""
    assert first_failing(sentence, evidence(source)) == reason


def test_the_first_reason_is_given() -> None:
    """A sentence that is wrong in every way is withheld for its number."""
    source = evidence("Both sides told Ilse Marwick that 87 ferries run.")

    assert first_failing("Otto Brandvold denied that 85 ferries run.", source) == "number_not_in_source"


@pytest.mark.parametrize(
    ("sentence", "source"),
    [
        ("Ilse Marwick opened the dam.", "Premier Ilse Marwick opened the dam at Sorrel Gate on Tuesday."),
        ("China hopes for talks.", "The Chinese side hopes for talks."),
        ("The dam at Sorrel Gate was opened by Marwick.", "Marwick opened the dam at Sorrel Gate."),
        ("Exports rose in the spring.", "In the spring exports grew."),
        ("The council never approved the budget.", "The council did not approve the budget."),
        ("The minister denied that the road was shut.", "The minister denied that the road was shut."),
        ("Talks go on.", "Talks go on; a date was not agreed."),
        ("See https://marrick.example/port.", "See https://marrick.example/port."),
    ],
)
def test_a_faithful_sentence_passes_all_guards(sentence: str, source: str) -> None:
    """Shortened, turned into the passive, or in other words: nothing else is said."""
    assert first_failing(sentence, evidence(source)) is None


def test_a_whole_quote_needs_no_guard() -> None:
    """The words of a statement are not weighed against the speaker that the record gives it; other words are."""
    said = evidence("Velmark agreed\nto talk.", speakers=("Both sides",))

    assert first_failing("Velmark agreed to talk.", said) is None
    assert first_failing("Velmark agreed to talks.", said) == "speaker_not_in_source"


def test_a_part_of_a_quote_is_guarded() -> None:
    """Cutting the denial off a sentence leaves its words and turns it over."""
    source = "The minister denied that the road was shut."

    assert first_failing("The road was shut.", evidence(source)) == "negation_differs"


def test_several_pieces_found_a_sentence_together() -> None:
    """Names and numbers may come from different pieces of evidence."""
    both = evidence("Ilse Marwick opened the dam.", "The dam holds 87 tonnes.")

    assert first_failing("The dam that Marwick opened holds 87 tonnes.", both) is None
    assert first_failing("The dam that Marwick opened holds 87 tonnes.", both[:1]) == "number_not_in_source"
    assert first_failing("The dam that Marwick opened holds 87 tonnes.", both[1:]) == "name_not_in_source"


def test_names_around_a_sentence_are_known() -> None:
    """A sentence that says `she` may be told with the name that its paragraph, title or place gives."""
    piece = inside(
        "Ilse Marwick came by ship. She opened the dam.", "She opened the dam.", title="Corrundy floods", place="ONSE"
    )

    assert unfounded_names("Marwick opened the dam of Corrundy in Onse, says the Harbour Gazette.", (piece,)) == ()
    assert unfounded_names("Marwick opened the dam of Velmark.", (piece,)) == ("Velmark",)


def test_a_name_around_a_sentence_does_not_take_the_place_of_another() -> None:
    """Whom the passage names elsewhere did not do what somebody else did."""
    piece = inside(
        "Ilse Marwick came by ship. Otto Brandvold opened the dam.", "Otto Brandvold opened the dam.", place="ONSE"
    )

    assert unfounded_names("Ilse Marwick opened the dam.", (piece,)) == ("Ilse", "Marwick")
    assert unfounded_names("Otto Brandvold opened the dam at Onse.", (piece,)) == ()


def test_a_name_that_stands_twice_is_dropped_once() -> None:
    """The second Brandvold has become Marwick, whom the passage names elsewhere; the first is still there."""
    said = "After the fall of Brandvold the dam of Brandvold was closed."
    piece = inside(f"Ilse Marwick came by ship. {said}", said)

    assert unfounded_names("After the fall of Brandvold the dam of Marwick was closed.", (piece,)) == ("Marwick",)


def test_one_pronoun_stands_for_one_name() -> None:
    """`She` may be Marwick, but then nobody stands for Velmark, which takes the place of Corrundy."""
    piece = inside(
        "Ilse Marwick of Velmark came by ship. She opened the dam of Corrundy.", "She opened the dam of Corrundy."
    )

    assert unfounded_names("Ilse Marwick opened the dam of Corrundy.", (piece,)) == ()
    assert unfounded_names("Ilse Marwick opened the dam.", (piece,)) == ()
    assert unfounded_names("She opened the dam of Velmark.", (piece,)) == ("Velmark",)
    assert unfounded_names("Ilse Marwick opened the dam of Velmark.", (piece,)) == ("Ilse", "Marwick", "Velmark")


def test_the_day_of_publication_is_not_in_the_words() -> None:
    """The date of a document is not the date of the event, so it founds no number."""
    (piece,) = evidence("The dam opened.")
    assert piece.citable.header.published == date(2025, 3, 4)

    assert first_failing("The dam opened on 4 March 2025.", (piece,)) == "number_not_in_source"


@pytest.mark.parametrize(
    ("sentence", "names"),
    [
        ("Brandvold opened the dam.", ("Brandvold",)),
        ("The dam was opened by Otto Brandvold.", ("Otto", "Brandvold")),
        ("The SGDA opened the dam.", ("SGDA",)),
        ("Workers opened the dam.", ()),
        ("Finally the dam was opened.", ()),
        ("The dam was opened.", ()),
    ],
)
def test_new_names_are_told_from_new_words(sentence: str, names: tuple[str, ...]) -> None:
    """A capital inside a sentence makes a name; one at its start does unless the word is an ordinary one."""
    assert unfounded_names(sentence, evidence("The dam was filled.")) == names


@pytest.mark.parametrize(
    ("sentence", "source"),
    [
        ("Exports rose.", "Exports fell."),
        ("The court accepted the appeal.", "The court rejected the appeal."),
        ("The court rejected the appeal.", "The court accepted the appeal."),
        ("Velmark welcomed the treaty.", "Velmark condemned the treaty."),
        ("The envoy arrived.", "The envoy left."),
        ("Velmark won the case.", "Velmark lost the case."),
        ("The treaty was signed before the vote.", "The treaty was signed after the vote."),
        ("The river stands above the mark.", "The river stands below the mark."),
        ("The minister said that the road was shut.", "The minister denied that the road was shut."),
        ("The ferry isn't late.", "The ferry is late."),
        ("Nobody came.", "The mayor came."),
        (
            "The lock was not repaired, and the quay was not sold.",
            "The lock was not repaired, and the quay was sold.",
        ),
        ("The lock was not repaired.", "The lock was repaired, and the quay was not sold."),
    ],
)
def test_what_is_turned_over_differs(sentence: str, source: str) -> None:
    """A negation that comes, goes or moves, and a verb or preposition in place of its opposite."""
    assert negation_differs(sentence, source)


@pytest.mark.parametrize(
    ("sentence", "source"),
    [
        ("Exports rose.", "Exports rose and imports fell."),
        ("The treaty was signed before the vote.", "The treaty was signed before the vote and after the talks."),
        ("Exports rose and imports fell.", "Imports fell and exports went up."),
        ("Nobody came.", "No person came."),
        ("The ferry is late.", "The ferry is late because the crane does not work."),
    ],
)
def test_what_the_source_says_both_ways_does_not_differ(sentence: str, source: str) -> None:
    """A sentence may leave out the other half, and a negation of something else."""
    assert not negation_differs(sentence, source)
