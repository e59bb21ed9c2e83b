"""`strata demo`."""

import time
from pathlib import Path
from typing import Annotated

import typer

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    app.command()(demo)


def demo(
    *,
    events: Annotated[
        list[Path] | None,
        typer.Option(exists=True, dir_okay=False, help="Play these files of events instead."),
    ] = None,
    items: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="The items that those events are about."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the simulated readers.")] = 1,
    readers: Annotated[int, typer.Option(min=50, help="How many to simulate.")] = 600,
    model: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Text model; `hashing` needs none, and knows only equal words."
        ),
    ] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the data directory behind.")] = False,
) -> None:
    """Watch a month of a bookshop go through a real Kafka into profiles, in a stack of its own."""
    from cli.errors import WrongUse

    started_s = time.monotonic()
    if bool(events) != (items is not None):
        raise WrongUse("--events and --items go together")

    from cli.demo.run import DemoOptions, run_demo

    run_demo(
        DemoOptions(
            seed=seed,
            readers=readers,
            items=items,
            events=events or (),
            model=model,
            keep=keep,
            started_s=started_s,
        )
    )
