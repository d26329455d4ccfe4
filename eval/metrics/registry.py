"""All metrics, in the order of the report."""

from collections.abc import Callable, Sequence
from typing import Final, Literal

from eval.cases import Case
from eval.metrics import answers, citations, conversation, cost, ranking, refusals
from eval.metrics import time as as_of
from eval.metrics.definition import Applies, Group, Judged, Metric, Observation, Unit, each, each_pair
from eval.metrics.uncertainty import Statistic
from eval.outcomes import Outcome

Better = Literal["higher", "lower", "neither"]


def _ranking(
    name: str,
    title: str,
    judge: Callable[[Case, Outcome], ranking.Judgement | None],
    value: Callable[[ranking.Judgement], float],
) -> Metric:
    def of_case(case: Case, outcome: Outcome) -> float | None:
        judgement = judge(case, outcome)
        return None if judgement is None else value(judgement)

    return Metric(
        name=name,
        title=title,
        group="ranking",
        unit="share",
        better="higher",
        applies_to="ranking",
        observe=each(of_case),
    )


def _hit(k: int) -> Callable[[ranking.Judgement], float]:
    return lambda judgement: ranking.hit(judgement, k=k)


def _rankings(
    prefix: str, thing: str, judge: Callable[[Case, Outcome], ranking.Judgement | None]
) -> tuple[Metric, ...]:
    return (
        *(_ranking(f"{prefix}hit@{k}", f"{thing}: gold in the first {k}", judge, _hit(k)) for k in (1, 4, 10)),
        _ranking(f"{prefix}mrr@10", f"{thing}: reciprocal rank", judge, ranking.reciprocal_rank),
        _ranking(f"{prefix}ndcg@10", f"{thing}: nDCG", judge, ranking.ndcg),
        _ranking(f"{prefix}all_gold@10", f"{thing}: all gold in the first 10", judge, ranking.all_gold),
    )


def _mean(
    group: Group,
    name: str,
    title: str,
    value: Callable[[Case, Outcome], float | None],
    *,
    better: Better = "higher",
    unit: Unit = "share",
    applies_to: Applies = "answering",
) -> Metric:
    return Metric(
        name=name, title=title, group=group, unit=unit, better=better, applies_to=applies_to, observe=each(value)
    )


def _of_set(
    group: Group,
    name: str,
    title: str,
    observe: Callable[[Sequence[Judged]], Sequence[Observation | None]],
    *,
    better: Better = "higher",
    unit: Unit = "share",
    applies_to: Applies = "answering",
) -> Metric:
    return Metric(name=name, title=title, group=group, unit=unit, better=better, applies_to=applies_to, observe=observe)


def _figure(
    name: str,
    title: str,
    pair: Callable[[Case, Outcome], tuple[float, float] | None],
    statistic: Statistic,
    *,
    better: Better,
    applies_to: Applies,
) -> Metric:
    return Metric(
        name=name,
        title=title,
        group="refusals",
        unit="score",
        better=better,
        applies_to=applies_to,
        observe=each_pair(pair),
        statistic=statistic,
    )


def _percentile(stage: str, percent: int) -> Metric:
    def observe(judged: Sequence[Judged]) -> Sequence[Observation | None]:
        return [cost.milliseconds(outcome, stage) for _, outcome in judged]

    return Metric(
        name=f"{stage}_ms_p{percent}",
        title=f"{stage.replace('_', ' ')}: milliseconds, {percent}th percentile",
        group="cost",
        unit="ms",
        better="lower",
        applies_to="any",
        observe=observe,
        statistic=cost.percentile(percent / 100),
    )


METRICS: Final[tuple[Metric, ...]] = (
    *_rankings("", "documents", ranking.by_document),
    *_rankings("passage_", "passages", ranking.by_passage),
    _mean("answers", "exact_match", "exact match", answers.exact_match),
    _mean("answers", "token_f1", "token F1", answers.token_f1),
    _mean("answers", "contains", "contains the answer", answers.contains),
    _mean("answers", "right_when_answered", "right, of what was answered", answers.right_when_answered),
    _mean("answers", "gold_covered", "gold sentences covered", answers.gold_covered),
    _mean("answers", "wrong_value_given", "wrong value given", answers.wrong_value_given, better="lower"),
    _mean("answers", "misled", "only the wrong value given", answers.misled, better="lower"),
    _mean("answers", "both_values_given", "right and wrong value given", answers.both_values_given, better="neither"),
    _mean("citations", "verbatim", "quotes verbatim at their place", citations.verbatim, applies_to="placing"),
    _mean("citations", "citation_recall", "sentences citing gold", citations.recall, applies_to="citing"),
    _mean("citations", "citation_precision", "quotes that are gold", citations.precision, applies_to="citing"),
    _mean("citations", "gold_quoted", "gold texts quoted", citations.gold_quoted, applies_to="citing"),
    _mean("citations", "support", "support of quotes, own checker", citations.support, applies_to="scoring"),
    _mean(
        "citations", "support_rate", "sentences supported, own checker", citations.support_rate, applies_to="scoring"
    ),
    _mean(
        "citations",
        "number_errors",
        "numbers not in their quotes",
        citations.number_errors,
        better="lower",
        applies_to="citing",
    ),
    _mean(
        "citations",
        "date_errors",
        "dates not in their quotes",
        citations.date_errors,
        better="lower",
        applies_to="citing",
    ),
    _mean(
        "citations",
        "speaker_errors",
        "speakers not in their quotes",
        citations.speaker_errors,
        better="lower",
        applies_to="citing",
    ),
    _mean("citations", "speaker_named", "right speaker named", citations.speaker_named),
    _mean("refusals", "coverage", "answered", refusals.coverage, better="neither"),
    _mean("refusals", "wrong_answers", "unanswerable but answered", refusals.wrong_answer, better="lower"),
    _mean("refusals", "wrong_refusals", "answerable but refused", refusals.wrong_refusal, better="lower"),
    _mean("refusals", "reason_right", "refused for the right reason", refusals.reason_right),
    _figure(
        "balanced_decision",
        "answer or refuse, balanced",
        refusals.decision,
        refusals.balanced_decision,
        better="higher",
        applies_to="answering",
    ),
    _figure(
        "auroc",
        "confidence: AUROC of answerable",
        refusals.confidence,
        refusals.auroc,
        better="higher",
        applies_to="confident",
    ),
    _figure(
        "risk_coverage_area",
        "confidence: area under risk and coverage",
        refusals.confidence,
        refusals.risk_coverage_area,
        better="lower",
        applies_to="confident",
    ),
    _figure(
        "calibration_error",
        "confidence: calibration error",
        refusals.confidence,
        refusals.calibration_error,
        better="lower",
        applies_to="confident",
    ),
    _mean("time", "right_on_the_day", "right as of the day asked", as_of.right_on_the_day),
    _of_set("time", "as_of_pairs", "same question right on each day", as_of.as_of_pairs),
    _mean("time", "superseded_given", "superseded value given", as_of.superseded_given, better="lower"),
    _mean(
        "conversation", "rewrite_f1", "follow-up as searched for: token F1", conversation.rewrite_f1, applies_to="any"
    ),
    _of_set(
        "conversation",
        "follow_up_loss_found",
        "documents found: stand-alone minus follow-up",
        conversation.loss(conversation.found_at_4),
        better="lower",
        unit="score",
        applies_to="ranking",
    ),
    _of_set(
        "conversation",
        "follow_up_loss_answered",
        "answered: stand-alone minus follow-up",
        conversation.loss(conversation.answered),
        better="lower",
        unit="score",
    ),
    *(_percentile(stage, percent) for stage in cost.STAGES for percent in (50, 95)),
    _mean("cost", "prompt_tokens", "prompt tokens", cost.prompt_tokens, better="lower", unit="tokens"),
    _mean("cost", "completion_tokens", "completion tokens", cost.completion_tokens, better="lower", unit="tokens"),
)
