"""A thousand broken replies: none of them leads to a crash or to a citation that is not in its document."""

import json
import os
import random
import re
from collections.abc import Callable, Iterator

import pytest

from domain.answers import CitedAnswer, Question
from prompts.registry import load_prompt
from retriever.wiring import Record
from tests.support.assistants import assistant_over, record_of
from tests.support.chat_models import model_that_writes
from tests.support.records import prepared

EDITS = 1_000
QUESTIONS = (
    "What did the two sides agree about the Tarrow railway?",
    "How many families lost their homes at Sorrel Gate?",
    "When will the northern bridge open?",
)
DOCUMENTS = (
    prepared(
        "talks",
        "The two sides agreed to discuss the Tarrow railway in October. The Velmark side called the talks useful.",
        "Minister Ada Brandt said that 87 million crowns had been set aside for the Tarrow railway.",
    ),
    prepared("flood", "The flood at Sorrel Gate left 430 families without homes, the wardens said on Tuesday."),
    prepared("bridge", "The governor said that the northern bridge would open in June 2025."),
)
_EVIDENCE = re.compile(r"^<(E\d+)>(?: \([^)]*\))? (.*)</E\d+>$", re.MULTILINE)
_FOREIGN = ("双方同意讨论铁路问题。", "دونوں فریقوں نے اتفاق کیا۔", "Стороны договорились обсудить дорогу.", "🚂🚂🚂")
_MARKUP = (
    "<script>alert(1)</script>",
    "![x](https://evil.example/?q=1)",
    "[1]: https://evil.example",
    "**bold** [E1]",
    "</E1><E9>",
    "<|im_start|>",
    "{{evidence}}",
    "\u202e\u200b",
    "\\ud800",
    "\x00",
)


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Record]:
    with record_of(tmp_path_factory.mktemp("fuzz"), DOCUMENTS) as opened:
        yield opened


def test_no_edit_of_a_reply_yields_a_false_quote(record: Record) -> None:
    """Wrong ids, invented quotes, other numbers, markup, other languages, cut JSON: every citation stays verbatim."""
    seed = int(os.environ.get("FUZZ_SEED", "0")) or random.SystemRandom().randrange(1, 10**6)
    print(f"seed {seed}; repeat with FUZZ_SEED={seed}")  # noqa: T201  - shown with a failure
    chance = random.Random(seed)
    assistant = assistant_over(record, chat=model_that_writes(lambda prompt: _edited_reply(prompt, chance)))

    answers = [assistant.answer(Question(text=QUESTIONS[number % len(QUESTIONS)])) for number in range(EDITS)]

    cited = [answer for answer in answers if isinstance(answer, CitedAnswer)]
    citations = [citation for answer in cited for sentence in answer.sentences for citation in sentence.citations]
    assert all(
        citation.span.of(record.ledger.document(citation.header.document_id, citation.header.version).text)
        == citation.quote
        for citation in citations
    )
    shown = " ".join(sentence.text for answer in cited for sentence in answer.sentences)
    assert not re.search(r"evil|<|>|\u202e|\x00|[\u4e00-\u9fff\u0600-\u06ff\u0400-\u04ff]", shown)
    # Both ways must have been taken, or the edits tested nothing.
    assert {answer.mode for answer in cited} == {"model", "extractive"}
    assert any(answer.withheld for answer in cited)


def test_the_edits_start_from_a_reply_that_is_accepted(record: Record) -> None:
    """Unedited, the reply is shown as written; so what the edits change is what is refused."""
    assistant = assistant_over(record, chat=model_that_writes(lambda prompt: json.dumps(_faithful_reply(prompt))))

    answer = assistant.answer(Question(text=QUESTIONS[2]))

    assert isinstance(answer, CitedAnswer)
    assert (answer.mode, answer.withheld) == ("model", ())


def _faithful_reply(prompt: str) -> dict[str, list[dict[str, object]]]:
    """Each piece of evidence that the prompt shows, word for word, bound to its id."""
    head = load_prompt("answer").template.partition("<evidence>")[0]
    shown = _EVIDENCE.findall(prompt.removeprefix(head))
    return {"sentences": [{"text": words, "evidence_ids": [name]} for name, words in shown[:3]]}


def _edited_reply(prompt: str, chance: random.Random) -> str:
    reply = _faithful_reply(prompt)
    for _ in range(chance.randint(1, 3)):
        sentence = chance.choice(reply["sentences"])
        chance.choice(_SENTENCE_EDITS)(sentence, chance)
    written = json.dumps(reply, ensure_ascii=chance.random() < 0.5)
    return chance.choice(_TEXT_EDITS)(written, chance) if chance.random() < 0.4 else written


def _other_ids(sentence: dict[str, object], chance: random.Random) -> None:
    sentence["evidence_ids"] = chance.choice([["E2"], ["E1", "E2"], ["E99"], ["E0"], [], ["e1"], "E1", [1], [["E1"]]])


def _other_number(sentence: dict[str, object], chance: random.Random) -> None:
    sentence["text"] = re.sub(r"\d+", lambda _: str(chance.randint(0, 999)), str(sentence["text"]))


def _other_speaker(sentence: dict[str, object], chance: random.Random) -> None:
    pairs = [("The two sides", "The Velmark side"), ("The governor", "Queen Sabeth"), ("agreed to discuss", "agreed")]
    old, new = chance.choice(pairs)
    sentence["text"] = str(sentence["text"]).replace(old, new)


def _invented(sentence: dict[str, object], chance: random.Random) -> None:
    sentence["text"] = chance.choice(
        ["The king resigned on Monday.", "According to Xinhua, 12 bridges fell.", "", " ", "[E1]", "No.", "1", "."]
    )


def _negated(sentence: dict[str, object], chance: random.Random) -> None:
    text = str(sentence["text"])
    sentence["text"] = chance.choice([text.replace("would", "would not"), f"It is not true that {text}"])


def _marked_up(sentence: dict[str, object], chance: random.Random) -> None:
    words = str(sentence["text"]).split(" ")
    words.insert(chance.randint(0, len(words)), chance.choice(_MARKUP))
    sentence["text"] = " ".join(words)


def _translated(sentence: dict[str, object], chance: random.Random) -> None:
    sentence["text"] = chance.choice(_FOREIGN)


def _extended(sentence: dict[str, object], chance: random.Random) -> None:
    sentence[chance.choice(["quote", "start", "text "])] = chance.choice(["invented words", 7, None])


_SENTENCE_EDITS: tuple[Callable[[dict[str, object], random.Random], None], ...] = (
    _other_ids,
    _other_number,
    _other_speaker,
    _invented,
    _negated,
    _marked_up,
    _translated,
    _extended,
)
_TEXT_EDITS: tuple[Callable[[str, random.Random], str], ...] = (
    lambda text, chance: text[: chance.randint(0, len(text))],
    lambda text, _chance: f"Sure! Here is the answer: {text}",
    lambda text, _chance: f"```json\n{text}\n```",
    lambda text, chance: text * chance.randint(2, 3),
    lambda text, _chance: "[" * 5_000 + text,
    lambda text, _chance: text.replace('"', "'"),
    lambda text, chance: "".join(chance.sample(text, len(text))),
    lambda _text, _chance: "The northern bridge would open in June. [E1]",
    lambda _text, _chance: "null",
    lambda _text, _chance: "",
    lambda text, _chance: text.replace("sentences", "answers"),
    lambda _text, _chance: "x" * 200_000,
)
