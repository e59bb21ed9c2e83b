"""Item spaces from histories: one of taste, one of occasion.

Taste: `V · sqrt(λ / (λ + ρ))` from the leading eigenpairs of the co-occurrence of liked items,
`PᵀP` without its diagonal, P users by items. It is never built: the eigenvectors need only
products with P, which is as large as the kept histories. Related to EASE (Steck 2019), whose
ridge plays the part of ρ.

Occasion: leading eigenvectors of the positive pointwise mutual information of items that lie
within a few events of each other (Levy & Goldberg 2014, "Neural word embedding as implicit
matrix factorization").

From a uniform sample of users instead of all, a co-occurrence count is off by a relative
standard error of about 1 / sqrt(count in the sample).
"""

from collections.abc import Callable
from typing import Final

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigsh

from profiles.nextitem.histories import Acts

__all__ = ["occasion_space", "taste_space"]

_SMALLEST: Final = 1e-3
_DENSE_ITEMS: Final = 300
_WINDOW: Final = 10
_FADE: Final = 0.85

_Doubles = npt.NDArray[np.float64]
_Floats = npt.NDArray[np.float32]


def taste_space(acts: Acts, items: int, *, dimension: int, shrinkage: float) -> _Floats:
    """Shape (items, ≤ dimension): dot products say how well tastes agree.

    Rotations of it are as good; only dot products mean something.
    """
    liked = acts.liked
    ones = np.ones(int(liked.sum()))
    incidence = sp.csr_array((ones, (acts.user[liked], acts.row[liked])), shape=(acts.users, items))
    incidence.data[:] = np.minimum(incidence.data, 1.0)
    diagonal = np.bincount(acts.row[liked], minlength=items).astype(np.float64)
    together = incidence.T @ (incidence @ np.ones(items)) - diagonal
    active = np.flatnonzero(together > 0)
    part = incidence[:, active].tocsr()
    transposed, own = part.T.tocsr(), diagonal[active]

    def multiply(vectors: _Doubles) -> _Doubles:
        return np.asarray(transposed @ (part @ vectors) - (own * vectors.T).T)

    values, vectors = _leading(multiply, len(active), dimension)
    places = np.zeros((items, len(values)), np.float32)
    places[active] = vectors * np.sqrt(values / (values + shrinkage))
    return places


def occasion_space(acts: Acts, items: int, *, dimension: int) -> _Floats:
    """Shape (items, ≤ dimension), unit rows or zeros: what lies close in people's histories."""
    sources, targets, weights = [], [], []
    for lag in range(1, _WINDOW + 1):
        same = acts.user[lag:] == acts.user[:-lag]
        sources.append(acts.row[:-lag][same])
        targets.append(acts.row[lag:][same])
        weights.append(np.full(int(same.sum()), _FADE ** (lag - 1)))
    directed = sp.csr_array(
        (np.concatenate(weights), (np.concatenate(sources), np.concatenate(targets))),
        shape=(items, items),
    )
    pairs = (directed + directed.T).tocoo()
    mass = np.bincount(pairs.row, weights=pairs.data, minlength=items)
    total = mass.sum()
    # Smoothed counts, and the power of .75 of Levy, Goldberg & Dagan 2015: rare items otherwise
    # have the largest mutual information.
    expected = (mass[pairs.row] + 5.0) * (mass[pairs.col] + 5.0) ** 0.75 * total**0.25
    information = np.log(np.maximum(pairs.data * total / expected, 1.0))
    matrix = sp.csr_array((information, (pairs.row, pairs.col)), shape=(items, items))
    matrix.eliminate_zeros()
    # The smoothing is not symmetric; an eigendecomposition has to be.
    matrix = ((matrix + matrix.T) * 0.5).tocsr()
    active = np.flatnonzero(np.asarray(matrix.sum(axis=1)).ravel() > 0)
    part = matrix[active][:, active].tocsr()
    values, vectors = _leading(lambda vector: np.asarray(part @ vector), len(active), dimension)
    found = vectors * np.sqrt(values)
    norms = np.linalg.norm(found, axis=1, keepdims=True)
    places = np.zeros((items, len(values)), np.float32)
    places[active] = np.where(norms > 0, found / np.maximum(norms, 1e-9), 0.0)
    return places


def _leading(
    multiply: Callable[[_Doubles], _Doubles], items: int, dimension: int
) -> tuple[_Doubles, _Doubles]:
    """Positive eigenvalues of a symmetric matrix, largest first, and their vectors."""
    if items <= max(_DENSE_ITEMS, 2 * dimension):
        values, vectors = np.linalg.eigh(multiply(np.eye(items)))
    else:
        # A fixed start makes the result a function of the histories.
        start = np.random.default_rng(0).standard_normal(items)
        operator = LinearOperator((items, items), matvec=multiply, dtype=np.float64)
        try:
            values, vectors = eigsh(operator, k=dimension, which="LA", v0=start, tol=1e-3)
        except ArpackNoConvergence as few:
            # Fewer directions than asked for, and those are right.
            values, vectors = few.eigenvalues, few.eigenvectors
    order = np.argsort(-values)[:dimension]
    order = order[values[order] > _SMALLEST]
    return values[order], vectors[:, order]
