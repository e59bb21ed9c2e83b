"""Entry point of `strata`: errors become one line and an exit code."""

import os
import sys
from collections.abc import Sequence
from typing import Annotated, Final

import typer
from typer.exceptions import TyperException

from cli.commands import (
    backup,
    bench,
    context,
    dead_letters,
    demo,
    doctor,
    evaluate,
    explain,
    export_preferences,
    init,
    keys,
    mcp,
    person,
    publish,
    reading,
    replay,
    report,
    rerank,
    serving,
)
from cli.errors import CommandFailed
from cli.terminal import complain

__all__ = ["app", "main", "run"]

_INTERRUPTED: Final = 130

app = typer.Typer(
    name="strata",
    help="What is known about users, their personas and everybody, kept current from a stream.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)


def _print_version(asked: bool) -> None:  # noqa: FBT001 - Typer calls it so
    if asked:
        from importlib.metadata import version  # noqa: PLC0415 - slow to import

        typer.echo(f"strata {version('strata-profiles')}")
        raise typer.Exit


@app.callback()
def _strata(
    *,
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version.", is_eager=True, callback=_print_version
        ),
    ] = False,
) -> None:
    pass


for part in (
    init,
    keys,
    mcp,
    serving,
    demo,
    publish,
    reading,
    person,
    context,
    explain,
    dead_letters,
    backup,
    replay,
    doctor,
    evaluate,
    export_preferences,
    report,
    rerank,
    bench,
):
    part.register(app)


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code: 0 success, 1 failure, 2 wrong use."""
    try:
        code = app(args=arguments, prog_name="strata", standalone_mode=False)
    except TyperException as wrong:
        # Help that was asked for by typing nothing has been printed by now.
        if line := wrong.format_message():
            complain(line)
        return wrong.exit_code
    except CommandFailed as failed:
        complain(str(failed))
        return failed.exit_code
    except (KeyboardInterrupt, typer.Abort):
        complain("interrupted")
        return _INTERRUPTED
    except BrokenPipeError:
        # The reader has seen enough; nothing more may be written, not even at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:  # noqa: BLE001 - the last place where it can become one line
        return _report(error)
    return code if isinstance(code, int) else 0


def _report(error: Exception) -> int:
    from cli.failures import line_of, record_bug  # noqa: PLC0415 - knows errors of every part

    line = line_of(error)
    if line is None:
        record_bug(error)
        line = f"stopped by a bug, recorded above: {type(error).__name__}"
    complain(line)
    return 1


def main() -> None:
    """`strata`."""
    sys.exit(run())


if __name__ == "__main__":
    main()
