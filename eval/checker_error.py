"""How wrong the assistant's own support checker is, on claims that people have labelled.

The report shows a system's support only beside these figures. A claim goes through what a written sentence goes
through, guards and checker, and counts as judged supported when it would be shown. The last measurement is kept beside
the records and goes into the header of each run; one is shipped, so that there always is one. The shipped checker has
learned from these very claims: the shipped measurement is that of four checkers, each on the claims kept from it.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

import retriever
import service.answering
from domain.answers import Evidence
from domain.corpus import Citable, DocumentHeader, Passage, Span, passage_id_of, sha256_of
from domain.errors import ConfigurationError
from domain.ports import DraftSentence, SupportChecker
from domain.settings import Settings
from eval.json_rows import first_of, read_rows
from eval.metrics.citations import checker_error
from eval.metrics.uncertainty import SEED, Estimate
from eval.summary import DIGITS
from retriever.pair_model import weights_file
from retriever.support_checker import WEIGHTS
from retriever.wiring import LazySupportChecker
from service.answering.verify import Supported, verify

WICE: Final = "wice_oracle_chunks_dev"
CLIMATE_FEVER: Final = "climate_fever"
SHIPPED: Final = Path(__file__).with_name("checker.json")
_ANSWERING: Final = Path(service.answering.__file__).parent
_RETRIEVER: Final = Path(retriever.__file__).parent
_READING: Final = ("pair_layout.py", "pair_model.py", "support_checker.py")
_CODE: Final = (
    "clean.py",
    "guards.py",
    "happenings.py",
    "lexical_match.py",
    "modality.py",
    "negation.py",
    "numbers.py",
    "speakers.py",
    "verify.py",
    "word_forms.py",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledClaim:
    """A sentence that people held against evidence.

    Attributes:
        evidence: Groups of sentences; the claim is supported when the sentences of one group, cited together, do so.
        supported: Fully, as people say; partly supported, contradicted and unrelated are not.
    """

    claim: str
    evidence: tuple[tuple[str, ...], ...]
    supported: bool


def measure_configured(settings: Settings, folder: Path, *, limit: int | None = None) -> dict[str, Any]:
    """Measure the checker that these settings give the assistant; see `measure`.

    Raises:
        ConfigurationError: If the folder holds none of the sets.
        ModelFileError: If the checker's weights are missing or damaged.
    """
    checker = LazySupportChecker(settings.models)
    measured = measure(folder, checker, min_support=settings.answer.min_support, limit=limit)
    learned = [WICE, CLIMATE_FEVER] if settings.models.support is None else []
    return {**measured, **measured_with(settings), "learned_from": learned}


def known_error(settings: Settings, kept: Path) -> dict[str, Any] | None:
    """Return the last measurement, with `is_current`: whether it is of these weights, threshold and code.

    Args:
        settings: Of the run.
        kept: Where `dateline eval checker` wrote it; the shipped one stands in. `None` without either.
    """
    for path in (kept, SHIPPED):
        try:
            measured = json.loads(path.read_text("utf-8"))
        except (OSError, ValueError):
            continue
        if not isinstance(measured, dict):
            continue
        same = {"min_support": settings.answer.min_support, **measured_with(settings)}
        return {**measured, "is_current": all(measured.get(name) == value for name, value in same.items())}
    return None


def measured_with(settings: Settings) -> dict[str, str]:
    """Return what verdicts depend on beside the threshold: digests of the checker's `weights` and of the `code`."""
    try:
        weights = hashlib.sha256(weights_file(WEIGHTS, settings.models.support).read_bytes()).hexdigest()[:12]
    except OSError:
        weights = ""
    files = [*(_ANSWERING / name for name in _CODE), *(_RETRIEVER / name for name in _READING)]
    code = b"".join(file.read_bytes() for file in files)
    return {"weights": weights, "code": hashlib.sha256(code).hexdigest()[:12]}


def measure(folder: Path, checker: SupportChecker, *, min_support: float, limit: int | None = None) -> dict[str, Any]:
    """Return the checker's agreement with people on each labelled set in a folder, as plain values.

    Args:
        folder: Holds `wice_oracle_chunks_dev` and `climate_fever` as `.jsonl` or `.jsonl.gz`; either may be missing.
        checker: What is measured.
        min_support: Support below this withholds a sentence.
        limit: At most so many claims of each set, drawn with a fixed seed; all by default.

    Returns:
        `{"min_support", "sets": [{"name", "n", "supported", "accuracy", "balanced_accuracy"}]}`; the last
        two are `{"mean", "low", "high"}`.

    Raises:
        ConfigurationError: If the folder holds none of the sets.
    """
    sets = []
    for name, labelled in labelled_claims(folder).items():
        claims = _drawn(labelled, limit)
        verdicts = [(one.supported, would_be_shown(one, checker, min_support=min_support)) for one in claims]
        error = checker_error(verdicts, [one.claim for one in claims])
        sets.append(
            {
                "name": name,
                "n": error.accuracy.n,
                "supported": error.supported,
                "accuracy": _plain(error.accuracy),
                "balanced_accuracy": _plain(error.balanced_accuracy),
            }
        )
    return {"min_support": min_support, "sets": sets}


def labelled_claims(folder: Path) -> dict[str, tuple[LabelledClaim, ...]]:
    """Return the claims of each labelled set in a folder, by the name of the set.

    Args:
        folder: Holds `wice_oracle_chunks_dev` and `climate_fever` as `.jsonl` or `.jsonl.gz`; either may be missing.

    Raises:
        ConfigurationError: If the folder holds none of the sets.
    """
    files = {name: first_of(folder, [f"{name}.jsonl"]) for name in (WICE, CLIMATE_FEVER)}
    claims = {
        name: tuple(read(row.values for row in read_rows(path)))
        for (name, path), read in zip(files.items(), (_wice, _climate_fever), strict=True)
        if path is not None
    }
    if not claims:
        raise ConfigurationError(
            f"There are no labelled claims in {str(folder)!r}",
            hint=f"It holds {WICE}.jsonl.gz or {CLIMATE_FEVER}.jsonl.gz.",
        )
    return claims


def would_be_shown(one: LabelledClaim, checker: SupportChecker, *, min_support: float) -> bool:
    """Tell whether the assistant would show the claim as a sentence citing one of the groups of evidence."""
    for group in one.evidence:
        evidence = tuple(_evidence(number, text) for number, text in enumerate(group, start=1))
        draft = DraftSentence(text=one.claim, evidence_ids=tuple(piece.evidence_id for piece in evidence))
        if isinstance(verify(draft, evidence, checker=checker, min_support=min_support), Supported):
            return True
    return False


def _wice(rows: Iterable[Mapping[str, Any]]) -> Iterator[LabelledClaim]:
    """WiCE (Kamoi et al., EMNLP 2023): a claim is held against each of its chunks; `supported` against the rest."""
    chunks: dict[str, list[tuple[str, ...]]] = {}
    labels: dict[str, str] = {}
    for row in rows:
        chunks.setdefault(row["claim"], []).append(_sentences(row["evidence"]))
        labels[row["claim"]] = row["label"]
    for claim, groups in chunks.items():
        yield LabelledClaim(claim=claim, evidence=tuple(groups), supported=labels[claim] == "supported")


def _climate_fever(rows: Iterable[Mapping[str, Any]]) -> Iterator[LabelledClaim]:
    """Climate-FEVER (Diggelmann et al., 2020): a claim against one sentence; `entailment` against the rest."""
    for row in rows:
        yield LabelledClaim(
            claim=row["hypothesis"],
            evidence=(_sentences([row["premise"]]),),
            supported=row["label"] == "entailment",
        )


def _sentences(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(text for text in texts if text.strip())


def _drawn(claims: Sequence[LabelledClaim], limit: int | None) -> Sequence[LabelledClaim]:
    if limit is None or limit >= len(claims):
        return claims
    places = np.random.default_rng(SEED).choice(len(claims), size=limit, replace=False)
    return [claims[place] for place in sorted(places.tolist())]


def _evidence(number: int, sentence: str) -> Evidence:
    document_id, span = f"evidence-{number}", Span(start=0, end=len(sentence))
    passage = Passage(
        passage_id=passage_id_of(document_id, 1, span),
        document_id=document_id,
        version=1,
        ordinal=0,
        span=span,
        text=sentence,
        sentences=(span,),
    )
    header = DocumentHeader(
        document_id=document_id, version=1, content_sha256=sha256_of(sentence), source_uri=f"upload:{document_id}"
    )
    return Evidence(evidence_id=f"E{number}", citable=Citable(passage=passage, header=header), span=span, score=1.0)


def _plain(one: Estimate) -> dict[str, float | None]:
    ends = {"mean": one.mean, "low": one.low, "high": one.high}
    return {name: None if value is None else round(value, DIGITS) for name, value in ends.items()}
