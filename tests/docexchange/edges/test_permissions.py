"""Users and rights in RabbitMQ's form."""

from __future__ import annotations

import base64
import hashlib
import re

from docexchange.edges.permissions import MailroomLogin, NodeLogin, definitions, password_hash

DEFINITIONS = definitions(
    "axis",
    [NodeLogin("H05", "node-H05", "one", ("mr-H05",)), NodeLogin("a.b", "node-ab", "two")],
    [MailroomLogin("mr-H05", "mailroom-H05", "three")],
    salt=lambda: b"salt",
)


def rights(user: str, vhost: str) -> dict[str, str]:
    (found,) = [
        one for one in DEFINITIONS["permissions"] if (one["user"], one["vhost"]) == (user, vhost)
    ]
    return {key: found[key] for key in ("configure", "write", "read")}


def test_each_vhost_and_each_user_stands_once() -> None:
    assert DEFINITIONS["vhosts"] == [{"name": "axis"}, {"name": "mr-H05"}]
    assert [user["name"] for user in DEFINITIONS["users"]] == [
        "node-H05",
        "node-ab",
        "mailroom-H05",
    ]
    assert all(user["tags"] == "" for user in DEFINITIONS["users"])
    assert len(DEFINITIONS["permissions"]) == 4


def test_nobody_may_declare() -> None:
    assert {one["configure"] for one in DEFINITIONS["permissions"]} == {"^$"}


def test_a_node_reads_its_own_lanes_only() -> None:
    assert rights("node-H05", "axis") == {
        "configure": "^$",
        "write": "^docexchange$",
        "read": r"^node\.H05\.(receipts|urgent|normal)$",
    }
    read = re.compile(rights("node-ab", "axis")["read"])
    assert read.search("node.a.b.normal")
    assert not read.search("node.aXb.normal")
    assert not read.search("node.a.b.normal.more")


def test_rights_on_a_mailrooms_vhost() -> None:
    assert rights("node-H05", "mr-H05")["write"] == r"^mr\.deliver$"
    assert rights("node-H05", "mr-H05")["read"] == r"^mr\.submit\.q$"
    assert rights("mailroom-H05", "mr-H05")["write"] == r"^mr\.submit$"
    assert rights("mailroom-H05", "mr-H05")["read"] == r"^mr\.(inbox|events|replies)$"


def test_passwords_stand_only_as_salted_hashes() -> None:
    raw = base64.b64decode(password_hash("three", b"salt"))
    assert raw == b"salt" + hashlib.sha256(b"saltthree").digest()
    assert DEFINITIONS["users"][2]["password_hash"] == password_hash("three", b"salt")
    assert "three" not in str(DEFINITIONS)
    assert "one" not in repr(NodeLogin("H05", "u", "one"))
