"""The Dockerfile's steps, taken without an engine: what it copies, installs, starts and asks.

Two things differ from a build: the dependencies are those of this environment, and the base image
is whatever Python runs the tests.
"""

import http.server
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

pytestmark = pytest.mark.slow

ROOT: Final = Path(__file__).resolve().parents[2]
DOCKERFILE: Final = (ROOT / "deploy/Dockerfile").read_text()
COMPOSE: Final[dict[str, Any]] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
NOBODY: Final = 65_534
PREFIX: Final = "/opt/strata"


def steps(stage: str) -> Iterator[tuple[str, str]]:
    """Instruction and arguments of a stage, in order."""
    for line in re.findall(r"^([A-Z]+)\s+(.+)$", stage, re.MULTILINE):
        yield line[0], line[1]


BUILD, LAST = re.split(r"^FROM .+$", DOCKERFILE, flags=re.MULTILINE)[1:]


@dataclass(frozen=True, slots=True)
class Image:
    """What the last stage has, somewhere else.

    Attributes:
        user: Whom it runs as; None for whoever runs the tests.
    """

    prefix: Path
    home: Path
    user: int | None

    def run(
        self, command: Sequence[str], environment: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """As the image would: nothing of this environment is inherited."""
        return _run(
            # What an image calls is looked for on its own path.
            [str(self.prefix / "bin" / command[0]), *command[1:]],
            user=self.user,
            cwd=self.home,
            env={"PATH": f"{self.prefix}/bin:/usr/bin:/bin", "HOME": str(self.home)}
            | dict(environment or {}),
        )


def _run(
    command: Sequence[str], *, user: int | None, cwd: Path, env: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        timeout=250,
        cwd=cwd,
        env=env,
        user=user,
        group=user,
        extra_groups=None if user is None else [],
    )


def _interpreter() -> tuple[Path, int | None]:
    """A Python of this version, and a user without rights who may run it."""
    own = Path(sys.base_prefix) / "bin" / f"python3.{sys.version_info.minor}"
    if os.geteuid() != 0:
        return own, None
    for candidate in (own, Path(f"/usr/bin/python3.{sys.version_info.minor}")):
        try:
            tried = _run([str(candidate), "-c", ""], user=NOBODY, cwd=Path("/"), env={})
        except OSError:
            continue
        if tried.returncode == 0:
            return candidate, NOBODY
    return own, None


def _built(place: Path, interpreter: Path) -> Path:
    """Take the steps of the first stage; where it leaves the application."""
    prefix, context = place / "opt", place / "build"
    context.mkdir()
    allowed = {
        line[1:]
        for line in (ROOT / "deploy/Dockerfile.dockerignore").read_text().splitlines()
        if line.startswith("!")
    }
    for instruction, arguments in steps(BUILD):
        if instruction == "COPY":
            *sources, target = arguments.split()
            for source in sources:
                assert source in allowed, f"{source} is not sent to the engine"
                if (ROOT / source).is_dir():
                    shutil.copytree(
                        ROOT / source,
                        context / target,
                        ignore=shutil.ignore_patterns("__pycache__"),
                    )
                else:
                    shutil.copy(ROOT / source, context / target)
        elif instruction == "RUN":
            _taken(arguments, prefix, context, interpreter)
    return prefix


def _taken(step: str, prefix: Path, context: Path, interpreter: Path) -> None:
    words = shlex.split(step)
    if words == ["python", "-m", "venv", PREFIX]:
        # Without pip of its own, which a system's Python may lack; ours installs into it.
        made = [str(interpreter), "-m", "venv", "--without-pip", str(prefix)]
    elif words[:2] == [f"{PREFIX}/bin/pip", "install"]:
        if "--no-deps" not in words:
            # The dependencies: of this environment, without what only it can find.
            (site,) = (prefix / "lib").glob("python*/site-packages")
            ours = next(Path(place) for place in sys.path if place.endswith("site-packages"))
            (site / "dependencies.pth").write_text(f"{ours}\n")
            return
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
        made = [*pip, "--python", str(prefix / "bin/python"), "install", "--quiet", *words[2:]]
    else:
        raise AssertionError(f"a step that is not known here: {step}")
    taken = subprocess.run(made, capture_output=True, text=True, check=False, cwd=context)
    assert taken.returncode == 0, taken.stdout + taken.stderr


@pytest.fixture(scope="module")
def image() -> Iterator[Image]:
    interpreter, user = _interpreter()
    with tempfile.TemporaryDirectory(prefix="strata-image-") as path:
        place = Path(path)
        place.chmod(0o755)
        prefix = _built(place, interpreter)
        home = place / "home"
        home.mkdir()
        if user is not None:
            os.chown(home, user, user)
        yield Image(prefix, home, user)


def test_everything_that_is_kept_of_a_package_is_in_the_image(image: Image) -> None:
    copied = [
        arguments.split()[0]
        for instruction, arguments in steps(BUILD)
        if instruction == "COPY" and (ROOT / arguments.split()[0]).is_dir()
    ]
    listed = subprocess.run(
        ["git", "ls-files", *copied], capture_output=True, text=True, check=False, cwd=ROOT
    )
    if listed.returncode != 0:
        pytest.skip("not a checkout of git")
    # What pins the environments of benchmarks is for `make`.
    kept = {line for line in listed.stdout.splitlines() if not line.endswith("constraints.txt")}
    (site,) = (image.prefix / "lib").glob("python*/site-packages")
    assert {line for line in kept if not (site / line).is_file()} == set()


def _entry_point() -> list[str]:
    (found,) = (arguments for name, arguments in steps(LAST) if name == "ENTRYPOINT")
    return list(json.loads(found))


@pytest.mark.parametrize("service", ["worker", "lookup", None])
def test_its_entry_point_runs_as_a_user_without_rights(image: Image, service: str | None) -> None:
    """The commands of the compose file parse; without one it says what there are."""
    if service is None:
        (shown,) = (arguments for name, arguments in steps(LAST) if name == "CMD")
        command = json.loads(shown)
    else:
        command = [*COMPOSE["services"][service]["command"], "--help"]
    ran = image.run([*_entry_point(), *command])
    assert ran.returncode == 0, ran.stderr
    assert "Usage: strata" in ran.stdout
    # It is the image's own, not this checkout's.
    where = image.run(["python", "-c", "import cli; print(cli.__file__)"]).stdout
    assert Path(where.strip()).is_relative_to(image.prefix)


@pytest.mark.parametrize("service", ["worker", "lookup"])
def test_with_the_compose_files_settings_it_says_which_server_it_waits_for(
    image: Image, service: str
) -> None:
    settings = {
        name: re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", str(value))
        for name, value in COMPOSE["services"][service]["environment"].items()
    }
    keys = image.home / "api-keys.toml"
    made = image.run(["strata", "keys", "create", "--scope", "read", "--file", str(keys)])
    assert made.returncode == 0, made.stderr
    # Names that only a network of compose's knows.
    ran = image.run(
        [*_entry_point(), *COMPOSE["services"][service]["command"]],
        settings
        | {"STRATA_START_PATIENCE_S": "0", "STRATA_METRICS_PORT": "0", "STRATA_HTTP_PORT": "0"}
        | ({"STRATA_API_KEYS": str(keys)} if service == "lookup" else {}),
    )
    assert ran.returncode == 1, ran.stdout + ran.stderr
    assert "Traceback" not in ran.stderr
    assert "qdrant" in ran.stderr.lower()


class _Live(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path in {"/livez", "/readyz"} else 404)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - not ours to rename
        pass


def _checks() -> Iterator[list[str]]:
    (found,) = (arguments for name, arguments in steps(LAST) if name == "HEALTHCHECK")
    yield json.loads(found[found.index("[") :])
    yield COMPOSE["services"]["lookup"]["healthcheck"]["test"][1:]


@pytest.mark.parametrize("check", list(_checks()), ids=["image", "lookup"])
def test_its_health_checks_tell_one_that_lives_from_one_that_does_not(
    image: Image, check: list[str]
) -> None:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Live) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        port = str(server.server_port)
        asked = [word.replace(":8700/", f":{port}/") for word in check]
        ports = {"STRATA_HTTP_PORT": port, "STRATA_METRICS_PORT": "1"}
        try:
            living = image.run(asked, ports)
        finally:
            server.shutdown()
            thread.join()
    assert living.returncode == 0, living.stderr
    assert image.run(asked, ports).returncode != 0
