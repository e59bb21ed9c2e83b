"""Every decoder of bytes that came from elsewhere: what it may be given, and what it may raise."""

import json
from collections.abc import Callable
from typing import Final

import numpy as np
from event_strategies import RECEIVED_MS
from keyed_world import key_rows
from lookup_world import like
from msgspec.structs import replace
from nextitem_world import SMALL, known_item
from planted_choices import learner as choices_learner

from fuzzing.files import FILES
from fuzzing.target import Target
from lookup.errors import InvalidArgument, InvalidEvents, KeysUnusable, OtherTenant
from lookup.ingest_checking import records_of
from lookup.keys import parse_keys
from lookup.paging import page_of_personas
from profiles.choices.model import ChoiceModel
from profiles.choices.pair_tables import PairOptions
from profiles.choices.sign_tables import SignOptions
from profiles.declared import load_personas
from profiles.effects import effects_of
from profiles.fold import Sourced, fold
from profiles.nextitem.itemspace import ItemSpace
from profiles.nextitem.learner import NextItemLearner
from profiles.nextitem.model import NextItemModel
from profiles.nextitem.packing import BlobFormatError
from profiles.norms import load_norms
from profiles.personas import (
    Label,
    Persona,
    PersonaSet,
    PersonasFormatError,
    decode_personas,
    encode_personas,
)
from profiles.policy import DEFAULT_POLICY, PolicyError, load_policy
from profiles.privacy.data_policy import load_data_policy
from profiles.privacy.release import Cell
from profiles.privacy.releasing import (
    RecordFormatError,
    ReleaseRecord,
    decode_record,
    encode_record,
)
from profiles.rules import DeclarationError
from profiles.state import EMPTY_STATE, StateFormatError, decode_state, encode_state
from profiles.vocabulary import load_vocabulary
from schemas.announcements import (
    AnnouncementFormatError,
    ItemVector,
    PersonaAnnouncement,
    decode_item_vector,
    decode_personas_announced,
    encode_announcement,
)
from schemas.fast import decode
from schemas.positions import InvalidToken, decode_token, encode_token
from schemas.snapshots import (
    CachedProfile,
    Interest,
    ItemCount,
    ItemTrend,
    SnapshotFormatError,
    StatisticsSnapshot,
    decode_profile,
    decode_statistics,
    encode_profile,
    encode_statistics,
)
from schemas.topics import INTERACTIONS
from schemas.updates import (
    Change,
    ProfileUpdate,
    UpdateFormatError,
    WholeUser,
    decode_update,
    encode_update,
)
from schemas.views import PersonasView

__all__ = ["TARGETS", "Target"]


_COMMON: Final = {"event_id": "e", "occurred_at": "2023-01-01T00:00:00Z", "user_id": "anna"}
_EVENTS: Final = [
    {**_COMMON, "type": "interaction", "item_id": "i", "action": "rate", "value": 5},
    {**_COMMON, "type": "interaction", "item_id": "ß", "action": "a", "context": {"a": [1, None]}},
    {
        **_COMMON,
        "type": "preference",
        "chosen": {"item_id": "a"},
        "rejected": {"text": "b"},
        "strength": 0.5,
    },
    {**_COMMON, "type": "document", "document_id": "d", "text": "t\u0000", "about": ["i"]},
    {**_COMMON, "type": "attributes", "attributes": {"age": 30, "x": "n", "y": True}},
    {**_COMMON, "type": "consent", "data_type": "documents", "granted": False},
    {**_COMMON, "type": "identity", "same_as": "b", "tenant": "default"},
    {**_COMMON, "type": "removal", "data_type": "attributes", "attribute": "age"},
    {**_COMMON, "type": "item", "item_id": "i", "text": "t", "attributes": {"genre": ["a", 1]}},
    {**_COMMON, "type": "item_retired", "item_id": "i"},
    {**_COMMON, "type": "erasure", "occurred_at": 1_600_000_000.5},
]
_RAW: Final = [json.dumps(event).encode() for event in _EVENTS]
_ENVELOPE: Final = {
    "specversion": "1.0",
    "type": "strata.erasure.v1",
    "source": "s",
    "id": "e",
    "time": "2023-01-01T00:00:00Z",
    "data": {"user_id": "anna"},
}
_ENVELOPED: Final = json.dumps(_ENVELOPE).encode()

_UPDATE: Final = ProfileUpdate(
    "t",
    "u",
    bytes(range(16)),
    3,
    5,
    None,
    "p1",
    Change({("events", ""): {b"\xff\x00": -3}}, b"abcd"),
    WholeUser(b"state", b"mean"),
)
_PROFILE: Final = CachedProfile(
    "t", "u", 3, None, 1.5, 2.0, False, None, 7, b"", (Interest(1, -0.5, 2, "k", 3),), {"a": 1}, {}
)
_STATISTICS: Final = StatisticsSnapshot(
    "t",
    "",
    1,
    True,
    2,
    1,
    {"a/b": 3},
    (ItemCount(1, 0.5, 2, 0),),
    {"1h": (ItemTrend(1, 1.5, 2, 0),)},
    {"age": {'"30s"': 2}},
    b"",
)
_NO_PERSONAS: Final = PersonasView(
    tenant="t",
    version=1,
    users=1,
    silhouette=None,
    minimum_size=1,
    hidden=0,
    personas=(),
    stale=False,
    stale_because=(),
)


def _state(events: int) -> bytes:
    batch = [
        Sourced("strata.interactions", offset, effects_of(like("u", f"i{offset}"), DEFAULT_POLICY))
        for offset in range(events)
    ]
    folded = fold(EMPTY_STATE, batch, DEFAULT_POLICY).state
    return encode_state(replace(folded, version=1, persona="p1"))


def _text(read: Callable[[str], object]) -> Callable[[bytes], object]:
    return lambda raw: read(raw.decode("utf-8", "replace"))


def _published(raw: bytes) -> object:
    return records_of(raw, tenant="default", now_ms=RECEIVED_MS, partitions=4)


def _enveloped(raw: bytes) -> object:
    head, _, value = raw.partition(b"\n")
    headers = [("ce_specversion", b"1.0"), ("ce_type", head), ("content-type", head)]
    return decode(value, received_ms=RECEIVED_MS, headers=headers)


def _page(cursor: str) -> object:
    return page_of_personas(_NO_PERSONAS, limit=5, cursor=cursor)


def _next_item() -> NextItemModel:
    """Of three items and nobody."""
    made = NextItemLearner(policy=DEFAULT_POLICY, settings=SMALL, seed=0)
    for number in range(3):
        made.put_item(known_item(number))
    return made.model()


def _choices() -> ChoiceModel:
    return choices_learner(SignOptions(parts=3, calibration=2), PairOptions(parts=3)).model()


_PERSONAS: Final = PersonaSet(
    "t", 3, 5, (Persona("p1", 40, (Label("sea", 3.0, 20),)),), 0.5, 40, model=None
)
_VOCABULARY: Final = b"""only_these = true
[attribute.age]
type = "number"
at_least = 0
[attribute.plan]
values = ["free", "paid"]
"""
_DATA: Final = b"""[documents]
consent = "opt-in"
kept_days = 30
purposes = ["prompting"]
"""
_TOML: Final = b"""[[persona]]
id = "students"
title = "Students"
description = "d"
rule = { all = [{ attribute = "age", at_least = 18 }, { not = { attribute = "x", is = true } }] }
"""
_NORM: Final = b"""[[norm]]
id = "n"
kind = "never"
items = { attribute = "rating", is = "adult" }
unknown_items = "applies"
reason = "r"
declared_by = "d"
since = 2025-03-01
"""
_POLICY: Final = b"half_life_s = 10.0\n[actions.view]\nweight = 0.1\n"
_CURSOR: Final = b"WzEsNDAsInAxIl0"

_NOT_A_BLOB: Final = (BlobFormatError,)


def _next_item_read(raw: bytes) -> object:
    return NextItemModel.from_bytes(raw, policy=DEFAULT_POLICY)


def _choices_read(raw: bytes) -> object:
    return ChoiceModel.from_bytes(raw, policy=DEFAULT_POLICY)


TARGETS: Final = (
    Target("events", [*_RAW, _ENVELOPED], lambda raw: decode(raw, received_ms=RECEIVED_MS)),
    Target("CloudEvents headers", [b"strata.erasure.v1\n" + _RAW[-1]], _enveloped),
    Target(
        "published bodies",
        [*_RAW, b"[" + b",".join(_RAW) + b"]"],
        _published,
        (InvalidEvents, OtherTenant),
    ),
    Target(
        "position tokens",
        [encode_token({(INTERACTIONS, 3): 1042}).encode()],
        _text(decode_token),
        (InvalidToken,),
    ),
    Target("cursors", [_CURSOR], _text(_page), (InvalidArgument,)),
    Target("profile updates", [encode_update(_UPDATE)], decode_update, (UpdateFormatError,)),
    Target(
        "item announcements",
        [encode_announcement(ItemVector("t", "i", 1, "T", 2, False, ("s",), b"\0" * 8))],
        lambda raw: np.frombuffer(decode_item_vector(raw).vector, "<f4"),
        (AnnouncementFormatError,),
    ),
    Target(
        "persona announcements",
        [encode_announcement(PersonaAnnouncement("t", 4, 9, {"p1": b"\0" * 8}))],
        lambda raw: [
            np.frombuffer(place, "<f4")
            for place in decode_personas_announced(raw).centroids.values()
        ],
        (AnnouncementFormatError,),
    ),
    Target("user states", [_state(2), _state(40)], decode_state, (StateFormatError,)),
    Target("cached views", [encode_profile(_PROFILE)], decode_profile, (SnapshotFormatError,)),
    Target(
        "statistics", [encode_statistics(_STATISTICS)], decode_statistics, (SnapshotFormatError,)
    ),
    Target("files of keys", [key_rows()], _text(parse_keys), (KeysUnusable,)),
    Target("files of personas", [_TOML], _text(load_personas), (DeclarationError,)),
    Target("files of norms", [_NORM], _text(load_norms), (DeclarationError,)),
    Target("policies", [_POLICY], _text(load_policy), (PolicyError,)),
    Target("vocabularies", [_VOCABULARY], _text(load_vocabulary), (DeclarationError,)),
    Target("data policies", [_DATA], _text(load_data_policy), (DeclarationError,)),
    Target(
        "records of what was told",
        [encode_record(ReleaseRecord(5, {b"moby": Cell(7, (), ((1, 7),))}))],
        decode_record,
        (RecordFormatError,),
    ),
    Target("persona sets", [encode_personas(_PERSONAS)], decode_personas, (PersonasFormatError,)),
    Target("item spaces", [_next_item().space.to_bytes()], ItemSpace.from_bytes, _NOT_A_BLOB),
    Target("next-item models", [_next_item().to_bytes()], _next_item_read, _NOT_A_BLOB),
    Target("choice models", [_choices().to_bytes()], _choices_read, _NOT_A_BLOB),
    *FILES,
)
