from random import Random

import pytest

from eval.mutations import FALSE, TRUE, Changed, Original, plain, shares
from tests.support.evidence import evidence


def original(text: str) -> Original:
    return Original(
        text=text,
        evidence=evidence(text),
        near=("Otto Brandvold",),
        far=("Corrundy",),
        speakers=("The Onse side", "Both sides"),
    )


@pytest.mark.parametrize(
    ("kind", "text", "outcomes"),
    [
        ("number", "The old dam holds two boats.", {"The old dam holds nine boats.", "The old dam holds six boats."}),
        ("date", "The dam opened in 1999.", {"The dam opened in 1998.", "The dam opened in 2002."}),
        (
            "name",
            "On that day Ilse Marwick came.",
            {"On that day Otto Brandvold came.", "On that day Corrundy came."},
        ),
        ("speaker", "Velmark said the dam was full.", {"The Onse side said the dam was full."}),
        ("negation", "The dam was full.", {"The dam was not full."}),
        ("negation", "The council approved the dam.", {"The council rejected the dam."}),
        ("modality", "They agreed to discuss a dam.", {"They agreed on a dam."}),
        ("modality", "He reportedly left.", {"He left."}),
        ("number spelled", "It holds 9 boats.", {"It holds nine boats."}),
        ("number spelled", "It holds 1,200 boats.", {"It holds 1200 boats."}),
        ("number spelled", "It is 40% full.", {"It is 40 percent full."}),
        ("date turned", "It opened on 6 June.", {"It opened on June 6."}),
        ("date turned", "It opened on June 6.", {"It opened on 6 June."}),
        ("shortened", "The dam (a wall) is full.", {"The dam is full."}),
        ("shortened", "However, they left.", {"They left."}),
        ("shortened", "The dam, which Marwick built in a year, is full.", {"The dam is full."}),
    ],
)
def test_a_sentence_is_changed_in_one_place(kind: str, text: str, outcomes: set[str]) -> None:
    """Whatever is drawn, nothing else of the sentence changes."""
    edit = (FALSE | TRUE)[kind]  # type: ignore[operator]

    drawn = {edit(original(text), Random(seed)) for seed in range(60)} - {None}

    assert outcomes <= drawn
    assert text not in drawn


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("number", "The dam is full."),
        ("number", "The dam opened in 1999."),
        ("date", "The dam is full."),
        ("name", "Everything was full."),
        ("speaker", "It said the dam was full."),
        ("negation", "Full dams everywhere."),
        ("modality", "The dam is full."),
        ("number spelled", "It costs $5 a day."),
        ("date turned", "It opened in June."),
        ("shortened", "The dam is full."),
    ],
)
def test_what_has_nothing_to_change_is_left_alone(kind: str, text: str) -> None:
    edit = (FALSE | TRUE)[kind]  # type: ignore[operator]

    assert {edit(original(text), Random(seed)) for seed in range(20)} == {None}


def test_false_ones_shown_and_true_ones_withheld_are_the_errors() -> None:
    """One of two changed numbers is shown, one of two spelled ones withheld: half of each is wrong."""
    changed = [
        Changed(kind=kind, original=f"{kind} {reason}", text="x", reason=reason)
        for kind in ("number", "number spelled")
        for reason in (None, "number_not_in_source")
    ]

    assert {kind: (figure.mean, figure.n) for kind, figure in shares(changed).items()} == {
        "number": (0.5, 2),
        "number spelled": (0.5, 2),
    }
    told = plain(changed)
    assert told["number"]["examples"] == [{"original": "number None", "changed": "x", "reason": None}]
    assert told["number spelled"]["examples"][0]["reason"] == "number_not_in_source"
    assert told["number"]["withheld_for"] == {"number_not_in_source": 1}
