"""A decoder under Atheris, which seeks inputs that reach code no other one reached.

    python -m fuzzing.guided NAME RUNS

A process of its own per decoder: libFuzzer never returns. Exit 0 if nothing was found.
"""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import atheris

__all__ = ["main"]


def main() -> None:
    """Give the decoder so many inputs, beginning with its samples."""
    name, runs = sys.argv[1], int(sys.argv[2])
    # What is to be seen into has to be imported inside.
    with atheris.instrument_imports(include=["schemas", "profiles", "lookup", "stores"]):
        from fuzzing.targets import TARGETS
    (target,) = (one for one in TARGETS if one.name == name)

    def read_or_refused(raw: bytes) -> None:
        try:
            target.read(raw)
        except target.refusals:
            return

    with TemporaryDirectory() as corpus:
        for number, sample in enumerate(target.samples):
            (Path(corpus) / f"sample-{number}").write_bytes(sample)
        # What is longer than that is cut off, samples too.
        longest = max(4_096, *map(len, target.samples))
        options = [f"-runs={runs}", f"-max_len={longest}", "-verbosity=0", "-print_final_stats=1"]
        atheris.Setup([sys.argv[0], *options, corpus], read_or_refused)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
