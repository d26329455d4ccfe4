from pathlib import Path

import pytest

from domain.errors import StorageError
from retriever.generations import Generations, Manifest

MANIFEST = Manifest(format=1, encoder_id="e", dimensions=3, chromadb="1", tantivy="0")


def names(root: Path) -> list[str]:
    return sorted(folder.name for folder in root.glob("gen-*"))


def test_a_new_generation_is_not_in_use_before_the_switch(tmp_path: Path) -> None:
    """The pointer moves with the switch and not before."""
    generations = Generations(tmp_path)
    generation = generations.create()
    before = generations.current()

    generations.switch(generation, MANIFEST)

    assert (before, generations.current()) == (None, generation)


def test_numbers_are_never_used_twice(tmp_path: Path) -> None:
    """A generation that a killed rebuild left is skipped: a live client may still know its path."""
    generations = Generations(tmp_path)
    generations.create()

    assert generations.create().number == 2


def test_others_are_removed_with_what_killed_rebuilds_left(tmp_path: Path) -> None:
    """Only the generation to keep stays, and files that are no generation are left alone."""
    generations = Generations(tmp_path)
    for _ in range(3):
        kept = generations.create()
    (tmp_path / "notes").mkdir()

    generations.remove_others(kept)

    assert (names(tmp_path), (tmp_path / "notes").exists()) == (["gen-3"], True)


@pytest.mark.parametrize("pointer", ["", "gen-9", "../elsewhere", "gen-1/../..", "\x00", "gen-x"])
def test_a_pointer_that_leads_nowhere_is_no_generation(tmp_path: Path, pointer: str) -> None:
    """A torn or foreign pointer means that there is no index, never a path outside the folder."""
    generations = Generations(tmp_path)
    generations.create()
    (tmp_path / "current").write_text(pointer)

    assert generations.current() is None


def test_a_sound_generation_has_no_fault(tmp_path: Path) -> None:
    """The manifest that was written is the one that is wanted."""
    generations = Generations(tmp_path)
    generation = generations.create()
    generations.switch(generation, MANIFEST)

    assert generations.fault(generation, MANIFEST) is None


def test_a_bloated_link_list_is_a_fault(tmp_path: Path) -> None:
    """Link lists far larger than the vectors are the mark of a kill; the folder must not be opened."""
    generations = Generations(tmp_path)
    generation = generations.create()
    generations.switch(generation, MANIFEST)
    segment = generation.chroma / "segment"
    segment.mkdir(parents=True)
    (segment / "data_level0.bin").write_bytes(b"0" * 1000)
    with (segment / "link_lists.bin").open("wb") as links:
        links.truncate(400_000_000_000)  # A hole: it takes no room.

    assert generations.fault(generation, MANIFEST) == (
        "link_lists.bin claims 400000000000 bytes beside 1000 bytes of vectors"
    )


@pytest.mark.parametrize(
    "other",
    [
        Manifest(format=2, encoder_id="e", dimensions=3, chromadb="1", tantivy="0"),
        Manifest(format=1, encoder_id="f", dimensions=3, chromadb="1", tantivy="0"),
        Manifest(format=1, encoder_id="e", dimensions=3, chromadb="2", tantivy="0"),
    ],
)
def test_another_version_or_encoder_is_a_fault(tmp_path: Path, other: Manifest) -> None:
    """An index is rebuilt rather than migrated."""
    generations = Generations(tmp_path)
    generation = generations.create()
    generations.switch(generation, MANIFEST)

    assert generations.fault(generation, other) == "it was made by another version or for another encoder"


def test_no_room_is_a_storage_error(tmp_path: Path) -> None:
    """A folder that cannot be made is reported as ours, with what to do."""
    (tmp_path / "index").write_text("a file where the folder should be")

    with pytest.raises(StorageError, match="cannot be written"):
        Generations(tmp_path / "index").create()
