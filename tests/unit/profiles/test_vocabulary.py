"""Attributes outside the declared vocabulary are refused; what makes no sense ends at start."""

import json

import pytest

from profiles.rules import DeclarationError
from profiles.state import Scalar
from profiles.vocabulary import ANY_ATTRIBUTES, Vocabulary, load_vocabulary
from schemas import topics
from schemas.rejection import Reason
from streams.batches import RecordBatch
from streams.gate import Gate
from streams.memory import MemoryRecord
from streams.partitions import partition_of

DECLARED = """
only_these = true

[attribute.country]
values = ["BE", "NL", true]

[attribute.age]
type = "number"
at_least = 0
at_most = 130

[attribute.city]
type = "text"
longest = 10
"""


@pytest.fixture
def vocabulary() -> Vocabulary:
    return load_vocabulary(DECLARED)


@pytest.mark.parametrize(
    "stated",
    [{}, {"country": "NL"}, {"country": True}, {"age": 0}, {"age": 130.0}, {"city": "Gent"}],
)
def test_what_is_declared_may_be_stated(stated: dict[str, Scalar], vocabulary: Vocabulary) -> None:
    assert vocabulary.refusal(stated) is None


@pytest.mark.parametrize(
    ("stated", "why"),
    [
        ({"country": "Atlantis"}, "attributes.country is none of the declared values"),
        # True equals 1 in Python, and is another value here.
        ({"country": 1}, "attributes.country is none of the declared values"),
        ({"age": -1}, "attributes.age is below 0"),
        ({"age": 131}, "attributes.age is above 130"),
        ({"age": "many"}, "attributes.age must be a number"),
        ({"age": True}, "attributes.age must be a number"),
        ({"city": "x" * 11}, "attributes.city has more than 10 characters"),
        ({"country": "NL", "shoe": 42}, "an attribute is not in the vocabulary"),
    ],
)
def test_what_is_outside_is_refused_without_its_value(
    stated: dict[str, Scalar], why: str, vocabulary: Vocabulary
) -> None:
    assert vocabulary.refusal(stated) == why


def test_other_names_pass_unless_only_these_may_be_stated() -> None:
    open_one = load_vocabulary(
        DECLARED.replace("true\n\n[attribute.country]", "false\n\n[attribute.country]")
    )
    assert open_one.refusal({"shoe": 42}) is None
    assert open_one.refusal({"age": -1}) is not None
    assert ANY_ATTRIBUTES.refusal({"anything": "x" * 10_000}) is None


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("attribute = [", "not TOML"),
        ("[attribute.age]\ntype = 'age'", "attribute.age.type"),
        ("[attribute.age]\nat_least = 1", "attribute.age"),
        ("[attribute.age]\ntype = 'number'\nat_least = 2\nat_most = 1", "attribute.age"),
        ("[attribute.age]\nvalues = []", "attribute.age"),
        ("[attribute.age]\nvaluse = ['a']", "attribute.age.valuse"),
        ("only = true", "only"),
    ],
)
def test_a_file_that_makes_no_sense_names_its_entry(text: str, named: str) -> None:
    with pytest.raises(DeclarationError, match=named):
        load_vocabulary(text)


def test_an_event_outside_the_vocabulary_is_a_dead_letter_and_others_pass(
    vocabulary: Vocabulary,
) -> None:
    def record(offset: int, **attributes: Scalar) -> MemoryRecord:
        event = {
            "event_id": f"e{offset}",
            "type": "attributes",
            "occurred_at": 1,
            "user_id": "ann",
            "attributes": attributes,
        }
        return MemoryRecord(offset, 2_000, b"ann", json.dumps(event).encode())

    place = partition_of(b"ann", 4)
    records = [record(0, country="Atlantis"), record(1, country="NL")]
    gate = Gate(partitions=4, vocabulary=vocabulary)
    admitted = gate.admit(RecordBatch(topics.ATTRIBUTES, place, 1, records))
    assert [passed.offset for passed in admitted.passed] == [1]
    assert admitted.rejected == {Reason.INVALID_FIELD: 1}
    (letter,) = admitted.outgoing
    assert letter.topic == topics.DEAD_LETTERS
    assert dict(letter.headers)["strata-detail"] == (
        b"attributes.country is none of the declared values"
    )
