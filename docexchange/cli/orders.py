"""What the commands of the person who runs the node share: who they are, why, and to whom."""

from __future__ import annotations

import getpass
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from ..core.errors import NotFound
from . import show
from .words import say

if TYPE_CHECKING:
    from ..core.model import DeliveryView, Order, QueueLine

_Delivery = TypeVar("_Delivery", "DeliveryView", "QueueLine")
DryRun = Annotated[
    bool,
    typer.Option(
        "--dry-run", help=say("chỉ nói sẽ làm gì, không đổi gì", "only say what would be done")
    ),
]
Reason = Annotated[
    str,
    typer.Option(
        "--reason",
        metavar=say("CHỮ", "TEXT"),
        help=say("vì sao; ghi vào nhật ký", "why; it goes into the journal"),
    ),
]
To = Annotated[
    str,
    typer.Option(
        "--to",
        metavar="ORGAN,...",
        help=say("chỉ những nơi nhận này", "only these recipients"),
    ),
]
MaybeRef = Annotated[
    str,
    typer.Argument(
        metavar="[REF]",
        help=say("một văn bản đi; hoặc --to cho cả nơi nhận", "a sent document; or --to"),
    ),
]


def order(reason: str, environment: Mapping[str, str] | None = None) -> Order:
    """Who gives it, by the name they logged in with, and why."""
    from ..core.model import Order

    names = os.environ if environment is None else environment
    user = getpass.getuser()
    behind = names.get("SUDO_USER", "")
    return Order(f"{behind} ({user})" if behind and behind != user else user, reason.strip())


def needed(reason: str) -> str:
    """A reason that must be given. Raises typer.BadParameter."""
    if not reason.strip():
        raise typer.BadParameter(
            say("nêu lý do; lý do được ghi vào nhật ký", "say why; it goes into the journal"),
            param_hint="--reason",
        )
    return reason


def organs(text: str) -> tuple[str, ...]:
    """OrganIds of a comma separated option, each once."""
    return tuple(dict.fromkeys(one.strip() for one in text.split(",") if one.strip()))


def target(ref: str, to: Sequence[str]) -> None:
    """A command is about a document, or about destinations. Raises typer.BadParameter."""
    if not ref and not to:
        raise typer.BadParameter(
            say(
                "nêu một văn bản (REF), hoặc nơi nhận (--to)",
                "name a document (REF), or destinations (--to)",
            )
        )


def recipients(lines: Sequence[_Delivery], to: Sequence[str]) -> list[_Delivery]:
    """The deliveries of a document that are meant. Raises NotFound, naming those there are."""
    known = {one.to_organ for one in lines}
    strange = [organ for organ in to if organ not in known]
    if strange:
        listed = ", ".join(sorted(known))
        raise NotFound(
            f"not sent to {', '.join(strange)}; sent to: {listed}",
            f"không gửi cho {', '.join(strange)}; đã gửi cho: {listed}",
        )
    return [one for one in lines if not to or one.to_organ in to]


def tell(
    name: str, facts: Mapping[str, object], lines: Sequence[str], dry_run: bool, *, as_json: bool
) -> None:
    """What was done, or with `dry_run` would be: for machines or for people."""
    if as_json:
        show.emit(name, facts)
        return
    for line in lines:
        show.out(show.plain(line))
    if dry_run:
        show.note(say("chưa đổi gì (--dry-run)", "nothing was changed (--dry-run)"))


def tell_document(
    name: str,
    tracking_id: str,
    organs: Sequence[str],
    told: str,
    dry_run: bool,
    *,
    as_json: bool,
) -> None:
    """`tell` of a document and its recipients."""
    facts = {"tracking_id": tracking_id, "dry_run": dry_run, "organs": list(organs)}
    tell(name, facts, [f"{organ}: {told}" for organ in organs], dry_run, as_json=as_json)
