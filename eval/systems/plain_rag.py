"""The chain of LangChain's RAG tutorial, as it is documented: what a team has after an afternoon.

Documents are cut by `RecursiveCharacterTextSplitter` into 1,000 characters with 200 of overlap, embedded by
`HuggingFaceEmbeddings` (the same encoder folder as Dateline's), put into Chroma, and the 4 nearest chunks go into the
documented prompt. Nothing of it is tuned, filtered by date, or checked.
"""

import importlib.util
import os
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from domain.errors import ConfigurationError
from domain.settings import Settings
from eval.cases import Case
from eval.data_sets import DataSet
from eval.outcomes import Found, Outcome
from eval.records import KeptRecord, RecordCache
from eval.systems.chat import open_writer, write, writer_details
from prompts.registry import load_prompt
from retriever.encoder_folder import find_encoder
from retriever.wiring import open_record
from service.answering.langchain_writer import LangChainWriter

PROMPT: Final = "eval-plain-rag"
CHUNK_CHARS: Final = 1000
OVERLAP_CHARS: Final = 200
CHUNKS: Final = 4
PACKAGES: Final = ("langchain_chroma", "langchain_huggingface", "langchain_text_splitters")
_COMPLETE: Final = "complete"


class PlainRagSystem:
    """Splits, embeds, retrieves and asks the configured chat model.

    Raises:
        ConfigurationError: If the packages of the extra `bench` are not installed.
    """

    def __init__(
        self,
        *,
        name: str,
        settings: Settings,
        records: RecordCache,
        packages: Sequence[str] = PACKAGES,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        missing = [package for package in packages if importlib.util.find_spec(package) is None]
        if missing:
            raise ConfigurationError(
                f"The system {name!r} needs packages that are not installed: {', '.join(missing)}",
                hint="Run: pip install 'dateline[bench]'",
            )
        self._name = name
        self._settings = settings
        self._records = records
        self._clock = clock
        self._chat: LangChainWriter | None = None
        self._store: Any = None

    @property
    def name(self) -> str:
        """What its lines in the run file are called."""
        return self._name

    @property
    def details(self) -> Mapping[str, Any]:
        """Models, prompt and sizes."""
        return {
            "encoder": find_encoder(self._settings.models).encoder_id,
            "chat": writer_details(self._settings, system=self._name),
            "prompts": {PROMPT: load_prompt(PROMPT).digest},
            "chunk_chars": CHUNK_CHARS,
            "overlap_chars": OVERLAP_CHARS,
            "chunks": CHUNKS,
        }

    def prepare(self, data_set: DataSet) -> None:
        """Build the chain's own index beside the record, or open the one that is there; load the model."""
        if data_set.corpus is None:
            raise ConfigurationError(f"The data set {data_set.name!r} has no documents", hint="Judge a ranking only.")
        kept = self._records.get(data_set.corpus)
        self._store = self._opened_store(kept)
        self._store.similarity_search(data_set.cases[0].question, k=1)
        self._chat = open_writer(self._settings, system=self._name)
        self._chat.warm_up()

    def run(self, case: Case) -> Outcome:
        """Answer one question."""
        if self._chat is None:
            raise AssertionError("prepare comes before run")
        started = self._clock()
        chunks = self._store.similarity_search_with_score(case.question, k=CHUNKS)
        retrieved = (self._clock() - started) * 1000
        context = "\n\n".join(chunk.page_content for chunk, _ in chunks)
        prompt = load_prompt(PROMPT).render(question=case.question, context=context)
        outcome = write(self._chat.langchain_model, prompt, started=started, clock=self._clock)
        return replace(
            outcome,
            found=tuple(
                # Chroma gives a distance: smaller is nearer.
                Found(doc_id=chunk.metadata["doc_id"], text=chunk.page_content, score=round(-float(distance), 6))
                for chunk, distance in chunks
            ),
            stand_alone=case.question,
            timings_ms={"retrieve": round(retrieved, 3), **outcome.timings_ms},
        )

    def close(self) -> None:
        """Free the model and the index."""
        self._store = None
        if self._chat is not None:
            self._chat.close()
            self._chat = None

    def _opened_store(self, kept: KeptRecord) -> Any:
        os.environ.setdefault("ANONYMIZED_TELEMETRY", "False")  # Chroma's own switch; a measurement stays offline.
        from langchain_chroma import Chroma  # noqa: PLC0415  - seconds, and an extra
        from langchain_huggingface import HuggingFaceEmbeddings  # noqa: PLC0415  - the same

        model = find_encoder(self._settings.models).path
        embeddings = HuggingFaceEmbeddings(model_name=str(model), model_kwargs={"device": "cpu"})
        folder = kept.settings.data_dir / f"plain-rag-{CHUNK_CHARS}-{OVERLAP_CHARS}"
        done = folder / _COMPLETE
        if done.exists():
            return Chroma(persist_directory=str(folder), embedding_function=embeddings)
        _emptied(folder)
        store = Chroma.from_documents(self._chunks(kept), embeddings, persist_directory=str(folder))
        done.touch()
        return store

    def _chunks(self, kept: KeptRecord) -> list[Any]:
        from langchain_text_splitters import RecursiveCharacterTextSplitter  # noqa: PLC0415  - an extra

        splitter = RecursiveCharacterTextSplitter(chunk_size=CHUNK_CHARS, chunk_overlap=OVERLAP_CHARS)
        with open_record(kept.settings, access="read", encoder=self._records.encoder) as record:
            headers = sorted(record.ledger.headers(), key=lambda header: header.document_id)
            texts = [record.ledger.document(header.document_id).text for header in headers]
        places = [{"doc_id": kept.doc_ids.get(header.document_id, "")} for header in headers]
        chunks: list[Any] = splitter.create_documents(texts, metadatas=places)
        return chunks


def _emptied(folder: Path) -> None:

    if folder.exists():
        shutil.rmtree(folder)
