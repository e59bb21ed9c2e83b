import re
import tomllib
from dataclasses import asdict
from pathlib import Path

from command_line import Command

from cli.settings import Settings, load_settings
from cli.templates import TEMPLATES
from profiles.declared import load_personas
from profiles.norms import Kind, load_norms
from profiles.policy import DEFAULT_POLICY, load_policy
from profiles.privacy.data_policy import Consent, load_data_policy
from profiles.state import CONSENTED


def uncommented(path: Path) -> str:
    """With every setting in force: a line like `# name = …` or `# [table]`."""
    return re.sub(r"^# (?=[a-z_]+ = |\[)", "", path.read_text(), flags=re.MULTILINE)


def test_files_are_written_and_work_as_they_are(strata: Command, tmp_path: Path) -> None:
    outcome = strata("init")
    assert outcome.code == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(TEMPLATES)
    assert load_settings().namespace == "live"


def test_nothing_is_overwritten(strata: Command, tmp_path: Path) -> None:
    (tmp_path / "policy.toml").write_text("mine")
    outcome = strata("init")
    assert outcome.code == 1
    assert "policy.toml exists already" in outcome.err
    assert [path.name for path in tmp_path.iterdir()] == ["policy.toml"]
    assert (tmp_path / "policy.toml").read_text() == "mine"


def test_the_settings_file_names_every_setting_at_its_default(
    strata: Command, tmp_path: Path
) -> None:
    strata("init")
    named = tomllib.loads(uncommented(tmp_path / "strata.toml"))
    assert named.keys() == Settings.model_fields.keys()
    for name in ("namespace", "partitions", "http_host", "http_port", "minimum_persona_size"):
        assert named[name] == Settings.model_fields[name].default
    assert named["embedding_model"] == Settings.model_fields["embedding_model"].default
    assert Settings(**named).consumer_group == named["group"]


def test_the_policy_file_says_the_built_in_policy(strata: Command, tmp_path: Path) -> None:
    strata("init")
    text = uncommented(tmp_path / "policy.toml")
    assert load_policy(text) == DEFAULT_POLICY
    named = tomllib.loads(text).keys()
    assert named == asdict(DEFAULT_POLICY).keys()


def example(path: Path) -> str:
    """What is commented out as TOML: keys, tables, and what continues them."""
    return re.sub(r"^# (?=[a-z_]+ = |\[\[|    \{|\] \})", "", path.read_text(), flags=re.MULTILINE)


def test_the_examples_of_personas_and_norms_can_be_used(strata: Command, tmp_path: Path) -> None:
    strata("init")
    personas = load_personas(example(tmp_path / "personas.toml"))
    assert personas.of({"occupation": "student", "age": 20, "country": "FR"}) == (
        "students",
        "young-europeans",
    )
    assert personas.of({"format": "paper"}) == ("readers-on-paper",)
    norms = load_norms(example(tmp_path / "norms.toml"))
    assert [norm.kind for norm in norms.norms] == [Kind.NEVER, Kind.ALWAYS, Kind.ONLY]
    assert [norm.id for norm in norms.for_user({"age": 30}).norms] == ["house-rules"]
    minors = norms.for_user({"age": 12, "account": "school"})
    assert len(minors.norms) == 3


def test_the_files_of_personas_and_norms_declare_nothing_as_they_are(
    strata: Command, tmp_path: Path
) -> None:
    strata("init")
    assert not load_personas((tmp_path / "personas.toml").read_text()).by_id
    assert not load_norms((tmp_path / "norms.toml").read_text()).norms


def test_the_data_policy_file_has_an_example_for_every_kind(
    strata: Command, tmp_path: Path
) -> None:
    strata("init")
    policy = load_data_policy(uncommented(tmp_path / "data-policy.toml"))
    assert policy.rules.keys() == {*CONSENTED}
    assert {rule.consent for rule in policy.rules.values()} == {*Consent}
