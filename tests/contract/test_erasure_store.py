"""What every store of residues and receipts keeps, however late a write lands."""

import pytest
from msgspec.structs import replace

from profiles.privacy.erasure import Receipt
from stores.connect import ProfileStores

pytestmark = pytest.mark.anyio

KEY, OTHER = b"\x01" * 16, b"\x02" * 16
OPENED = Receipt(
    tenant="t",
    subject=b"\x07" * 16,
    partition=3,
    requested_ms=10,
    received_ms=20,
    before={"users": {"records": 1}},
    log_until_ms={"strata.interactions": 100, "dead-letters": 200},
)
READ = replace(OPENED, letters=2, letters_ms=30, log_until_ms={"strata.interactions": 100})
ERASED = replace(READ, after={"users": {"records": 0}}, erased_ms=40)


async def test_a_receipt_says_what_was_reached(stores: ProfileStores) -> None:
    await stores.erasures.open({KEY: OPENED})
    assert await stores.erasures.receipt(KEY) == OPENED
    await stores.erasures.reach({KEY: READ})
    assert await stores.erasures.receipt(KEY) == READ
    await stores.erasures.reach({KEY: ERASED})
    assert await stores.erasures.receipt(KEY) == ERASED


async def test_opened_once_more_it_stays_as_it_is(stores: ProfileStores) -> None:
    await stores.erasures.open({KEY: OPENED})
    await stores.erasures.reach({KEY: ERASED})
    await stores.erasures.open({KEY: replace(OPENED, requested_ms=11)})
    assert await stores.erasures.receipt(KEY) == ERASED


async def test_a_write_that_lands_late_takes_nothing_back(stores: ProfileStores) -> None:
    await stores.erasures.open({KEY: OPENED})
    await stores.erasures.reach({KEY: ERASED})
    await stores.erasures.reach({KEY: OPENED})
    await stores.erasures.reach({KEY: READ})
    assert await stores.erasures.receipt(KEY) == ERASED


async def test_finished_is_what_was_written_anew(stores: ProfileStores) -> None:
    await stores.erasures.open({KEY: OPENED, OTHER: OPENED})
    done = replace(ERASED, rewritten_ms=50)
    await stores.erasures.reach({KEY: done})
    await stores.erasures.reach({KEY: READ})
    assert await stores.erasures.receipt(KEY) == done
    assert await stores.erasures.unfinished(3) == {OTHER: OPENED}
    assert await stores.erasures.unfinished(4) == {}


async def test_what_was_never_opened_is_not_made(stores: ProfileStores) -> None:
    await stores.erasures.reach({KEY: ERASED})
    assert await stores.erasures.receipt(KEY) is None
