"""`strata export`, `strata erase`: a person's say over their data."""

from typing import Annotated

import typer

from cli.commands.reading import AsJson, Tenant, Url, User

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    app.command()(export)
    app.command()(erase)


def export(
    user: User,
    *,
    tenant: Tenant = None,
    url: Url = None,
    json: Annotated[
        bool, typer.Option("--json", help="One array of events instead of lines.")
    ] = False,
) -> None:
    """Everything that is kept of a user, as JSON lines that `strata publish` reads back."""
    import sys

    from cli.reading import asked

    with asked(url, tenant=tenant) as asker:
        lines = asker.get("users", user, "export")
    if json:
        events = [line for line in lines.split("\n") if line]
        sys.stdout.write(f"[{','.join(events)}]\n")
    else:
        sys.stdout.write(lines)


def erase(
    user: User,
    *,
    wait: Annotated[
        bool,
        typer.Option("--wait", help="Return when no store and no file of theirs holds anything."),
    ] = False,
    within_s: Annotated[
        float, typer.Option("--within", min=0, metavar="SECONDS", help="Longest wait.")
    ] = 300.0,
    tenant: Tenant = None,
    url: Url = None,
    json: AsJson = False,
) -> None:
    """Erase a user from every store, and print the receipt."""
    from cli.erasing import erased
    from cli.reading import asked, show
    from cli.views.erasure import render_erasure
    from schemas.privacy_views import ErasureView

    with asked(url, tenant=tenant) as asker:
        answer = erased(asker, user, within_s=within_s if wait else None)
    show(answer, ErasureView, render_erasure, as_json=json)
