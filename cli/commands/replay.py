"""`strata replay`, `strata promote`, `strata rollback`."""

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["register"]

_replay = typer.Typer(
    help="Build another version of every profile from history, beside the one in force.",
    invoke_without_command=True,
    rich_markup_mode="rich",
)


def register(app: typer.Typer) -> None:
    app.add_typer(_replay, name="replay")
    app.command()(promote)
    app.command()(rollback)


_ENOUGH = "1000, or what comes in within ten seconds"

File = Annotated[
    Path | None, typer.Option(exists=True, dir_okay=False, readable=True, show_default=False)
]


@_replay.callback()
def replay(
    context: typer.Context,
    *,
    into: Annotated[
        str | None,
        typer.Option(
            "--into",
            metavar="NAME",
            show_default=False,
            help="The version to build, or to go on with if it was begun.",
        ),
    ] = None,
    topics: Annotated[
        str | None,
        typer.Option(
            metavar="NAME,…",
            show_default=False,
            help="Whose history to read, as `interactions,attributes`; all by default. Consents, "
            "erasures and items are always read whole.",
        ),
    ] = None,
    start: Annotated[
        str,
        typer.Option(
            "--from",
            metavar="earliest|TIME|OFFSETS",
            help="Where to begin: an RFC 3339 time of arrival, or `interactions:0=120,…`.",
        ),
    ] = "earliest",
    until: Annotated[
        str | None,
        typer.Option(
            metavar="TIME|OFFSETS",
            show_default=False,
            help="Where to end; without it the version follows what comes.",
        ),
    ] = None,
    from_files: Annotated[
        list[Path] | None,
        typer.Option(
            "--from-files",
            metavar="FILE",
            exists=True,
            dir_okay=False,
            readable=True,
            show_default=False,
            help="History that Kafka no longer holds, as `strata publish` takes it; may be "
            "repeated. Taken in beside what the topics hold.",
        ),
    ] = None,
    policy: File = None,
    personas: File = None,
    embedding_model: Annotated[
        str | None,
        typer.Option(metavar="MODEL", show_default=False, help="Item and passage vectors by it."),
    ] = None,
    lag: Annotated[
        int | None,
        typer.Option(
            min=0,
            show_default=_ENOUGH,
            help="Records behind at which it counts as caught up.",
        ),
    ] = None,
    workers: Annotated[
        int, typer.Option(min=1, max=64, help="Processes that build it; several need servers.")
    ] = 1,
    nice: Annotated[
        int,
        typer.Option(
            min=0, max=19, help="How far it lets other processes of this machine go first."
        ),
    ] = 10,
    beside: Annotated[bool, typer.Option("--beside", hidden=True)] = False,
) -> None:
    """Build another version of every profile from history, beside the one in force.

    It can be killed and gone on with: the same command with `--into NAME` alone.
    """
    from cli.errors import WrongUse
    from cli.processes import run_until_stopped, stopped_by_signal
    from cli.replay_arguments import moment_of, topics_of
    from cli.replaying import Asked, replayed_into, worked_beside
    from cli.terminal import stderr

    if context.invoked_subcommand is not None:
        return
    if into is None:
        raise WrongUse("--into NAME says which version to build")
    asked = Asked(
        name=into,
        topics=topics_of(topics),
        start=moment_of(start, option="--from"),
        until=None if until is None else moment_of(until, option="--until"),
        policy=policy,
        personas=personas,
        embedding_model=embedding_model,
        files=tuple(from_files or ()),
        lag=lag,
        workers=workers,
        nice=nice,
    )
    try:
        with stopped_by_signal():
            run_until_stopped(worked_beside(into) if beside else replayed_into(asked))
    except KeyboardInterrupt:
        stderr().print(f"stopped; `strata replay --into {into}` goes on with it", markup=False)
        raise


Name = Annotated[str, typer.Argument(metavar="NAME", show_default=False)]


@_replay.command()
def diff(
    name: Name,
    *,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compare a version with the one in force: who differs, by how much, and how good they are."""
    from cli.processes import run_until_stopped
    from cli.version_diff import compared

    run_until_stopped(compared(name, as_json=json))


@_replay.command(name="list")
def list_versions(
    *, json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False
) -> None:
    """Show every version, which one is in force, and how far each is."""
    from cli.processes import run_until_stopped
    from cli.version_states import listed

    run_until_stopped(listed(as_json=json))


@_replay.command()
def drop(name: Name) -> None:
    """Remove a version that is not in force, and all that is stored for it."""
    from cli.processes import run_until_stopped
    from cli.promoting import dropped

    run_until_stopped(dropped(name))


def promote(
    name: Name,
    *,
    lag: Annotated[
        int | None,
        typer.Option(
            min=0, show_default=_ENOUGH, help="Records behind at which it is put in force."
        ),
    ] = None,
) -> None:
    """Put a version in force: from one request to the next, lookups answer by it alone."""
    from cli.processes import run_until_stopped
    from cli.promoting import promoted

    run_until_stopped(promoted(name, lag=lag))


def rollback() -> None:
    """Put in force again what was before the last promotion."""
    from cli.processes import run_until_stopped
    from cli.promoting import rolled_back

    run_until_stopped(rolled_back())
