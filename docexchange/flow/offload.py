"""What would hold the event loop goes to a thread.

The loop may not stand still for more than 5 ms. What bytes cost grows with their number and, much
faster, with the number of their elements and attributes: 256 KB of one attachment are judged in
about 1 ms, 256 KB of empty elements that nobody knows in 100 ms.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, ParamSpec, TypeVar

from envelopes.model import Document

OFFLOAD_BYTES: Final = 256 * 1024  # about 1 ms of CPU to sign or judge
OFFLOAD_TAGS: Final = 800  # '<' and '='; 400 elements of the worst kind take about 4 ms
DIGEST_BYTES: Final = 1024 * 1024  # SHA-256 alone: 0.5 ms with SHA instructions, 3 ms without
_RECIPIENT_TAGS: Final = 16  # of a To with all its fields, and the end of each

P = ParamSpec("P")
T = TypeVar("T")


def is_heavy(data: bytes) -> bool:
    """Whether to read or judge these bytes takes longer than the event loop may wait."""
    if len(data) > OFFLOAD_BYTES:
        return True
    begins = _count(data, b"<", OFFLOAD_TAGS)
    return begins + _count(data, b"=", OFFLOAD_TAGS) > OFFLOAD_TAGS


def _count(data: bytes, byte: bytes, most: int) -> int:
    """How often a byte stands in some data, up to one more than `most`; 100 KB of base64 with 200
    tags take 20 us, `count` takes 40."""
    at = -1
    for found in range(most + 1):
        at = data.find(byte, at + 1)
        if at < 0:
            return found
    return most + 1


def is_heavy_document(document: Document) -> bool:
    """The same of a document that is to be written and signed."""
    parts = len(document.to) + len(document.attachments) + len(document.manifest)
    if parts * _RECIPIENT_TAGS > OFFLOAD_TAGS:
        return True
    return sum(len(one.content) for one in document.attachments) > OFFLOAD_BYTES * 3 // 4


async def aside(heavy: bool, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call a function, in a thread if it is heavy work. Raises what the function raises."""
    if heavy:
        return await asyncio.to_thread(function, *args, **kwargs)
    return function(*args, **kwargs)
