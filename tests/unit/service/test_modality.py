import pytest

from service.answering.modality import modality_differs


@pytest.mark.parametrize(
    ("sentence", "source"),
    [
        ("The two sides agreed on a port.", "The two sides agreed to discuss a port."),
        ("The two sides agreed on a ceasefire.", "The two sides called for a ceasefire."),
        ("Velmark will close the mine.", "Velmark may close the mine."),
        ("Velmark will close the mine.", "Velmark plans to close the mine."),
        ("The mayor stole the funds.", "The mayor allegedly stole the funds."),
        ("The council decided on a tax.", "The council proposed a tax."),
        ("The crew rescued the sailors.", "The crew tried to rescue the sailors."),
        ("Velmark closed the mine.", "Velmark threatened to close the mine."),
        ("The mine might close.", "The mine closes."),
    ],
)
def test_what_is_open_is_not_told_as_done(sentence: str, source: str) -> None:
    """A marker goes, comes, or becomes one of another kind."""
    assert modality_differs(sentence, source)


@pytest.mark.parametrize(
    ("sentence", "source"),
    [
        ("Velmark intends to close the mine.", "Velmark plans to close the mine."),
        ("Velmark might close the mine.", "Velmark could close the mine."),
        ("Velmark is able to close the mine.", "Velmark could close the mine."),
        ("The port was built.", "The port was built, and a second one may follow."),
        ("The council sold the quay.", "As soon as it may, the council sold the quay."),
        ("Velmark and Onse run a port.", "Velmark and Onse agreed to run a port."),
        ("The mine closed.", "Velmark had planned to close the mine, and the mine closed."),
        ("The treaty was signed on 8 May.", "On 8 May the treaty was signed."),
        ("Will Brandvold opened the port.", "The port was opened by Will Brandvold."),
        ("Reportedly the mine closed.", "The mine reportedly closed."),
    ],
)
def test_what_is_as_sure_as_its_source_does_not_differ(sentence: str, source: str) -> None:
    """Another word of the kind, a marker over something else, something also said plainly, May and Will as names."""
    assert not modality_differs(sentence, source)


def test_a_marker_governs_the_words_behind_it() -> None:
    """The second half is decided and the first is not; exchanging them is found although all words are there."""
    source = "Velmark may close the mine, and the council will sell the quay."

    assert not modality_differs("The council will sell the quay.", source)
    assert modality_differs("Velmark will close the mine.", source)
