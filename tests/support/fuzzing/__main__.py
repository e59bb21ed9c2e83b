"""Fuzz for longer than CI does.

    python -m fuzzing http --cases 20000 [--url URL --key KEY]
    python -m fuzzing decoders --inputs 1000000

Exit 1 if anything was found.
"""

import argparse
import os
import sys

from fuzzing.decoders import fuzz_decoders
from fuzzing.http import fuzz_http
from fuzzing.service import FuzzedService, service_running


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    kinds = parser.add_subparsers(dest="kind", required=True)
    http = kinds.add_parser("http")
    http.add_argument("--cases", type=int, default=20_000)
    http.add_argument("--url", help="of a running service; else one is started")
    http.add_argument("--seed", type=int, default=1)
    decoders = kinds.add_parser("decoders")
    decoders.add_argument("--inputs", type=int, default=1_000_000)
    options = parser.parse_args()
    if options.kind == "decoders":
        for name, inputs in fuzz_decoders(options.inputs).items():
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


if __name__ == "__main__":
    sys.exit(main())
