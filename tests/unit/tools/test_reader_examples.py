"""What the reader is trained on: windows hold their answer, and what is said not to answer does not."""

import random

import pytest
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace

from tools.reader import examples
from tools.reader.examples import Asked, Example
from tools.reader.train import rows_of_examples
from tools.training import batches_of

PORT = "The port was opened in 1998. It lies on the northern bay. Costrel paid 85 million for it. Ships call every day."


def asked(question: str, *answers: str, evidence: str | None = None) -> Asked:
    return Asked(question=question, passage="p", answers=answers, answerable=True, source="own", evidence=evidence)


@pytest.mark.parametrize("seed", range(8))
def test_a_window_holds_its_answer_and_marks_the_sentence(seed: int) -> None:
    """However the window is cut, the places are those of the answer, inside an answering sentence."""
    made = examples._answered(asked("Who paid for it?", "Costrel"), "Port", PORT, random.Random(seed))

    assert made is not None
    assert {made.window[slice(*place)] for place in made.answers} == {"Costrel"}
    assert [made.window[slice(*made.sentences[number])] for number in made.evidence] == [
        "Costrel paid 85 million for it."
    ]


def test_an_answer_that_the_text_does_not_hold_makes_no_example() -> None:
    """A part of a word is no answer either."""
    assert examples._answered(asked("Who paid?", "Orrin"), "Port", PORT, random.Random(1)) is None
    assert examples._answered(asked("What opened?", "por"), "Port", PORT, random.Random(1)) is None


@pytest.mark.parametrize("seed", range(8))
def test_a_window_beside_the_answer_does_not_hold_it(seed: int) -> None:
    (made,) = examples._beside(asked("Who paid for it?", "Costrel"), "Port", PORT, random.Random(seed))

    assert "Costrel" not in made.window
    assert (made.answered, made.answers, made.evidence) == (False, (), ())


def test_an_exchanged_question_names_something_that_the_text_does_not_hold() -> None:
    """Or it stays out, where all that could be put in its place stands in the text."""
    draw = random.Random(3)

    changed = examples._exchanged("What did Costrel pay?", ["Costrel", "Velmar"], [], PORT, draw)

    assert changed == "What did Velmar pay?"
    assert examples._exchanged("what is it", ["Costrel", "Velmar"], [], PORT, draw) is None


def rows(*made: Example) -> list[str]:
    """The words that each example's labels point at."""
    vocabulary = {word: place for place, word in enumerate(["[UNK]", *sorted(set(PORT.replace(".", " .").split()))])}
    tokenizer = Tokenizer(WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    words = {place: word for word, place in vocabulary.items()}
    return [
        " ".join(words[one] for one in row.ids[row.starts[0] : row.ends[0] + 1])
        for row in rows_of_examples(made, tokenizer, seed=1)
    ]


def test_labels_point_at_the_tokens_of_the_answer() -> None:
    """Behind the question and, where it is kept, the title."""
    answered = [
        examples._answered(asked("Who paid for it?", "85 million"), title, PORT, random.Random(seed))
        for seed in range(4)
        for title in ("", "Port")
    ]

    assert set(rows(*[one for one in answered if one is not None])) == {"85 million"}


def test_batches_hold_every_example_as_often_as_there_are_passes() -> None:
    """One and a half passes: each once, half of them twice; the same for the same seed."""
    made = [examples._answered(asked(f"Who paid {n}?", "Costrel"), "", PORT, random.Random(n)) for n in range(10)]
    tokenizer = Tokenizer(WordLevel({"[UNK]": 0}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    learned = rows_of_examples([one for one in made if one is not None], tokenizer, seed=1)

    batches = batches_of(learned, epochs=1.5, seed=2)

    counts = [sum(row is one for batch in batches for row in batch) for one in learned]
    assert sorted(counts) == [1] * 5 + [2] * 5
    assert batches == batches_of(learned, epochs=1.5, seed=2)
