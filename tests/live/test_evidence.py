"""Revocation on running daemons: without evidence a document is held, with it, it arrives."""

from __future__ import annotations

import asyncio
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
from docexchange.edges.clock import WallClock
from docexchange.flow import outbox
from tests.live.rig import SOON, exchange
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
            while not receiver.kept_list():
                await asyncio.sleep(0)
            [held] = receiver.kept_list()
            assert (held.held, held.reason) == (True, "REVOCATION_MISSING")
            assert receiver.arrivals() == []
            lists = [str(revoke_nothing(tmp_path, one)) for one in ("root", "issuing")]
            for name in ("H13", "H05"):
                config = str(nodes[name].path)
                given = ["-c", config, "evidence", "import", *lists, "--reason", "CRL"]
                assert await asyncio.to_thread(main, given) == 0
            while not receiver.arrivals():
                await asyncio.sleep(0)
            while sender.document(sent.tracking_id).deliveries[0].code != "01":
                await asyncio.sleep(0)
