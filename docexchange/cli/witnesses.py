"""`journal witnesses`, and `journal verify --witness`: what receipts say of journals.

A witness is a receipt, as it came: whoever has it needs nothing else to hold the journal of its
sender against it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from envelopes.errors import Malformed
from envelopes.evidence.checkpoint import Checkpoint, claimed
from envelopes.evidence.witness import Contradiction, Seen, contradictions

from ..core.errors import ConfigError, NotFound
from . import exits, files, folders, options, session, show, words
from .words import say

if TYPE_CHECKING:
    from ..core.witnessing import Witness
    from ..edges.store import SqlStore

Given = Annotated[
    list[Path] | None,
    typer.Option(
        "--witness",
        metavar=say("TỆP|THƯ_MỤC", "FILE|DIR"),
        help=say(
            "biên nhận mà cơ quan khác đang giữ (`journal witnesses -o`)",
            "receipts that another agency holds (`journal witnesses -o`)",
        ),
    ),
]
At = Annotated[
    str,
    typer.Option(
        "--at",
        metavar="RFC3339",
        help=say(
            "xét biên nhận tại thời điểm này (mặc định: bây giờ)",
            "judge the receipts for this time (default: now)",
        ),
    ),
]
_KINDS: Mapping[str, tuple[str, str]] = {
    "FORK": ("hai lịch sử khác nhau cùng số dòng", "two histories of the same length"),
    "WENT_BACK": ("về sau lại ít dòng hơn trước", "fewer lines later than before"),
}


def witnesses(
    organ: Annotated[
        str,
        typer.Argument(
            metavar=f"[{say('CƠ_QUAN', 'ORGAN')}]",
            help=say("chỉ nhật ký của cơ quan này", "of this organ's journal only"),
        ),
    ] = "",
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            metavar=say("THƯ_MỤC", "DIR"),
            help=say("ghi các biên nhận đó ra thư mục", "write those receipts into a folder"),
        ),
    ] = None,
    force: options.Force = False,
    as_json: options.Json = False,
) -> None:
    """Show what others said of their journals (of all: the newest of each; of one: everything that
    has a row), and who has what ours said; exit 1 when something cannot be true together."""
    with session.open_store() as (_, store):
        book = store.witnesses
        found = book.of(organ) if organ or output else book.newest()
        held = found if organ else book.contradicted()
        ours = [] if organ else list(_ours(store))
        written = _write(store, found, output, force=force) if output else []
    against = list(contradictions(Seen(one.checkpoint, one.holder, one.sha256) for one in held))
    if as_json:
        show.emit(
            "journal-witnesses",
            {
                "witnesses": [_json(one) for one in found],
                "ours": [_json(one) for one in ours],
                "contradictions": [_contradiction(one) for one in against],
                "files": [str(path) for path in written],
            },
        )
    else:
        _print(found, ours, against)
        for path in written:
            show.out(str(path))
    if against:
        raise typer.Exit(exits.Exit.NEGATIVE)


def _ours(store: SqlStore) -> Iterator[Witness]:
    """What our newest receipt to each organ says of our journal."""
    from envelopes import edxml
    from envelopes.model import Status

    from ..core.witnessing import Witness

    for holder, organ, sha256, at in store.witnesses.told():
        message, _ = edxml.read(store.contents.read(sha256))
        received = message.received if isinstance(message, Status) else None
        said = claimed(organ, received.checkpoint) if received else None
        if said is not None:
            yield Witness(said, holder, sha256, at)


def _write(
    store: SqlStore, found: Sequence[Witness], output: Path, *, force: bool
) -> Sequence[Path]:
    """The receipts as they came, each named after whose journal it speaks of and how long that
    was."""
    written = []
    with files.Folder(output) as folder:
        for one in found:
            name = f"{one.checkpoint.organ}-{one.checkpoint.lines}-{one.sha256[:8]}.edxml"
            with folder.writing(name, force=force) as file:
                file.write(store.contents.read(one.sha256))
            written.append(output / name)
    return written


def _print(
    found: Sequence[Witness], ours: Sequence[Witness], against: Sequence[Contradiction]
) -> None:
    for one in against:
        kind = say(*_KINDS[one.kind])
        show.out(show.paint(f"{one.one.checkpoint.organ}: {kind} [{one.kind}]", "bad"))
        for seen in (one.one, one.other):
            show.out(show.plain(f"  {_stood(seen.checkpoint)} · {seen.sha256}"))
    if found:
        show.out(show.paint(say("Nhật ký của cơ quan khác", "Journals of others"), "bold"))
        _table(found)
    if ours:
        show.out(show.paint(say("Nhật ký của nút này", "The journal of this node"), "bold"))
        _table(ours)
    if not found and not ours:
        show.note(say("chưa có biên nhận nào nói về nhật ký", "no receipt spoke of a journal yet"))


def _table(some: Sequence[Witness]) -> None:
    show.table(
        [
            say("CỦA", "OF"),
            say("SỐ DÒNG", "LINES"),
            say("LÚC (TỰ KHAI)", "AT (CLAIMED)"),
            say("BÊN GIỮ", "HELD BY"),
            say("BIÊN NHẬN", "RECEIPT"),
        ],
        [
            [
                one.checkpoint.organ,
                f"{one.checkpoint.lines:,}",
                show.minute(one.checkpoint.at),
                one.holder,
                one.sha256[:16],
            ]
            for one in some
        ],
    )


def _stood(one: Checkpoint) -> str:
    lines = say(f"{one.lines:,} dòng", f"{one.lines:,} line(s)")
    return f"{show.moment(one.at)} · {lines} · {one.root[:16]}…"


def _json(one: Witness) -> Mapping[str, Any]:
    return {**_said(one.checkpoint), "holder": one.holder, "sha256": one.sha256} | {
        "seen_at": one.seen_at
    }


def _said(one: Checkpoint) -> Mapping[str, Any]:
    facts = {"organ": one.organ, "lines": one.lines, "root": one.root, "head": one.head}
    return {**facts, "at": one.at}


def _contradiction(one: Contradiction) -> Mapping[str, Any]:
    both = (one.one, one.other)
    return {
        "kind": one.kind,
        "organ": one.one.checkpoint.organ,
        "statements": [{**_said(seen.checkpoint), "sha256": seen.sha256} for seen in both],
    }


def proven(
    paths: Sequence[Path], trust: Path | None, directory: Path | None, at: datetime
) -> Sequence[Checkpoint]:
    """What some receipts say of a journal, each of which must pass at a time.

    Raises:
        Malformed: one did not pass, is no receipt, or says nothing of a journal; or two cannot
            both be true.
        NotFound: there is no receipt in a folder.
        ConfigError: there is no --trust to judge them by.
        OSError: one cannot be read.
    """
    if not paths:
        return ()
    if trust is None:
        raise ConfigError(
            "--witness needs --trust: whose signature counts?",
            "--witness cần --trust: tin chữ ký của ai?",
        )
    from ..edges.anchors import load_trust
    from ..edges.directory import TomlDirectory

    binding = TomlDirectory.load(directory) if directory else None
    found = folders.find(paths)
    terms = folders.Terms(
        load_trust(trust)[0], at, binding, folders.IN_MEMORY, all_shown=True, stamps=found.stamps
    )
    if not found.paths:
        names = ", ".join(map(str, paths))
        raise NotFound(f"{names}: there is no .edxml in it", f"{names}: không có tệp .edxml nào")
    seen = [_witnessed(path, terms) for path in found.paths]
    for one in contradictions(seen):
        text = f"{one.one.sha256[:16]}, {one.other.sha256[:16]}: {say(*_KINDS[one.kind])}"
        raise Malformed(f"{one.one.checkpoint.organ}: {text} [{one.kind}]")
    return [one.checkpoint for one in seen]


def _witnessed(path: str, terms: folders.Terms) -> Seen:
    from envelopes.model import Status
    from envelopes.report import Indication

    report = folders.judge(path, terms)
    if isinstance(report, OSError):
        raise report
    if report.indication is not Indication.PASSED:
        raise Malformed(f"{path}: {words.reason(report.reason)} [{report.reason}]")
    received = report.message.received if isinstance(report.message, Status) else None
    said = claimed(report.sender, received.checkpoint) if received else None
    if said is None:
        raise Malformed(
            say(f"{path}: không nói gì về nhật ký", f"{path}: it says nothing of a journal")
        )
    return Seen(said, report.to[0] if report.to else "", report.sha256)
