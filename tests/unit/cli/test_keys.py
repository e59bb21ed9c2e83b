"""`strata keys`, and what keys mean for `serve`, `up` and the commands that read."""

import json
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cli.access import access_of
from cli.asking import Asker
from cli.errors import CommandFailed, WrongUse
from cli.main import run
from cli.settings import Settings, load_settings
from lookup.key_file import KeyFile
from lookup.keys import parse_keys


def created(capsys: pytest.CaptureFixture[str], file: Path, *options: str) -> str:
    assert run(["keys", "create", "--file", str(file), *options]) == 0
    return capsys.readouterr().out.strip()


def test_a_key_is_printed_once_and_kept_as_a_hash(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "keys.toml"
    key = created(capsys, file, "--tenant", "shop", "--scope", "read", "--scope", "publish")
    assert KeyFile(file)().presented(key.encode(), now=_now()) is not None
    # The secret may hold underscores itself.
    assert key.split("_", 2)[2] not in file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert run(["keys", "list", "--json", "--file", str(file)]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["tenant"], sorted(row["scopes"])) == ("shop", ["publish", "read"])
    assert "sha256" not in row


def test_a_second_key_stands_beside_the_first_until_revoked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "keys.toml"
    first, second = (created(capsys, file, "--scope", "read", "--note", "n") for _ in range(2))
    assert run(["keys", "revoke", first.split("_")[1], "--file", str(file)]) == 0
    capsys.readouterr()
    keys = parse_keys(file.read_text())
    assert keys.presented(first.encode(), now=_now()) is None
    assert keys.presented(second.encode(), now=_now()) is not None
    assert run(["keys", "revoke", "0" * 16, "--file", str(file)]) == 1
    assert "holds no key" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "code"),
    [([], 2), (["--scope", "all"], 2), (["--scope", "read", "--tenant", ""], 1)],
)
def test_wrong_use_writes_nothing(tmp_path: Path, options: list[str], code: int) -> None:
    file = tmp_path / "keys.toml"
    assert run(["keys", "create", "--file", str(file), *options]) == code
    assert not file.exists()


def test_without_keys_only_this_machine_is_listened_to() -> None:
    for host in ("127.0.0.1", "::1", "localhost"):
        assert access_of(Settings(http_host=host)).keyed is False
    for host in ("0.0.0.0", "::", "10.0.0.1", "example.org"):  # noqa: S104 - what is refused
        with pytest.raises(WrongUse, match="strata keys create"):
            access_of(Settings(http_host=host))


@pytest.mark.parametrize("command", ["serve", "up"])
def test_a_service_for_others_without_keys_does_not_start(
    command: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("STRATA_HTTP_HOST", "0.0.0.0")  # noqa: S104 - what is refused
    monkeypatch.setenv("STRATA_DATA_DIR", str(tmp_path / "data"))
    assert run([command]) == 2
    assert "without API keys" in capsys.readouterr().err
    assert not (tmp_path / "data").exists()


def test_keys_come_from_a_file_or_as_text(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "keys.toml"
    created(capsys, file, "--scope", "read")
    for named in (str(file), file.read_text()):
        assert access_of(Settings(http_host="::", api_keys=named)).keyed is True
    for named in (str(tmp_path / "none"), "key = 3"):
        with pytest.raises(CommandFailed, match="STRATA_API_KEYS"):
            access_of(Settings(api_keys=named))


def test_a_commands_key_stands_in_the_environment_or_in_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "key").write_text("strata_secret\n")
    monkeypatch.setenv("STRATA_API_KEY_FILE", "key")
    found = load_settings().api_key
    assert found is not None
    assert found.get_secret_value() == "strata_secret"
    assert "strata_secret" not in repr(load_settings())
    asker = Asker("http://127.0.0.1:1", tenant=None, key=found.get_secret_value())
    assert asker._client.headers["authorization"] == "Bearer strata_secret"
    assert "x-strata-tenant" not in asker._client.headers
    monkeypatch.setenv("STRATA_API_KEY", "x")
    with pytest.raises(CommandFailed, match="both STRATA_API_KEY and STRATA_API_KEY_FILE"):
        load_settings()
    monkeypatch.delenv("STRATA_API_KEY")
    monkeypatch.setenv("STRATA_API_KEY_FILE", "none")
    with pytest.raises(CommandFailed, match="No such file"):
        load_settings()


def _now() -> datetime:
    return datetime.now(UTC)
