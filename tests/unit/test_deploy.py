"""The compose file and the image, as far as they can be held to account without an engine."""

import json
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any, Final

import pytest
import typer
import yaml

from cli.main import app
from cli.settings import Settings
from local.jars import KAFKA_COORDINATE

ROOT: Final = Path(__file__).resolve().parents[2]
COMPOSE_FILE: Final = ROOT / "docker-compose.yml"
COMPOSE: Final[dict[str, Any]] = yaml.safe_load(COMPOSE_FILE.read_text())
SERVICES: Final[dict[str, dict[str, Any]]] = COMPOSE["services"]
DOCKERFILE: Final = (ROOT / "deploy/Dockerfile").read_text()
OURS: Final = ("worker", "lookup")
CORE: Final = {"kafka", "qdrant", "redis", *OURS}
WATCHING: Final = {"prometheus", "grafana"}
# Interpolated by compose before the container starts: for the build, not for the application.
BUILD_VARIABLES: Final = {"STRATA_EXTRAS"}


def settings_variables() -> set[str]:
    return {f"STRATA_{name.upper()}" for name in Settings.model_fields}


def _instructions(name: str) -> list[str]:
    return re.findall(rf"^{name}\s+(.+)$", DOCKERFILE, re.MULTILINE)


def test_the_compose_file_follows_the_compose_specification() -> None:
    checked = subprocess.run(
        [
            sys.executable,
            *("-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"),
            str(COMPOSE_FILE),
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


def _has_compose() -> bool:
    docker = shutil.which("docker")
    if docker is None:
        return False
    asked = subprocess.run(
        [docker, "compose", "version"], capture_output=True, check=False, timeout=30
    )
    return asked.returncode == 0


def test_docker_compose_accepts_the_file() -> None:
    if not _has_compose():
        pytest.skip("no docker client with compose on PATH")
    checked = subprocess.run(
        ["docker", "compose", "-f", str(COMPOSE_FILE), "config", "--quiet"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert checked.returncode == 0, checked.stderr


def test_it_is_complete() -> None:
    assert SERVICES.keys() == CORE | WATCHING
    assert SERVICES["worker"]["deploy"]["replicas"] == 2


@pytest.mark.parametrize("name", SERVICES)
def test_images_are_pinned_to_a_release(name: str) -> None:
    assert re.fullmatch(r"[\w./-]+:v?\d+\.\d+\.\d+", SERVICES[name]["image"])


def test_the_broker_is_the_release_that_the_tests_run() -> None:
    assert SERVICES["kafka"]["image"].partition(":")[2] == KAFKA_COORDINATE.rpartition(":")[2]


@pytest.mark.parametrize("name", SERVICES)
def test_what_others_wait_for_has_a_health_check(name: str) -> None:
    for needed, how in SERVICES[name].get("depends_on", {}).items():
        assert how["condition"] == "service_healthy"
        assert SERVICES[needed]["healthcheck"]["test"]


@pytest.mark.parametrize("name", OURS)
def test_ours_start_after_every_server(name: str) -> None:
    assert SERVICES[name]["depends_on"].keys() == {"kafka", "qdrant", "redis"}


@pytest.mark.parametrize("name", SERVICES)
def test_ports_are_published_on_loopback_only(name: str) -> None:
    for port in SERVICES[name].get("ports", []):
        assert re.fullmatch(r"127\.0\.0\.1:\d+:\d+", port)


@pytest.mark.parametrize("name", ["kafka", "qdrant", "redis"])
def test_servers_keep_their_data_in_a_volume_of_their_own(name: str) -> None:
    (mounted,) = SERVICES[name]["volumes"]
    assert mounted.partition(":")[0] == f"{name}-data"


def test_every_volume_is_declared_and_used() -> None:
    used = [
        mounted.partition(":")[0]
        for service in SERVICES.values()
        for mounted in service.get("volumes", [])
        if not mounted.startswith("./")
    ]
    assert sorted(used) == sorted(COMPOSE["volumes"])


@pytest.mark.parametrize("name", OURS)
def test_our_variables_are_settings_and_name_every_server(name: str) -> None:
    given = SERVICES[name]["environment"].keys()
    assert given <= settings_variables()
    assert {"STRATA_KAFKA_BOOTSTRAP", "STRATA_REDIS_URL", "STRATA_QDRANT_URL"} <= given


def test_the_settings_given_are_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in OURS:
        for variable, value in SERVICES[name]["environment"].items():
            monkeypatch.setenv(variable, _with_defaults(str(value)))
        assert Settings().kafka_bootstrap == "kafka:9092"


def _with_defaults(text: str) -> str:
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", text)


def test_what_is_interpolated_has_a_default() -> None:
    text = COMPOSE_FILE.read_text()
    named = re.findall(r"(?<!\$)\$\{(\w+)(:-)?", text)
    assert {name for name, default in named if not default} == set()
    assert {name for name, _ in named} <= settings_variables() | BUILD_VARIABLES


@pytest.mark.parametrize("name", OURS)
def test_our_commands_exist(name: str) -> None:
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    assert SERVICES[name]["command"][0] in commands


def test_servers_named_by_the_settings_are_services() -> None:
    for name in OURS:
        environment = SERVICES[name]["environment"]
        assert environment["STRATA_KAFKA_BOOTSTRAP"].partition(":")[0] == "kafka"
        assert environment["STRATA_REDIS_URL"].startswith("redis://redis:")
        assert environment["STRATA_QDRANT_URL"].startswith("http://qdrant:")


def test_the_image_has_stages_and_its_last_one_is_not_root() -> None:
    assert len(_instructions("FROM")) == 2
    last = DOCKERFILE.rpartition("\nFROM ")[2]
    (user,) = re.findall(r"^USER (\w+)$", last, re.MULTILINE)
    assert user != "root"
    assert f"--home-dir /var/lib/strata {user}" in last
    assert _instructions("ENTRYPOINT") == ['["strata"]']


def _packages() -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    globs = project["tool"]["setuptools"]["packages"]["find"]["include"]
    names = {glob.removesuffix("*") for glob in globs}
    return {name for name in names if (ROOT / name / "__init__.py").is_file()}


def test_every_package_is_copied_into_the_image() -> None:
    copied = {source.split()[0] for source in _instructions("COPY") if " " in source}
    let_through = set(
        re.findall(r"^!(\S+)$", (ROOT / "deploy/Dockerfile.dockerignore").read_text(), re.MULTILINE)
    )
    assert _packages() <= copied
    assert _packages() <= let_through


def test_what_is_copied_from_the_context_exists_and_is_let_through() -> None:
    ignored = (ROOT / "deploy/Dockerfile.dockerignore").read_text().splitlines()
    for copied in _instructions("COPY"):
        if copied.startswith("--from"):
            continue
        for source in copied.split()[:-1]:
            assert (ROOT / source).exists()
            assert f"!{source}" in ignored


def test_the_extras_that_the_compose_file_offers_exist() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    offered = re.findall(r"STRATA_EXTRAS=(\w+)", COMPOSE_FILE.read_text())
    assert offered
    assert set(offered) <= project["optional-dependencies"].keys()


def test_whoever_listens_to_others_asks_for_keys() -> None:
    given = SERVICES["lookup"]["environment"]
    assert given["STRATA_HTTP_HOST"] == "0.0.0.0"  # noqa: S104 - inside its own network
    name = given["STRATA_API_KEYS"].removeprefix("/run/secrets/")
    assert SERVICES["lookup"]["secrets"] == [name]
    assert COMPOSE["secrets"].keys() == {name, *SERVICES["prometheus"]["secrets"]}


def test_profiles_tell_what_is_needed_from_what_watches_it() -> None:
    for name, service in SERVICES.items():
        assert service["profiles"] == ["core" if name in CORE else "observability"]
        needed = service.get("depends_on", {}).keys()
        assert needed <= (CORE if name in CORE else WATCHING)


def test_a_workers_metrics_can_be_read_from_inside_alone() -> None:
    given = SERVICES["worker"]["environment"]
    assert given["STRATA_METRICS_HOST"] == "0.0.0.0"  # noqa: S104 - inside its own network
    assert "ports" not in SERVICES["worker"]


def test_the_image_tells_whether_it_lives() -> None:
    (check,) = re.findall(r"^HEALTHCHECK .*CMD (\[.*\])$", DOCKERFILE, re.MULTILINE)
    assert json.loads(check) == ["python", "-m", "cli.health"]
