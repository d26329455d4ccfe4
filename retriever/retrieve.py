"""Question → ranked passages: dense and lexical candidates, joined to the ledger, fused, copies folded, and read."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import accumulate
from typing import Final

from domain.answers import TimeScope
from domain.corpus import Citable, RankedPassage
from domain.errors import IndexUnavailableError
from domain.ports import Encoder, Reader, RecordReader, Vector
from domain.settings import RetrievalSettings
from retriever.fusion import fold_copies, score_fusion
from retriever.projections import DenseIndex, Hit, WordIndex
from retriever.reading_order import in_reading_order

READ_CHARS: Final = 5_000  # Of passages for one question; about 200 ms on two cores.
LEAST_READ: Final = 4
MOST_CANDIDATES: Final = 800  # Per index; enough to look past fifty copies of each of a dozen texts.

_log = logging.getLogger(__name__)


class HybridRetriever:
    """The port `Retriever` over a dense index, exact search that stands in for it, a word index, and a reader.

    Without a reader passages stay in the order of their fused scores.
    """

    def __init__(
        self,
        *,
        record: RecordReader,
        encoder: Encoder,
        dense: DenseIndex | None,
        exact: DenseIndex,
        words: WordIndex,
        reader: Reader | None,
        settings: RetrievalSettings,
    ) -> None:
        self._record = record
        self._encoder = encoder
        self._dense = dense
        self._exact = exact
        self._words = words
        self._reader = reader
        self._settings = settings

    def retrieve(self, question: str, *, scope: TimeScope, limit: int, read: bool = True) -> tuple[RankedPassage, ...]:
        """Return at most `limit` passages in scope, best first, copies folded.

        The first `settings.read` of the fused ranking, fewer where they are long, are read and come in the order of
        their relevance; what is further down follows as it was fused. A failed dense index is replaced by exact
        search, and one of the two kinds of candidates may be missing. Without `read` all stay as they were fused.

        Raises:
            IndexUnavailableError: If neither kind of index could answer.
        """
        vector = self._encoder.encode_query(question)
        most_read = self._settings.read if read and self._reader is not None else 0
        wanted = max(limit, most_read)
        candidates = max(self._settings.candidates, wanted)
        while True:
            found = self._candidates(question, vector, scope, candidates)
            ranking = self._fused(found, scope)
            exhausted = all(len(hits) < candidates for hits in found)
            if len(ranking) >= wanted or exhausted or candidates >= MOST_CANDIDATES:
                count = _affordable(ranking[:most_read])
                ordered = _continued(self._by_relevance(question, ranking[:count], scope), ranking[count:])
                return self._with_known_copies(ordered[:limit], scope)
            # Copies of one text filled the candidates and were folded into few passages: look further.
            candidates = min(candidates * 4, MOST_CANDIDATES)

    def warm_up(self) -> None:
        """Load the reader, so that no question waits for it.

        Raises:
            ModelFileError: If it cannot be used.
        """
        if self._reader is not None:
            self._reader.read("warm-up", ())

    def nearest(self, vector: Vector, *, scope: TimeScope, limit: int) -> tuple[RankedPassage, ...]:
        """Return the passages nearest to a vector, scored by cosine, copies not folded.

        `vector` is `(d,)` float32 of unit length.
        """
        hits = self._dense_hits(vector, scope, limit)
        return _ranking(hits, self._visible([hits], scope))

    def _candidates(
        self, question: str, vector: Vector, scope: TimeScope, limit: int
    ) -> tuple[tuple[Hit, ...], tuple[Hit, ...]]:
        """Return the dense and the lexical candidates; none for an index that failed."""
        dense, lexical = self._by_meaning(vector, scope, limit), self._by_words(question, scope, limit)
        if dense is None and lexical is None:
            raise IndexUnavailableError("No index could answer in time", hint="Try again in a few seconds.")
        return dense or (), lexical or ()

    def _fused(self, found: tuple[tuple[Hit, ...], tuple[Hit, ...]], scope: TimeScope) -> tuple[RankedPassage, ...]:
        visible = self._visible(found, scope)
        dense, lexical = (_ranking(hits, visible) for hits in found)
        fused = score_fusion(dense, lexical, word_weight=self._settings.word_weight, limit=max(len(visible), 1))
        return fold_copies(fused)

    def _by_relevance(
        self, question: str, ranking: tuple[RankedPassage, ...], scope: TimeScope
    ) -> tuple[RankedPassage, ...]:
        if self._reader is None or not ranking:
            return ranking
        return in_reading_order(question, ranking, self._reader.read(question, ranking), as_of=scope.as_of)

    def _visible(self, found: Iterable[Iterable[Hit]], scope: TimeScope) -> dict[str, Citable]:
        """Join ids to the ledger: what it does not show, or shows with another date, is dropped."""
        citables = self._record.citables({hit.passage_id for hits in found for hit in hits})
        return {key: citable for key, citable in citables.items() if scope.admits(citable.header)}

    def _by_meaning(self, vector: Vector, scope: TimeScope, limit: int) -> tuple[Hit, ...] | None:
        try:
            return self._dense_hits(vector, scope, limit)
        except IndexUnavailableError as error:
            _log.warning("no dense candidates: %s", error)
            return None

    def _dense_hits(self, vector: Vector, scope: TimeScope, limit: int) -> tuple[Hit, ...]:
        # Chroma collects every match of a filter before it searches: 44 ms for half of 10 000 passages, growing
        # with the record, where exact search needs 15 ms for 75 000. Scoped questions therefore go to the matrix.
        if self._dense is not None and scope.is_open:
            try:
                return self._dense.search(vector, scope=scope, limit=limit)
            except IndexUnavailableError as error:
                _log.info("exact search stands in for the dense index: %s", error)
        return self._exact.search(vector, scope=scope, limit=limit)

    def _by_words(self, question: str, scope: TimeScope, limit: int) -> tuple[Hit, ...] | None:
        try:
            return self._words.search(question, scope=scope, limit=limit)
        except IndexUnavailableError as error:
            _log.warning("no lexical candidates: %s", error)
            return None

    def _with_known_copies(self, ranking: Sequence[RankedPassage], scope: TimeScope) -> tuple[RankedPassage, ...]:
        """Name also the exact copies that no index put among the candidates."""
        copies = self._record.copies_of({ranked.passage.document_id for ranked in ranking})
        completed = []
        for ranked in ranking:
            named = {header.document_id for header in ranked.copies}
            more = tuple(
                header
                for header in copies.get(ranked.passage.document_id, ())
                if header.duplicate_kind == "exact" and header.document_id not in named and scope.admits(header)
            )
            completed.append(replace(ranked, copies=ranked.copies + more))
        return tuple(completed)


def _affordable(ranking: Sequence[RankedPassage]) -> int:
    """Return how many passages there is time to read: two cores read about 25 characters in a millisecond."""
    lengths = [len(ranked.passage.text) for ranked in ranking]
    within = sum(total <= READ_CHARS for total in accumulate(lengths))
    return max(within, min(LEAST_READ, len(ranking)))


def _continued(read: tuple[RankedPassage, ...], unread: tuple[RankedPassage, ...]) -> tuple[RankedPassage, ...]:
    """Append what was not read, on the scale of what was: scores go on falling."""
    if not read or not unread:
        return read + unread
    last, first = read[-1].score, unread[0].score
    return read + tuple(replace(ranked, score=last - (first - ranked.score)) for ranked in unread)


def _ranking(hits: Iterable[Hit], visible: Mapping[str, Citable]) -> tuple[RankedPassage, ...]:
    shown = [hit for hit in hits if hit.passage_id in visible]
    return tuple(
        RankedPassage(citable=visible[hit.passage_id], rank=rank, score=hit.score)
        for rank, hit in enumerate(shown, start=1)
    )
