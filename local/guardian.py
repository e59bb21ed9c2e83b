"""The process between Strata and a server: it sees to it that the server never outlives Strata.

Run by path, as a script of its own: `python -I -S guardian.py PARENT_PID GRACE_S COMMAND…`.
Standard input is the reading end of a pipe whose writing end only the parent holds. Its end,
for whatever reason the parent closed it or died (SIGKILL included), is the order to stop the
server: SIGTERM, `GRACE_S` seconds, SIGKILL. The guardian ends when the server has, with its
exit code (128 + n for death by signal n, as in a shell).

It uses nothing but the standard library and works alike on Linux and macOS.
"""

import os
import select
import signal
import subprocess
import sys
from collections.abc import Sequence
from types import FrameType

# A process forked from the parent without exec keeps a copy of the pipe's writing end open.
# Then the pipe does not end with the parent, but who our parent is still changes.
_PARENT_CHECK_S = 0.5
_CANNOT_EXECUTE = 127
_EXIT_BY_SIGNAL = 128
_LIFELINE = 0


def main(arguments: Sequence[str]) -> int:
    """Run the command until it ends or the parent does; return its exit code."""
    parent_pid, grace_s, command = int(arguments[0]), float(arguments[1]), arguments[2:]
    wake_read, wake_write = os.pipe()
    os.set_blocking(wake_read, False)
    os.set_blocking(wake_write, False)
    signal.set_wakeup_fd(wake_write)
    told_to_stop = False

    def note(number: int, _frame: FrameType | None) -> None:
        nonlocal told_to_stop
        told_to_stop = told_to_stop or number != signal.SIGCHLD

    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, note)
    try:
        server = subprocess.Popen(command, stdin=subprocess.DEVNULL)  # noqa: S603
    except OSError as error:
        sys.stderr.write(f"cannot execute {command[0]}: {error.strerror}\n")
        return _CANNOT_EXECUTE
    while server.poll() is None:
        readable, _, _ = select.select([_LIFELINE, wake_read], [], [], _PARENT_CHECK_S)
        if wake_read in readable:
            os.read(wake_read, 4096)
        lifeline_ended = _LIFELINE in readable and not os.read(_LIFELINE, 1)
        if told_to_stop or lifeline_ended or os.getppid() != parent_pid:
            _stop(server, grace_s=grace_s)
    # What the server forked (Redis rewriting its file) is in our group and ends with it.
    os.killpg(0, signal.SIGTERM)
    code = server.returncode
    return code if code >= 0 else _EXIT_BY_SIGNAL - code


def _stop(server: subprocess.Popen[bytes], *, grace_s: float) -> None:
    server.terminate()
    try:
        server.wait(timeout=grace_s)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
