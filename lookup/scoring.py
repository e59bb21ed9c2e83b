"""The question what a user would choose: for or against an item, and which of two."""

import math
from collections.abc import Mapping, Sequence

from lookup.models import ModelReader
from lookup.users import UserReader
from profiles.choices.layers import ChoiceAnswer, shares
from profiles.choices.model import ChoiceModel, text_side
from profiles.choices.pair_tables import Side
from profiles.ids import item_key
from profiles.privacy.data_policy import ANYTHING_GOES, DataPolicy, Purpose
from profiles.queries import Level
from profiles.state import EMPTY_STATE, UserState
from schemas.decoded import Choice
from schemas.views import (
    AbsenceView,
    ChoiceView,
    PairScoreView,
    ScoresView,
    SideView,
    SignScoreView,
)

__all__ = ["Pair", "Scores"]

Pair = tuple[Choice, Choice]


class Scores:
    """Errors as in `Lookup`."""

    def __init__(
        self, *, users: UserReader, models: ModelReader, data_policy: DataPolicy = ANYTHING_GOES
    ) -> None:
        self._users = users
        self._models = models
        self._withheld = data_policy.barred(Purpose.RANKING)

    async def answer(
        self, tenant: str, user_id: str, *, items: Sequence[str], pairs: Sequence[Pair]
    ) -> ScoresView:
        """Scores of items and of pairs, in the order asked, all by one version."""
        person = await self._users.with_history(tenant, user_id)
        state = EMPTY_STATE if person is None else person.state
        models = await self._models.models(tenant)
        choices = None if models is None else models.choices
        trouble = None if models is None else models.trouble
        absent = None
        if choices is None:
            absent = AbsenceView(
                code="nothing-learned", text="no choices have been learned from yet"
            )
        return ScoresView(
            tenant=tenant,
            user_id=user_id,
            known=person is not None,
            version=None if models is None else models.pointer.version,
            items=() if choices is None else _signs(choices, state, tenant, items),
            pairs=() if choices is None else _pairs(choices, state, tenant, pairs),
            absent=absent,
            stale=trouble is not None,
            stale_because=() if trouble is None else (trouble,),
            withheld=self._withheld,
        )


def _signs(
    choices: ChoiceModel, state: UserState, tenant: str, items: Sequence[str]
) -> tuple[SignScoreView, ...]:
    answered = [(item, choices.sign(state, item_key(tenant, item))) for item in items]
    return tuple(
        SignScoreView(item_id=item, levels=_views(levels), shares=_shares(levels))
        for item, levels in answered
    )


def _pairs(
    choices: ChoiceModel, state: UserState, tenant: str, pairs: Sequence[Pair]
) -> tuple[PairScoreView, ...]:
    answered = [(a, b, choices.pair(state, _side(tenant, a), _side(tenant, b))) for a, b in pairs]
    return tuple(
        PairScoreView(
            a=_side_view(a), b=_side_view(b), levels=_views(levels), shares=_shares(levels)
        )
        for a, b, levels in answered
    )


def _side(tenant: str, choice: Choice) -> Side:
    if choice.item_id is not None:
        return Side(item_key(tenant, choice.item_id))
    return text_side(tenant, choice.text or "")


def _side_view(choice: Choice) -> SideView:
    return SideView(item_id=choice.item_id, text=choice.text)


def _views(answers: Mapping[Level, ChoiceAnswer]) -> dict[str, ChoiceView]:
    return {
        level.value: ChoiceView(
            log_odds=answer.log_odds,
            probability=answer.probability,
            standard_error=math.sqrt(answer.variance),
            effective_sample_size=answer.effective_sample_size,
        )
        for level, answer in answers.items()
    }


def _shares(answers: Mapping[Level, ChoiceAnswer]) -> dict[str, float]:
    # Sums of floats may pass 1 by a rounding.
    return {level.value: min(1.0, share) for level, share in shares(answers).items()}
