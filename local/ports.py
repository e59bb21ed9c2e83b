"""Ports of the loopback interface: choosing one, and asking who answers there."""

import errno
import socket
import time
from collections.abc import Sequence

LOOPBACK = "127.0.0.1"


def free_port() -> int:
    """A port that nobody had at the moment of asking; somebody may take it before its use."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def is_taken(port: int) -> bool:
    """Whether a server could not listen there now."""
    with socket.socket() as probe:
        # As servers do, so that connections of an earlier run that linger do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            return True
        return False


def answers(
    port: int, question: bytes, *, expected: Sequence[bytes], timeout_s: float = 0.5
) -> bool:
    """Whether the server at this port replies to `question` with all of `expected` in it."""
    deadline = time.monotonic() + timeout_s
    reply = b""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=timeout_s) as connection:
            connection.sendall(question)
            while not all(part in reply for part in expected):
                connection.settimeout(max(0.001, deadline - time.monotonic()))
                received = connection.recv(4096)
                if not received:
                    return False
                reply += received
    except OSError:
        # Refused, reset or silent: each is how a server that is not ready looks from outside.
        return False
    return True
