"""Noticing that there is work and none of it gets done."""

__all__ = ["Watchdog"]


class Watchdog:
    """Tells when there was lag and nothing moved for too long; whoever asks brings the time.

    Args:
        stall_s: So long may it take, ≥ 0.
        now_s: Of a clock that never goes back.
    """

    def __init__(self, stall_s: float, *, now_s: float) -> None:
        self._stall_s = stall_s
        self._since_s = now_s
        self._progress: tuple[int, ...] | None = None

    def stands_still(
        self, *, asked_s: float, now_s: float, progress: tuple[int, ...], lag: bool
    ) -> bool:
        """Look once more.

        Args:
            asked_s: When the lag was asked for; the answer came at `now_s`. A broker that
                lets one wait lets nobody work either, so this time does not count.
            progress: Changes as long as anything moves.
            lag: Whether anything is left to do.
        """
        if progress != self._progress or not lag:
            self._progress, self._since_s = progress, now_s
            return False
        self._since_s += now_s - asked_s
        return now_s - self._since_s > self._stall_s
