"""Data sets: a record, and cases that are asked of it.

A name is understood as, in this order:

```text
a folder with suite.toml             our suites: record path(s) and cases/*.jsonl or *.toml
a folder with questions.jsonl[.gz]   the common form of public sets, with corpus.jsonl[.gz]
a folder with queries.jsonl          BEIR, with corpus.jsonl and qrels/*.tsv; or one of its qrels/*.tsv
a file *.jsonl[.gz]                  cases alone; a first line {"record": "path"} names their record
a name without a path                a suite of eval/suites, or a set below the folder of data sets
```
"""

import hashlib
import json
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from domain.answers import TimeScope
from domain.errors import ConfigurationError
from domain.settings import IngestSettings
from eval.case_rows import check_gold, contexts_of, distinct, own_case, public_case
from eval.cases import Case, Gold
from eval.corpora import Corpus, FilesCorpus, LinesCorpus
from eval.json_rows import Row, first_of, read_rows

_PACKAGES: Final = Path(__file__).resolve().parents[1]
SUITES: Final = Path(__file__).resolve().parent / "suites"
_SUITE_FILE: Final = "suite.toml"
_QUESTIONS: Final = ("questions.jsonl",)
_CORPUS: Final = ("corpus.jsonl",)
_QUERIES: Final = ("queries.jsonl",)
_SUITE_FIELDS: Final = frozenset({"name", "description", "record", "bounds"})
_QRELS_COLUMNS: Final = 3
_STAND_ALONE: Final = "/stand-alone"


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSet:
    """A record and the cases asked of it.

    Attributes:
        name: Unique within a run.
        corpus: The record's documents; `None` where rankings are judged that were made elsewhere.
        bounds: What a suite demands of a run, as its file says it.
    """

    name: str
    corpus: Corpus | None
    cases: tuple[Case, ...]
    bounds: tuple[Mapping[str, Any], ...] = ()

    @property
    def digest(self) -> str:
        """SHA-256 of record and cases, hexadecimal."""
        digest = hashlib.sha256((self.corpus.digest if self.corpus else "").encode())
        for case in self.cases:
            digest.update(json.dumps(case.as_json(), sort_keys=True).encode())
        return digest.hexdigest()


def open_data_sets(
    name: str, *, below: Path | None, settings: IngestSettings, as_of_asked: bool = False, closed: Sequence[str] = ()
) -> tuple[DataSet, ...]:
    """Open what a name stands for; a public set with questions over a context of their own is several data sets.

    Args:
        name: A path, the name of one of our suites, or the name of a set in `below` or `below/dev`.
        below: The folder of data sets, if there is one.
        settings: Of ingestion, for records that are files.
        as_of_asked: Ask the questions of a public set as of the day that it says they were asked on.
        closed: Ask each question of a public set over the documents alone that the set gives for it, in these of the
            choices that it has (see `contexts_of`), or in `all`.

    Raises:
        ConfigurationError: If there is nothing of this name, or a file of it is wrong: says which file, line and field.
    """
    path = _found(name, below)
    if closed and ((path / _SUITE_FILE).is_file() or first_of(path, _QUESTIONS) is None):
        raise ConfigurationError(f"{name} gives no documents for single questions", hint="Run it without --closed.")
    if path.is_dir():
        return _of_folder(path, settings, as_of_asked=as_of_asked, closed=closed)
    if path.suffix == ".tsv":
        return (_beir(path.parent.parent, qrels=path),)
    if path.name.removesuffix(".gz").endswith(".jsonl"):
        return (_case_file(path, settings),)
    raise ConfigurationError(
        f"{str(path)!r} is not a data set", hint="Name a suite, a folder, a .jsonl file, or a qrels .tsv of a BEIR set."
    )


def with_stand_alone(data_set: DataSet) -> DataSet:
    """Return the set with each follow-up asked a second time, in its stand-alone form and without its conversation."""
    twins = tuple(
        replace(
            case,
            case_id=f"{case.case_id}{_STAND_ALONE}",
            question=case.stand_alone,
            history=(),
            stand_alone=None,
            kind="stand_alone",
        )
        for case in data_set.cases
        if case.history and case.stand_alone
    )
    return replace(data_set, cases=data_set.cases + twins)


def suite_names() -> list[str]:
    """Return the names of our suites."""
    return sorted(file.parent.name for file in SUITES.glob(f"*/{_SUITE_FILE}"))


def _found(name: str, below: Path | None) -> Path:
    path = Path(name).expanduser()
    candidates = [path]
    if len(path.parts) == 1:
        candidates = [SUITES / name, path]
        candidates += [below.expanduser() / part / name for part in ("", "dev")] if below is not None else []
    for candidate in candidates:
        if candidate.is_file() or (candidate.is_dir() and _is_set(candidate)):
            return candidate
    if path.is_dir():
        raise ConfigurationError(
            f"The folder {name!r} is not a data set",
            hint="It needs suite.toml, questions.jsonl and corpus.jsonl, or queries.jsonl, corpus.jsonl and qrels/.",
        )
    where = f", nor below {str(below)!r}" if below is not None else ""
    raise ConfigurationError(
        f"There is no suite or data set {name!r}{where}",
        hint=f"Suites here: {', '.join(suite_names()) or 'none'}. For others give a path, or their folder with --data.",
    )


def _is_set(folder: Path) -> bool:
    return (folder / _SUITE_FILE).is_file() or first_of(folder, _QUESTIONS + _QUERIES) is not None


def _of_folder(
    folder: Path, settings: IngestSettings, *, as_of_asked: bool, closed: Sequence[str]
) -> tuple[DataSet, ...]:
    if (folder / _SUITE_FILE).is_file():
        return (_suite(folder, settings),)
    if first_of(folder, _QUESTIONS) is not None:
        return _closed_sets(folder, closed) if closed else _public_set(folder, as_of_asked=as_of_asked)
    return (_beir(folder, qrels=_one_split(folder)),)


def _public_set(folder: Path, *, as_of_asked: bool) -> tuple[DataSet, ...]:
    def read(row: Row) -> Case:
        case = public_case(row)
        return replace(case, scope=TimeScope(as_of=row.day("date"))) if as_of_asked and case.scope.is_open else case

    corpus = LinesCorpus.of(_demanded(folder, _CORPUS))
    opened: list[Case] = []
    closed: dict[str, list[tuple[Case, tuple[str, ...]]]] = {}
    for row, case in distinct(read_rows(_demanded(folder, _QUESTIONS)), read):
        check_gold(row, case, corpus.has)
        if row.flag("closed_context", default=False):
            # Its record is its context: over all documents, what it must refuse would have an answer.
            closed.setdefault(case.kind, []).append((case, row.texts("context_doc_ids")))
        else:
            opened.append(case)
    name = folder.resolve().name
    sets = [DataSet(name=name, corpus=corpus, cases=tuple(opened))] if opened else []
    for kind, cases in closed.items():
        contexts = {doc_id for _, doc_ids in cases for doc_id in doc_ids}
        part = tuple(case for case, _ in cases)
        sets.append(DataSet(name=f"{name}-{kind}", corpus=corpus.only(contexts), cases=part))
    if not sets:
        raise _no_cases(folder)
    return tuple(sets)


def _closed_sets(folder: Path, wanted: Sequence[str]) -> tuple[DataSet, ...]:
    corpus = LinesCorpus.of(_demanded(folder, _CORPUS))
    found: dict[str, list[Case]] = {}
    for row, case in distinct(read_rows(_demanded(folder, _QUESTIONS)), public_case):
        for name, documents in contexts_of(row).items():
            gold = tuple(one for one in case.gold if one.doc_id in documents)
            over = replace(case, documents=documents, gold=gold)
            check_gold(row, over, corpus.has)
            found.setdefault(name, []).append(over)
    name = folder.resolve().name
    sets = [
        DataSet(name=f"{name}-{choice}", corpus=corpus, cases=tuple(cases))
        for choice, cases in sorted(found.items())
        if choice in wanted or "all" in wanted
    ]
    if not sets:
        raise ConfigurationError(
            f"The data set {str(folder)!r} gives no documents for single questions as {', '.join(wanted)}",
            hint=f"It has: {', '.join(sorted(found)) or 'none'}.",
        )
    return tuple(sets)


def _case_file(path: Path, settings: IngestSettings) -> DataSet:
    rows = list(read_rows(path))
    if not rows or "record" not in rows[0].values:
        raise ConfigurationError(
            f"{str(path)!r} does not say which documents its cases are about",
            hint='Let its first line be {"record": "folder-of-documents"}, relative to the file.',
        )
    roots = _roots(rows[0].values["record"], base=path.parent, source=path)
    corpus = _record(roots, settings)
    named = path.name.removesuffix(".gz").removesuffix(".jsonl")
    return _with_cases(DataSet(name=named, corpus=corpus, cases=_checked(rows[1:], corpus)), path)


def _suite(folder: Path, settings: IngestSettings) -> DataSet:
    file = folder / _SUITE_FILE
    table = _toml(file)
    unknown = sorted(table.keys() - _SUITE_FIELDS)
    if unknown:
        raise ConfigurationError(
            f"{str(file)!r}: {unknown[0]!r} is not a field of a suite",
            hint=f"Known are {', '.join(sorted(_SUITE_FIELDS))}.",
        )
    name = table.get("name", folder.resolve().name)
    bounds = table.get("bounds", [])
    if not isinstance(name, str) or not name:
        raise ConfigurationError(f"{str(file)!r}: 'name' must be text", hint="Correct it.")
    if not isinstance(bounds, list) or not all(isinstance(bound, dict) for bound in bounds):
        raise ConfigurationError(f"{str(file)!r}: 'bounds' must be tables", hint="Write each as [[bounds]].")
    corpus = _record(_roots(table.get("record"), base=folder, source=file), settings)
    files = sorted(path for path in (folder / "cases").glob("*") if path.suffix in {".jsonl", ".gz", ".toml"})
    rows = (row for path in files for row in (_toml_rows(path) if path.suffix == ".toml" else read_rows(path)))
    data_set = DataSet(name=name, corpus=corpus, cases=_checked(rows, corpus), bounds=tuple(bounds))
    return _with_cases(data_set, folder)


def _checked(rows: Iterable[Row], corpus: Corpus) -> tuple[Case, ...]:
    def read(row: Row) -> Case:
        return own_case(row) if "case_id" in row.values or "qid" not in row.values else public_case(row)

    cases = []
    for row, case in distinct(rows, read):
        check_gold(row, case, corpus.has)
        cases.append(case)
    return tuple(cases)


def _record(roots: Sequence[Path], settings: IngestSettings) -> Corpus:
    if len(roots) == 1 and roots[0].is_file() and roots[0].name.removesuffix(".gz").endswith(".jsonl"):
        return LinesCorpus.of(roots[0])
    return FilesCorpus.of(roots, settings)


def _roots(value: object, *, base: Path, source: Path) -> tuple[Path, ...]:
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list) or not names or not all(isinstance(name, str) and name for name in names):
        raise ConfigurationError(
            f"{str(source)!r}: 'record' must be a path, or a list of paths", hint='Write it as record = "samples".'
        )
    roots = []
    for name in names:
        # Beside the file first; then in this installation, where `samples` is.
        found = next((place / name for place in (base, _PACKAGES) if (place / name).exists()), None)
        if found is None:
            raise ConfigurationError(
                f"{str(source)!r}: there is no record {name!r}", hint="Give its path relative to the file."
            )
        roots.append(found)
    return tuple(roots)


def _toml(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{str(file)!r} cannot be read: {error}", hint="Correct the file.") from error


def _toml_rows(file: Path) -> Iterator[Row]:
    """Read the `[[case]]` tables of a file; the number of a table stands for its line."""
    table = _toml(file)
    cases = table.get("case")
    if table.keys() != {"case"} or not isinstance(cases, list) or not all(isinstance(case, dict) for case in cases):
        raise ConfigurationError(f"{str(file)!r} must hold [[case]] tables only", hint="Write each case as [[case]].")
    for number, values in enumerate(cases, start=1):
        yield Row(file=file, line=number, values=values)


def _beir(folder: Path, *, qrels: Path) -> DataSet:
    corpus = LinesCorpus.of(_demanded(folder, _CORPUS))
    gold = read_qrels(qrels)
    queries = {row.demanded_text("_id"): row.demanded_text("text") for row in read_rows(_demanded(folder, _QUERIES))}
    missing = sorted(gold.keys() - queries.keys())
    if missing:
        raise ConfigurationError(
            f"{str(qrels)!r} judges the query {missing[0]!r}, which queries.jsonl does not have",
            hint="Get the data set again.",
        )
    # Published qrels of some sets judge documents that are not in the corpus: they stay, as in other tools.
    cases = tuple(
        ranking_case(query_id, question=text, gold=gold[query_id])
        for query_id, text in queries.items()
        if query_id in gold
    )
    name = folder.resolve().name if qrels.stem == "test" else f"{folder.resolve().name}-{qrels.stem}"
    return _with_cases(DataSet(name=name, corpus=corpus, cases=cases), qrels)


def _one_split(folder: Path) -> Path:
    found = sorted((folder / "qrels").glob("*.tsv"))
    splits = [path for path in found if path.stem == "test"] or found
    if len(splits) != 1:
        names = ", ".join(path.name for path in splits)
        raise ConfigurationError(
            f"The BEIR folder {str(folder)!r} has {f'several qrels: {names}' if splits else 'no qrels/*.tsv'}",
            hint="Name the file of the split that you want, such as FOLDER/qrels/dev.tsv.",
        )
    return splits[0]


def ranking_case(query_id: str, *, question: str, gold: Sequence[str]) -> Case:
    """Return a case that judges rankings only: which documents are relevant."""
    found = tuple(Gold(doc_id=doc_id) for doc_id in gold)
    return Case(case_id=query_id, question=question, kind="ranking", gold=found, cluster=query_id)


def read_qrels(path: Path) -> dict[str, tuple[str, ...]]:
    """Read the relevant documents of each query, from BEIR's three columns with a header or TREC's four without.

    Grades above 0 count alike. Queries without a relevant document are left out, as no ranking of them can be good.

    Raises:
        ConfigurationError: If a line has other columns.
    """
    found: dict[str, list[str]] = {}
    for number, columns in columns_of(path):
        ids = columns[:1] + columns[-2:]
        if number == 1 and not _is_grade(ids[-1]) and len(columns) == _QRELS_COLUMNS:
            continue  # The header of BEIR.
        if len(columns) not in {_QRELS_COLUMNS, _QRELS_COLUMNS + 1} or not _is_grade(ids[-1]):
            raise ConfigurationError(
                f"{str(path)!r}, line {number}: not 'query document grade' or 'query 0 document grade'",
                hint="Correct the line and run again.",
            )
        if int(ids[-1]) > 0:
            found.setdefault(ids[0], []).append(ids[1])
    return {query_id: tuple(dict.fromkeys(doc_ids)) for query_id, doc_ids in found.items()}


def columns_of(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield number and columns of each line that is not empty.

    Raises:
        ConfigurationError: If the file cannot be read.
    """
    try:
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield number, line.split()
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{str(path)!r} cannot be read: {error}", hint="Check the file.") from error


def _is_grade(text: str) -> bool:
    return text.lstrip("-").isdigit()


def _demanded(folder: Path, names: Sequence[str]) -> Path:
    path = first_of(folder, names)
    if path is None:
        raise ConfigurationError(f"The data set {str(folder)!r} has no {names[0]}", hint="Check that it is complete.")
    return path


def _with_cases(data_set: DataSet, source: Path) -> DataSet:
    if not data_set.cases:
        raise _no_cases(source)
    return data_set


def _no_cases(source: Path) -> ConfigurationError:
    return ConfigurationError(f"{str(source)!r} has no cases", hint="Check that it is complete.")


def check_names(data_sets: Sequence[DataSet]) -> None:
    """Check that the lines of a run file will tell its data sets apart.

    Raises:
        ConfigurationError: If two have one name.
    """
    name, count = Counter(one.name for one in data_sets).most_common(1)[0]
    if count > 1:
        raise ConfigurationError(f"Two data sets are called {name!r}", hint="Run them one after the other.")
