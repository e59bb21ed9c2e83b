"""`strata doctor`."""

from typing import Annotated

import typer

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    app.command()(doctor)


def doctor(*, json: Annotated[bool, typer.Option("--json", help="For programs.")] = False) -> None:
    """Examine versions, servers, topics, lag and statistics; says what to do. Exit 1 if wrong."""
    import asyncio

    from cli.doctor.run import run_doctor

    asyncio.run(run_doctor(as_json=json))
