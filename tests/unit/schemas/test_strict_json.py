"""The strict parser reads JSON and nothing else."""

import json
import math

import pytest
from event_strategies import dump, json_values
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.json_values import Json
from schemas.rejection import Rejection
from schemas.strict_json import is_writable, parse


@settings(max_examples=300, deadline=None)
@given(json_values, st.booleans())
def test_whatever_is_written_is_read_back(value: Json, ascii_only: bool) -> None:  # noqa: FBT001
    read = parse(dump(value, ascii_only=ascii_only), max_depth=64)
    # repr tells 1 from 1.0 and True, and -0.0 from 0.0
    assert repr(read) == repr(value)
    assert is_writable(read, max_depth=64)


@settings(max_examples=500, deadline=None)
@given(st.text('{}[]":,\\u0da9eE+-.\t tnrulfse', max_size=24))
def test_what_is_accepted_is_json_without_surprises(text: str) -> None:
    value = parse(text.encode(), max_depth=64)
    if not isinstance(value, Rejection):
        assert repr(json.loads(text)) == repr(value)
        assert is_writable(value, max_depth=64)


def test_brackets_in_strings_do_not_count_as_depth() -> None:
    assert parse(dump(["[" * 100, '"[[', "\\"]), max_depth=1) == ["[" * 100, '"[[', "\\"]


def test_depth_is_counted_to_the_level() -> None:
    deep = b"[" * 3 + b"]" * 3
    assert parse(deep, max_depth=3) == [[[]]]
    assert isinstance(parse(deep, max_depth=2), Rejection)
    assert parse(b"[[],[],{}]", max_depth=2) == [[], [], {}]


@pytest.mark.parametrize(
    "value",
    [math.nan, math.inf, 2**63, -(2**63) - 1, "\ud800", {"\ud800": 1}, {1: 2}, (1,), b"", [[[[]]]]],
)
def test_what_json_cannot_say_is_not_writable(value: object) -> None:
    assert not is_writable(value, max_depth=3)
