"""`strata bench`."""

from pathlib import Path
from typing import Annotated

import typer

from cli.errors import CommandFailed

__all__ = ["committed_ratios", "register"]


def register(app: typer.Typer) -> None:
    app.command()(bench)


def bench(
    *,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    only: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Measure only this; repeatable.")
    ] = None,
    scale: Annotated[
        float, typer.Option(min=0.001, help="Events, as a part of the standard 200,000.")
    ] = 1.0,
    users: Annotated[int, typer.Option(min=1, help="Users the events are drawn from.")] = 100_000,
    repeats: Annotated[int, typer.Option(min=1, help="Pairs of runs per comparison.")] = 3,
    against: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            exists=True,
            dir_okay=False,
            help="Fail if a ratio is more than 30 % worse than in this file.",
        ),
    ] = None,
) -> None:
    """Measure Strata beside other frameworks, all in one run on this machine.

    Starts a Kafka and a Redis of its own. Figures of one machine are not those of another:
    only ratios carry over.
    """
    try:
        from benchmarks.command import measured
        from benchmarks.load import Load
        from benchmarks.measures import MEASURES
        from benchmarks.report import fallen, table
    except ModuleNotFoundError as error:
        raise CommandFailed(
            f"{error.name} is missing: pip install 'strata-profiles[embedded,bench]', in an "
            "environment of its own (`make bench` makes one)"
        ) from error
    import msgspec

    from cli.progress import counting_progress
    from cli.terminal import stderr

    names = only or list(MEASURES)
    if unknown := [name for name in names if name not in MEASURES]:
        raise typer.BadParameter(f"no measure {unknown[0]!r}; there are: {', '.join(MEASURES)}")
    committed = committed_ratios(against) if against else {}
    load = Load(events=max(1_000, round(200_000 * scale)), users=users)
    with counting_progress(stderr()) as progress:
        bar = progress.add_task("measuring", total=len(names))
        report = measured(
            names,
            load,
            repeats=repeats,
            # Above the bar, and by it: two that write to one terminal would overwrite each other.
            say=progress.console.print,
            begun=lambda done: progress.update(bar, completed=done),
        )
    typer.echo(msgspec.json.encode(report).decode() if json else table(report))
    worse = fallen(report, committed, tolerance=0.3)
    if worse or report.failures:
        raise CommandFailed("; ".join([*worse, *report.failures.values()]))


def committed_ratios(path: Path) -> dict[str, float]:
    """Measure → how often as much it took.

    Raises:
        CommandFailed: the file holds something else.
    """
    import msgspec

    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, float])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise CommandFailed(f"{path} holds no ratios: {error}") from error
