"""Files of JSON lines: each line a document."""

import gzip
import io
import json
from collections.abc import Sequence
from datetime import date
from typing import Any

import pytest

from ingest.formats import Format, detect_format
from ingest.json_lines import documents_in
from ingest.parsed import Metadata, RawSource, SkippedSource


def _read(
    content: bytes, *, name: str = "wire.jsonl", declared: Metadata | None = None, longest: int = 10_000
) -> Sequence[RawSource | SkippedSource]:
    return list(
        documents_in(
            io.BytesIO(content),
            uri=f"file:///{name}",
            name=name,
            size=len(content),
            declared=declared or Metadata(),
            longest=longest,
        )
    )


def _line(**entry: Any) -> bytes:
    return json.dumps(entry).encode() + b"\n"


def _only(found: Sequence[RawSource | SkippedSource]) -> RawSource:
    (source,) = found
    assert isinstance(source, RawSource)
    return source


def _reasons(found: Sequence[RawSource | SkippedSource]) -> list[str]:
    return [source.reason if isinstance(source, SkippedSource) else "" for source in found]


def test_a_line_becomes_a_document_with_its_metadata() -> None:
    line = _line(
        doc_id="n/1",
        title="Port  opens\n",
        date="2025-02-06",
        source="Meridian Wire",
        place="TARROW",
        language="en-GB",
        url="https://example.org",
        text="The port opened.",
    )

    assert _only(_read(line)) == RawSource(
        uri="file:///wire.jsonl#n%2F1",
        name="wire.jsonl (n/1)",
        content=b"The port opened.",
        media_type="text/plain; charset=utf-8",
        declared=Metadata(
            title="Port opens",
            publisher="Meridian Wire",
            published=date(2025, 2, 6),
            place="TARROW",
            language="en",
        ),
    )


def test_published_and_publisher_are_stronger_than_date_and_source() -> None:
    line = _line(id=1, published="2025-02-06", date="2024-01-01", publisher="A", source="B", text="x")

    assert _only(_read(line)).declared == Metadata(publisher="A", published=date(2025, 2, 6))


def test_what_the_user_says_is_stronger_than_the_line() -> None:
    line = _line(id="1", title="Of the line", publisher="Of the line", text="x")

    declared = _only(_read(line, declared=Metadata(publisher="Of the user"))).declared

    assert declared == Metadata(title="Of the line", publisher="Of the user")


def test_a_line_without_an_id_keeps_its_identity_wherever_it_stands() -> None:
    """Another line before it, or another line end, changes nothing."""
    first = _only(_read(b'{"text": "Rain."}\n'))

    _, moved = _read(b'{"text": "Sun."}\r\n{"text": "Rain."}\r\n')

    assert first.uri == moved.uri
    assert first.uri.startswith("file:///wire.jsonl#sha256-")


def test_blank_lines_and_a_byte_order_mark_are_no_lines() -> None:
    assert _only(_read(b"\xef\xbb\xbf" + _line(id="a", text="Rain.") + b"\n  \r\n")).content == b"Rain."


@pytest.mark.parametrize(
    "line",
    [
        b'{"text": "cut',
        b"not json",
        b'["a list"]',
        b'"a string"',
        b"17",
        b"null",
        b'{"title": "no text"}',
        b'{"text": null}',
        b'{"text": ["a"]}',
        b"[" * 200_000,
        b'{"a":' * 100_000,
        b'{"text": "x", "n": ' + b"9" * 10_000 + b"}",
        b'{"text": "\xff\xfe"}',
        '{"text": "x"}'.encode("utf-16"),
        b'{"text": "\xed\xa0\x80"}',
        b"\x00\x01\x02",
        b'{"text": "x", "id": "' + b"i" * 501 + b'"}',
    ],
    ids=lambda line: line[:12],
)
def test_a_broken_line_is_reported_and_the_others_are_read(line: bytes) -> None:
    before, broken, after = _read(
        _line(id="a", text="Rain.") + line.replace(b"\n", b" ") + b"\n" + _line(id="b", text="Sun."), longest=10**6
    )

    assert isinstance(broken, SkippedSource)
    assert (broken.uri, broken.reason) == ("file:///wire.jsonl#line=2", "bad_line")
    assert "Line 2 of 'wire.jsonl'" in broken.message
    assert [before.uri, after.uri] == ["file:///wire.jsonl#a", "file:///wire.jsonl#b"]


def test_lone_surrogates_are_replaced_in_text_and_kept_apart_in_ids() -> None:
    r"""JSON can say \ud800, which no text can hold."""
    one, other = _read(
        b'{"id": "\\ud800", "title": "a\\udfff", "text": "Rain \\ud83d\\ude00 \\ud800."}\n'
        b'{"id": "\\ud801", "text": "Sun."}\n'
    )

    assert isinstance(one, RawSource)
    assert one.content.decode() == "Rain \U0001f600 \ufffd."
    assert one.declared.title == "a\ufffd"
    assert one.name.isprintable()
    assert one.uri.isascii()
    assert one.uri != other.uri


def test_an_id_that_looks_like_a_file_name_does_not_name_a_format() -> None:
    source = _only(_read(_line(id="story.pdf", text="Rain.")))

    assert detect_format(source).format is Format.TEXT


def test_values_of_another_type_are_unknown() -> None:
    line = _line(id=True, title=7, publisher=["A"], published=20250206, place={}, language="English", text="x")

    source = _only(_read(line))

    assert source.declared == Metadata()
    assert "#sha256-" in source.uri


@pytest.mark.parametrize(
    ("written", "day"),
    [
        ("2025-02-06", date(2025, 2, 6)),
        (" 2025-02-06T23:30:00-08:00 ", date(2025, 2, 6)),
        ("2025-02-06 10:00", date(2025, 2, 6)),
        ("20250206", date(2025, 2, 6)),
        ("2025/02/06", date(2025, 2, 6)),
        ("6 February 2025", date(2025, 2, 6)),
        ("Feb 6, 2025", date(2025, 2, 6)),
        ("Thu, 06 Feb 2025 10:00:00 +0000", date(2025, 2, 6)),
    ],
)
def test_days_are_taken_as_written(written: str, day: date) -> None:
    assert _only(_read(_line(date=written, text="x"))).declared.published == day


@pytest.mark.parametrize(
    "written",
    [
        *("2025-02-30", "2025-13-01", "0001-01-01T00:00:00", "06/02/2025", "2025", "2025-02", "February 2025"),
        *("yesterday", "", "2025-W06-4", "99999-01-01", None, 1738800000, True, []),
    ],
)
def test_an_uncertain_day_is_unknown(written: object) -> None:
    """A wrong date is worse than none, since answers are filtered by it."""
    assert _only(_read(_line(date=written, text="x"))).declared.published is None


def test_a_line_that_is_too_long_is_left_out_and_the_next_is_read() -> None:
    lines = _line(id="long", text="a" * 500) + _line(id="b", text="Sun.") + b'{"text": "' + b"a" * 500

    found = _read(lines, longest=100)

    assert _reasons(found) == ["too_large", "", "too_large"]
    assert [source.uri.partition("#")[2] for source in found] == ["line=1", "b", "line=3"]


def test_a_line_of_exactly_the_limit_is_read() -> None:
    line = _line(id="a", text="Rain.")

    assert _reasons(_read(line, longest=len(line) - 1)) == [""]
    assert _reasons(_read(line.rstrip(), longest=len(line) - 1)) == [""]
    assert _reasons(_read(line, longest=len(line) - 2)) == ["too_large"]


def test_a_compressed_file_is_read_as_its_lines() -> None:
    content = gzip.compress(_line(id="a", text="Rain.") + _line(id="b", text="Sun."))

    assert [source.uri for source in _read(content, name="wire.jsonl.gz")] == [
        "file:///wire.jsonl.gz#a",
        "file:///wire.jsonl.gz#b",
    ]


def test_a_file_that_inflates_beyond_measure_is_stopped() -> None:
    assert _reasons(_read(gzip.compress(b"\n" * 10_000_000), name="bomb.jsonl.gz")) == ["too_large"]
    assert "too_large" in _reasons(_read(gzip.compress(bytes(10_000_000)), name="bomb.jsonl.gz"))


@pytest.mark.parametrize(
    "content",
    [gzip.compress(_line(id="a", text="x" * 999))[:-12], b"not gzip", gzip.compress(b"x")[:4] + b"\xff" * 20],
    ids=["cut", "other", "damaged"],
)
def test_a_damaged_compressed_file_is_reported(content: bytes) -> None:
    assert _reasons(_read(content, name="wire.jsonl.gz"))[-1] == "damaged_file"


def test_a_file_without_lines_is_reported() -> None:
    assert _reasons(_read(b"")) == ["no_text"]
    assert _reasons(_read(b"\n\n")) == ["no_text"]
