"""The client's README: each block of Python runs as it is written."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

import strata_client
from strata_client import kafka, redis
from strata_client._async import AsyncStrata
from strata_client._sync import Strata
from strata_client.events import Record
from strata_client.quick import QuickProfile

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "clients/python/README.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```$", README.read_text("utf-8"), re.MULTILINE | re.DOTALL)


class _Elsewhere:
    """A server that an example names and that is not there."""

    def __init__(self, *_: object, **__: object) -> None:
        self.records: list[Record] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        pass

    def send(self, records: Sequence[Record]) -> Mapping[tuple[str, int], int]:
        self.records += records
        return {(record.topic, 0): 0 for record in records}

    def read(self, _tenant: str, _user_id: str) -> QuickProfile | None:
        return None


@pytest.mark.parametrize("block", BLOCKS, ids=[f"block-{at}" for at in range(len(BLOCKS))])
def test_it_runs(block: str, service_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka, "KafkaPublisher", _Elsewhere)
    monkeypatch.setattr(redis, "RedisProfiles", _Elsewhere)

    class Here(Strata):
        def __init__(self, _url: str = "", **options: object) -> None:
            super().__init__(service_url, **options)  # type: ignore[arg-type]

    class AsyncHere(AsyncStrata):
        def __init__(self, _url: str = "", **options: object) -> None:
            super().__init__(service_url, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(strata_client, "Strata", Here)
    monkeypatch.setattr(strata_client, "AsyncStrata", AsyncHere)
    code = compile(block, str(README), "exec")
    exec(code, {"__name__": "__main__"})  # noqa: S102 - what the README tells people to run


def test_there_are_blocks_to_run() -> None:
    assert len(BLOCKS) >= 6


def test_whatever_is_exported_exists() -> None:
    for name in strata_client.__all__:
        assert hasattr(strata_client, name)


@pytest.mark.parametrize("link", re.findall(r"\]\(([^)#]+)\)", README.read_text("utf-8")))
def test_links_resolve(link: str) -> None:
    assert (README.parent / link).exists()
