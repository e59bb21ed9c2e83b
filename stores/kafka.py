"""How a Kafka is spoken to: an address that knows by which protocol, and as whom."""

import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, Self

__all__ = ["KafkaAddress", "KafkaSecurity", "SaslMechanism", "SecurityProtocol", "client_options"]

SecurityProtocol = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]
SaslMechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]


@dataclass(frozen=True, slots=True, kw_only=True)
class KafkaSecurity:
    """What a client shows to brokers, and by what it knows them.

    Attributes:
        ca: PEM file of the authorities that brokers' certificates are signed by; None for the
            machine's own.
        certificate, key: PEM files of the client's own; None where brokers ask for none.
    """

    protocol: SecurityProtocol
    mechanism: SaslMechanism = "SCRAM-SHA-512"
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    key_password: str | None = field(default=None, repr=False)

    @property
    def is_encrypted(self) -> bool:
        return self.protocol in {"SSL", "SASL_SSL"}

    @property
    def has_password(self) -> bool:
        return self.protocol in {"SASL_PLAINTEXT", "SASL_SSL"}

    def ssl_context(self) -> ssl.SSLContext | None:
        """None where nothing is encrypted. Host names are checked.

        Raises:
            OSError: a file cannot be read, or is none of what it should be (`ssl.SSLError`).
        """
        if not self.is_encrypted:
            return None
        context = ssl.create_default_context(cafile=self.ca)
        if self.certificate is not None:
            context.load_cert_chain(self.certificate, self.key, self.key_password)
        return context

    def client_options(self) -> dict[str, Any]:
        """Arguments of aiokafka's clients."""
        options: dict[str, Any] = {
            "security_protocol": self.protocol,
            "ssl_context": self.ssl_context(),
        }
        if self.has_password:
            options["sasl_mechanism"] = self.mechanism
            options["sasl_plain_username"] = self.username
            options["sasl_plain_password"] = self.password
        return options


class KafkaAddress(str):
    """`host:port`, comma-separated, and how to speak to who is there.

    It goes wherever an address goes; an address without this is spoken to in the clear.
    """

    __slots__ = ("security",)

    security: KafkaSecurity

    def __new__(cls, bootstrap: str, security: KafkaSecurity) -> Self:
        """An address that keeps `security` beside it."""
        address = super().__new__(cls, bootstrap)
        address.security = security
        return address


_IN_THE_CLEAR: Final[dict[str, Any]] = {}


def client_options(bootstrap: str) -> dict[str, Any]:
    """What every aiokafka client of this address is made with, beside the address.

    Raises:
        OSError: a file that it names cannot be used.
    """
    if isinstance(bootstrap, KafkaAddress):
        return bootstrap.security.client_options()
    return _IN_THE_CLEAR.copy()
