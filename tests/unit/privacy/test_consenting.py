"""What a data policy lets in, against the oracle; what it takes out; and what it shows to whom."""

from random import Random

import pytest
from histories import (
    DIMENSION,
    VECTORS,
    EventDict,
    catalogue,
    folded,
    histories,
    parsed,
    remembered,
    sourced,
)
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from observed import observed_state
from oracle import OracleUser, Settings, compare, first_ten, tell

from profiles.contributions import contribution, fixed_point, view_of
from profiles.declared import load_personas
from profiles.effects import effects_of, kind_of
from profiles.fold import Sourced, forgetting
from profiles.policy import DEFAULT_POLICY
from profiles.privacy.consenting import fold_governed, overdue
from profiles.privacy.data_policy import (
    ANYTHING_GOES,
    Consent,
    DataPolicy,
    DataRule,
    Purpose,
)
from profiles.privacy.permitting import counted, permitted
from profiles.projection import project
from profiles.state import CONSENTED, EMPTY_STATE, DataType, UserState, encode_state
from profiles.viewing import cached_view

KINDS = tuple(sorted(CONSENTED))
DECLARED = load_personas(
    '[[persona]]\nid = "aged"\ntitle = "T"\ndescription = "D"\n'
    'rule = { attribute = "age", exists = true }\n'
)

rules = st.builds(
    DataRule,
    consent=st.sampled_from(Consent),
    kept_days=st.none() | st.sampled_from([0.5, 30.0]),
    purposes=st.frozensets(st.sampled_from(Purpose)),
)
policies = st.builds(DataPolicy, st.dictionaries(st.sampled_from(KINDS), rules))


def is_consent(event: EventDict) -> bool:
    return bool(event["type"] == "consent")


def governed(
    events: list[EventDict], data: DataPolicy, *, state: UserState = EMPTY_STATE, first: int = 0
) -> UserState:
    batch = sourced(events, DEFAULT_POLICY, first=first)
    return fold_governed(state, batch, DEFAULT_POLICY, data).folded.state


def told(events: list[EventDict], data: DataPolicy) -> OracleUser | None:
    modes = {
        kind.value: rule.consent.value
        for kind, rule in data.rules.items()
        if rule.consent is not Consent.NOT_NEEDED
    }
    everyone = tell(events, VECTORS, dimension=DIMENSION, settings=Settings(consent=modes))
    return everyone.get(("default", "u"))


@given(
    histories().map(lambda events: [one for one in events if one["type"] != "erasure"]),
    policies,
    st.randoms(use_true_random=False),
)
def test_what_is_kept_after_consents_is_what_the_oracle_keeps(
    events: list[EventDict], data: DataPolicy, random: Random
) -> None:
    data_events = [one for one in events if not is_consent(one)]
    random.shuffle(data_events)
    in_order = [*filter(is_consent, events), *data_events]
    expected = told(in_order, data)
    state = governed(in_order, data)
    if expected is None:
        assert state == EMPTY_STATE
        return
    wanted = {
        "sets": expected.sets,
        "forget_before": expected.forget_before,
        "totals": expected.totals,
        "attributes": expected.attributes,
        "consents": expected.consents,
    }
    differing = first_ten(compare(wanted, observed_state(state)))
    assert not differing, differing


@given(histories(), policies)
def test_what_is_refused_is_as_if_it_had_never_come(
    events: list[EventDict], data: DataPolicy
) -> None:
    """Wherever it stands among the others."""
    state = EMPTY_STATE
    let_in: list[Sourced] = []
    for offset, event in enumerate(events):
        one = Sourced("t", offset, effects_of(parsed(event), DEFAULT_POLICY))
        result = fold_governed(state, [one], DEFAULT_POLICY, data)
        if result.refused:
            assert result.folded.state is state
        else:
            let_in.append(one)
        state = result.folded.state
    together = fold_governed(EMPTY_STATE, let_in, DEFAULT_POLICY, data)
    assert together.refused == 0
    assert encode_state(together.folded.state) == encode_state(state)


@given(histories())
def test_where_consent_decides_nothing_events_fold_as_ever(events: list[EventDict]) -> None:
    batch = sourced(events, DEFAULT_POLICY)
    for data in (ANYTHING_GOES, DataPolicy({DataType.DOCUMENTS: DataRule(purposes=frozenset())})):
        found = fold_governed(EMPTY_STATE, batch, DEFAULT_POLICY, data)
        assert encode_state(found.folded.state) == encode_state(folded(events, DEFAULT_POLICY))


@given(histories(), policies, st.integers(0, 100))
def test_what_is_overdue_is_gone_at_once_and_once_for_all(
    events: list[EventDict], data: DataPolicy, days: int
) -> None:
    now_ms = 1_700_000_000_000 + days * 86_400_000
    state = folded(events, DEFAULT_POLICY)
    left = forgetting(state, overdue(state, data, now_ms=now_ms), DEFAULT_POLICY)

    assert overdue(left, data, now_ms=now_ms) == ()
    assert left.positions == state.positions
    for kind in KINDS:
        kept_ms = data.rule(kind).kept_ms
        times = [*left.entries(kind)["time_ms"].tolist()]
        if kind is DataType.ATTRIBUTES:
            times += [stated.time_ms for stated in left.attributes.values()]
        assert kept_ms is None or all(one > now_ms - kept_ms for one in times)
        said = left.consents.get(kind)
        match data.rule(kind).consent:
            case Consent.OPT_IN:
                assert not times or (said is not None and said.value)
            case Consent.OPT_OUT:
                assert not times or said is None or said.value
            case Consent.NOT_NEEDED:
                if kept_ms is None:
                    assert left.entries(kind).tobytes() == state.entries(kind).tobytes()


def purposes_of(state: UserState, data: DataPolicy) -> dict[str, object]:
    """Everything that the write side makes of a state, by what it is for."""
    known = catalogue()
    placed = project(permitted(state, data.placed), known, DEFAULT_POLICY)
    view = view_of(counted(state, data.counted), fixed_point(placed.vector))
    ranked = permitted(state, data.ranked)
    shown = cached_view(
        "default",
        "u",
        ranked,
        project(ranked, known, DEFAULT_POLICY),
        DEFAULT_POLICY,
        received_ms=0,
    )
    return {
        Purpose.AGGREGATES: (
            contribution(view, DEFAULT_POLICY),
            DECLARED.of_state(view.state),
        ),
        Purpose.RANKING: (shown, placed.vector.tobytes(), placed.mass),
        Purpose.TRAINING: observed_state(permitted(state, data.learned))["sets"],
        Purpose.PROMPTING: observed_state(permitted(state, data.serving(Purpose.PROMPTING))),
    }


def versioned(events: list[EventDict]) -> UserState:
    return replace(folded(events, DEFAULT_POLICY), version=1, positions={})


@pytest.mark.parametrize("purpose", Purpose)
@given(events=histories(says=remembered), other=histories(says=remembered), data=policies)
def test_what_is_barred_from_a_purpose_changes_nothing_that_serves_it(
    purpose: Purpose, events: list[EventDict], other: list[EventDict], data: DataPolicy
) -> None:
    barred = data.barred(purpose)

    def is_barred(event: EventDict) -> bool:
        return kind_of(parsed(event)) in barred

    stays = [one for one in events if not is_barred(one)]
    others = [one | {"event_id": f"other {one['event_id']}"} for one in other if is_barred(one)]
    mine = purposes_of(versioned(events), data)[purpose]
    assert purposes_of(versioned([*stays, *others]), data)[purpose] == mine
    assert purposes_of(versioned(stays), data)[purpose] == mine
