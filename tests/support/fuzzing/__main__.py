"""Fuzz for longer than CI does.

    python -m fuzzing http --cases 20000 [--url URL --key KEY]
    python -m fuzzing decoders --inputs 1000000 [--only NAME]
    python -m fuzzing guided --inputs 1000000

The last one goes by what code is reached, with Atheris, and is left out where there is none.

Exit 1 if anything was found.
"""

import argparse
import importlib.util
import os
import subprocess
import sys

from fuzzing.decoders import fuzz_decoders
from fuzzing.http import fuzz_http
from fuzzing.service import FuzzedService, service_running
from fuzzing.targets import TARGETS


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    kinds = parser.add_subparsers(dest="kind", required=True)
    http = kinds.add_parser("http")
    http.add_argument("--cases", type=int, default=20_000)
    http.add_argument("--url", help="of a running service; else one is started")
    http.add_argument("--seed", type=int, default=1)
    decoders = kinds.add_parser("decoders")
    decoders.add_argument("--inputs", type=int, default=1_000_000)
    names = [target.name for target in TARGETS]
    decoders.add_argument("--only", action="append", default=[], choices=names)
    guided = kinds.add_parser("guided")
    guided.add_argument("--inputs", type=int, default=1_000_000)
    options = parser.parse_args()
    if options.kind == "guided":
        return _guided(options.inputs)
    if options.kind == "decoders":
        for name, inputs in fuzz_decoders(options.inputs, options.only).items():
            sys.stdout.write(f"{name}: {inputs:,} inputs, nothing found\n")
        return 0
    if options.url is not None:
        service = FuzzedService(options.url, os.environ.get("STRATA_API_KEY", ""))
        found = fuzz_http(service, cases=options.cases, seed=options.seed)
    else:
        with service_running() as service:
            found = fuzz_http(service, cases=options.cases, seed=options.seed)
    sys.stdout.write(f"{found.cases:,} cases, {found.failures} failures\n")
    return 1 if found.failures or found.cases < options.cases else 0


def _guided(inputs: int) -> int:
    if importlib.util.find_spec("atheris") is None:
        sys.stdout.write("Atheris is not installed: decoders were not fuzzed by what they reach\n")
        return 0
    each, failed = -(-inputs // len(TARGETS)), 0
    for target in TARGETS:
        ran = subprocess.run(
            [sys.executable, "-m", "fuzzing.guided", target.name, str(each)],
            capture_output=True,
            text=True,
            check=False,
        )
        failed += ran.returncode != 0
        outcome = "nothing found" if ran.returncode == 0 else f"FOUND:\n{ran.stderr}"
        sys.stdout.write(f"{target.name}: {each:,} guided inputs, {outcome}\n")
        sys.stdout.flush()
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
