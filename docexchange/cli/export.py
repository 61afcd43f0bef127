"""`export`: an envelope and all its receipts as files, byte for byte, for an auditor."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from envelopes.attachments.names import safe_name

from ..core.errors import NotFound
from . import files, options, session, show
from .track import number_of
from .words import say

if TYPE_CHECKING:
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
    force: options.Force = False,
    as_json: options.Json = False,
) -> None:
    """Write what we sent with what came back, or what came with what we said of it."""
    with session.open_store() as (_, store):
        wanted = _collect(store, ref, output)
        files.refuse_existing(wanted, force=force)
        for path, digest in wanted.items():
            with (
                files.replacing(path, force=force) as file,
                closing(store.open_blob(digest)) as envelope,
            ):
                shutil.copyfileobj(envelope, file)
    if as_json:
        show.emit("export", {"files": [str(path) for path in wanted]})
        return
    for path in wanted:
        show.out(str(path))
    show.note(
        say(
            f"Kiểm tra: docexchange verify {output}/*.edxml {output}/receipts/*.edxml --trust PEM",
            f"Check: docexchange verify {output}/*.edxml {output}/receipts/*.edxml --trust PEM",
        )
    )


def _collect(store: SqlStore, ref: str, folder: Path) -> dict[Path, str]:
    """Where each envelope goes -> its digest."""
    try:
        sent = store.document(ref)
    except NotFound:
        came = store.arrival(ref)
        said = [(came.organ, code, digest) for code, digest in store.statuses_of(came.tracking_id)]
        envelope = (came.number, came.notation, came.tracking_id, came.sha256)
    else:
        said = store.receipts_of(sent.tracking_id)
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
