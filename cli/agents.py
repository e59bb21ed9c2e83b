"""`strata mcp`: the tools for agents over whichever lookup service runs."""

import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from functools import partial
from importlib.metadata import version
from typing import TYPE_CHECKING, Final

from cli.asking import Asker
from cli.connecting import lookup_url
from cli.errors import CommandFailed
from cli.logs import configure_logs
from cli.settings import Settings, load_settings
from lookup.agents.asking import Unanswered

if TYPE_CHECKING:
    from lookup.agents.server import StrataServer

__all__ = ["RunningService", "serve_over_http", "serve_over_stdio"]

_HOST: Final = "127.0.0.1"


class RunningService:
    """The lookup service that the settings name, or that runs here; it may come and go."""

    def __init__(self, settings: Settings, *, url: str | None, tenant: str | None) -> None:
        self._settings = settings
        self._url = url
        self._tenant = tenant
        self._askers: dict[str, Asker] = {}
        self._lock = threading.Lock()

    def get(self, *path: str, params: Mapping[str, str | int] | None = None) -> str:
        """As `Asking.get`."""
        return self._answered(lambda asker: asker.get(*path, params=params))

    def post(self, name: str, body: Mapping[str, object]) -> str:
        """As `Asking.post`."""
        return self._answered(lambda asker: asker.post(name, body))

    def _answered(self, ask: Callable[[Asker], str]) -> str:
        try:
            return ask(self._asker_now())
        except CommandFailed as error:
            raise Unanswered(str(error)) from error

    def close(self) -> None:
        """Close every connection."""
        with self._lock:
            for asker in self._askers.values():
                asker.close()
            self._askers.clear()

    def _asker_now(self) -> Asker:
        """For where the service is now: a stack that was started anew has another port."""
        url = lookup_url(self._settings, given=self._url)
        with self._lock:
            asker = self._askers.get(url)
            if asker is None:
                key = self._settings.api_key
                asker = self._askers[url] = Asker(
                    url,
                    tenant=self._tenant,
                    key=None if key is None else key.get_secret_value(),
                )
            return asker


def serve_over_stdio(*, url: str | None, tenant: str | None) -> None:
    """Until stdin ends; nothing but the protocol is written to stdout.

    Raises:
        CommandFailed: the extra is not installed.
    """
    import anyio  # noqa: PLC0415 - with what follows, only this command needs it

    with _serving(url=url, tenant=tenant) as server:
        anyio.run(server.run_stdio_async)


def serve_over_http(port: int, *, url: str | None, tenant: str | None) -> None:
    """On this machine alone, at `/mcp`: whoever reaches it asks with our key.

    Raises:
        CommandFailed: the extra is not installed.
    """
    import anyio  # noqa: PLC0415

    with _serving(url=url, tenant=tenant) as server:
        anyio.run(partial(server.run_streamable_http_async, host=_HOST, port=port))


@contextmanager
def _serving(*, url: str | None, tenant: str | None) -> "Iterator[StrataServer]":
    try:
        from lookup.agents.server import create_server  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as error:
        raise CommandFailed(
            "the MCP server needs the extra `mcp`: pip install 'strata-profiles[mcp]'"
        ) from error
    # A tool that ends by a bug is told on stderr; what each one said is not.
    configure_logs(level="error", libraries=logging.ERROR)
    with closing(RunningService(load_settings(), url=url, tenant=tenant)) as service:
        yield create_server(service, version=version("strata-profiles"))
