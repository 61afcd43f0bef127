"""`topology plan|apply|check|definitions`: what must stand on the brokers."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections import Counter
from collections.abc import Coroutine, Iterator, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, TypeVar
from urllib.parse import quote, unquote, urlsplit

import typer

from ..core.errors import Deferred
from . import exits, options, session, show
from .words import say

if TYPE_CHECKING:
    from ..config import Config
    from ..edges.topology import Topology
    from ..edges.topology_plan import Step

T = TypeVar("T")

VARIABLE = "DOCEXCHANGE_TOPOLOGY_URL"

Url = Annotated[
    str,
    typer.Option(
        "--url",
        metavar="amqps://ADMIN@HOST/VHOST",
        help=say(
            f"trục, với tài khoản quản trị (hoặc {VARIABLE}); mật khẩu được hỏi nếu không ghi",
            f"the axis with an administrator's login (or {VARIABLE}); a password not written "
            "is asked for",
        ),
    ),
]
MailroomUrl = Annotated[
    str,
    typer.Option(
        "--mailroom-url",
        metavar="amqps://ADMIN@HOST",
        help=say("broker của văn thư, không có vhost", "the mailrooms' broker, without a vhost"),
    ),
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    from .commands import new_group

    group = new_group(say("Hàng đợi và định tuyến trên broker.", "Queues and routes on brokers."))
    options.add(
        group,
        "apply",
        apply,
        "Tạo trên broker những gì còn thiếu: mọi nút trong danh mục, hộp văn thư của nút này.",
        "Make what is missing: all nodes of the directory, the mailrooms of this node.",
    )
    options.add(
        group,
        "check",
        check,
        "Xem trên broker còn thiếu gì; không thay đổi gì.",
        "Look what is missing on the brokers; changes nothing.",
    )
    options.add(
        group,
        "plan",
        plan,
        "Xem apply sẽ tạo gì, và cái gì đã có nhưng khác; không thay đổi gì.",
        "Look what apply would make, and what stands there but differs; changes nothing.",
    )
    options.add(
        group,
        "definitions",
        definitions,
        "In định nghĩa cho `rabbitmqctl import_definitions`; người dùng không có mật khẩu.",
        "Print definitions for `rabbitmqctl import_definitions`; users have no password.",
    )
    app.add_typer(group, name="topology")


def apply(url: Url = "", mailroom_url: MailroomUrl = "", as_json: options.Json = False) -> None:
    """Declare and bind; what stands already stays."""
    from ..edges import topology

    made = []
    for name, address, wanted in places(session.load_config(), url, mailroom_url):
        _run(topology.apply(address, wanted))
        made.append((name, wanted.lines()))
    if as_json:
        show.emit("topology-apply", {"vhosts": [{"name": n, "objects": o} for n, o in made]})
        return
    for name, lines in made:
        show.out(f"{show.paint('✔', 'good')} {name}: {len(lines)} {say('mục', 'objects')}")
        for line in lines if session.current.verbose else ():
            show.out(f"  {line}")


def check(url: Url = "", mailroom_url: MailroomUrl = "", as_json: options.Json = False) -> None:
    """Look for what is missing."""
    from ..edges import topology

    found = [
        (name, _run(topology.check(address, wanted)))
        for name, address, wanted in places(session.load_config(), url, mailroom_url)
    ]
    missing = any(lines for _, lines in found)
    if as_json:
        show.emit("topology-check", {"vhosts": [{"name": n, "missing": m} for n, m in found]})
    else:
        for name, lines in found:
            good = show.paint("✔", "good") + f" {name}: {say('đủ', 'complete')}"
            bad = show.paint("✖", "bad") + f" {name}: {say('còn thiếu', 'missing')}"
            show.out(bad if lines else good)
            for line in lines:
                show.out(f"  {line}")
    raise typer.Exit(exits.Exit.NEGATIVE if missing else exits.Exit.DONE)


def plan(
    url: Url = "",
    mailroom_url: MailroomUrl = "",
    offline: Annotated[
        bool,
        typer.Option(
            "--offline",
            help=say("không hỏi broker: coi như chưa có gì", "ask no broker: as if nothing stood"),
        ),
    ] = False,
    as_json: options.Json = False,
) -> None:
    """What apply would do; exit 1 if it would refuse."""
    from ..edges import topology_plan

    found = [
        (
            name,
            topology_plan.from_nothing(wanted)
            if offline
            else _run(topology_plan.plan(address, wanted)),
        )
        for name, address, wanted in places(session.load_config(), url, mailroom_url)
    ]
    differs = any(step.deed is topology_plan.Deed.DIFFERS for _, steps in found for step in steps)
    if as_json:
        show.emit("topology-plan", {"vhosts": [_planned(name, steps) for name, steps in found]})
    else:
        for name, steps in found:
            _show_plan(name, steps)
    raise typer.Exit(exits.Exit.NEGATIVE if differs else exits.Exit.DONE)


def _planned(name: str, steps: Sequence[Step]) -> dict[str, object]:
    return {
        "name": name,
        "steps": [{"deed": one.deed, "object": one.thing, "why": one.why} for one in steps],
    }


def _show_plan(name: str, steps: Sequence[Step]) -> None:
    """A line per object that apply touches; what stays as it is only with -v."""
    from ..edges.topology_plan import Deed

    words = {
        Deed.CREATE: show.paint("+ " + say("tạo", "create"), "good"),
        Deed.KEEP: "= " + say("giữ", "keep"),
        Deed.UNSEEN: "? " + say("đã có, không so được", "stands, not compared"),
        Deed.BIND: "~ " + say("gắn", "bind"),
        Deed.DIFFERS: show.paint("✖ " + say("khác", "differs"), "bad"),
    }
    counts = Counter(step.deed for step in steps)
    summary = ", ".join(f"{counts[deed]} {deed}" for deed in Deed if counts[deed])
    show.out(f"{name}: {summary}")
    for step in steps:
        if step.deed in (Deed.CREATE, Deed.DIFFERS) or session.current.verbose:
            why = f"  ({step.why})" if step.why else ""
            show.out(f"  {words[step.deed]}  {step.thing}{why}")


class Part(StrEnum):
    """What stands on one broker, where the axis and the mailrooms have two."""

    ALL = "all"
    AXIS = "axis"
    MAILROOMS = "mailrooms"


def definitions(
    part: Annotated[
        Part,
        typer.Option(
            "--part",
            help=say("phần nào, nếu có hai broker", "which part, where there are two brokers"),
        ),
    ] = Part.ALL,
    axis_vhost: Annotated[
        str,
        typer.Option(
            "--axis-vhost",
            metavar="VHOST",
            help=say(
                "vhost của trục; nếu không ghi: theo cấu hình",
                "vhost of the axis; usual: the one in the config",
            ),
        ),
    ] = "",
    no_users: Annotated[
        bool,
        typer.Option(
            "--no-users",
            help=say(
                "không ghi người dùng: nhập lại sẽ xoá mật khẩu đã đặt",
                "leave users out: an import takes a password that was set away",
            ),
        ),
    ] = False,
) -> None:
    """Print one JSON document, as RabbitMQ imports it (no `schema` field: it is not ours)."""
    from ..edges import definitions as form
    from ..edges.permissions import MailroomLogin, NodeLogin
    from ..edges.topology import axis_topology, mailroom_topology

    config = session.load_config()
    axis = axis_vhost or unquote(urlsplit(config.axis.broker.url()).path[1:]) or "/"
    organs = _organs_by_node(config)
    mailrooms = () if part is Part.AXIS else config.vhosts()
    topologies = {} if part is Part.MAILROOMS else {axis: axis_topology(organs)}
    topologies |= {vhost: mailroom_topology() for vhost in mailrooms}
    made = form.definitions(
        axis,
        [
            NodeLogin(node, f"node-{node}", "", mailrooms if node == config.node else ())
            for node in sorted({*organs, config.node})
        ],
        [MailroomLogin(one, f"mailroom-{one.removeprefix('mr-')}", "") for one in mailrooms],
        topologies,
        users=not no_users,
    )
    show.out(json.dumps(made, ensure_ascii=False, indent=2))


def _run(work: Coroutine[Any, Any, T]) -> T:
    """Ask the broker; one that cannot be reached ends the command with its own code."""
    try:
        return asyncio.run(work)
    except Deferred as error:
        show.note(f"{show.paint(say('lỗi:', 'error:'), 'bad', sys.stderr)} {exits.sentence(error)}")
        raise typer.Exit(exits.Exit.UNAVAILABLE) from error


def places(config: Config, url: str, mailroom_url: str) -> Iterator[tuple[str, str, Topology]]:
    """Name, address and topology of each vhost; the node's own logins where none is given."""
    from ..edges.mailroom import vhost_url
    from ..edges.topology import axis_topology, mailroom_topology

    nodes = _organs_by_node(config)
    given = url or os.environ.get(VARIABLE, "")
    broker = config.axis.broker
    axis = broker.other(_with_password(given)) if given else broker.url()
    yield say("trục", "axis"), axis, axis_topology(nodes)
    if config.mailroom is None:
        return
    broker = config.mailroom
    base = broker.other(_with_password(mailroom_url)) if mailroom_url else broker.url()
    for vhost in config.vhosts():
        yield vhost, vhost_url(base, vhost), mailroom_topology()


def _organs_by_node(config: Config) -> dict[str, list[str]]:
    """The open organs of the directory, by the node that serves them."""
    nodes: dict[str, list[str]] = {}
    for organ in session.load_directory(config).organs():
        if not organ.closed:
            nodes.setdefault(organ.node, []).append(organ.organ_id)
    return nodes


def _with_password(url: str) -> str:
    """The address, with the password asked for on a terminal if it has a user but none."""
    parts = urlsplit(url)
    if not parts.username or parts.password is not None or not sys.stdin.isatty():
        return url
    import getpass

    user = parts.username
    password = getpass.getpass(say(f"Mật khẩu của {user}: ", f"Password of {user}: "))
    return url.replace(f"{user}@", f"{user}:{quote(password, safe='')}@", 1)
