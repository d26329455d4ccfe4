"""What a web page says of itself in its head: meta elements, JSON-LD, and dates marked up as such."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from htmldate import find_date
from lxml.html import HtmlElement  # type: ignore[import-untyped]  # lxml ships no types

from ingest.cleaning import clean_line
from ingest.dates import ReadDate, dates_in, read_date
from ingest.headers import language_code
from ingest.parsed import Metadata

# Strongest first. Dates of change are not among them: an amended page was still published when it was published.
_TITLES = ("og:title", "twitter:title", "citation_title", "dc.title", "dcterms.title")
_PUBLISHERS = (
    "og:site_name",
    "citation_publisher",
    "dc.publisher",
    "dcterms.publisher",
    "publisher",
    "application-name",
)
_DATES = (
    "article:published_time",
    "og:article:published_time",
    "datepublished",
    "citation_publication_date",
    "parsely-pub-date",
    "sailthru.date",
    "dc.date.issued",
    "dcterms.issued",
    "dcterms.created",
    "dc.date.created",
    "dc.date",
    "dcterms.date",
    "pubdate",
    "publishdate",
    "publish-date",
    "publication_date",
    "date",
)
_PLACES = ("dateline", "geo.placename")
_SITE_SEPARATOR = re.compile(r"\s+(?:[|–—»·-]|::)\s+")
_MAX_JSON_CHARS = 1_000_000
_MAX_SEARCHED_CHARS = 2_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class PageMetadata:
    """What a page says of itself, and dates that could not be understood."""

    metadata: Metadata
    notes: tuple[str, ...] = ()


def page_metadata(tree: HtmlElement, html: str) -> PageMetadata:
    """Return what the page's own markup says.

    Args:
        tree: The page.
        html: The page as text; a date that only guessing finds must be written in it.
    """
    metas = _metas(tree)
    articles = list(_articles(tree))
    publisher = _first(metas, _PUBLISHERS) or _from_articles(
        articles, ("publisher", "name"), ("sourceOrganization", "name")
    )
    day = _published(tree, html, metas, articles)
    return PageMetadata(
        metadata=Metadata(
            title=_title(tree, metas, articles, publisher),
            publisher=publisher,
            published=day.value,
            place=_first(metas, _PLACES)
            or _from_articles(articles, ("dateline",), ("locationCreated", "name"), ("contentLocation", "name")),
            language=language_code(tree.get("lang") or tree.get("{http://www.w3.org/XML/1998/namespace}lang"))
            or language_code(metas.get("og:locale") or metas.get("content-language")),
        ),
        notes=(day.note,) if day.note else (),
    )


def _metas(tree: HtmlElement) -> dict[str, str]:
    found: dict[str, str] = {}
    for meta in tree.iter("meta"):
        name = meta.get("property") or meta.get("name") or meta.get("itemprop") or meta.get("http-equiv")
        content = meta.get("content")
        if name and content and content.strip():
            found.setdefault(name.strip().lower(), content)
    return found


def _first(metas: dict[str, str], names: tuple[str, ...]) -> str | None:
    return next((value for name in names if (value := clean_line(metas.get(name)))), None)


def _articles(tree: HtmlElement) -> Iterator[dict[str, Any]]:
    """Yield the JSON-LD objects that describe a written work, in the order of the page."""
    for script in tree.iter("script"):
        if (script.get("type") or "").partition(";")[0].strip().lower() != "application/ld+json":
            continue
        try:
            described = json.loads((script.text or "")[:_MAX_JSON_CHARS])
        except (ValueError, RecursionError):
            continue
        for entry in _objects(described):
            kinds = entry.get("@type")
            names = kinds if isinstance(kinds, list) else [kinds]
            if any(
                isinstance(name, str) and re.search(r"Article|Posting|Report|Release|WebPage$", name) for name in names
            ):
                yield entry


def _objects(described: Any) -> Iterator[dict[str, Any]]:
    if isinstance(described, list):
        for entry in described:
            yield from _objects(entry)
    elif isinstance(described, dict):
        yield described
        yield from _objects(described.get("@graph", []))


def _from_articles(articles: list[dict[str, Any]], *paths: tuple[str, ...]) -> str | None:
    for path in paths:
        for article in articles:
            value: Any = article
            for key in path:
                value = value[0] if isinstance(value, list) and value else value
                value = value.get(key) if isinstance(value, dict) else value if key == "name" else None
            if isinstance(value, str) and (line := clean_line(value)):
                return line
    return None


def _title(
    tree: HtmlElement, metas: dict[str, str], articles: list[dict[str, Any]], publisher: str | None
) -> str | None:
    stated = _first(metas, _TITLES) or _from_articles(articles, ("headline",))
    if stated is not None:
        return stated
    headings = list(tree.iter("h1"))
    if len(headings) == 1 and (heading := clean_line(headings[0].text_content())):
        return heading
    element = tree.find(".//head/title")
    title = clean_line(element.text_content()) if element is not None else None
    return _without_site(title, publisher) if title else None


def _without_site(title: str, publisher: str | None) -> str:
    """Return a title without the site's name behind it, where the page names the site elsewhere too."""
    parts = _SITE_SEPARATOR.split(title)
    if publisher and len(parts) > 1 and parts[-1].casefold() == publisher.casefold():
        return title[: title.rindex(parts[-1])].rstrip(" |–—»·-:")
    return title


def _published(tree: HtmlElement, html: str, metas: dict[str, str], articles: list[dict[str, Any]]) -> ReadDate:
    stated = [_first(metas, (name,)) for name in _DATES]
    stated.append(_from_articles(articles, ("datePublished",), ("dateCreated",)))
    stated += [time.get("datetime") for time in tree.iter("time") if time.get("pubdate") is not None]
    stated += [
        element.get("content") or element.get("datetime") for element in tree.xpath("//*[@itemprop='datePublished']")
    ]
    readings = [read_date(value) for value in stated if value]
    for reading in readings:
        if reading.value is not None:
            return reading
    notes = [reading.note for reading in readings if reading.note]
    return ReadDate(note=notes[0]) if notes else _found(tree, html)


def _found(tree: HtmlElement, html: str) -> ReadDate:
    """Return what htmldate finds, if the page writes that day where it can be read in one way only."""
    try:
        found = read_date(find_date(tree, extensive_search=False, original_date=True))
    except (ValueError, TypeError, AttributeError, OverflowError):  # htmldate on markup it does not expect.
        return ReadDate()
    return found if found.value in set(dates_in(html[:_MAX_SEARCHED_CHARS])) else ReadDate()
