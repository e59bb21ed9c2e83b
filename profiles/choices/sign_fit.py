"""Fitting all that is known of votes from scratch, and honest examples for the mixers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from profiles.choices.acts import Votes
from profiles.choices.communities import find_communities
from profiles.choices.described import Described
from profiles.choices.layers import Example
from profiles.choices.mixtures import fit_mixture
from profiles.choices.neighbours import fit_neighbourhood
from profiles.choices.sign_tables import Block, SignOptions, SignTables
from profiles.choices.vectors import fit_vectors
from profiles.choices.wordprior import WordPrior, fit_word_prior

__all__ = ["Ballot", "Voter", "fit_signs", "sign_examples"]


@dataclass(frozen=True, slots=True)
class Voter:
    """`names`: of stated attributes."""

    names: tuple[str, ...]
    votes: Votes


class Ballot(NamedTuple):
    """One vote; sorts in the order of learning."""

    time_ms: int
    event: int
    key: bytes
    place: int


def in_order(voters: Mapping[bytes, Voter]) -> list[Ballot]:
    """By time, event hash and user key."""
    return sorted(
        Ballot(time_ms, event, key, place)
        for key, voter in voters.items()
        for place, (time_ms, event) in enumerate(
            zip(voter.votes.time_ms.tolist(), voter.votes.event.tolist(), strict=True)
        )
    )


def fit_signs(
    voters: Mapping[bytes, Voter], described: Described, options: SignOptions, *, seed: int
) -> tuple[SignTables, WordPrior]:
    """Tables of all items anybody voted on; a function of the arguments, whatever their order."""
    keys = sorted(voters)
    items = sorted({item for key in keys for item in voters[key].votes.items.tolist()})
    row_of = {item: row for row, item in enumerate(items)}
    every = [voters[key].votes for key in keys]
    live = np.concatenate([one.live() for one in every]) if every else np.zeros(0, np.bool_)
    rows = np.array([row_of[item] for one in every for item in one.items.tolist()], np.int64)[live]
    sizes = np.array([len(one) for one in every], np.int64)
    users = np.repeat(np.arange(len(keys)), sizes)[live]
    values = np.concatenate([one.values for one in every]) if every else np.zeros(0, np.int8)
    values = values[live]
    votes = np.bincount(rows[values != 0], minlength=len(items)).astype(np.float64)
    ayes = np.bincount(rows[values > 0], minlength=len(items)).astype(np.float64)
    prior, text = fit_word_prior(
        described.table(items),
        ayes,
        votes,
        variance=options.text_variance,
        special=options.text_special,
    )
    tables = SignTables(options, prior.log_odds(described.wording(-1)))
    for item, log_odds in zip(items, text.tolist(), strict=True):
        tables.start(item, log_odds, described.names(item))
        tables.add_item(item)
    signed = values.astype(np.float64)
    tables.free = fit_vectors(users, rows, signed, text, options.vectors, seed=seed)
    tables.cautious = fit_vectors(users, rows, signed, text, options.cautious, seed=seed + 1)
    tables.trim()
    for community in find_communities(
        users, rows, values, most_items=options.community_items, most_users=options.community_users
    ):
        block = Block(
            community.items, fit_neighbourhood(community.votes), fit_mixture(community.votes)
        )
        tables.add_block(block)
    if any(voters[key].names for key in keys):
        for ballot in in_order(voters):
            voter = voters[ballot.key]
            row = row_of[int(voter.votes.items[ballot.place])]
            tables.count(voter.names, row, int(voter.votes.values[ballot.place]))
    tables.ayes[: len(items)], tables.votes[: len(items)] = ayes, votes
    return tables, prior


def sign_examples(
    voters: Mapping[bytes, Voter],
    parts: Sequence[Sequence[bytes]],
    described: Described,
    options: SignOptions,
    *,
    seed: int,
) -> list[Example]:
    """Votes of people predicted from the other parts, one by one as newcomers would be.

    Args:
        parts: User keys; parts are used until there are `options.calibration` examples.
    """
    examples: list[Example] = []
    number_of = {key: number for number, key in enumerate(sorted(voters))}
    for part in parts:
        if len(examples) >= options.calibration:
            break
        own = {key: voters[key] for key in part}
        others = {key: voter for key, voter in voters.items() if key not in own}
        tables, prior = fit_signs(others, described, options, seed=seed)
        for ballot in in_order(own):
            voter = own[ballot.key]
            item, value = (
                int(voter.votes.items[ballot.place]),
                int(voter.votes.values[ballot.place]),
            )
            before = voter.votes.before(ballot.place)
            if item not in tables.row_of:
                tables.start(item, prior.log_odds(described.wording(item)), described.names(item))
            evidence, opinion = tables.evidence(voter.names, before, item)
            if value:
                examples.append(Example(evidence, (value + 1) / 2, number_of[ballot.key]))
            row = tables.add_item(item)
            tables.learn(opinion, row, value)
            tables.count(voter.names, row, value)
            same = before.values[before.items == item]
            if len(same):
                tables.uncount(row, int(same[-1]))
    return examples
