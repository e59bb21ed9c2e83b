"""`strata` commands over a ground, and what two versions of it hold."""

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from profiles.state import decode_state
from write_side.ground import Ground, Opened

__all__ = ["Commands", "known_users", "version_ground"]


@dataclass(frozen=True, slots=True)
class Commands:
    """`strata` with a ground's servers."""

    ground: Ground

    def start(self, *arguments: str, log: Path) -> "subprocess.Popen[bytes]":
        with log.open("wb") as output:
            return subprocess.Popen(
                [sys.executable, "-m", "cli.main", *arguments],
                env=self._environment(),
                cwd=self.ground.directory,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def run(self, *arguments: str, timeout_s: float = 240.0) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", "cli.main", *arguments],
            env=self._environment(),
            cwd=self.ground.directory,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )

    def _environment(self) -> Mapping[str, str]:
        ours = {name: value for name, value in os.environ.items() if name[:7] != "STRATA_"}
        return ours | {
            "STRATA_KAFKA_BOOTSTRAP": self.ground.bootstrap,
            "STRATA_REDIS_URL": self.ground.redis_url,
            "STRATA_QDRANT_URL": self.ground.qdrant_url,
            "STRATA_NAMESPACE": self.ground.namespace,
            "STRATA_GROUP": self.ground.namespace,
            "STRATA_PARTITIONS": str(self.ground.partitions),
            "STRATA_EMBEDDING_MODEL": "hashing",
            "STRATA_DATA_DIR": f"{self.ground.directory}/data",
            "COLUMNS": "120",
        }


def version_ground(ground: Ground, name: str) -> Ground:
    """Where a version of the ground keeps its own."""
    return replace(ground, namespace=f"{ground.namespace}--{name}")


async def known_users(opened: Opened) -> dict[tuple[str, str], object]:
    """What is known of each user, whatever it is projected to."""
    found: dict[tuple[str, str], object] = {}
    async for page in opened.profiles.users.scan():
        for record in page:
            state = decode_state(record.state)
            found[record.tenant, record.user_id] = (
                {kind.value: rows.tolist() for kind, rows in state.sets.items()},
                dict(state.totals),
                dict(state.forget_before),
                dict(state.attributes),
                dict(state.consents),
            )
    return found
