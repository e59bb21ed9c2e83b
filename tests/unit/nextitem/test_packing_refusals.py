"""Bytes of another form are refused as such, whatever they would do to who takes them apart."""

import msgspec
import numpy as np
import pytest
from nextitem_world import learner

from profiles.nextitem.itemspace import ItemSpace
from profiles.nextitem.model import NextItemModel
from profiles.nextitem.packing import Array, BlobFormatError, pack, unpack
from profiles.nextitem.transitions import Transitions
from profiles.personas import PersonasFormatError, decode_personas
from profiles.policy import DEFAULT_POLICY


@pytest.mark.parametrize("code", ["3,<f4", "08,<f4", "<f3", "O", "|S4", "<M8", "(2,2)<f4", "float"])
def test_no_type_is_read_but_plain_numbers(code: str) -> None:
    whole = pack(b"", {"a": np.zeros(2, np.float32)})
    start = whole.index(b"\n") + 1
    size = int.from_bytes(whole[start : start + 8], "little")
    table = msgspec.msgpack.encode((b"", [("a", code, (2,))]))
    changed = whole[:start] + len(table).to_bytes(8, "little") + table + whole[start + 8 + size :]
    with pytest.raises(BlobFormatError):
        unpack(changed)


@pytest.mark.parametrize("left_out", ["keys", "text", "mixing/", "popularity/total", "steps/pairs"])
def test_a_model_that_lacks_something_is_refused(left_out: str) -> None:
    header, arrays = unpack(learner(refit=False).model().to_bytes())
    kept = {name: array for name, array in arrays.items() if not name.startswith(left_out)}
    assert len(kept) < len(arrays)
    with pytest.raises(BlobFormatError, match="next-item model"):
        NextItemModel.from_bytes(pack(header, kept), policy=DEFAULT_POLICY)


def test_an_item_space_with_another_header_is_refused() -> None:
    header, arrays = unpack(learner(refit=False).model().space.to_bytes())
    assert header
    for other in (b"", b"\xff", b"\x92\xa1a\xa1b", b"\x91" * 2_000):
        with pytest.raises(BlobFormatError, match="item space"):
            ItemSpace.from_bytes(pack(other, arrays))


@pytest.mark.parametrize("pairs", [[-1, 3], [1 << 60, 1], [1, 2], [9, 0]])
def test_transitions_take_no_memory_for_more_than_there_are(pairs: list[int]) -> None:
    arrays: dict[str, Array] = {
        "pairs": np.array(pairs, np.int64),
        "successors": np.zeros(2, np.int32),
        "weights": np.zeros(2, np.float32),
        "given": np.zeros(2, np.float32),
    }
    with pytest.raises(BlobFormatError):
        Transitions.from_arrays(arrays, neighbours=4, prior=1.0)


@pytest.mark.parametrize("raw", [b"", b"\xa1\xff", b"\x91" * 5_000, b"\x98" + b"\xa1\xff" * 8])
def test_what_is_no_set_of_personas_is_refused(raw: bytes) -> None:
    with pytest.raises(PersonasFormatError):
        decode_personas(raw)
