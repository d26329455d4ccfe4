"""Web pages: the main text, without navigation, scripts, and what the page hides; metadata from the page's head."""

import copy
import re
from collections.abc import Iterator
from dataclasses import dataclass

import lxml.html  # type: ignore[import-untyped]  # lxml ships no types
import trafilatura
from lxml import etree
from lxml.html import HtmlElement

from domain.errors import IngestError
from ingest.cleaning import Cleaner, decode
from ingest.formats import MEDIA_TYPES, Format
from ingest.headers import header_of
from ingest.parsed import ParsedDocument, RawSource
from ingest.readers.html_metadata import page_metadata
from ingest.readers.text import charset_of

_DECLARED = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([\w.:-]{1,40})", re.IGNORECASE)
_XML_DECLARED = re.compile(rb"^\s*<\?xml[^>]{0,100}encoding\s*=\s*[\"']([\w.:-]{1,40})")
_XML_DECLARATION = re.compile(r"^\s*<\?xml[^>]{0,200}\?>")
_DECLARED_WITHIN = 4096
_HIDING = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*hidden|font-size\s*:\s*0(?:[a-z%]*\s*(?:;|$))", re.IGNORECASE
)
_NOT_WORDS = ("script", "style", "noscript", "template", "iframe", "object", "embed", "svg", "canvas", "head", "form")
_BLOCKS = frozenset(
    {
        "address", "article", "aside", "blockquote", "body", "caption", "cell", "dd", "details", "div", "dl", "dt",
        "fieldset", "figcaption", "figure", "footer", "h1", "h2", "h3", "h4", "h5", "h6", "head", "header", "hr",
        "html", "item", "li", "list", "main", "nav", "ol", "p", "pre", "quote", "row", "section", "summary", "table",
        "tbody", "td", "tfoot", "th", "thead", "title", "tr", "ul",
    }
)  # fmt: skip
_CELLS = frozenset({"cell", "td", "th"})
_ROWS = frozenset({"row", "tr"})
_BREAKS = frozenset({"br", "lb"})


def read(source: RawSource) -> tuple[ParsedDocument, ...]:
    """Return the page's main text as one document."""
    page = read_page(source.content, charset=charset_of(source.media_type), name=source.name)
    header = header_of(page.text)
    metadata = page_metadata(page.tree, page.html)
    return (
        ParsedDocument(
            text=page.text,
            metadata=metadata.metadata.over(header.metadata),
            media_type=MEDIA_TYPES[Format.HTML],
            notes=(*page.notes, *dict.fromkeys(metadata.notes + header.notes)),
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A web page that was read.

    Attributes:
        html: Its source, decoded and cleaned.
        tree: The whole page, with head and scripts.
        text: Its main text, paragraphs separated by blank lines.
    """

    html: str
    tree: HtmlElement
    text: str
    notes: tuple[str, ...]


def read_page(content: bytes, *, charset: str | None, name: str) -> Page:
    """Decode, clean and parse a page and find its main text.

    Raises:
        IngestError: `damaged_file` if nothing can be parsed.
    """
    decoded = decode(content, charset=charset or _declared_charset(content))
    cleaner = Cleaner()
    html = cleaner.clean(decoded.text)
    tree = _tree(html, name)
    visible = copy.deepcopy(tree)
    hidden = _remove_hidden(visible)
    text = cleaner.clean(_main_text(visible))  # Again: `&#8203;` has become the character only now.
    left_out = (f"{hidden} hidden element{'' if hidden == 1 else 's'} left out",) if hidden else ()
    return Page(html=html, tree=tree, text=text, notes=(*decoded.notes, *cleaner.notes(), *left_out))


def text_of_fragment(html: str) -> str:
    """Return all words of a piece of HTML, as a feed's entry or a message has it, with blank lines between blocks."""
    if not html.strip():
        return ""
    try:
        tree = lxml.html.fragment_fromstring(html, create_parent="div", parser=_parser())
    except (etree.ParserError, ValueError):
        return ""
    _remove_hidden(tree)
    return _text_of(tree)


def _declared_charset(content: bytes) -> str | None:
    head = content[:_DECLARED_WITHIN]
    match = _XML_DECLARED.search(head) or _DECLARED.search(head)
    return match[1].decode("ascii", "replace") if match else None


def _parser() -> lxml.html.HTMLParser:
    return lxml.html.HTMLParser(no_network=True, remove_comments=True, remove_pis=True, huge_tree=True)


def _tree(html: str, name: str) -> HtmlElement:
    parser = _parser()
    try:
        # lxml refuses text that declares an encoding.
        tree = lxml.html.document_fromstring(_XML_DECLARATION.sub("", html), parser=parser)
    except (etree.ParserError, etree.XMLSyntaxError, ValueError, AssertionError) as error:
        if any(entry.type_name == "ERR_NO_MEMORY" for entry in parser.error_log):
            raise MemoryError from error
        raise IngestError(
            f"{name!r} holds no HTML that can be read: {error}", reason="damaged_file", hint="Save the page again."
        ) from error
    # The parser stops there without an error, and the rest of the page would be missing in silence.
    if any(entry.type_name == "ERR_RESOURCE_LIMIT" for entry in parser.error_log):
        raise IngestError(
            f"{name!r} is nested too deeply to be read", reason="too_deep", hint="Save the page as plain text."
        )
    return tree


def _remove_hidden(tree: HtmlElement) -> int:
    """Take out what a reader of the page would not see; count elements with words."""
    hidden = [
        element
        for element in tree.iter()
        if isinstance(element.tag, str)
        and element.tag not in {"html", "body"}
        and (element.get("hidden") is not None or _HIDING.search(element.get("style") or "") is not None)
    ]
    had_words = 0
    for element in hidden:
        if element.getparent() is not None:
            had_words += bool(element.text_content().strip())
            element.drop_tree()
    return had_words


def _main_text(tree: HtmlElement) -> str:
    """Return what trafilatura takes for the main text; of pages too small for it, all words."""
    for time in list(tree.iter("time")):
        time.drop_tag()  # trafilatura leaves the element out with its words, and datelines lose their day.
    found = trafilatura.bare_extraction(
        copy.deepcopy(tree), include_comments=False, include_tables=True, with_metadata=False
    )
    body = getattr(found, "body", None)
    text = _text_of(body) if body is not None else ""
    if text:
        return text
    for element in list(tree.iter(*_NOT_WORDS)):
        if element.getparent() is not None:
            element.drop_tree()
    return _text_of(tree)


def _text_of(element: etree._Element) -> str:
    return "\n\n".join(block for block in _blocks(element) if block)


def _blocks(root: etree._Element) -> Iterator[str]:
    """Yield the words of each block element, in order; a row of plain cells is one block with ` | ` between them."""
    words: list[str] = []
    rows: list[bool] = []  # Of the rows around the current element, whether their cells are plain.
    for event, element in etree.iterwalk(root, events=("start", "end")):
        tag = element.tag if isinstance(element.tag, str) else ""
        if event == "start" and tag in _ROWS:
            rows.append(_has_plain_cells(element))
        is_plain_cell = tag in _CELLS and bool(rows) and rows[-1]
        if tag in _BLOCKS and not is_plain_cell:
            yield _joined(words)
            words = []
        if event == "start":
            if is_plain_cell and any(word.strip() for word in words):
                words.append(" | ")
            words.append("\n" if tag in _BREAKS else _flowing(element.text, tag))
        else:
            if tag in _ROWS:
                rows.pop()
            if element is not root:
                words.append(_flowing(element.tail, "pre" if _is_in(element, "pre") else ""))
    yield _joined(words)


def _has_plain_cells(row: etree._Element) -> bool:
    """Tell rows of data from rows that only lay out a page or a letter, whose cells hold paragraphs."""
    return all(element.tag in _CELLS or element.tag not in _BLOCKS for element in row.iterdescendants())


def _is_in(element: etree._Element, tag: str) -> bool:
    parent = element.getparent()
    return parent is not None and parent.tag == tag


def _flowing(text: str | None, tag: str) -> str:
    """Return text with runs of white space as one space, as a browser shows it."""
    if not text or tag == "pre":
        return text or ""
    return re.sub(r"[ \t\n\r\f]+", " ", text)


def _joined(words: list[str]) -> str:
    lines = (re.sub(r"[ \t]+", " ", line).strip() for line in "".join(words).split("\n"))
    return re.sub(r"\n{2,}", "\n", "\n".join(lines)).strip()
