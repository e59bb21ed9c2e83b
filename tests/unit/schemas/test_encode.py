"""What is published reads back as what was meant."""

from event_strategies import RECEIVED_MS, Members, dump, events
from hypothesis import given, settings

from schemas import events as models
from schemas.encode import encode
from schemas.fast import Rejection, decode


@settings(max_examples=300, deadline=None)
@given(events)
def test_an_encoded_event_decodes_to_itself(members: Members) -> None:
    raw = dump(members)
    decoded = decode(raw, received_ms=RECEIVED_MS)
    validated = models.validate(raw, received_ms=RECEIVED_MS)
    assert not isinstance(decoded, Rejection)
    assert not isinstance(validated, Rejection)
    assert decode(encode(decoded), received_ms=RECEIVED_MS) == decoded
    assert encode(validated) == encode(decoded)


def test_the_canonical_form_is_compact_and_leaves_out_what_is_absent() -> None:
    preference = models.Preference(
        event_id="e",
        occurred_at=1.5,
        user_id="ü",
        chosen=models.Choice(item_id="a"),
        rejected=models.Choice(text="b"),
    )
    assert encode(preference).decode() == (
        '{"event_id":"e","type":"preference","occurred_at":"1970-01-01T00:00:01.500Z",'
        '"user_id":"ü","chosen":{"item_id":"a"},"rejected":{"text":"b"}}'
    )
