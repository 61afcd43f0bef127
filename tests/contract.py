"""Holds messages of mailrooms against the shipped contract, contract/asyncapi.yaml.

faults(Seen(...))     why a message does not fit, [] if it does
Watch                 on what a daemon takes and publishes: what it publishes must fit, and what
                      does not fit must not be accepted
"""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft7Validator

from docexchange import contract
from docexchange.core.model import MailroomMessage
from docexchange.core.ports import MailroomIncoming

QUEUES = {"reply": "mr.replies", "document": "mr.inbox", "event": "mr.events"}


@dataclass(frozen=True)
class Seen:
    """A message as the broker carries it; `channel` is its address in the contract."""

    channel: str
    properties: Mapping[str, Any]
    headers: Mapping[str, Any]
    body: bytes

    @classmethod
    def submitted(cls, message: MailroomIncoming) -> Seen:
        """One that a mailroom published."""
        properties = {
            "message_id": message.message_id,
            "type": message.type,
            "content_type": message.content_type,
            "content_encoding": message.content_encoding,
        }
        given = {name: value for name, value in properties.items() if value}
        return cls(message.routing_key, given, message.headers, message.body)

    @classmethod
    def delivered(cls, message: MailroomMessage) -> Seen:
        """One that a node publishes."""
        properties = {
            "message_id": message.message_id,
            "type": message.type,
            "content_type": message.content_type,
            "correlation_id": message.correlation_id,
        }
        return cls(
            QUEUES.get(message.routing_key.partition(".")[0], message.routing_key),
            {name: value for name, value in properties.items() if value},
            message.headers,
            message.body or b"",
        )


def faults(seen: Seen) -> list[str]:
    """Why a message does not fit the contract; [] if it does."""
    message = _message(seen)
    if message is None:
        return [f"no such message in {seen.channel}: {seen.properties}"]
    found = _errors("x-properties", message, seen.properties)
    found += _errors("headers", message, dict(seen.headers))
    if "json" not in message["contentType"]:
        return found if seen.body or message["name"] == "document.part.v1" else [*found, "empty"]
    try:
        packed = seen.properties.get("content_encoding") == "gzip"
        payload = json.loads(zlib.decompress(seen.body, wbits=31) if packed else seen.body)
    except (ValueError, RecursionError, zlib.error) as bad:
        return [*found, f"body: {bad}"]
    return found + _errors("payload", message, payload)


def _message(seen: Seen) -> dict[str, Any] | None:
    """By its channel and type; those of one type are told apart by content type."""
    candidates = [one for one in _channels().get(seen.channel, []) if _fits(one, seen.properties)]
    return candidates[0] if candidates else None


def _fits(message: dict[str, Any], properties: Mapping[str, Any]) -> bool:
    given = str(properties.get("content_type", "application/xml")).partition(";")[0].strip()
    same_type = properties.get("type", message["name"]) == message["name"]
    shared = message["name"] in ("document.submit.v1", "document.deliver.v1")
    return same_type and (not shared or given.lower() == message["contentType"])


@cache
def _channels() -> dict[str, list[dict[str, Any]]]:
    document = contract.asyncapi()
    return {
        channel["address"]: [
            _resolved(document, one["$ref"]) for one in channel["messages"].values()
        ]
        for channel in document["channels"].values()
    }


def _resolved(document: dict[str, Any], ref: str) -> dict[str, Any]:
    message = dict(_at(document, ref))
    for trait in message.get("traits", []):
        message = {**_at(document, trait["$ref"]), **message}
    parts = ("x-properties", "headers", "payload")
    return message | {
        part: Draft7Validator(contract.standing_alone(document, message.get(part, {})))
        for part in parts
    }


def _at(document: Any, ref: str) -> Any:
    for step in ref.removeprefix("#/").split("/"):
        document = document[step]
    return document


def _errors(part: str, message: dict[str, Any], value: object) -> list[str]:
    return [
        f"{message['name']} {part} /{'/'.join(map(str, error.absolute_path))}: {error.message}"
        for error in message[part].iter_errors(value)
    ]


def messages_in(store: Path) -> list[MailroomMessage]:
    """Every message for mailrooms that a closed store knows of, handed over or not."""
    raw = sqlite3.connect(store)
    rows = raw.execute(
        "SELECT vhost, routing_key, message_id, type, content_type, headers, body,"
        " coalesce(blob, ''), correlation_id FROM mailroom_messages WHERE large = 0"
    ).fetchall()
    raw.close()
    return [
        MailroomMessage(*first, json.loads(headers), b"<edXML/>" if blob else body, "", answers)
        for *first, headers, body, blob, answers in rows
    ]


@dataclass
class Watch:
    """Looks at every message of a node's mailrooms."""

    seen: int = 0
    faults: list[str] = field(default_factory=list)
    _misfits: dict[str, list[str]] = field(default_factory=dict)

    def submitted(self, message: MailroomIncoming) -> None:
        """A mailroom's message: if it does not fit, it must not be accepted."""
        self.seen += 1
        found = faults(Seen.submitted(message))
        if found and message.message_id:
            self._misfits[message.message_id] = found

    def delivered(self, message: MailroomMessage) -> None:
        """A node's message: it must fit."""
        self.seen += 1
        self.faults += faults(Seen.delivered(message))
        if message.type == "document.accepted.v1" and message.correlation_id in self._misfits:
            self.faults.append(f"accepted: {self._misfits[message.correlation_id]}")
