"""Catalogue E4 on a real broker: TLS both ways, and brokers that are not the one we mean."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import random
import socket
import ssl
import warnings
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from docexchange.config_broker import BrokerConfig, Tls
from docexchange.core.schedule import Lane
from docexchange.demo.rabbitmq import Node, find_server
from docexchange.edges.axis import Axis
from docexchange.edges.link import Lost, connect
from docexchange.edges.permissions import NodeLogin, definitions
from docexchange.edges.topology import apply, axis_topology
from keys.demo_ca import Issued, issue, issue_root
from tests.live.rig import AXIS, ORGANS, SOON, broker
from tests.pki import key

pytestmark = [pytest.mark.live, pytest.mark.slow]

LOOPBACK = "127.0.0.1"
DAY = timedelta(days=1)


class Authority:
    """An authority of brokers' and nodes' certificates, and its files."""

    def __init__(self, folder: Path, name: str) -> None:
        self.now = datetime.now(UTC)
        self.folder = folder
        self.root = issue_root(name, key(name), self.now - 9 * DAY, self.now + DAY)
        self.pem = self._write(f"{name}.ca.pem", self.root.pem)

    def certify(
        self, name: str, *hosts: str, end: timedelta = DAY, alone: bool = False
    ) -> tuple[Path, Path]:
        """Certificate and key of a broker on these hosts, or of a node without any."""
        names: list[x509.GeneralName] = []
        for host in hosts:
            with contextlib.suppress(ValueError):
                names.append(x509.IPAddress(ipaddress.ip_address(host)))
                continue
            names.append(x509.DNSName(host))
        usage = ExtendedKeyUsageOID.SERVER_AUTH if hosts else ExtendedKeyUsageOID.CLIENT_AUTH
        extensions: list[tuple[x509.ExtensionType, bool]] = [
            (x509.ExtendedKeyUsage([usage]), False)
        ]
        if names:
            extensions.append((x509.SubjectAlternativeName(names), False))
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        made = issue(
            subject,
            key(f"tls {name}"),
            None if alone else self.root,
            self.now - 8 * DAY,
            self.now + end,
            extensions,
        )
        return self._files(name, made)

    def _files(self, name: str, made: Issued) -> tuple[Path, Path]:
        stem = f"{name}-{random.SystemRandom().getrandbits(32):08x}"
        return self._write(f"{stem}.pem", made.pem), self._write(f"{stem}.key", made.key_pem)

    def _write(self, name: str, data: bytes) -> Path:
        path = self.folder / name
        path.touch(mode=0o600)
        path.write_bytes(data)
        return path


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ours"), "ours")


@pytest.fixture(scope="module")
def secure(ours: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Node, int]]:
    """A broker that asks for certificates, and its TLS port."""
    if find_server() is None:
        with broker(tmp_path_factory.mktemp("none")):  # skips, or fails where it must be there
            raise AssertionError
    port = free_port()
    certificate, private = ours.certify("broker", LOOPBACK)
    settings = {
        "listeners.ssl.1": f"{LOOPBACK}:{port}",
        "ssl_options.cacertfile": str(ours.pem),
        "ssl_options.certfile": str(certificate),
        "ssl_options.keyfile": str(private),
        "ssl_options.verify": "verify_peer",
        "ssl_options.fail_if_no_peer_cert": "true",
        "ssl_options.versions.1": "tlsv1.2",
        "auth_mechanisms.1": "EXTERNAL",
        "auth_mechanisms.2": "PLAIN",
        "ssl_cert_login_from": "common_name",
    }
    logins = [NodeLogin(name, f"node-{name}", "") for name in ORGANS]
    node = Node(
        tmp_path_factory.mktemp("secure"),
        definitions=definitions(AXIS, logins, []),
        settings=settings,
        plugins=["rabbitmq_auth_mechanism_ssl"],
    )
    with node:
        asyncio.run(apply(node.admin_url(AXIS), axis_topology(ORGANS)))
        yield node, port


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def address(
    port: int,
    ca: Path,
    pair: tuple[Path, Path] | None,
    user: str = "node-H05",
    host: str = LOOPBACK,
) -> str:
    """As the config makes it."""
    tls = Tls(ca, *pair) if pair else Tls(ca)
    return BrokerConfig(f"amqps://{user}@{host}:{port}/{AXIS}", None, False, "", tls).url()


async def refused(url: str) -> str:
    with pytest.raises(Lost) as lost:
        await (await connect(url)).close()
    return str(lost.value)


async def test_a_certificate_logs_in_and_documents_go_both_ways(
    ours: Authority, secure: tuple[Node, int]
) -> None:
    """EXTERNAL; the broker checks user_id against the name in the certificate."""
    axes = {
        name: Axis(
            address(secure[1], ours.pem, ours.certify(f"node-{name}"), f"node-{name}"),
            name,
            rng=random.Random(name),
            organ=name,
        )
        for name in ORGANS
    }
    runs = [asyncio.create_task(axis.run()) for axis in axes.values()]
    try:
        async with asyncio.timeout(SOON):
            for axis in axes.values():
                await axis.ready()
            await axes["H05"].publish(Lane.NORMAL, "H13", b"<edXML/>", {})
            message = await axes["H13"].receive()
        assert (message.body, message.connection) == (b"<edXML/>", "node-H05")
        message.ack()
    finally:
        for run in runs:
            run.cancel()
        await asyncio.wait(runs)


async def test_e4_without_a_certificate_or_with_anothers_nobody_enters(
    ours: Authority, secure: tuple[Node, int], tmp_path: Path
) -> None:
    _, port = secure
    url = f"amqps://node-H05:secret@{LOOPBACK}:{port}/{AXIS}?cafile={ours.pem}"
    assert await refused(url)
    strangers = Authority(tmp_path, "strangers").certify("node-H05")
    assert await refused(address(port, ours.pem, strangers))
    nobody = await refused(address(port, ours.pem, ours.certify("node-H99"), "node-H99"))
    assert "login refused" in nobody
    ended = ours.certify("node-H05", end=-DAY)
    assert await refused(address(port, ours.pem, ended))


async def test_e4_a_broker_of_another_authority_is_refused_in_words(
    ours: Authority, secure: tuple[Node, int], tmp_path: Path
) -> None:
    others = Authority(tmp_path, "others")
    why = await refused(address(secure[1], others.pem, ours.certify("node-H05")))
    assert "the broker's certificate is refused: " in why
    assert "`ca` in the config must name the authority that issued it" in why


class Impostor:
    """Listens with TLS where a broker should be, and counts what it is told."""

    def __init__(self) -> None:
        self.heard = 0
        self.port = 0

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            while block := await reader.read(1024):
                self.heard += len(block)
        writer.close()

    @contextlib.asynccontextmanager
    async def listening(self, context: ssl.SSLContext) -> AsyncIterator[Impostor]:
        server = await asyncio.start_server(self._serve, LOOPBACK, 0, ssl=context)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("expired", "certificate has expired; the broker's administrator renews it"),
        ("other name", "broker.example"),
        ("self-signed", "`ca` in the config must name the authority"),
        ("TLS 1.1", ""),
    ],
)
async def test_e4_an_impostor_is_told_nothing(ours: Authority, what: str, words: str) -> None:
    host = "broker.example" if what == "other name" else LOOPBACK
    end = -DAY if what == "expired" else DAY
    pair = ours.certify("impostor", host, end=end, alone=what == "self-signed")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*pair)
    if what == "TLS 1.1":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            context.set_ciphers("DEFAULT:@SECLEVEL=0")  # or OpenSSL itself would not offer it
            context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    async with Impostor().listening(context) as impostor:
        why = await refused(address(impostor.port, ours.pem, ours.certify("node-H05")))
        assert impostor.heard == 0
    if what == "other name":
        assert "is refused: IP address mismatch" in why
        assert "write the name that stands in it" in why
    else:
        assert words in why


async def test_the_valid_neighbour_of_the_impostors_is_spoken_to(ours: Authority) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*ours.certify("impostor", LOOPBACK))
    async with Impostor().listening(context) as impostor:
        url = address(impostor.port, ours.pem, ours.certify("node-H05"))
        with contextlib.suppress(Lost, TimeoutError):
            async with asyncio.timeout(1):
                await connect(url)
        assert impostor.heard > 0
