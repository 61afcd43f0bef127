"""Envelopes whose signature is sound in itself and wrong in one thing: made by the genuine key.

A verifier that only asks whether the digests and the value fit accepts all of them.
"""

from collections.abc import Callable

from envelopes import dsig, edxml
from envelopes.model import Message
from keys.signer import SoftwareSigner
from tests.letters import document
from tests.pki import AT, P256

Edit = Callable[[str], str]


def _same(text: str) -> str:
    return text


def sign_edited(
    *,
    signed_info: Edit = _same,
    signature: Edit = _same,
    message: Message | None = None,
    signer: SoftwareSigner | None = None,
    value: Callable[[bytes], bytes] | None = None,
) -> bytes:
    """Sign as `pack` does, but edit SignedInfo before it is signed and the signature afterwards.

    Args:
        signed_info: gets and gives SignedInfo as it stands inside the signature.
        signature: gets and gives the whole ds:Signature, value included.
        message: the document of `letters` if not given.
        signer: H05 with P-256 if not given.
        value: makes the SignatureValue of the canonical SignedInfo; the signer's if not given.
    """
    signer = signer or P256.signer("H05")
    before, after = edxml.split(message or document())
    unsigned = dsig.prepare((before, after), signer.chain, signer.algorithm, AT, receipt=False)
    alone = f'<ds:SignedInfo xmlns:ds="{dsig.DS}">'
    inside = unsigned.to_sign.decode().replace(alone, "<ds:SignedInfo>")
    edited = signed_info(inside)
    to_sign = edited.replace("<ds:SignedInfo>", alone, 1).encode()
    made = value(to_sign) if value else dsig.normal(signer.algorithm, signer.sign(to_sign))
    placeholder = b"\x01" * 64
    text = dsig.complete(unsigned, placeholder).decode()
    text = text.replace(inside, edited).replace(
        dsig.base64_text(placeholder), dsig.base64_text(made)
    )
    return before + signature(text).encode() + after
