"""Which of qdrant-client's errors mean "try again": not answering, or not able to now.

Everything else (a refused request, an answer that does not parse) is a bug and
passes through.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import grpc
import httpx
from qdrant_client.common.client_exceptions import ResourceExhaustedResponse
from qdrant_client.http.exceptions import ResponseHandlingException, UnexpectedResponse

from profiles.ports import StoreUnavailable
from stores.errors import StoreFull

__all__ = ["translated"]

_TRANSIENT_CODES = {
    grpc.StatusCode.ABORTED,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.INTERNAL,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
    grpc.StatusCode.UNAVAILABLE,
}
_TRANSIENT_STATUS = {408, 429, 500, 502, 503, 504}


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Raise `StoreUnavailable`, or `StoreFull`, for the errors that repeating may cure.

    Args:
        what: Was attempted; begins the message.
    """
    try:
        yield
    except ResponseHandlingException as error:
        if not isinstance(error.source, httpx.TransportError):
            raise
        raise _unavailable(what, repr(error.source)) from error
    except UnexpectedResponse as error:
        if error.status_code not in _TRANSIENT_STATUS:
            raise
        raise _unavailable(what, str(error)) from error
    except ResourceExhaustedResponse as error:
        raise _unavailable(what, error.message) from error
    except grpc.aio.AioRpcError as error:
        if error.code() not in _TRANSIENT_CODES:
            raise
        raise _unavailable(what, f"{error.code().name}: {error.details()}") from error


def _unavailable(what: str, reason: str) -> StoreUnavailable:
    """Qdrant words a full disk in two ways, neither with a code of its own."""
    full = "No space left" in reason or "available disk space" in reason
    return (StoreFull if full else StoreUnavailable)(f"Qdrant could not {what}: {reason}")
