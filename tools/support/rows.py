"""Make what the support checker learns from, as token ids: training then needs nothing but PyTorch.

`python -m tools.support.rows --data DATASETS --out rows.jsonl.gz`.
"""

import argparse
import gzip
import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

from tokenizers import Tokenizer

from domain.settings import load_settings
from retriever.encoder_folder import find_encoder
from retriever.pair_layout import MOST_CHECKED, MOST_SENTENCE, pair_of
from tools.support.examples import SupportExample, labelled_examples, made_examples, page_examples
from tools.support.train import Row

_AT_ONCE: Final = 1000


def main() -> None:
    """Write the rows."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--data", type=Path, required=True, help="Folder of the data sets.")
    options.add_argument("--out", type=Path, required=True)
    options.add_argument("--seeds", type=int, nargs="+", default=(5, 6), help="One set of made examples for each.")
    options.add_argument("--made", type=int, default=60_000, help="How many are made with one seed, at most.")
    asked = options.parse_args()
    examples = [one for seed in asked.seeds for one in made_examples(asked.data, seed=seed, most=asked.made)]
    examples += page_examples(asked.data, seed=asked.seeds[0])
    examples += labelled_examples(asked.data)
    tokenizer = Tokenizer.from_file(str(find_encoder(load_settings().models).path / "tokenizer.json"))
    with gzip.open(asked.out, "wt", encoding="utf-8") as file:
        for row in rows_from(list(dict.fromkeys(examples)), tokenizer):
            file.write(json.dumps(asdict(row)) + "\n")


def rows_from(examples: Sequence[SupportExample], tokenizer: Tokenizer) -> Iterator[Row]:
    """Lay out examples as the checker reads them."""
    tokenizer.no_padding()
    tokenizer.no_truncation()
    for begin in range(0, len(examples), _AT_ONCE):
        some = examples[begin : begin + _AT_ONCE]
        sentences = tokenizer.encode_batch([one.sentence for one in some], add_special_tokens=False)
        words = tokenizer.encode_batch([one.words for one in some], add_special_tokens=False)
        for one, sentence, said in zip(some, sentences, words, strict=True):
            pair = pair_of(sentence.ids, (), said.ids, most_question=MOST_SENTENCE, most=MOST_CHECKED)
            claim = hashlib.sha256(one.sentence.encode()).hexdigest()[:12]
            yield Row(ids=pair.ids, segments=pair.segments, supported=one.supported, source=one.source,
                      part=one.part, claim=claim)  # fmt: skip


if __name__ == "__main__":
    main()
