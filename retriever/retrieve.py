"""Question → ranked passages: dense and lexical candidates, fused, joined to the ledger, copies folded."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from domain.answers import TimeScope
from domain.corpus import Citable, RankedPassage
from domain.errors import IndexUnavailableError
from domain.ports import Encoder, RecordReader, Vector
from domain.settings import RetrievalSettings
from retriever.fusion import fold_copies, reciprocal_rank_fusion
from retriever.projections import DenseIndex, Hit, WordIndex

MOST_CANDIDATES: Final = 800  # Per index; enough to look past fifty copies of each of a dozen texts.

_log = logging.getLogger(__name__)


class HybridRetriever:
    """The port `Retriever` over a dense index, exact search that stands in for it, and a word index."""

    def __init__(
        self,
        *,
        record: RecordReader,
        encoder: Encoder,
        dense: DenseIndex | None,
        exact: DenseIndex,
        words: WordIndex,
        settings: RetrievalSettings,
    ) -> None:
        self._record = record
        self._encoder = encoder
        self._dense = dense
        self._exact = exact
        self._words = words
        self._settings = settings

    def retrieve(self, question: str, *, scope: TimeScope, limit: int) -> tuple[RankedPassage, ...]:
        """Return at most `limit` passages in scope, best first, copies folded.

        A failed dense index is replaced by exact search, and one of the two kinds of candidates may be missing.

        Raises:
            IndexUnavailableError: If neither kind of index could answer.
        """
        vector = self._encoder.encode_query(question)
        candidates = max(self._settings.candidates, limit)
        while True:
            found = self._candidates(question, vector, scope, candidates)
            ranking = self._fused(found, scope)
            exhausted = all(len(hits) < candidates for hits in found)
            if len(ranking) >= limit or exhausted or candidates >= MOST_CANDIDATES:
                return self._with_known_copies(ranking[:limit], scope)
            # Copies of one text filled the candidates and were folded into few passages: look further.
            candidates = min(candidates * 4, MOST_CANDIDATES)

    def nearest(self, vector: Vector, *, scope: TimeScope, limit: int) -> tuple[RankedPassage, ...]:
        """Return the passages nearest to a vector, scored by cosine, copies not folded.

        `vector` is `(d,)` float32 of unit length.
        """
        hits = self._dense_hits(vector, scope, limit)
        return _ranking(hits, self._visible([hits], scope))

    def _candidates(self, question: str, vector: Vector, scope: TimeScope, limit: int) -> list[tuple[Hit, ...]]:
        found = [self._by_meaning(vector, scope, limit), self._by_words(question, scope, limit)]
        answered = [hits for hits in found if hits is not None]
        if not answered:
            raise IndexUnavailableError("No index could answer in time", hint="Try again in a few seconds.")
        return answered

    def _fused(self, found: Sequence[Sequence[Hit]], scope: TimeScope) -> tuple[RankedPassage, ...]:
        visible = self._visible(found, scope)
        rankings = [_ranking(hits, visible) for hits in found]
        return fold_copies(reciprocal_rank_fusion(rankings, k=self._settings.rrf_k, limit=max(len(visible), 1)))

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


def _ranking(hits: Iterable[Hit], visible: Mapping[str, Citable]) -> tuple[RankedPassage, ...]:
    shown = [hit for hit in hits if hit.passage_id in visible]
    return tuple(
        RankedPassage(citable=visible[hit.passage_id], rank=rank, score=hit.score)
        for rank, hit in enumerate(shown, start=1)
    )
