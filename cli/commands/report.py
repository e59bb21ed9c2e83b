"""`strata report`."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.errors import CommandFailed, WrongUse

if TYPE_CHECKING:
    from evaluation.report.results import Report
    from evaluation.report.sources import SetSource
    from evaluation.report.study import StudySettings
    from evaluation.run import Progress

__all__ = ["register"]

_FOLDS = (1,)


def register(app: typer.Typer) -> None:
    app.command()(report)


def _events(text: str) -> typer.models.OptionInfo:
    option: typer.models.OptionInfo = typer.Option(
        metavar="FILE", exists=True, dir_okay=False, readable=True, help=text
    )
    return option


def report(
    *,
    data: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="DIR",
            exists=True,
            file_okay=False,
            help="A set with items.jsonl[.gz] and events.jsonl[.gz]; may be repeated.",
        ),
    ] = None,
    fold: Annotated[
        list[int] | None,
        typer.Option(min=0, max=4, help="Users of --data who are predicted; may be repeated."),
    ] = None,
    items: Annotated[Path | None, _events("Item events, where users are split already.")] = None,
    warm: Annotated[Path | None, _events("Events of the users that are known already.")] = None,
    test: Annotated[Path | None, _events("Events to predict.")] = None,
    results: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            exists=True,
            dir_okay=False,
            help="A report.json made before; several are joined into one report.",
        ),
    ] = None,
    task: Annotated[
        list[str] | None,
        typer.Option(help="Only these tasks; all that the data allow if left out."),
    ] = None,
    out: Annotated[
        Path, typer.Option(metavar="DIR", file_okay=False, help="Where the pages are written.")
    ] = Path("report"),
    worth: Annotated[
        float, typer.Option(min=1e-6, max=1.0, help="Gain per prediction that is worth having.")
    ] = 0.005,
    minimum_size: Annotated[int, typer.Option(min=2, help="People that make a group.")] = 20,
    floor: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Least weight of a group that is protected.")
    ] = 0.1,
    resamples: Annotated[int, typer.Option(min=200, help="Of users, for intervals.")] = 1_000,
    seed: Annotated[int, typer.Option(help="Of everything random.")] = 0,
) -> None:
    """Say when individual data pays, what it costs, and whom the average silences."""
    from cli.settings import load_settings
    from evaluation.errors import UnknownTask
    from evaluation.predictors import Options
    from evaluation.report.study import StudySettings
    from evaluation.run import task_named
    from profiles.silencing import SilencingSettings

    try:
        tasks = None if task is None else frozenset(task_named(name) for name in task)
    except UnknownTask as error:
        raise typer.BadParameter(str(error)) from error
    sources = _sources(data, fold, items=items, warm=warm, test=test, results=results)
    # Before minutes of work, not after them.
    write = _writer()
    settings = StudySettings(
        options=Options(embedding_model=load_settings().embedding_model, seed=seed),
        resamples=resamples,
        worth=worth,
        tasks=tasks,
        silencing=SilencingSettings(minimum_size=minimum_size, floor=floor),
    )
    made = _joined(results) if results else _studied(sources, settings)
    try:
        for line in write(made, out):
            typer.echo(line)
    except OSError as error:
        raise CommandFailed(str(error)) from error


def _sources(
    data: list[Path] | None,
    fold: list[int] | None,
    *,
    items: Path | None,
    warm: Path | None,
    test: Path | None,
    results: list[Path] | None,
) -> "list[SetSource]":
    from evaluation.report.sources import EventFiles, FoldedSet

    files = [one for one in (items, warm, test) if one is not None]
    if sum(map(bool, (data, files, results))) != 1:
        raise WrongUse("one of --data, --results, or --items with --warm and --test is needed")
    if fold and not data:
        raise WrongUse("--fold goes with --data")
    if data:
        names = [one.resolve().name for one in data]
        if len(set(names)) != len(names):
            raise WrongUse("two folders of --data have the same name")
        return [FoldedSet(one, tuple(dict.fromkeys(fold or _FOLDS))) for one in data]
    if results:
        return []
    if items is None or warm is None or test is None:
        raise WrongUse("--items, --warm and --test go together")
    return [EventFiles(test.parent.resolve().name, items, warm, test)]


def _writer() -> "Callable[[Report, Path], list[str]]":
    try:
        from evaluation.report.writing import write_pages
    except ModuleNotFoundError as error:
        if error.name != "matplotlib":
            raise
        raise CommandFailed(
            "charts need the `report` extra: pip install 'strata-profiles[report]'"
        ) from error

    def write(made: "Report", out: Path) -> list[str]:
        written = write_pages(made, out)
        advice = [
            f"{one.name}, {task.task}: {task.advice[0]}" for one in made.sets for task in one.tasks
        ]
        return [*advice, f"{written.html}", f"{written.markdown}", f"{written.results}"]

    return write


def _joined(results: list[Path]) -> "Report":
    from evaluation.report.results import ReportFormatError, join_reports, read_report

    try:
        return join_reports([read_report(path.read_bytes()) for path in results])
    except ReportFormatError as error:
        raise CommandFailed(str(error)) from error
    except OSError as error:
        raise CommandFailed(str(error)) from error


def _studied(sources: "list[SetSource]", settings: "StudySettings") -> "Report":
    from rich.console import Console
    from rich.progress import TaskID

    from cli.progress import counting_progress
    from evaluation.errors import UnreadableEvents
    from evaluation.report.study import study
    from streams.embedding import EmbeddingModelMissing

    try:
        with counting_progress(Console(stderr=True)) as progress:
            bars: dict[str, TaskID] = {}

            def show(label: str, reached: "Progress") -> None:
                if label not in bars:
                    bars[label] = progress.add_task(label, total=reached.total)
                progress.update(bars[label], completed=reached.done)

            return study(sources, settings=settings, on_progress=show)
    except (UnreadableEvents, EmbeddingModelMissing, OSError) as error:
        raise CommandFailed(str(error)) from error
