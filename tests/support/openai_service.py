"""A served record for clients of OpenAI's interface: two reports, and a model that writes about both."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Final

from domain.answers import Answer
from service.rendering import answer_body
from service.wiring import OpenService
from tests.support.assistants import assistant_over
from tests.support.chat_models import PlayedModel
from tests.support.records import prepared
from tests.support.serving import opened, serving_settings

QUESTION: Final = "When will the northern bridge open, and what will Tarrow lend the valley for it?"
UNANSWERABLE: Final = "Who painted the ceiling of the opera?"
BRIDGE: Final = "The governor 🏗️ said that the northern bridge, a toll-bridge, would open in June."
LOAN: Final = "Tarrow will lend the valley 87 million crowns for the bridge."
WRITTEN: Final = (
    ("The northern bridge would open in June, the governor 🏗️ said.", ("E1",)),
    ("Tarrow will lend the valley 87 million crowns for the bridge.", ("E2",)),
)
DOCUMENTS: Final = (
    prepared("doc-bridge", BRIDGE, published=date(2025, 2, 6), publisher="Harbour Gazette", title='Bridge "to" [open]'),
    prepared("doc-loan", "Weather was fair.", LOAN, published=date(2025, 5, 1), publisher="Meridian Wire"),
)


@contextmanager
def openai_service(folder: Path) -> Iterator[OpenService]:
    """Open the record with the model that writes `WRITTEN`."""
    with opened(serving_settings(folder), DOCUMENTS) as service:
        ledger, chat = service.record.ledger, PlayedModel(sentences=WRITTEN)

        def keep(answer: Answer) -> None:
            ledger.save_answer(answer.answer_id, answer_body(answer))

        yield replace(service, assistant=assistant_over(service.record, chat=chat, keep=keep))
