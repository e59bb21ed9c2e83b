"""API keys: made once, kept as hashes, recognised in constant time, read again when changed."""

import hmac
import os
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import structlog
from hypothesis import given, settings
from hypothesis import strategies as st
from lookup_world import Clock

from lookup.errors import KeysUnusable
from lookup.key_file import KeyFile
from lookup.keys import ApiKey, KeyRing, keys_as_toml, new_key, parse_keys
from lookup.scopes import Scope

NOW = datetime(2025, 3, 1, tzinfo=UTC)
UNTIL = NOW + timedelta(days=1)
KEY_IN_PLACE_OF_HASH = """[[key]]
id = "0123456789abcdef"
sha256 = "strata_SECRET"
tenant = "t"
scopes = ["read"]
"""


def zeros(size: int) -> bytes:
    return bytes(size)


def made(**options: Any) -> tuple[str, ApiKey]:
    usual: dict[str, Any] = {"tenant": "shop", "scopes": [Scope.READ], "random": os.urandom}
    return new_key(**usual | options)


names = st.text(st.characters(codec="utf-8"), min_size=1, max_size=60)
expiries = st.none() | st.datetimes(timezones=st.just(UTC)).map(lambda at: at.replace(fold=0))


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(names, st.sets(st.sampled_from(Scope), min_size=1), names, expiries), max_size=4
    )
)
def test_a_file_gives_back_what_was_written(rows: list[tuple[str, set[Scope], str, Any]]) -> None:
    keys = [
        made(tenant=tenant, scopes=scopes, note=note, expires_at=expires)[1]
        for tenant, scopes, note, expires in rows
    ]
    assert list(parse_keys(keys_as_toml(keys))) == keys


def test_only_the_hash_of_a_key_is_kept() -> None:
    key, kept = made()
    assert kept.sha256 == sha256(key.encode()).hexdigest()
    secret = key.rpartition(f"{kept.id}_")[2]
    assert len(secret) == 43
    assert secret not in keys_as_toml([kept]) + repr(kept)


def test_keys_differ_in_all_that_is_random() -> None:
    keys = {made()[0] for _ in range(50)}
    assert len({key.split("_")[1] for key in keys}) == len(keys)
    assert len({key.split("_", 2)[2] for key in keys}) == len(keys)


def test_a_key_is_known_as_it_was_made_and_in_no_other_spelling() -> None:
    key, kept = made()
    _, other = made()
    ring = KeyRing([kept, other])
    assert ring.presented(key.encode(), now=NOW) == kept
    for wrong in (
        key[:-1],
        key + "A",
        key + "\n",
        " " + key,
        key.upper(),
        key.replace(kept.id, other.id),
        kept.sha256,
        f"strata_{kept.id}_",
        kept.id,
        "",
        "\x00",
        key + "\x00",
    ):
        assert ring.presented(wrong.encode(), now=NOW) is None, wrong


@given(st.binary(max_size=200))
def test_no_other_bytes_are_a_key(shown: bytes) -> None:
    _, kept = made(random=zeros)
    assert KeyRing([kept]).presented(b"strata_" + shown, now=NOW) is None


def test_every_answer_is_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[int, int]] = []

    def noted(one: bytes, other: bytes) -> bool:
        compared.append((len(one), len(other)))
        return real(one, other)

    real = hmac.compare_digest
    monkeypatch.setattr("lookup.keys.hmac.compare_digest", noted)
    key, kept = made()
    for shown in (key, made()[0], "rubbish"):
        KeyRing([kept]).presented(shown.encode(), now=NOW)
    assert compared == [(32, 32)] * 3


def test_a_key_ends_when_it_says() -> None:
    key, kept = made(expires_at=UNTIL)
    ring = KeyRing([kept])
    assert ring.presented(key.encode(), now=UNTIL - timedelta(microseconds=1)) == kept
    assert ring.presented(key.encode(), now=UNTIL) is None


@pytest.mark.parametrize(
    "text",
    [
        "key = 3",
        "[[key]]",
        "[[keys]]",
        "x = [",
        '[[key]]\nid = "0"\nsha256 = "SECRET"\ntenant = ""\nscopes = []',
        KEY_IN_PLACE_OF_HASH,
    ],
)
def test_what_is_no_file_of_keys_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(KeysUnusable) as refused:
        parse_keys(text)
    assert "SECRET" not in str(refused.value)


def test_an_id_may_stand_there_once() -> None:
    _, kept = made()
    with pytest.raises(KeysUnusable, match="twice"):
        parse_keys(keys_as_toml([kept, kept]))


@pytest.mark.parametrize("tenant", ["", "x" * 513, "\ud800"])
def test_a_tenant_that_no_event_could_carry_gets_no_key(tenant: str) -> None:
    with pytest.raises(KeysUnusable):
        made(tenant=tenant)


def test_a_changed_file_is_read_within_a_second(tmp_path: Path) -> None:
    path, clock = tmp_path / "keys.toml", Clock(5.0)
    (key, kept), (later, added) = made(), made()
    path.write_text(keys_as_toml([kept]))
    keys = KeyFile(path, clock=clock)
    path.write_text(keys_as_toml([added]))
    assert keys().presented(key.encode(), now=NOW) == kept
    clock.now_s += 1.0
    assert keys().presented(key.encode(), now=NOW) is None
    assert keys().presented(later.encode(), now=NOW) == added


def test_a_file_that_breaks_locks_nobody_out_and_is_logged(tmp_path: Path) -> None:
    path, clock = tmp_path / "keys.toml", Clock(5.0)
    key, kept = made()
    path.write_text(keys_as_toml([kept]))
    keys = KeyFile(path, clock=clock)
    for broken in ("nonsense SECRET", None):
        if broken is None:
            path.unlink()
        else:
            path.write_text(broken)
        clock.now_s += 1.0
        with structlog.testing.capture_logs() as logged:
            assert keys().presented(key.encode(), now=NOW) == kept
        assert [entry["log_level"] for entry in logged] == ["error"]
        assert "SECRET" not in str(logged)
    path.write_text(keys_as_toml([]))
    clock.now_s += 1.0
    assert keys().presented(key.encode(), now=NOW) is None


def test_a_file_that_is_not_there_is_known_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(KeysUnusable, match="No such file"):
        KeyFile(tmp_path / "none.toml")
