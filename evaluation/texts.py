"""Vectors of item texts, kept by content on disk between runs."""

import os
import tempfile
import zlib
from collections.abc import Callable, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Final
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from schemas.decoded import Item
from streams.embedding import Embedder

__all__ = ["TextVectors", "default_folder", "item_text", "stored_vectors"]

_Vectors = npt.NDArray[np.float32]
_STORED: Final = np.dtype("<f4")


def default_folder() -> Path:
    """Where vectors are kept when no folder is given; may be deleted at any time."""
    return Path(tempfile.gettempdir()) / f"strata-text-vectors-{os.getuid()}"


def item_text(item: Item) -> str:
    """What of an item is embedded, as in the stream: title, unless the text has it, and text.

    >>> item_text(Item("default", "e", 0, "i", "Red door. Old.", title="Red door"))
    'Red door. Old.'
    """
    if not item.title or item.title in item.text:
        return item.text
    return f"{item.title}. {item.text}"


class TextVectors:
    """Unit vectors of items, computed once per text and model.

    As they are computed, bit for bit: the stream has the same.

    Args:
        folder: Created when the first vector is written.
    """

    def __init__(self, open_model: Callable[[], Embedder], model: str, *, folder: Path) -> None:
        self._open_model = open_model
        self._model: Embedder | None = None
        key = blake2b(model.encode(), digest_size=8).hexdigest()
        self._path = folder / f"{key}.npz"
        self._by_content: dict[bytes, _Vectors] = {}
        if self._path.exists():
            self._by_content = stored_vectors(self._path)

    def prepare(self, items: Sequence[Item]) -> None:
        """Embed what is new in one go, and keep it."""
        texts = {_content(text): text for item in items if (text := item_text(item))}
        fresh = [key for key in texts if key not in self._by_content]
        if fresh:
            self._embed([texts[key] for key in fresh])
            self._store()

    def of(self, item: Item) -> _Vectors | None:
        """The vector of an item, shape (d,); None if it has no text."""
        text = item_text(item)
        if not text:
            return None
        key = _content(text)
        if key not in self._by_content:
            # Alone, so that its bits do not depend on what else is in the file.
            self._embed([text])
        return self._by_content[key]

    def _embed(self, texts: list[str]) -> None:
        self._model = self._model or self._open_model()
        vectors = self._model.embed(texts).astype(_STORED).astype(np.float32)
        keys = [_content(text) for text in texts]
        self._by_content.update(zip(keys, vectors, strict=True))

    def _store(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        keys = np.array(list(self._by_content), "S32")
        vectors = np.stack(list(self._by_content.values())).astype(_STORED)
        # Another run may read at any moment: it sees the old file or the new one.
        with tempfile.NamedTemporaryFile(dir=self._path.parent, delete=False) as out:
            np.savez(out, keys=keys, vectors=vectors)
        Path(out.name).replace(self._path)


def stored_vectors(path: Path) -> dict[bytes, _Vectors]:
    """What a file holds, by content; nothing of one that is damaged: all of it is made again."""
    try:
        # Without pickle, by default. Opened here: what NumPy opens it leaves open if it is damaged.
        with path.open("rb") as file, np.load(file) as stored:
            rows, keys = stored["vectors"], stored["keys"]
    except (OSError, EOFError, ValueError, KeyError, NotImplementedError, zlib.error, BadZipFile):
        return {}
    if rows.ndim != 2 or rows.dtype != _STORED or len(keys) != len(rows) or keys.dtype.kind != "S":
        return {}
    return dict(zip(keys.tolist(), rows.astype(np.float32), strict=True))


def _content(text: str) -> bytes:
    return blake2b(text.encode(), digest_size=16).hexdigest().encode()
