"""Bundles for tests, made without a store: of H05 as the sender of `letters.letter`, with the
receipts of H01 and H13, at `AT`."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import cache
from hashlib import sha256

from envelopes.evidence import bundle, bundle_bytes, bundle_judge, checkpoint, proof
from envelopes.evidence.archive import Writer
from envelopes.evidence.bundle_readme import readme
from envelopes.evidence.bundle_report import BundleReport, Terms
from envelopes.evidence.chains import as_pem, chain_of
from envelopes.evidence.checkpoint import Checkpoint
from envelopes.evidence.merkle import Tree, leaf_hash
from envelopes.model import Organization
from envelopes.pack import pack
from envelopes.verify import Binding
from keys.signer import SoftwareSigner
from keys.trust import Trust
from tests.letters import letter, status
from tests.pki import AT, NAMES, P256

TRACKING_ID = "01TRACKING"


def digest(data: bytes) -> str:
    return sha256(data).hexdigest()


@cache
def receipt(organ: str, code: str = "01", data: bytes = b"", at: datetime = AT) -> bytes:
    """What an organ says of the letter, or of other bytes."""
    said = status(
        code,
        digest(data or letter()),
        sender=Organization(organ_id=organ, name=NAMES.get(organ, organ)),
    )
    return pack(said, P256.signer(organ), signing_time=at)


def receipts() -> dict[str, bytes]:
    return {f"receipts/{organ}-01-1.edxml": receipt(organ) for organ in ("H01", "H13")}


def journal(
    statuses: Iterable[bytes], signer: SoftwareSigner | None = None, organ: str = "H05"
) -> bytes:
    """Lines about the letter and these receipts among others, under a checkpoint."""
    said = [("queued", TRACKING_ID, letter()), ("started", "", b"")]
    said += [("receipt_verified", TRACKING_ID, one) for one in statuses]
    lines = [
        json.dumps({"number": number, "event": event, "ref": ref, "sha256": digest(data)})
        for number, (event, ref, data) in enumerate(said, start=1)
    ]
    tree = Tree(b"".join(leaf_hash(line.encode()) for line in lines))
    seen = Checkpoint(organ, len(lines), tree.root().hex(), "0" * 64, AT)
    signed = checkpoint.sign(seen, signer or P256.signer("H05"))
    about = [(number, line) for number, line in enumerate(lines, start=1) if TRACKING_ID in line]
    return bundle.write_json(proof.to_json_dict(proof.make(signed, tree, about)))


def contents(**changes: object) -> bytes:
    facts: dict[str, object] = {
        "role": bundle.SENDER,
        "organ": "H05",
        "tracking_id": TRACKING_ID,
        "sha256": digest(letter()),
        "size": len(letter()),
        "at": AT,
        "accounts": tuple(bundle.Account(one, "acknowledged", "", "01") for one in ("H01", "H13")),
    }
    return bundle.write_json(bundle.Contents(**(facts | changes)).to_json_dict())  # type: ignore[arg-type]


def files(**changes: bytes | None) -> dict[str, bytes]:
    """Everything in a bundle but what `make` adds; `changes` by name, None leaves one out."""
    statuses = receipts()
    made: dict[str, bytes | None] = {
        bundle.README: readme("98/QĐ-UBND", "H05", ["H01", "H13"], "H05"),
        bundle.CONTENTS: contents(),
        bundle.DIRECTORY: bundle.write_json({"organs": []}),
        bundle.ENVELOPE: letter(),
        bundle.JOURNAL: journal(statuses.values()),
        **statuses,
    }
    for data in (letter(), *statuses.values()):
        for one in chain_of(io.BytesIO(data)):
            made[f"certificates/{one.fingerprint}.pem"] = as_pem(one)
    return {name: data for name, data in {**made, **changes}.items() if data is not None}


def make(
    given: Mapping[str, bytes] | None = None,
    signer: SoftwareSigner | None = None,
    at: datetime = AT,
) -> bytes:
    """The bundle of some files."""
    out = io.BytesIO()
    parts = {name: (lambda data=data: (data,)) for name, data in (given or files()).items()}
    bundle.make(out, parts, signer or P256.signer("H05"), at)
    return out.getvalue()


def zipped(given: Mapping[str, bytes]) -> bytes:
    """An archive of exactly these files, signed or not."""
    out = io.BytesIO()
    writer = Writer(out)
    for name, data in given.items():
        writer.add(name, (data,))
    writer.finish()
    return out.getvalue()


def unzipped(data: bytes) -> dict[str, bytes]:
    """The files of an archive, in order."""
    given = bundle_bytes.archive.read(io.BytesIO(data))
    return {name: b"".join(given.parts(name)) for name in given.members}


def judge(
    data: bytes,
    *,
    trust: Trust | None = None,
    now: datetime = AT,
    at: datetime | None = None,
    directory: Binding | None = None,
) -> BundleReport:
    """The verdict, now unless another time is given."""
    terms = Terms(trust or P256.trust, now, at or now, directory)
    return bundle_judge.judge(bundle_bytes.read(io.BytesIO(data)), terms, "X.zip")


def reasons(report: BundleReport) -> set[str]:
    """Of everything that did not pass."""
    return {one.reason for one in report.all_checks if one.reason} - {
        "NO_TIMESTAMP",
        "REVOCATION_OFF",
    }
