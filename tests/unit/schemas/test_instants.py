"""Instants are exact, whichever way they are spelled."""

import datetime as dt
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.instants import instant_ms, rfc3339

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
MILLISECOND = dt.timedelta(milliseconds=1)

moments = st.datetimes(
    dt.datetime(1900, 1, 1),  # noqa: DTZ001
    dt.datetime(9999, 12, 30),  # noqa: DTZ001
    timezones=st.timedeltas(dt.timedelta(hours=-23), dt.timedelta(hours=23)).map(
        lambda offset: dt.timezone(dt.timedelta(minutes=offset // dt.timedelta(minutes=1)))
    ),
)


@given(moments, st.sampled_from(["seconds", "milliseconds", "microseconds"]))
def test_text_agrees_with_the_calendar(moment: dt.datetime, precision: str) -> None:
    text = moment.isoformat(timespec=precision)
    expected = (dt.datetime.fromisoformat(text) - EPOCH) // MILLISECOND
    assert instant_ms(text) == expected
    assert instant_ms(text.replace("T", "t")) == expected
    if text.endswith("+00:00"):
        assert instant_ms(text.removesuffix("+00:00") + "Z") == expected


@given(st.integers(0, 253_402_300_799_999))
def test_the_canonical_text_reads_back(instant: int) -> None:
    assert instant_ms(rfc3339(instant)) == instant
    assert instant_ms(rfc3339(instant).lower()) == instant


@given(st.integers(0, 253_402_300_799), st.text("0123456789", min_size=1, max_size=30))
def test_decimals_beyond_milliseconds_are_cut(second: int, decimals: str) -> None:
    text = rfc3339(second * 1000).replace(".000Z", f".{decimals}Z")
    assert (
        instant_ms(text) == second * 1000 + Fraction(int(decimals), 10 ** len(decimals)) * 1000 // 1
    )


@given(st.integers(0, 253_402_300_799_999))
def test_epoch_seconds_agree_with_text(instant: int) -> None:
    assert instant_ms(instant / 1000) == instant
    assert instant_ms(instant // 1000) == instant // 1000 * 1000


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2020-01-01",
        "2020-01-01T00:00:00",
        "2020-01-01T00:00Z",
        "2020-01-01 00:00:00Z",
        "2020-01-01T24:00:00Z",
        "2020-01-01T00:60:00Z",
        "2020-01-01T00:00:60Z",
        "2020-13-01T00:00:00Z",
        "2020-00-01T00:00:00Z",
        "2021-02-29T00:00:00Z",
        "0000-01-01T00:00:00Z",
        "2020-1-01T00:00:00.00Z",
        "20200101T000000Z",
        "2020-W01-1T00:00:00Z",
        "2020-01-01T00:00:00,5Z",
        "2020-01-01T00:00:00.Z",
        "2020-01-01T00:00:00+0100",
        "2020-01-01T00:00:00+24:00",
        "2020-01-01T00:00:00+01:60",
        "2020-01-01T00:00:00UTC",
        "+020-01-01T00:00:00Z",
        "2020-01-01T00:00:0\uff11Z",
        "\uff12020-01-01T00:00:00Z",
        "2020-01-01T00:00:00Z\n",
        " 2020-01-01T00:00:00Z",
    ],
)
def test_other_spellings_are_no_instant(text: str) -> None:
    assert instant_ms(text) is None


def test_a_canonical_text_has_four_digits_of_year() -> None:
    for outside in (-1, 253_402_300_800_000):
        with pytest.raises(ValueError, match="not between"):
            rfc3339(outside)
