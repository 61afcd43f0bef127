"""`codes list|show|types`: the lists of the decrees, for a clerk who asks what H02 is now.

They need no config and no store. What a node's own directory says counts more; it is not asked.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import exits, options, show
from .words import say, spoken

if TYPE_CHECKING:
    from envelopes.codes.document_types import DocumentTypeName
    from envelopes.codes.level_one import Evidence, LevelOne
    from envelopes.codes.organ import OrganCode


class Only(StrEnum):
    """What `codes list --status` keeps."""

    ACTIVE = "active"
    CLOSED = "closed"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    from .commands import new_group

    group = new_group(
        say(
            "Mã định danh cơ quan và tên loại văn bản theo quy định.",
            "Codes of organs and types of documents, as the decrees list them.",
        )
    )
    options.add(
        group,
        "list",
        list_codes,
        "Mã cấp 1: của ai, đang dùng hay đã đóng, mã nào thay.",
        "Level 1 codes: whose, active or closed, who took over.",
    )
    options.add(
        group,
        "show",
        show_code,
        "Một mã (H02, H02.12, 000.00.12.H02): đúng dạng không, của ai, bây giờ là mã nào.",
        "One code (H02, H02.12, 000.00.12.H02): is it one, whose, which code it is now.",
    )
    options.add(
        group,
        "types",
        types,
        "29 loại văn bản hành chính và chữ viết tắt (NĐ 30/2020/NĐ-CP).",
        "The 29 types of administrative documents with abbreviations (NĐ 30/2020/NĐ-CP).",
    )
    app.add_typer(group, name="codes")


def list_codes(
    status: Annotated[
        Only | None,
        typer.Option("--status", metavar="active|closed", help=say("chỉ mã này", "only these")),
    ] = None,
    block: Annotated[
        str,
        typer.Option(
            "--block",
            metavar=say("CHỮ", "LETTER"),
            help=say(
                "chỉ khối này: G bộ, H UBND tỉnh, K HĐND tỉnh, ...",
                "only this block: G ministries, H provinces, K people's councils, ...",
            ),
        ),
    ] = "",
    as_json: options.Json = False,
) -> None:
    """List the level 1 codes."""
    from envelopes.codes.level_one import level_one_codes

    wanted = [
        one
        for one in level_one_codes().values()
        if one.code.startswith(block.upper()) and (not status or _status(one) is status)
    ]
    if as_json:
        show.emit("codes-list", {"codes": [_json(one) for one in wanted]})
        return
    if not wanted:
        show.note(say("không có mã nào như vậy", "there is no such code"))
        return
    show.table(
        [
            say("MÃ", "CODE"),
            say("CƠ QUAN", "ORGAN"),
            say("TRẠNG THÁI", "STATUS"),
            say("TỪ NGÀY", "SINCE"),
            say("MÃ THAY", "SUCCESSOR"),
        ],
        [
            [
                one.code,
                show.short(one.name or "–", 48),
                _standing(one),
                f"{one.since:%d/%m/%Y}",
                one.successor or "",
            ]
            for one in wanted
        ],
    )
    show.note(
        say(
            "Danh mục của nút được ưu tiên hơn danh sách này. `codes show MÃ` cho biết căn cứ.",
            "A node's directory counts more than this list. `codes show CODE` tells the source.",
        )
    )


def show_code(
    code: Annotated[
        str, typer.Argument(metavar=say("MÃ", "CODE"), help=say("mã định danh", "organ's code"))
    ],
    as_json: options.Json = False,
) -> None:
    """Show what a code is."""
    from envelopes.codes import level_one, organ

    parsed, found = organ.parse(code), level_one.find(code)
    if as_json:
        show.emit("codes-show", _answer(code, parsed, found))
    else:
        _print(code, parsed, found)
    if parsed is None:
        raise typer.Exit(exits.Exit.NEGATIVE)
    if found is None:
        raise typer.Exit(exits.Exit.NOT_FOUND)


def _print(code: str, parsed: OrganCode | None, found: LevelOne | None) -> None:
    from envelopes.codes import organ
    from envelopes.codes.level_one import find

    fault, odd = organ.problem(code), organ.oddity(code)
    if parsed is None:
        why = fault.get(spoken()) if fault else ""
        not_one = say("không phải mã định danh", "not an organ's code")
        show.note(f"{organ.shown(code) or '–'}: {not_one}: {show.plain(why)}")
        return
    if odd is not None:
        show.note(f"{code}: {odd.get(spoken())}")
    if found is None:
        show.note(
            say(
                f"{code}: danh sách mã cấp 1 kèm chương trình không có mã này",
                f"{code}: the list of level 1 codes of this program does not have it",
            )
        )
        return
    successor = find(found.successor) if found.successor else None
    now = f"{successor.code} {successor.name}" if successor else ""
    below = "" if found.code == code else say(f"thuộc {found.code}", f"below {found.code}")
    show.out(show.paint(" · ".join(filter(None, (code, below, found.name or "–"))), "bold"))
    show.facts(
        [
            (say("Dạng mã", "Form"), say(*_FORMS[parsed.form])),
            (
                say("Trạng thái", "Status"),
                f"{_standing(found)} · {say('từ', 'since')} {found.since:%d/%m/%Y}"
                f" · {_evidence(found.standing_by)}",
            ),
            (
                say("Bây giờ là", "Now"),
                f"{now} · {_evidence(found.successor_by)}"
                if found.successor_by
                else (
                    "" if found.active else say("chưa biết mã nào thay", "no successor is known")
                ),
            ),
            (say("Căn cứ", "Source"), found.source),
        ]
    )


_FORMS = {
    "new": ("QĐ 20/2020/QĐ-TTg", "QĐ 20/2020/QĐ-TTg"),
    "old": ("mã cũ 13 ký tự (QCVN 102:2016)", "old, 13 characters (QCVN 102:2016)"),
    "other": ("tổ chức khác (QĐ 20/2020 Điều 6)", "other organization (QĐ 20/2020 Art 6)"),
    "odd": ("không theo quy định", "of no decree"),
}


def _status(one: LevelOne) -> Only:
    return Only.ACTIVE if one.active else Only.CLOSED


def _standing(one: LevelOne) -> str:
    known = {
        "active": ("đang dùng", "active"),
        "closed": ("đã đóng", "closed"),
        "merged": ("đã đóng, sáp nhập", "closed, merged"),
    }
    return say(*known[one.standing])


def _evidence(how: Evidence) -> str:
    known = {
        "decree": ("theo quyết định", "as a decree says"),
        "believed": ("theo hiểu biết chung, chưa đối chiếu văn bản", "believed, no text at hand"),
    }
    return say(*known[how])


def _json(one: LevelOne) -> dict[str, Any]:
    return {
        "code": one.code,
        "name": one.name or None,
        "status": one.standing.value,
        "active": one.active,
        "since": one.since.isoformat(),
        "status_by": one.standing_by.value,
        "successor": one.successor or None,
        "successor_by": one.successor_by.value if one.successor_by else None,
        "source": one.source,
    }


def _answer(code: str, parsed: OrganCode | None, found: LevelOne | None) -> dict[str, Any]:
    from envelopes.codes import organ

    fault = organ.problem(code) or organ.oddity(code)
    return {
        "code": code,
        "is_code": parsed is not None,
        "form": parsed.form.value if parsed else None,
        "remark": {"vi": fault.vi, "en": fault.en} if fault else None,
        "level_one": _json(found) if found else None,
    }


def types(as_json: options.Json = False) -> None:
    """List the document types."""
    from envelopes.codes.document_types import Group, document_types

    if as_json:
        show.emit("codes-types", {"types": [_type_json(one) for one in document_types()]})
        return
    show.table(
        [say("TÊN LOẠI", "TYPE"), say("VIẾT TẮT", "ABBREVIATION"), say("MÃ LƯU TRỮ", "ARCHIVE")],
        [
            [one.name, one.abbreviation or "–", one.archive_code]
            for one in document_types()
            if one.group is Group.ADMINISTRATIVE
        ],
    )
    legal = ", ".join(one.name for one in document_types() if one.group is Group.NORMATIVE)
    show.note(say(f"Cũng nhận: {legal}", f"Also known: {legal}"))


def _type_json(one: DocumentTypeName) -> dict[str, str | None]:
    return {
        "name": one.name,
        "abbreviation": one.abbreviation or None,
        "group": one.group.value,
        "archive_code": one.archive_code or None,
        "source": one.source,
    }
