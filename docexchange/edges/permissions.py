"""Who may do what on the brokers: users and rights in the form that RabbitMQ imports.

A node publishes to the axis and reads its own three queues; on a mailroom's vhost it reads the
submissions and delivers. A mailroom publishes submissions and reads its inbox, events and replies.
Nobody may declare, bind, or use the default exchange. Knows no broker: values in, values out.
"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..core.names import AXIS_EXCHANGE
from ..core.schedule import Lane


@dataclass(frozen=True, slots=True)
class NodeLogin:
    """Broker user of a node.

    Args:
        node: its name.
        user, password: its login; "" is no password: only a certificate logs in.
        mailrooms: vhosts that it serves with the same login.
    """

    node: str
    user: str
    password: str = field(repr=False)
    mailrooms: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MailroomLogin:
    """Broker user of a mailroom on its vhost."""

    vhost: str
    user: str
    password: str = field(repr=False)


def definitions(
    axis_vhost: str,
    nodes: Sequence[NodeLogin],
    mailrooms: Sequence[MailroomLogin],
    salt: Callable[[], bytes] = lambda: secrets.token_bytes(4),
) -> dict[str, Any]:
    """Vhosts, users and exactly the rights they need, as RabbitMQ imports them.

    Args:
        axis_vhost: vhost of the axis.
        nodes, mailrooms: the logins.
        salt: makes four random bytes for a password's hash.
    """
    vhosts = [axis_vhost, *dict.fromkeys(_vhosts(nodes, mailrooms))]
    passwords = {login.user: login.password for login in nodes}
    passwords |= {login.user: login.password for login in mailrooms}
    return {
        "vhosts": [{"name": name} for name in vhosts],
        "users": [
            {
                "name": user,
                "password_hash": password_hash(password, salt()) if password else "",
                "hashing_algorithm": "rabbit_password_hashing_sha256",
                "tags": "",
            }
            for user, password in passwords.items()
        ],
        "permissions": [
            *(_node_on_axis(login, axis_vhost) for login in nodes),
            *(_node_on_mailroom(login, vhost) for login in nodes for vhost in login.mailrooms),
            *(_mailroom(login) for login in mailrooms),
        ],
    }


def password_hash(password: str, salt: bytes) -> str:
    """RabbitMQ's form: base64 of the salt and SHA-256 of salt and password."""
    return base64.b64encode(salt + hashlib.sha256(salt + password.encode()).digest()).decode()


def _vhosts(nodes: Sequence[NodeLogin], mailrooms: Sequence[MailroomLogin]) -> list[str]:
    return [vhost for login in nodes for vhost in login.mailrooms] + [
        login.vhost for login in mailrooms
    ]


def _node_on_axis(login: NodeLogin, vhost: str) -> dict[str, str]:
    lanes = "|".join(Lane)
    return _permission(
        login.user, vhost, f"^{AXIS_EXCHANGE}$", rf"^node\.{re.escape(login.node)}\.({lanes})$"
    )


def _node_on_mailroom(login: NodeLogin, vhost: str) -> dict[str, str]:
    return _permission(login.user, vhost, r"^mr\.deliver$", r"^mr\.submit\.q$")


def _mailroom(login: MailroomLogin) -> dict[str, str]:
    return _permission(login.user, login.vhost, r"^mr\.submit$", r"^mr\.(inbox|events|replies)$")


def _permission(user: str, vhost: str, write: str, read: str) -> dict[str, str]:
    return {"user": user, "vhost": vhost, "configure": "^$", "write": write, "read": read}
