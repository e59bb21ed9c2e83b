"""`strata publish`."""

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    app.command()(publish)


def publish(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE…",
            exists=True,
            dir_okay=False,
            readable=True,
            show_default=False,
            help="One event per line, .jsonl or .jsonl.gz; sent in the order given.",
        ),
    ],
    *,
    wait: Annotated[
        bool,
        typer.Option(
            "--wait",
            help="Return when the events are in the profiles and counted; published statistics "
            "and personas follow within seconds.",
        ),
    ] = False,
    allow_invalid: Annotated[
        bool, typer.Option("--allow-invalid", help="Exit 0 although lines were left out.")
    ] = False,
) -> None:
    """Check events and send them to Kafka. Lines that the stream would refuse are left out."""
    import asyncio

    from cli.publish_files import publish_files
    from cli.tracing import traced_from_environment

    with traced_from_environment("strata-cli", "publish"):
        asyncio.run(publish_files(files, wait=wait, allow_invalid=allow_invalid))
