"""Settings: from the environment, then `strata.toml` in the working directory, then defaults."""

import os
import sys
import tomllib
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import urlsplit, urlunsplit

from pydantic import AfterValidator, Field, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from cli.errors import CommandFailed
from cli.logs import LogFormat, LogLevel
from cli.secret_files import SecretFiles
from stores.kafka import SaslMechanism, SecurityProtocol
from streams.embedding import DEFAULT_MODEL

__all__ = ["SETTINGS_FILE", "Settings", "load_settings", "without_password"]

SETTINGS_FILE: Final = Path("strata.toml")


def default_data_dir() -> Path:
    """Where the platform keeps an application's data of this user."""
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "strata"
    base = os.environ.get("XDG_DATA_HOME")
    return (Path(base) if base else Path.home() / ".local" / "share") / "strata"


def _at_home(path: Path) -> Path:
    try:
        return path.expanduser()
    except RuntimeError as error:
        raise ValueError(f"{path}: no such user") from error


def _address(url: str) -> str:
    try:
        parts = urlsplit(url)
        _ = parts.hostname, parts.port
    except ValueError:
        # What is wrong may be repeated there, and be a password.
        raise ValueError("is no address") from None
    return url


Place = Annotated[Path, AfterValidator(_at_home)]
Address = Annotated[str, AfterValidator(_address)]


class Settings(BaseSettings):
    """Each is `STRATA_NAME` in the environment and `name` in `strata.toml`.

    Attributes:
        kafka_bootstrap: `host:port`, comma-separated; unset for the embedded one.
        redis_url: Unset for the embedded one.
        qdrant_url: `http://…`, `edge:///directory`, `:memory:`; unset for the data directory.
        kafka_security_protocol: As brokers call it; unset for PLAINTEXT.
        kafka_sasl_mechanism: Used by SASL_PLAINTEXT and SASL_SSL.
        kafka_username, kafka_password: Likewise.
        kafka_ca, kafka_certificate, kafka_key: PEM files: of the authorities that brokers are
            known by, unset for the machine's; and of the client's own certificate and key.
        kafka_key_password: Of an encrypted key.
        redis_username, redis_password, redis_ca, redis_certificate, redis_key: Likewise, for a
            `rediss://` address; they may stand in the address instead.
        qdrant_api_key, qdrant_ca: Likewise, for an `https://` address.
        data_dir: Of the embedded stack.
        embedding_model: A sentence-transformers model, or `hashing[:DIMENSION]`.
        namespace: Prefix of what is kept in Redis and Qdrant, and part of the group's name.
        http_processes: That serve, of `strata serve`; limits of rates are counted by each.
        http_most_at_once: Requests under `/v1/` that each process answers at a time; further ones
            are refused with 503 and `Retry-After`, so that what is taken in is answered in time.
        partitions: Of every user-keyed topic; changing it needs a replay.
        erasure_key: Secret, at least 16 characters, of the hashes that erased users are known by;
            workers and lookups need the same. The embedded stack makes its own; where there are
            servers and none is set, hashes can be matched by whoever guesses an id.
        policy: TOML file; unset for the built-in policy.
        personas: TOML file of declared personas; workers and lookups need the same.
        norms: TOML file of norms over rankings.
        data_policy: TOML file of consent, retention and purposes per kind of data; workers and
            lookups need the same; unset for everything free.
        vocabulary: TOML file of the attributes that users may state; unset for any.
        tokenizer: What context budgets are counted with: `bytes`, or the path of a model's
            `tokenizer.json`; unset for the text model's where it is installed, else bytes.
        context_templates: Directory of Jinja templates, `NAME.j2`, beside the built-in ones.
        metrics_host: Where a worker's metrics can be read; lookups have them at `/metrics`.
        metrics_port: Unset for 8701, or any other where that is taken; 0 for any.
        group: Consumer group of the workers; unset for one named after the namespace.
        minimum_persona_size: Personas with fewer members are shown to nobody.
        silenced_fraction: A persona that what is best on average satisfies less than this part of
            the largest persona's satisfaction is silenced.
        minority_floor: Least weight of a persona where minorities are protected.
        report: Directory that `strata report` wrote, for the dashboard.
        start_patience_s: So long a worker or a lookup service that starts waits for each of Kafka,
            Redis and Qdrant; 0 for not at all.
        url: Of the lookup service, for commands that read.
        api_keys: File of the keys that the lookup service knows, as `strata keys` writes it, or
            its text; without it the service is for this machine alone.
        api_key: What commands that read show to the service.

    What is secret may stand in a file of its own: `STRATA_NAME_FILE` names it.
    """

    model_config = SettingsConfigDict(
        env_prefix="STRATA_",
        env_ignore_empty=True,
        toml_file=SETTINGS_FILE,
        extra="forbid",
        frozen=True,
    )

    kafka_bootstrap: str | None = None
    kafka_security_protocol: SecurityProtocol | None = None
    kafka_sasl_mechanism: SaslMechanism = "SCRAM-SHA-512"
    kafka_username: str | None = None
    kafka_password: SecretStr | None = None
    kafka_ca: Place | None = None
    kafka_certificate: Place | None = None
    kafka_key: Place | None = None
    kafka_key_password: SecretStr | None = None
    redis_url: Annotated[Address | None, Field(repr=False)] = None
    redis_username: str | None = None
    redis_password: SecretStr | None = None
    redis_ca: Place | None = None
    redis_certificate: Place | None = None
    redis_key: Place | None = None
    qdrant_url: Annotated[Address | None, Field(repr=False)] = None
    qdrant_api_key: SecretStr | None = None
    qdrant_ca: Place | None = None
    data_dir: Place = Field(default_factory=default_data_dir)
    embedding_model: str = DEFAULT_MODEL
    namespace: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")] = "live"
    partitions: Annotated[int, Field(ge=1, le=10_000)] = 4
    erasure_key: Annotated[SecretStr | None, Field(min_length=16)] = None
    policy: Place | None = None
    personas: Place | None = None
    norms: Place | None = None
    data_policy: Place | None = None
    vocabulary: Place | None = None
    tokenizer: str | None = None
    context_templates: Place | None = None
    http_host: str = "127.0.0.1"
    http_port: Annotated[int, Field(ge=0, le=65_535)] = 8700
    http_processes: Annotated[int, Field(ge=1, le=64)] = 1
    http_most_at_once: Annotated[int, Field(ge=1, le=65_536)] = 256
    metrics_host: str = "127.0.0.1"
    metrics_port: Annotated[int, Field(ge=0, le=65_535)] | None = None
    group: str | None = None
    minimum_persona_size: Annotated[int, Field(ge=1)] = 5
    silenced_fraction: Annotated[float, Field(ge=0.0, le=1.0)] = 0.8
    minority_floor: Annotated[float, Field(ge=0.0, le=1.0)] = 0.1
    report: Place = Path("report")
    start_patience_s: Annotated[float, Field(ge=0.0, le=86_400.0)] = 300.0
    url: str | None = None
    api_keys: str | None = None
    api_key: SecretStr | None = None
    log_level: LogLevel | None = None
    log_format: LogFormat = "text"

    @property
    def consumer_group(self) -> str:
        return self.group or f"strata-{self.namespace}"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - not ours to rename
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, then the environment, then files that it names, then `strata.toml`."""
        return (
            init_settings,
            env_settings,
            SecretFiles(settings_cls),
            TomlConfigSettingsSource(settings_cls),
        )


def load_settings() -> Settings:
    """Read the settings.

    Raises:
        CommandFailed: one of them cannot be used; its value is not repeated, for it may be
            a password.
    """
    # Here, because it needs the settings themselves.
    from cli.secured import with_credentials  # noqa: PLC0415

    try:
        return with_credentials(Settings())
    except SettingsError as error:
        raise CommandFailed(str(error)) from error
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        raise CommandFailed(f"setting {name} (STRATA_{name.upper()}): {first['msg']}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise CommandFailed(f"{SETTINGS_FILE} is not TOML: {error}") from error


def without_password(url: str) -> str:
    """An address that may be shown.

    >>> without_password("redis://:secret@host:6379/0")
    'redis://…@host:6379/0'
    """
    parts = urlsplit(url)
    if "@" not in parts.netloc:
        return url
    return urlunsplit(parts._replace(netloc=f"…@{parts.netloc.rpartition('@')[2]}"))
