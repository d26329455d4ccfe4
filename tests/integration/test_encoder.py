"""The real encoder: the same vectors as the plain library, whatever the batching."""

import json
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
import pytest

from domain.errors import ModelFileError
from domain.settings import ModelSettings
from retriever.encoder import (
    SentenceTransformerEncoder,
    _traced,
    batches_by_length,
    encoder_identity,
    has_fast_bfloat16,
    padded_width,
)
from retriever.models import locate

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

TEXTS = [
    "The harbour bridge opens on 12 April.",
    "Ferries run every hour.",
    "",
    "Ferries run every hour.",
    "A broken \ud800 character must not stop an ingest.",
    "Die Brücke öffnet im April. 桥梁四月开放。",
    "The mayor said that the repairs had cost 85 million crowns, twice the first estimate. " * 40,
]


def settings() -> ModelSettings:
    found = ModelSettings(encoder_dtype="float32")
    try:
        locate(found.encoder, found.folder)
    except ModelFileError as error:
        pytest.skip(f"the encoder is not here: {error.message}")
    return found


@pytest.fixture(scope="module")
def encoder() -> SentenceTransformerEncoder:
    return SentenceTransformerEncoder.load(settings())


@pytest.mark.models
def test_passages_are_encoded_as_the_plain_library_does(encoder: SentenceTransformerEncoder) -> None:
    """Sorting, batching and de-duplication change no vector by more than rounding."""
    plain = [text.replace("\ud800", "?") for text in TEXTS]
    wanted = encoder._model.encode(plain, normalize_embeddings=True, convert_to_numpy=True)

    rows = encoder.encode_passages(TEXTS)

    assert rows.shape == (len(TEXTS), 384)
    assert rows.dtype == np.float32
    np.testing.assert_allclose(rows, wanted, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1.0, atol=1e-6)


@pytest.mark.models
def test_no_texts_give_no_rows(encoder: SentenceTransformerEncoder) -> None:
    """The empty matrix still has the right width."""
    assert encoder.encode_passages([]).shape == (0, 384)


@pytest.mark.models
def test_a_question_is_nearest_to_its_answer(encoder: SentenceTransformerEncoder) -> None:
    """The dot product ranks."""
    rows = encoder.encode_passages(TEXTS[:2])

    scores = rows @ encoder.encode_query("When can I cross the bridge again?")

    assert scores[0] > scores[1]


@pytest.mark.models
def test_questions_and_passages_may_come_from_many_threads(encoder: SentenceTransformerEncoder) -> None:
    """Each caller gets its own rows."""
    alone = encoder.encode_passages(TEXTS)
    question = encoder.encode_query(TEXTS[0])

    with ThreadPoolExecutor(8) as callers:
        batches = [callers.submit(encoder.encode_passages, TEXTS) for _ in range(4)]
        questions = [callers.submit(encoder.encode_query, TEXTS[0]) for _ in range(16)]

    for batch in batches:
        np.testing.assert_allclose(batch.result(), alone, atol=1e-5)
    for asked in questions:
        np.testing.assert_allclose(asked.result(), question, atol=1e-5)


@pytest.mark.models
def test_a_model_runs_as_a_trace_only_where_that_changes_nothing(encoder: SentenceTransformerEncoder) -> None:
    """The encoder's own model can; one that looks at the shape of its input gives other vectors and runs as it is."""
    import torch  # noqa: PLC0415  - heavy

    class ByShape(torch.nn.Module):
        def forward(self, features: dict[str, "torch.Tensor"]) -> dict[str, "torch.Tensor"]:
            ids = features["input_ids"]
            return {"sentence_embedding": ids.float()[:, :2] * (1.0 if len(ids) > 3 else -1.0)}

    assert _traced(encoder._model) is not None
    assert _traced(cast("SentenceTransformer", ByShape())) is None


@pytest.mark.models
def test_vectors_that_are_not_numbers_are_refused(encoder: SentenceTransformerEncoder) -> None:
    """NaN never reaches the record."""
    rows = np.full((1, 384), np.nan, dtype=np.float32)

    with pytest.raises(ModelFileError, match="not numbers"):
        encoder._unit_rows(rows)


@pytest.mark.models
def test_a_folder_can_be_named_instead_of_a_model(encoder: SentenceTransformerEncoder, tmp_path: Path) -> None:
    """The id is made of the folder's name and the same digest, computed from its weights and remembered."""
    registered = settings()
    shutil.copytree(locate(registered.encoder, registered.folder), tmp_path / "mine")
    own = ModelSettings(encoder=str(tmp_path / "mine"), folder=tmp_path / "cache", encoder_dtype="float32")

    identity = encoder_identity(own)
    loaded = SentenceTransformerEncoder.load(own)

    assert identity == ("mine@" + encoder.encoder_id.partition("@")[2], 384)
    assert (loaded.encoder_id, loaded.dimensions) == identity
    remembered = json.loads((tmp_path / "cache" / ".digests.json").read_text())
    assert [digest[:12] for digest in remembered.values()] == ["53aa51172d14"]


@pytest.mark.models
def test_the_identity_is_known_without_loading_a_model() -> None:
    """Commands that only look at the record do not pay for torch."""
    folder = settings().folder
    code = (
        "import sys; from pathlib import Path; from domain.settings import ModelSettings;"
        "from retriever.encoder import encoder_identity;"
        f"print(encoder_identity(ModelSettings(folder=Path({str(folder)!r}))), 'torch' in sys.modules)"
    )

    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert run.stdout.strip() == "('all-MiniLM-L6-v2@53aa51172d14', 384) False"


def make_folder(folder: Path, *, modules: str | None = None, files: tuple[str, ...] = ("model.safetensors",)) -> None:
    folder.mkdir()
    (folder / "config.json").write_text('{"hidden_size": 32}')
    for file in files:
        (folder / file).write_bytes(b"weights")
    if modules is not None:
        (folder / "modules.json").write_text(modules)


def test_a_bare_folder_has_the_width_of_its_transformer(tmp_path: Path) -> None:
    """Without modules the library pools the mean, which keeps the width."""
    make_folder(tmp_path / "bare")

    name, dimensions = encoder_identity(ModelSettings(encoder=str(tmp_path / "bare"), folder=tmp_path))

    assert (name.partition("@")[0], dimensions) == ("bare", 32)


@pytest.mark.parametrize(
    ("modules", "files", "words"),
    [
        (None, ("pytorch_model.bin",), "can run code"),
        ('[{"path": "", "type": "evil.Module"}]', ("model.safetensors",), "not part of sentence-transformers"),
        ("{}", ("model.safetensors",), "not a list of modules"),
        ("not json", ("model.safetensors",), "not JSON"),
        (None, (), "has no 'model.safetensors'"),
    ],
)
def test_a_folder_that_is_unsafe_or_broken_is_refused(
    modules: str | None, files: tuple[str, ...], words: str, tmp_path: Path
) -> None:
    """Pickles and foreign code are never loaded; the message names the file."""
    make_folder(tmp_path / "mine", modules=modules, files=files)

    with pytest.raises(ModelFileError, match=words):
        encoder_identity(ModelSettings(encoder=str(tmp_path / "mine"), folder=tmp_path))


def test_weights_that_cannot_be_read_are_our_error(tmp_path: Path) -> None:
    """Whatever the libraries raise, the caller sees a damaged model file."""
    make_folder(tmp_path / "mine")

    with pytest.raises(ModelFileError, match="cannot be loaded"):
        SentenceTransformerEncoder.load(ModelSettings(encoder=str(tmp_path / "mine"), folder=tmp_path))


def test_an_encoder_that_is_nowhere_is_told_with_the_remedy(tmp_path: Path) -> None:
    """A registered name is to be fetched; another name is neither registered nor a folder."""
    with pytest.raises(ModelFileError) as missing:
        encoder_identity(ModelSettings(folder=tmp_path))
    with pytest.raises(ModelFileError, match="neither a registered encoder nor"):
        encoder_identity(ModelSettings(encoder="someone/some-model", folder=tmp_path))

    assert missing.value.hint == "Run 'dateline models fetch all-MiniLM-L6-v2'."


def test_batches_hold_texts_of_like_length_within_the_budget() -> None:
    """Longest first; a text above the budget is alone; every position occurs once."""
    batches = batches_by_length([3, 9, 5, 5, 30, 4], budget=10)

    assert batches == [[4], [1], [2, 3], [5, 0]]


@pytest.mark.parametrize(
    ("flags", "expected"), [("avx2 avx512f", False), ("avx512f avx512_bf16", True), ("amx_bf16", True)]
)
def test_bfloat16_is_used_where_the_cpu_has_it(
    flags: str, *, expected: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the instructions it would be slower than float32."""
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(f"flags\t\t: fpu {flags}\n")
    monkeypatch.setattr("platform.machine", lambda: "x86_64")

    assert has_fast_bfloat16(cpuinfo) is expected


def test_lengths_share_few_widths() -> None:
    """Each width costs memory for good, so that 256 lengths have 28; none is narrower than its text."""
    widths = [padded_width(tokens) for tokens in range(1, 257)]

    assert len(set(widths)) == 28
    assert all(tokens <= width for tokens, width in enumerate(widths, start=1))


@pytest.mark.models
def test_padding_changes_no_vector(encoder: SentenceTransformerEncoder) -> None:
    """A text has the same vector among a few texts, which are padded, and among many, which are not."""
    texts = [f"The council of valley {number} met on day {number * 7}." for number in range(300)]

    few, many = encoder.encode_passages(texts[:5]), encoder.encode_passages(texts)[:5]

    assert np.einsum("ij,ij->i", few, many).min() > 0.999
