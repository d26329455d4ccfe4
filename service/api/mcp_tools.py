"""What agents can do with a record: the tools `ask`, `search` and `get_source`, and how a model is told of them."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from anyio import to_thread
from pydantic import BaseModel

from domain.answers import Answer
from domain.events import AnswerEvent, Done, EvidenceChosen, PassagesFound, SentenceVerified, Understood
from domain.patience import Patience
from service.api.access import Caller
from service.api.excerpts import AROUND, LONGEST, excerpt
from service.api.links import Links
from service.api.mcp_results import AskResult, SearchResult, SourceResult
from service.api.mcp_text import answer_text, passages_text, source_text
from service.api.openai.cited_text import Address
from service.api.running import RunningAnswer, RunningAnswers
from service.api.schemas import AskRequest, SearchRequest, SourceRequest
from service.rendering import answer_body, header_body, passage_body, scope_body
from service.wiring import OpenService

INSTRUCTIONS: Final = """\
Dateline answers from a record of dated documents, such as wire stories, communiqués and statements, and shows for \
every sentence the words that support it, cut verbatim from the document. Use ask for questions, search to look at \
passages yourself, get_source to read a document or what stands around a quote.
Repeat figures, names, days and quotes exactly as they are returned, and name title, publisher and day of what you \
use. A refusal means that the record does not say it: tell that, and do not fill it in from elsewhere as if the record \
said it. Later documents may replace what earlier ones say: see superseded and conflicts, and use as_of for the state \
of a day."""

_TO_ASK: Final = """\
Answer a question from the record. Use it for whatever was said, agreed, reported, decided or counted, by whom and \
when; ask in a whole sentence, one thing at a time. Every sentence of the answer has its quotes, with document, \
publisher, day and speaker. kind is answer; or refusal, where the record does not answer, with the nearest passages; \
or clarification, where the question may mean several things: let the user choose, then send question, text and reply \
as history. Takes seconds, with a local model up to a minute; deadline_ms bounds it."""

_TO_SEARCH: Final = """\
Find passages of the record by meaning and by words, best first, each verbatim with its place in its document. Use it \
to see what there is on a subject, or where ask refuses; it judges nothing and answers nothing. Copies of one story \
are shown once."""

_TO_GET_SOURCE: Final = f"""\
Read a document of the record by the document_id that ask or search returned: its text, what is known of it, and its \
versions. With start and end of a citation, and its version, the cited words come as quote, and text has up to \
{AROUND:,} characters around them. With start alone, or neither, text goes on from there. At most {LONGEST:,} \
characters come at once; next_start, where it is not null, is the start to read on with. Positions count Unicode code \
points."""

_PASSAGES: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """A record as one caller uses it.

    Attributes:
        answers: Bounds the answers under way, together with those of other surfaces.
        links: How links to sources are written in JSON values.
        address: How they are written in text, for a reader elsewhere.
        tell: Hears of every answer that was given.
    """

    service: OpenService
    answers: RunningAnswers
    caller: Caller
    links: Links
    address: Address
    tell: Callable[[Answer], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a tool found: for those who read, and for programs."""

    text: str
    body: BaseModel


Progress = Callable[[int, str], Awaitable[None]]
"""Told how many steps are done and what the last one was; nobody may be listening."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """One tool.

    Attributes:
        takes: Checks the arguments.
        gives: Describes the structured content.
        use: Does it with arguments of the type `takes`.
    """

    title: str
    description: str
    takes: type[BaseModel]
    gives: type[BaseModel]
    use: Callable[[Any, Visit, Progress], Awaitable[Found]]


async def _ask(wanted: AskRequest, visit: Visit, progress: Progress) -> Found:
    question = wanted.to_question()
    patience = Patience(None if wanted.deadline_ms is None else wanted.deadline_ms / 1000)
    running = visit.answers.start(visit.service.assistant.events(question, patience), patience, visit.caller)
    try:
        answer = await _awaited(running, progress)
    finally:
        running.leave()  # Also when the client cancels: nobody waits for the model any more.
    visit.tell(answer)
    body = visit.links.shown(answer_body(answer))
    return Found(text=answer_text(answer, visit.address), body=AskResult.model_validate(body))


async def _search(wanted: SearchRequest, visit: Visit, _: Progress) -> Found:
    query = wanted.to_question()
    retrieve = partial(
        visit.service.record.retriever.retrieve, query.text, scope=query.scope, limit=wanted.limit or _PASSAGES
    )
    found = await to_thread.run_sync(retrieve)
    passages = [passage_body(ranked) for ranked in found]
    body = visit.links.shown({"query": query.text, "time_scope": scope_body(query.scope), "passages": passages})
    return Found(text=passages_text(query.text, found, visit.address), body=SearchResult.model_validate(body))


async def _get_source(wanted: SourceRequest, visit: Visit, _: Progress) -> Found:
    return await to_thread.run_sync(_excerpt, wanted, visit)


def _excerpt(wanted: SourceRequest, visit: Visit) -> Found:
    ledger = visit.service.record.ledger
    document = ledger.document(wanted.document_id, wanted.version)
    shown = excerpt(document.text, start=wanted.start or 0, end=wanted.end)
    header, characters = document.header, len(document.text)
    is_address = header.source_uri.startswith(("http://", "https://"))
    body = {
        **header_body(header),
        "source_uri": header.source_uri if is_address else None,  # Paths of files are the server's own affair.
        "characters": characters,
        "start": shown.start,
        "end": shown.end,
        "text": shown.text,
        "quote": shown.quote,
        "next_start": shown.next_start,
        "versions": [header_body(kept) for kept in ledger.versions(header.document_id)],
    }
    text = source_text(header, shown, characters=characters)
    return Found(text=text, body=SourceResult.model_validate(visit.links.shown(body)))


async def _awaited(running: RunningAnswer, progress: Progress) -> Answer:
    steps = 0
    while (event := await running.next_event()) is not None:
        match event:
            case Done():
                return event.answer
            case Understood() | PassagesFound() | EvidenceChosen() | SentenceVerified():
                steps += 1
                await progress(steps, _told(event))
    raise AssertionError("the last event is Done")


def _told(event: AnswerEvent) -> str:
    match event:
        case Understood():
            return f"Looking for: {event.stand_alone_question}"
        case PassagesFound():
            return f"{len(event.passages)} passages found"
        case EvidenceChosen():
            return f"{len(event.evidence)} sentences may answer"
        case SentenceVerified():
            return event.sentence.marked
        case Done():
            return "Done"


TOOLS: Final[dict[str, Tool]] = {
    "ask": Tool(title="Ask the record", description=_TO_ASK, takes=AskRequest, gives=AskResult, use=_ask),
    "search": Tool(
        title="Search the record", description=_TO_SEARCH, takes=SearchRequest, gives=SearchResult, use=_search
    ),
    "get_source": Tool(
        title="Read a source", description=_TO_GET_SOURCE, takes=SourceRequest, gives=SourceResult, use=_get_source
    ),
}
