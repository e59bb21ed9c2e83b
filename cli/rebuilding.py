"""`strata statistics --rebuild`: asks the workers for it, and waits."""

import asyncio
import time
from typing import Final

from cli.connecting import redis_site
from cli.errors import CommandFailed
from cli.logs import configure_quiet
from cli.progress import waiting_progress
from cli.settings import load_settings
from cli.terminal import stderr
from profiles.declared import asked_epoch
from stores.connect import open_redis

__all__ = ["rebuild_statistics"]

_POLL_S: Final = 0.2
_PATIENCE_S: Final = 120.0
# One round of publication and the age at which lookups read anew.
_SHOWN_S: Final = 2.5


async def rebuild_statistics() -> None:
    """Return when every partition has been summed up afresh.

    Raises:
        CommandFailed: no partition was finished for two minutes.
    """
    settings = load_settings()
    configure_quiet()
    site = redis_site(settings)
    stores = await open_redis(site.redis_url, namespace=site.namespace, partitions=site.partitions)
    try:
        wanted = await stores.aggregates.want_rebuild()
        with waiting_progress(stderr()) as progress:
            task = progress.add_task("rebuilding the statistics")
            left, since = set(range(site.partitions)), time.monotonic()
            while left:
                built = {part: await stores.aggregates.built_epoch(part) for part in left}
                # A later rebuild that somebody else asked for is as good.
                done = {
                    part for part, epoch in built.items() if epoch and asked_epoch(epoch) >= wanted
                }
                if done:
                    left, since = left - done, time.monotonic()
                elif time.monotonic() - since > _PATIENCE_S:
                    raise CommandFailed(
                        f"{len(left)} of {site.partitions} partitions are not rebuilt and nothing "
                        "moves: is a worker running? `strata doctor` tells more"
                    )
                progress.update(
                    task,
                    description=f"rebuilding the statistics: {len(left)} of "
                    f"{site.partitions} partitions left",
                )
                await asyncio.sleep(_POLL_S)
            await asyncio.sleep(_SHOWN_S)
    finally:
        await stores.close()
