"""`strata explain`."""

from typing import Annotated

import typer

from cli.commands.reading import AsJson, Tenant, Url, User

__all__ = ["register"]

_DAY_S = 86_400.0


def register(app: typer.Typer) -> None:
    app.command()(explain)


def explain(
    user: User,
    *,
    half_life: Annotated[
        float | None,
        typer.Option(
            metavar="DAYS",
            min=0.001,
            max=1e6,
            show_default=False,
            help="As if evidence counted half after so many days.",
        ),
    ] = None,
    half_rank: Annotated[
        float | None,
        typer.Option(
            metavar="EVENTS",
            min=0.01,
            max=1e6,
            show_default=False,
            help="As if it counted half after so many later events.",
        ),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=100, help="How many items.")] = 10,
    tenant: Tenant = None,
    url: Url = None,
    json: AsJson = False,
) -> None:
    """Why a user stands where they do: what each event is still worth, and what it moved."""
    from cli.reading import asked, show
    from cli.views.explanation import render_explanation
    from schemas.explanation_views import ExplanationView

    params: dict[str, str | int] = {"limit": limit}
    if half_life is not None:
        params["half_life_s"] = repr(half_life * _DAY_S)
    if half_rank is not None:
        params["half_rank"] = repr(half_rank)
    with asked(url, tenant=tenant) as asker:
        answer = asker.get("profiles", user, "explanation", params=params)
    show(answer, ExplanationView, render_explanation, as_json=json)
