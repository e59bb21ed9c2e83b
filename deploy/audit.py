"""Known vulnerabilities of what constraints.txt pins; says what it could and could not find out.

    python deploy/audit.py PIP_AUDIT

Where the data about vulnerabilities cannot be reached, what is left is that the installed packages
are those that were pinned, and so those that were looked at where they could be.

Exit 0 if nothing was found, 1 if something was, or if another version is installed than is pinned.
"""

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from importlib.metadata import distributions
from pathlib import Path
from typing import Any, Final

__all__ = ["main", "verdict"]

_CONSTRAINTS: Final = Path(__file__).resolve().parents[1] / "constraints.txt"
_OURS: Final = frozenset({"strata-profiles", "strata-client"})
# What makes an environment comes with Python, not from the list.
_MAKES: Final = frozenset({"pip", "setuptools", "wheel"})
_PATIENCE_S: Final = 600


def main() -> int:
    """Ask, and print what became of it; the exit status is returned."""
    pinned = {
        _normal(name): version
        for name, _, version in (
            line.partition("==") for line in _CONSTRAINTS.read_text("utf-8").split()
        )
    }
    installed = {_normal(one.metadata["Name"]): one.version for one in distributions()}
    lines, code = verdict(_asked(sys.argv[1]), pinned=pinned, installed=installed)
    sys.stdout.write("".join(f"audit: {line}\n" for line in lines))
    return code


def _asked(program: str) -> list[dict[str, Any]]:
    """Each pinned package as pip-audit tells of it; empty if it could not be asked."""
    try:
        ran = subprocess.run(  # noqa: S603 - the caller's program, constant arguments
            [
                program,
                *("--requirement", str(_CONSTRAINTS), "--no-deps", "--disable-pip"),
                *("--format", "json", "--progress-spinner", "off"),
            ],
            capture_output=True,
            text=True,
            check=False,
            timeout=_PATIENCE_S,
        )
        found: list[dict[str, Any]] = json.loads(ran.stdout)["dependencies"]
    except (OSError, subprocess.TimeoutExpired, ValueError, KeyError):
        return []
    return found


def verdict(
    asked: list[dict[str, Any]], *, pinned: Mapping[str, str], installed: Mapping[str, str]
) -> tuple[list[str], int]:
    """What to say, and with which status to end."""
    known = [one for one in asked if "skip_reason" not in one]
    lines = [
        f"{one['name']} {one['version']} has {vulnerability['id']}"
        for one in known
        for vulnerability in one["vulns"]
    ]
    wrong = bool(lines)
    lines.append(
        f"{len(known)} of {len(pinned)} pinned packages could be looked up"
        if known
        else "no data about vulnerabilities can be reached from here: none was looked up"
    )
    compared = {
        name: version
        for name, version in installed.items()
        if name not in _OURS | _MAKES and name in pinned
    }
    others = {name: version for name, version in compared.items() if pinned[name] != version}
    lines += [
        f"{name} {version} is installed, and {pinned[name]} pinned"
        for name, version in sorted(others.items())
    ]
    loose = sorted(installed.keys() - pinned.keys() - _OURS - _MAKES)
    lines += [f"{name} is installed and not pinned" for name in loose]
    lines.append(f"{len(compared) - len(others)} installed packages are as pinned")
    return lines, int(wrong or bool(others))


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


if __name__ == "__main__":
    sys.exit(main())
