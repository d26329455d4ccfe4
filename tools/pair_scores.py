"""What the two int8 models score on this processor: `python -m tools.pair_scores`.

Prints the log-odds of a few pairs as shipped, and as onnxruntime scores by itself. Where a processor has VNNI both are
the same; `qemu-x86_64 -cpu Haswell .venv/bin/python -m tools.pair_scores` shows one with AVX2 alone.
"""

from typing import Final

from onnxruntime import InferenceSession, SessionOptions

from retriever.pair_layout import MOST_CHECKED, MOST_SENTENCE, pair_of
from retriever.pair_model import PairModel, weights_file

_PAIRS: Final = (
    ("Each day 87 trains cross the Orrin bridge.", "87 trains a day cross the Orrin bridge."),
    ("The governor resigned on Monday.", "On Monday the governor of the bank stepped down, officials said."),
    ("How many seats did the Meadow Party win?", "The commission gave the Meadow Party 109 of the 215 seats."),
)


def main() -> None:
    """Print a line for each model and way."""
    for weights in ("support.onnx", "reader.onnx"):
        model = PairModel.load(weights)
        tokens = [model.tokens(pair) for pair in _PAIRS]
        pairs = [
            pair_of(first.ids, (), second.ids, most_question=MOST_SENTENCE, most=MOST_CHECKED)
            for first, second in tokens
        ]
        print(weights, "as shipped", *(f"{one.log_odds:.4f}" for one in model.read(pairs)))  # noqa: T201
        options = SessionOptions()
        options.intra_op_num_threads = 1
        alone = PairModel(
            InferenceSession(str(weights_file(weights, None)), options, providers=["CPUExecutionProvider"]),
            model._tokenizer,  # noqa: SLF001  - the same, which has no state
            cores=1,
        )
        print(weights, "by itself ", *(f"{one.log_odds:.4f}" for one in alone.read(pairs)))  # noqa: T201


if __name__ == "__main__":
    main()
