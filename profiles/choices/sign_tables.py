"""What is known of items from everybody's votes, and what it says about one user's next vote."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from profiles.choices.acts import Votes
from profiles.choices.layers import Evidence, Layout
from profiles.choices.logistic import Floats, bounded_log_odds, moderated, sigmoid
from profiles.choices.mixtures import Mixture, PersonaAnswer
from profiles.choices.neighbours import NeighbourAnswer, Neighbourhood
from profiles.choices.sparse_regression import SparseRegression
from profiles.choices.vectors import Rows, VectorOptions, Vectors
from profiles.choices.wording import Sparse, crossed
from profiles.queries import Level

__all__ = ["SIGN_LAYOUT", "Block", "Opinion", "SignOptions", "SignTables"]

# constant, rate, text, vectors' item; the last three also over votes on the item
SIGN_LAYOUT = Layout(prior=(0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0), persona=4, user=7)


@dataclass(frozen=True, slots=True, kw_only=True)
class SignOptions:
    """Sizes, and strengths of priors; one set of defaults for all data.

    Attributes:
        vectors: Of taste; `cautious`: of a second set that moves little, for where few people
            vote on an item and free vectors follow noise.
        rate_strength: Votes that an item's text is worth as a prior of its rate.
        text_variance, attribute_variance: Prior variances of the weight of a word, and of a
            user's attribute.
        text_special: Votes after which more of them on one item say little about words.
        community_items, community_users: See `find_communities`.
        parts: Users are cut into so many parts; a part is predicted from the others to fit the
            mixers. `calibration`: parts are used until so many votes were predicted.
        mixer_variance: Prior variance of the mixers' weights.
    """

    vectors: VectorOptions = field(default_factory=VectorOptions)
    cautious: VectorOptions = field(
        default_factory=lambda: VectorOptions(dimensions=6, item_taste=0.08)
    )
    rate_strength: float = 3.0
    text_variance: float = 0.1
    text_special: float = 4.0
    attribute_variance: float = 0.01
    community_items: int = 1_024
    community_users: int = 4_000
    parts: int = 4
    calibration: int = 30_000
    mixer_variance: float = 0.1


@dataclass(frozen=True, slots=True)
class Block:
    """What is fitted of one community as a whole.

    `items`: rows, ascending.
    """

    items: Rows
    neighbours: Neighbourhood
    personas: Mixture


@dataclass(frozen=True, slots=True)
class Opinion:
    """A user as believed from their votes; None of a user without any."""

    free: tuple[Floats, Floats] | None
    cautious: tuple[Floats, Floats] | None


class SignTables:
    """Items in rows; grows at its end."""

    def __init__(self, options: SignOptions, default_log_odds: float = 0.0) -> None:
        self.options = options
        self.default_log_odds = default_log_odds
        self.keys: list[int] = []
        self.row_of: dict[int, int] = {}
        self.ayes: Floats = np.zeros(0)
        self.votes: Floats = np.zeros(0)
        self.text: Floats = np.zeros(0)
        self.names: list[tuple[str, ...]] = []
        self.starts: dict[int, tuple[float, tuple[str, ...]]] = {}
        self.free = Vectors.empty(options.vectors)
        self.cautious = Vectors.empty(options.cautious)
        self.attributes = SparseRegression(prior_variance=options.attribute_variance)
        self.blocks: list[Block] = []
        self.place: Rows = np.zeros((0, 2), np.int64)  # community and column of each row, or -1
        self._crossed: dict[tuple[tuple[str, ...], tuple[str, ...]], Sparse] = {}

    def start(self, key: int, log_odds: float, names: tuple[str, ...]) -> None:
        """Say where an item starts whose votes are still to come, and its attributes' names."""
        self.starts[key] = log_odds, names

    def add_item(self, key: int) -> int:
        """The row of an item, new or known."""
        known = self.row_of.get(key)
        if known is not None:
            return known
        row = self.row_of[key] = len(self.keys)
        self.keys.append(key)
        log_odds, names = self.starts.pop(key, (self.default_log_odds, ()))
        self.names.append(names)
        if row >= len(self.votes):
            self._grow(max(64, 2 * row))
        self.ayes[row] = self.votes[row] = 0.0
        self.text[row] = log_odds
        self.place[row] = -1
        for vectors in (self.free, self.cautious):
            mean, covariance = vectors.new_item(log_odds)
            vectors.mean[row], vectors.covariance[row] = mean, covariance
        return row

    def _grow(self, size: int) -> None:
        self.ayes, self.votes = _grown(self.ayes, size), _grown(self.votes, size)
        self.text, self.place = _grown(self.text, size), _grown(self.place, size)
        for vectors in (self.free, self.cautious):
            vectors.mean = _grown(vectors.mean, size)
            vectors.covariance = _grown(vectors.covariance, size)

    def trim(self) -> None:
        """Give every table as many rows as there are items."""
        self.ayes, self.votes = self.ayes[: len(self.keys)], self.votes[: len(self.keys)]
        self.text, self.place = self.text[: len(self.keys)], self.place[: len(self.keys)]

    def add_block(self, block: Block) -> None:
        """Take in what is fitted of one community."""
        self.place[block.items, 0] = len(self.blocks)
        self.place[block.items, 1] = np.arange(len(block.items))
        self.blocks.append(block)

    def rows(self, items: Iterable[int]) -> Rows:
        """-1 for an item that is not there."""
        return np.array([self.row_of.get(item, -1) for item in items], np.int64)

    def opinion(self, rows: Rows, values: npt.NDArray[np.int8]) -> Opinion:
        """Of a user who voted so on known items."""
        if not len(rows):
            return Opinion(None, None)
        votes = values.astype(np.float64)
        return Opinion(self.free.user(rows, votes), self.cautious.user(rows, votes))

    def evidence(self, user: tuple[str, ...], votes: Votes, item: int) -> tuple[Evidence, Opinion]:
        """What is known before the user votes; changes nothing.

        Args:
            user: Names of the user's attributes.
            votes: Cast before; one on the item itself is no evidence of taste.
        """
        rows = self.rows(votes.items.tolist())
        target = self.row_of.get(item, -1)
        same = votes.items == item
        earlier = float(votes.values[same][-1]) if same.any() else 0.0
        used = (rows >= 0) & ~same & votes.live()
        rows, values = rows[used], votes.values[used]
        opinion = self.opinion(rows, values)
        text, names = self.starts.get(item, (self.default_log_odds, ()))
        ayes = count = 0.0
        if target >= 0:
            text, names = float(self.text[target]), self.names[target]
            ayes, count = float(self.ayes[target]), float(self.votes[target])
        rate = bounded_log_odds(self._rate(text, ayes, count))
        place = self.free.item(target) if target >= 0 else self.free.new_item(text)
        base = float(place[0][1])
        free = self.free.answer(opinion.free, place)
        quiet = self.cautious.answer(
            opinion.cautious,
            self.cautious.item(target) if target >= 0 else self.cautious.new_item(text),
        )
        neighbour, persona = self._of_community(rows, values, target)
        declared = moderated(*self.attributes.predict(self.crossing(user, names)))
        thin = 1.0 / (1.0 + count)
        voted = float(used.sum())
        fresh = 1.0 / math.sqrt(1.0 + voted)
        features = [1.0, rate, text, base, rate * thin, text * thin, base * thin]
        features += [persona.shift, persona.shift * fresh, declared, declared * fresh]
        features += [free.shift, free.shift * fresh, quiet.shift, quiet.shift * fresh]
        features += [neighbour.shift, neighbour.shift * fresh, earlier]
        sizes = {
            Level.GLOBAL: count,
            Level.PERSONA: persona.members,
            Level.USER: voted,
            Level.BLEND: count + voted,
        }
        return Evidence(np.array(features), sizes, free.variance), opinion

    def _rate(self, text: float, ayes: float, votes: float) -> float:
        strength = self.options.rate_strength
        return (ayes + strength * sigmoid(text)) / (votes + strength)

    def _of_community(
        self, rows: Rows, values: npt.NDArray[np.int8], target: int
    ) -> tuple[NeighbourAnswer, PersonaAnswer]:
        number, column = self.place[target].tolist() if target >= 0 else (-1, -1)
        if number < 0:
            return NeighbourAnswer(0.0, 0), PersonaAnswer(0.0, 0.0, 0.0)
        block = self.blocks[number]
        mine = self.place[rows, 0] == number
        columns, mine_values = self.place[rows[mine], 1], values[mine]
        return (
            block.neighbours.predict(columns, mine_values.astype(np.float64), column),
            block.personas.predict(columns, mine_values, column),
        )

    def crossing(self, user: tuple[str, ...], names: tuple[str, ...]) -> Sparse:
        """A user's attributes, alone and with the item's; empty without any."""
        names = names if user else ()
        found = self._crossed.get((user, names))
        if found is None:
            if len(self._crossed) > _MOST_CROSSINGS:
                self._crossed.clear()
            found = self._crossed[user, names] = crossed(user, names)
        return found

    def learn(self, opinion: Opinion, row: int, value: int) -> None:
        """Move an item towards a vote: 1 for, -1 against, 0 neither.

        Args:
            opinion: Of the user before it.
        """
        self.free.learn(row, opinion.free, value)
        self.cautious.learn(row, opinion.cautious, value)

    def count(self, user: tuple[str, ...], row: int, value: int) -> None:
        """Fold a vote into counts and attributes alone."""
        if not value:
            return
        target = (value + 1) / 2
        if user:
            rate = self._rate(float(self.text[row]), float(self.ayes[row]), float(self.votes[row]))
            features = self.crossing(user, self.names[row])
            self.attributes.learn(features, target, offset=bounded_log_odds(rate))
        self.ayes[row] += target
        self.votes[row] += 1.0

    def uncount(self, row: int, value: int) -> None:
        """Take a counted vote out of the rate; what else it taught waits for a refit."""
        if value:
            self.ayes[row] = max(0.0, self.ayes[row] - (value + 1) / 2)
            self.votes[row] = max(self.ayes[row], self.votes[row] - 1.0)


_MOST_CROSSINGS = 20_000


T = TypeVar("T", bound=np.generic)


def _grown(array: npt.NDArray[T], size: int) -> npt.NDArray[T]:
    grown = np.zeros((size, *array.shape[1:]), array.dtype)
    grown[: len(array)] = array
    return grown
