"""The versioned space of item and user vectors: [text part | taste part].

The text part are the leading principal directions of item texts, unit length; before the first
refit a random orthogonal projection (Johnson & Lindenstrauss 1984). The taste part comes from
co-occurrence (`spaces.taste_space`); a new item's is mapped from its text by ridge regression and
fades as likes of its own arrive: an item with n likes has its own place plus `half / (n + half)`
of the mapped one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Self

import msgspec
import numpy as np
import numpy.typing as npt

from profiles.nextitem.packing import pack, reading, unpack
from profiles.ports import Vector

__all__ = ["ItemSpace"]

_Floats = npt.NDArray[np.float32]
_RIDGE: Final = 0.1


class _Header(msgspec.Struct, frozen=True, array_like=True):
    text_weight: float
    cold_likes: float


@dataclass(frozen=True, slots=True)
class ItemSpace:
    """Where items lie; immutable, and of one dimension for all versions.

    Memory: 4 · (taste part + 3) bytes per item of the sample.

    Attributes:
        mean: Mean text vector, shape (t,).
        projection: Text vector to text part, shape (t, d_text).
        text_weight: Length of an item's text part, > 0.
        mapping: Text part of unit length to taste part, shape (d_text, d_taste).
        cold_likes: Likes at which the mapped place counts half; 0 turns it off.
        keys: Items with a place of their own, ascending, shape (n,).
        own: Their taste parts, shape (n, d_taste).
        likes: How many likes each rests on, shape (n,).
    """

    mean: _Floats
    projection: _Floats
    text_weight: float
    mapping: _Floats
    cold_likes: float
    keys: npt.NDArray[np.uint64]
    own: _Floats
    likes: _Floats
    _row_of: Mapping[int, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        rows = {key: row for row, key in enumerate(self.keys.tolist())}
        object.__setattr__(self, "_row_of", rows)

    @classmethod
    def initial(
        cls,
        text_length: int,
        *,
        text_dimension: int,
        taste_dimension: int,
        text_weight: float,
        cold_likes: float,
        seed: int,
    ) -> Self:
        """The space before anything was learned: text only."""
        rng = np.random.default_rng(seed)
        wide = max(text_length, text_dimension)
        basis, _ = np.linalg.qr(rng.standard_normal((wide, text_dimension)))
        return cls(
            mean=np.zeros(text_length, np.float32),
            projection=basis[:text_length].astype(np.float32),
            text_weight=text_weight,
            mapping=np.zeros((text_dimension, taste_dimension), np.float32),
            cold_likes=cold_likes,
            keys=np.zeros(0, np.uint64),
            own=np.zeros((0, taste_dimension), np.float32),
            likes=np.zeros(0, np.float32),
        )

    @classmethod
    def fitted(
        cls,
        texts: _Floats,
        taste: _Floats,
        likes: npt.NDArray[np.float64],
        keys: npt.NDArray[np.uint64],
        *,
        before: Self,
    ) -> Self:
        """The space of these items, of the shape that the one before had.

        Args:
            texts: Text vectors, zero rows where there are none, shape (n, t).
            taste: From co-occurrence, shape (n, ≤ d_taste); missing directions are zeros.
            keys: Ascending.
        """
        text_dimension, taste_dimension = before.mapping.shape
        mean, projection = _principal(texts, text_dimension)
        own = np.zeros((len(keys), taste_dimension), np.float32)
        own[:, : taste.shape[1]] = taste
        unit = _unit_rows((texts - mean) @ projection, np.abs(texts).sum(axis=1) > 0)
        mapping = _ridge(unit, own, likes, before.cold_likes)
        return cls(
            mean,
            projection,
            before.text_weight,
            mapping,
            before.cold_likes,
            keys,
            own,
            likes.astype(np.float32),
        )

    @property
    def dimension(self) -> int:
        return int(self.projection.shape[1] + self.own.shape[1])

    @property
    def text_dimension(self) -> int:
        """Components of the text part; they come first."""
        return int(self.projection.shape[1])

    def place(self, item: int, text_vector: Vector | None) -> Vector:
        """An item's vector, shape (d,); zeros if nothing at all is known of it."""
        row: Vector = self.places([item], [text_vector])[0]
        return row

    def places(self, items: Sequence[int], text_vectors: Sequence[Vector | None]) -> Vector:
        """`place` of several, shape (n, d)."""
        texts = np.zeros((len(items), len(self.mean)), np.float32)
        for row, vector in enumerate(text_vectors):
            # An empty or foreign text vector says nothing here.
            if vector is not None and vector.shape == self.mean.shape:
                texts[row] = vector
        present = np.abs(texts).sum(axis=1) > 0
        unit = _unit_rows((texts - self.mean) @ self.projection, present)
        taste = np.zeros((len(items), self.own.shape[1]), np.float32)
        likes = np.zeros(len(items), np.float32)
        rows = np.array([self._row_of.get(item, -1) for item in items], np.int64)
        known = rows >= 0
        taste[known], likes[known] = self.own[rows[known]], self.likes[rows[known]]
        if self.cold_likes > 0:
            fading = self.cold_likes / (likes + self.cold_likes)
            taste += fading[:, None] * (unit @ self.mapping)
        return np.concatenate((np.float32(self.text_weight) * unit, taste), axis=1)

    def to_bytes(self) -> bytes:
        header = msgspec.msgpack.encode(_Header(self.text_weight, self.cold_likes))
        return pack(header, self._arrays())

    @classmethod
    def from_bytes(cls, encoded: bytes) -> Self:
        """Inverse of `to_bytes`.

        Raises:
            BlobFormatError: not such bytes.
        """
        header, arrays = unpack(encoded)
        with reading("an item space"):
            read = msgspec.msgpack.decode(header, type=_Header)
            return cls(
                mean=arrays["mean"].astype(np.float32),
                projection=arrays["projection"].astype(np.float32),
                text_weight=read.text_weight,
                mapping=arrays["mapping"].astype(np.float32),
                cold_likes=read.cold_likes,
                keys=arrays["keys"].astype(np.uint64),
                own=arrays["own"].astype(np.float32),
                likes=arrays["likes"].astype(np.float32),
            )

    def _arrays(self) -> dict[str, npt.NDArray[np.generic]]:
        return {
            "mean": self.mean,
            "projection": self.projection,
            "mapping": self.mapping,
            "keys": self.keys,
            "own": self.own,
            "likes": self.likes,
        }


def _unit_rows(rows: npt.NDArray[np.floating], present: npt.NDArray[np.bool_]) -> _Floats:
    norms = np.linalg.norm(rows, axis=1)
    has = present & (norms > 1e-9)
    return np.where(has[:, None], rows / np.maximum(norms, 1e-9)[:, None], 0.0).astype(np.float32)


def _principal(texts: _Floats, dimension: int) -> tuple[_Floats, _Floats]:
    """Mean of the rows that are not zero, and their leading directions, shape (t, dimension)."""
    length = texts.shape[1]
    projection = np.zeros((length, dimension), np.float32)
    present = np.abs(texts).sum(axis=1) > 0
    if not present.any():
        return np.zeros(length, np.float32), projection
    mean = texts[present].mean(axis=0)
    centred = (texts[present] - mean).astype(np.float64)
    _, vectors = np.linalg.eigh(centred.T @ centred)
    leading = vectors[:, ::-1][:, :dimension]
    projection[:, : leading.shape[1]] = leading
    return mean.astype(np.float32), projection


def _ridge(texts: _Floats, places: _Floats, likes: npt.NDArray[np.float64], half: float) -> _Floats:
    """Text part to taste part, learned on items with likes, weighted by them."""
    known = likes > 0
    width = texts.shape[1]
    if half <= 0 or known.sum() < width:
        return np.zeros((width, places.shape[1]), np.float32)
    weight = (likes[known] / (likes[known] + half))[:, None]
    sample = texts[known].astype(np.float64)
    gram = sample.T @ (sample * weight) + len(sample) / width * _RIDGE * np.eye(width)
    mapped = np.linalg.solve(gram, sample.T @ (places[known] * weight))
    return np.asarray(mapped, np.float32)
