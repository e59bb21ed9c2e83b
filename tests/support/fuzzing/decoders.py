"""Damaged inputs for every decoder: each is read or refused, and nothing else happens."""

from collections.abc import Collection
from random import Random

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from fuzzing.targets import TARGETS, Target

__all__ = ["fuzz_decoder", "fuzz_decoders"]

_PER_EXAMPLE = 50
_HARD = (
    b"\x00",
    b"\xff",
    b"\x80",
    b"\xc1",
    b"\xed\xa0\x80",
    b'"',
    b"{",
    b"]",
    b"\\u0000",
    b"\\ud800",
    b"1e999",
    b"[" * 2_000,
    b"\x91" * 2_000,
    b"x = " + b"[" * 2_000,
)


def fuzz_decoders(inputs: int, only: Collection[str] = ()) -> dict[str, int]:
    """Share so many inputs among all decoders, or some; name → inputs given to it.

    Raises:
        AssertionError, or what a decoder raised that it must not, with the bytes that did it.
    """
    chosen = [target for target in TARGETS if not only or target.name in only]
    each = -(-inputs // len(chosen))
    return {target.name: fuzz_decoder(target, each) for target in chosen}


def fuzz_decoder(target: Target, inputs: int) -> int:
    """Give a decoder so many damaged samples, and those same unharmed."""
    for sample in target.samples:
        target.read(sample)
    given_inputs = 0

    @settings(
        max_examples=-(-inputs // _PER_EXAMPLE),
        deadline=None,
        database=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    @given(st.sampled_from(target.samples), st.randoms(use_true_random=False))
    def read_or_refused(sample: bytes, random: Random) -> None:
        nonlocal given_inputs
        for _ in range(_PER_EXAMPLE):
            raw = damaged(sample, target, random)
            given_inputs += 1
            try:
                target.read(raw)
            except target.refusals:
                continue
            except Exception as bug:
                bug.add_note(f"{target.name}: {raw!r}")
                raise

    read_or_refused()
    return given_inputs


def damaged(sample: bytes, target: Target, random: Random) -> bytes:
    """A sample after one to four edits: bytes changed, cut, doubled, put in, or spliced."""
    raw = bytearray(sample)
    for _ in range(random.randint(1, 4)):
        at, edit = random.randint(0, len(raw)), random.randrange(6)
        if edit == 0 and at < len(raw):
            raw[at] ^= 1 << random.randrange(8)
        elif edit == 1 and at < len(raw):
            raw[at] = random.randrange(256)
        elif edit == 2:
            del raw[at : at + random.choice((1, 2, 8, 1_000))]
        elif edit == 3:
            raw[at:at] = random.choice(_HARD)
        elif edit == 4:
            raw[at:at] = raw[at : at + random.randint(1, 40)]
        else:
            other = random.choice(target.samples)
            raw[at:] = other[random.randint(0, len(other)) :]
    return bytes(raw)
