"""`strata rerank`."""

from typing import Annotated

import typer

from cli.commands.reading import AsJson, Tenant, Url, User

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    app.command()(rerank)


def rerank(
    user: User,
    texts: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[TEXT…]",
            show_default=False,
            help="2 to 14 answers; else one per line of stdin.",
        ),
    ] = None,
    *,
    tenant: Tenant = None,
    url: Url = None,
    json: AsJson = False,
) -> None:
    """Candidate answers of a language model, the one that the user would prefer first."""
    from cli.reranking import print_reranked

    print_reranked(user, texts, url=url, tenant=tenant, as_json=json)
