"""`keys demo-ca`: keys and certificates for trying out; `keys show`: what a PEM file holds."""

from __future__ import annotations

import enum
import stat
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..core.errors import Conflict
from . import exits, files, options, session, show
from .words import say

if TYPE_CHECKING:
    from keys.certificates import Certificate

DEMO_ORGANS: Mapping[str, str] = {
    "H01": "UBND tỉnh An Giang",
    "H05": "UBND tỉnh Bắc Ninh",
    "H13": "UBND thành phố Cần Thơ",
}
PEM_BYTES = 1024 * 1024  # a chain is a few KiB


class KeyKind(enum.StrEnum):
    """Kinds of demo keys."""

    RSA2048 = "rsa2048"
    RSA3072 = "rsa3072"
    RSA4096 = "rsa4096"
    P256 = "p256"
    P384 = "p384"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    from .commands import new_group

    group = new_group(say("Khoá và chứng thư.", "Keys and certificates."))
    options.add(
        group,
        "demo-ca",
        demo_ca,
        "Tạo CA thử nghiệm (DEMO) và khoá của từng cơ quan. Không dùng cho văn bản thật.",
        "Make a DEMO CA and a key for each organ. Not for real documents.",
    )
    options.add(
        group,
        "show",
        show_file,
        "Cho xem chứng thư trong một tệp PEM; không bao giờ in khoá.",
        "Show the certificates in a PEM file; a key is never printed.",
    )
    app.add_typer(group, name="keys")


def demo_ca(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar=say("THƯ_MỤC", "DIR"), help=say("thư mục ghi ra", "folder to write")
        ),
    ],
    organs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar=say("CƠ_QUAN", "ORGAN"),
            help=say(
                'mã định danh, như H05 hoặc "H05=UBND tỉnh Bắc Ninh" (mặc định: H01 H05 H13)',
                'organ codes, as H05 or "H05=UBND tỉnh Bắc Ninh" (default: H01 H05 H13)',
            ),
        ),
    ] = None,
    key: Annotated[
        KeyKind,
        typer.Option("--key", metavar="|".join(KeyKind), help=say("loại khoá", "kind of key")),
    ] = KeyKind.RSA2048,
) -> None:
    """Write root, issuing CA and organs' keys; keys 0600, folders 0700; overwrite nothing."""
    from keys.certificates import load_pem

    named = dict(_organ(text) for text in organs) if organs else DEMO_ORGANS
    if not folder.exists() or not any((folder / name).exists() for name in ("root.pem", *named)):
        made = _made(named, session.now(), key)
    else:
        raise Conflict(
            f"{folder} holds a CA already; nothing was written",
            f"{folder} đã có CA; không ghi gì",
        )
    for name, data in made.items():
        path = folder / name
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        files.write(path, data, 0o600 if name.endswith("key.pem") else 0o644)
    issuer = load_pem(made["issuing.pem"])[0].fingerprint
    _print_made(folder, named, issuer)


def _made(named: Mapping[str, str], now: datetime, key: KeyKind) -> Mapping[str, bytes]:
    from keys import demo_ca as maker
    from keys.errors import CertificateUnusable

    try:
        return maker.demo_ca(named, now=now, key=key.value)
    except CertificateUnusable as error:
        raise typer.BadParameter(str(error)) from error


def _organ(text: str) -> tuple[str, str]:
    organ, _, name = text.partition("=")
    return organ, name or DEMO_ORGANS.get(organ, organ)


def _print_made(folder: Path, named: Mapping[str, str], issuer: str) -> None:
    show.out(str(folder))
    rows = [
        (
            "root.pem",
            say("chứng thư gốc: đưa vào trust và --trust", "trust anchor: for trust and --trust"),
        ),
        ("issuing.pem", say("CA cấp chứng thư cho cơ quan", "issues to the organs")),
    ]
    rows += [(f"{organ}/key.pem, chain.pem", name) for organ, name in named.items()]
    show.facts(rows)
    show.note(
        say(
            "Chỉ để thử (DEMO): không dùng cho văn bản thật. Trong danh mục cơ quan:",
            "For trying out only (DEMO), not for real documents. In the directory of organs:",
        )
    )
    show.note(f'  subject_rule = true\n  issuers = ["{issuer}"]')


def show_file(
    path: Annotated[Path, typer.Argument(metavar=say("TỆP", "FILE"), help="PEM")],
    as_json: options.Json = False,
) -> None:
    """Print what is in a PEM file."""
    from keys.certificates import Certificate, pem_blocks

    data = files.read_bounded(path, PEM_BYTES)
    certificates: list[Certificate] = []
    others: list[str] = []
    for label, der in pem_blocks(data):
        if label == "CERTIFICATE":
            certificates.append(Certificate.from_der(der))
        else:
            others.append(label)
    mode = stat.S_IMODE(path.stat().st_mode)
    if as_json:
        show.emit(
            "keys-show",
            {
                "file": str(path),
                "mode": f"{mode:04o}",
                "certificates": [_json(one) for one in certificates],
                "others": others,
            },
        )
        return
    for one in certificates:
        show.out(show.paint(show.plain(one.subject), "bold"))
        show.facts(_facts(one))
    for label in others:
        show.out(f"{label}: {say('không in ra', 'not printed')}; {say('quyền', 'mode')} {mode:04o}")
        if "PRIVATE KEY" in label and mode & 0o077:
            show.note(say(f"cảnh báo: chạy chmod 600 {path}", f"warning: run chmod 600 {path}"))
    if not certificates and not others:
        show.note(say(f"{path}: không có khối PEM nào", f"{path}: holds no PEM block"))
        raise typer.Exit(exits.Exit.NEGATIVE)


def _facts(one: Certificate) -> list[tuple[str, str]]:
    yes, no = say("có", "yes"), say("không", "no")
    return [
        (say("Mã cơ quan", "Organ"), one.organ_id or say("(không ghi)", "(none)")),
        (say("Cấp bởi", "Issuer"), one.issuer),
        (say("Số sê-ri", "Serial"), one.serial),
        (say("Hiệu lực", "Valid"), f"{show.moment(one.not_before)} → {show.moment(one.not_after)}"),
        ("SHA-256", one.fingerprint),
        ("CA", yes if one.is_ca else no),
        (
            say("Được ký văn bản", "May sign documents"),
            yes if one.may_sign and not one.is_ca else no,
        ),
        (say("Tự ký", "Self-signed"), yes if one.is_self_signed else no),
    ]


def _json(one: Certificate) -> dict[str, object]:
    return {
        "subject": one.subject,
        "issuer": one.issuer,
        "serial": one.serial,
        "organ_id": one.organ_id or None,
        "not_before": one.not_before,
        "not_after": one.not_after,
        "sha256": one.fingerprint,
        "is_ca": one.is_ca,
        "is_self_signed": one.is_self_signed,
        "may_sign": one.may_sign and not one.is_ca,
    }
