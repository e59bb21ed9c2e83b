"""Choice models as bytes: a MessagePack header and raw arrays; nothing in them is executed."""

from collections.abc import Mapping

import msgspec
import numpy as np
import numpy.typing as npt

from profiles.choices.experts import Experts
from profiles.choices.layers import Layout, LevelMixers
from profiles.choices.mixtures import Mixture
from profiles.choices.neighbours import Neighbourhood
from profiles.choices.pair_tables import PAIR_LAYOUT, PairOptions, PairTables
from profiles.choices.sign_tables import SIGN_LAYOUT, Block, SignOptions, SignTables
from profiles.choices.strengths import Strengths
from profiles.choices.vectors import Vectors
from profiles.nextitem.packing import Array, BlobFormatError, pack, reading, unpack
from profiles.queries import Level

__all__ = ["Parts", "decode", "encode"]

Parts = tuple[SignTables, LevelMixers, PairTables, LevelMixers]
_FORMAT = 1
Names = tuple[str, ...]


class _Header(msgspec.Struct, frozen=True, array_like=True):
    format: int
    signs: SignOptions
    pairs: PairOptions
    default_log_odds: float
    names: list[Names]
    blocks: int
    sign_levels: dict[Level, Level]
    pair_levels: dict[Level, Level]


def encode(parts: Parts) -> bytes:
    """Equal models give equal bytes."""
    signs, sign_mixers, pairs, pair_mixers = parts
    names = sorted({*signs.names, *(named for _, named in signs.starts.values())})
    number = {named: place for place, named in enumerate(names)}
    arrays = _of_signs(signs, number) | _of_pairs(pairs)
    arrays |= _of_mixers("sign_mixers", sign_mixers) | _of_mixers("pair_mixers", pair_mixers)
    header = _Header(
        _FORMAT,
        signs.options,
        pairs.options,
        signs.default_log_odds,
        names,
        len(signs.blocks),
        sign_mixers.stands_for,
        pair_mixers.stands_for,
    )
    return pack(msgspec.msgpack.encode(header), arrays)


def decode(encoded: bytes) -> Parts:
    """Inverse of `encode`; the tables are for asking, not for learning.

    Raises:
        BlobFormatError: not such bytes, or of a newer format.
    """
    header, arrays = unpack(encoded)
    with reading("a choice model"):
        read = msgspec.msgpack.decode(header, type=_Header)
    if read.format != _FORMAT:
        raise BlobFormatError(f"model has format {read.format}, this code reads {_FORMAT}")
    with reading("a choice model"):
        signs, pairs = _signs(read, arrays), _pairs(read, arrays)
        sign_mixers = LevelMixers(SIGN_LAYOUT, prior_variance=read.signs.mixer_variance)
        _read_mixers("sign_mixers", sign_mixers, SIGN_LAYOUT, read.sign_levels, arrays)
        pair_mixers = LevelMixers(PAIR_LAYOUT, prior_variance=read.pairs.mixer_variance)
        _read_mixers("pair_mixers", pair_mixers, PAIR_LAYOUT, read.pair_levels, arrays)
    return signs, sign_mixers, pairs, pair_mixers


def _of_signs(signs: SignTables, number: Mapping[Names, int]) -> dict[str, Array]:
    count = len(signs.keys)
    starts = sorted(signs.starts.items())
    arrays: dict[str, Array] = {
        "signs/keys": np.array(signs.keys, np.uint64),
        "signs/ayes": signs.ayes[:count],
        "signs/votes": signs.votes[:count],
        "signs/text": signs.text[:count],
        "signs/place": signs.place[:count],
        "signs/names": np.array([number[named] for named in signs.names], np.int32),
        "signs/start_keys": np.array([key for key, _ in starts], np.uint64),
        "signs/start_log_odds": np.array([start[0] for _, start in starts], np.float64),
        "signs/start_names": np.array([number[start[1]] for _, start in starts], np.int32),
        "signs/attribute_mean": signs.attributes.mean,
        "signs/attribute_variance": signs.attributes.variance,
    }
    for name, vectors in (("free", signs.free), ("cautious", signs.cautious)):
        arrays[f"{name}/mean"] = vectors.mean[:count]
        arrays[f"{name}/covariance"] = vectors.covariance[:count]
        arrays[f"{name}/user_variance"] = vectors.user_variance
        arrays[f"{name}/item_variance"] = vectors.item_variance
    for place, block in enumerate(signs.blocks):
        arrays[f"{place}/items"] = block.items
        arrays[f"{place}/weights"] = block.neighbours.weights
        arrays[f"{place}/means"] = block.neighbours.means
        arrays[f"{place}/log_weights"] = block.personas.log_weights
        arrays[f"{place}/log_theta"] = block.personas.log_theta
        arrays[f"{place}/members"] = block.personas.members
    return arrays


def _signs(read: _Header, arrays: Mapping[str, Array]) -> SignTables:
    signs = SignTables(read.signs, read.default_log_odds)
    signs.keys = arrays["signs/keys"].tolist()
    signs.row_of = {key: row for row, key in enumerate(signs.keys)}
    signs.ayes, signs.votes = _floats(arrays["signs/ayes"]), _floats(arrays["signs/votes"])
    signs.text = _floats(arrays["signs/text"])
    signs.place = arrays["signs/place"].astype(np.int64)
    signs.names = [read.names[place] for place in arrays["signs/names"].tolist()]
    for key, log_odds, place in zip(
        arrays["signs/start_keys"].tolist(),
        arrays["signs/start_log_odds"].tolist(),
        arrays["signs/start_names"].tolist(),
        strict=True,
    ):
        signs.start(key, log_odds, read.names[place])
    signs.attributes.mean = _floats(arrays["signs/attribute_mean"])
    signs.attributes.variance = _floats(arrays["signs/attribute_variance"])
    signs.free, signs.cautious = (
        Vectors(
            arrays[f"{name}/mean"].astype(np.float32),
            arrays[f"{name}/covariance"].astype(np.float32),
            _floats(arrays[f"{name}/user_variance"]),
            _floats(arrays[f"{name}/item_variance"]),
        )
        for name in ("free", "cautious")
    )
    signs.blocks = [
        Block(
            arrays[f"{place}/items"].astype(np.int64),
            Neighbourhood(
                arrays[f"{place}/weights"].astype(np.float32), _floats(arrays[f"{place}/means"])
            ),
            Mixture(
                _floats(arrays[f"{place}/log_weights"]),
                arrays[f"{place}/log_theta"].astype(np.float32),
                _floats(arrays[f"{place}/members"]),
            ),
        )
        for place in range(read.blocks)
    ]
    return signs


def _of_pairs(pairs: PairTables) -> dict[str, Array]:
    count = len(pairs.keys)
    return {
        "pairs/keys": np.array(pairs.keys, np.uint64),
        "pairs/wins": pairs.wins[:count],
        "pairs/duels": pairs.duels[:count],
        "pairs/measures": pairs.measures[:count],
        "pairs/mean": pairs.strengths.mean[:count],
        "pairs/variance": pairs.strengths.variance[:count],
        "pairs/measure_mean": pairs.strengths.measure_mean,
        "pairs/measure_covariance": pairs.strengths.measure_covariance,
        "pairs/expert_mean": pairs.experts.mean,
        "pairs/expert_covariance": pairs.experts.covariance,
        "pairs/expert_mass": pairs.experts.mass,
    }


def _pairs(read: _Header, arrays: Mapping[str, Array]) -> PairTables:
    pairs = PairTables(read.pairs)
    pairs.keys = arrays["pairs/keys"].tolist()
    pairs.row_of = {key: row for row, key in enumerate(pairs.keys)}
    pairs.wins, pairs.duels = _floats(arrays["pairs/wins"]), _floats(arrays["pairs/duels"])
    pairs.measures = _floats(arrays["pairs/measures"])
    pairs.strengths = Strengths(
        _floats(arrays["pairs/mean"]),
        _floats(arrays["pairs/variance"]),
        _floats(arrays["pairs/measure_mean"]),
        _floats(arrays["pairs/measure_covariance"]),
    )
    pairs.experts = Experts(
        _floats(arrays["pairs/expert_mean"]),
        _floats(arrays["pairs/expert_covariance"]),
        _floats(arrays["pairs/expert_mass"]),
    )
    return pairs


def _of_mixers(name: str, mixers: LevelMixers) -> dict[str, Array]:
    arrays: dict[str, Array] = {}
    for level, mixer in mixers.mixers.items():
        arrays[f"{name}/{level}/mean"] = mixer.mean
        arrays[f"{name}/{level}/covariance"] = mixer.covariance
    return arrays


def _read_mixers(
    name: str,
    mixers: LevelMixers,
    layout: Layout,
    levels: dict[Level, Level],
    arrays: Mapping[str, Array],
) -> None:
    for level, mixer in mixers.mixers.items():
        mixer.mean = _floats(arrays[f"{name}/{level}/mean"])
        mixer.covariance = _floats(arrays[f"{name}/{level}/covariance"])
        if len(mixer.mean) != len(layout.columns(level)):
            raise BlobFormatError(f"mixer of {level} has {len(mixer.mean)} weights")
    mixers.stands_for = {level: levels[level] for level in Level}


def _floats(array: Array) -> npt.NDArray[np.float64]:
    return array.astype(np.float64)
