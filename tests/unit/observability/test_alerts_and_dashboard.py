"""Alert rules, dashboard and what provisions them hold to what the code exports."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from cli.metrics_reference import exported

DEPLOY: Final = Path(__file__).resolve().parents[3] / "deploy"
RULES: Final = DEPLOY / "prometheus/rules.yaml"
DASHBOARD: Final[dict[str, Any]] = json.loads(
    (DEPLOY / "grafana/dashboards/strata.json").read_text("utf-8")
)
_PARTS: Final = {"histogram": ("_bucket", "_sum", "_count")}


def scraped() -> set[str]:
    """Every name that Prometheus finds."""
    return {
        f"{name}{part}"
        for name, (kind, _, _) in exported().items()
        for part in _PARTS.get(kind, ("",))
    }


def rules() -> list[dict[str, Any]]:
    read = yaml.safe_load(RULES.read_text("utf-8"))
    return [rule for group in read["groups"] for rule in group["rules"]]


def panels() -> list[dict[str, Any]]:
    return [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]


def expressions() -> Iterator[tuple[str, str]]:
    for rule in rules():
        yield rule["alert"], rule["expr"]
    for panel in panels():
        for target in panel["targets"]:
            yield panel["title"], target["expr"]
    for variable in DASHBOARD["templating"]["list"]:
        yield variable["name"], variable["query"]


@pytest.mark.parametrize(("where", "expression"), list(expressions()))
def test_what_is_asked_for_is_exported(where: str, expression: str) -> None:
    named = set(re.findall(r"\bstrata_\w+", expression))
    assert named, where
    assert named <= scraped(), where


def promtool(*arguments: str) -> None:
    program = shutil.which("promtool")
    if program is None:
        pytest.skip("no promtool on PATH (Debian's package prometheus has it)")
    checked = subprocess.run(
        [program, *arguments],
        cwd=RULES.parent,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_promtool_accepts_the_rules() -> None:
    promtool("check", "rules", RULES.name)


def test_promtool_accepts_the_configuration() -> None:
    promtool("check", "config", "--syntax-only", "prometheus.yaml")


def test_alerts_fire_when_they_should_and_not_before() -> None:
    promtool("test", "rules", "rules_test.yaml")


def test_most_alerts_have_a_test_and_none_is_tested_that_is_gone() -> None:
    tests = yaml.safe_load((RULES.parent / "rules_test.yaml").read_text("utf-8"))["tests"]
    tested = {one["alertname"] for test in tests for one in test["alert_rule_test"]}
    assert tested <= {rule["alert"] for rule in rules()}
    assert len(tested) >= 8


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_each_alert_says_how_urgent_it_is_and_what_to_do(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in {"page", "ticket"}
    assert rule["annotations"]["summary"]
    assert rule["annotations"]["description"]
    runbook = (DEPLOY.parent / "docs/operations.md").read_text("utf-8")
    assert f"`{rule['alert']}`" in runbook


def test_the_dashboard_shows_what_operators_were_promised() -> None:
    shown = " ".join(target["expr"] for panel in panels() for target in panel["targets"])
    for name in (
        "strata_events_total",
        "strata_freshness_seconds",
        "strata_lag_records",
        "strata_fold_duration_seconds",
        "strata_flush_duration_seconds",
        "strata_blend_weight_ratio",
        "strata_silenced_users_ratio",
        "strata_dead_letters_total",
        "strata_replay_records",
    ):
        assert name in shown


def test_panels_are_told_apart_and_ask_the_source_that_is_provisioned() -> None:
    (source,) = yaml.safe_load(
        (DEPLOY / "grafana/provisioning/datasources/prometheus.yaml").read_text("utf-8")
    )["datasources"]
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(ids)) == len(ids)
    for panel in panels():
        assert panel["datasource"]["uid"] == source["uid"]
        assert panel["description"]
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24


def test_rules_and_scrapes_meet_what_the_compose_file_mounts_and_names() -> None:
    compose = yaml.safe_load((DEPLOY.parent / "docker-compose.yml").read_text("utf-8"))
    services = compose["services"]
    config = yaml.safe_load((RULES.parent / "prometheus.yaml").read_text("utf-8"))
    mounted = {
        volume.split(":")[1]: DEPLOY.parent / volume.split(":")[0]
        for name in ("prometheus", "grafana")
        for volume in services[name]["volumes"]
        if volume.startswith("./")
    }
    assert all(path.exists() for path in mounted.values())
    assert set(config["rule_files"]) <= mounted.keys()
    lookup, workers = config["scrape_configs"]
    assert lookup["static_configs"][0]["targets"] == ["lookup:8700"]
    secret = lookup["authorization"]["credentials_file"].removeprefix("/run/secrets/")
    assert services["prometheus"]["secrets"] == [secret]
    (discovered,) = workers["dns_sd_configs"]
    assert discovered["names"] == ["worker"]
    assert discovered["port"] == services["worker"]["environment"]["STRATA_METRICS_PORT"]
    (provider,) = yaml.safe_load(
        (DEPLOY / "grafana/provisioning/dashboards/strata.yaml").read_text("utf-8")
    )["providers"]
    assert provider["options"]["path"] in mounted
