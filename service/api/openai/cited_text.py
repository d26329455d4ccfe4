"""An answer as the text of a chat message: marks, annotations that say where they belong, and links behind them."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from domain.answers import Answer, AnswerSentence, Citation, CitedAnswer, Clarification, Refusal
from domain.corpus import DocumentHeader
from service.rendering import source_url

_LONGEST_EXACT: Final = 300  # Characters; browsers themselves make longer text directives of a start and an end.
_EDGE_WORDS: Final = 6
_MARKUP: Final = re.compile(r"([\\\"\[\]<>&`*_!~|])")
_LINK_LINE: Final = re.compile(r"^(?:\[\d+\]: <[^<>\n]*>.*|- \[.*\]\(<[^<>\n]*>\))$", re.MULTILINE)
_MARK: Final = re.compile(r" ?\[\d{1,4}\](?!\()")

Address = Callable[[str], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class UrlCitation:
    """A citation of a sentence: `content[start:end]` is the sentence, in Unicode code points.

    Attributes:
        url: The page that shows the quote in its place.
        title: What the document is called, with its publisher and day.
        citation: What is cited.
    """

    start: int
    end: int
    url: str
    title: str
    citation: Citation


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Text that is added to a message, and the citations in it."""

    text: str
    citations: tuple[UrlCitation, ...] = ()


class MessageText:
    """The text of one message, piece by piece; the pieces joined are the same whether they are streamed or not.

    Args:
        address: Makes an address of the path of a source's page.
    """

    def __init__(self, address: Address) -> None:
        self._address = address
        self._length = 0
        self._definitions: dict[int, str] = {}

    def add(self, sentence: AnswerSentence) -> Piece:
        """Return a sentence with its marks, as it goes on from the sentences before."""
        lead = " " if self._length else ""
        start = self._length + len(lead)
        citations = tuple(
            UrlCitation(
                start=start,
                end=start + len(sentence.text),
                url=quote_url(self._address, citation),
                title=label(citation.header),
                citation=citation,
            )
            for citation in sentence.citations
        )
        for one in citations:
            self._definitions[one.citation.mark] = link_definition(one.citation.mark, one.url, one.title)
        text = lead + sentence.marked
        self._length += len(text)
        return Piece(text=text, citations=citations)

    def finish(self, answer: Answer) -> Piece:
        """Return what follows the sentences: the links behind the marks, or the whole text where there are none."""
        match answer:
            case CitedAnswer():
                # Markdown shows nothing of these, and makes a link of each mark.
                return Piece(text="\n\n" + "\n".join(self._definitions[mark] for mark in sorted(self._definitions)))
            case Refusal():
                return Piece(text=answer.message + self._nearest(answer.nearest))
            case Clarification():
                return Piece(text=answer.asks)

    def _nearest(self, nearest: Iterable[Citation]) -> str:
        links = [f"- [{_escaped(label(one.header))}](<{quote_url(self._address, one)}>)" for one in nearest]
        return "\n\n" + "\n".join(links) if links else ""


def whole_message(answer: Answer, address: Address) -> Piece:
    """Return an answer as one message."""
    text = MessageText(address)
    sentences = answer.sentences if isinstance(answer, CitedAnswer) else ()
    pieces = [*map(text.add, sentences), text.finish(answer)]
    return Piece(
        text="".join(piece.text for piece in pieces),
        citations=tuple(one for piece in pieces for one in piece.citations),
    )


def without_citations(text: str) -> str:
    """Return the text of an earlier message as it was said: no marks, no links behind or below them."""
    return _MARK.sub("", _LINK_LINE.sub("", text)).strip()


def label(header: DocumentHeader) -> str:
    """Return what a link to a document says: its title, and who published it when; wire stories have no title."""
    day = header.published.isoformat() if header.published else None
    about = ", ".join(filter(None, [header.publisher, day]))
    named = f"{header.title} ({about})" if header.title and about else header.title or about or "Untitled document"
    return " ".join(named.split())


def quote_url(address: Address, citation: Citation) -> str:
    """Return the address of the page that marks a quote; browsers that know text directives also scroll to it by them.

    The page is told the place as well, since a text directive finds nothing where the words stand twice or across
    paragraphs.
    """
    return f"{address(source_url(citation.header, citation.span))}:~:text={text_directive(citation.quote)}"


def text_directive(words: str) -> str:
    """Return the value of a `text=` directive that finds `words` (https://wicg.github.io/scroll-to-text-fragment/)."""
    text = " ".join(words.split())
    if len(text) <= _LONGEST_EXACT:
        return _directive_encoded(text)
    parts = text.split(" ")
    if len(parts) <= 2 * _EDGE_WORDS:
        return _directive_encoded(text)
    edges = (" ".join(parts[:_EDGE_WORDS]), " ".join(parts[-_EDGE_WORDS:]))
    return ",".join(map(_directive_encoded, edges))


def link_definition(mark: int, url: str, title: str) -> str:
    """Return the CommonMark definition that makes a link of every `[mark]`."""
    return f'[{mark}]: <{url}> "{_escaped(title)}"'


def _directive_encoded(text: str) -> str:
    # A bare dash would make a prefix or suffix of the words beside it. A lone surrogate has no UTF-8 form.
    return quote(text, safe="", errors="replace").replace("-", "%2D")


def _escaped(text: str) -> str:
    return _MARKUP.sub(r"\\\1", text)
