"""`strata init`."""

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    app.command()(init)


def init(
    directory: Annotated[Path, typer.Argument(help="Where to write.", file_okay=False)] = Path(),
) -> None:
    """Write a commented strata.toml and the files it names; nothing that exists is overwritten."""
    from cli.templates import write_templates
    from cli.terminal import cell, stdout

    for path in write_templates(directory):
        stdout().print(cell(f"wrote {path}"))
    stdout().print("Everything is commented out: uncomment what you change. Next: `strata up`.")
