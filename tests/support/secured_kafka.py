"""A Kafka that wants to know who asks, and speaks to them in secret."""

from dataclasses import dataclass
from typing import Final

from certificates import Certificates

from local.kafka import KafkaServer
from local.ports import LOOPBACK

__all__ = ["PASSWORD", "SCRAM_PASSWORD", "USER", "SecuredKafka", "SecuredServer"]

USER: Final = "strata"
PASSWORD: Final = "Grüße, 100 % geheim; nicht für Protokolle"  # noqa: S105 - of a test
SCRAM_PASSWORD: Final = "another-secret"  # noqa: S105 - likewise
_JAAS: Final = "org.apache.kafka.common.security"


@dataclass(frozen=True, slots=True)
class SecuredKafka:
    """Two listeners of one broker: by name and password, and by certificate alone."""

    by_password: str
    by_certificate: str


class SecuredServer(KafkaServer):
    """Beside the usual listener, SASL_SSL and SSL with certificates for both sides."""

    # SCRAM keeps its users in the cluster's own metadata.
    format_options = ("--add-scram", f"SCRAM-SHA-512=[name={USER},password={SCRAM_PASSWORD}]")
    certificates: Certificates
    sasl_port: int
    mutual_port: int

    def _write_properties(self, *, port: int) -> None:
        super()._write_properties(port=port)
        properties = dict(
            line.split("=", 1) for line in self._properties.read_text("utf-8").splitlines()
        )
        stores = self.path / "server.pem"
        stores.write_bytes(
            self.certificates.server_key.read_bytes() + self.certificates.server.read_bytes()
        )
        more = f"SASL://{LOOPBACK}:{self.sasl_port},MUTUAL://{LOOPBACK}:{self.mutual_port}"
        for name in ("listeners", "advertised.listeners"):
            properties[name] += f",{more}"
        properties["listener.security.protocol.map"] += ",SASL:SASL_SSL,MUTUAL:SSL"
        properties |= {
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": str(stores),
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": str(self.certificates.ca),
            "listener.name.mutual.ssl.client.auth": "required",
            "listener.name.sasl.sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-512",
            "listener.name.sasl.plain.sasl.jaas.config": (
                f'{_JAAS}.plain.PlainLoginModule required user_{USER}="{PASSWORD}";'
            ),
            "listener.name.sasl.scram-sha-512.sasl.jaas.config": (
                f"{_JAAS}.scram.ScramLoginModule required;"
            ),
        }
        # Java reads properties as Latin-1 unless told otherwise by escapes.
        self._properties.write_text(
            "".join(f"{name}={_escaped(value)}\n" for name, value in properties.items()), "ascii"
        )


def _escaped(value: str) -> str:
    return value.encode("ascii", "backslashreplace").decode().replace("\\x", "\\u00")
