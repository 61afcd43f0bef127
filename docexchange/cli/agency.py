"""`agency list|show|ping`: organs of the directory, how it goes with each, and a test of one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..core.errors import NotFound
from . import agency_ping, options, session, show
from .words import say

if TYPE_CHECKING:
    from ..core.model import DestinationHold, Pause
    from ..core.ports import Organ
    from ..edges.store import SqlStore

OrganId = Annotated[str, typer.Argument(metavar="ORGAN", help=say("mã cơ quan", "OrganId"))]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    from .commands import new_group

    group = new_group(
        say("Các cơ quan trong danh mục: xem, thử đường truyền.", "Organs: look, test the path.")
    )
    options.add(
        group,
        "list",
        list_organs,
        "Các cơ quan trong danh mục; bao nhiêu văn bản đang chờ, biên nhận gần nhất.",
        "The organs of the directory; how much waits for each, when it answered last.",
    )
    options.add(
        group,
        "show",
        show_organ,
        "Một cơ quan: nút, chứng thư được ký thay, vì sao chưa gửi được.",
        "One organ: its node, whose certificate speaks for it, why nothing leaves.",
    )
    options.add(
        group,
        "ping",
        agency_ping.ping,
        "Gửi gói tin kiểm tra có chữ ký qua toàn bộ đường truyền và chờ trả lời có chữ ký. Không "
        "vào hộp đến của văn thư nào.",
        "Send a signed test through the whole path and wait for the signed answer. No mailroom "
        "ever gets it.",
    )
    app.add_typer(group, name="agency")


@dataclass(frozen=True, slots=True)
class _Traffic:
    """How it goes with the destinations."""

    waiting: Mapping[str, int]
    oldest: Mapping[str, datetime]
    heard: Mapping[str, datetime]
    pauses: Mapping[str, Pause]
    holds: Mapping[str, DestinationHold]

    @classmethod
    def of(cls, store: SqlStore, now: datetime) -> _Traffic:
        waiting: dict[str, int] = {}
        oldest: dict[str, datetime] = {}
        for one in (*store.operator.shape(now), *store.operator.shape(now, sent=True)):
            waiting[one.organ] = waiting.get(one.organ, 0) + one.count
            oldest[one.organ] = min(oldest.get(one.organ, one.oldest), one.oldest)
        return cls(
            waiting,
            oldest,
            store.operator.heard(),
            {one.organ: one for one in store.outgoing.pauses()},
            {one.organ: one for one in store.outgoing.holds()},
        )

    def state(self, organ: str) -> str:
        """Why nothing leaves for an organ, for machines."""
        if organ in self.holds:
            return "held"
        return "paused" if organ in self.pauses or "" in self.pauses else "open"


_STATES = {
    "open": ("thông", "open"),
    "paused": ("tạm ngừng", "paused"),
    "held": ("giữ lại", "held"),
}


def list_organs(as_json: options.Json = False) -> None:
    """List the organs that are not closed, and of the closed ones the successor."""
    with session.open_store() as (config, store):
        traffic = _Traffic.of(store, session.now())
        organs = sorted(session.load_directory(config).organs(), key=lambda one: one.organ_id)
        ours = frozenset(config.organs)
    if as_json:
        facts = [_json(one, traffic, ours) for one in organs]
        show.emit("agency-list", {"organs": facts})
        return
    show.table(
        [
            say("MÃ", "ORGAN"),
            say("TÊN", "NAME"),
            say("NÚT", "NODE"),
            say("ĐƯỜNG", "PATH"),
            say("ĐANG CHỜ", "WAITING"),
            say("CŨ NHẤT", "OLDEST"),
            say("BIÊN NHẬN GẦN NHẤT", "LAST RECEIPT"),
        ],
        [_row(one, traffic, ours) for one in organs],
    )


def _row(one: Organ, traffic: _Traffic, ours: frozenset[str]) -> list[str]:
    organ = one.organ_id
    if one.closed:
        closed = say(f"đã đóng → {one.successor}", f"closed → {one.successor}")
        return [organ, show.short(one.name, 30), "–", closed, "", "", ""]
    here = say("nút này", "this node") if organ in ours else say(*_STATES[traffic.state(organ)])
    waiting = traffic.waiting.get(organ, 0)
    oldest = traffic.oldest.get(organ)
    return [
        organ,
        show.short(one.name, 30),
        one.node,
        here,
        f"{waiting:,}" if waiting else "·",
        show.minute(oldest) if oldest else "",
        show.minute(traffic.heard.get(organ)),
    ]


def show_organ(organ: OrganId, as_json: options.Json = False) -> None:
    """Show one organ of the directory. Raises NotFound."""
    from .rollup import explain_pause

    with session.open_store() as (config, store):
        traffic = _Traffic.of(store, session.now())
        found = session.load_directory(config).find(organ)
        ours = frozenset(config.organs)
    if found is None:
        raise NotFound(
            f"the directory has no organ {organ}: docexchange agency list",
            f"danh mục không có cơ quan {organ}: docexchange agency list",
        )
    if as_json:
        show.emit("agency-show", _json(found, traffic, ours) | _binding(found))
        return
    show.out(show.paint(show.plain(f"{found.organ_id} · {found.name}"), "bold"))
    waiting = traffic.waiting.get(organ, 0)
    hold, pause = traffic.holds.get(organ), traffic.pauses.get(organ) or traffic.pauses.get("")
    show.facts(
        [
            (say("Nút", "Node"), found.node),
            (say("Đã đóng, kế tục", "Closed, successor"), found.successor if found.closed else ""),
            (say("Đang chờ", "Waiting"), f"{waiting:,}" if waiting else ""),
            (say("Cũ nhất từ", "Oldest since"), _maybe(traffic.oldest.get(organ))),
            (say("Biên nhận gần nhất", "Last receipt"), _maybe(traffic.heard.get(organ))),
            (say("Giữ lại", "Held"), f"{hold.by}: {hold.why}" if hold else ""),
            (
                say("Tạm ngừng", "Paused"),
                explain_pause(pause, lambda name: name, session.now()) if pause else "",
            ),
            *((say("Chứng thư", "Certificate"), text) for text in _certificates(found)),
        ]
    )


def _maybe(time: datetime | None) -> str:
    return show.moment(time) if time else ""


def _certificates(one: Organ) -> Sequence[str]:
    """Whose certificate speaks for it, in words."""
    found = []
    for fingerprint, (begins, ends) in sorted(one.fingerprints.items()):
        window = f"{show.minute(begins)} – {show.minute(ends)}" if begins or ends else ""
        found.append(f"SHA-256 {fingerprint[:16]}…  {window}".rstrip())
    if one.subject_rule:
        found.append(
            say(
                f"mọi chứng thư mang mã này, do {len(one.issuers)} CA cấp",
                f"every certificate with this code, issued by {len(one.issuers)} named CA(s)",
            )
        )
    return found


def _json(one: Organ, traffic: _Traffic, ours: frozenset[str]) -> dict[str, Any]:
    return {
        "organ": one.organ_id,
        "name": one.name,
        "node": one.node or None,
        "ours": one.organ_id in ours,
        "closed": one.closed,
        "successor": one.successor or None,
        "path": traffic.state(one.organ_id),
        "waiting": traffic.waiting.get(one.organ_id, 0),
        "oldest": traffic.oldest.get(one.organ_id),
        "last_receipt": traffic.heard.get(one.organ_id),
    }


def _binding(one: Organ) -> dict[str, Any]:
    return {
        "certificates": [
            {"sha256": fingerprint, "from": begins, "until": ends}
            for fingerprint, (begins, ends) in sorted(one.fingerprints.items())
        ],
        "subject_rule": one.subject_rule,
        "issuers": sorted(one.issuers),
    }
