"""`topology apply|check`: what must stand on the brokers, by the directory and the config."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Coroutine, Iterator
from typing import TYPE_CHECKING, Annotated, Any, TypeVar
from urllib.parse import quote, urlsplit

import typer

from ..core.errors import Deferred
from . import exits, options, session, show
from .words import say

if TYPE_CHECKING:
    from ..config import Config
    from ..edges.topology import Topology

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


def _run(work: Coroutine[Any, Any, T]) -> T:
    """Ask the broker; one that cannot be reached ends the command with its own code."""
    try:
        return asyncio.run(work)
    except Deferred as error:
        show.note(f"{show.paint(say('lỗi:', 'error:'), 'bad', sys.stderr)} {exits.sentence(error)}")
        raise typer.Exit(exits.Exit.UNAVAILABLE) from error


def places(config: Config, url: str, mailroom_url: str) -> Iterator[tuple[str, str, Topology]]:
    """Name, address and topology of each vhost; the node's own logins where none is given."""
    from ..edges.directory import TomlDirectory
    from ..edges.mailroom import vhost_url
    from ..edges.topology import axis_topology, mailroom_topology

    nodes: dict[str, list[str]] = {}
    for organ in TomlDirectory.load(config.directory).organs():
        if not organ.closed:
            nodes.setdefault(organ.node, []).append(organ.organ_id)
    given = url or os.environ.get(VARIABLE, "")
    axis = _with_password(given) if given else config.axis.broker.url()
    yield say("trục", "axis"), axis, axis_topology(nodes)
    if config.mailroom is None:
        return
    base = _with_password(mailroom_url) if mailroom_url else config.mailroom.url()
    for vhost in config.vhosts():
        yield vhost, vhost_url(base, vhost), mailroom_topology()


def _with_password(url: str) -> str:
    """The address, with the password asked for on a terminal if it has a user but none."""
    parts = urlsplit(url)
    if not parts.username or parts.password is not None or not sys.stdin.isatty():
        return url
    import getpass

    user = parts.username
    password = getpass.getpass(say(f"Mật khẩu của {user}: ", f"Password of {user}: "))
    return url.replace(f"{user}@", f"{user}:{quote(password, safe='')}@", 1)
