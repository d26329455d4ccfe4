"""A ranking that was made elsewhere, as a TREC run: `query Q0 document rank score tag`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from domain.errors import ConfigurationError
from eval.cases import Case
from eval.data_sets import DataSet, columns_of, ranking_case, read_qrels
from eval.outcomes import Found, Outcome


class TrecRunSystem:
    """Gives back what the file says; documents are ordered by score, then by id, as trec_eval does.

    A query that the run does not have gets an empty ranking, which scores nothing and is not dropped.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._rankings, self._tag = _read(path)

    @property
    def name(self) -> str:
        """The run's tag."""
        return self._tag

    @property
    def details(self) -> Mapping[str, Any]:
        """The file's name."""
        return {"run": self._path.name}

    def prepare(self, data_set: DataSet) -> None:
        """Do nothing: everything is in memory."""

    def run(self, case: Case) -> Outcome:
        """Look the query up."""
        return Outcome(status="retrieved", found=self._rankings.get(case.case_id, ()))

    def close(self) -> None:
        """Do nothing."""


def trec_set(qrels: Path) -> DataSet:
    """Return the judged queries of a qrels file as a data set without documents; questions are query ids.

    Raises:
        ConfigurationError: If nothing is judged relevant, or a line is wrong.
    """
    gold = read_qrels(qrels)
    if not gold:
        raise ConfigurationError(f"{str(qrels)!r} judges nothing relevant", hint="Check that it is a qrels file.")
    cases = tuple(ranking_case(query_id, question=query_id, gold=doc_ids) for query_id, doc_ids in gold.items())
    return DataSet(name=qrels.stem, corpus=None, cases=cases)


def _read(path: Path) -> tuple[dict[str, tuple[Found, ...]], str]:
    found: dict[str, list[Found]] = {}
    tag = ""
    for number, columns in columns_of(path):
        try:
            query_id, _, doc_id, _, score, tag = columns
            found.setdefault(query_id, []).append(Found(doc_id=doc_id, text="", score=float(score)))
        except ValueError as error:
            raise ConfigurationError(
                f"{str(path)!r}, line {number}: not 'query Q0 document rank score tag'",
                hint="Correct the line and run again.",
            ) from error
    if not found:
        raise ConfigurationError(f"{str(path)!r} has no ranking", hint="Check that it is a TREC run.")
    # trec_eval breaks ties by the document's name, the later first, and ignores the rank column.
    by_name = {
        query_id: sorted(ranking, key=lambda one: one.doc_id, reverse=True) for query_id, ranking in found.items()
    }
    return {query_id: tuple(sorted(ranking, key=lambda one: -one.score)) for query_id, ranking in by_name.items()}, tag
