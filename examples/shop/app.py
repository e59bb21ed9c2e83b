"""A small shop: it says what visitors do, and shows each of them a shelf in their order.

STRATA_URL=http://127.0.0.1:8700 uvicorn --app-dir examples/shop app:app --port 8800
"""

import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Literal

from fastapi import Depends, FastAPI, Request, Response
from pydantic import AwareDatetime, BaseModel, Field

from strata_client import AsyncStrata, Interaction, RetryPolicy, StrataError

log = logging.getLogger("shop")

# What the shop shows when it knows nothing better. A shop's shelf must never depend on a profile.
DISPLAY = ("emma", "persuasion", "dracula")


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """One client for the life of the shop: it keeps its connections and its budget of retries."""
    async with AsyncStrata(
        os.environ.get("STRATA_URL", "http://127.0.0.1:8700"),
        api_key=os.environ.get("STRATA_API_KEY"),
        timeout_s=2.0,
        retries=RetryPolicy(attempts=2, deadline_s=3.0),
    ) as client:
        app.state.strata = client
        yield


app = FastAPI(title="A shop", lifespan=lifespan)


def strata(request: Request) -> AsyncStrata:
    client: AsyncStrata = request.app.state.strata
    return client


Client = Annotated[AsyncStrata, Depends(strata)]


class Deed(BaseModel):
    """What a visitor did with a book, and when.

    A page that sends a deed again, with the same id and time, changes nothing.
    """

    deed_id: str
    at: AwareDatetime
    item_id: str
    action: Literal["view", "cart", "buy", "rate"]
    value: float | None = Field(default=None, ge=0.5, le=5)


class Shelf(BaseModel):
    """Books in the visitor's order, the layer and the number of events that it rests on."""

    items: list[str]
    because: str
    events: int


@app.post("/deeds/{visitor}", status_code=202)
async def deed(visitor: str, done: Deed, client: Client, response: Response) -> dict[str, str]:
    """Accepted once Kafka has it; the token lets the next page show it."""
    try:
        published = await client.publish(
            Interaction(
                event_id=f"shop-{done.deed_id}",
                occurred_at=done.at.isoformat(),
                user_id=visitor,
                item_id=done.item_id,
                action=done.action,
                value=done.value,
            )
        )
    except StrataError as error:
        # Nothing is lost for the visitor; the shop's own log would be the place to send it from.
        log.warning("a deed was not taken: %s", type(error).__name__)
        response.status_code = 503
        return {"token": ""}
    return {"token": published.token or ""}


@app.get("/shelf/{visitor}")
async def shelf(visitor: str, client: Client, token: str | None = None) -> Shelf:
    """The shelf for a visitor, theirs as far as there is evidence, and never an error."""
    try:
        ranking = await client.rank(visitor, limit=10, at_least=token or None)
    except StrataError as error:
        log.warning("the shelf is everybody's: %s", type(error).__name__)
        return Shelf(items=list(DISPLAY), because="the display", events=0)
    found = [item.item_id for item in ranking.items]
    return Shelf(
        items=found or list(DISPLAY),
        because=ranking.level if found else "the display",
        events=ranking.evidence.events,
    )
