"""How a large envelope is cut into messages of the axis, and how a part is told from a whole.

Every part names the digest of the whole, its place, how many there are, and its own digest. These
are hints that save work: what counts is the digest of the whole, and after it the signature.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Final

from .model import Part

PART_BYTES: Final = 4 * 1024 * 1024  # RabbitMQ 4 takes 16 MiB a message; small ones go in between
PARTS_MAX: Final = 4096  # of one envelope: the largest has 358, and a part may be smaller
WHOLE, INDEX, COUNT, OWN = "x-sha256", "x-part", "x-parts", "x-part-sha256"
_DIGEST = re.compile(r"[0-9a-f]{64}")
_NUMBER = re.compile(r"[0-9]{1,6}")


def count_of(size: int) -> int:
    """How many parts an envelope of so many bytes has."""
    return max(1, -(-size // PART_BYTES))


def headers(whole: str, index: int, count: int, data: bytes) -> dict[str, str]:
    """AMQP headers of a part."""
    own = hashlib.sha256(data).hexdigest()
    return {WHOLE: whole, INDEX: str(index), COUNT: str(count), OWN: own}


def is_part(given: Mapping[str, object]) -> bool:
    """Whether a message says that it is a part."""
    return COUNT in given


def read(given: Mapping[str, object], connection: str, organ: str, data: bytes) -> tuple[Part, str]:
    """The part that a message says it is, and what is wrong with it, "" if nothing is."""
    whole, own = _text(given, WHOLE, _DIGEST), _text(given, OWN, _DIGEST)
    index, count = int(_text(given, INDEX, _NUMBER) or -1), int(_text(given, COUNT, _NUMBER) or 0)
    part = Part(connection, organ, whole, index, count, data)
    if not whole or not own:
        return part, "PART_DIGEST_MISSING"
    if not 0 <= index < count <= PARTS_MAX or not data:
        return part, "PART_NUMBERS"
    if hashlib.sha256(data).hexdigest() != own:
        return part, "PART_DIGEST_DIFFERS"
    return part, ""


def _text(given: Mapping[str, object], name: str, form: re.Pattern[str]) -> str:
    value = str(given.get(name, ""))
    return value if form.fullmatch(value) else ""
