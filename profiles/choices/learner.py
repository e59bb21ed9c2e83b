"""Learning choice models from the stored states of a sample of users."""

import copy
from collections.abc import Mapping
from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from profiles.choices.acts import Comparisons, Signed, Votes, comparisons_of, votes_of
from profiles.choices.described import Described
from profiles.choices.layers import LevelMixers
from profiles.choices.model import ChoiceModel, names_of
from profiles.choices.pair_fit import fit_pairs, pair_examples
from profiles.choices.pair_tables import PAIR_LAYOUT, PairOptions, PairTables, Side
from profiles.choices.sign_fit import Voter, fit_signs, sign_examples
from profiles.choices.sign_tables import SIGN_LAYOUT, SignOptions, SignTables
from profiles.choices.wordprior import WordPrior
from profiles.learning import KnownItem
from profiles.nextitem.sample import Sample
from profiles.policy import DEFAULT_POLICY, Policy
from profiles.state import EMPTY_STATE, UserState

__all__ = ["ChoiceLearner"]

_GROWTH = 1.5
_SAMPLED_USERS = 20_000


Act = tuple[int, int, int, int]  # time, event hash, and two that say what


class _New(NamedTuple):
    """An act that waits to be learned; sorts in the order of learning."""

    time_ms: int
    event: int
    key: bytes
    vote: bool
    place: int


_NOBODY = Voter((), votes_of(EMPTY_STATE, Signed(DEFAULT_POLICY)))
_NOTHING_COMPARED = comparisons_of(EMPTY_STATE, DEFAULT_POLICY)
T = TypeVar("T")


def _keep(table: dict[bytes, T], key: bytes, value: T, *, count: int) -> None:
    if count:
        table[key] = value
    else:
        table.pop(key, None)


class ChoiceLearner:
    """Learns what is new in users' sets as they are given, and anew from all of them by `refit`.

    After `refit` a model is a function of options, seed, the items' descriptions and the sampled
    users' states, whatever the order in which they were given. Between refits acts are learned in
    the order (time, event hash, user key) among those given since the last model; each is
    predicted first, and the mixers learn how well.

    Memory: about 40 bytes per vote or comparison of the sampled users, and a model.
    """

    def __init__(
        self,
        *,
        policy: Policy,
        signs: SignOptions | None = None,
        pairs: PairOptions | None = None,
        seed: int = 0,
        sampled_users: int = _SAMPLED_USERS,
    ) -> None:
        self._policy = policy
        self._signed = Signed(policy)
        self._seed = seed
        self._sign_options = signs or SignOptions()
        self._pair_options = pairs or PairOptions()
        self._described = Described()
        self._sample = Sample(sampled_users)
        self._voters: dict[bytes, Voter] = {}
        self._comparers: dict[bytes, Comparisons] = {}
        self._new_votes: dict[bytes, set[Act]] = {}
        self._new_comparisons: dict[bytes, set[Act]] = {}
        self._acts = 0
        self._acts_at_refit = 0
        self._prior = WordPrior.empty()
        self._model = ChoiceModel(
            policy,
            SignTables(self._sign_options),
            LevelMixers(SIGN_LAYOUT, prior_variance=self._sign_options.mixer_variance),
            PairTables(self._pair_options, seed=seed),
            LevelMixers(PAIR_LAYOUT, prior_variance=self._pair_options.mixer_variance),
        )

    @property
    def refit_due(self) -> bool:
        """Whether half as many acts again are known as at the last refit."""
        return self._acts > _GROWTH * self._acts_at_refit

    def put_item(self, item: KnownItem) -> None:
        """Learn a new or changed description."""
        if self._described.put(item):
            self._place(item.key)

    def _place(self, item: int) -> None:
        signs, pairs = self._model.signs, self._model.pairs
        if item not in signs.row_of:
            log_odds = self._prior.log_odds(self._described.wording(item))
            signs.start(item, log_odds, self._described.names(item))
        row = pairs.add_item(item, self._described.measures(item))
        pairs.measures[row] = self._described.measures(item)

    def fold(self, key: bytes, state: UserState) -> int:
        """Take in a user's present state; how many acts are new since the one before.

        Nothing is taken of users outside the sample. What is gone from the state leaves the
        counts at once; what else it taught goes with the next refit.
        """
        if not self._sample.admits(key):
            return 0
        voter = Voter(names_of(state), votes_of(state, self._signed))
        made = comparisons_of(state, self._policy)
        fresh = self._fold_votes(key, voter) + self._fold_comparisons(key, made)
        if len(voter.votes) or len(made):
            gone = self._sample.add(key)
            if gone is not None:
                self.forget(gone)
        return fresh

    def _fold_votes(self, key: bytes, voter: Voter) -> int:
        before = self._voters.get(key, _NOBODY)
        known, now = _cast(before.votes), _cast(voter.votes)
        waiting = self._new_votes.pop(key, set())
        counted = _alive(before.votes) - _alive(voter.votes) - waiting
        for _, _, item, value in sorted(counted):
            row = self._model.signs.row_of.get(item)
            if row is not None:
                self._model.signs.uncount(row, value)
        fresh = now.keys() - known.keys()
        if later := fresh | (waiting & now.keys()):
            self._new_votes[key] = later
        self._acts += len(now) - len(known)
        _keep(self._voters, key, voter, count=len(voter.votes))
        return len(fresh)

    def _fold_comparisons(self, key: bytes, made: Comparisons) -> int:
        before = self._comparers.get(key)
        known = _made(before) if before is not None else {}
        now = _made(made)
        waiting = self._new_comparisons.pop(key, set())
        for act in sorted(known.keys() - now.keys() - waiting):
            rows = [self._model.pairs.row_of.get(item) for item in act[2:]]
            if rows[0] is not None and rows[1] is not None and before is not None:
                place = known[act]
                self._model.pairs.count(
                    rows[0],
                    rows[1],
                    -float(before.weights[place]),
                    tied=bool(before.tied[place]),
                )
        fresh = now.keys() - known.keys()
        self._described.put_texts(made.texts)
        if later := fresh | (waiting & now.keys()):
            self._new_comparisons[key] = later
        self._acts += len(now) - len(known)
        _keep(self._comparers, key, made, count=len(made))
        return len(fresh)

    def forget(self, key: bytes) -> None:
        """Take a user's acts out, as if their state were empty."""
        self._fold_votes(key, _NOBODY)
        self._fold_comparisons(key, _NOTHING_COMPARED)

    def current(self) -> ChoiceModel:
        """What is known now; it changes with the next `fold`. For whoever asks at once."""
        self._catch_up()
        return self._model

    def model(self) -> ChoiceModel:
        """What is known now, as a version that never changes."""
        return copy.deepcopy(self.current())

    def refit(self) -> None:
        """Fit everything anew to what is kept; without any act, nothing is known again."""
        self._new_votes.clear()
        self._new_comparisons.clear()
        self._acts_at_refit = self._acts
        self._described.keep_texts(text for made in self._comparers.values() for text in made.texts)
        signs, self._prior = fit_signs(
            self._voters, self._described, self._sign_options, seed=self._seed
        )
        sign_mixers = LevelMixers(SIGN_LAYOUT, prior_variance=self._sign_options.mixer_variance)
        sign_mixers.fit(
            sign_examples(
                self._voters,
                _parts(self._voters, self._sign_options.parts),
                self._described,
                self._sign_options,
                seed=self._seed,
            )
        )
        pairs = fit_pairs(self._comparers, self._described, self._pair_options, seed=self._seed)
        pair_mixers = LevelMixers(PAIR_LAYOUT, prior_variance=self._pair_options.mixer_variance)
        pair_mixers.fit(
            pair_examples(
                self._comparers,
                _parts(self._comparers, self._pair_options.parts),
                self._described,
                self._pair_options,
                seed=self._seed,
            )
        )
        self._model = ChoiceModel(self._policy, signs, sign_mixers, pairs, pair_mixers)
        for item in self._described.items():
            self._place(item)

    def _catch_up(self) -> None:
        """Learn what waits: predict each act, then learn it."""
        waiting = [
            _New(act[0], act[1], key, vote=True, place=place)
            for key, acts in self._new_votes.items()
            for act, place in _cast(self._voters[key].votes).items()
            if act in acts
        ]
        waiting += [
            _New(act[0], act[1], key, vote=False, place=place)
            for key, acts in self._new_comparisons.items()
            for act, place in _made(self._comparers[key]).items()
            if act in acts
        ]
        self._new_votes.clear()
        self._new_comparisons.clear()
        for new in sorted(waiting):
            if new.vote:
                self._learn_vote(self._voters[new.key], new.place)
            else:
                self._learn_comparison(self._comparers[new.key], new.place)

    def _learn_vote(self, voter: Voter, place: int) -> None:
        signs, votes = self._model.signs, voter.votes
        item, value = int(votes.items[place]), int(votes.values[place])
        evidence, opinion = signs.evidence(voter.names, votes.before(place), item)
        if value:
            self._model.sign_mixers.learn(evidence, (value + 1) / 2)
        row = signs.add_item(item)
        signs.learn(opinion, row, value)
        if votes.live()[place]:
            signs.count(voter.names, row, value)

    def _learn_comparison(self, made: Comparisons, place: int) -> None:
        pairs = self._model.pairs
        won, lost = int(made.chosen[place]), int(made.rejected[place])
        taste = pairs.taste(made.before(place))
        tied = bool(made.tied[place])
        if not tied:
            self._model.pair_mixers.learn(pairs.evidence(taste, Side(won), Side(lost)), 1.0)
        rows = [pairs.add_item(item, self._described.measures(item)) for item in (won, lost)]
        pairs.learn(taste, rows[0], rows[1], float(made.weights[place]), tied=tied)


def _parts(users: Mapping[bytes, object], count: int) -> list[list[bytes]]:
    """Users by their key, which is a hash."""
    parts: list[list[bytes]] = [[] for _ in range(count)]
    for key in sorted(users):
        parts[int.from_bytes(key[-4:], "little") % count].append(key)
    return [part for part in parts if part]


def _cast(votes: Votes) -> dict[Act, int]:
    """Each vote and its place."""
    return _places(votes.time_ms, votes.event, votes.items, votes.values)


def _alive(votes: Votes) -> set[Act]:
    acts = list(_cast(votes))
    live = votes.live()
    return {act for act, lives in zip(acts, live.tolist(), strict=True) if lives}


def _made(made: Comparisons) -> dict[Act, int]:
    """Each comparison and its place."""
    return _places(made.time_ms, made.event, made.chosen, made.rejected)


def _places(*columns: npt.NDArray[np.generic]) -> dict[Act, int]:
    time_ms, event, first, second = (column.tolist() for column in columns)
    acts = zip(time_ms, event, first, second, strict=True)
    return {act: place for place, act in enumerate(acts)}
