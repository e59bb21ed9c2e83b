"""`strata mcp`."""

from typing import Annotated

import typer

from cli.commands.reading import Tenant, Url

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    app.command()(mcp)


def mcp(
    *,
    http: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=65_535,
            metavar="PORT",
            help="Serve at http://127.0.0.1:PORT/mcp instead of stdin and stdout.",
        ),
    ] = None,
    tenant: Tenant = None,
    url: Url = None,
) -> None:
    """Tools for language-model agents (MCP): look up, explain, rank, retrieve, build context."""
    from cli.agents import serve_over_http, serve_over_stdio

    if http is None:
        serve_over_stdio(url=url, tenant=tenant)
    else:
        serve_over_http(http, url=url, tenant=tenant)
