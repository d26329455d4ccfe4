"""An assistant over a record in memory, as the service wires one."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from domain.answers import Answer
from domain.ports import ChatModel, PreparedDocument
from domain.settings import AnswerSettings, load_settings
from retriever.wiring import Record, open_record
from service.answering.assistant import Assistant
from service.answering.meaning import Meanings
from service.answering.support import LexicalSupportChecker
from tests.support.encoders import HashingEncoder


def assistant_over(
    record: Record,
    *,
    chat: ChatModel | None = None,
    kept: list[Answer] | None = None,
    settings: AnswerSettings | None = None,
) -> Assistant:
    """An assistant that appends its receipts to `kept`."""
    meanings = Meanings(record.encoder)
    return Assistant(
        record=record.ledger,
        retriever=record.retriever,
        meanings=meanings,
        checker=LexicalSupportChecker(meanings),
        chat=chat,
        settings=settings or AnswerSettings(),
        passages=12,
        keep=([] if kept is None else kept).append,
    )


@contextmanager
def record_of(folder: Path, documents: Sequence[PreparedDocument]) -> Iterator[Record]:
    """A real record that holds `documents`, with an encoder that needs no model."""
    with open_record(load_settings(data_dir=folder), access="write", encoder=HashingEncoder()) as record:
        record.ledger.commit(documents)
        record.publish()
        yield record
