"""The file of API keys, read again when it has changed."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import structlog

from lookup.errors import KeysUnusable
from lookup.keys import KeyRing, parse_keys

__all__ = ["KeyFile"]

_LOOK_EVERY_S: Final = 1.0

_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

_Mark = tuple[int, int, int]


class KeyFile:
    """Answers with the keys in force; a changed file is noticed within a second.

    A file that cannot be read any more changes nothing, and is logged: a slip of the pen must
    not lock everybody out. Take a key out of a readable file to end it.

    Raises:
        KeysUnusable: it cannot be read at the start.
    """

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._clock = clock
        self._looked_s = clock()
        self._mark = self._marked()
        self._keys = self._read()

    def __call__(self) -> KeyRing:
        now_s = self._clock()
        if now_s - self._looked_s < _LOOK_EVERY_S:
            return self._keys
        self._looked_s = now_s
        try:
            mark = self._marked()
            if mark != self._mark:
                self._keys = self._read()
                self._mark = mark
                _log.info("api keys were read again", keys=len(self._keys))
        except KeysUnusable as error:
            _log.error("api keys cannot be read, those before stay in force", cause=str(error))
        return self._keys

    def _marked(self) -> _Mark:
        try:
            found = self._path.stat()
        except OSError as error:
            raise KeysUnusable(f"{self._path}: {error.strerror}") from error
        return found.st_mtime_ns, found.st_size, found.st_ino

    def _read(self) -> KeyRing:
        try:
            return parse_keys(self._path.read_text("utf-8"))
        except OSError as error:
            raise KeysUnusable(f"{self._path}: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise KeysUnusable(f"{self._path}: not UTF-8") from error
        except KeysUnusable as error:
            raise KeysUnusable(f"{self._path}: {error}") from error
