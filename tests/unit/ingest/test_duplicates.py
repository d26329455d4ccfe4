"""Near copies, and what is never one."""

import random
from datetime import date

import pytest

from domain.corpus import Document, DocumentHeader
from ingest.duplicates import NearCopy, NearDuplicates, figures_of, signature_of

_STORY = (
    "The river rose again on Monday and flooded the lower town, where 87 families had to leave their homes before "
    "night fell. The mayor thanked the neighbours who had brought boats, and asked the ministry for tents, blankets "
    "and clean water. Schools in the valley stay closed until the water falls, the council decided after a long "
    "meeting in the old market hall."
)


def _signature(text: str, published: date | None = None) -> bytes:
    header = DocumentHeader(
        document_id="doc_1", version=1, content_sha256="0", source_uri="file:///a.txt", published=published
    )
    return signature_of(Document(header=header, text=text))


def _search(*known: tuple[str, str], threshold: float = 0.85) -> NearDuplicates:
    return NearDuplicates(threshold=threshold, signatures=[(name, _signature(text)) for name, text in known])


def test_a_story_with_a_changed_word_is_a_near_copy() -> None:
    """One word of many may differ; the similarity is kept."""
    found = _search(("doc_a", _STORY)).nearest(_signature(_STORY.replace("old market", "new market")), besides="doc_b")
    assert found is not None
    assert (found.document_id, 0.85 <= found.similarity < 1) == ("doc_a", True)


@pytest.mark.parametrize(
    ("old", "new"), [("87", "85"), ("on Monday", "on Tuesday"), ("had to", "had not to"), ("had to", "hadn't to")]
)
def test_a_changed_figure_makes_another_document(old: str, new: str) -> None:
    """A corrected number, a moved day and a negation are content, however alike the rest is."""
    changed = _STORY.replace(old, new)
    assert _search(("doc_a", _STORY), threshold=0.5).nearest(_signature(changed), besides="doc_b") is None


def test_datelines_of_the_same_day_do_not_keep_copies_apart() -> None:
    """Agencies write the day of publication in their own ways above the same story."""
    day = date(2025, 2, 6)
    one = _signature(f"LAHORE, Feb. 6 (Wire) -- {_STORY}", day)
    other = _signature(f"2025-02-06 LAHORE (Press Desk, 6th Feb, 2025) {_STORY}", day)
    search = NearDuplicates(threshold=0.8, signatures=[("doc_a", one)])
    found = search.nearest(other, besides="doc_b")
    assert found is not None
    assert found.document_id == "doc_a"


def test_only_the_day_of_publication_is_left_out_of_the_figures() -> None:
    """Other dates, and numbers that equal a part of the day, stay."""
    assert figures_of("Feb. 6: 6 of 1,200 men left on 7 February, not six.", published=date(2025, 2, 6)) == (
        "1200",
        "6",
        "7",
        "february",
        "not",
        "six",
    )


def test_short_texts_are_never_near_copies() -> None:
    """Fewer than twenty words have no signature."""
    assert _signature("The road is closed. " * 4) == b""
    assert _search(("doc_a", "The road is closed.")).nearest(b"", besides="doc_b") is None


def test_a_document_is_no_copy_of_its_own_earlier_version() -> None:
    """The document itself is left out of the search."""
    assert _search(("doc_a", _STORY)).nearest(_signature(_STORY), besides="doc_a") is None


def test_discarded_originals_are_not_found() -> None:
    """An original that got a new version no longer has copies of the old one."""
    search = _search(("doc_a", _STORY))
    search.discard("doc_a")
    assert search.nearest(_signature(_STORY), besides="doc_b") is None


def test_the_first_ingested_of_equals_is_the_original() -> None:
    """The order of ingestion breaks ties."""
    search = _search(("doc_z", _STORY), ("doc_a", _STORY))
    assert search.nearest(_signature(_STORY), besides="doc_b") == NearCopy(document_id="doc_z", similarity=1.0)


def test_signatures_made_in_another_way_are_ignored() -> None:
    """An unknown tag is not compared, so that an upgrade finds fewer copies and not false ones."""
    foreign = b"\x00\x00" + _signature(_STORY)[2:]
    assert (
        NearDuplicates(threshold=0.5, signatures=[("doc_a", foreign)]).nearest(_signature(_STORY), besides="b") is None
    )


def test_copies_are_found_among_thousands_before_and_after_merging() -> None:
    """Every exact repetition among five thousand distinct texts is found, and nothing else."""
    chance = random.Random(7)
    words = [f"word{chance.randrange(10**9)}x" for _ in range(3000)]
    texts = [" ".join(chance.choices(words, k=30)) for _ in range(5000)]
    search = _search(*((f"doc_{at}", text) for at, text in enumerate(texts)))
    sample = range(0, 5000, 97)
    found = [search.nearest(_signature(texts[at]), besides="") for at in sample]
    assert found == [NearCopy(document_id=f"doc_{at}", similarity=1.0) for at in sample]
    assert search.nearest(_signature(" ".join(chance.choices(words, k=30))), besides="") is None
