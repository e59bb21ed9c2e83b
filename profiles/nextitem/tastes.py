"""How much each act of a history counts in the user's vector."""

import numpy as np
import numpy.typing as npt

from profiles.nextitem.histories import History

__all__ = ["taste_weights"]

_Rows = npt.NDArray[np.int64]


def taste_weights(history: History, ends: _Rows, half_rank: float) -> npt.NDArray[np.float32]:
    """Weights of the acts before each end, shape (m, L): liked ones, halved per `half_rank` later.

    Args:
        ends: Lengths of prefixes of the history, shape (m,).
    """
    order = np.cumsum(history.liked)
    before = np.concatenate(([0], order))[ends]
    rank = before[:, None] - order[None, :]
    counts = history.liked[None, :] & (np.arange(len(history))[None, :] < ends[:, None])
    return np.where(counts, np.exp2(-np.maximum(rank, 0) / half_rank), 0.0).astype(np.float32)
