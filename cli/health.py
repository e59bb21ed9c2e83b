"""`python -m cli.health`: whether the process of this container lives, for its health check.

The lookup service and a worker both answer `/livez`, each at its own port.
"""

import os
import sys
import urllib.error
import urllib.request
from typing import Final

__all__ = ["main"]

_PATIENCE_S: Final = 4.0


def main() -> int:
    """0 if one of them answers, else 1."""
    ports = (
        os.environ.get("STRATA_HTTP_PORT") or "8700",
        os.environ.get("STRATA_METRICS_PORT") or "8701",
    )
    return int(not any(_lives(port) for port in ports))


def _lives(port: str) -> bool:
    # Whatever address it listens at, of this machine it listens at this one.
    try:
        with urllib.request.urlopen(
            f"http://127.0.0.1:{port}/livez", timeout=_PATIENCE_S
        ) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError, ValueError):
        return False


if __name__ == "__main__":
    sys.exit(main())
