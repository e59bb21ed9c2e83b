"""Credentials of the settings, put where the addresses go that they belong to."""

from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from pydantic import SecretStr

from cli.errors import CommandFailed
from cli.settings import Settings
from stores.kafka import KafkaAddress, KafkaSecurity

__all__ = ["with_credentials"]

_OF: Final = {
    "kafka_bootstrap": (
        "kafka_security_protocol",
        "kafka_username",
        "kafka_password",
        "kafka_ca",
        "kafka_certificate",
        "kafka_key",
        "kafka_key_password",
    ),
    "redis_url": (
        "redis_username",
        "redis_password",
        "redis_ca",
        "redis_certificate",
        "redis_key",
    ),
    "qdrant_url": ("qdrant_api_key", "qdrant_ca"),
}


def with_credentials(settings: Settings) -> Settings:
    """The same settings, whose addresses say how to speak to who is there.

    Raises:
        CommandFailed: credentials that would not be used, or not protected, or cannot be read.
    """
    for address, names in _OF.items():
        given = [name for name in names if getattr(settings, name) is not None]
        if given and getattr(settings, address) is None:
            raise CommandFailed(
                f"setting {given[0]} (STRATA_{given[0].upper()}) is for a server: "
                f"STRATA_{address.upper()} must name it"
            )
    update: dict[str, object] = {}
    if settings.kafka_bootstrap is not None and any(
        getattr(settings, name) is not None for name in _OF["kafka_bootstrap"]
    ):
        update["kafka_bootstrap"] = KafkaAddress(settings.kafka_bootstrap, _kafka(settings))
    if settings.redis_url is not None:
        update["redis_url"] = _redis(settings, settings.redis_url)
    if settings.qdrant_url is not None:
        update["qdrant_url"] = _qdrant(settings, settings.qdrant_url)
    return settings.model_copy(update=update)


def _kafka(settings: Settings) -> KafkaSecurity:
    security = KafkaSecurity(
        protocol=settings.kafka_security_protocol or "PLAINTEXT",
        mechanism=settings.kafka_sasl_mechanism,
        username=settings.kafka_username,
        password=_revealed(settings.kafka_password),
        ca=settings.kafka_ca,
        certificate=settings.kafka_certificate,
        key=settings.kafka_key,
        key_password=_revealed(settings.kafka_key_password),
    )
    shown = [part is not None for part in (security.username, security.password)]
    if not (all(shown) if security.has_password else not any(shown)):
        raise CommandFailed(
            f"{security.protocol} as STRATA_KAFKA_SECURITY_PROTOCOL "
            + (
                "needs STRATA_KAFKA_USERNAME and STRATA_KAFKA_PASSWORD"
                if security.has_password
                else "would not use STRATA_KAFKA_USERNAME and STRATA_KAFKA_PASSWORD"
            )
        )
    if not security.is_encrypted and (security.ca or security.certificate or security.key):
        raise CommandFailed(
            f"{security.protocol} as STRATA_KAFKA_SECURITY_PROTOCOL encrypts nothing: "
            "certificates need SSL or SASL_SSL"
        )
    try:
        security.ssl_context()
    except (OSError, ValueError) as error:
        raise CommandFailed(f"the certificates for Kafka cannot be used: {error}") from error
    return security


def _redis(settings: Settings, url: str) -> str:
    files = {
        "ssl_ca_certs": settings.redis_ca,
        "ssl_certfile": settings.redis_certificate,
        "ssl_keyfile": settings.redis_key,
    }
    named = {name: str(path) for name, path in files.items() if path is not None}
    parts = urlsplit(url)
    if named and parts.scheme != "rediss":
        raise CommandFailed("certificates for Redis need an address that begins with rediss://")
    for path in filter(None, files.values()):
        _require_readable(path)
    password = _revealed(settings.redis_password)
    netloc = parts.netloc
    if settings.redis_username is not None or password is not None:
        netloc = _named(netloc, settings.redis_username or "", password or "", what="REDIS")
    query = urlencode([*parse_qsl(parts.query, keep_blank_values=True), *named.items()])
    return urlunsplit(parts._replace(netloc=netloc, query=query))


def _qdrant(settings: Settings, url: str) -> str:
    parts = urlsplit(url)
    netloc, query = parts.netloc, parts.query
    key = _revealed(settings.qdrant_api_key)
    if key is not None:
        netloc = _named(netloc, "", key, what="QDRANT")
    if settings.qdrant_ca is not None:
        if parts.scheme != "https":
            raise CommandFailed("STRATA_QDRANT_CA needs an address that begins with https://")
        _require_readable(settings.qdrant_ca)
        query = urlencode([*parse_qsl(query), ("ca", str(settings.qdrant_ca))])
    return urlunsplit(parts._replace(netloc=netloc, query=query))


def _named(netloc: str, username: str, password: str, *, what: str) -> str:
    if "@" in netloc:
        raise CommandFailed(f"STRATA_{what}_URL has credentials already: name them once")
    return f"{quote(username, safe='')}:{quote(password, safe='')}@{netloc}"


def _require_readable(path: Path) -> None:
    try:
        path.open("rb").close()
    except (OSError, ValueError) as error:
        # ValueError: no path has a NUL.
        why = error.strerror if isinstance(error, OSError) else error
        raise CommandFailed(f"{path} cannot be read: {why}") from error


def _revealed(secret: SecretStr | None) -> str | None:
    return None if secret is None else secret.get_secret_value()
