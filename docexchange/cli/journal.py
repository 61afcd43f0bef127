"""`journal head|verify|export|checkpoint|prove|witnesses|check`: what happened, for who doubts it.

A checkpoint or a proof that was written down can be checked without the node: `journal check`.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from envelopes.wording import Indication

from ..core.errors import ConfigError, NotFound
from . import checkpoints, exits, files, options, session, show, witnesses
from .words import say

if TYPE_CHECKING:
    from envelopes.evidence.checkpoint import Checkpoint, Signed
    from envelopes.evidence.journal import JournalState

    from ..config import Config
    from ..edges.store import SqlStore

Organ = Annotated[
    str,
    typer.Option(
        "--organ",
        metavar="H05",
        help=say("cơ quan ký mốc (mặc định: cơ quan duy nhất)", "whose key signs (the only one)"),
    ),
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    from .commands import new_group

    group = new_group(say("Nhật ký nối chuỗi băm của nút.", "The node's hash-chained journal."))
    options.add(
        group,
        "head",
        head,
        "Số dòng, băm của dòng cuối và gốc của cây băm.",
        "How many lines, hash of the last one, and the root of the hash tree.",
    )
    options.add(
        group,
        "verify",
        verify,
        "Kiểm tra từng dòng, và đối chiếu với các mốc đã giữ ở nơi khác.",
        "Check every line, and hold the journal against checkpoints kept elsewhere.",
    )
    options.add(
        group,
        "export",
        export,
        "Ghi toàn bộ nhật ký ra tệp.",
        "Write the whole journal to a file.",
    )
    options.add(
        group,
        "checkpoint",
        checkpoint,
        "Ký một mốc: nhật ký dài bao nhiêu và gồm những gì lúc này. Hãy giữ ở nơi khác.",
        "Sign a checkpoint: how long the journal is and what it holds now. Keep it elsewhere.",
    )
    options.add(
        group,
        "prove",
        prove,
        "Chứng minh các dòng về một văn bản; kiểm tra được mà không cần nhật ký.",
        "Prove the lines about a document; it can be checked without the journal.",
    )
    options.add(
        group,
        "witnesses",
        witnesses.witnesses,
        "Cơ quan khác đã nói gì về nhật ký của họ, và ai đang giữ lời của nút này.",
        "What others said of their journals in receipts, and who has what this node said.",
    )
    options.add(
        group,
        "check",
        check,
        "Kiểm tra mốc hoặc chứng minh, ngoại tuyến.",
        "Check checkpoints and proofs, offline.",
    )
    app.add_typer(group, name="journal")


def head(as_json: options.Json = False) -> None:
    """Where the journal stands."""
    from envelopes.evidence.journal import Follower

    with session.open_store() as (_, store):
        state = store.journal.follow(Follower())
        last = store.journal.last_time()
    if as_json:
        show.emit("journal-head", {**_json(state), "last_at": last})
        return
    show.facts(
        [
            (say("Số dòng", "Lines"), f"{state.lines:,}"),
            (say("Dòng cuối lúc", "Last at"), show.moment(last)),
            (say("Băm dòng cuối", "Head"), state.head),
            (say("Gốc cây băm", "Root"), state.root),
        ]
    )


def verify(
    kept: checkpoints.Kept = None,
    given: witnesses.Given = None,
    at: witnesses.At = "",
    trust: checkpoints.MaybeAnchors = None,
    directory: options.Names = None,
    file: Annotated[
        Path | None,
        typer.Option(
            "--file",
            metavar=say("TỆP", "FILE"),
            help=say("tệp do `journal export` ghi, thay cho kho", "an export instead of the store"),
        ),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Follow the chain to its end."""
    from envelopes.evidence.journal import Follower, JournalBroken, follow_file

    known = [
        *checkpoints.proven(kept or [], trust, directory),
        *witnesses.proven(
            given or [], trust, directory, options.moment(at) if at else session.now()
        ),
    ]
    try:
        if file is not None:
            with file.open(encoding="utf-8", newline="\n", errors="surrogateescape") as rows:
                state = follow_file(rows, Follower(known))
        else:
            with session.open_store() as (config, store):
                _require_ours(known, config)
                state = store.journal.follow(Follower(known))
    except JournalBroken as broken:
        _print_broken(broken.line, say(broken.vi, str(broken)), as_json=as_json)
        raise typer.Exit(exits.Exit.NEGATIVE) from broken
    if as_json:
        facts = {**_json(state), "whole": True, "line": None, "why": None}
        show.emit("journal-verify", {**facts, "checkpoints": len(known)})
        return
    agrees = say(f"khớp {len(known)} mốc", f"agrees with {len(known)} checkpoint(s)")
    alone = say(
        "chưa đối chiếu mốc nào: bản cũ hơn hoặc bị viết lại toàn bộ thì không thấy được",
        "held against no checkpoint: an older copy, or one written anew, would not show",
    )
    count = say(f"{state.lines:,} dòng", f"{state.lines:,} line(s)")
    whole = say("chuỗi băm liền mạch", "the chain is whole")
    tail = f"{say('đầu', 'head')} {state.head[:16]}… · {agrees if known else alone}"
    show.out(show.paint(f"{count} · {whole} · {tail}", "good"))


def _require_ours(known: Sequence[Checkpoint], config: Config) -> None:
    """Nobody else's checkpoints speak of the journal of this node."""
    for organ in sorted({one.organ for one in known} - set(config.organs)):
        raise ConfigError(
            f"{organ} is not served by this node: use --file with the journal that it exported",
            f"nút này không phục vụ {organ}: dùng --file với nhật ký mà {organ} xuất ra",
        )


def _print_broken(line: int, why: str, *, as_json: bool) -> None:
    if as_json:
        facts = {"whole": False, "line": line or None, "why": why}
        show.emit("journal-verify", facts)
        return
    show.out(show.paint(f"{say('HỎNG', 'BROKEN')} · {why}", "bad"))


def export(
    output: options.File, force: options.Force = False, as_json: options.Json = False
) -> None:
    """Write hash and line, line by line, checked on the way."""
    from envelopes.evidence.journal import Follower, as_file_line

    with session.open_store() as (_, store), files.replacing(output, force=force) as file:
        write = file.write
        state = store.journal.follow(
            Follower(), lambda one: write(as_file_line(one.line, one.hash).encode())
        )
    if as_json:
        show.emit("journal-export", {**_json(state), "file": str(output)})
        return
    show.out(str(output))
    show.note(say(f"{state.lines:,} dòng", f"{state.lines:,} line(s)"))


def checkpoint(
    output: options.File,
    organ: Organ = "",
    force: options.Force = False,
    as_json: options.Json = False,
) -> None:
    """Sign how the journal stands."""
    from envelopes.evidence.checkpoint import to_json_dict
    from envelopes.evidence.journal import Follower

    files.refuse_existing([output], force=force)
    with session.open_store() as (config, store):
        state = store.journal.follow(Follower())
    signed, untimed = _stamped(config, _sign(config, organ, state))
    written = json.dumps(to_json_dict(signed), indent=1) + "\n"
    files.write_all({output: written.encode()}, force=force)
    if as_json:
        timed = {"timestamp": signed.token is not None, "why_not": untimed or None}
        show.emit("journal-checkpoint", {**_json(state), "file": str(output), **timed})
        return
    show.out(str(output))
    if untimed:
        show.note(say(f"không có dấu thời gian: {untimed}", f"without a timestamp: {untimed}"))
    show.note(
        say(
            f"{signed.checkpoint.organ} ký mốc {state.lines:,} dòng; hãy giữ ở nơi khác. Kiểm tra: "
            f"docexchange journal verify --checkpoint {output} --trust PEM",
            f"{signed.checkpoint.organ} signed {state.lines:,} line(s); keep it elsewhere. Check: "
            f"docexchange journal verify --checkpoint {output} --trust PEM",
        )
    )


def prove(
    ref: options.Ref,
    output: options.File,
    organ: Organ = "",
    force: options.Force = False,
    as_json: options.Json = False,
) -> None:
    """Prove the lines about a document or an arrival, under a checkpoint signed now."""
    from envelopes.evidence import merkle, proof
    from envelopes.evidence.journal import Follower

    files.refuse_existing([output], force=force)
    leaves = bytearray()
    with session.open_store() as (config, store):
        wanted = store.journal.of(_tracking_id(store, ref))
        state = store.journal.follow(
            Follower(), lambda one: leaves.extend(merkle.leaf_hash(one.line.encode()))
        )
    signed = _sign(config, organ, state)
    made = proof.make(signed, merkle.Tree(leaves), [(one.number, one.line) for one in wanted])
    written = json.dumps(proof.to_json_dict(made), ensure_ascii=False, indent=1) + "\n"
    files.write_all({output: written.encode()}, force=force)
    numbers = [one.number for one in wanted]
    if as_json:
        show.emit("journal-prove", {**_json(state), "file": str(output), "proven": numbers})
        return
    show.out(str(output))
    show.note(
        say(
            f"{len(numbers)} dòng. Kiểm tra: docexchange journal check {output} --trust PEM",
            f"{len(numbers)} line(s). Check: docexchange journal check {output} --trust PEM",
        )
    )


def _tracking_id(store: SqlStore, ref: str) -> str:
    try:
        return store.outgoing.document(ref).tracking_id
    except NotFound:
        return store.incoming.arrival(ref).tracking_id


def check(
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar=say("TỆP...", "FILE..."),
            help=say("mốc nhật ký, chứng minh", "checkpoints, proofs"),
        ),
    ],
    trust: checkpoints.Anchors,
    tsa_trust: options.TsaTrust = None,
    directory: options.Names = None,
    as_json: options.Json = False,
) -> None:
    """Judge checkpoints and proofs by themselves."""
    judged = [checkpoints.judge(path, trust, directory, tsa_trust) for path in paths]
    if as_json:
        show.emit("journal-check", {"files": [one.to_json_dict() for one in judged]})
    else:
        for one in judged:
            checkpoints.print_judged(one)
    verdicts = {one.indication for one in judged}
    if Indication.FAILED in verdicts:
        raise typer.Exit(exits.Exit.NEGATIVE)
    if Indication.INDETERMINATE in verdicts:
        raise typer.Exit(exits.Exit.PARTLY)


def _json(state: JournalState) -> Mapping[str, Any]:
    return {"lines": state.lines, "head": state.head, "root": state.root}


def _sign(config: Config, organ: str, state: JournalState) -> Signed:
    """A checkpoint of this moment, signed for one of our organs."""
    from envelopes.evidence import checkpoint
    from envelopes.evidence.checkpoint import Checkpoint

    from ..edges.keyring import open_signer

    served = sorted(config.organs)
    if not organ and len(served) != 1:
        raise typer.BadParameter(", ".join(served), param_hint="--organ")
    organ = organ or served[0]
    if organ not in config.organs:
        raise ConfigError(
            f"{organ} is not served by this node: {', '.join(served)}",
            f"nút này không phục vụ {organ}: {', '.join(served)}",
        )
    now = session.now()
    signer = open_signer(config.organs[organ].signer, now)
    return checkpoint.sign(Checkpoint(organ, state.lines, state.root, state.head, now), signer)


def _stamped(config: Config, signed: Signed) -> tuple[Signed, str]:
    """With a token over its signature, if there is an authority; else why there is none."""
    from envelopes.evidence.stamp import imprint_of

    from .. import compose
    from ..core.errors import Deferred
    from ..flow.stamping import Stamper

    asked = compose.authorities(config)
    if not asked:
        return signed, ""
    stamper = Stamper(asked, config.timestamps.stamping, compose.nonce)
    trust = compose.node_trust(config).authorities
    try:
        imprint = imprint_of([signed.value])
        _, _, token = asyncio.run(stamper.ask(imprint, trust=trust, now=session.now()))
    except Deferred as deferred:
        return signed, say(deferred.vi, str(deferred))
    return replace(signed, token=token), ""
