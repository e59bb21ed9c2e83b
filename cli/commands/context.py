"""`strata context`."""

from typing import Annotated

import typer

from cli.commands.reading import AsJson, Tenant, Url, User

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    app.command()(context)


def context(
    user: User,
    *,
    query: Annotated[
        str | None, typer.Option(help="Also tell what the user wrote about this.", metavar="TEXT")
    ] = None,
    tokens: Annotated[
        int, typer.Option(min=0, max=100_000, help="Budget; the answer says what counted it.")
    ] = 1_000,
    template: Annotated[str, typer.Option(help="Of the service.", metavar="NAME")] = "plain",
    tenant: Tenant = None,
    url: Url = None,
    json: AsJson = False,
) -> None:
    """What to tell a language model about a user, quoted and within a budget of tokens."""
    from cli.reading import asked, show
    from cli.views.context import render_context
    from schemas.document_views import ContextView

    body: dict[str, object] = {"user_id": user, "token_budget": tokens, "template": template}
    if query is not None:
        body["query"] = query
    with asked(url, tenant=tenant) as asker:
        answer = asker.post("context", body)
    show(answer, ContextView, render_context, as_json=json, unbroken=True)
