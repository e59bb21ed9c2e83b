"""A short round of `make fuzz-decoders`."""

import pytest
from fuzzing.decoders import fuzz_decoder
from fuzzing.targets import TARGETS, Target


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_damaged_bytes_are_read_or_refused(target: Target) -> None:
    assert fuzz_decoder(target, 400) >= 400


def test_a_decoder_that_lets_a_bug_through_is_found() -> None:
    def careless(raw: bytes) -> object:
        return raw.decode()

    with pytest.raises(UnicodeDecodeError):
        fuzz_decoder(Target("careless", [b"text"], careless), 1_000)
