"""The page that people ask in, as HTML: its first state, and all of an answer where no script runs."""

from collections.abc import Mapping, Sequence, Sized
from dataclasses import dataclass, field
from datetime import date, datetime
from importlib.resources import files
from itertools import chain
from json import loads
from typing import Any, Final
from urllib.parse import urlencode

from jinja2 import Environment, FunctionLoader, StrictUndefined

from service.api.collections import PARAMETER
from service.api.static_files import FILES, url_of
from service.keys import MAIN
from service.receipts import STANDS

CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types"
)
"""Nothing of another origin, nothing inline, and no script can make markup of text: it shows the words of strangers."""

_WEB: Final = files("service").joinpath("web")
_WORDS: Final[dict[str, dict[str, str]]] = loads(FILES["words.json"].content)
_VIEWS: Final = ("ask.js", "record.js", "evaluation.js")
_PRELOADED: Final[dict[str, tuple[str, ...]]] = {
    "ask": tuple(sorted(name for name in FILES if name.endswith(".js") and name not in _VIEWS)),
    "record": ("api.js", "dom.js", "source.js", "dates.js"),
    "evaluation": ("api.js", "dom.js", "dates.js"),
}
_NOTHING_KNOWN: Final[dict[str, Any]] = {
    "documents": None,
    "newest": None,
    "publishers": (),
    "suggestions": (),
    "chat_model": None,
    "takes_documents": False,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What stands in the form; every field as it was sent, empty where it was not."""

    q: str = ""
    mode: str = ""
    as_of: str = ""
    from_: str = ""
    to: str = ""
    publisher: str = ""

    @property
    def is_limited(self) -> bool:
        """Whether a date, a publisher or a way of answering is chosen."""
        return any((self.mode, self.as_of, self.from_, self.to, self.publisher))


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What every page shows.

    Attributes:
        keys_required: Whether this server asks for keys; then nothing of the record is rendered here.
        overview: What the record holds, see `service.api.overview`; empty where that is not to be told.
        asked: What stands in the form.
        problem: Why what was asked cannot be done, for the reader; empty where it can.
        collection: Whose record it is.
    """

    keys_required: bool
    overview: Mapping[str, Any] = field(default_factory=dict)
    asked: Asked = field(default_factory=Asked)
    problem: str = ""
    collection: str = MAIN

    def address(self, path: str, **query: Any) -> str:
        """Return the address of a page of this collection."""
        named = {} if self.collection == MAIN else {PARAMETER: self.collection}
        written = urlencode({**query, **named})
        return f"{path}?{written}" if written else path


def ask_page(
    shown: Shown, *, answer: Mapping[str, Any] | None = None, standing: Sequence[Mapping[str, Any]] = ()
) -> str:
    """Return the page to ask in.

    Args:
        shown: What every page shows.
        answer: As JSON values, where there is one.
        standing: How its citations stand in the record as it now is, as JSON values; nothing where that is not told.
    """
    title = f"{answer['question']} – Dateline" if answer else "Dateline"
    is_asked = bool(answer or shown.problem)
    return _rendered("ask", shown, title=title, answer=answer, standing=standing, is_asked=is_asked)


def record_page(
    shown: Shown, *, documents: Sequence[Mapping[str, Any]] = (), total: int | None = None, more: str = ""
) -> str:
    """Return the list of documents.

    Args:
        shown: What every page shows.
        documents: As JSON values; `words` of one are those that were found in it.
        total: How many there are; unknown where words were searched for.
        more: Where the list goes on.
    """
    return _rendered(
        "record", shown, title="The record – Dateline", is_asked=False, documents=documents, total=total, more=more
    )


def evaluation_page(shown: Shown, *, runs: Sequence[Mapping[str, Any]] = (), run: str = "", base: str = "") -> str:
    """Return the list of runs of the evaluation.

    Args:
        shown: What every page shows.
        runs: As JSON values.
        run: Name of the one whose report is shown below; empty for none.
        base: Name of the one that it is held against; empty for none.
    """
    named = {one["name"]: one for one in runs if not one["fault"]}
    missing = next((name for name in (run, base) if name and name not in named), "")
    against = f"&{urlencode({'base': base})}" if base else ""
    report = f"{named[run]['url']}{against}" if run and not missing else ""
    return _rendered(
        "evaluation",
        shown,
        title="Evaluation – Dateline",
        is_asked=False,
        runs=runs,
        run=run,
        base=base,
        report=report,
        missing=missing,
    )


def cited_documents(answer: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the documents that an answer cites, in the order of time, undated ones last, each with its citations."""
    found: dict[str, dict[str, Any]] = {}
    for cited in _citations(answer):
        document = found.setdefault(cited["document_id"], {**cited, "citations": {}})
        document["citations"].setdefault(cited["mark"], cited)
    listed = [
        {**one, "citations": [one["citations"][mark] for mark in sorted(one["citations"])]} for one in found.values()
    ]
    return sorted(
        listed, key=lambda one: (one["published"] is None, one["published"] or "", one["citations"][0]["mark"])
    )


def made(answer: Mapping[str, Any]) -> str:
    """Return how an answer came about, in a sentence."""
    took = f"in {answer['trace']['timings_ms'].get('total', 0) / 1000:.1f} s"
    sources = counted(len(cited_documents(answer)), "document")
    match answer["kind"], answer["mode"]:
        case "answer", "extractive":
            return f"Quoted from {sources} {took}."
        case "answer", _:
            return f"Composed by {answer['trace']['model']} and checked against {sources}, {took}."
        case "refusal", _:
            return f"Searched {took}."
        case _:
            return f"Asked back {took}."


def still_stands(lost: int, quotes: int) -> str:
    """Return how many of an answer's quotes still stand, in a sentence."""
    if not lost:
        return f"Its {'quote stands' if quotes == 1 else 'quotes stand'} in the record as it is now."
    return f"The record has changed: {lost} of {counted(quotes, 'quote')} no longer stand{'s' if lost == 1 else ''}."


def scope_text(scope: Mapping[str, str | None]) -> str:
    """Return which documents an answer was sought in, empty for all: `as of 6 February 2025 · Meridian Wire`."""
    days = [(word, scope[name]) for word, name in (("as of", "as_of"), ("from", "from"), ("to", "to"))]
    said = [f"{word} {day(iso)}" for word, iso in days if iso]
    return " · ".join(filter(None, (*said, scope["publisher"])))


def counted(number: int | Sized, noun: str) -> str:
    """Return a number with its noun: `1 document`, `1,204 documents`."""
    count = number if isinstance(number, int) else len(number)
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def day(iso: str) -> str:
    """Return a day as people write it: `6 February 2025`."""
    when = date.fromisoformat(iso)
    return f"{when.day} {when:%B} {when.year}"


def moment(iso: str) -> str:
    """Return a time as people write it: `6 February 2025, 18:22`."""
    when = datetime.fromisoformat(iso)
    return f"{day(iso[:10])}, {when:%H:%M}"


def _citations(answer: Mapping[str, Any]) -> "chain[dict[str, Any]]":
    return chain(
        (cited for sentence in answer["sentences"] for cited in sentence["citations"]),
        (cited for one in answer["superseded"] for cited in (one["replaced"], one["by"])),
        (cited for conflict in answer["conflicts"] for side in conflict["sides"] for cited in side["citations"]),
    )


def _template(name: str) -> str:
    return _WEB.joinpath(name).read_text("utf-8")


_PAGES: Final = Environment(
    loader=FunctionLoader(_template),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)
_PAGES.filters |= {"counted": counted, "day": day, "moment": moment}
_PAGES.globals |= {
    "cited_documents": cited_documents,
    "made": made,
    "scope_text": scope_text,
    "stands": STANDS,
    "still_stands": still_stands,
    "url_of": url_of,
    "words": _WORDS,
}


def _rendered(view: str, shown: Shown, **more: Any) -> str:
    return _PAGES.get_template(f"{view}.html.j2").render(
        view=view,
        preloaded=_PRELOADED[view],
        keys_required=shown.keys_required,
        overview={**_NOTHING_KNOWN, **shown.overview},
        asked=shown.asked,
        problem=shown.problem,
        collection="" if shown.collection == MAIN else shown.collection,
        address=shown.address,
        **more,
    )
