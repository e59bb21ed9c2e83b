"""The lookup service, what it can reach, and a Qdrant server where there is one."""

from collections.abc import AsyncIterator
from typing import Final
from urllib.parse import urlsplit, urlunsplit

import httpx
from pydantic import ValidationError

from cli.doctor.findings import Finding, right, wrong
from cli.settings import without_password
from schemas.views import ReadinessView

__all__ = ["examine_lookup", "examine_qdrant"]

_TIMEOUT_S: Final = 10.0


async def examine_lookup(url: str) -> AsyncIterator[Finding]:
    """Whether it answers, and whether its stores do."""
    try:
        async with httpx.AsyncClient(timeout=_TIMEOUT_S) as client:
            answer = await client.get(f"{url}/readyz")
        readiness = ReadinessView.model_validate_json(answer.content)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        yield wrong(
            "lookup",
            f"nothing answers at {url}: {error}",
            "start `strata up` or `strata serve`, or correct STRATA_URL",
        )
        return
    except ValidationError:
        yield wrong("lookup", f"{url} is no lookup service of Strata", "correct STRATA_URL")
        return
    failing = [
        f"{name}: {store.error}" for name, store in readiness.stores.items() if not store.ready
    ]
    if failing:
        yield wrong(
            "lookup", f"{url} cannot reach {'; '.join(failing)}", "see what is said of the stores"
        )
    else:
        yield right("lookup", f"{url} answers and reaches {', '.join(readiness.stores)}")


async def examine_qdrant(url: str) -> AsyncIterator[Finding]:
    """A Qdrant server's version; embedded storage is examined through its owner, the lookup."""
    if not url.startswith(("http://", "https://")):
        yield right("Qdrant", f"{url}, owned by `strata up`")
        return
    parts = urlsplit(url)
    plain = urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], "/", "", ""))
    try:
        async with httpx.AsyncClient(timeout=_TIMEOUT_S) as client:
            answer = (await client.get(plain)).raise_for_status().json()
        version = answer["version"]
    except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
        yield wrong(
            "Qdrant",
            f"{without_password(url)} does not answer as Qdrant: {error}",
            "start it, or correct STRATA_QDRANT_URL",
        )
        return
    yield right("Qdrant", f"{without_password(url)} answers, version {version}")
