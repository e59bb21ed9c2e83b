"""Asking for an erasure, and waiting for its end."""

import time
from typing import Final

from cli.asking import Asker
from cli.errors import CommandFailed
from schemas.privacy_views import ErasureStage, ErasureView

__all__ = ["erased"]

_POLL_S: Final = 0.25


def erased(asker: Asker, user: str, *, within_s: float | None) -> str:
    """The receipt as JSON: as it is at once, or when the erasure is complete.

    Args:
        within_s: Longest wait; None for none.

    Raises:
        CommandFailed: it is not complete by then.
    """
    answer = asker.delete("users", user)
    if within_s is None:
        return answer
    view = ErasureView.model_validate_json(answer)
    until = time.monotonic() + within_s
    while view.stage is not ErasureStage.COMPLETE:
        if time.monotonic() > until:
            raise CommandFailed(
                f"erasure {view.id} is {view.stage.value} after {within_s:g} s and goes on; "
                "is a worker running?"
            )
        time.sleep(_POLL_S)
        answer = asker.get("erasures", view.id)
        view = ErasureView.model_validate_json(answer)
    return answer
