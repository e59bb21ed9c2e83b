"""`strata profile`, `rank`, `personas`, `statistics`."""

from typing import Annotated

import typer

__all__ = ["AsJson", "Tenant", "Url", "User", "register"]

Tenant = Annotated[
    str | None,
    typer.Option(help='Whose users; else the API key\'s, or "default".', metavar="NAME"),
]
AsJson = Annotated[bool, typer.Option("--json", help="Exactly what the service answers.")]
Url = Annotated[
    str | None,
    typer.Option(
        help="Of the lookup service; else STRATA_URL, else the running stack.", metavar="URL"
    ),
]
User = Annotated[str, typer.Argument(help="The user's id.", show_default=False)]


def register(app: typer.Typer) -> None:
    app.command()(profile)
    app.command()(rank)
    app.command()(personas)
    app.command()(statistics)


def profile(
    user: User,
    *,
    mine: Annotated[
        bool, typer.Option("--mine", help="For the user to read: what is kept, why and how long.")
    ] = False,
    tenant: Tenant = None,
    url: Url = None,
    json: AsJson = False,
) -> None:
    """What is known about a user, and how sure that is."""
    if mine:
        _mine(user, tenant=tenant, url=url, json=json)
        return
    from cli.reading import asked, show
    from cli.views.profile import render_profile
    from schemas.views import ProfileView

    with asked(url, tenant=tenant) as asker:
        answer = asker.get("profiles", user)
    show(answer, ProfileView, render_profile, as_json=json)


def _mine(user: str, *, tenant: str | None, url: str | None, json: bool) -> None:
    from cli.reading import asked, show
    from cli.views.mine import render_mine
    from schemas.privacy_views import MineView

    with asked(url, tenant=tenant) as asker:
        answer = asker.get("users", user, "mine")
    show(answer, MineView, render_mine, as_json=json)


def rank(
    user: User,
    *,
    limit: Annotated[int, typer.Option(min=1, max=100, help="How many items.")] = 10,
    seen: Annotated[
        bool, typer.Option("--seen", help="Also items that the user has had events with.")
    ] = False,
    tenant: Tenant = None,
    url: Url = None,
    json: AsJson = False,
) -> None:
    """Items for a user, best first, with reasons."""
    from cli.reading import asked, show
    from cli.views.ranking import render_ranking
    from schemas.views import RankingView

    with asked(url, tenant=tenant) as asker:
        answer = asker.post("rank", {"user_id": user, "limit": limit, "exclude_seen": not seen})
    show(answer, RankingView, render_ranking, as_json=json)


def personas(
    persona: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="One of them, e.g. p3.", show_default=False)
    ] = None,
    *,
    tenant: Tenant = None,
    url: Url = None,
    json: AsJson = False,
) -> None:
    """The personas that were found, or one of them."""
    from cli.reading import asked, show
    from cli.views.population import render_persona, render_personas
    from schemas.views import PersonasView, PersonaView

    with asked(url, tenant=tenant) as asker:
        answer = asker.get("personas") if persona is None else asker.get("personas", persona)
    if persona is None:
        show(answer, PersonasView, render_personas, as_json=json)
    else:
        show(answer, PersonaView, render_persona, as_json=json)


def statistics(
    *,
    persona: Annotated[
        str | None, typer.Option(metavar="ID", help="Of one persona instead of everybody.")
    ] = None,
    most: Annotated[int, typer.Option(min=1, max=100, help="Items per list.")] = 20,
    rebuild: Annotated[
        bool,
        typer.Option("--rebuild", help="First sum everything up again from the stored users."),
    ] = False,
    tenant: Tenant = None,
    url: Url = None,
    json: AsJson = False,
) -> None:
    """Counts, what is popular, and what rises."""
    import asyncio

    from cli.reading import asked, show
    from cli.rebuilding import rebuild_statistics
    from cli.views.population import render_statistics
    from schemas.views import StatisticsView

    if rebuild:
        asyncio.run(rebuild_statistics())
    params: dict[str, str | int] = {"most": most}
    if persona is not None:
        params["persona"] = persona
    with asked(url, tenant=tenant) as asker:
        answer = asker.get("statistics", params=params)
    show(answer, StatisticsView, render_statistics, as_json=json)
