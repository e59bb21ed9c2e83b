"""Changes of the file of API keys: whole or not at all; a new one is its owner's alone."""

import os
import secrets
import stat
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from cli.errors import CommandFailed
from lookup.errors import KeysUnusable
from lookup.keys import ApiKey, keys_as_toml, new_key, parse_keys
from lookup.scopes import Scope

__all__ = ["add_key", "keys_in", "remove_key"]


def keys_in(path: Path) -> tuple[ApiKey, ...]:
    """The keys of a file.

    Raises:
        CommandFailed: it cannot be read.
    """
    try:
        return tuple(parse_keys(path.read_text("utf-8")))
    except OSError as error:
        raise CommandFailed(f"{path}: {error.strerror}") from error
    except (KeysUnusable, UnicodeDecodeError) as error:
        raise CommandFailed(f"{path}: {error}") from error


def add_key(
    path: Path, *, tenant: str, scopes: Sequence[Scope], note: str, expires_at: datetime | None
) -> tuple[str, ApiKey]:
    """Make a key and write what is kept of it into the file, which need not exist.

    Raises:
        CommandFailed: the file cannot be read or written, or the tenant is none.
    """
    before = keys_in(path) if path.exists() else ()
    try:
        key, kept = new_key(
            tenant=tenant,
            scopes=scopes,
            note=note,
            expires_at=expires_at,
            random=secrets.token_bytes,
        )
    except KeysUnusable as error:
        raise CommandFailed(str(error)) from error
    _write(path, (*before, kept))
    return key, kept


def remove_key(path: Path, ident: str) -> ApiKey:
    """Take a key out of the file; services that read it know the key no more within a second.

    Raises:
        CommandFailed: no key there has this id, or the file cannot be read or written.
    """
    before = keys_in(path)
    removed = next((key for key in before if key.id == ident), None)
    if removed is None:
        raise CommandFailed(f"{path} holds no key with the id {ident}")
    _write(path, tuple(key for key in before if key.id != ident))
    return removed


def _write(path: Path, keys: Sequence[ApiKey]) -> None:
    partial = path.with_name(f"{path.name}.partial")
    try:
        mode = stat.S_IMODE(path.stat().st_mode) if path.exists() else 0o600
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.fchmod(descriptor, mode)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(keys_as_toml(keys))
        partial.replace(path)
    except OSError as error:
        raise CommandFailed(f"{path} cannot be written: {error.strerror}") from error
