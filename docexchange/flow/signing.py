"""Signing, beside the event loop where it takes long: large documents, keys that are elsewhere."""

from __future__ import annotations

import asyncio
from datetime import datetime

from envelopes.errors import EnvelopeError, Malformed
from envelopes.model import Message
from envelopes.pack import pack
from keys.signer import Signer

from ..core.errors import Deferred


async def signed(message: Message, signer: Signer, now: datetime, *, heavy: bool = False) -> bytes:
    """Write and sign an envelope; the event loop never waits for a token.

    Args:
        message: what it says.
        signer: of the organ that says it.
        now: the signing time, aware.
        heavy: whether writing it alone takes longer than the event loop may wait.

    Raises:
        Deferred: the signer is down, or a token gave a value that is wrong; nothing was signed.
        Malformed: as envelopes.pack.pack.
    """
    if not heavy and not signer.waits:
        return pack(message, signer, signing_time=now)
    try:
        return await asyncio.to_thread(pack, message, signer, signing_time=now)
    except Malformed:
        raise
    except EnvelopeError as error:  # the value is not of the certificate's key: the token's fault
        if signer.waits:
            raise Deferred(str(error)) from error
        raise
