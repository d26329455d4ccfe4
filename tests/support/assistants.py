"""An assistant over a record in memory, as the service wires one."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from domain.answers import Answer
from domain.ports import ChatModel, PreparedDocument
from domain.settings import AnswerSettings, load_settings
from retriever.support_checker import OnnxSupportChecker
from retriever.wiring import Record, open_record
from service.answering.assistant import Assistant
from service.calibration import Model, RefusalRule
from tests.support.encoders import HashingEncoder
from tests.support.readers import WordsReader

# What `WordsReader` makes of the best sentence decides: less than half of the question's words in one refuses.
HALF_THE_WORDS = RefusalRule(model=Model(bias=0.0, weights={"span": 1.0}), threshold=0.5)


def assistant_over(
    record: Record,
    *,
    chat: ChatModel | None = None,
    kept: list[Answer] | None = None,
    keep: Callable[[Answer], None] | None = None,
    settings: AnswerSettings | None = None,
) -> Assistant:
    """An assistant that refuses by `HALF_THE_WORDS`, and appends its receipts to `kept` or hands them to `keep`."""
    return Assistant(
        record=record.ledger,
        retriever=record.retriever,
        checker=OnnxSupportChecker.load(),
        chat=chat,
        rule=HALF_THE_WORDS,
        settings=settings or AnswerSettings(),
        passages=12,
        keep=keep or ([] if kept is None else kept).append,
    )


@contextmanager
def record_of(folder: Path, documents: Sequence[PreparedDocument]) -> Iterator[Record]:
    """A real record that holds `documents`, with an encoder and a reader that need no model."""
    with open_record(
        load_settings(data_dir=folder), access="write", encoder=HashingEncoder(), reader=WordsReader()
    ) as record:
        record.ledger.commit(documents)
        record.publish()
        yield record
