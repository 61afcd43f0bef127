"""`doctor`: is the node healthy, and if not, what to do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from . import exits, options, probes, session, show
from .probe import Found, Patient, Verdict
from .words import say

_SIGNS = {
    Verdict.GOOD: ("✔", "good"),
    Verdict.WARNING: ("▲", "open"),
    Verdict.BAD: ("✖", "bad"),
    Verdict.NOT_HERE: ("–", ""),
}
_NAMES = {
    "config": ("cấu hình", "config"),
    "directory": ("danh mục", "directory"),
    "clock": ("đồng hồ", "clock"),
    "disk": ("đĩa", "disk"),
    "quota": ("hạn mức", "quota"),
    "store": ("kho dữ liệu", "store"),
    "daemon": ("tiến trình", "daemon"),
    "broker": ("broker", "broker"),
    "queues": ("hàng đợi", "queues"),
    "destinations": ("nơi nhận", "destinations"),
    "attention": ("cần người xem", "attention"),
    "timestamps": ("dấu thời gian", "timestamps"),
    "revocation": ("thu hồi", "revocation"),
    "witnesses": ("làm chứng", "witnesses"),
}


def register(app: typer.Typer) -> None:
    """Add the command."""
    options.add(
        app,
        "doctor",
        doctor,
        "Nút có khoẻ không: cấu hình, khoá, đồng hồ, đĩa, kho, broker, nơi nhận. Mã thoát 1 nếu có "
        "lỗi; mỗi lỗi kèm việc cần làm.",
        "Is the node healthy: config, keys, clock, disk, store, broker, destinations. Exit code 1 "
        "when something is wrong; each says what to do.",
    )


def doctor(
    only: Annotated[
        str,
        typer.Option(
            "--only",
            metavar=",".join(["NAME", "..."]),
            help=say("chỉ những mục này: ", "only these: ") + ", ".join(probes.PROBES),
        ),
    ] = "",
    as_json: options.Json = False,
) -> None:
    """Run the probes and print each as it ends."""
    chosen = frozenset(one.strip() for one in only.split(",") if one.strip())
    if strange := sorted(chosen - set(probes.PROBES)):
        known = ", ".join(probes.PROBES)
        raise typer.BadParameter(f"{', '.join(strange)}? {known}", param_hint="--only")
    found: list[Found] = []
    with session.open_store() as (config, store):
        for one in probes.examine(Patient(config, store, session.now()), chosen):
            found.append(one)
            if not as_json:
                _print(one)
    bad = sum(one.verdict is Verdict.BAD for one in found)
    warnings = sum(one.verdict is Verdict.WARNING for one in found)
    if as_json:
        _emit(found, bad, warnings)
    else:
        text = say(f"{bad} lỗi, {warnings} cảnh báo", f"{bad} bad, {warnings} warning(s)")
        show.out(show.paint(text, "bad" if bad else "open" if warnings else "good"))
    if bad:
        raise typer.Exit(exits.Exit.NEGATIVE)


def _print(one: Found) -> None:
    sign, colour = _SIGNS[one.verdict]
    name = say(*_NAMES[one.name])
    mark = show.paint(sign, colour) if colour else sign
    padded = name + " " * max(1, 15 - show.width(name))
    show.out(f"{mark} {padded}{show.plain(one.detail)}")
    if one.remedy:
        show.out(f"  {' ' * 15}→ {show.plain(one.remedy)}")


def _emit(found: Sequence[Found], bad: int, warnings: int) -> None:
    show.emit(
        "doctor",
        {
            "healthy": bad == 0,
            "bad": bad,
            "warnings": warnings,
            "probes": [
                {
                    "name": one.name,
                    "verdict": one.verdict.value,
                    "detail": one.detail,
                    "remedy": one.remedy or None,
                }
                for one in found
            ],
        },
    )
