"""Names on the command line become sources."""

import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote_to_bytes

import pytest

from domain.settings import IngestSettings
from ingest.display_names import displayed, displayed_address
from ingest.parsed import Metadata, RawSource, SkippedSource
from ingest.sources import discover

_SETTINGS = IngestSettings(max_source_bytes=1000)


def _found(*names: str | Path, declared: Metadata | None = None) -> list[RawSource | SkippedSource]:
    return list(discover([str(name) for name in names], declared=declared or Metadata(), settings=_SETTINGS))


def _reasons(*names: str | Path) -> list[str]:
    return [source.reason if isinstance(source, SkippedSource) else source.name for source in _found(*names)]


def _files(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)


def test_a_file_is_a_source_with_its_bytes(tmp_path: Path) -> None:
    path = tmp_path / "a report.txt"
    path.write_bytes(b"Rain.\r\n\xff")

    assert _found(path, declared=Metadata(publisher="Courier")) == [
        RawSource(
            uri=f"file://{tmp_path}/a%20report.txt",
            name="a report.txt",
            content=b"Rain.\r\n\xff",
            declared=Metadata(publisher="Courier"),
        )
    ]


def test_a_folder_is_read_in_order_with_its_subfolders(tmp_path: Path) -> None:
    _files(tmp_path, "b.txt", "a/z.txt", "a/b/c.txt", "c.pdf", "a.txt", "unknown.xyz")

    uris = [source.uri.removeprefix(f"file://{tmp_path}/") for source in _found(tmp_path)]

    assert uris == ["a/b/c.txt", "a/z.txt", "a.txt", "b.txt", "c.pdf", "unknown.xyz"]


def test_what_is_no_document_in_a_folder_is_left_out_in_silence(tmp_path: Path) -> None:
    """An installed package of samples has files of Python's own beside the documents."""
    _files(tmp_path, "a.txt", ".git/config", ".DS_Store", ".hidden.txt", "sub/.x/y.txt", "Thumbs.db", "~$report.docx")
    _files(tmp_path, "__init__.py", "__pycache__/a.pyc", "py.typed", "desktop.ini")

    assert _reasons(tmp_path) == ["a.txt"]


def test_a_hidden_file_or_folder_that_is_named_is_read(tmp_path: Path) -> None:
    _files(tmp_path, ".notes.txt", ".archive/a.txt")

    assert _reasons(tmp_path / ".notes.txt", tmp_path / ".archive") == [".notes.txt", "a.txt"]


def test_a_folder_without_documents_is_reported(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    _files(tmp_path, ".hidden")

    assert _reasons(tmp_path) == ["empty_folder"]


@pytest.mark.parametrize(
    "name",
    [
        *(
            "gone.txt",
            "gone/",
            "a.txt/b.txt",
            "",
            "a\0b",
            "x" * 4096,
            "x/" * 3000,
            "\ud800",
            "C:\\x",
            "CON",
            "-",
            "*.txt",
        ),
        *("../../../../../../../../etc/cron.d/gone", "~/gone", "\u202egpj.exe", "a\nb", " "),
    ],
    ids=lambda name: repr(name[:20]),
)
def test_a_name_that_leads_nowhere_is_reported(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _files(tmp_path, "a.txt")
    monkeypatch.chdir(tmp_path)

    (skipped,) = _found(name)

    assert isinstance(skipped, SkippedSource)
    assert skipped.reason == "not_found" or len(name) > 255
    assert skipped.message.isprintable()
    assert skipped.uri.isprintable()


def test_a_file_keeps_its_identity_wherever_the_command_is_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _files(tmp_path, "wire/a.txt", "other/b.txt")
    monkeypatch.chdir(tmp_path / "other")

    names = ("../wire/a.txt", "../wire", "./../other/../wire//a.txt", tmp_path / "wire", f"{tmp_path}/wire/./a.txt")

    assert {source.uri for source in _found(*names)} == {(tmp_path / "wire" / "a.txt").as_uri()}


def test_the_current_folder_can_be_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _files(tmp_path, "wire/a.txt")
    monkeypatch.chdir(tmp_path / "wire")

    assert [source.uri for source in _found(".", "../wire/..")] == [(tmp_path / "wire" / "a.txt").as_uri()] * 2


def test_a_file_is_known_by_the_same_uri_alone_and_in_its_folder(tmp_path: Path) -> None:
    """Also where the way to it leads through a linked folder."""
    _files(tmp_path, "real/a.txt")
    (tmp_path / "current").symlink_to("real")

    names = (tmp_path / "current", tmp_path / "current" / "a.txt", tmp_path / "real" / "a.txt")

    assert [source.uri for source in _found(*names)] == [(tmp_path / "real" / "a.txt").as_uri()] * 3


def test_a_link_that_is_named_keeps_its_own_name(tmp_path: Path) -> None:
    """What is read through `latest.txt` next month is a new version of it, not another document."""
    _files(tmp_path, "2025-02.txt")
    (tmp_path / "latest.txt").symlink_to("2025-02.txt")

    (source,) = _found(tmp_path / "latest.txt")

    assert isinstance(source, RawSource)
    assert (source.uri, source.content) == ((tmp_path / "latest.txt").as_uri(), b"2025-02.txt")


def test_a_file_over_the_limit_is_refused_and_one_at_the_limit_is_not(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"a" * 1000)
    (tmp_path / "b.txt").write_bytes(b"a" * 1001)

    assert _reasons(tmp_path) == ["a.txt", "too_large"]


def test_an_empty_file_is_left_to_the_parser(tmp_path: Path) -> None:
    (tmp_path / "a.txt").touch()

    assert _reasons(tmp_path) == ["a.txt"]


def test_a_file_name_that_is_not_utf8_is_read_and_can_be_printed(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"caf\xe9.txt")).write_text("Rain.")

    (source,) = _found(tmp_path)

    assert isinstance(source, RawSource)
    assert source.name == "caf\ufffd.txt"
    assert unquote_to_bytes(source.uri).endswith(b"caf\xe9.txt")


def test_files_of_lines_are_read_line_by_line(tmp_path: Path) -> None:
    """The file may be larger than a source; a line may not."""
    line = '{"doc_id": "%d", "text": "Rain in the hills."}\n'
    (tmp_path / "wire.JSONL").write_text("".join(line % number for number in range(100)))

    sources = _found(tmp_path)

    assert [source.uri.partition("#")[2] for source in sources] == [str(number) for number in range(100)]


def test_sources_are_found_one_at_a_time(tmp_path: Path) -> None:
    """What stands after the first source is not looked at before it is asked for."""
    _files(tmp_path, "a.txt", "b.txt")
    sources = discover([str(tmp_path), str(tmp_path / "later.txt")], declared=Metadata(), settings=_SETTINGS)
    assert isinstance(sources, Iterator)

    first = next(sources)
    (tmp_path / "b.txt").write_text("Changed.")
    _files(tmp_path, "later.txt")

    assert first.uri.endswith("a.txt")
    assert [source.content for source in sources if isinstance(source, RawSource)] == [b"Changed.", b"later.txt"]


def test_what_fails_does_not_keep_the_others_out(tmp_path: Path) -> None:
    _files(tmp_path, "a.txt", "b.txt")

    assert _reasons(tmp_path / "a.txt", tmp_path / "gone", "file:///etc/passwd", tmp_path / "b.txt") == [
        "a.txt",
        "not_found",
        "url_not_allowed",
        "b.txt",
    ]


def test_a_password_in_an_address_is_not_reported() -> None:
    (skipped,) = _found("https://editor:s3cret@example.org/a")

    assert "s3cret" not in repr(skipped)
    assert skipped.uri == "https://…@example.org/a"


def test_a_displayed_name_is_one_short_printable_line() -> None:
    assert displayed("a\nb\u202egpj.exe\x1b[31m\udcff\0") == "a\ufffdb\ufffdgpj.exe\ufffd[31m\ufffd\ufffd"
    assert len(displayed("x" * 4096)) == 200
    assert displayed("статья – ﷽.txt") == "статья – ﷽.txt"
    assert displayed_address("http://a:b@c/") == "http://…@c/"
