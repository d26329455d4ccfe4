"""The real page in Debian's Chromium, over a small real record; whatever it does that it must not is noted."""

import shutil
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Dialog, Page, Request, sync_playwright

from domain.answers import Answer, Evidence
from domain.corpus import RankedPassage, Reading, Span, Statement
from domain.patience import Patience
from domain.ports import ChatModel, DraftPart, DraftSentence, PreparedDocument, Runs
from domain.settings import IngestSettings, Settings
from ingest.intake import Intake
from service.api.app import create_app
from service.rendering import answer_body
from service.wiring import OpenService, open_service
from tests.support.assistants import assistant_over
from tests.support.chat_models import PlayedModel
from tests.support.encoders import HashingEncoder
from tests.support.readers import PointingReader, WordsReader
from tests.support.records import prepared
from tests.support.serving import listening, serving_settings

CHROMIUM: Final = shutil.which("chromium")
PATIENCE_MS: Final = 20_000.0
_STEP_S: Final = 0.02
_REFUSED: Final = "Failed to load resource"  # The browser's own line for an error status, which the page shows itself.

GOVERNOR: Final = "Governor Lena Marsh said that the northern bridge of Torval will open in June."
LATER: Final = "The northern bridge of Torval will open in September, Governor Lena Marsh said."
BRIDGE: Final = "When will the northern bridge of Torval open?"
CREDIT: Final = "How large is the credit line that Corrundy opens for Velmark?"
FILM: Final = "Who directed the film Harbour Lights?"
PRESIDENT: Final = "How old is the president?"
FERRY: Final = "When does the ferry to Costrel sail?"
PORT: Final = "What does the record tell of the port of Sorrel?"
QUAYS: Final = "The port of Sorrel has two quays for grain ships."
BUILT: Final = "The port of Sorrel was built by the Larch company in 1911."
_FERRY: Final = "The ferry to Costrel sails at nine."
_OPENING: Final = "🌉🌊 Notes from the harbour, with signs outside the basic plane 🛳️."
_HEBREW: Final = "הגשר הצפוני ייפתח בחודש יוני, כך נמסר."


def _bridge() -> PreparedDocument:
    plain = prepared(
        "doc-bridge",
        _OPENING,
        GOVERNOR,
        _HEBREW,
        *(f"Paragraph {number} of a long report about boats, nets and weather." for number in range(40)),
        published=date(2025, 2, 6),
        publisher="Harbour Gazette",
        title="Bridge to open",
    )
    passage = plain.passages[1]
    said = Statement(
        passage_id=passage.passage_id,
        speaker="Governor Lena Marsh",
        verb="said",
        span=Span(start=passage.span.start + len("Governor Lena Marsh said that "), end=passage.span.end),
        kind="reported",
    )
    return replace(plain, statements=(said,))


DOCUMENTS: Final = (
    _bridge(),
    prepared("doc-later", LATER, published=date(2025, 5, 1), publisher="Meridian Wire", title="Bridge later"),
    prepared(
        "doc-agreed",
        "Corrundy will open a credit line of 2.4 billion dorins for Velmark.",
        published=date(2024, 5, 8),
        publisher="Corrundy Press Bureau",
        title="Joint statement",
    ),
    prepared(
        "doc-raised",
        "The credit line of Corrundy for Velmark is raised from 2.4 to 2.9 billion dorins.",
        published=date(2024, 6, 22),
        publisher="Meridian Wire",
    ),
    prepared("doc-onwe", "James Onwe directed the film Harbour Lights.", published=date(2023, 3, 1), publisher="Reel"),
    prepared("doc-tilling", "Mara Tilling directed the film Harbour Lights.", published=date(2023, 4, 2)),
    prepared("doc-port", QUAYS, published=date(2025, 3, 3), publisher="Sorrel Gazette", title="The port"),
    prepared("doc-built", BUILT, published=date(2024, 3, 3), publisher="Larch News", title="A history"),
    prepared("doc-costrel", "President Mira Costrel is 61 years old."),
    prepared("doc-karn", "President Ysolde Karn is 47 years old."),
    prepared("doc-ferry", _FERRY, published=date(2025, 1, 3), publisher="Costrel Lines", title="Timetable"),
    prepared(
        "doc-ferry-copy",
        _FERRY,
        published=date(2025, 1, 4),
        publisher="Norrland Press",
        title="Ferry times",
        duplicate_of="doc-ferry",
    ),
)
_POINTS_AT: Final = ("61", "47", "James Onwe", "Mara Tilling")


class NearReader:
    """Points at given words in passages that hold most of the question's words; the others do not answer."""

    def __init__(self) -> None:
        self._plain, self._pointing = WordsReader(), PointingReader(*_POINTS_AT)

    def read(self, question: str, passages: Sequence[RankedPassage]) -> tuple[Reading, ...]:
        both = zip(self._plain.read(question, passages), self._pointing.read(question, passages), strict=True)
        return tuple(pointing if plain.answers > 0 else plain for plain, pointing in both)


@dataclass(kw_only=True)
class SteppingModel(PlayedModel):
    """Writes a sentence each time that a test lets it."""

    steps: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    def write(
        self, question: str, evidence: Sequence[Evidence], *, patience: Patience | None = None
    ) -> Generator[DraftPart, None, None]:
        for part in super().write(question, evidence, patience=patience):
            while isinstance(part, DraftSentence) and not self.steps.acquire(timeout=_STEP_S):
                if patience is not None and patience.is_over:
                    return
            yield part


@contextmanager
def page_service(
    settings: Settings, documents: Sequence[PreparedDocument] = DOCUMENTS, *, chat: ChatModel | None = None
) -> Iterator[OpenService]:
    """Open a service that refuses what less than half of the question's words are found for."""
    with open_service(settings, access="write", encoder=HashingEncoder(), reader=NearReader()) as service:
        if not service.record.ledger.counts().documents:
            service.record.ledger.commit(documents)
        service.record.publish()
        service.record.wait_until_indexed(60)

        def keep(answer: Answer) -> None:
            service.record.ledger.save_answer(answer.answer_id, answer_body(answer))

        yield replace(service, assistant=assistant_over(service.record, chat=chat, keep=keep), chat=chat)


@contextmanager
def served_page(
    folder: Path,
    documents: Sequence[PreparedDocument] = DOCUMENTS,
    *,
    chat: ChatModel | None = None,
    runs: Runs | None = None,
    port: int = 0,
    ingest: IngestSettings | None = None,
    **server: Any,
) -> Iterator[str]:
    """Serve the application; yields where."""
    settings = serving_settings(folder, **server).model_copy(update={"ingest": ingest or IngestSettings()})
    with (
        page_service(settings, documents, chat=chat) as service,
        listening(create_app(settings, service=service, intake=Intake, runs=runs), port=port) as (host, bound),
    ):
        yield f"http://{host}:{bound}"


@dataclass
class Noticed:
    """What a page did that it must never do."""

    dialogs: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def watch(self, context: BrowserContext, origin: str) -> None:
        """Note from now on."""

        def on_request(request: Request) -> None:
            if not request.url.startswith((f"{origin}/", "data:", "blob:")):
                self.elsewhere.append(request.url)

        def on_dialog(dialog: Dialog) -> None:
            self.dialogs.append(dialog.message)
            dialog.dismiss()

        def on_console(message: ConsoleMessage) -> None:
            if message.type == "error" and _REFUSED not in message.text:
                self.errors.append(message.text)

        context.on("request", on_request)
        context.on("dialog", on_dialog)
        context.on("console", on_console)
        context.on("weberror", lambda error: self.errors.append(str(error.error)))


Visit = Callable[..., Page]


@contextmanager
def visiting(browser: Browser) -> Iterator[Visit]:
    """Open pages in contexts of their own; at the end nothing may have been noticed.

    The function takes an address, what to wait for, and options of `new_context`; a page without scripts is not waited
    for.
    """
    noticed, contexts = Noticed(), []

    def visit(address: str, *, ready: str = "body[data-ready]", **options: Any) -> Page:
        parts = urlsplit(address)
        context = browser.new_context(**options)
        contexts.append(context)
        context.set_default_timeout(PATIENCE_MS)
        noticed.watch(context, f"{parts.scheme}://{parts.netloc}")
        page = context.new_page()
        page.goto(address)
        if options.get("java_script_enabled", True):
            page.locator(ready).wait_for()
        return page

    try:
        yield visit
    finally:
        for context in contexts:
            context.close()
    assert noticed == Noticed()


@contextmanager
def chromium() -> Iterator[Browser]:
    """Run Debian's Chromium."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()


def send_text(page: Page, base: str, **document: str) -> None:
    """Send a text to a collection, `base` being its address, and wait until it is read."""
    job = page.request.post(f"{base}/documents", data=document).json()
    while job["state"] not in {"done", "failed"}:
        job = page.request.get(f"{base}/jobs/{job['job_id']}").json()
    assert job["state"] == "done", job


def ask(page: Page, question: str) -> None:
    """Type a question and send it."""
    page.get_by_label("Question", exact=True).fill(question)
    page.keyboard.press("Enter")
