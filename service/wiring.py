"""Opens what answers questions: record, models and assistant of one process, wired together."""

import logging
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from domain.answers import Answer
from domain.errors import DatelineError, RecordBusyError
from domain.ports import ChatModel, Encoder, Reader, SupportChecker
from domain.settings import Settings
from retriever.data_folder import DataFolder, writer_lock
from retriever.ledger import SqliteLedger
from retriever.wiring import Access, LazyReader, LazySupportChecker, Record, open_record
from service.answering.assistant import Assistant
from service.answering.chat_model import open_chat_model
from service.calibration import refusal_rule
from service.rendering import answer_body

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenService:
    """An open record and the assistant over it.

    Attributes:
        computing: Admits as many answers to what keeps a core busy as there are cores.
    """

    record: Record
    assistant: Assistant
    reader: Reader
    checker: SupportChecker
    chat: ChatModel | None
    computing: threading.Semaphore


@contextmanager
def open_service(
    settings: Settings,
    *,
    access: Access,
    encoder: Encoder | None = None,
    reader: Reader | None = None,
    shared: OpenService | None = None,
) -> Iterator[OpenService]:
    """Open the record in `settings.data_dir` with the configured models, and close all of it at the end.

    Args:
        settings: Everything; `settings.chat.model` decides whether a model writes.
        access: `write` for the one process that serves or ingests; `read` beside it, see `open_record`. A reading
            process keeps receipts when no other process holds the writer's lock at that moment.
        encoder: Instead of the one that `settings.models` names.
        reader: The same.
        shared: Another open service whose models this one uses; it must be closed later.

    Raises:
        ConfigurationError: If the chat model is set up wrongly, or the calibration file cannot be used.
        ModelFileError: If a model file has not been fetched.
        RecordError: If the record cannot be opened, see `open_record`.
    """
    rule = refusal_rule(settings.answer)
    computing = threading.Semaphore(os.cpu_count() or 1) if shared is None else shared.computing
    with ExitStack() as closing:
        if shared is not None:
            encoder, reader, checker, chat = shared.record.encoder, shared.reader, shared.checker, shared.chat
        else:
            reader, checker = reader or LazyReader(settings.models), LazySupportChecker(settings.models)
            chat = own_chat = open_chat_model(settings.chat, settings.models)
            if own_chat is not None:
                closing.callback(own_chat.close)
        record = closing.enter_context(open_record(settings, access=access, encoder=encoder, reader=reader))
        store = record.ledger.save_answer if access == "write" else _receipts_between_writers(settings, record)
        assistant = Assistant(
            record=record.ledger,
            retriever=record.retriever,
            checker=checker,
            chat=chat,
            rule=rule,
            settings=settings.answer,
            passages=settings.retrieval.passages,
            keep=_receipt_keeper(store),
            computing=computing,
        )
        yield OpenService(
            record=record, assistant=assistant, reader=reader, checker=checker, chat=chat, computing=computing
        )


def _receipt_keeper(save: Callable[[str, dict[str, object]], None]) -> Callable[[Answer], None]:
    """Return what stores receipts; a full disk must not cost the reader the answer."""

    def keep(answer: Answer) -> None:
        try:
            save(answer.answer_id, answer_body(answer))
        except DatelineError as error:
            _log.warning("the receipt of answer %s is not kept: %s", answer.answer_id, error)

    return keep


def _receipts_between_writers(settings: Settings, record: Record) -> Callable[[str, dict[str, object]], None]:
    folder = DataFolder(settings.data_dir)

    def save(answer_id: str, body: dict[str, object]) -> None:
        try:
            with writer_lock(folder):
                ledger = SqliteLedger.open(
                    folder.ledger, encoder_id=record.encoder.encoder_id, dimensions=record.encoder.dimensions
                )
                try:
                    ledger.save_answer(answer_id, body)
                finally:
                    ledger.close()
        except RecordBusyError:
            _log.info("the receipt of answer %s is not kept: another process writes the record", answer_id)

    return save
