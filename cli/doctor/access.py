"""Who may ask the service: its keys, and where it listens."""

import stat
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from cli.doctor.findings import Finding, note, right, wrong
from cli.errors import CommandFailed
from cli.keys.file import keys_in
from cli.settings import Settings
from lookup.errors import KeysUnusable
from lookup.keys import ApiKey, parse_keys
from lookup.loopback import is_loopback

__all__ = ["examine_access"]

_SOON: Final = timedelta(days=14)
_ABOUT: Final = "API keys"
_WRITABLE_BY_OTHERS: Final = stat.S_IWGRP | stat.S_IWOTH


def examine_access(settings: Settings, *, now: datetime) -> Iterator[Finding]:
    """Whether there are keys where there have to be, and which of them end soon.

    Args:
        now: With its zone.
    """
    named = settings.api_keys
    if named is None:
        yield _without(settings.http_host)
        return
    try:
        if "=" in named:
            keys = tuple(parse_keys(named))
        else:
            path = Path(named).expanduser()
            keys = keys_in(path)
            if path.stat().st_mode & _WRITABLE_BY_OTHERS:
                yield wrong(
                    _ABOUT,
                    f"{path} can be written by others, who can so let anybody in",
                    f"chmod go-w {path}",
                )
    except (CommandFailed, KeysUnusable) as error:
        yield wrong(_ABOUT, str(error), "correct it, or make one with `strata keys create`")
        return
    yield from _examined(keys, now)


def _without(host: str) -> Finding:
    if is_loopback(host):
        return right(_ABOUT, "none: lookup is for this machine alone")
    return wrong(
        _ABOUT,
        f"none, and STRATA_HTTP_HOST is {host}: lookup will not start",
        "`strata keys create` makes one; name its file in STRATA_API_KEYS",
    )


def _examined(keys: tuple[ApiKey, ...], now: datetime) -> Iterator[Finding]:
    ended = [key for key in keys if key.expires_at is not None and key.expires_at <= now]
    ending = [key for key in keys if key.expires_at is not None and key.expires_at - now <= _SOON]
    if len(ended) == len(keys):
        yield wrong(_ABOUT, f"none of {len(keys)} is in force", "`strata keys create` makes one")
        return
    in_force = len(keys) - len(ended)
    tenants = len({key.tenant for key in keys if key not in ended})
    yield right(_ABOUT, f"{in_force} in force, of {tenants} tenant(s)")
    if ended:
        yield note(
            _ABOUT, f"expired: {_named(ended)}", "`strata keys revoke` takes them out of the file"
        )
    if soon := [key for key in ending if key not in ended]:
        yield note(
            _ABOUT,
            f"expire within {_SOON.days} days: {_named(soon)}",
            "create and hand out others before",
        )


def _named(keys: list[ApiKey]) -> str:
    return ", ".join(f"{key.id} ({key.tenant})" for key in keys)
