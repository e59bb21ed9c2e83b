"""`strata keys`: create, list, revoke."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from lookup.scopes import Scope

__all__ = ["register"]

File = Annotated[
    Path,
    typer.Option(
        "--file",
        envvar="STRATA_API_KEYS",
        dir_okay=False,
        help="The file of keys; the service finds it by STRATA_API_KEYS.",
    ),
]

DEFAULT_FILE = Path("api-keys.toml")


def register(app: typer.Typer) -> None:
    keys = typer.Typer(help="API keys of the lookup service.", no_args_is_help=True)
    keys.command()(create)
    keys.command(name="list")(list_keys)
    keys.command()(revoke)
    app.add_typer(keys, name="keys")


def create(
    *,
    scope: Annotated[
        list[Scope], typer.Option(help="What it may do; give it several times.", show_default=False)
    ],
    tenant: Annotated[str, typer.Option(help="Whose users it is about.")] = "default",
    note: Annotated[str, typer.Option(help="For people: who has it.")] = "",
    expires: Annotated[
        datetime | None,
        typer.Option(help="From then on it is unknown (UTC).", formats=["%Y-%m-%d"]),
    ] = None,
    file: File = DEFAULT_FILE,
) -> None:
    """Make a key and print it, this once: the file holds only its hash."""
    import sys
    from datetime import UTC

    from cli.keys.file import add_key
    from cli.terminal import cell, stderr

    key, kept = add_key(
        file,
        tenant=tenant,
        scopes=scope,
        note=note,
        expires_at=None if expires is None else expires.replace(tzinfo=UTC),
    )
    stderr().print(cell(f"key {kept.id} is in {file}; this is the only time it is shown:"))
    # Alone on stdout, so that it can go straight to where secrets are kept.
    sys.stdout.write(key + "\n")


def list_keys(
    *,
    json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
    file: File = DEFAULT_FILE,
) -> None:
    """Show what is kept of each key."""
    import sys

    import msgspec

    from cli.keys.file import keys_in
    from cli.keys.table import render_keys
    from cli.terminal import stdout

    keys = keys_in(file)
    if json:
        rows = [key.model_dump(mode="json", exclude={"sha256"}) for key in keys]
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(rows)).decode() + "\n")
    else:
        stdout().print(render_keys(keys))


def revoke(
    ident: Annotated[str, typer.Argument(metavar="ID", help="As `strata keys list` shows it.")],
    *,
    file: File = DEFAULT_FILE,
) -> None:
    """End a key: running services know it no more within a second."""
    from cli.keys.file import remove_key
    from cli.terminal import cell, stdout

    removed = remove_key(file, ident)
    stdout().print(cell(f"key {removed.id} of tenant {removed.tenant} is revoked"))
