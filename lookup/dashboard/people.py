"""One user: the layers side by side, the evidence, why, and what other half-lives would change."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from lookup.asking import AskedLookup
from lookup.dashboard.asking import Tenant
from lookup.dashboard.rendering import Pages
from lookup.queries import Lookup
from profiles.queries import Level
from schemas.explanation_views import ExplanationView, MovedItemView
from schemas.views import NamedItemView, ProfileView, RankingView

__all__ = ["LayerList", "people_pages", "step_of", "steps_to"]

_SHOWN_USERS: Final = 24
_BEST: Final = 8
_PER_LAYER: Final = 6
_STEPS: Final = 24
_SHORTEST_S: Final = 6 * 3_600.0
_FEWEST: Final = 0.5
_MOST_EVENTS: Final = 40

Step = Annotated[int | None, Query(ge=0, le=_STEPS)]


@dataclass(frozen=True, slots=True)
class LayerList:
    """What one layer would show by itself.

    Attributes:
        why: Where the order comes from.
        absent: Why there is nothing; None if there is.
    """

    layer: str
    title: str
    weight: float
    items: tuple[NamedItemView, ...]
    why: str
    absent: str | None


@dataclass(frozen=True, slots=True)
class Moved:
    """An item's place with other half-lives; `before` is None if it was not in the list."""

    item: MovedItemView
    before: int | None


def steps_to(least: float, step: int) -> float:
    """What a place of a slider means: each two steps double it.

    >>> steps_to(0.5, 2)
    1.0
    """
    return float(least * 2.0 ** (step / 2))


def step_of(least: float, value: float) -> int:
    """The place of a slider nearest to a value, in [0, 24].

    >>> step_of(0.5, 10.0)
    9
    """
    return min(_STEPS, max(0, round(2 * math.log2(value / least))))


def people_pages(routes: APIRouter, pages: Pages) -> None:
    """Add the pages to `routes`."""
    shown = _PeoplePages(pages)
    routes.add_api_route("/users", shown.users)
    routes.add_api_route("/user", shown.user)
    routes.add_api_route("/user/half-life", shown.half_life_part)


class _PeoplePages:
    """Answers each with a page."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    async def users(self, request: Request, lookup: AskedLookup, tenant: Tenant) -> Response:
        some = await lookup.some_users(tenant, most=_SHOWN_USERS)
        return self._pages.answer(
            request,
            "users.html",
            tenant=tenant,
            section="users",
            some=some,
        )

    async def user(
        self,
        *,
        request: Request,
        lookup: AskedLookup,
        tenant: Tenant,
        user_id: str,
        half_life: Step = None,
        half_rank: Step = None,
    ) -> Response:
        profile = await lookup.profile(tenant, user_id)
        ranking = await lookup.rank(tenant, user_id, limit=_BEST)
        explained = await lookup.explanation(tenant, user_id, limit=100)
        similar = await lookup.similar_users(tenant, user_id, limit=6)
        return self._pages.answer(
            request,
            "user.html",
            tenant=tenant,
            section="users",
            user_id=user_id,
            profile=profile,
            ranking=ranking,
            weights=profile.weights if ranking.learned is None else ranking.weights,
            layers=await self._layers(lookup, tenant, profile, ranking, explained),
            explained=explained,
            because={item.item_id: item for item in explained.items},
            shown_events=_MOST_EVENTS,
            similar=similar,
            **await self._half_lives(
                lookup, tenant, user_id, explained, half_life=half_life, half_rank=half_rank
            ),
        )

    async def half_life_part(
        self,
        *,
        request: Request,
        lookup: AskedLookup,
        tenant: Tenant,
        user_id: str,
        half_life: Step = None,
        half_rank: Step = None,
    ) -> Response:
        """The part of the page that follows the sliders."""
        explained = await lookup.explanation(tenant, user_id, limit=100)
        return self._pages.answer(
            request,
            "half_life_part.html",
            tenant=tenant,
            section="users",
            **await self._half_lives(
                lookup, tenant, user_id, explained, half_life=half_life, half_rank=half_rank
            ),
        )

    async def _half_lives(
        self,
        lookup: Lookup,
        tenant: str,
        user_id: str,
        now: ExplanationView,
        *,
        half_life: int | None,
        half_rank: int | None,
    ) -> dict[str, Any]:
        """The projection as it is beside the one that the sliders ask for."""
        then = await lookup.explanation(
            tenant,
            user_id,
            half_life_s=None if half_life is None else steps_to(_SHORTEST_S, half_life),
            half_rank=None if half_rank is None else steps_to(_FEWEST, half_rank),
            limit=100,
        )
        before = {item.item_id: place for place, item in enumerate(now.items)}
        return {
            "now": now,
            "then": then,
            "differs": (then.half_life_s, then.half_rank) != (now.half_life_s, now.half_rank),
            "moved": [Moved(item, before.get(item.item_id)) for item in then.items[:_BEST]],
            "half_life_step": step_of(_SHORTEST_S, then.half_life_s),
            "half_rank_step": step_of(_FEWEST, then.half_rank),
            "most_steps": _STEPS,
        }

    async def _layers(
        self,
        lookup: Lookup,
        tenant: str,
        profile: ProfileView,
        ranking: RankingView,
        explained: ExplanationView,
    ) -> Sequence[LayerList]:
        if ranking.learned is not None:
            return await self._learned_layers(lookup, tenant, profile, ranking)
        weights = profile.weights
        everybody = await lookup.statistics(tenant, most=_PER_LAYER)
        in_persona: tuple[NamedItemView, ...] = ()
        if profile.persona is not None:
            in_persona = (await lookup.persona(tenant, profile.persona.id)).popular[:_PER_LAYER]
        return (
            LayerList(
                "user",
                "This user",
                weights.user,
                explained.items[:_PER_LAYER],
                "nearest to what their own events point at",
                None if explained.items else "their events do not point anywhere yet",
            ),
            LayerList(
                "persona",
                "People like them",
                weights.persona,
                in_persona,
                "popular in the persona they resemble",
                None if profile.persona_absent is None else profile.persona_absent.text,
            ),
            LayerList(
                "global",
                "Everybody",
                weights.global_,
                everybody.popular[:_PER_LAYER],
                "popular with all users",
                None if everybody.popular else "no statistics have been published yet",
            ),
        )

    async def _learned_layers(
        self, lookup: Lookup, tenant: str, profile: ProfileView, ranking: RankingView
    ) -> Sequence[LayerList]:
        found: list[LayerList] = []
        for level, title, weight in (
            (Level.USER, "This user", ranking.weights.user),
            (Level.PERSONA, "People like them", ranking.weights.persona),
            (Level.GLOBAL, "Everybody", ranking.weights.global_),
        ):
            items = (
                await lookup.rank(tenant, profile.user_id, limit=_PER_LAYER, level=level)
            ).items
            absent = None if items else "this layer has nothing to say"
            if level is Level.PERSONA and ranking.persona_absent is not None:
                items, absent = (), ranking.persona_absent.text
            found.append(
                LayerList(
                    level.value, title, weight, items, "by this layer of the learned model", absent
                )
            )
        return found
