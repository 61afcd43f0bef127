"""docexchange/flow/signing.py: tokens sign beside the event loop, and what they get wrong waits."""

import threading
from dataclasses import replace

import pytest

from docexchange.core.errors import Deferred
from docexchange.flow.signing import signed
from envelopes.errors import EnvelopeError, Malformed
from keys.token import TokenSigner
from tests.letters import document, judge
from tests.pki import AT, OTHER, P256


class Key:
    """A key on a token that notes which thread asked."""

    def __init__(self, signer) -> None:
        self.signer = signer
        self.threads: list[int] = []

    def sign(self, algorithm, prepared: bytes) -> bytes:
        self.threads.append(threading.get_ident())
        return b"\x01" * 64


class Watched:
    """A signer in memory that notes which thread asked."""

    def __init__(self, waits: bool, signer=None) -> None:
        inner = signer or P256.signer("H05")
        self.chain, self.algorithm, self.inner = P256.chain("H05"), inner.algorithm, inner
        self.waits = waits
        self.thread = 0

    def sign(self, data: bytes) -> bytes:
        self.thread = threading.get_ident()
        return self.inner.sign(data)


@pytest.mark.parametrize(
    ("waits", "heavy", "beside"),
    [(False, False, False), (False, True, True), (True, False, True)],
)
async def test_who_waits_signs_in_a_thread(waits: bool, heavy: bool, beside: bool) -> None:
    signer = Watched(waits)
    data = await signed(document(), signer, AT, heavy=heavy)
    assert judge(data).indication.value == "TOTAL-PASSED"
    assert (signer.thread != threading.get_ident()) == beside


async def test_a_token_that_gives_a_wrong_value_defers() -> None:
    signer = P256.signer("H05")
    faulty = TokenSigner(signer.chain, signer.algorithm, Key(signer))
    with pytest.raises(Deferred, match="does not belong to the certificate"):
        await signed(document(), faulty, AT)
    with pytest.raises(EnvelopeError, match="does not belong"):  # in memory it is a bug
        await signed(document(), Watched(False, OTHER.signer("H05")), AT)


async def test_bad_content_is_no_fault_of_the_token() -> None:
    with pytest.raises(Malformed):
        await signed(replace(document(), subject="a\x01b"), Watched(True), AT)
