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
        ("Velmark released the film on 6 June.", "Velmark will release the film on 6 June."),
        ("The summit was held in Torval.", "The summit will be held in Torval."),
        ("The Onse won the vote.", "The Onse is set to win the vote."),
        ("Velmark closed the mine.", "Velmark said that it would close the mine."),
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
        ("Velmark releases the film on 6 June.", "Velmark will release the film on 6 June."),
        ("Velmark is releasing the film.", "Velmark will release the film."),
        ("The summit held in Torval ended.", "The summit that is to be held in Torval will end; it ended."),
        ("The summit ended.", "The summit, which will be held again, ended."),
    ],
)
def test_what_is_as_sure_as_its_source_does_not_differ(sentence: str, source: str) -> None:
    """Another word of the kind, something else governed, said plainly as well, the present for what is ahead, Will."""
    assert not modality_differs(sentence, source)


def test_a_marker_governs_the_words_behind_it() -> None:
    """The second half is decided and the first is not; exchanging them is found although all words are there."""
    source = "Velmark may close the mine, and the council will sell the quay."

    assert not modality_differs("The council will sell the quay.", source)
    assert modality_differs("Velmark will close the mine.", source)
