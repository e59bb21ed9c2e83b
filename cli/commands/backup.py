"""`strata backup`, `strata restore`."""

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    app.command()(backup)
    app.command()(restore)


def backup(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", dir_okay=False, show_default=False, help="Where the copy is to be."
        ),
    ],
    *,
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it exists.")] = False,
) -> None:
    """Copy users, items, personas, passages and positions to one file; nothing stands still."""
    from cli.backup_commands import backed_up
    from cli.errors import WrongUse
    from cli.processes import run_until_stopped

    if file.exists() and not force:
        raise WrongUse(f"{file} exists (--force replaces it)")
    if not file.absolute().parent.is_dir():
        raise WrongUse(f"{file.parent} is no directory")
    run_until_stopped(backed_up(file.absolute()))


def restore(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            exists=True,
            dir_okay=False,
            readable=True,
            show_default=False,
            help="What `strata backup` wrote.",
        ),
    ],
) -> None:
    """Fill empty stores from a backup; the stream goes on where the backup ended."""
    from cli.backup_commands import restored
    from cli.processes import run_until_stopped, stopped_by_signal

    with stopped_by_signal():
        run_until_stopped(restored(file.absolute()))
