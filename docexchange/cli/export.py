"""`export`: an envelope and all its receipts as files, byte for byte, for an auditor."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from envelopes.attachments.names import safe_name

from ..core.errors import NotFound
from . import exits, files, options, session, show
from .track import number_of
from .words import say

if TYPE_CHECKING:
    from envelopes.evidence.stamp import Stamp

    from ..edges.store import SqlStore


def register(app: typer.Typer) -> None:
    """Add the command."""
    options.add(
        app,
        "export",
        export,
        "Ghi gói tin và mọi biên nhận ra thư mục. Đúng từng byte, để kiểm tra ngoại tuyến.",
        "Write an envelope and all its receipts to a folder. Byte for byte, for an auditor.",
    )


def export(
    ref: options.Ref,
    output: options.Folder,
    xades_t: Annotated[
        bool,
        typer.Option(
            "--xades-t",
            help=say(
                "thêm bản XAdES-T trong xades-t/: dấu thời gian nằm trong chữ ký",
                "also XAdES-T copies, in xades-t/: the timestamp inside the signature",
            ),
        ),
    ] = False,
    force: options.Force = False,
    as_json: options.Json = False,
) -> None:
    """Write what we sent with what came back, or what came with what we said of it; beside each
    envelope its stamp, if it has one."""
    without: list[Path] = []
    with session.open_store() as (_, store):
        wanted = _collect(store, ref, output)
        stamps = {
            path: kept for path, digest in wanted.items() if (kept := store.stamps.of(digest))
        }
        beside = {path.with_name(path.name + kept.ending): kept for path, kept in stamps.items()}
        copies = _copies(output, stamps) if xades_t else {}
        files.refuse_existing([*wanted, *beside, *copies], force=force)
        for path, digest in wanted.items():
            with (
                files.replacing(path, force=force) as file,
                closing(store.contents.open(digest)) as envelope,
            ):
                shutil.copyfileobj(envelope, file)
        for path, (source, token) in copies.items():
            with files.replacing(path, force=force) as file:
                _write_copy(store, wanted[source], token, file)
    files.write_all({path: kept.to_bytes() for path, kept in beside.items()}, force=force)
    written = [*wanted, *beside, *copies]
    if xades_t:
        made = {source for source, _ in copies.values()}
        without = [path for path in wanted if path not in made]
    if as_json:
        facts = {"files": [str(path) for path in written], "no_xades_t": [*map(str, without)]}
        show.emit("export", facts)
    else:
        _tell(written, without, output)
    if without:
        raise typer.Exit(exits.Exit.PARTLY)


def _tell(written: Sequence[Path], without: Sequence[Path], output: Path) -> None:
    for path in written:
        show.out(str(path))
    if without:
        names = ", ".join(path.name for path in without[:5])
        show.note(
            say(
                f"không có bản XAdES-T của {len(without)} tệp ({names}): chưa có dấu thời gian, "
                "hoặc dấu thời gian dùng chung qua cây băm (tệp .tst.json)",
                f"no XAdES-T copy of {len(without)} file(s) ({names}): no timestamp yet, or one "
                "that is shared by a hash tree (a .tst.json file)",
            )
        )
    show.note(
        say(
            f"Kiểm tra: docexchange verify {output}/*.edxml {output}/receipts/*.edxml --trust PEM",
            f"Check: docexchange verify {output}/*.edxml {output}/receipts/*.edxml --trust PEM",
        )
    )


def _copies(output: Path, stamps: Mapping[Path, Stamp]) -> dict[Path, tuple[Path, bytes]]:
    """Where each XAdES-T copy goes -> of which envelope, with which token; a token over a tree fits
    into no signature."""
    folder = output / "xades-t"
    return {
        folder / path.relative_to(output): (path, kept.token)
        for path, kept in stamps.items()
        if kept.alone
    }


def _write_copy(store: SqlStore, digest: str, token: bytes, out: BinaryIO) -> None:
    from envelopes.xades_t import with_token

    from .folders import HEAD

    with closing(store.contents.open(digest)) as envelope:
        out.write(with_token(envelope.read(HEAD), token))
        shutil.copyfileobj(envelope, out)


def _collect(store: SqlStore, ref: str, folder: Path) -> dict[Path, str]:
    """Where each envelope goes -> its digest."""
    try:
        sent = store.outgoing.document(ref)
    except NotFound:
        came = store.incoming.arrival(ref)
        said = [
            (came.organ, code, digest)
            for code, digest in store.incoming.statuses_of(came.tracking_id)
        ]
        envelope = (came.number, came.notation, came.tracking_id, came.sha256)
    else:
        said = store.receipts.of(sent.tracking_id)
        envelope = (sent.number, sent.notation, sent.tracking_id, sent.sha256)
    number, notation, tracking_id, digest = envelope
    name = safe_name(number_of(number, notation), tracking_id)
    wanted = {folder / f"{name}.edxml": digest}
    for name, digest in _names(said):
        wanted[folder / "receipts" / f"{name}.edxml"] = digest
    return wanted


def _names(said: Iterable[tuple[str, str, str]]) -> Iterable[tuple[str, str]]:
    """<organ>-<code>-<n> for each receipt; n counts those of the same organ and code."""
    seen: Counter[str] = Counter()
    for organ, code, digest in said:
        name = safe_name(f"{organ}-{code}", "receipt")
        seen[name] += 1
        yield f"{name}-{seen[name]}", digest
