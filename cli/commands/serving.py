"""`strata up`, `strata worker`, `strata serve`."""

import logging
import time
from typing import Annotated

import typer

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    app.command()(up)
    app.command()(worker)
    app.command()(serve)


def up() -> None:
    """Start everything on this machine: Kafka, Redis, worker and lookup. Ctrl-C stops it all."""
    from rich.table import Table

    from cli.composition import LocalServers, local_servers
    from cli.errors import WrongUse
    from cli.logs import configure_logs
    from cli.processes import everything_running, run_until_stopped, stopped_by_signal
    from cli.settings import Settings, load_settings, without_password
    from cli.terminal import cell, stderr, stdout

    settings = load_settings()
    if settings.http_processes > 1:
        raise WrongUse(
            "strata up is one process, because the embedded storage has one owner: "
            "STRATA_HTTP_PROCESSES is for `strata serve`, over servers"
        )
    configure_logs(
        level=settings.log_level or "warning",
        form=settings.log_format,
        # Kafka's clients report as errors what they try again while everything starts.
        libraries=logging.CRITICAL if settings.log_level is None else logging.WARNING,
    )
    notes = stderr()
    started = time.monotonic()

    async def serve_everything(settings: Settings, servers: LocalServers) -> None:
        import asyncio

        async with everything_running(settings, servers, progress=say) as everything:
            stack = everything.stack
            table = Table.grid(padding=(0, 2))
            for name, address in {
                "Kafka": stack.kafka_bootstrap,
                "Redis": without_password(stack.redis_url),
                "Qdrant": without_password(stack.qdrant_url),
                "lookup": stack.http_url,
                "data": str(servers.directory),
            }.items():
                table.add_row(f"  {name}", cell(address))
            out = stdout()
            out.print(f"Strata is up after {time.monotonic() - started:.1f} s.")
            out.print(table)
            out.print("Ctrl-C stops everything; the data stay.")
            await asyncio.Event().wait()

    def say(step: str) -> None:
        notes.print(cell(f"{step} …"))

    try:
        with stopped_by_signal(), local_servers(settings, progress=say) as servers:
            try:
                run_until_stopped(serve_everything(settings, servers))
            finally:
                say("stopping")
    except KeyboardInterrupt:
        notes.print("stopped")


def worker() -> None:
    """Run one worker against servers; start as many as there are partitions, at most."""
    from cli.composition import server_addresses
    from cli.logs import configure_logs
    from cli.processes import run_until_stopped, run_worker
    from cli.settings import load_settings
    from cli.terminal import stderr

    settings = load_settings()
    configure_logs(level=settings.log_level or "info", form=settings.log_format)
    addresses = server_addresses(settings, command="worker", needs_kafka=True)
    notes = stderr()
    try:
        run_until_stopped(
            run_worker(
                settings,
                addresses,
                ready=lambda url: notes.print(f"worker is ready, its metrics at {url}/metrics"),
            )
        )
    except KeyboardInterrupt:
        notes.print("stopped")


def serve(
    *,
    processes: Annotated[
        int | None,
        typer.Option(min=1, max=64, help="Processes that serve; else STRATA_HTTP_PROCESSES, or 1."),
    ] = None,
) -> None:
    """Serve lookups over HTTP from servers; start as many as you like."""
    from cli.access import access_of
    from cli.composition import server_addresses
    from cli.logs import configure_logs
    from cli.processes import run_lookup, run_until_stopped
    from cli.settings import load_settings
    from cli.terminal import stderr, stdout
    from lookup.loops import run

    settings = load_settings()
    configure_logs(level=settings.log_level or "info", form=settings.log_format)
    access_of(settings)  # what cannot be used is better known before anything is opened
    addresses = server_addresses(settings, command="serve", needs_kafka=False)
    several = processes or settings.http_processes

    def ready(url: str) -> None:
        by = f" by {several} processes" if several > 1 else ""
        stdout().print(f"lookup is ready at {url}{by}")

    try:
        if several > 1:
            from cli.serving_processes import serve_by_processes

            serve_by_processes(settings, addresses, processes=several, ready=ready)
            stderr().print("stopped")
        else:
            run_until_stopped(run_lookup(settings, addresses, ready=ready), run=run)
    except KeyboardInterrupt:
        stderr().print("stopped")
