"""`keys`: the group, and `keys demo-ca`: keys and certificates for trying out."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from ..core.errors import Conflict
from . import files, keys_check, keys_expiring, keys_make, keys_show, options, session, show
from .keys_make import KeyKind
from .words import say

DEMO_ORGANS: Mapping[str, str] = {
    "H01": "UBND tỉnh An Giang",
    "H05": "UBND tỉnh Bắc Ninh",
    "H13": "UBND thành phố Cần Thơ",
}


def register(app: typer.Typer) -> None:
    """Add the commands."""
    from .commands import new_group

    group = new_group(say("Khoá và chứng thư.", "Keys and certificates."))
    keys_make.register(group)
    keys_show.register(group)
    keys_check.register(group)
    keys_expiring.register(group)
    options.add(
        group,
        "demo-ca",
        demo_ca,
        "Tạo CA thử nghiệm (DEMO) và khoá của từng cơ quan. Không dùng cho văn bản thật.",
        "Make a DEMO CA and a key for each organ. Not for real documents.",
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
