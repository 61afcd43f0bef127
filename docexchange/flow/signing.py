"""Signing, beside the event loop where it takes long: large documents, keys that are elsewhere."""

from __future__ import annotations

import asyncio
from datetime import datetime

from envelopes.model import Message
from envelopes.pack import pack
from keys.signer import Signer

OFFLOAD_BYTES = 256 * 1024  # above it signing and judging go to a thread: about 1 ms of CPU


async def signed(message: Message, signer: Signer, now: datetime, size: int = 0) -> bytes:
    """Write and sign an envelope; the event loop never waits for a token.

    Args:
        message: what it says.
        signer: of the organ that says it.
        now: the signing time, aware.
        size: bytes of the message, as far as they are known.

    Raises:
        Deferred: the signer is down; nothing was signed.
        EnvelopeError: as envelopes.pack.pack.
    """
    if size <= OFFLOAD_BYTES and not signer.waits:
        return pack(message, signer, signing_time=now)
    return await asyncio.to_thread(pack, message, signer, signing_time=now)
