"""`strata dead-letters list|show|republish`."""

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["register"]

PositionText = Annotated[
    str,
    typer.Argument(
        metavar="POSITION", show_default=False, help="As `list` prints it: interactions/3/1042."
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="For programs; bytes in base64.")]


def register(app: typer.Typer) -> None:
    letters = typer.Typer(no_args_is_help=True, help="Records that were refused, and why.")
    letters.command("list")(list_letters)
    letters.command()(show)
    letters.command()(republish)
    app.add_typer(letters, name="dead-letters")


def list_letters(
    *,
    reason: Annotated[
        str | None, typer.Option(metavar="REASON", help="Only these, e.g. not-json.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="Only so many, the newest.")] = 100,
    json: AsJson = False,
) -> None:
    """Refused records, each once, oldest first."""
    import asyncio

    from cli.letter_views import print_letters

    asyncio.run(print_letters(reason=reason, limit=limit, as_json=json))


def show(position: PositionText, *, json: AsJson = False) -> None:
    """One refused record with its bytes; what could steer a terminal is spelled out."""
    import asyncio

    from cli.letter_views import print_letter
    from cli.letters import parse_position

    asyncio.run(print_letter(parse_position(position), as_json=json))


def republish(
    positions: Annotated[
        list[str], typer.Argument(metavar="POSITION…", show_default=False, help="As `list` prints.")
    ],
    *,
    value_from: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="Send this file's content instead."),
    ] = None,
    key_of_event: Annotated[
        bool,
        typer.Option("--key-of-event", help="Key it by the event's user or item instead."),
    ] = False,
) -> None:
    """Send records again, under their key to their topic. What would be refused again is not."""
    import asyncio

    from cli.errors import WrongUse
    from cli.letter_views import republish_letters
    from cli.letters import parse_position

    if value_from is not None and len(positions) > 1:
        raise WrongUse("--value-from corrects one record, so give one POSITION")
    asyncio.run(
        republish_letters(
            [parse_position(text) for text in positions],
            value_from=value_from,
            key_of_event=key_of_event,
        )
    )
