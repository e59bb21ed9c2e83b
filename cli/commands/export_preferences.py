"""`strata export-preferences`."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from cli.commands.reading import Tenant, Url

__all__ = ["PairFormat", "register"]


class PairFormat(StrEnum):
    """How pairs are written."""

    DPO = "dpo"


def register(app: typer.Typer) -> None:
    app.command()(export_preferences)


def export_preferences(
    *,
    form: Annotated[
        PairFormat,
        typer.Option("--format", help="dpo: prompt, chosen, rejected, as TRL's DPOTrainer reads."),
    ] = PairFormat.DPO,
    user: Annotated[str | None, typer.Option(metavar="ID", help="Only of this user.")] = None,
    persona: Annotated[
        str | None, typer.Option(metavar="ID", help="Only of this persona's users.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", dir_okay=False, help="Write here instead of to the screen."),
    ] = None,
    tenant: Tenant = None,
    url: Url = None,
    json: Annotated[
        bool, typer.Option("--json", help="One object, with what was left out, instead of lines.")
    ] = False,
) -> None:
    """Preferences as JSON lines for training, of users who have not withdrawn them."""
    from cli.exporting import export_pairs

    wanted = {"user_id": user, "persona": persona}
    export_pairs(url, form=form.value, tenant=tenant, wanted=wanted, out=out, as_json=json)
