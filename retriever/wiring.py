"""Opens a record: ledger, encoder and retriever of one data folder, wired together."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Literal

from domain.answers import Evidence
from domain.corpus import RankedPassage, Reading
from domain.errors import RecordError
from domain.ports import Encoder, Matrix, Reader, SupportChecker, Vector
from domain.settings import ModelSettings, Settings
from retriever.clean_memory import clean_memory
from retriever.data_folder import DataFolder, writer_lock
from retriever.exact_index import ExactIndex
from retriever.generations import Generations, Manifest
from retriever.index_keeper import IndexKeeper, IndexStatus, KeptWords
from retriever.ledger import SqliteLedger
from retriever.reader_words import ReaderWords
from retriever.retrieve import HybridRetriever

Access = Literal["write", "read"]


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyReport:
    """What a full comparison of the indexes with the ledger found.

    Attributes:
        differences: One sentence per difference or damage; empty for a sound record.
        repaired: What was healed when the record was opened; empty when nothing was.
    """

    documents: int
    passages: int
    differences: tuple[str, ...]
    repaired: str = ""

    @property
    def clean(self) -> bool:
        """Whether nothing is wrong."""
        return not self.differences


class Record:
    """An open record; build it with `open_record`.

    Attributes:
        ledger: The truth.
        encoder: Loaded with its first text.
        retriever: Question → ranked passages.
    """

    def __init__(
        self, *, ledger: SqliteLedger, encoder: Encoder, retriever: HybridRetriever, keeper: IndexKeeper | None
    ) -> None:
        self.ledger = ledger
        self.encoder = encoder
        self.retriever = retriever
        self._keeper = keeper

    def publish(self) -> None:
        """Bring the indexes up to the ledger after commits; costs what has changed, and never fails a commit."""
        self._writing().publish()

    def wait_until_indexed(self, timeout_s: float | None = None) -> bool:
        """Wait for a check or rebuild in the background; `True` if the indexes are then ready.

        `False` means that exact search serves, which a record opened for reading always does.
        """
        return self._keeper is not None and self._keeper.wait_until_indexed(timeout_s)

    def status(self) -> IndexStatus:
        """Tell how the indexes stand."""
        if self._keeper is not None:
            return self._keeper.status()
        passages = self.ledger.counts().passages
        return IndexStatus(
            state="exact", generation=None, indexed=passages, words=passages, detail="opened for reading"
        )

    def verify(self) -> VerifyReport:
        """Compare everything with the ledger, after what runs in the background; takes seconds per 10 000 passages."""
        keeper = self._writing()
        keeper.wait_until_indexed()
        repaired = keeper.status().detail
        damage = self.ledger.check_integrity()
        differences = () if damage else tuple(keeper.differences())
        counts = self.ledger.counts()
        return VerifyReport(
            documents=counts.documents,
            passages=counts.passages,
            differences=(*damage, *differences),
            repaired=repaired,
        )

    def rebuild(self) -> None:
        """Build the indexes anew from the ledger and remove the old ones.

        Raises:
            StorageError: If there is no room for them.
            IndexUnavailableError: If they cannot be built.
        """
        self._writing().rebuild()

    def purge(self) -> None:
        """Remove every byte of what was deleted, from the ledger and, by building them anew, from the indexes."""
        keeper = self._writing()
        self.ledger.purge()
        with clean_memory():
            keeper.rebuild()

    def _writing(self) -> IndexKeeper:
        if self._keeper is None:
            raise RecordError(
                "The record was opened for reading", hint="Open it with access='write', or ask the running server."
            )
        return self._keeper


@contextmanager
def open_record(
    settings: Settings, *, access: Access, encoder: Encoder | None = None, reader: Reader | None = None
) -> Iterator[Record]:
    """Open the record in `settings.data_dir` and close it at the end.

    Args:
        settings: Of which the data folder, the models and retrieval are used.
        access: `write` holds the folder's lock, owns the indexes and heals them in the background. `read` takes no
            lock and never opens Chroma, which two processes on one folder damage: it searches the ledger's vectors.
        encoder: Instead of the one that `settings.models` names.
        reader: Instead of the one that `settings.models` names.

    Raises:
        RecordBusyError: If another process writes the record.
        RecordDamagedError: If the ledger is damaged, or missing beside its indexes.
        RecordMismatchError: If the record was made by another encoder or a newer Dateline.
        ModelFileError: If the encoder has not been fetched.
    """
    folder = DataFolder(settings.data_dir)
    generations = Generations(folder.index_root)
    encoder = encoder or LazyEncoder(settings.models)
    reader = (reader or LazyReader(settings.models)) if settings.retrieval.read else None
    with ExitStack() as stack:
        if access == "write":
            folder.create()
            stack.enter_context(writer_lock(folder))
        ledger = SqliteLedger.open(
            folder.ledger,
            encoder_id=encoder.encoder_id,
            dimensions=encoder.dimensions,
            read_only=access == "read",
        )
        stack.callback(ledger.close)
        exact = ExactIndex(ledger)
        if access == "read":
            wanted = Manifest.wanted(encoder_id=encoder.encoder_id, dimensions=encoder.dimensions)
            retriever = HybridRetriever(
                record=ledger,
                encoder=encoder,
                dense=None,
                exact=exact,
                words=ReaderWords(ledger, generations, wanted),
                reader=reader,
                settings=settings.retrieval,
            )
            yield Record(ledger=ledger, encoder=encoder, retriever=retriever, keeper=None)
            return
        ledger.interrupt_running_jobs()
        keeper = IndexKeeper(
            record=ledger,
            generations=generations,
            encoder_id=encoder.encoder_id,
            dimensions=encoder.dimensions,
            settings=settings.retrieval,
        )
        stack.callback(keeper.close)
        retriever = HybridRetriever(
            record=ledger,
            encoder=encoder,
            dense=keeper,
            exact=exact,
            words=KeptWords(keeper.search_words),
            reader=reader,
            settings=settings.retrieval,
        )
        keeper.start()
        yield Record(ledger=ledger, encoder=encoder, retriever=retriever, keeper=keeper)


class LazyEncoder:
    """The configured encoder, loaded when it is first given a text: torch takes seconds and most commands need none."""

    def __init__(self, settings: ModelSettings) -> None:
        from retriever.encoder import encoder_identity  # noqa: PLC0415  - keeps `--help` quick

        self._settings = settings
        self._lock = threading.Lock()
        self._loaded: Encoder | None = None
        self._encoder_id, self._dimensions = encoder_identity(settings)

    @property
    def encoder_id(self) -> str:
        """Name and digest of the model, read from its files."""
        return self._encoder_id

    @property
    def dimensions(self) -> int:
        """Length of a vector, read from the model's files."""
        return self._dimensions

    def encode_passages(self, texts: Sequence[str]) -> Matrix:
        """Encode texts of the record, `(len(texts), dimensions)` float32 rows of unit length."""
        return self._encoder().encode_passages(texts)

    def encode_query(self, text: str) -> Vector:
        """Encode a question, `(dimensions,)` float32 of unit length."""
        return self._encoder().encode_query(text)

    def _encoder(self) -> Encoder:
        from retriever.encoder import SentenceTransformerEncoder  # noqa: PLC0415  - keeps `--help` quick

        with self._lock:
            if self._loaded is None:
                self._loaded = SentenceTransformerEncoder.load(self._settings)
            return self._loaded


class LazyReader:
    """The configured reader, loaded when it first reads."""

    def __init__(self, settings: ModelSettings) -> None:
        self._folder = settings.reader
        self._lock = threading.Lock()
        self._loaded: Reader | None = None

    def read(self, question: str, passages: Sequence[RankedPassage]) -> tuple[Reading, ...]:
        """Read each passage for the question, in the order given."""
        from retriever.reader import OnnxReader  # noqa: PLC0415  - keeps `--help` quick

        with self._lock:
            if self._loaded is None:
                self._loaded = OnnxReader.load(self._folder)
        return self._loaded.read(question, passages)


class LazySupportChecker:
    """The configured support checker, loaded with its first sentence: quotes need none."""

    def __init__(self, settings: ModelSettings) -> None:
        self._folder = settings.support
        self._lock = threading.Lock()
        self._loaded: SupportChecker | None = None

    def support(self, sentence: str, groups: Sequence[Sequence[Evidence]]) -> tuple[float, ...]:
        """Return for each group of pieces how sure the checker is that they support the sentence, 0..1."""
        from retriever.support_checker import OnnxSupportChecker  # noqa: PLC0415  - keeps `--help` quick

        with self._lock:
            if self._loaded is None:
                self._loaded = OnnxSupportChecker.load(self._folder)
        return self._loaded.support(sentence, groups)
