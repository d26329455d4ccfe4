"""Tell how the support checker does on people's claims that were kept from it, as what is shipped beside it.

`python -m tools.support.crossed --data DATASETS --works PART0 PART1 PART2 PART3 --out eval/checker.json`: the work
folders of four trainings, each `--without-part` its number. A claim is judged by the checker that did not learn from
it, with the guards, as a written sentence would be.
"""

import argparse
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from domain.answers import Evidence
from domain.settings import load_settings
from eval.checker_error import measure, measured_with
from tools.support.examples import labelled_examples


class CrossedChecker:
    """The port `SupportChecker`: what the checker that had not seen a claim scored, by the claim and its words."""

    def __init__(self, log_odds: Mapping[tuple[str, str], float]) -> None:
        self._log_odds = log_odds

    def support(self, sentence: str, groups: Sequence[Sequence[Evidence]]) -> tuple[float, ...]:
        """Return the support of each group; nothing for a part of the words that were judged."""
        words = [" ".join(piece.text.strip() for piece in group) for group in groups]
        return tuple(1 / (1 + math.exp(-self._log_odds.get((sentence, one), -math.inf))) for one in words)


def main() -> None:
    """Write the measurement."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--data", type=Path, required=True, help="Folder of the data sets.")
    options.add_argument("--works", type=Path, nargs="+", required=True, help="Work folders, by part.")
    options.add_argument("--out", type=Path, required=True)
    asked = options.parse_args()
    checker = CrossedChecker(dict(_judged(asked.data, asked.works)))
    settings = load_settings()
    measured = measure(asked.data / "dev/nli", checker, min_support=settings.answer.min_support)
    told = {**measured, **measured_with(settings), "crossed": True}
    asked.out.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")


def _judged(data: Path, works: Sequence[Path]) -> Iterator[tuple[tuple[str, str], float]]:
    examples = list(dict.fromkeys(labelled_examples(data)))
    for part, work in enumerate(works):
        judged = json.loads((work / "judged.json").read_text("utf-8"))
        for name in {one.source for one in examples}:
            own = [one for one in examples if one.part == part and one.source == name]
            for one, (_, supported, log_odds) in zip(own, judged[name], strict=True):
                if one.supported != supported:
                    raise SystemExit(f"{work} judged other claims: were its rows made of these data?")
                yield (one.sentence, one.words), log_odds


if __name__ == "__main__":
    main()
