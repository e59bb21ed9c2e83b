"""The secret of the hashes that erased users are known by."""

import os
import secrets
from pathlib import Path
from typing import Final

import structlog

from cli.errors import CommandFailed
from cli.settings import Settings
from profiles.privacy.pseudonyms import SECRET_BYTES, Secret, secret_of

__all__ = ["KEY_FILE", "erasure_secret"]

KEY_FILE: Final = "erasure.key"

_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


def erasure_secret(settings: Settings) -> Secret:
    """The one that is set; else of the data directory, made where there is none.

    Processes that share servers have no directory in common: without a setting their secret
    follows from the namespace, which is no secret, and they say so.

    Raises:
        CommandFailed: the file in the data directory cannot be used.
    """
    if settings.erasure_key is not None:
        return secret_of(settings.erasure_key.get_secret_value())
    if settings.qdrant_url is None or settings.qdrant_url.startswith("edge://"):
        return secret_of(_kept_in(settings.data_dir / KEY_FILE))
    _log.warning(
        "STRATA_ERASURE_KEY is not set: whoever reads the stores and guesses an id can tell "
        "whether that user was erased"
    )
    return secret_of(f"namespace {settings.namespace}")


def _kept_in(path: Path) -> str:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            text = path.read_text("ascii").strip()
        else:
            text = secrets.token_hex(SECRET_BYTES)
            with os.fdopen(handle, "w", encoding="ascii") as file:
                file.write(text + "\n")
                file.flush()
                os.fsync(handle)
    except (OSError, UnicodeDecodeError) as error:
        raise CommandFailed(f"{path} cannot be read or made: {error}") from error
    if len(text) < SECRET_BYTES:
        raise CommandFailed(
            f"{path} was cut: put its copy back, or remove it; then who was erased before may "
            "come back with a replay"
        )
    return text
