"""Write `squad2_dev` without the questions that the reader was trained on, as a data set of its own.

`python -m tools.reader.held_out --data DATASETS --out FOLDER` makes `FOLDER/squad2_held_out`: the whole corpus, so that
finding is as hard as before, and the questions over the articles that were not learned from.
"""

import argparse
import gzip
import json
import shutil
from pathlib import Path

from tools.reader.examples import article_of, learned_articles, paragraph_of, rows_of


def main() -> None:
    """Write the folder."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--data", type=Path, required=True, help="Folder of the data sets.")
    options.add_argument("--out", type=Path, required=True)
    asked = options.parse_args()
    source, made = asked.data / "dev" / "squad2_dev", asked.out / "squad2_held_out"
    learned = learned_articles(asked.data)
    made.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source / "corpus.jsonl.gz", made / "corpus.jsonl.gz")
    with gzip.open(made / "questions.jsonl.gz", "wt", encoding="utf-8") as written:
        for row in rows_of(source / "questions.jsonl.gz"):
            if article_of(paragraph_of(row)) not in learned:
                written.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main()
