"""`dateline eval`: measure the assistant, and other systems beside it."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from cli.help_texts import examples
from cli.options import AnswerMode, AsJson
from cli.startup import start
from cli.terminal import note, print_json, safe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table
    from rich.text import Text

    from eval.bounds import Bound
    from eval.data_sets import DataSet
    from eval.run_file import Run
    from eval.runner import Progress, RunProgress, RunSummary
    from ingest.report import IngestProgress

eval_app = typer.Typer(
    help="Measure the assistant, and other systems beside it.", no_args_is_help=True, rich_markup_mode=None
)

_WIDTH_OF_PIPES = 160
_CHECKER = "checker.json"  # In the cache: how wrong the support checker is.
_MOST_REASONS = 5

_SYSTEMS_HELP = (
    "dateline[:MODE], bm25, dense, rrf, fusion, reader, closed-book, plain-rag, openai-compatible:URL[#MODEL] or "
    "'command:PROGRAM ARGS'; NAME= before it names it. Repeat it for several."
)


RunFile = Annotated[Path, typer.Argument(metavar="RUN", help="The run file.")]
Slice = Annotated[str, typer.Option("--slice", metavar="NAME", help="Part of the cases, such as kind:superseded.")]
Page = Annotated[Path | None, typer.Option("--html", metavar="FILE", help="Write one self-contained page.")]
BoundsFile = Annotated[
    Path | None, typer.Option("--bounds", metavar="FILE", help="A suite or its file; the run's own bounds by default.")
]


@eval_app.command(
    "run",
    epilog=examples(
        "dateline eval run sample",
        "dateline eval run realtimeqa_briefs --data ../datasets --system dateline --system bm25 --limit 150",
        "dateline eval run my-questions.jsonl --system 'peer=command:./ask-peer.sh'",
    ),
)
def run_command(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="SUITE_OR_DATASET", help="Suites, folders or .jsonl files.")
    ] = None,
    *,
    system: Annotated[list[str] | None, typer.Option("--system", metavar="NAME", help=_SYSTEMS_HELP)] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Most cases per data set, drawn with the seed.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of that draw.")] = 0,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with a run file; the newest in runs/ by default.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The run file; a new one in runs/ by default.")
    ] = None,
    mode: AnswerMode = "auto",
    cache: Annotated[Path | None, typer.Option(metavar="FOLDER", help="Where ingested records are kept.")] = None,
    data: Annotated[Path | None, typer.Option(metavar="FOLDER", help="Where data sets are looked up by name.")] = None,
    as_of_asked: Annotated[
        bool, typer.Option("--as-of-asked", help="Ask as of the day that a data set says its questions were asked on.")
    ] = False,
    closed: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CHOICE",
            help="Ask each question over the documents alone that a data set gives for it: noise-0.4, mixed, … or all.",
        ),
    ] = None,
    stand_alone: Annotated[
        bool, typer.Option("--stand-alone", help="Ask follow-ups a second time, in their stand-alone form.")
    ] = False,
    trec: Annotated[
        tuple[Path, Path] | None,
        typer.Option(metavar="RUN QRELS", help="Judge a TREC run, instead of running systems."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Ask the questions of suites and sets; write a run file.

    A record is ingested once and kept. Stopping loses nothing: --resume goes on. A case that fails is counted as
    unscored, with its reason. 'dateline eval report' shows what a run file says.
    """
    from domain.answers import Mode
    from eval.checker_error import known_error
    from eval.data_sets import open_data_sets, with_stand_alone
    from eval.records import RecordCache
    from eval.run_file import RunWriter
    from eval.runner import run
    from eval.systems import open_systems
    from eval.systems.system import Surroundings, System
    from eval.systems.trec_run import TrecRunSystem, trec_set

    if bool(names) == (trec is not None):
        raise typer.BadParameter("name suites or data sets, or give --trec RUN QRELS", param_hint="SUITE_OR_DATASET")
    if trec is not None and system:
        raise typer.BadParameter("a TREC run is judged as it is; leave --system out", param_hint="--system")
    settings = start(None)
    kept = cache or _default_cache()
    records = RecordCache(kept, settings=settings)
    data_sets: list[DataSet]
    systems: Sequence[System]
    if trec is not None:
        data_sets, systems = [trec_set(trec[1])], [TrecRunSystem(trec[0])]
    else:
        data_sets = [
            one
            for name in names or ()
            for one in open_data_sets(
                name, below=data, settings=settings.ingest, as_of_asked=as_of_asked, closed=closed or ()
            )
        ]
        if stand_alone:
            data_sets = [with_stand_alone(one) for one in data_sets]
        surroundings = Surroundings(settings=settings, records=records, mode=Mode(mode))
        systems = open_systems(system or ["dateline"], surroundings)
    file, earlier = _run_file(out, data_sets, settings.eval.runs, resume=resume)
    try:
        with _progress_bars() as progress:
            summary = run(
                data_sets,
                systems,
                RunWriter(file),
                records=records,
                settings=settings,
                limit=limit,
                resume=earlier,
                seed=seed,
                checker_error=known_error(settings, kept / _CHECKER),
                progress=progress,
            )
    except KeyboardInterrupt:
        if file.exists():
            note(f"Interrupted. Go on with the same command and: --resume --out {file}")
        raise
    _tell_summary(summary, file, as_json=as_json)
    if summary.ran and len(summary.unscored) == summary.ran:
        raise typer.Exit(code=1)


@eval_app.command(
    "report",
    epilog=examples(
        "dateline eval report runs/sample.jsonl",
        "dateline eval report runs/sample.jsonl --html sample.html --junit sample.xml",
        "dateline eval report runs/sample.jsonl --slice kind:superseded",
    ),
)
def report_command(
    run_file: RunFile,
    *,
    html: Page = None,
    junit: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the bounds as JUnit XML.")] = None,
    part: Slice = "all",
    bounds: BoundsFile = None,
    as_json: AsJson = False,
) -> None:
    """Show what a run file says, and check its bounds.

    Nothing but the file is needed, and the same file gives the same bytes. Exits 1 when a bound is violated.
    """
    from eval.bounds import check_bounds
    from eval.report.junit import junit_xml
    from eval.report.machine import report_json
    from eval.report.page import page
    from eval.report.terminal import checks_table, run_tables
    from eval.report.wording import checker_text
    from eval.run_file import Run
    from eval.summary import summarise

    start(None)
    run = Run.read(run_file)
    demanded = _bounds(bounds, run)
    summary = summarise(run)
    checks = check_bounds(summary, demanded)
    if html is not None:
        _write(html, page(run, summary, checks=checks))
    if junit is not None:
        _write(junit, junit_xml(checks))
    if as_json:
        sys.stdout.write(report_json(run, summary, checks))
    else:
        _print_tables([*run_tables(summary, part=part), *([checks_table(checks)] if checks else [])])
        if any(row.metric.startswith("support") for row in summary.rows):
            note(checker_text(run.header))
    violated = sum(check.status == "violated" for check in checks)
    if violated:
        note(f"{violated} of {len(checks)} bounds are violated")
        raise typer.Exit(code=1)


@eval_app.command(
    "compare",
    epilog=examples(
        "dateline eval compare baseline.jsonl runs/new.jsonl",
        "dateline eval compare baseline.jsonl runs/new.jsonl --html changes.html",
        "dateline eval compare run.jsonl run.jsonl --against plain-rag",
    ),
)
def compare_command(
    base: Annotated[Path, typer.Argument(metavar="BASE", help="The run file to hold against.")],
    new: Annotated[Path, typer.Argument(metavar="NEW", help="The run file in question.")],
    *,
    system: Annotated[str, typer.Option(metavar="NAME", help="The system of --against.")] = "dateline",
    against: Annotated[
        str | None, typer.Option(metavar="NAME", help="Compare --system in NEW with this other system in BASE.")
    ] = None,
    html: Page = None,
    part: Slice = "all",
    bounds: BoundsFile = None,
    as_json: AsJson = False,
) -> None:
    """Tell whether a change helped, case by case.

    Shows the difference of every figure with its interval and p value, and the cases that flipped. Exits 1 on a
    regression beyond the suite's bounds; times are shown and never held against a run.
    """
    from eval.compare import compare, renamed
    from eval.report.comparison import comparison_page
    from eval.report.terminal import comparison_tables
    from eval.run_file import Run

    start(None)
    runs = Run.read(base), Run.read(new)
    names = str(base), str(new)
    demanded = _bounds(bounds, runs[1])
    if against is not None:
        names = f"{against} in {base}", f"{system} in {new}"
        runs = renamed(runs[0], against, to=system), renamed(runs[1], system, to=system)
    comparison = compare(*runs, demanded)
    if not comparison.pairings:
        raise typer.BadParameter("no system is in both runs on the same data set", param_hint="NEW")
    if html is not None:
        _write(html, comparison_page(*runs, comparison, names=names))
    if as_json:
        print_json(comparison.as_json())
    else:
        _print_tables(list(comparison_tables(comparison, part=part)))
    if not demanded:
        note("There are no bounds: nothing counts as a regression. Name a suite with --bounds.")
    if comparison.regressions:
        note(f"{len(comparison.regressions)} regressions")
        raise typer.Exit(code=1)


@eval_app.command(
    "calibrate",
    epilog=examples(
        "dateline eval calibrate runs/dev.jsonl --max-wrong 0.05 --out calibration.json",
        "dateline eval calibrate runs/dev.jsonl --cost 3 --out calibration.json",
    ),
)
def calibrate_command(
    run_file: RunFile,
    *,
    out: Annotated[Path, typer.Option(metavar="FILE", help="The calibration file to write.")],
    max_wrong: Annotated[
        float | None, typer.Option(min=0, max=1, help="Answer as much as this share of wrong answers allows.")
    ] = None,
    cost: Annotated[
        float | None, typer.Option(min=0, help="Instead: what a wrong answer costs, in right answers.")
    ] = None,
    system: Annotated[str, typer.Option(metavar="NAME", help="Whose confidence is calibrated.")] = "dateline",
    as_json: AsJson = False,
) -> None:
    """Learn from a run when to refuse, and write it down.

    Make the run with DATELINE_ANSWER__MIN_RELEVANCE=0: what was refused cannot be judged. DATELINE_ANSWER__CALIBRATION
    names the file to the service.
    """
    from eval.calibrate import AtMostWrong, BestUtility, calibrate, to_json
    from eval.report.terminal import calibration_lines
    from eval.run_file import Run

    if (max_wrong is None) == (cost is None):
        raise typer.BadParameter("give one of --max-wrong and --cost", param_hint="--max-wrong")
    start(None)
    target = BestUtility(cost=cost) if cost is not None else AtMostWrong(share=max_wrong or 0.0)
    calibration = calibrate(Run.read(run_file), target, system=system)
    text = to_json(calibration)
    _write(out, text)
    if as_json:
        sys.stdout.write(text)
        return
    for line in calibration_lines(calibration):
        print(line)
    note(f"Use it with DATELINE_ANSWER__CALIBRATION={out}")


@eval_app.command(
    "checker",
    epilog=examples(
        "dateline eval checker ../datasets/dev/nli", "dateline eval checker ../datasets/dev/nli --limit 500 --json"
    ),
)
def checker_command(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Holds WiCE and Climate-FEVER.")],
    *,
    limit: Annotated[int | None, typer.Option(min=1, help="Most claims of each set, drawn with a seed.")] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where it is written; in the cache by default.")
    ] = None,
    cache: Annotated[Path | None, typer.Option(metavar="FOLDER", help="Where ingested records are kept.")] = None,
    as_json: AsJson = False,
) -> None:
    """Measure the support checker against people's labels.

    Runs in the same cache carry the figures from then on, and reports show them wherever they show support.
    """
    import json

    from eval.checker_error import measure_configured
    from eval.report.wording import checker_text

    settings = start(None)
    measured = measure_configured(settings, folder, limit=limit)
    text = json.dumps(measured, indent=2) + "\n"
    _write(out or (cache or _default_cache()) / _CHECKER, text)
    if as_json:
        sys.stdout.write(text)
        return
    print(checker_text({"checker_error": measured}))


@eval_app.command(
    "mutations",
    epilog=examples("dateline eval mutations realtimeqa_briefs --data ../datasets", "dateline eval mutations sample"),
)
def mutations_command(
    name: Annotated[str, typer.Argument(metavar="SUITE_OR_DATASET", help="Its documents are used.")],
    *,
    limit: Annotated[int, typer.Option(min=1, help="Most changes of each kind.")] = 1000,
    ablate: Annotated[bool, typer.Option("--ablate", help="Also with each check off in turn.")] = False,
    data: Annotated[Path | None, typer.Option(metavar="FOLDER", help="Where data sets are looked up by name.")] = None,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Where every change is written, as JSON.")] = None,
    cache: Annotated[Path | None, typer.Option(metavar="FOLDER", help="Where ingested records are kept.")] = None,
    as_json: AsJson = False,
) -> None:
    """Change true sentences; see what is shown or withheld.

    False ones that are shown and true ones that are withheld are counted. Numbers, dates, names, speakers,
    negations and plans are changed; true sentences are reworded and shortened.
    """
    import json

    from domain.errors import ConfigurationError
    from eval.data_sets import open_data_sets
    from eval.mutations import ablate_configured, measure_configured, plain, shares
    from eval.records import RecordCache
    from eval.report.terminal import ablation_table, mutations_table

    settings = start(None)
    data_set = open_data_sets(name, below=data, settings=settings.ingest)[0]
    if data_set.corpus is None:
        raise ConfigurationError(f"{name} has no documents", hint="Name a set that has, such as sample.")
    records = RecordCache(cache or _default_cache(), settings=settings)
    changed = measure_configured(settings, records, data_set.corpus, limit=limit)
    off = ablate_configured(settings, records, data_set.corpus, limit=limit) if ablate else {}
    told = {**plain(changed), **({"without": {reason: plain(one) for reason, one in off.items()}} if off else {})}
    if out is not None:
        _write(out, json.dumps(told, indent=1) + "\n")
    if as_json:
        print_json(told)
        return
    tables = [mutations_table(shares(changed))]
    if off:
        tables.append(ablation_table(shares(changed), {reason: shares(one) for reason, one in off.items()}))
    _print_tables(tables)


@eval_app.command(
    "export",
    epilog=examples("dateline eval export runs/sample.jsonl trec", "dateline eval export runs/sample.jsonl ragas"),
)
def export_command(
    run_file: RunFile,
    form: Annotated[Literal["trec", "ragas"], typer.Argument(metavar="FORMAT", help="trec or ragas.")],
    *,
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="Where the files are written.")] = Path("export"),
    as_json: AsJson = False,
) -> None:
    """Write a run as TREC run and qrels, or for ragas."""
    from eval.exports import export
    from eval.run_file import Run

    start(None)
    written = export(Run.read(run_file), form, out)
    if as_json:
        print_json({"files": [str(path) for path in written]})
    else:
        for path in written:
            print(safe(str(path)))


def _bounds(file: Path | None, run: "Run") -> "tuple[Bound, ...]":
    from eval.bounds import bounds_of_run, read_bounds

    return bounds_of_run(run.header) if file is None else read_bounds(file)


def _write(file: Path, text: str) -> None:
    from domain.errors import ConfigurationError

    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise ConfigurationError(
            f"{str(file)!r} cannot be written: {error.strerror or error}", hint="Name another file."
        ) from error
    note(f"Written: {file}")


def _print_tables(tables: "Sequence[Table | Text]") -> None:
    from rich.console import Console

    # A pipe has no width; a table that is cut there has lost its figures.
    console = Console(width=None if sys.stdout.isatty() else _WIDTH_OF_PIPES, markup=False, highlight=False)
    for table in tables:
        console.print(table)
        console.print()


def _default_cache() -> Path:
    from platformdirs import user_cache_path

    return user_cache_path("dateline") / "eval"


def _run_file(
    out: Path | None, data_sets: "Sequence[DataSet]", folder: Path, *, resume: bool
) -> "tuple[Path, Run | None]":
    """Return the file to write, in `folder` unless it is named, and what it holds already."""
    from domain.errors import ConfigurationError
    from eval.run_file import Run

    if not resume:
        stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
        named = "-".join(data_set.name for data_set in data_sets[:3]) or "run"
        return out or folder / f"{stamp}-{named}.jsonl", None
    file = out or max(folder.glob("*.jsonl"), default=None)  # Their names begin with the time.
    if file is None:
        raise ConfigurationError(f"There is no run to go on with in {str(folder)!r}", hint="Name its file with --out.")
    if out is not None and not out.exists():
        return out, None  # Killed while its record was made, before there was a header to write.
    return file, Run.read(file)


def _tell_summary(summary: "RunSummary", file: Path, *, as_json: bool) -> None:
    reasons = [
        {"data_set": data_set, "system": system, "case_id": case_id, "reason": reason}
        for (data_set, system, case_id), reason in summary.unscored.items()
    ]
    if as_json:
        print_json(
            {
                "run_id": summary.run_id,
                "file": str(file),
                "ran": summary.ran,
                "resumed": summary.resumed,
                "unscored": reasons,
            }
        )
        return
    for one in reasons[:_MOST_REASONS]:
        note(f"unscored: {one['data_set']} {one['system']} {one['case_id']}: {one['reason']}")
    if len(reasons) > _MOST_REASONS:
        note(f"… and {len(reasons) - _MOST_REASONS} more unscored; --json lists them")
    before = f", {summary.resumed} were there" if summary.resumed else ""
    print(safe(f"{summary.ran} cases run{before}, {len(reasons)} unscored: {file}"))


@contextmanager
def _progress_bars() -> "Iterator[Progress]":
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    with bar:
        task = bar.add_task("Preparing", total=None, rate="")

        class Bars:
            def ingesting(self, data_set: str, progress: "IngestProgress") -> None:
                bar.update(
                    task,
                    description=safe(f"Ingesting {data_set}"),
                    completed=progress.done,
                    total=progress.total,
                    rate=f"{progress.passages_per_s:.0f} passages/s",
                )

            def preparing(self, data_set: str, system: str) -> None:
                bar.update(task, description=safe(f"Preparing {system} on {data_set}"), rate="")

            def running(self, progress: "RunProgress") -> None:
                failed = f", {progress.unscored} unscored" if progress.unscored else ""
                bar.update(
                    task,
                    description=safe(f"{progress.system} on {progress.data_set}"),
                    completed=progress.done,
                    total=progress.total,
                    rate=f"{progress.rate_per_s:.1f} cases/s{failed}",
                )

        yield Bars()
