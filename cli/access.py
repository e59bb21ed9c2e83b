"""Who may ask the service, as the settings say."""

from pathlib import Path

from cli.errors import CommandFailed, WrongUse
from cli.settings import Settings
from lookup.access import Access, KeyAccess, LoopbackAccess
from lookup.errors import KeysUnusable
from lookup.key_file import KeyFile
from lookup.keys import parse_keys
from lookup.loopback import is_loopback

__all__ = ["access_of"]


def access_of(settings: Settings) -> Access:
    """By key where there are keys; else for this machine alone.

    Raises:
        WrongUse: without keys, it would listen where others can reach it.
        CommandFailed: the keys cannot be read, or there is none.
    """
    named = settings.api_keys
    if named is None:
        if is_loopback(settings.http_host):
            return LoopbackAccess()
        raise WrongUse(
            f"without API keys the service listens on this machine alone, not on "
            f"{settings.http_host}: `strata keys create` makes one, and STRATA_API_KEYS names "
            "its file"
        )
    try:
        if "=" in named:
            keys = parse_keys(named)
            access = KeyAccess(lambda: keys)
        else:
            access = KeyAccess(KeyFile(Path(named).expanduser()))
    except KeysUnusable as error:
        raise CommandFailed(f"STRATA_API_KEYS: {error}") from error
    return access
