"""Erasure reaches dead letters: what shows them, and the files of a real Kafka."""

import json
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from write_side.as_if_never import at_work
from write_side.ground import Ground
from write_side.publishing import Raw, publish
from write_side.running import options_of
from write_side.waiting import eventually

from cli.dashboard import KafkaLetters
from cli.letters import Letter, read_letters
from local.directory import DataDirectory
from local.kafka import KafkaServer
from profiles.ids import user_key
from profiles.privacy.pseudonyms import receipt_key, secret_of
from schemas import topics
from schemas.instants import rfc3339
from streams.topics import LETTERS_GONE_MS, ensure_topics, specs
from streams.worker import WorkerOptions

pytestmark = [pytest.mark.anyio, pytest.mark.stack]

LEAVES: Final = "leaves-7c1e-zq"
STAYS: Final = "stays-93ab-zq"
SECRET: Final = secret_of("of the tests")
SEGMENT_MS: Final = 1_500


@dataclass(frozen=True)
class OwnKafka:
    """A broker of the test's own, as its files are searched, and it cleans them often."""

    ground: Ground
    place: Path

    def files_with(self, text: bytes) -> list[str]:
        logs = self.place.rglob(f"{topics.DEAD_LETTERS}-*/*")
        return [str(path) for path in logs if path.is_file() and text in path.read_bytes()]


@pytest.fixture
async def own(ground: Ground, tmp_path: Path) -> AsyncIterator[OwnKafka]:
    place = tmp_path / "kafka of the test"
    with DataDirectory.lock(place) as directory, KafkaServer(directory) as server:
        bootstrap = server.start()
        await ensure_topics(bootstrap, partitions=ground.partitions)
        (letters,) = (
            replace(spec, cleaned_ms=SEGMENT_MS)
            for spec in specs()
            if spec.name == topics.DEAD_LETTERS
        )
        admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
        await admin.start()
        try:
            # Topics keep what was cleaned for a minute, and brokers look every 15 s.
            await admin.alter_configs(
                [
                    ConfigResource(
                        ConfigResourceType.BROKER, "1", configs={"log.cleaner.backoff.ms": "300"}
                    ),
                    ConfigResource(
                        ConfigResourceType.TOPIC,
                        topics.DEAD_LETTERS,
                        configs={**letters.configs(), "file.delete.delay.ms": "100"},
                    ),
                ]
            )
        finally:
            await admin.close()
        yield OwnKafka(replace(ground, bootstrap=bootstrap), place)


def event(user: str, number: int, **changed: object) -> dict[str, object]:
    return {
        "event_id": f"{user}/{number}",
        "type": "interaction",
        "occurred_at": "2023-11-14T22:13:20Z",
        "user_id": user,
        "item_id": f"book of {user}",
        "action": "like",
    } | changed


def bad_of(user: str) -> list[Raw]:
    """Under the user's key, under nobody's, and under somebody else's."""
    raw = Raw(topic=topics.INTERACTIONS, key=user.encode(), value=b"")
    return [
        replace(raw, value=json.dumps(event(user, 1, item_id="")).encode()),
        replace(raw, value=b'{"event_id": "cut off'),
        replace(raw, key=None, partition=1, value=json.dumps(event(user, 2)).encode()),
        replace(raw, key=b"somebody", value=json.dumps(event(user, 3)).encode()),
    ]


def told(letters: Sequence[Letter]) -> list[tuple[bytes | None, bytes, str]]:
    return sorted(((letter.key, letter.raw, letter.reason) for letter in letters), key=repr)


async def all_letters(bootstrap: str) -> list[Letter]:
    return await read_letters(bootstrap, raw_of=lambda _: True)


def options_for(ground: Ground) -> WorkerOptions:
    options = options_of(ground)
    return replace(options, erasing=replace(options.erasing, letters_segment_ms=SEGMENT_MS))


async def test_erased_letters_are_shown_nowhere_and_leave_kafkas_files(own: OwnKafka) -> None:
    ground = own.ground
    bad = [*bad_of(LEAVES), *bad_of(STAYS)]
    erasure = {
        "event_id": "erasure",
        "type": "erasure",
        "occurred_at": rfc3339(time.time_ns() // 1_000_000),
        "user_id": LEAVES,
    }
    async with at_work(ground, options=options_for(ground)) as (opened, work):

        async def receipt_is_given() -> bool:
            given = await opened.profiles.erasures.receipt(
                receipt_key(SECRET, "default", "erasure")
            )
            return given is not None and given.rewritten_ms is not None

        await publish(ground.bootstrap, bad, partitions=ground.partitions)
        await work.until_quiet(learned=False)
        before = await all_letters(ground.bootstrap)
        assert len(before) == len(bad)
        assert own.files_with(LEAVES.encode())
        staying = told([one for one in before if STAYS.encode() in (one.key or b"") + one.raw])
        assert len(staying) == 4

        await publish(ground.bootstrap, [erasure], partitions=ground.partitions)
        await eventually(receipt_is_given, timeout_s=120.0)
        assert told(await all_letters(ground.bootstrap)) == staying
        pages = KafkaLetters(ground.bootstrap, partitions=ground.partitions)
        assert len(await pages.letters("default")) == 4
        gone = next(one for one in before if LEAVES.encode() in one.raw)
        assert await pages.letter("default", str(gone.position)) is None
        receipt = await opened.profiles.erasures.receipt(receipt_key(SECRET, "default", "erasure"))
        assert receipt is not None
        assert receipt.letters == 4
        assert receipt.letters_ms is not None
        assert receipt.log_until_ms[topics.DEAD_LETTERS] == receipt.letters_ms + LETTERS_GONE_MS

        # Whoever had kept the bytes and mends them brings nothing back.
        await publish(ground.bootstrap, [event(LEAVES, 9)], partitions=ground.partitions)
        await work.until_quiet(learned=False)

        async def removed() -> bool:
            return await opened.profiles.users.read([user_key("default", LEAVES)]) == [None]

        await eventually(removed, timeout_s=120.0)

        async def cleaned() -> bool:
            return not own.files_with(LEAVES.encode())

        await eventually(cleaned, timeout_s=120.0)
        assert told(await all_letters(ground.bootstrap)) == staying
