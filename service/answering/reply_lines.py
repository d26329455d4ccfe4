"""A reply as lines, the form that a local model is held to by a grammar.

`E1: The bridge opens on 12 April.` takes fewer tokens than the same as JSON, and is complete when its line ends.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from domain.ports import DraftSentence
from service.answering.reply_form import MOST_SENTENCE_CHARS, MOST_SENTENCES, ReplyReader, checked, malformed

_NO_ANSWER: Final = "none"
_LINE: Final = re.compile(r"^(?P<ids>E\d+(?: E\d+)*): (?P<text>.+)$")
_MOST_IDS: Final = 3


class LinesForm:
    """A line for each sentence, after the ids of its evidence; `none` where the evidence does not answer."""

    prompt = "answer-lines"

    def constraint(self, evidence_ids: Sequence[str]) -> Mapping[str, Any]:
        """Return the grammar."""
        return {"grammar": reply_grammar(evidence_ids)}

    def reader(self, evidence_ids: Sequence[str]) -> ReplyReader:
        """Return a reader of one reply."""
        return _LinesReader(evidence_ids)


def reply_grammar(evidence_ids: Sequence[str]) -> str:
    """Return the GBNF grammar of a reply, in which only the shown ids can be named."""
    names = " | ".join(f'"{name}"' for name in evidence_ids)
    return "\n".join(
        (
            f'root ::= "{_NO_ANSWER}" | line ("\\n" line){{0,{MOST_SENTENCES - 1}}}',
            f'line ::= id (" " id){{0,{_MOST_IDS - 1}}} ": " text',
            f"id ::= {names}",
            r"text ::= [^ \n] [^\n]*",
        )
    )


class _LinesReader:
    """Gives each sentence when its line ends."""

    def __init__(self, evidence_ids: Sequence[str]) -> None:
        self._shown = evidence_ids
        self._whole = ""
        self._rest = ""
        self._given = 0

    def feed(self, text: str) -> tuple[DraftSentence, ...]:
        self._whole += text
        *lines, self._rest = (self._rest + text).split("\n")
        return self._read(lines)

    def end(self) -> tuple[DraftSentence, ...]:
        rest, self._rest = self._rest.strip(), ""
        if not self._whole.strip():
            raise malformed("The reply is empty", self._whole)
        return self._read([rest])

    def _read(self, lines: Sequence[str]) -> tuple[DraftSentence, ...]:
        written = [line.strip() for line in lines if line.strip()]
        if written == [_NO_ANSWER] and not self._given:
            return ()
        sentences = tuple(self._sentence(line) for line in written)
        self._given += len(sentences)
        if self._given > MOST_SENTENCES:
            raise malformed(f"The reply has more than {MOST_SENTENCES} lines", self._whole)
        return sentences

    def _sentence(self, line: str) -> DraftSentence:
        match = _LINE.match(line)
        if match is None:
            raise malformed(f"The line {line[:60]!r} does not begin with evidence ids and a colon", self._whole)
        if len(match["text"]) > MOST_SENTENCE_CHARS:
            raise malformed(f"A line is longer than {MOST_SENTENCE_CHARS} characters", self._whole)
        return checked(
            DraftSentence(text=match["text"], evidence_ids=tuple(match["ids"].split())), self._shown, self._whole
        )
