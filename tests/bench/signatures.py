"""Signing and verifying one envelope: ours, the floor under it, and signxml on the same content.

Ours does the whole job of `envelopes`: from the record to signed bytes; from bytes through all
steps of `verify` to the report, path and content included. signxml signs a tree that is there
already and verifies an enveloped signature, without XAdES and without looking at the content;
once with the path to a root, once with the certificate given to it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from lxml import etree
from signxml.algorithms import CanonicalizationMethod
from signxml.signer import XMLSigner
from signxml.verifier import XMLVerifier

from envelopes import edxml
from envelopes.pack import pack
from envelopes.verify import verify
from tests.bench.floor import SIGNED_INFO
from tests.bench.material import SENDER, Pki, content, document
from tests.bench.timing import Timing, Work, race

EXC_C14N = CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0
SIZES: Mapping[str, int] = {"20 KB": 11_000, "1 MB": 766_000}  # name -> bytes of the attachment


@dataclass(frozen=True, slots=True)
class Contest:
    """One size: the bytes of our envelope, and what each contestant took."""

    envelope_bytes: int
    timings: Mapping[str, Timing]


def measure(pki: Pki, *, seconds: float, rounds: int) -> dict[str, Contest]:
    """Run the race for each size.

    Raises:
        RuntimeError: an envelope did not verify; then its time would mean nothing.
    """
    return {name: _contest(pki, size, seconds, rounds) for name, size in SIZES.items()}


def _contest(pki: Pki, size: int, seconds: float, rounds: int) -> Contest:
    letter, signer, now = document(1, content(size)), pki.signer(SENDER), datetime.now(UTC)
    envelope = pack(letter, signer, signing_time=now)
    judge = partial(verify, envelope, trust=pki.trust(), at=now)
    if judge().indication.value != "TOTAL-PASSED":
        raise RuntimeError(f"our envelope does not verify: {judge().explain('en')}")
    works: dict[str, Work] = {
        **_floor(pki, edxml.write(letter)),
        "sign": partial(pack, letter, signer, signing_time=now),
        "verify": judge,
        **_signxml(pki, edxml.write(letter)),
    }
    return Contest(len(envelope), race(works, seconds=seconds, rounds=rounds))


def _floor(pki: Pki, canonical: bytes) -> dict[str, Work]:
    key, info = pki.signer(SENDER).key, content(SIGNED_INFO)
    if not isinstance(key, RSAPrivateKey):
        raise TypeError("the floor is that of RSA")
    public, value = key.public_key(), key.sign(info, PKCS1v15(), SHA256())

    def sign() -> None:
        hashlib.sha256(canonical).digest()
        key.sign(info, PKCS1v15(), SHA256())

    def check() -> None:
        hashlib.sha256(canonical).digest()
        public.verify(value, info, PKCS1v15(), SHA256())

    return {"floor_sign": sign, "floor_verify": check}


def _signxml(pki: Pki, unsigned: bytes) -> dict[str, Work]:
    signer = pki.signer(SENDER)
    leaf = signer.chain[0].x509
    root = etree.fromstring(unsigned)
    xml_signer, verifier = XMLSigner(c14n_algorithm=EXC_C14N), XMLVerifier()

    def sign() -> bytes:
        certificates = [one.x509 for one in signer.chain]
        return etree.tostring(xml_signer.sign(root, key=signer.key, cert=certificates))

    signed, anchor = sign(), str(pki.root)
    return {
        "signxml_sign": sign,
        "signxml_verify": lambda: verifier.verify(signed, ca_pem_file=anchor),
        "signxml_verify_pinned": lambda: verifier.verify(signed, x509_cert=leaf),
    }
