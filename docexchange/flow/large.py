"""Documents whose attachments stay in their files: measured, and packed into the store."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from envelopes import edxml
from envelopes.errors import Malformed
from envelopes.model import Document, Stored
from envelopes.pack import with_trace
from envelopes.pack_file import Opener, pack_to

from ..core.errors import SubmissionRefused
from ..core.model import InStore
from ..core.policy import check_elements
from ..core.world import World

__all__ = ["Opener", "check_size", "is_large", "measured", "sign"]


def is_large(document: Document) -> bool:
    """Whether some of its contents are in files."""
    return any(one.stored is not None for one in document.attachments)


def measured(document: Document) -> tuple[int, str]:
    """About how large its envelope will be, bytes, and a digest of all that it says: of its text,
    and of size and digest of each content that is in a file. Raises SubmissionRefused if it has
    too many elements."""
    stored = [one.stored for one in document.attachments if one.stored is not None]
    attachments = tuple(replace(one, stored=None) for one in document.attachments)
    text = edxml.write(replace(document, attachments=attachments))
    check_elements(text.count(b"<") - text.count(b"</"), len(document.recipients))
    state = hashlib.sha256(text)
    for one in stored:
        state.update(f"{one.size} {one.sha256}\n".encode())
    return len(text) + sum(-(-one.size // 3) * 4 for one in stored), state.hexdigest()


def check_size(size: int, world: World) -> None:
    """Refuse an envelope of more than `limits.large_bytes`. Raises SubmissionRefused E-SIZ-001."""
    limit = world.limits.large_bytes
    if size > limit:
        raise SubmissionRefused(
            "E-SIZ-001",
            "Văn bản vượt quá dung lượng cho phép",
            "The document is over the size limit",
            detail=f"{size:,} byte; giới hạn {limit:,} byte (limits.large_bytes)",
            pointer="AttachmentEncoded",
        )


async def sign(
    document: Document, contents: Sequence[Opener], world: World, now: datetime
) -> InStore:
    """Pack and sign it into the store, in a few megabytes of memory; nothing links it yet.

    Raises:
        SubmissionRefused: E-SIZ-001; E-FMT-020, a file changed meanwhile.
        Deferred: the signer is down.
        OSError: a file cannot be read.
        StoreError: it could not be stored.
    """
    signer = world.keyring.signer(document.sender.organ_id)
    traced = with_trace(document, document.sender.organ_id, now)

    def produce(out: object) -> Stored:
        return pack_to(out, traced, contents, signer, signing_time=now)  # type: ignore[arg-type]

    try:
        packed = await world.store.contents.fill(produce, now)
    except Malformed as malformed:
        raise SubmissionRefused(
            "E-FMT-020",
            "Nội dung không đóng gói được",
            "The content cannot be packed",
            detail=str(malformed),
            pointer=malformed.element,
        ) from malformed
    check_size(packed.size, world)
    return packed
