"""Discovered personas: clusters of user vectors with ids that outlive a recompute.

Spherical k-means (Dhillon & Modha 2001, "Concept decompositions for large sparse
text data"): users and centroids are unit vectors, nearness is cosine. Ids are
carried from one set to the next by members (`profiles.lineage`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
import numpy as np
import numpy.typing as npt

from profiles.ports import Vector
from schemas.snapshots import ModelPointer

__all__ = [
    "Advantage",
    "Centroids",
    "Clustering",
    "Label",
    "Persona",
    "PersonaChange",
    "PersonaSet",
    "PersonasFormatError",
    "clustered",
    "decode_personas",
    "discover",
    "encode_personas",
    "largest_shift",
    "moved_to_means",
    "preferred",
]


class PersonasFormatError(ValueError):
    """These bytes were not written by `encode_personas`."""


_SURE: Final = 1.64
_SILHOUETTE_SAMPLE: Final = 2_000
_SOUGHT_AMONG: Final = 4_000


class Label(msgspec.Struct, frozen=True, array_like=True):
    """Something a persona likes more than everyone does.

    Attributes:
        score: z-score of the log-odds ratio; > 0.
        count: Users' positive entries behind it within the persona.
    """

    text: str
    score: float
    count: int


class Advantage(msgspec.Struct, frozen=True, array_like=True):
    """How much better a persona predicts its members than the global layer, cross-fitted.

    Attributes:
        nats: Mean gain in log-likelihood per event; positive is better.
        standard_error: By members, whose events are not independent; inf below two members.
        events: Predicted events behind it.
    """

    nats: float
    standard_error: float
    events: int

    @property
    def abstains(self) -> bool:
        """Whether the gain is not above zero at 5 %, one-sided."""
        return not self.nats > _SURE * self.standard_error


class Persona(msgspec.Struct, frozen=True, array_like=True):
    """One persona as published.

    Attributes:
        id: Stable across recomputes, e.g. "p3".
        size: Members with a direction when it was published.
        labels: What sets it apart, strongest first.
        advantage: None where there were too few users to find out.
    """

    id: str
    size: int
    labels: tuple[Label, ...] = ()
    advantage: Advantage | None = None


class PersonaChange(msgspec.Struct, frozen=True, array_like=True):
    """What became of a persona when personas were last sought; see `schemas.persona_events`.

    Attributes:
        version: Of the set that was the first without, or with, it.
        found_ms: By the leader's clock.
    """

    fate: str
    persona: str
    other: str | None
    members: int
    version: int
    found_ms: int


class PersonaSet(msgspec.Struct, frozen=True, array_like=True):
    """A tenant's personas as published.

    Attributes:
        version: Raised by each publication.
        centroids_version: Raised when centroids moved, so that users are assigned anew.
        next_number: For the next new persona's id; ids are never used again.
        silhouette: Mean silhouette of the last exact clustering, in [-1, 1].
        users: Users with a direction when it was published.
        sought_users, sought_events: What there was when clusters were last sought.
        model: The learned models in force, in whose item space the centroids lie.
        lineage: What became of personas when they were last sought.
    """

    tenant: str
    version: int
    next_number: int
    personas: tuple[Persona, ...]
    silhouette: float
    users: int
    centroids_version: int = 0
    sought_users: int = 0
    sought_events: int = 0
    model: ModelPointer | None = None
    lineage: tuple[PersonaChange, ...] = ()


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(PersonaSet)


def encode_personas(personas: PersonaSet) -> bytes:
    return _encoder.encode(personas)


def decode_personas(encoded: bytes) -> PersonaSet:
    """Inverse of `encode_personas`.

    Raises:
        PersonasFormatError: anything else.
    """
    try:
        return _decoder.decode(encoded)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise PersonasFormatError(f"not a set of personas: {error}") from error


class Centroids:
    """Published centroids of one tenant, for assigning users.

    Args:
        by_id: Persona id → centroid, unit length, shape (d,).
        space: Version of the item space that they lie in.
    """

    __slots__ = ("_ids", "_matrix", "space", "version")

    def __init__(self, version: int, by_id: Mapping[str, Vector], *, space: int = 0) -> None:
        self.version = version
        self.space = space
        self._ids = sorted(by_id)
        self._matrix: Vector | None = (
            np.stack([by_id[persona] for persona in self._ids]).astype(np.float32)
            if self._ids
            else None
        )

    def __len__(self) -> int:
        return len(self._ids)

    def by_id(self) -> dict[str, Vector]:
        if self._matrix is None:
            return {}
        return dict(zip(self._ids, self._matrix, strict=True))

    def assign(self, vectors: Vector) -> list[str | None]:
        """Nearest persona of each row by cosine, shape (n, d); None for a zero row.

        Equal cosines go to the first id in order.
        """
        if self._matrix is None or not len(vectors):
            return [None] * len(vectors)
        # Not BLAS: there, a row's rounding may depend on the rows beside it.
        nearest = np.argmax(np.einsum("nd,kd->nk", vectors, self._matrix), axis=1)
        directed: list[bool] = (vectors != 0).any(axis=1).tolist()
        return [
            self._ids[index] if has else None
            for index, has in zip(nearest.tolist(), directed, strict=True)
        ]


@dataclass(frozen=True, slots=True)
class Clustering:
    """Centroids, shape (k, d), unit length, and how well apart they lie."""

    centroids: Vector
    silhouette: float


def discover(vectors: Vector, *, most: int, seed: int, fixed: int | None = None) -> Clustering:
    """Cluster unit vectors, choosing the number of clusters by mean silhouette.

    Silhouette: Rousseeuw 1987. The number is chosen on a sample where there are many. Deterministic
    in `seed`.

    Args:
        vectors: Shape (n, d), no zero rows.
        most: Largest number of clusters tried; ≥ 2.
        fixed: Take this many (at most n) instead of choosing.
    """
    if fixed is None and len(vectors) > _SOUGHT_AMONG:
        rows = np.random.default_rng(seed).choice(len(vectors), _SOUGHT_AMONG, replace=False)
        fixed = len(discover(vectors[np.sort(rows)], most=most, seed=seed).centroids)
    distinct = len(np.unique(np.round(vectors, 5), axis=0))
    if fixed is not None:
        options: Sequence[int] = [max(1, min(fixed, distinct))]
    else:
        options = range(2, min(most, distinct, len(vectors) - 1) + 1)
    best: Clustering | None = None
    for number in options:
        centroids, labels = _clustered(vectors, number, seed)
        apart = _silhouette(vectors, labels, seed)
        if best is None or apart > best.silhouette:
            best = Clustering(centroids, apart)
    if best is None:
        mean = vectors.mean(axis=0, keepdims=True)
        return Clustering(_unit_rows(mean), 0.0)
    return best


def clustered(vectors: Vector, number: int, *, seed: int) -> Vector:
    """Centroids of so many clusters, or of as many as there are distinct vectors, as `discover`.

    How far they lie apart is not asked, which takes longer than to find them.
    """
    distinct = len(np.unique(np.round(vectors, 5), axis=0))
    return _clustered(vectors, max(1, min(number, distinct)), seed)[0]


def _clustered(vectors: Vector, number: int, seed: int) -> tuple[Vector, npt.NDArray[np.int32]]:
    # Here and below: most of what a lookup would load, and it never seeks personas.
    from sklearn.cluster import KMeans  # noqa: PLC0415
    from threadpoolctl import threadpool_limits  # noqa: PLC0415

    # Threads that wait for each other after every small step cost more than they bring:
    # measured on two cores, 586 users 0.3 s of processor time alone and 5.5 s together,
    # 5 000 users 2.8 s and 19 s.
    with threadpool_limits(limits=1):
        found = KMeans(number, n_init=4, random_state=seed).fit(vectors)
    return _unit_rows(found.cluster_centers_), found.labels_


def _silhouette(vectors: Vector, labels: npt.NDArray[np.int32], seed: int) -> float:
    from sklearn.metrics import silhouette_score  # noqa: PLC0415

    groups = len(np.unique(labels))
    if not 2 <= groups < len(vectors):
        return 0.0
    sample = min(_SILHOUETTE_SAMPLE, len(vectors))
    try:
        return float(
            silhouette_score(
                vectors, labels, metric="cosine", sample_size=sample, random_state=seed
            )
        )
    except ValueError:
        # The sample met only one of the clusters: nothing can be said of them.
        return 0.0


def _unit_rows(rows: npt.NDArray[np.floating]) -> Vector:
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    unit: Vector = (rows / np.maximum(norms, 1e-12)).astype(np.float32)
    return unit


def moved_to_means(
    centroids: Mapping[str, Vector], sums: Mapping[str, npt.NDArray[np.float64]]
) -> dict[str, Vector]:
    """One Lloyd step: each centroid moves to the direction of its members' sum.

    A persona without members, or whose members cancel out, stays where it was.
    """
    moved: dict[str, Vector] = {}
    for persona, centroid in centroids.items():
        total = sums.get(persona)
        norm = 0.0 if total is None else float(np.linalg.norm(total))
        moved[persona] = centroid if total is None or norm < 1e-6 else _unit_rows(total[None])[0]
    return moved


def largest_shift(old: Mapping[str, Vector], new: Mapping[str, Vector]) -> float:
    """Largest Euclidean distance that a centroid of the same id moved; 2 if the ids differ."""
    if old.keys() != new.keys():
        return 2.0
    return max((float(np.linalg.norm(old[key] - new[key])) for key in old), default=0.0)


def preferred(
    inside: Mapping[str, int], overall: Mapping[str, int], *, most: int, prior: float = 10.0
) -> tuple[Label, ...]:
    """What a group likes more than everyone else does, strongest first.

    Weighted log-odds ratio with an informative Dirichlet prior (Monroe, Colaresi
    & Quinn 2008, "Fightin' Words", eq. 16–22): rare things need more evidence.

    Args:
        inside: Positive counts within the group, per text.
        overall: Positive counts of everybody, the group included.
        prior: Total pseudo-count, > 0, spread as `overall` is.
    """
    total_inside = sum(inside.values())
    total_overall = sum(overall.values())
    total_outside = total_overall - total_inside
    if not total_inside or total_outside <= 0:
        return ()
    labels: list[Label] = []
    for text, count in inside.items():
        everywhere = overall.get(text, count)
        pseudo = prior * everywhere / total_overall
        outside = max(0, everywhere - count)
        odds_in = (count + pseudo) / max(total_inside + prior - count - pseudo, 1e-9)
        odds_out = (outside + pseudo) / max(total_outside + prior - outside - pseudo, 1e-9)
        variance = 1 / (count + pseudo) + 1 / (outside + pseudo)
        score = float((np.log(odds_in) - np.log(odds_out)) / np.sqrt(variance))
        if score > 0:
            labels.append(Label(text, round(score, 3), count))
    labels.sort(key=lambda label: (-label.score, label.text))
    return tuple(labels[:most])
