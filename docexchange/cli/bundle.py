"""`bundle make`: everything an auditor needs about one document, in one file (hồ sơ bằng chứng)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..core.errors import ConfigError, Conflict, NotFound
from . import files, options, session, show
from .track import number_of
from .words import say

if TYPE_CHECKING:
    from envelopes.evidence.bundle import Contents, Parts
    from envelopes.evidence.checkpoint import Signed
    from keys.certificates import Certificate
    from keys.signer import Signer
    from keys.trust import Trust

    from ..config import Config
    from ..core.ports import Organ as Entry
    from ..edges.directory import TomlDirectory
    from ..edges.store import SqlStore

# What is kept beside envelopes as evidence: (name in the bundle, content). The name is
# evidence/<name>.crl, evidence/<name>.ocsp or timestamps/<SHA-256 of the stamped file>-<n>.tst,
# .tst.json with a path.
Evidence = Callable[
    ["SqlStore", Sequence[str], Sequence["Certificate"]], Iterable[tuple[str, bytes]]
]

_CHUNK = 1024 * 1024  # bytes read at once

Output = Annotated[
    Path,
    typer.Option("-o", "--output", metavar="X.zip", help=say("tệp hồ sơ ghi ra", "file to write")),
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    from .commands import new_group

    group = new_group(
        say("Hồ sơ bằng chứng về một văn bản.", "Evidence bundles: all about one document.")
    )
    options.add(
        group,
        "make",
        make,
        "Lập hồ sơ bằng chứng: gói tin, mọi biên nhận, chứng thư, nhật ký, có chữ ký, trong một "
        "tệp. Kiểm tra: docexchange verify X.zip --trust PEM.",
        "Make an evidence bundle: envelope, all receipts, certificates, journal, signed, in one "
        "file. Check: docexchange verify X.zip --trust PEM.",
    )
    app.add_typer(group, name="bundle")


@dataclass(frozen=True, slots=True)
class _Subject:
    """What a bundle is about, read from the store.

    Args:
        contents: as it is written.
        title: number of the document.
        sender: OrganId.
        recipients: OrganIds.
        statuses: name in the bundle -> digest.
        lines: of the journal, (number, line).
    """

    contents: Contents
    title: str
    sender: str
    recipients: tuple[str, ...]
    statuses: Mapping[str, str]
    lines: Sequence[tuple[int, str]]


def make(
    ref: options.Ref,
    output: Output,
    force: options.Force = False,
    as_json: options.Json = False,
) -> None:
    """Write a bundle about a document that we sent or received."""
    files.refuse_existing([output], force=force)
    with session.open_store() as (config, store):
        subject = write(store, config, ref, output, session.now(), force=force)
    _told(output, subject, as_json=as_json)


def write(
    store: SqlStore, config: Config, ref: str, output: Path, now: datetime, *, force: bool
) -> _Subject:
    """Make the bundle about a document; what it is about.

    Raises:
        NotFound, Ambiguous: no document, or several, with that name.
        ConfigError: this node no longer serves the organ that would sign it.
        Conflict: its content was destroyed by a recall.
    """
    from envelopes.evidence import bundle

    from .. import compose
    from ..edges.keyring import open_signer

    subject = _subject(store, ref)
    maker = subject.contents.organ
    if maker not in config.organs:
        raise ConfigError(
            f"{maker} is no longer served by this node, and only its key may sign the bundle",
            f"nút này không còn phục vụ {maker}; chỉ khoá của cơ quan đó được ký hồ sơ",
        )
    signer = open_signer(config.organs[maker].signer, now)
    directory = session.load_directory(config)
    beside = (timestamps, revocation(compose.node_trust(config), now))
    parts = _files(
        store, subject, directory, lambda: _checkpoint(store, subject, signer, now), beside
    )
    with files.replacing(output, force=force) as out:
        bundle.make(out, parts, signer, now)
    return subject


def _told(output: Path, subject: _Subject, *, as_json: bool) -> None:
    contents = subject.contents
    if as_json:
        facts = {"file": str(output), "size": output.stat().st_size, "organ": contents.organ}
        facts |= {"role": contents.role, "tracking_id": contents.tracking_id}
        show.emit("bundle-make", {**facts, "receipts": len(subject.statuses)})
        return
    show.out(str(output))
    count, size = len(subject.statuses), show.size(output.stat().st_size)
    show.note(
        say(
            f"{count} biên nhận, {len(subject.lines)} dòng nhật ký, {size}. "
            f"Kiểm tra: docexchange verify {output} --trust PEM",
            f"{count} receipt(s), {len(subject.lines)} journal line(s), {size}. "
            f"Check: docexchange verify {output} --trust PEM",
        )
    )


# -- what it is about --------------------------------------------------------------------------


def _subject(store: SqlStore, ref: str) -> _Subject:
    try:
        return _sent(store, ref)
    except NotFound:
        return _received(store, ref)


def _sent(store: SqlStore, ref: str) -> _Subject:
    from envelopes.evidence import bundle

    tracking_id = store.outgoing.document(ref).tracking_id
    # The lines first: what comes meanwhile may then be in the bundle and not in them, and never
    # the other way round, which would look as if it had been taken out.
    lines = [(one.number, one.line) for one in store.journal.of(tracking_id)]
    receipts = store.receipts.of(tracking_id)
    sent = store.outgoing.document(tracking_id)
    names = bundle.names_of((organ, code) for organ, code, _ in receipts)
    accounts = tuple(
        bundle.Account(one.to_organ, one.state.value, one.reason, one.code)
        for one in sent.deliveries
    )
    facts = (tracking_id, sent.sha256, sent.size, sent.submitted_at, accounts)
    return _Subject(
        bundle.Contents(bundle.SENDER, sent.from_organ, *facts),
        number_of(sent.number, sent.notation),
        sent.from_organ,
        tuple(one.to_organ for one in sent.deliveries),
        dict(zip(names, (digest for _, _, digest in receipts), strict=True)),
        lines,
    )


def _received(store: SqlStore, ref: str) -> _Subject:
    from envelopes.evidence import bundle

    tracking_id = store.incoming.arrival(ref).tracking_id
    lines = [(one.number, one.line) for one in store.journal.of(tracking_id)]
    came = store.incoming.arrival(tracking_id)
    if came.sealed_at is not None:
        raise Conflict(
            f"{tracking_id}: its content was destroyed by a recall at {show.moment(came.sealed_at)}"
            "; the sender has it",
            f"{tracking_id}: nội dung đã huỷ theo yêu cầu thu hồi lúc "
            f"{show.moment(came.sealed_at)}; bên gửi còn giữ",
        )
    said = [(came.organ, code, digest) for code, digest in store.incoming.statuses_of(tracking_id)]
    names = bundle.names_of((organ, code) for organ, code, _ in said)
    account = bundle.Account(came.organ, "arrived", code=came.code)
    facts = (tracking_id, came.sha256, came.size, came.arrived_at, (account,))
    return _Subject(
        bundle.Contents(bundle.RECEIVER, came.organ, *facts),
        number_of(came.number, came.notation),
        came.from_organ,
        (came.organ,),
        dict(zip(names, (digest for _, _, digest in said), strict=True)),
        lines,
    )


# -- what is in it -----------------------------------------------------------------------------


def timestamps(
    store: SqlStore,
    digests: Sequence[str],
    chain: Sequence[Certificate],  # noqa: ARG001  # of the seam
) -> Iterable[tuple[str, bytes]]:
    """The stamp of each envelope that has one."""
    from envelopes.evidence.bundle import TIMESTAMPS

    for digest in dict.fromkeys(digests):
        found = store.stamps.of(digest)
        if found is not None:
            yield f"{TIMESTAMPS}{digest}-1{found.ending}", found.to_bytes()


def revocation(trust: Trust, now: datetime) -> Evidence:
    """The lists and answers that say something of the certificates, now."""

    def found(
        store: SqlStore, digests: Sequence[str], chain: Sequence[Certificate]
    ) -> Iterable[tuple[str, bytes]]:
        from envelopes.evidence.bundle import EVIDENCE
        from keys.evidence_file import der_of
        from keys.revocation import Evidence as Held

        del digests
        kept = {one.sha256: one for one in store.evidence.current(now)}
        held = Held.of(one.data for one in kept.values())
        used: dict[str, None] = {}
        for certificate in chain:
            path = trust.path(certificate, chain, now)
            if path.anchor is not None:
                for finding in held.judge(path.chain, chain, trust, now):
                    used.update(dict.fromkeys(finding.sha256))
        for one in map(kept.__getitem__, used):
            if one.kind != "certificate":
                yield f"{EVIDENCE}{one.sha256}.{one.kind}", der_of(one.data)

    return found


def _files(
    store: SqlStore,
    subject: _Subject,
    directory: TomlDirectory,
    checkpoint: Callable[[], bytes],
    evidence: Sequence[Evidence],
) -> Mapping[str, Parts]:
    """Every file of the bundle; large ones are read when it is their turn."""
    from envelopes.evidence import bundle
    from envelopes.evidence.bundle_readme import readme
    from envelopes.evidence.chains import as_pem

    contents = subject.contents
    envelopes = {bundle.ENVELOPE: contents.sha256, **subject.statuses}
    certificates = _certificates(store, envelopes.values())
    organs = {contents.organ, subject.sender, *subject.recipients}
    small = {
        bundle.README: readme(subject.title, subject.sender, subject.recipients, contents.organ),
        bundle.CONTENTS: bundle.write_json(contents.to_json_dict()),
        bundle.DIRECTORY: bundle.write_json(_directory(directory, organs)),
        bundle.JOURNAL: checkpoint(),
        **{
            f"{bundle.CERTIFICATES}{one.fingerprint}.pem": as_pem(one)
            for one in certificates.values()
        },
        **{
            name: data
            for kept in evidence
            for name, data in kept(store, tuple(envelopes.values()), tuple(certificates.values()))
        },
    }
    return {
        **{name: _whole(data) for name, data in small.items()},
        **{name: _stored(store, digest) for name, digest in envelopes.items()},
    }


def _whole(data: bytes) -> Parts:
    return lambda: (data,)


def _stored(store: SqlStore, digest: str) -> Parts:
    """An envelope of the store, checked against its digest while it is read."""

    def parts() -> Iterator[bytes]:
        with closing(store.contents.open(digest)) as file:
            while part := file.read(_CHUNK):
                yield part

    return parts


def _certificates(store: SqlStore, digests: Iterable[str]) -> dict[str, Certificate]:
    """Those that signed, by fingerprint, each once."""
    from envelopes.evidence.chains import chain_of

    found: dict[str, Certificate] = {}
    for digest in digests:
        with closing(store.contents.open(digest)) as file:
            found.update({one.fingerprint: one for one in chain_of(file)})
    return found


def _checkpoint(store: SqlStore, subject: _Subject, signer: Signer, now: datetime) -> bytes:
    """The lines about the document, under a checkpoint signed now."""
    from envelopes.evidence import bundle, checkpoint, merkle, proof
    from envelopes.evidence.checkpoint import Checkpoint
    from envelopes.evidence.journal import Follower

    leaves = bytearray()
    state = store.journal.follow(
        Follower(), lambda one: leaves.extend(merkle.leaf_hash(one.line.encode()))
    )
    organ = subject.contents.organ
    signed: Signed = checkpoint.sign(
        Checkpoint(organ, state.lines, state.root, state.head, now), signer
    )
    made = proof.make(signed, merkle.Tree(leaves), subject.lines)
    return bundle.write_json(proof.to_json_dict(made))


def _directory(directory: TomlDirectory, organs: Iterable[str]) -> dict[str, Any]:
    """What the directory says of some organs."""
    entries = [directory.find(one) for one in sorted(organs)]
    return {
        "schema": "docexchange/bundle-directory/v1",
        "sha256": directory.sha256,
        "organs": [_entry(one) for one in entries if one is not None],
    }


def _entry(one: Entry) -> dict[str, Any]:
    return {
        "organ": one.organ_id,
        "name": one.name,
        "node": one.node or None,
        "closed": one.closed,
        "successor": one.successor or None,
        "certificates": [
            {
                "sha256": fingerprint,
                "from": begins.isoformat() if begins else None,
                "until": ends.isoformat() if ends else None,
            }
            for fingerprint, (begins, ends) in sorted(one.fingerprints.items())
        ],
        "subject_rule": one.subject_rule,
        "issuers": sorted(one.issuers),
    }
