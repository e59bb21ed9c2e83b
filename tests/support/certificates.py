"""An authority of a test's own, what it has signed, and TLS in front of a server that has none."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import trustme
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

__all__ = ["Certificates", "tls_in_front"]


@dataclass(frozen=True, slots=True)
class Certificates:
    """PEM files. The server is 127.0.0.1; a stranger is signed by an authority nobody trusts."""

    ca: Path
    server: Path
    server_key: Path
    client: Path
    client_key: Path
    strangers_ca: Path

    @classmethod
    def make(cls, directory: Path) -> Self:
        authority, stranger = trustme.CA(), trustme.CA()
        made = cls(
            *(
                directory / name
                for name in ("ca", "server", "server-key", "client", "client-key", "stranger")
            )
        )
        authority.cert_pem.write_to_path(made.ca)
        stranger.cert_pem.write_to_path(made.strangers_ca)
        for name, chain, key in (
            ("127.0.0.1", made.server, made.server_key),
            ("shop@example.org", made.client, made.client_key),
        ):
            issued = authority.issue_cert(name)
            chain.write_bytes(b"".join(part.bytes() for part in issued.cert_chain_pems))
            # Java reads PKCS #8 alone.
            private = load_pem_private_key(issued.private_key_pem.bytes(), None)
            key.write_bytes(
                private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            )
        return made


@asynccontextmanager
async def tls_in_front(
    port: int, certificates: Certificates, *, clients_named: bool = False
) -> AsyncIterator[int]:
    """A port that speaks TLS, and passes on to one of this machine that does not.

    Args:
        clients_named: Who has no certificate is refused.
    """
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificates.server, certificates.server_key)
    context.set_alpn_protocols(["h2", "http/1.1"])
    if clients_named:
        context.load_verify_locations(certificates.ca)
        context.verify_mode = ssl.CERT_REQUIRED

    async def passed(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, ssl.SSLError):
            while chunk := await reader.read(65_536):
                writer.write(chunk)
                await writer.drain()
        writer.close()

    async def both(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        their_reader, their_writer = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(passed(reader, their_writer), passed(their_reader, writer))

    server = await asyncio.start_server(both, "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
