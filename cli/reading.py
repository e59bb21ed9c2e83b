"""What all reading commands do: ask, then print JSON or a table."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from rich.console import RenderableType

from cli.asking import Asker
from cli.connecting import lookup_url
from cli.errors import CommandFailed
from cli.logs import configure_quiet
from cli.settings import load_settings
from cli.terminal import stdout

__all__ = ["asked", "show"]

_View = TypeVar("_View", bound=BaseModel)


@contextmanager
def asked(url: str | None, *, tenant: str | None) -> Iterator[Asker]:
    """The service to ask.

    Raises:
        NotRunning: none is named, and none runs here.
    """
    configure_quiet()
    settings = load_settings()
    key = settings.api_key
    asker = Asker(
        lookup_url(settings, given=url),
        tenant=tenant,
        key=None if key is None else key.get_secret_value(),
    )
    try:
        yield asker
    finally:
        asker.close()


def show(
    answer: str,
    kind: type[_View],
    render: Callable[[_View], RenderableType],
    *,
    as_json: bool,
    unbroken: bool = False,
) -> None:
    """Print an answer, as it came or for people.

    Args:
        unbroken: Lines longer than the screen are neither broken nor cut.

    Raises:
        CommandFailed: the service speaks another version.
    """
    if as_json:
        sys.stdout.write(answer + "\n")
        return
    try:
        view = kind.model_validate_json(answer)
    except ValidationError as error:
        raise CommandFailed(
            "the service answers in a form that this version cannot read: "
            f"{error.errors()[0]['msg']}"
        ) from error
    stdout().print(render(view), soft_wrap=unbroken)
