from pathlib import Path

import pytest

from cli.errors import CommandFailed
from cli.settings import Settings, default_data_dir, load_settings, without_password


def test_unset_servers_mean_embedded() -> None:
    settings = load_settings()
    assert (settings.kafka_bootstrap, settings.redis_url, settings.qdrant_url) == (None,) * 3


def test_an_empty_variable_is_an_unset_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRATA_REDIS_URL", "")
    assert load_settings().redis_url is None


def test_the_environment_goes_before_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("strata.toml").write_text('namespace = "from-file"\npartitions = 8\n')
    monkeypatch.setenv("STRATA_NAMESPACE", "from-environment")
    settings = load_settings()
    assert (settings.namespace, settings.partitions) == ("from-environment", 8)


def test_the_group_is_named_after_the_namespace_unless_set() -> None:
    assert Settings(namespace="shop").consumer_group == "strata-shop"
    assert Settings(namespace="shop", group="mine").consumer_group == "mine"


def test_a_home_directory_is_expanded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRATA_DATA_DIR", "~/here")
    assert load_settings().data_dir == Path.home() / "here"


def test_data_lie_where_the_platform_keeps_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("XDG_DATA_HOME", "/somewhere")
    assert default_data_dir() == Path("/somewhere/strata")
    monkeypatch.setattr("sys.platform", "darwin")
    assert default_data_dir() == Path.home() / "Library" / "Application Support" / "strata"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PARTITIONS", "0"),
        ("PARTITIONS", "four"),
        ("NAMESPACE", "no spaces"),
        ("NAMESPACE", "ends-in-newline\n"),
        ("HTTP_PORT", "65536"),
        ("MINIMUM_PERSONA_SIZE", "0"),
        ("SILENCED_FRACTION", "1.5"),
        ("MINORITY_FLOOR", "-0.1"),
        ("LOG_LEVEL", "loud"),
        ("LOG_FORMAT", "xml"),
    ],
)
def test_a_bad_value_is_named_but_not_repeated(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"STRATA_{name}", value)
    with pytest.raises(CommandFailed, match=f"STRATA_{name}") as caught:
        load_settings()
    if len(value) > 1:
        assert value not in str(caught.value)


def test_an_unknown_name_in_the_file_is_refused() -> None:
    Path("strata.toml").write_text("partitons = 8\n")
    with pytest.raises(CommandFailed, match="partitons"):
        load_settings()


def test_a_file_that_is_not_toml_is_refused() -> None:
    Path("strata.toml").write_text("partitions: 8\n")
    with pytest.raises(CommandFailed, match=r"strata\.toml is not TOML"):
        load_settings()


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://localhost:6379/0", "redis://localhost:6379/0"),
        ("redis://user:p@ss@host:6379/1", "redis://…@host:6379/1"),
        ("https://:key@qdrant.example:6333", "https://…@qdrant.example:6333"),
        ("edge:///var/lib/strata", "edge:///var/lib/strata"),
    ],
)
def test_passwords_are_not_shown(url: str, shown: str) -> None:
    assert without_password(url) == shown


@pytest.mark.parametrize("url", ["redis://:s3cret@[::1", "redis://:s3cret@h:port/0"])
def test_what_is_no_address_is_refused_without_being_repeated(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    for name in ("REDIS", "QDRANT"):
        monkeypatch.setenv(f"STRATA_{name}_URL", url)
        with pytest.raises(CommandFailed, match=f"STRATA_{name}_URL.*is no address") as refused:
            load_settings()
        assert "s3cret" not in str(refused.value)
        monkeypatch.delenv(f"STRATA_{name}_URL")
