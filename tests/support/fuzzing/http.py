"""Schemathesis against a running service: cases from its own OpenAPI document."""

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from fuzzing.service import FuzzedService

__all__ = ["EVERY_PHASE", "Found", "fuzz_http"]

# A document cannot say which cursors and tokens were given out, nor count bytes or reach the
# clock: what fits it may still be refused, as long as it is refused properly.
_LEFT_OUT: Final = "positive_data_acceptance"

EVERY_PHASE: Final = "examples,coverage,fuzzing,stateful"

_CASES: Final = re.compile(r"(\d+) generated")
_FAILURES: Final = re.compile(r"(\d+) unique failures?|(\d+) errored|(\d+) failures?")


@dataclass(frozen=True, slots=True)
class Found:
    """What a run came to.

    Attributes:
        cases: Requests that were made up and sent.
        failures: Answers that broke the document, were 5xx, or did not come.
        report: As Schemathesis prints it.
    """

    cases: int
    failures: int
    report: str


def fuzz_http(service: FuzzedService, *, cases: int, seed: int, phases: str = EVERY_PHASE) -> Found:
    """Run all checks but one until `cases` cases were sent, with a new seed each round."""
    sent = failures = 0
    report = ""
    while sent < cases and not failures:
        wanted = max(1, min(300, (cases - sent) // 20))
        done = _round(service, examples=wanted, seed=seed, phases=phases)
        sent, failures, seed = sent + done.cases, failures + done.failures, seed + 1
        report = done.report
        sys.stdout.write(f"{sent:,} cases so far\n")
        sys.stdout.flush()
    if failures:
        sys.stdout.write(report)
    return Found(sent, failures, report)


def _round(service: FuzzedService, *, examples: int, seed: int, phases: str) -> Found:
    with TemporaryDirectory() as place:
        ran = subprocess.run(
            [
                sys.executable,
                *("-m", "schemathesis.cli", "run", f"{service.url}/openapi.json"),
                *("--header", f"Authorization: Bearer {service.key}"),
                *("--max-examples", str(examples), "--seed", str(seed), "--phases", phases),
                *("--checks", "all", "--exclude-checks", _LEFT_OUT),
                *("--suppress-health-check", "all", "--generation-database", "none"),
                *("--continue-on-failure", "--no-color"),
            ],
            capture_output=True,
            text=True,
            check=False,
            cwd=place,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(map(_absolute, sys.path))},
        )
    report = ran.stdout + ran.stderr
    counted = _CASES.search(report)
    if counted is None:
        raise RuntimeError(f"Schemathesis did not run:\n{report}")
    found = sum(int(number) for match in _FAILURES.findall(report) for number in match if number)
    return Found(int(counted[1]), max(found, int(ran.returncode != 0)), report)


def _absolute(path: str) -> str:
    return str(Path(path).resolve())
