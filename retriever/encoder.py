"""The sentence-transformers adapter: texts → `(n, d)` float32 rows of unit length."""

import os
import platform
import threading
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np

from domain.errors import ConfigurationError, ModelFileError
from domain.ports import Matrix, Vector
from domain.settings import ModelSettings
from retriever.encoder_folder import EncoderFolder, find_encoder
from retriever.giving_way import give_way

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer
    from torch import Tensor

    Forward = Callable[[Tensor, Tensor], Tensor]
    """Token ids and attention mask, `(n, tokens)` each, to sentence vectors `(n, dimensions)`."""

# The activations of this many tokens stay in a core's second-level cache. On Zen 3 cores batches of 512 tokens were
# 1.3 times as fast as 2048 and 1.8 times as fast as 8192.
_BATCH_TOKENS = 512
# torch keeps compiled kernels for every shape it has met, 3 MB for each 16 sentences of a question. Batches of few
# texts are therefore padded to one of some sixty shapes; in a large ingest each shape comes often, and padding costs.
_FEW_TEXTS = 256
_LEAST_NORM = 1e-6


def encoder_identity(settings: ModelSettings) -> tuple[str, int]:
    """Return `(encoder_id, dimensions)` of the configured encoder without loading it.

    Raises:
        ModelFileError: If the encoder was not fetched or its folder is not usable.
    """
    folder = find_encoder(settings)
    return folder.encoder_id, folder.dimensions


class SentenceTransformerEncoder:
    """A sentence-transformers model held in memory; safe to use from several threads.

    Texts are tokenised once, sorted by their number of tokens and cut into batches of about equal work, so that
    nearly nothing is padded. Each core works on a batch of its own: splitting single operators between cores costs
    more than it gains at this size, and far more when other programs use the cores too. The model runs as a trace
    where it can, so that a core does not wait for Python between two operators.
    """

    def __init__(self, model: "SentenceTransformer", folder: EncoderFolder) -> None:
        import torch  # noqa: PLC0415  - 1.4 s to import, and already paid for by the model
        from tokenizers import Tokenizer  # noqa: PLC0415  - the same

        self._torch = torch
        self._model = model
        self._run = _traced(model) or _eager(model)
        self._folder = folder
        # A private copy with fixed truncation: the shared one changes its own state on each call, which threads
        # must not do to each other.
        self._tokenizer = Tokenizer.from_str(model.tokenizer.backend_tokenizer.to_str())
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(max_length=model.get_max_seq_length() or 512)
        self._padding_id = int(model.tokenizer.pad_token_id or 0)
        self._prompts = {kind: model.prompts.get(kind) or "" for kind in ("query", "document")}
        cores = max(1, torch.get_num_threads())
        # Questions have workers of their own, so that they do not queue behind an ingest.
        self._passage_workers = _single_core_workers(cores, name="encode-passages")
        self._query_workers = _single_core_workers(cores, name="encode-query")

    @classmethod
    def load(cls, settings: ModelSettings) -> Self:
        """Load the configured encoder from its folder; nothing is fetched.

        Raises:
            ModelFileError: If it was not fetched, or its folder is damaged or not usable.
        """
        folder = find_encoder(settings)
        # The libraries ask the hub for updates unless they are told that there is none.
        os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_OFFLINE="1")
        model = _load_model(folder, dtype=settings.encoder_dtype)
        encoder = cls(model, folder)
        found = len(encoder.encode_query("dimensions"))
        if found != folder.dimensions:
            raise ModelFileError(
                f"Encoder {settings.encoder!r} gives {found} dimensions, its files say {folder.dimensions}",
                hint="Check the folder's modules.json and pooling configuration.",
            )
        return encoder

    @property
    def encoder_id(self) -> str:
        """Name and the first 12 digits of the SHA-256 of the weights."""
        return self._folder.encoder_id

    @property
    def dimensions(self) -> int:
        """Length of a vector."""
        return self._folder.dimensions

    def encode_query(self, text: str) -> Vector:
        """Encode a question, `(dimensions,)` float32 of unit length."""
        tokens = self._tokens([text], "query")
        shape = (1, padded_width(len(tokens[0])))
        row: Vector = self._unit_rows(self._query_workers.submit(self._forward, tokens, shape).result())[0]
        return row

    def encode_passages(self, texts: Sequence[str]) -> Matrix:
        """Encode texts of the record, `(len(texts), dimensions)` float32 rows of unit length.

        Equal texts are encoded once. Texts longer than the model reads are cut at its limit.
        """
        distinct = list(dict.fromkeys(texts))
        if not distinct:
            return np.empty((0, self.dimensions), dtype=np.float32)
        tokens = self._tokens(distinct, "document")
        batches = batches_by_length([len(ids) for ids in tokens], budget=_BATCH_TOKENS)
        rows = np.empty((len(distinct), self.dimensions), dtype=np.float32)
        few = len(distinct) <= _FEW_TEXTS
        jobs = [
            self._passage_workers.submit(self._forward, texts_of, _shape(texts_of, padded=few))
            for batch in batches
            for texts_of in [[tokens[row] for row in batch]]
        ]
        for batch, job in zip(batches, jobs, strict=True):
            rows[batch] = job.result()
        rows = self._unit_rows(rows)
        place = {text: row for row, text in enumerate(distinct)}
        return rows if len(distinct) == len(texts) else rows[[place[text] for text in texts]]

    def _tokens(self, texts: Sequence[str], kind: Literal["query", "document"]) -> list[list[int]]:
        prompt = self._prompts[kind]
        # Lone surrogates have no UTF-8 form and the tokenizer is a UTF-8 program.
        clean = [(prompt + text).encode("utf-8", "replace").decode("utf-8") for text in texts]
        return [encoding.ids for encoding in self._tokenizer.encode_batch(clean)]

    def _forward(self, tokens: Sequence[Sequence[int]], shape: tuple[int, int]) -> Matrix:
        """Run the model over one batch, `(len(tokens), dimensions)` float32, not yet normalised by us.

        `shape` has at least a row per text, and is as wide as the longest or wider; the rest is padding.
        """
        torch = self._torch
        padded = np.full(shape, self._padding_id, dtype=np.int64)
        mask = np.zeros(shape, dtype=np.int64)
        mask[:, 0] = 1  # Attention over nothing is not a number, also in rows that are thrown away.
        for row, ids in enumerate(tokens):
            padded[row, : len(ids)] = ids
            mask[row, : len(ids)] = 1
        with torch.inference_mode():
            rows = self._run(torch.from_numpy(padded), torch.from_numpy(mask))
            return np.asarray(rows[: len(tokens)].float().numpy(), dtype=np.float32)

    def _unit_rows(self, rows: Matrix) -> Matrix:
        norms = np.linalg.norm(rows, axis=1, keepdims=True)
        if not np.isfinite(norms).all() or (norms < _LEAST_NORM).any():
            raise ModelFileError(
                f"Encoder {self.encoder_id!r} gave vectors that are not numbers or have no length",
                hint="Run 'dateline models verify', or set DATELINE_MODELS__ENCODER_DTYPE=float32.",
            )
        return np.asarray(rows / norms, dtype=np.float32)


def _eager(model: "SentenceTransformer") -> "Forward":
    def forward(ids: "Tensor", mask: "Tensor") -> "Tensor":
        rows: Tensor = model({"input_ids": ids, "attention_mask": mask})["sentence_embedding"]
        return rows

    return forward


def _traced(model: "SentenceTransformer") -> "Forward | None":
    """Return the model as one operator that runs without the interpreter's lock; `None` where a trace is not the same.

    Operator by operator, the lock is taken a hundred times a batch, and each time another thread may hold it for 5 ms:
    beside a thread that parses text, the trace was 2.4 times as fast, alone 1.1 times.
    """
    import torch  # noqa: PLC0415  - heavy

    eager = _eager(model.requires_grad_(requires_grad=False))
    try:
        # What depends on the traced shape is warned of in any model; whether it matters is compared below.
        with torch.inference_mode(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            traced: Forward = torch.jit.trace(eager, _sample(rows=5, width=17), check_trace=False)  # type: ignore[no-untyped-call]
            is_same = all(
                torch.allclose(traced(*sample), eager(*sample), rtol=0.0, atol=1e-3)
                for sample in (_sample(rows=1, width=4), _sample(rows=3, width=40))
            )
    except (RuntimeError, TypeError, ValueError, AttributeError, NotImplementedError, IndexError, KeyError):
        return None
    return traced if is_same else None


def _sample(*, rows: int, width: int) -> "tuple[Tensor, Tensor]":
    """Token ids that any vocabulary has, and a mask in which the rows are of different lengths."""
    import torch  # noqa: PLC0415  - heavy

    ids = torch.arange(rows * width).reshape(rows, width) % 90 + 5
    lengths = torch.tensor([[width - row * width // (2 * rows)] for row in range(rows)])
    return ids, (torch.arange(width) < lengths).long()


def _single_core_workers(cores: int, *, name: str) -> ThreadPoolExecutor:
    """Start one thread per core in which every operator of torch runs on that core alone."""
    import torch  # noqa: PLC0415  - heavy

    before = torch.get_num_threads()
    started = threading.Barrier(cores + 1)

    def start() -> None:
        give_way()
        torch.set_num_threads(1)
        started.wait()

    workers = ThreadPoolExecutor(cores, thread_name_prefix=name, initializer=start)
    for _ in range(cores):
        workers.submit(int)  # A pool starts its threads only when there is work.
    started.wait()
    # Each thread keeps the number it was given, but the number also becomes the default of threads to come.
    torch.set_num_threads(before)
    return workers


def padded_width(tokens: int) -> int:
    """Return a width, in tokens, that many lengths share: steps of 4, from 32 on of 8, from 128 on of 16."""
    step = 4 if tokens <= 32 else 8 if tokens <= 128 else 16  # noqa: PLR2004  - as the docstring says
    return -(-tokens // step) * step


def _shape(tokens: Sequence[Sequence[int]], *, padded: bool) -> tuple[int, int]:
    rows, width = len(tokens), max(len(ids) for ids in tokens)
    return (-(-rows // 8) * 8, padded_width(width)) if padded and rows > 1 else (rows, width)


def batches_by_length(lengths: Sequence[int], *, budget: int) -> list[list[int]]:
    """Group positions so that the texts of a group are about equally long.

    Args:
        lengths: Tokens of each text.
        budget: Most tokens of a group after padding; a text longer than that is a group of its own.

    Returns:
        Positions by group, longest texts first, so that the short ones fill the end when cores run dry.
    """
    batches: list[list[int]] = []
    longest = 0
    for position in sorted(range(len(lengths)), key=lambda position: (-lengths[position], position)):
        if batches and (len(batches[-1]) + 1) * longest <= budget:
            batches[-1].append(position)
        else:
            batches.append([position])
            longest = max(1, lengths[position])
    return batches


def _load_model(folder: EncoderFolder, *, dtype: Literal["auto", "float32", "bfloat16"]) -> "SentenceTransformer":
    try:
        import torch  # noqa: PLC0415  - heavy
        from sentence_transformers import SentenceTransformer  # noqa: PLC0415  - 6 s to import
        from transformers.utils import logging as transformers_logging  # noqa: PLC0415  - the same
    except ImportError as error:
        raise ConfigurationError(
            f"The encoder needs sentence-transformers, which does not import: {error}",
            hint="Install Dateline's dependencies again: pip install dateline",
        ) from error
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]  # transformers annotates this not
    chosen = torch.bfloat16 if dtype == "bfloat16" or (dtype == "auto" and has_fast_bfloat16()) else torch.float32
    options: dict[str, Any] = {"dtype": chosen, "use_safetensors": True}
    try:
        model = SentenceTransformer(
            str(folder.path), device="cpu", local_files_only=True, trust_remote_code=False, model_kwargs=options
        )
    except (OSError, ValueError, KeyError, RuntimeError, TypeError, AttributeError, ImportError) as error:
        # Damaged files surface as nearly any of these from three libraries.
        raise ModelFileError(
            f"The encoder in {str(folder.path)!r} cannot be loaded: {type(error).__name__}: {error}",
            hint="Run 'dateline models verify'; a folder of your own must be a complete sentence-transformers model.",
        ) from error
    if not getattr(model.tokenizer, "is_fast", False):
        raise ModelFileError(
            f"The encoder in {str(folder.path)!r} has no fast tokenizer", hint="Add its tokenizer.json to the folder."
        )
    return model.eval()


def has_fast_bfloat16(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Whether this CPU has instructions for bfloat16; without them it is slower than float32."""
    if platform.machine() not in {"x86_64", "AMD64"}:
        return False
    try:
        flags = cpuinfo.read_text(encoding="ascii", errors="replace").split()
    except OSError:
        return False
    return "avx512_bf16" in flags or "amx_bf16" in flags
