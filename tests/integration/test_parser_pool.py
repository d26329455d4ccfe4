"""Parser processes that hang, swell, crash or are killed, and the documents after them."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
import zlib
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from domain.errors import IngestError
from domain.settings import IngestSettings
from ingest.parsed import Metadata, RawSource
from ingest.parser_pool import ParserPool

_ROOT = Path(__file__).resolve().parents[2]


def _source(content: bytes, name: str = "story.txt") -> RawSource:
    return RawSource(uri=f"upload:{name}", name=name, content=content)


def _reason(pool: ParserPool, content: bytes, name: str = "story.txt") -> str:
    with pytest.raises(IngestError) as caught:
        pool.parse(_source(content, name))
    assert repr(name) in caught.value.message
    assert caught.value.hint
    return caught.value.reason


def _children(pool: ParserPool) -> list[int]:
    return [child._process.pid for child in pool._idle]


@pytest.fixture
def pool() -> Iterator[ParserPool]:
    with ParserPool(IngestSettings()) as opened:
        yield opened


@pytest.fixture
def misbehaving(tmp_path: Path) -> Iterator[ParserPool]:
    """A pool whose reader does what a source's words say, as a library that a document exploits would."""
    script = tmp_path / "child.py"
    script.write_text(
        textwrap.dedent("""
            import os, signal, sys, time
            sys.path.insert(0, os.getcwd())
            from domain.errors import IngestError
            from ingest.parsed import Metadata, ParsedDocument
            from ingest.parser_child import serve

            kept = []

            def read(source):
                words = source.content.decode()
                match words.split()[0]:
                    case "hang": time.sleep(600)
                    case "crash": os.kill(os.getpid(), signal.SIGSEGV)
                    case "swell": kept.append(bytearray(1 << 40))
                    case "leak":
                        kept.append(bytearray(100 << 20))
                    case "print": print("noise", flush=True); os.write(1, b"noise")
                    case "recurse": read(source)
                    case "bug": raise KeyError("x")
                    case "lie": os.write(4, b"\\x00" * 12 + b"more"); time.sleep(600)
                    case "connect":
                        import socket
                        socket.create_connection(("192.0.2.1", 80))
                    case "run":
                        import subprocess
                        subprocess.run(["true"])
                    case "environment": words = " ".join(sorted(os.environ))
                return (ParsedDocument(text=words, metadata=Metadata(), media_type="text/plain"),)

            serve(read, memory_mb=int(sys.argv[1]), timeout_s=float(sys.argv[2]))
        """)
    )
    settings = IngestSettings(parser_timeout_s=3, parser_memory_mb=256)
    with ParserPool(settings, command=(sys.executable, str(script))) as opened:
        yield opened


def test_a_document_comes_back_whole(pool: ParserPool) -> None:
    """Text, metadata and notes cross the pipe unchanged, whatever characters they hold."""
    content = "LYSK, 6 March 2025 (Halyard) – The “bridge” 🌉 opened.\x00\n\nÖ.".encode()
    (document,) = pool.parse(_source(content))
    assert document.text == "LYSK, 6 March 2025 (Halyard) – The “bridge” 🌉 opened.\n\nÖ."
    assert document.metadata == Metadata(place="LYSK", publisher="Halyard", published=date(2025, 3, 6))
    assert (document.notes, document.media_type) == (("1 NUL character removed",), "text/plain")


def test_several_documents_of_one_source_come_back(pool: ParserPool) -> None:
    """Each with its own text."""
    entries = "".join(f"<item><guid>{at}</guid><description>Words {at} ö</description></item>" for at in range(50))
    documents = pool.parse(_source(f"<rss version='2.0'><channel>{entries}</channel></rss>".encode(), "feed.xml"))
    assert [(document.key, document.text) for document in documents] == [(f"{at}", f"Words {at} ö") for at in range(50)]


def test_a_process_is_started_when_needed_and_reused(pool: ParserPool) -> None:
    """Thousands of small files do not start thousands of processes."""
    assert _children(pool) == []
    pool.parse(_source(b"One."))
    first = _children(pool)
    for number in range(50):
        pool.parse(_source(b"Number %d." % number))
    assert (_children(pool), len(first)) == (first, 1)


def test_large_sources_pass_in_both_directions(pool: ParserPool) -> None:
    """Neither side waits for the other while pipes are full."""
    content = b"word " * 3_000_000
    assert pool.parse(_source(content))[0].text.encode() == content


def test_a_source_over_the_limit_is_not_even_sent() -> None:
    """The size is checked before anything is started."""
    with ParserPool(IngestSettings(max_source_bytes=10)) as pool:
        assert _reason(pool, b"more than ten bytes") == "too_large"
        assert _children(pool) == []


def test_the_readers_own_reasons_come_through(pool: ParserPool) -> None:
    """A refusal costs no process."""
    assert _reason(pool, b"") == "empty_source"
    assert _reason(pool, b"%PDF-1.7\nno", "a.pdf") == "damaged_file"
    assert len(_children(pool)) == 1


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("hang", "parser_timeout"),
        ("crash", "parser_crashed"),
        ("swell", "parser_memory"),
        ("recurse", "too_deep"),
        ("bug", "parser_failed"),
        ("lie", "parser_crashed"),
        ("connect", "parser_failed"),
        ("run", "parser_failed"),
    ],
)
def test_what_a_document_does_to_its_parser_harms_nothing_else(
    misbehaving: ParserPool, words: str, reason: str
) -> None:
    """It is refused with a reason, and the next document is read."""
    assert _reason(misbehaving, words.encode()) == reason
    assert misbehaving.parse(_source(b"well"))[0].text == "well"
    assert len(_children(misbehaving)) == 1


def test_a_library_that_crashes_for_want_of_memory_is_told_from_others() -> None:
    """It ends like any crash, but with its memory full; asked from a small parent, whose own use counts too."""
    child = (
        "import os, sys; sys.path.insert(0, os.getcwd()); from ingest.parser_child import serve; "
        "serve(lambda source: (b'x' * (230 << 20), os.abort()), memory_mb=int(sys.argv[1]), timeout_s=60)"
    )
    script = (
        "import sys\nfrom domain.errors import IngestError\nfrom domain.settings import IngestSettings\n"
        "from ingest.parsed import RawSource\nfrom ingest.parser_pool import ParserPool\n"
        f"pool = ParserPool(IngestSettings(parser_memory_mb=256), command=(sys.executable, '-c', {child!r}))\n"
        "try: pool.parse(RawSource(uri='upload:a', name='a.txt', content=b'One.'))\n"
        "except IngestError as error: print(error.reason)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=_ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "parser_memory"


def test_a_document_is_not_blamed_for_those_before_it(misbehaving: ParserPool) -> None:
    """When memory is full of what earlier documents left, a fresh process reads the next one."""
    for _ in range(5):
        assert misbehaving.parse(_source(b"leak"))[0].text == "leak"


def test_a_process_killed_from_outside_is_replaced(pool: ParserPool) -> None:
    """Somebody ends an idle process; the next document does not notice."""
    pool.parse(_source(b"One."))
    (child,) = _children(pool)
    os.kill(child, signal.SIGKILL)
    assert pool.parse(_source(b"Two."))[0].text == "Two."
    assert _children(pool) != [child]


def test_what_libraries_print_does_not_get_into_the_answer(misbehaving: ParserPool) -> None:
    """Standard output belongs to nobody in a parser process."""
    assert misbehaving.parse(_source(b"print"))[0].text == "print"


def test_keys_of_this_process_are_not_handed_down(misbehaving: ParserPool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A document that takes over its parser finds no secrets there."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-canary")
    monkeypatch.setenv("DATELINE_CHAT__API_KEY", "sk-canary")
    names = misbehaving.parse(_source(b"environment"))[0].text.split()
    assert [name for name in names if "KEY" in name or name.startswith("DATELINE")] == []


def test_threads_parse_side_by_side(misbehaving: ParserPool) -> None:
    """One that hangs does not keep the others waiting, and each gets its own answer."""
    found: dict[int, str] = {}

    def parse(number: int) -> None:
        found[number] = misbehaving.parse(_source(b"number %d" % number))[0].text

    threads = [threading.Thread(target=parse, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {number: f"number {number}" for number in range(6)}


def test_closing_ends_the_processes() -> None:
    """Nothing is left running, and a closed pool can be used again."""
    pool = ParserPool(IngestSettings())
    pool.parse(_source(b"One."))
    (child,) = _children(pool)
    pool.close()
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)
    assert pool.parse(_source(b"Two."))[0].text == "Two."
    pool.close()


def test_a_parser_that_cannot_start_is_named(tmp_path: Path) -> None:
    """The installation is at fault, not the document."""
    with (
        ParserPool(IngestSettings(), command=(sys.executable, "-c", "raise SystemExit(3)")) as pool,
        pytest.raises(IngestError, match=r"did not start.*status 3") as caught,
    ):
        pool.parse(_source(b"One."))
    assert caught.value.reason == "parser_unavailable"


def test_a_killed_parent_leaves_no_process_behind(tmp_path: Path) -> None:
    """The parser ends when its input does, even if nobody could tell it to."""
    script = (
        "import os, time\nfrom domain.settings import IngestSettings\nfrom ingest.parsed import RawSource\n"
        "from ingest.parser_pool import ParserPool\npool = ParserPool(IngestSettings())\n"
        "pool.parse(RawSource(uri='upload:a', name='a.txt', content=b'One.'))\n"
        "print(pool._idle[0]._process.pid, flush=True)\ntime.sleep(600)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], cwd=_ROOT, stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    parent.stdout.close()
    for _ in range(500):
        if not _is_running(child):
            break
        time.sleep(0.02)
    assert not _is_running(child)


def test_it_works_from_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pool: ParserPool) -> None:
    """The child finds the packages wherever the command is run; a module that lies there is not taken for ours."""
    (tmp_path / "ingest").mkdir()
    (tmp_path / "ingest" / "__init__.py").write_text("raise RuntimeError('not ours')")
    monkeypatch.chdir(tmp_path)
    assert pool.parse(_source(b"One."))[0].text == "One."


# Bombs


def test_a_page_of_endless_elements_ends_within_limits() -> None:
    """200,000 nested elements, and as many beside each other."""
    with ParserPool(IngestSettings(parser_memory_mb=256, parser_timeout_s=20)) as pool:
        assert _reason(pool, b"<html><body>" + b"<div>" * 200_000 + b"deep", "bomb.html") == "too_deep"
        assert _reason(pool, b"<html><body>" + b"<a b=c>" * 3_000_000, "wide.html") in {"parser_memory", "too_deep"}
        assert _reason(pool, b"word " * 5_000_000, "long.txt") == "too_large"
        assert pool.parse(_source(b"One."))[0].text == "One."


def test_a_pdf_that_inflates_without_end_ends_within_limits() -> None:
    """A file of a few kilobytes unpacks to gigabytes; its process ends and the next file is read."""
    content = _pdf_bomb(megabytes=4000)
    assert len(content) < 100_000
    with ParserPool(IngestSettings(parser_memory_mb=256, parser_timeout_s=20)) as pool:
        assert _reason(pool, content, "bomb.pdf") in {"parser_memory", "parser_crashed", "parser_timeout", "no_text"}
        assert pool.parse(_source(b"One."))[0].text == "One."


def _pdf_bomb(megabytes: int) -> bytes:
    block = b" " * (1 << 20)
    packer = zlib.compressobj(9)
    first = packer.compress(block) + packer.flush(zlib.Z_FULL_FLUSH)
    repeated = packer.compress(block) + packer.flush(zlib.Z_FULL_FLUSH)  # Independent of what precedes it.
    stream = zlib.compress(first + repeated * (megabytes - 1) + b"\x03\x00", 9)
    objects = (
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Contents 4 0 R>>",
        b"<</Length %d/Filter[/FlateDecode/FlateDecode]>>stream\n%s\nendstream" % (len(stream), stream),
    )
    body = b"".join(b"%d 0 obj\n%s\nendobj\n" % (number, entry) for number, entry in enumerate(objects, 1))
    return b"%PDF-1.4\n" + body + b"trailer<</Size 5/Root 1 0 R>>\n%%EOF"


def _is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
