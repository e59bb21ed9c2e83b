"""`POST /v1/preferences:export`: pairs for training, one JSON object per line.

The command's own. Each line is `{"pair": …}`; the last one, `{"left_out": …}`, says that nothing
is missing: an answer without it was cut off. It takes the scope `admin`, and is no part of the
described contract, because it is a stream that can fail after it has begun.
"""

import json
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import asdict
from typing import Final

import structlog
from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict
from starlette.responses import StreamingResponse

from lookup.asking import Tenant
from lookup.errors import EventsNotRead
from lookup.options import require_name
from lookup.preferences import PairsWanted, PreferencePairs
from profiles.ports import StoreUnavailable

__all__ = ["PREFERENCES_PATH", "preference_routes"]

PREFERENCES_PATH: Final = "/v1/preferences:export"

_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class PairsRequest(BaseModel):
    """Whose; everybody's of the tenant without either."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    user_id: str | None = None
    persona: str | None = None


def preference_routes(pairs: PreferencePairs) -> APIRouter:
    """The route over `pairs`."""
    routes = APIRouter(tags=["preferences"])

    @routes.post(PREFERENCES_PATH, include_in_schema=False)
    async def export(tenant: Tenant, asked: PairsRequest) -> StreamingResponse:
        """Pairs that may be given away, as they are found."""
        wanted = PairsWanted(tenant=tenant, user_id=asked.user_id, persona=asked.persona)
        # Before the answer begins, while it can still be a refusal.
        require_name("tenant", tenant)
        if asked.user_id is not None:
            require_name("user_id", asked.user_id)
        return StreamingResponse(_lines(pairs, wanted), media_type="application/x-ndjson")

    return routes


async def _lines(pairs: PreferencePairs, wanted: PairsWanted) -> AsyncIterator[str]:
    left_out: Counter[str] = Counter()
    try:
        async for pair in pairs.find(wanted, left_out):
            yield _line({"pair": asdict(pair)})
    except (EventsNotRead, StoreUnavailable) as error:
        _log.warning("an export of preferences was cut off", reason=str(error))
        return
    yield _line({"left_out": dict(sorted(left_out.items()))})


def _line(content: dict[str, object]) -> str:
    return json.dumps(content, ensure_ascii=False) + "\n"
