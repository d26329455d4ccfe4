"""What the reader is trained on: question and window of a text, and where in the window the answer stands, if it does.

Sources are rows of public data sets, normalised as `datasets/README.md` says. For each answered question there are
windows of found passages that do not answer it (dense and lexical candidates, as at question time), a window of the
same passage without the answer, and now and then the question with one of its names or numbers exchanged.
"""

import random
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from domain.answers import TimeScope
from domain.ports import Encoder, IndexEntry
from eval.json_rows import read_rows
from ingest.sentences import sentence_spans
from retriever.lexical_index import LexicalIndex

_FOUND: Final = 10  # Depth of each ranking that negatives are drawn from.
_MOST_CHARS: Final = 620  # About 140 tokens.
_BESIDE: Final = 0.8  # Share of the questions with a window of the right passage, but without the answer.
_EXCHANGED: Final = 0.3  # The same with a name or number of the question exchanged, where it has one.
_NEXT: Final = 2  # Characters between sentences that follow one another.
_NAME: Final = re.compile(r"(?<=[a-z,] )(?:[A-Z][\w’'-]+(?: (?:of|the|de) (?=[A-Z]))?(?: (?=[A-Z]))?)+")
_NUMBER: Final = re.compile(r"\b\d[\d,.]*\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One question with one window.

    Attributes:
        answers: Where the answer stands in the window, every occurrence; empty where it does not or is not known.
        evidence: The sentences of the window that answer; empty where none does.
        sentences: All sentences of the window.
        answered: Whether the window answers the question.
        source: Name of the data it was made of.
    """

    question: str
    title: str
    window: str
    sentences: tuple[tuple[int, int], ...]
    answers: tuple[tuple[int, int], ...]
    evidence: tuple[int, ...]
    answered: bool
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A question of a source, before windows are cut.

    Attributes:
        passage: Key of the passage that answers it, or, for an unanswerable one, seems to.
        answers: Answer strings; empty where the passage as a whole answers, or nothing does.
        evidence: The sentence that answers, where the source says so.
        negatives: Texts that do not answer it, where the source has them.
    """

    question: str
    passage: str
    answers: tuple[str, ...]
    answerable: bool
    source: str
    evidence: str | None = None
    negatives: tuple[str, ...] = ()


Passages = dict[str, tuple[str, str]]
"""Title and text by key."""


def rows_of(path: Path) -> Iterator[Mapping[str, Any]]:
    """Yield the rows of a `.jsonl.gz` file."""
    return (row.values for row in read_rows(path))


def learned_articles(folder: Path) -> frozenset[str]:
    """Return the articles of `squad2_dev` that are learned from: every second one by name."""
    names = sorted({article_of(row["doc_id"]) for row in rows_of(folder / "dev/squad2_dev/corpus.jsonl.gz")})
    return frozenset(names[::2])


def article_of(doc_id: str) -> str:
    """Return the article of a paragraph of `squad2_dev`: `Warsaw` of `Warsaw#012`."""
    return doc_id.split("#", maxsplit=1)[0]


def paragraph_of(row: Mapping[str, Any]) -> str:
    """Return the paragraph that a question of `squad2_dev` was asked about, answered there or not."""
    return str(row["gold"][0]["doc_id"] if row["gold"] else row["context_doc_ids"][0])


def examples_of(folder: Path, encoder: Encoder, *, seed: int) -> list[Example]:
    """Make all examples of the data sets in `folder`, in a fixed random order."""
    draw = random.Random(seed)
    found: list[Example] = []
    for passages, asked in (_wiki(folder), _news(folder), _long_answers(folder)):
        found += _with_negatives(passages, asked, encoder, draw)
    found += _sentence_selection(folder, draw)
    draw.shuffle(found)
    return found


def _wiki(folder: Path) -> tuple[Passages, list[Asked]]:
    passages: Passages = {}
    asked: list[Asked] = []
    learned = learned_articles(folder)
    for name in ("squad11_dev_reader", "qed_nq_train_reader"):
        for row in rows_of(folder / f"train/{name}.jsonl.gz"):
            passages.setdefault(row["context"], (row["title"].replace("_", " "), row["context"]))
            asked.append(
                Asked(
                    question=row["question"],
                    passage=row["context"],
                    answers=tuple(row["answers"]),
                    answerable=True,
                    source=name.split("_")[0],
                    evidence=row.get("evidence_sentence"),
                )
            )
    for row in rows_of(folder / "dev/squad2_dev/corpus.jsonl.gz"):
        if article_of(row["doc_id"]) in learned:
            passages[row["doc_id"]] = (str(row.get("title") or "").replace("_", " "), row["text"])
    for row in rows_of(folder / "dev/squad2_dev/questions.jsonl.gz"):
        place = paragraph_of(row)
        if article_of(place) in learned:
            asked.append(
                Asked(
                    question=row["question"],
                    passage=place,
                    answers=tuple(row["answers"]),
                    answerable=row["answerable"],
                    source="squad2",
                )
            )
    return passages, asked


def _news(folder: Path) -> tuple[Passages, list[Asked]]:
    passages: Passages = {}
    asked: list[Asked] = []
    for row in rows_of(folder / "dev/realtimeqa_briefs/corpus.jsonl.gz"):
        for number, text in enumerate(part for part in row["text"].split("\n\n") if part.strip()):
            passages[f"{row['doc_id']}#{number}"] = (str(row.get("title") or ""), text.strip())
    for row in rows_of(folder / "train/realtimeqa_briefs_questions.jsonl.gz"):
        gold = row["gold"][0]["text"] if row["gold"] else ""
        if gold:
            passages[gold] = ("", gold)
            asked += [Asked(question=row["question"], passage=gold, answers=tuple(row["answers"]), answerable=True,
                            source="briefs")]  # fmt: skip
    for row in rows_of(folder / "train/realtimeqa_2022b_2024_rerank.jsonl.gz"):
        for positive in row["positives"][:2]:
            passages[positive["text"]] = ("", positive["text"])
            asked.append(
                Asked(
                    question=row["question"],
                    passage=positive["text"],
                    answers=tuple(row["answers"]),
                    answerable=True,
                    source="news",
                    negatives=tuple(row["hard_negatives"]),
                )
            )
    return passages, asked


def _long_answers(folder: Path) -> tuple[Passages, list[Asked]]:
    passages: Passages = {}
    asked = []
    for row in rows_of(folder / "train/clapnq_train_questions.jsonl.gz"):
        if row["answerable"] and row["answer"]:
            passages[row["answer"]] = ("", row["answer"])
            asked.append(
                Asked(question=row["question"], passage=row["answer"], answers=(), answerable=True, source="clapnq")
            )
    return passages, asked


def _sentence_selection(folder: Path, draw: random.Random) -> list[Example]:
    made = []
    for part in ("train", "dev", "test"):
        for row in rows_of(folder / f"train/trecqa_{part}.jsonl.gz"):
            positives, negatives = row["positives"], row["negatives"]
            draw.shuffle(positives)
            draw.shuffle(negatives)
            made += [_whole(row["question"], text, answered=True) for text in positives[:6]]
            made += [_whole(row["question"], text, answered=False) for text in negatives[:8]]
    return made


def _whole(question: str, text: str, *, answered: bool) -> Example:
    text = text[:_MOST_CHARS].strip()
    return Example(
        question=question,
        title="",
        window=text,
        sentences=((0, len(text)),),
        answers=(),
        evidence=(0,) if answered else (),
        answered=answered,
        source="trecqa",
    )


def _with_negatives(
    passages: Passages, asked: Sequence[Asked], encoder: Encoder, draw: random.Random
) -> Iterator[Example]:
    find = _finder(passages, encoder)
    nearest = find([one.question for one in asked])
    names, numbers = _swaps(asked)
    for one, found in zip(asked, nearest, strict=True):
        title, text = passages[one.passage]
        if not one.answerable:
            yield from _unanswered(one.question, title, text, draw, source=one.source, limit=2)
            continue
        positive = _answered(one, title, text, draw)
        if positive is None:
            continue
        yield positive
        others = [key for key in found if key != one.passage and not _gives(one, passages[key][1])]
        for key in draw.sample(others[:8], k=min(1 if one.source != "briefs" else 3, len(others[:8]))):
            yield from _unanswered(one.question, *passages[key], draw, source=one.source, limit=1)
        for negative in draw.sample(list(one.negatives), k=min(2, len(one.negatives))):
            if not _gives(one, negative):
                yield from _unanswered(one.question, "", negative, draw, source=one.source, limit=1)
        if one.answers and draw.random() < _BESIDE:
            yield from _beside(one, title, text, draw)
        if one.answers and draw.random() < _EXCHANGED:
            changed = _exchanged(one.question, names, numbers, text, draw)
            if changed is not None:
                yield replace(
                    positive,
                    question=changed,
                    answers=(),
                    evidence=(),
                    answered=False,
                    source=f"{one.source}-exchanged",
                )


def _gives(one: Asked, text: str) -> bool:
    return any(answer.casefold() in text.casefold() for answer in one.answers)


def _answered(one: Asked, title: str, text: str, draw: random.Random) -> Example | None:
    """Cut a window around the answer; `None` where the answer is not in the text."""
    sentences = _sentences(text)
    places = [
        (match.start(), match.end()) for answer in one.answers for match in re.finditer(_whole_words(answer), text)
    ]
    if one.answers and not places:
        return None
    if one.answers:
        evidence = _evidence(one, text, sentences, places)
        center = draw.choice(evidence)
    else:
        evidence, center = list(range(len(sentences))), 0
    first, last = _around(sentences, center, draw)
    return _cut(one.question, title, text, sentences[first : last + 1], places,
                {sentences[place] for place in evidence}, source=one.source, answered=True)  # fmt: skip


def _evidence(
    one: Asked, text: str, sentences: Sequence[tuple[int, int]], places: Sequence[tuple[int, int]]
) -> list[int]:
    named = text.find(one.evidence) if one.evidence else -1
    if one.evidence and named >= 0:
        inside = [
            number for number, (start, end) in enumerate(sentences) if start < named + len(one.evidence) and named < end
        ]
        return [n for n in inside if any(sentences[n][0] < e and s < sentences[n][1] for s, e in places)] or inside
    holding = [
        number
        for number, (start, end) in enumerate(sentences)
        if any(start < last and first < end for first, last in places)
    ]
    if len(holding) > 1:  # Of several sentences with the same string, the one nearest to the question's words.
        words = set(re.findall(r"\w{4,}", one.question.casefold()))
        shared = {n: len(words & set(re.findall(r"\w{4,}", text[slice(*sentences[n])].casefold()))) for n in holding}
        most = max(shared.values())
        holding = [number for number in holding if shared[number] == most]
    return holding or [0]


def _around(sentences: Sequence[tuple[int, int]], center: int, draw: random.Random) -> tuple[int, int]:
    first = last = center
    wanted = draw.choice((160, 300, _MOST_CHARS, _MOST_CHARS))
    while True:
        more = [first - 1] * (first > 0) + [last + 1] * (last + 1 < len(sentences))
        draw.shuffle(more)
        for place in more:
            low, high = min(first, place), max(last, place)
            if sentences[high][1] - sentences[low][0] <= wanted:
                first, last = low, high
                break
        else:
            return first, last


def _unanswered(
    question: str, title: str, text: str, draw: random.Random, *, source: str, limit: int
) -> Iterator[Example]:
    sentences = _sentences(text)
    for center in draw.sample(range(len(sentences)), k=min(limit, len(sentences))):
        first, last = _around(sentences, center, draw)
        yield _cut(question, title, text, sentences[first : last + 1], (), frozenset(), source=source, answered=False)


def _beside(one: Asked, title: str, text: str, draw: random.Random) -> Iterator[Example]:
    """Cut a window of the same text that does not hold the answer."""
    sentences = [span for span in _sentences(text) if not _gives(one, text[slice(*span)])]
    runs: list[list[tuple[int, int]]] = []
    for span in sentences:
        if runs and span[0] - runs[-1][-1][1] <= _NEXT and span[1] - runs[-1][0][0] <= _MOST_CHARS:
            runs[-1].append(span)
        else:
            runs.append([span])
    if runs:
        yield _cut(one.question, title, text, draw.choice(runs), (), frozenset(), source=one.source, answered=False)


def _cut(
    question: str,
    title: str,
    text: str,
    sentences: Sequence[tuple[int, int]],
    places: Sequence[tuple[int, int]],
    evidence: Iterable[tuple[int, int]],
    *,
    source: str,
    answered: bool,
) -> Example:
    start, end = sentences[0][0], min(sentences[-1][1], sentences[0][0] + 2 * _MOST_CHARS)
    kept = [(first - start, min(last, end) - start) for first, last in sentences if first < end]
    wanted = set(evidence)
    inside = tuple(sorted({(first - start, last - start) for first, last in places if start <= first and last <= end}))
    answering = tuple(number for number, span in enumerate(sentences[: len(kept)]) if span in wanted)
    if places and answering:  # Occurrences in other sentences are mentions, not answers.
        inside = tuple(
            place for place in inside if any(kept[n][0] < place[1] and place[0] < kept[n][1] for n in answering)
        )
    return Example(
        question=question,
        title=title,
        window=text[start:end],
        sentences=tuple(kept),
        answers=inside,
        evidence=answering,
        answered=answered,
        source=source,
    )


def _sentences(text: str) -> list[tuple[int, int]]:
    spans = sentence_spans(text, language="en")
    return [(span.start, span.end) for span in spans] or [(0, len(text))]


def _whole_words(answer: str) -> str:
    return rf"(?<!\w){re.escape(answer)}(?!\w)"


def _swaps(asked: Sequence[Asked]) -> tuple[list[str], list[str]]:
    names = sorted({match for one in asked for match in _NAME.findall(one.question)})
    numbers = sorted({match for one in asked for match in _NUMBER.findall(one.question)})
    return names, numbers


def _exchanged(
    question: str, names: Sequence[str], numbers: Sequence[str], text: str, draw: random.Random
) -> str | None:
    """Return the question about something else: one of its names or numbers for one that the text does not hold."""
    for pattern, others in draw.sample([(_NAME, names), (_NUMBER, numbers)], k=2):
        found = list(pattern.finditer(question))
        if found and len(others) > 1:
            place = draw.choice(found)
            other = draw.choice(others)
            if other.casefold() not in text.casefold() and other != place.group():
                return question[: place.start()] + other + question[place.end() :]
    return None


def _finder(passages: Passages, encoder: Encoder) -> Callable[[Sequence[str]], list[list[str]]]:
    """Return what gives, for each question, the keys of the passages found for it by meaning and by words."""
    keys = list(passages)
    vectors = encoder.encode_passages([passages[key][1] for key in keys])
    words = LexicalIndex.in_memory()
    words.apply(
        add=[
            IndexEntry(passage_id=str(number), document_id="", text=passages[key][1], title=passages[key][0],
                       vector=vectors[number], published_day=0, publisher="")
            for number, key in enumerate(keys)
        ],
    )  # fmt: skip

    def find(questions: Sequence[str]) -> list[list[str]]:
        asked = encoder.encode_passages(questions)
        found = []
        for question, vector in zip(questions, asked, strict=True):
            near = np.argpartition(-(vectors @ vector), _FOUND)[:_FOUND]
            lexical = [int(hit.passage_id) for hit in words.search(question, scope=TimeScope(), limit=_FOUND)]
            both = [place for pair in zip(near, lexical, strict=False) for place in pair]
            found.append([keys[place] for place in dict.fromkeys(map(int, both))])
        return found

    return find
