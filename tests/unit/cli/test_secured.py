"""Credentials that would not be used, or not protected, are refused before anything is opened."""

from pathlib import Path

import pytest

from cli.erasure_key import erasure_secret
from cli.errors import CommandFailed
from cli.secured import with_credentials
from cli.settings import Settings
from profiles.privacy.pseudonyms import secret_of
from stores.kafka import KafkaAddress, client_options


@pytest.fixture
def pem(tmp_path: Path) -> Path:
    path = tmp_path / "ca.pem"
    path.write_text("no certificate")
    return path


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"kafka_username": "strata"}, "STRATA_KAFKA_BOOTSTRAP must name it"),
        ({"redis_password": "x"}, "STRATA_REDIS_URL must name it"),
        ({"qdrant_api_key": "x"}, "STRATA_QDRANT_URL must name it"),
        (
            {"kafka_bootstrap": "k:1", "kafka_security_protocol": "SASL_SSL"},
            "needs STRATA_KAFKA_USERNAME and STRATA_KAFKA_PASSWORD",
        ),
        (
            {
                "kafka_bootstrap": "k:1",
                "kafka_security_protocol": "SSL",
                "kafka_username": "strata",
                "kafka_password": "x",
            },
            "would not use",
        ),
        ({"kafka_bootstrap": "k:1", "kafka_username": "strata"}, "STRATA_KAFKA_SECURITY_PROTOCOL"),
        ({"redis_url": "redis://:a@r:1", "redis_password": "x"}, "has credentials already"),
        ({"qdrant_url": "https://:a@q:1", "qdrant_api_key": "x"}, "has credentials already"),
    ],
)
def test_what_would_not_be_used_is_refused(given: dict[str, object], said: str) -> None:
    with pytest.raises(CommandFailed, match=said):
        with_credentials(Settings.model_validate(given))


@pytest.mark.parametrize(
    ("given", "named", "said"),
    [
        ({"redis_url": "redis://r:1"}, "redis_ca", "rediss://"),
        ({"qdrant_url": "http://q:1"}, "qdrant_ca", "https://"),
        (
            {"kafka_bootstrap": "k:1", "kafka_security_protocol": "PLAINTEXT"},
            "kafka_ca",
            "encrypts nothing",
        ),
        (
            {"kafka_bootstrap": "k:1", "kafka_security_protocol": "SSL"},
            "kafka_ca",
            "certificates for Kafka cannot be used",
        ),
    ],
)
def test_certificates_that_protect_nothing_are_refused(
    given: dict[str, object], named: str, said: str, pem: Path
) -> None:
    with pytest.raises(CommandFailed, match=said):
        with_credentials(Settings.model_validate({**given, named: pem}))


def test_an_address_keeps_to_itself_what_it_is_spoken_to_with() -> None:
    secret = "very secret"  # noqa: S105 - of a test
    settings = with_credentials(
        Settings.model_validate(
            {
                "kafka_bootstrap": "k:1,l:1",
                "kafka_security_protocol": "SASL_PLAINTEXT",
                "kafka_username": "strata",
                "kafka_password": secret,
                "redis_url": "redis://r:1/0?protocol=3",
                "redis_password": "very/secret@",
            }
        )
    )
    assert isinstance(settings.kafka_bootstrap, KafkaAddress)
    assert settings.kafka_bootstrap == "k:1,l:1"
    assert client_options(settings.kafka_bootstrap)["sasl_plain_password"] == secret
    assert settings.redis_url == "redis://:very%2Fsecret%40@r:1/0?protocol=3"
    for shown in (repr(settings), str(settings), repr(settings.kafka_bootstrap.security)):
        assert "very" not in shown


def test_an_address_without_more_is_spoken_to_in_the_clear() -> None:
    assert client_options("k:1") == {}
    assert with_credentials(Settings(kafka_bootstrap="k:1")).kafka_bootstrap == "k:1"


def test_the_secret_of_erased_users_stands_in_a_file_and_is_not_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = "guessed by nobody at all"  # noqa: S105 - of a test
    (tmp_path / "key").write_text(secret + "\n")
    monkeypatch.setenv("STRATA_ERASURE_KEY_FILE", str(tmp_path / "key"))
    settings = Settings()
    assert erasure_secret(settings) == secret_of(secret)
    for shown in (repr(settings), str(settings), settings.model_dump_json()):
        assert secret not in shown
