"""The file that says what may be kept of each kind of data."""

import pytest

from profiles.privacy.data_policy import (
    ANYTHING_GOES,
    Consent,
    DataPolicy,
    DataRule,
    Purpose,
    load_data_policy,
)
from profiles.rules import DeclarationError
from profiles.state import CONSENTED, DataType

STRICT = """
[documents]
consent = "opt-in"
kept_days = 1.5
purposes = ["prompting"]

[interactions]
consent = "opt-out"
"""


def test_each_kind_has_the_rule_that_the_file_gives_it() -> None:
    policy = load_data_policy(STRICT)

    documents = policy.rule(DataType.DOCUMENTS)
    assert documents.consent is Consent.OPT_IN
    assert documents.kept_ms == 129_600_000
    assert documents.purposes == {Purpose.PROMPTING}
    assert policy.rule(DataType.INTERACTIONS) == DataRule(consent=Consent.OPT_OUT)
    assert policy.rule(DataType.PREFERENCES) == DataRule()
    assert policy.consent_decides == {DataType.DOCUMENTS, DataType.INTERACTIONS}
    assert policy.serving(Purpose.PROMPTING, Purpose.RANKING) == {*CONSENTED} - {DataType.DOCUMENTS}
    assert policy.forgets


@pytest.mark.parametrize("text", ["", "[documents]\n", '[attributes]\nconsent = "not-needed"\n'])
def test_a_file_that_changes_nothing_is_no_policy(text: str) -> None:
    assert load_data_policy(text).version == ANYTHING_GOES.version == 0
    assert load_data_policy(text).barred(*Purpose) == ()


def test_the_version_follows_what_is_said_and_not_how() -> None:
    shuffled = load_data_policy('[documents]\npurposes = ["training", "ranking"]')
    ordered = load_data_policy('[documents]\npurposes = ["ranking", "training"]')
    other = load_data_policy('[attributes]\npurposes = ["ranking", "training"]')
    assert shuffled.version == ordered.version != other.version
    assert shuffled.version != DataPolicy().version


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("documents = [", "not TOML"),
        ("[letters]", "there is no 'letters' (known: attributes, documents, interactions,"),
        ("[documents]\nkept = 3", "there is no 'documents.kept' (known: consent, kept_days,"),
        ('[documents]\nconsent = "maybe"', "documents.consent: Input should be 'not-needed'"),
        ('[documents]\npurposes = ["selling"]', "documents.purposes"),
        ("[documents]\nkept_days = -1", "documents.kept_days: Input should be greater than 0"),
        ("[documents]\nkept_days = 0", "documents.kept_days: Input should be greater than 0"),
        ("[documents]\nkept_days = nan", "documents.kept_days"),
        ("[documents]\nkept_days = 1e9", "documents.kept_days: Input should be less than"),
        ('[documents]\nkept_days = "7"', "documents.kept_days: Input should be a valid number"),
        ("documents = 3", "documents: Input should be a valid dictionary"),
        ("[controls]\nkept_days = 3", "there is no 'controls'"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line(text: str, said: str) -> None:
    with pytest.raises(DeclarationError) as refused:
        load_data_policy(text)
    assert said in str(refused.value)
    assert str(refused.value).startswith("data policy: ")
    assert "\n" not in str(refused.value)
