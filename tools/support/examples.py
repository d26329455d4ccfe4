"""What the support checker learns from: a sentence, words that may support it, and whether they do.

Made of public questions and answers (the answer put into its question is a statement; another answer makes it a false
one), of sentences of their passages as they are, changed, or held against the words around them, and of pairs that
people labelled. Rows are normalised as `datasets/README.md` says.
"""

import hashlib
import random
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from eval.checker_error import labelled_claims
from eval.mutations import FALSE, TRUE, Original, names_of
from ingest.sentences import sentence_spans
from tools.reader.examples import article_of, learned_articles, rows_of
from tools.support.statements import statement_of

_MOST_SENTENCES: Final = 4  # Of a window.
_MOST_CHARS: Final = 700
_LONG: Final = 0.2  # Share of windows that may be three times as long.
_WITHOUT: Final = 0.5  # Share of statements that are also held against the rest of their passage.
_JOINED: Final = 0.3  # Share that is also joined with another statement of the passage.
_QUOTED: Final = 0.3  # Share of these sentences that are also learned unchanged.
_CHANGED: Final = 3  # Changed sentences of a passage, at most.
_LEAST_WORDS, _MOST_WORDS = 6, 45
_GROUPS: Final = 2  # Of a claim, at most.
_PARTS: Final = 4  # The labelled sets are cut into so many parts, by claim, so that each can be left out.

WICE_PAGES: Final = "wice_pages"


@dataclass(frozen=True, slots=True, kw_only=True)
class SupportExample:
    """A sentence with words.

    Attributes:
        part: Of a labelled set, 0 to 3; -1 for what is always learned from.
    """

    sentence: str
    words: str
    supported: bool
    source: str
    part: int = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class _Statement:
    text: str
    answer: str
    asks: str
    places: tuple[int, ...]  # Sentences of its passage that hold the answer.


def made_examples(folder: Path, *, seed: int, most: int) -> list[SupportExample]:
    """Make examples of questions and answers and of other people's labels, at most `most`, in a fixed random order."""
    draw = random.Random(seed)
    passages = _passages(folder)
    texts = list(passages)
    draw.shuffle(texts)
    far = sorted({name for text in texts for name in names_of(text)})
    made = [*_news_pairs(folder), *_claims(folder)]
    for text in texts:
        if len(made) >= most:
            break
        sentences = _sentences(text)
        made += _of_statements(passages[text], sentences, draw)
        made += _of_sentences(text, sentences, far, draw)
    draw.shuffle(made)
    return made[:most]


def labelled_examples(folder: Path) -> list[SupportExample]:
    """Return what people labelled, each claim with each group of words, and the part that the claim belongs to."""
    return [
        SupportExample(
            sentence=one.claim,
            words=" ".join(text.strip() for text in words),
            supported=one.supported,
            source=name,
            part=part_of(one.claim),
        )
        for name, claims in labelled_claims(folder / "dev/nli").items()
        for one in claims
        for words in one.evidence
    ]


def page_examples(folder: Path, *, seed: int) -> list[SupportExample]:
    """Return WiCE's claims with sentences of the page that they cite.

    A supported claim with one of the groups of sentences that people marked, alone and among others; every claim with
    sentences of the page that are in no group, which do not support it.
    """
    draw = random.Random(seed)
    made = []
    for row in rows_of(folder / "dev/nli/wice_claim_dev.jsonl.gz"):
        page = [text.strip() for text in row["evidence_sentences"]]
        groups = [sorted(group) for group in row["supporting_sets"] if group]
        marked = {place for group in groups for place in group}
        rest = [place for place, text in enumerate(page) if place not in marked and len(text.split()) >= _LEAST_WORDS]
        whole = [(group, row["label"] == "supported") for group in draw.sample(groups, k=min(len(groups), _GROUPS))]
        whole += [(sorted([*group, *draw.sample(rest, k=min(len(rest), 3))]), supported) for group, supported in whole]
        whole += [(sorted(draw.sample(rest, k=min(len(rest), size))), False) for size in (2, 6)]
        made += [
            SupportExample(
                sentence=row["claim"],
                words=" ".join(page[place] for place in places),
                supported=supported,
                source=WICE_PAGES,
                part=part_of(row["claim"]),
            )
            for places, supported in whole
            if places
        ]
    return made


def part_of(claim: str) -> int:
    """Return the part of a labelled set that a claim belongs to."""
    return hashlib.sha256(claim.encode()).digest()[0] % _PARTS


def _passages(folder: Path) -> dict[str, list[tuple[str, str]]]:
    """Return passages with their questions and answers."""
    found: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for name in ("squad11_dev_reader", "qed_nq_train_reader"):
        for row in rows_of(folder / f"train/{name}.jsonl.gz"):
            found[row["context"]] += [(row["question"], answer) for answer in row["answers"][:1]]
    learned = learned_articles(folder)
    corpus = {row["doc_id"]: row["text"] for row in rows_of(folder / "dev/squad2_dev/corpus.jsonl.gz")}
    for row in rows_of(folder / "dev/squad2_dev/questions.jsonl.gz"):
        if row["answerable"] and row["gold"] and article_of(row["gold"][0]["doc_id"]) in learned:
            found[corpus[row["gold"][0]["doc_id"]]] += [(row["question"], answer) for answer in row["answers"][:1]]
    return found


def _of_statements(
    asked: Sequence[tuple[str, str]], sentences: Sequence[str], draw: random.Random
) -> Iterator[SupportExample]:
    statements = list(_statements(asked, sentences))
    for one in statements:
        place = draw.choice(one.places)
        window, inside = _around(sentences, place, draw)
        yield SupportExample(sentence=one.text, words=window, supported=True, source="statement")
        if (false := _with_another_answer(one, asked, draw)) is not None:
            yield SupportExample(sentence=false, words=window, supported=False, source="other answer")
        rest = [text for number, text in enumerate(sentences) if number not in one.places]
        if rest and draw.random() < _WITHOUT:
            words, _ = _around(rest, draw.randrange(len(rest)), draw)
            if one.answer.casefold() not in words.casefold():
                yield SupportExample(sentence=one.text, words=words, supported=False, source="other words")
        other = draw.choice(statements)
        if other.text != one.text and draw.random() < _JOINED:
            joined = f"{one.text[:-1]}, and {other.text[0].lower()}{other.text[1:]}"
            both = bool(inside & set(other.places))
            if both or other.answer.casefold() not in window.casefold():
                yield SupportExample(sentence=joined, words=window, supported=both, source="joined")


def _statements(asked: Sequence[tuple[str, str]], sentences: Sequence[str]) -> Iterator[_Statement]:
    for question, answer in asked:
        text = statement_of(question, answer)
        words = set(re.findall(r"\w{4,}", question.casefold()))
        shared = {
            number: len(words & set(re.findall(r"\w{4,}", sentence.casefold())))
            for number, sentence in enumerate(sentences)
            if answer.casefold() in sentence.casefold()
        }
        if text is None or not shared:
            continue
        most = max(shared.values())
        yield _Statement(
            text=text,
            answer=answer,
            asks=question.casefold().split(" ", 1)[0],
            places=tuple(number for number, count in shared.items() if count == most),
        )


def _with_another_answer(one: _Statement, asked: Sequence[tuple[str, str]], draw: random.Random) -> str | None:
    """Return the statement with the answer to another question of the passage, of the same kind where there is one."""
    others = [
        (question, answer)
        for question, answer in asked
        if answer.casefold() not in one.text.casefold() and one.answer.casefold() not in answer.casefold()
    ]
    alike = [answer for question, answer in others if question.casefold().split(" ", 1)[0] == one.asks]
    if not others:
        return None
    other = draw.choice(alike or [answer for _, answer in others])
    changed = re.sub(re.escape(one.answer), lambda _: other, one.text, count=1, flags=re.IGNORECASE)
    return changed if changed != one.text else None


def _of_sentences(
    text: str, sentences: Sequence[str], far: Sequence[str], draw: random.Random
) -> Iterator[SupportExample]:
    whole = [
        (number, one)
        for number, one in enumerate(sentences)
        if one.endswith(".") and _LEAST_WORDS <= len(one.split()) <= _MOST_WORDS
    ]
    for number, sentence in draw.sample(whole, k=min(len(whole), _CHANGED)):
        window, _ = _around(sentences, number, draw)
        near = tuple(name for name in names_of(text) if name not in sentence)
        original = Original(text=sentence, evidence=(), near=near, far=far, speakers=far)
        made = [(edit(original, draw), False) for edit in FALSE.values()]
        made += [(edit(original, draw), True) for edit in TRUE.values()]
        able = [(changed, supported) for changed, supported in made if changed is not None and changed != sentence]
        for changed, supported in draw.sample(able, k=min(len(able), 1)):
            yield SupportExample(sentence=changed, words=window, supported=supported, source="changed")
        if draw.random() < _QUOTED:
            yield SupportExample(sentence=sentence, words=window, supported=True, source="quote")
        rest = [other for other in sentences if other != sentence]
        if rest and draw.random() < _WITHOUT:
            words, _ = _around(rest, min(number, len(rest) - 1), draw)
            yield SupportExample(sentence=sentence, words=words, supported=False, source="words around")


def _around(sentences: Sequence[str], place: int, draw: random.Random) -> tuple[str, set[int]]:
    """Return a window of one to four sentences with the one at `place`, and the places that it holds."""
    times = 3 if draw.random() < _LONG else 1
    wanted = draw.randint(1, _MOST_SENTENCES * times)
    first = max(0, place - draw.randrange(wanted))
    inside = list(range(first, min(len(sentences), first + wanted)))
    while len(inside) > 1 and sum(len(sentences[number]) for number in inside) > _MOST_CHARS * times:
        inside.pop(0 if inside[0] != place else -1)
    return " ".join(sentences[number] for number in inside), set(inside)


def _sentences(text: str) -> list[str]:
    return [text[span.start : span.end].strip() for span in sentence_spans(text, language="en")] or [text]


def _news_pairs(folder: Path) -> Iterator[SupportExample]:
    """MSRP: of a paraphrase the longer one supports the shorter; of a near miss the shorter not the longer."""
    for part in ("train", "val", "test"):
        for row in rows_of(folder / f"train/msrp_{part}.jsonl.gz"):
            short, long = sorted((row["a"], row["b"]), key=len)
            if row["paraphrase"]:
                yield SupportExample(sentence=short, words=long, supported=True, source="msrp")
            else:
                yield SupportExample(sentence=long, words=short, supported=False, source="msrp")


def _claims(folder: Path) -> Iterator[SupportExample]:
    for row in rows_of(folder / "train/scifact_train_nli.jsonl.gz"):
        yield SupportExample(
            sentence=row["hypothesis"],
            words=row["premise"],
            supported=row["label"] == "entailment",
            source="scifact",
        )
