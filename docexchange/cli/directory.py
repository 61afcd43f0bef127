"""`directory sign|check`: the directory as its authority signs it and a node believes it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..core.directory_changes import Change, Kind, changes
from ..core.errors import ConfigError
from . import files, options, passphrase, session, show
from .words import say

if TYPE_CHECKING:
    from ..core.ports import Taken
    from ..edges.directory import TomlDirectory

File = Annotated[
    Path,
    typer.Argument(
        metavar=say("TỆP", "FILE"),
        help=say("danh mục cơ quan (TOML)", "directory of organs (TOML)"),
    ),
]


_SIGNS: Mapping[Kind, str] = {Kind.ADDED: "+", Kind.REMOVED: "-", Kind.CHANGED: "~"}
_MEMBERS: Mapping[str, tuple[str, str]] = {  # of Organ
    "name": ("tên", "name"),
    "node": ("nút", "node"),
    "closed": ("đóng mã", "closed"),
    "successor": ("cơ quan kế thừa", "successor"),
    "fingerprints": ("chứng thư", "certificates"),
    "subject_rule": ("quy tắc theo tên trong chứng thư", "subject rule"),
    "issuers": ("CA được tin", "issuers"),
}


def register(app: typer.Typer) -> None:
    """Add the commands."""
    from .commands import new_group

    group = new_group(say("Danh mục cơ quan có chữ ký.", "The signed directory of organs."))
    options.add(
        group,
        "sign",
        sign,
        "Ký danh mục: ghi TỆP.sig. Mỗi bản cần number lớn hơn bản trước.",
        "Sign a directory: writes FILE.sig. Each version needs a higher number than the last.",
    )
    options.add(
        group,
        "check",
        check,
        "Ai ký danh mục, số mấy, nút có dùng được không; của bản mới: khác bản đang có ở đâu.",
        "Who signed a directory, its number, whether the node will take it; of a new one: what "
        "differs.",
    )
    app.add_typer(group, name="directory")


def sign(
    file: File,
    key: Annotated[
        Path,
        typer.Option(
            "--key", metavar="PEM", help=say("khoá riêng (quyền 0600)", "private key (mode 0600)")
        ),
    ],
    cert: Annotated[
        Path,
        typer.Option(
            "--cert", metavar="PEM", help=say("chứng thư của khoá", "the key's certificate")
        ),
    ],
    passphrase_file: passphrase.File = None,
    passphrase_env: passphrase.Variable = "",
    force: options.Force = False,
    as_json: options.Json = False,
) -> None:
    """Sign a directory that reads well and has a number."""
    from keys.detached import sign_detached
    from keys.signer import load_signer

    from ..edges.authority import PEM_MAX, signature_of
    from ..edges.directory import DIRECTORY_BYTES, TomlDirectory
    from ..edges.files import read_private
    from ..edges.tomlfile import TomlFile

    data = files.read_bounded(file, DIRECTORY_BYTES)
    directory = TomlDirectory(TomlFile(file, data), hashlib.sha256(data).hexdigest())
    if directory.number is None:
        raise ConfigError(
            f'{file}: write "number = 1" above the first table, and one more with each change',
            f'{file}: hãy ghi "number = 1" trước bảng đầu tiên, mỗi lần sửa tăng một',
        )
    signer = passphrase.opening(
        lambda given: load_signer(
            read_private(key), files.read_bounded(cert, PEM_MAX), passphrase=given
        ),
        passphrase.secret(passphrase_file, passphrase_env),
        key,
    )
    output = signature_of(file)
    files.write_all({output: sign_detached(signer, data)}, force=force)
    if as_json:
        show.emit("directory-sign", {**_facts(directory), "file": str(output)})
        return
    show.out(str(output))
    show.note(
        say(
            f"số {directory.number}, {len(directory.organs())} mục, {signer.chain[0].subject} ký",
            f"number {directory.number}, {len(directory.organs())} entries, signed by "
            f"{signer.chain[0].subject}",
        )
    )


def check(
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar=say("[TỆP]", "[FILE]"),
            help=say(
                "bản mới, xét trước khi thay (mặc định: danh mục của nút)",
                "a new one, before it is put in place (default: the node's own)",
            ),
        ),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Look at a directory as the node will at its start, and at what would change with it."""
    from ..edges.authority import load_directory, load_signed, refuse_older
    from ..edges.directory import TomlDirectory

    config = session.load_config()
    authority, now, path = config.directory_authority, session.now(), file or config.directory
    last, signer = _taken(config.store), ""
    if authority is None:
        directory = load_directory(path, None, now)
    else:
        directory, certificate = load_signed(path, authority, now)
        signer = certificate.subject
        refuse_older(path, directory, last)
    different: tuple[Change, ...] | None = None
    if file is not None:
        different = changes(TomlDirectory.load(config.directory).organs(), directory.organs())
    if as_json:
        served = last.number if last else None
        beside = {"signer": signer or None, "served": served, "changes": _listed(different)}
        show.emit("directory-check", _facts(directory) | beside)
        return
    nobody = say(
        "không ai phải ký (đặt directory_authority)", "nobody has to (set directory_authority)"
    )
    number = "" if directory.number is None else str(directory.number)
    show.out(show.paint(f"✔ {path}", "good"))
    show.facts(
        [
            (say("Số", "Number"), number),
            (say("Người ký", "Signed by"), signer or nobody),
            (say("Số mục", "Entries"), str(len(directory.organs()))),
            (say("Đang dùng", "Served"), _served(last)),
            ("SHA-256", directory.sha256),
        ]
    )
    if different is not None:
        _tell(different, config.directory)


def _tell(different: Sequence[Change], against: Path) -> None:
    count = len(different)
    show.out(say(f"so với {against}: {count} mục khác", f"beside {against}: {count} different"))
    for one in different:
        members = ", ".join(say(*_MEMBERS[name]) for name in one.members)
        line = f"{_SIGNS[one.kind]} {one.organ_id} {one.name}"
        show.out(show.plain(f"  {line}: {members}" if members else f"  {line}"))


def _listed(different: Sequence[Change] | None) -> list[dict[str, object]] | None:
    if different is None:
        return None
    return [
        {"organ": one.organ_id, "name": one.name, "kind": one.kind.value, "members": one.members}
        for one in different
    ]


def _taken(store: Path) -> Taken | None:
    if not store.exists():
        return None
    with session.open_store() as (_, opened):
        return opened.directories.last()


def _served(last: Taken | None) -> str:
    if last is None:
        return ""
    since = show.moment(last.taken_at)
    return say(f"số {last.number} từ {since}", f"number {last.number} since {since}")


def _facts(directory: TomlDirectory) -> dict[str, object]:
    entries = len(directory.organs())
    return {"number": directory.number, "sha256": directory.sha256, "entries": entries}
