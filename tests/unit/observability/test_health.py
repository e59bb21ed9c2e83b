"""The health check of the image, whichever of the two its container runs."""

import asyncio

import pytest
from prometheus_client import CollectorRegistry

from cli import health
from cli.observing import metrics_served
from cli.settings import Settings


@pytest.mark.anyio
@pytest.mark.parametrize("variable", ["STRATA_HTTP_PORT", "STRATA_METRICS_PORT"])
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_it_lives_while_either_answers(
    variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STRATA_HTTP_PORT", "1")
    monkeypatch.setenv("STRATA_METRICS_PORT", "1")
    assert await asyncio.to_thread(health.main) == 1
    settings = Settings(metrics_port=0)
    async with metrics_served(settings, CollectorRegistry(), ready=bool) as url:
        monkeypatch.setenv(variable, url.rpartition(":")[2])
        assert await asyncio.to_thread(health.main) == 0
