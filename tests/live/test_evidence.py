"""Revocation on running daemons: without evidence a document is held, with it, it arrives."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from docexchange import compose
from docexchange.cli import main
from docexchange.core.ports import Clock
from docexchange.demo.rabbitmq import Node
from docexchange.edges import evidence
from docexchange.edges.clock import WallClock
from docexchange.flow import outbox
from keys.certificates import Certificate
from keys.demo_ca import (
    ORGAN_USAGE,
    YEAR,
    authority_extensions,
    issue,
    issue_root,
    key_usage,
    organ_name,
)
from keys.private import new_key
from tests.authority import RESPONDER, crl, ocsp_at, points
from tests.live.rig import SOON, exchange
from tests.responder import OpensslOcsp, Website
from tests.theatre import document

pytestmark = pytest.mark.live

CHECKED = '[revocation]\npolicy = "required"\n'


def revoke_nothing(folder: Path, authority: str) -> Path:
    """A list of an authority of the demo CA, valid for a day."""
    now = datetime.now(UTC)
    issuer = x509.load_pem_x509_certificate((folder / f"keys/{authority}.pem").read_bytes())
    key = load_pem_private_key((folder / f"keys/{authority}.key.pem").read_bytes(), None)
    made = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.subject)
        .last_update(now - timedelta(minutes=1))
        .next_update(now + timedelta(days=1))
        .sign(key, hashes.SHA256())  # type: ignore[arg-type]
    )
    path = folder / f"{authority}.crl"
    path.write_bytes(made.public_bytes(Encoding.DER))
    return path


async def test_a_held_document_arrives_when_evidence_is_imported(
    empty_axis: Node, empty_mailrooms: Node, tmp_path: Path
) -> None:
    clock: Clock = WallClock()
    async with exchange(tmp_path, empty_axis, more=CHECKED) as nodes, asyncio.timeout(3 * SOON):
        with (
            compose.open_store(nodes["H05"], exclusive=False) as sender,
            compose.open_store(nodes["H13"], exclusive=False) as receiver,
        ):
            world = compose.build_world(nodes["H05"], sender, clock)
            sent = await outbox.submit(document(1, ("H13",)), world=world, now=clock.now())
            while not receiver.incoming.kept_list():
                await asyncio.sleep(0)
            [held] = receiver.incoming.kept_list()
            assert (held.held, held.reason) == (True, "REVOCATION_MISSING")
            assert receiver.incoming.arrivals() == []
            lists = [str(revoke_nothing(tmp_path, one)) for one in ("root", "issuing")]
            for name in ("H13", "H05"):
                config = str(nodes[name].path)
                given = ["-c", config, "evidence", "import", *lists, "--reason", "CRL"]
                assert await asyncio.to_thread(main, given) == 0
            while not receiver.incoming.arrivals():
                await asyncio.sleep(0)
            while sender.outgoing.document(sent.tracking_id).deliveries[0].code != "01":
                await asyncio.sleep(0)


@dataclass(frozen=True)
class Authorities:
    """A PKI whose certificates name their sources on loopback: the root's list on a web site, the
    issuing CA's `openssl ocsp`, signed by a responder that it appointed."""

    keys: Mapping[str, bytes]
    organs: Mapping[str, Certificate]
    site: Website
    ocsp: OpensslOcsp
    crl: bytes

    @property
    def settings(self) -> str:
        hosts = f'["localhost:{self.site.port}", "localhost:{self.ocsp.port}"]'
        return f'{CHECKED}hosts = {hosts}\nprivate_hosts = {hosts}\ntimeout = "5s"\n'

    def put_list(self, kind: str, body: bytes) -> None:
        self.site.pages["/root.crl"] = (200, kind, body)


@pytest.fixture
def authorities(tmp_path: Path) -> Iterator[Authorities]:
    """Sources that are down."""
    now = datetime.now(UTC)
    start, end = now - timedelta(days=1), now + YEAR
    site = Website()
    root = issue_root("Root", new_key("p256"), start, end)
    above = [*authority_extensions(path_length=0), points(site.url("/root.crl"))]
    issuing = issue(organ_name("CA", "CA"), new_key("p256"), root, start, end, above)
    signer = issue(
        organ_name("OCSP", "OCSP"), new_key("p256"), issuing, start, end, list(RESPONDER)
    )
    keys = {"root.pem": root.pem, "issuing.pem": issuing.pem}
    organs = {}
    with site, OpensslOcsp(tmp_path / "ocsp", issuing, signer) as ocsp:
        for name in ("H05", "H13"):
            extensions = [(key_usage(*ORGAN_USAGE), True), ocsp_at(ocsp.url)]
            subject = organ_name(name, name)
            leaf = issue(subject, new_key("p256"), issuing, start, end, extensions)
            keys |= {f"{name}/key.pem": leaf.key_pem, f"{name}/chain.pem": leaf.pem + issuing.pem}
            organs[name] = leaf.certificate
            ocsp.issued(leaf.certificate)
        later = now + timedelta(days=1)
        listed = crl(root, this_update=now - timedelta(minutes=1), next_update=later)
        yield Authorities(keys, organs, site, ocsp, listed)


@pytest.mark.parametrize("revoked", [False, True], ids=["good", "revoked"])
async def test_f1_f2_sources_that_are_down_lie_and_come_back(
    empty_axis: Node,
    empty_mailrooms: Node,
    tmp_path: Path,
    authorities: Authorities,
    monkeypatch: pytest.MonkeyPatch,
    *,
    revoked: bool,
) -> None:
    """Down, then a page of HTML: held, no word of "revoked". Back: the verdict it deserves. Down
    again: what was said counts until it is over."""
    monkeypatch.setattr(evidence, "WAITS", (timedelta(seconds=0.2),))  # 15 s and more
    clock: Clock = WallClock()
    site, ocsp = authorities.site, authorities.ocsp
    if revoked:
        ocsp.revoke(authorities.organs["H05"], clock.now() - timedelta(hours=1))
    more = authorities.settings
    async with (
        exchange(tmp_path, empty_axis, more=more, keys=authorities.keys) as nodes,
        asyncio.timeout(6 * SOON),
    ):
        with (
            compose.open_store(nodes["H05"], exclusive=False) as sender,
            compose.open_store(nodes["H13"], exclusive=False) as receiver,
        ):
            world = compose.build_world(nodes["H05"], sender, clock)
            sent = await outbox.submit(document(1, ("H13",)), world=world, now=clock.now())
            await until(receiver.incoming.kept_list)
            authorities.put_list("text/html", b"<html>Please log in</html>")
            site.start()
            await until(lambda: len(site.asked) >= 2)
            authorities.put_list("application/octet-stream", b"<html>Please log in</html>")
            seen = len(site.asked)
            await until(lambda: len(site.asked) >= seen + 2)
            [held] = receiver.incoming.kept_list()
            assert (held.held, held.reason) == (True, "REVOCATION_MISSING")
            assert receiver.incoming.arrivals() == []
            assert receiver.evidence.newest() == []

            authorities.put_list("application/pkix-crl", authorities.crl)
            ocsp.start()
            if revoked:
                await until(lambda: not receiver.incoming.kept("1").held)
                assert receiver.incoming.kept("1").reason == "REVOKED"
                assert receiver.incoming.arrivals() == []
                assert sender.outgoing.document(sent.tracking_id).deliveries[0].code == ""
                return
            await until(receiver.incoming.arrivals)
            await until(
                lambda: sender.outgoing.document(sent.tracking_id).deliveries[0].code == "01"
            )
            assert {one.kind for one in receiver.evidence.newest()} == {"crl", "ocsp"}

            ocsp.stop()
            site.stop()
            await outbox.submit(document(2, ("H13",)), world=world, now=clock.now())
            await until(lambda: len(receiver.incoming.arrivals()) == 2)


async def until(ready: Callable[[], object]) -> None:
    """Wait for something that a daemon does; the timeout of the test ends it."""
    while not ready():
        await asyncio.sleep(0.01)
