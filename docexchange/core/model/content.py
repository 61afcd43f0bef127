"""Content of envelopes: in memory, in the store already, or a part of it on its way."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class InStore:
    """Content that is in the store already, chunk by chunk, and too large for memory; it stands
    where the bytes of a smaller one stand, and whoever stores that links it.

    Args:
        blob_id: the store's number of it.
        size: bytes.
        sha256: hex digest of them; of parts that came, the one they claim until it was checked.
    """

    blob_id: int
    size: int
    sha256: str

    def __len__(self) -> int:
        return self.size


Content = bytes | InStore


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a large envelope, as it came over the axis (phần của gói tin lớn).

    Args:
        connection: broker-checked user_id of the publisher.
        organ: organ of the routing key.
        envelope: hex SHA-256 of the whole that it claims to be a part of.
        index: its place, from 0.
        count: how many parts there are.
        data: its bytes.
    """

    connection: str
    organ: str
    envelope: str
    index: int
    count: int
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Gathered:
    """What `put_part` found.

    Args:
        refused: why the part was not kept, "" if it was, or was there before.
        content: the whole, when all parts are there; its digest was not checked yet.
        attempts: how often the whole was judged before without an end.
    """

    refused: str = ""
    content: InStore | None = None
    attempts: int = 0
