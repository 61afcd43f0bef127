"""How a command is added, options that several share, and the parsing of times and dates."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from . import exits
from .show import LOCAL
from .words import say

Json = Annotated[
    bool, typer.Option("--json", help=say("in một tài liệu JSON", "print one JSON document"))
]
Ref = Annotated[
    str,
    typer.Argument(
        metavar="REF",
        help=say(
            "mã theo dõi, phần đầu của mã, hoặc số ký hiệu (98/QĐ-UBND)",
            "tracking id, its first characters, or the number (98/QĐ-UBND)",
        ),
    ),
]
Force = Annotated[
    bool, typer.Option("--force", help=say("ghi đè tệp đã có", "overwrite what is there"))
]
Names = Annotated[
    Path | None,
    typer.Option(
        "--directory",
        metavar=say("TỆP", "FILE"),
        help=say("danh mục cơ quan, để ghi tên", "directory of organs, for their names"),
    ),
]
Limit = Annotated[
    int,
    typer.Option(
        "--limit", min=1, max=10_000, metavar="N", help=say("số dòng nhiều nhất", "most lines")
    ),
]
READ_LIMIT = 64 * 1024 * 1024  # bytes read of a file; the exchange itself carries 8 MiB today
LimitBytes = Annotated[
    int,
    typer.Option(
        "--limit",
        min=1,
        metavar="BYTE",
        help=say("không đọc quá số byte này của một tệp", "read no more bytes of a file than this"),
    ),
]
File = Annotated[
    Path,
    typer.Option(
        "-o", "--output", metavar=say("TỆP", "FILE"), help=say("tệp ghi ra", "file to write")
    ),
]
Folder = Annotated[
    Path,
    typer.Option(
        "-o",
        "--output",
        metavar=say("THƯ_MỤC", "DIR"),
        help=say("thư mục ghi ra", "folder to write"),
    ),
]


class RevocationPolicy(StrEnum):
    """What missing revocation data decides; what is known to be revoked always counts."""

    OFF = "off"
    CHECK = "check"
    REQUIRED = "required"


Revocation = Annotated[
    RevocationPolicy,
    typer.Option(
        "--revocation",
        help=say(
            "khi thiếu dữ liệu thu hồi: off, check (nêu ra, vẫn đạt), required (chưa xác định)",
            "when revocation data is missing: off, check (told, still passes), required "
            "(indeterminate)",
        ),
    ),
]
EvidenceFiles = Annotated[
    list[Path] | None,
    typer.Option(
        "--evidence",
        metavar=say("TỆP|THƯ_MỤC", "FILE|DIR"),
        help=say(
            "CRL, trả lời OCSP đã có: tệp hoặc thư mục; ghi được nhiều lần",
            "CRLs and OCSP answers at hand: a file or a folder; may be given several times",
        ),
    ),
]

TsaTrust = Annotated[
    Path | None,
    typer.Option(
        "--tsa-trust",
        metavar="PEM|DIR",
        help=say(
            "chứng thư gốc của máy chủ dấu thời gian (mặc định: như --trust)",
            "anchors of timestamping authorities (default: those of --trust)",
        ),
    ),
]


def add(app: typer.Typer, name: str, command: Callable[..., None], vi: str, en: str) -> None:
    """Add a command with its help in the language spoken; the exit codes end it."""
    app.command(name, help=say(vi, en), epilog=exits.epilog())(command)


def moment(text: str) -> datetime:
    """A time as RFC 3339 with its zone. Raises typer.BadParameter."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        time = None
    if time is None or time.tzinfo is None:
        raise typer.BadParameter(
            say(
                f"{text!r}: viết 2026-11-22T08:00:00+07:00 (có múi giờ)",
                f"{text!r}: write 2026-11-22T08:00:00+07:00 (with its zone)",
            )
        )
    return time


def day(text: str) -> date:
    """A date, 2026-11-22 or 22/11/2026. Raises typer.BadParameter."""
    vietnamese = re.fullmatch(r"([0-9]{1,2})/([0-9]{1,2})/([0-9]{4})", text)
    try:
        if vietnamese:
            return date(int(vietnamese[3]), int(vietnamese[2]), int(vietnamese[1]))
        return date.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(
            say(
                f"{text!r}: viết 22/11/2026 hoặc 2026-11-22",
                f"{text!r}: write 2026-11-22 or 22/11/2026",
            )
        ) from error


def today(now: datetime) -> date:
    """The date in Vietnam."""
    return now.astimezone(LOCAL).date()


def span(text: str) -> timedelta:
    """A length of time as "90s", "5m", "72h". Raises typer.BadParameter."""
    from ..edges.tomlfile import duration

    try:
        return duration(text)
    except ValueError as error:
        raise typer.BadParameter(
            say(f'{text!r}: viết "90s", "5m", "72h"', f'{text!r}: write "90s", "5m", "72h"')
        ) from error
