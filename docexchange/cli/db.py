"""`db backup|check|restore`: copies of the node's store, and whether it is whole."""

from __future__ import annotations

from dataclasses import asdict
from dataclasses import replace as changed
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..core.errors import NotFound
from . import exits, options, session, show
from .words import say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..edges.store.check import Checked

ORGANS_SHOWN = 10  # of those for whom something is held; `queue list --state held` has all


def register(app: typer.Typer) -> None:
    """Add the commands."""
    from .commands import new_group

    group = new_group(
        say("Sao lưu, kiểm tra, khôi phục kho.", "Back up, check and restore the store.")
    )
    options.add(
        group,
        "backup",
        backup,
        "Sao lưu kho khi nút đang chạy, rồi kiểm tra bản sao. Kèm bản kê TỆP.json. Không có khoá "
        "ký, cấu hình, danh mục: hãy giữ riêng.",
        "Back up the store while the node runs, then check the copy. Its manifest is FILE.json. "
        "Keys, settings and directory are not in it: keep them apart.",
    )
    options.add(
        group,
        "check",
        check,
        "Kiểm tra kho (hoặc một bản sao lưu): cấu trúc, nhật ký, nội dung, số đếm. Thoát 1 nếu "
        "có lỗi.",
        "Check the store (or a backup): structure, journal, content, counts. Exit 1 if something "
        "is wrong.",
    )
    options.add(
        group,
        "restore",
        restore,
        "Đưa bản sao lưu vào chỗ của kho; nút phải dừng. Văn bản đang gửi dở được giữ lại cho tới "
        "khi có người thả ra (`queue release`).",
        "Put a backup in the place of the store; the node must be stopped. What was under way is "
        "held back until a person lets it go (`queue release`).",
    )
    app.add_typer(group, name="db")


def backup(
    out: Annotated[
        Path, typer.Argument(metavar=say("TỆP", "FILE"), help=say("tệp ghi ra", "file to write"))
    ],
    as_json: options.Json = False,
) -> None:
    """Write a backup and check it."""
    from ..edges.store import backup as copies
    from ..edges.store.check import check as look

    config = session.load_config()
    if not config.store.exists():
        raise _none_yet(config.store)
    manifest = copies.make(config.store, out, config.node, session.now())
    checked = look(out, immutable=True)
    facts = {"file": str(out), "manifest": str(copies.beside(out)), **asdict(manifest)}
    if as_json:
        show.emit("db-backup", {**facts, **_json(checked)})
    else:
        show.out(
            say("đã sao lưu", "backed up")
            + f" {show.plain(str(out))} ({show.size(manifest.size)}), {manifest.lines:,} "
            + say("dòng nhật ký", "lines of journal")
            + f", {checked.contents:,} "
            + say("nội dung", "contents")
        )
        _print_faults(checked)
    if checked.faults:
        raise typer.Exit(exits.Exit.NEGATIVE)


def check(
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar=say("TỆP", "FILE"),
            help=say("bản sao lưu; không có: kho của nút", "a backup; without it the node's store"),
        ),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Look at everything."""
    from ..edges.store.check import check as look

    path = file if file is not None else session.load_config().store
    if not path.is_file():
        raise _none_yet(path)
    checked = look(path, immutable=file is not None)
    if file is not None:
        checked = changed(checked, faults=(*_against_manifest(file), *checked.faults))
    if as_json:
        show.emit("db-check", {"file": str(path), **_json(checked)})
    else:
        lines = checked.journal.lines if checked.journal else 0
        show.facts(
            [
                (say("Nhật ký", "Journal"), f"{lines:,} " + say("dòng", "lines")),
                (
                    say("Nội dung", "Contents"),
                    f"{checked.contents:,} ({show.size(checked.size)})",
                ),
                (
                    say("Kết quả", "Result"),
                    say("có lỗi", "faults") if checked.faults else say("toàn vẹn", "whole"),
                ),
            ]
        )
        _print_faults(checked)
    if checked.faults:
        raise typer.Exit(exits.Exit.NEGATIVE)


def restore(
    file: Annotated[
        Path,
        typer.Argument(metavar=say("TỆP", "FILE"), help=say("bản sao lưu", "the backup")),
    ],
    replace: Annotated[
        bool,
        typer.Option(
            "--replace",
            help=say(
                "thay kho đang có (kho cũ giữ lại bên cạnh)",
                "take the place of a store; kept beside",
            ),
        ),
    ] = False,
    as_json: options.Json = False,
) -> None:
    """Restore, and say what follows."""
    from ..edges.store.restore import restore as put_back

    config = session.load_config()
    config.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    done = put_back(
        file,
        config.store,
        config.node,
        session.now(),
        replace=replace,
        lifetime=config.retry.lifetime,
    )
    manifest = done.manifest
    cut = done.replaced_lines - manifest.lines if done.replaced_lines is not None else None
    if as_json:
        facts = {
            "backup": str(file),
            "made_at": manifest.made_at,
            "lines": manifest.lines,
            "head": manifest.head,
            "lines_cut": cut,
            "held": done.held,
            "held_for": list(done.organs),
            "replaced": str(done.replaced) if done.replaced else None,
        }
        show.emit("db-restore", facts)
        return
    show.out(
        say("đã khôi phục kho về lúc", "restored the store as it was at") + f" {manifest.made_at}"
    )
    show.facts(
        [
            (say("Giữ lại", "Held back"), f"{done.held:,}" + _for(done.organs)),
            (
                say("Nhật ký", "Journal"),
                f"{manifest.lines:,} " + say("dòng", "lines") + _cut(cut),
            ),
            (say("Kho cũ", "The old store"), str(done.replaced) if done.replaced else ""),
        ]
    )
    show.note(
        say(
            "Nhật ký đi tiếp từ đây là một nhánh: mốc đã ký sau bản sao lưu sẽ không khớp; dòng "
            "'restored' ghi rõ điều đó. Văn bản nhận sau bản sao lưu không có trong kho này. Chạy "
            "nút rồi đối soát với từng cơ quan có trao đổi: `docexchange reconcile ORGAN --since "
            "NGÀY --release --resend --reason ...`.",
            "The journal that goes on from here is a fork: checkpoints signed after the backup "
            "will not agree with it; its line 'restored' says so. Documents received since the "
            "backup are not in this store. Run the node, then compare with each organ that you "
            "exchange with: `docexchange reconcile ORGAN --since DATE --release --resend --reason "
            "...`.",
        )
    )


def _for(organs: Sequence[str]) -> str:
    """For whom it is held back, as far as a line holds them."""
    if not organs:
        return ""
    more = len(organs) - ORGANS_SHOWN
    named = ", ".join(organs[:ORGANS_SHOWN])
    return f" ({named})" if more <= 0 else f" ({named}, … +{more})"


def _cut(lines: int | None) -> str:
    if not lines:
        return ""
    return say(f" (bỏ lại {lines:,} dòng của kho cũ)", f" ({lines:,} of the old store left behind)")


def _against_manifest(file: Path) -> list[tuple[str, str]]:
    """What differs between a backup and its manifest. Raises StoreError if it has none."""
    from ..edges.store import backup as copies

    manifest, found = copies.read_manifest(file), copies.digest(file)
    if found == manifest.sha256:
        return []
    return [("manifest", f"SHA-256 {found}, its manifest says {manifest.sha256}")]


def _none_yet(path: Path) -> NotFound:
    return NotFound(f"{path}: no such store", f"{path}: không có kho này")


def _json(checked: Checked) -> dict[str, Any]:
    return {
        "whole": not checked.faults,
        "faults": [{"where": where, "what": what} for where, what in checked.faults],
        "contents": checked.contents,
        "content_bytes": checked.size,
    }


def _print_faults(checked: Checked) -> None:
    for where, what in checked.faults:
        show.out(show.plain(f"  ✖ {where}: {what}"))
