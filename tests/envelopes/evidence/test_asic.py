"""envelopes/evidence/asic.py: the signature over every file of a bundle."""

from __future__ import annotations

from datetime import timedelta
from hashlib import sha256

import pytest
from lxml import etree

from envelopes import dsig
from envelopes.evidence import asic
from envelopes.evidence.asic import File
from keys import algorithms
from tests.pki import AT, P256, PKI, Pki

FILES = [File("README.txt", "0" * 64), File("receipts/H01-01-1.edxml", "f" * 64)]
SIGNED = asic.sign(FILES, P256.signer("H05"), AT)


@pytest.mark.parametrize("pki", [P256, PKI], ids=["EC", "RSA"])
def test_what_is_signed_is_read_again(pki: Pki) -> None:
    signer = pki.signer("H05")
    data = asic.sign(FILES, signer, AT + timedelta(microseconds=5))
    found = asic.read(data)
    assert found is not None
    assert (list(found.files), found.chain, found.signing_time) == (FILES, signer.chain, AT)
    key = found.chain[0].public_key
    assert algorithms.verify(found.algorithm, key, found.value, found.to_sign())


def test_signed_info_and_properties_are_their_own_canonical_form() -> None:
    root, found = etree.fromstring(SIGNED), asic.read(SIGNED)
    assert found is not None

    def canonical(name: str) -> bytes:
        (element,) = root.iter(name)
        return etree.tostring(element, method="c14n", exclusive=True)

    assert canonical(f"{{{dsig.DS}}}SignedInfo") == found.to_sign()
    properties = sha256(canonical(f"{{{dsig.XADES}}}SignedProperties")).digest()
    assert f">{dsig.base64_text(properties)}<".encode() in found.to_sign()


def test_no_byte_of_it_changes_unnoticed() -> None:
    original = asic.read(SIGNED)
    assert original is not None
    key = original.chain[0].public_key
    for at in range(len(SIGNED)):
        changed = bytearray(SIGNED)
        changed[at] ^= 1
        found = asic.read(bytes(changed))
        if found is None:
            continue
        same = dsig.normal(found.algorithm, found.value) == found.value
        valid = same and algorithms.verify(found.algorithm, key, found.value, found.to_sign())
        assert not valid, at


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"<ds:SignatureValue>", b"<ds:SignatureValue> "),
        (b'URI="README.txt"', b"URI='README.txt'"),
        (b"</asic:XAdESSignatures>", b"<!-- --></asic:XAdESSignatures>"),
        (b"</asic:XAdESSignatures>", b"</asic:XAdESSignatures>\n"),
        (b'Id="F2"', b'Id="F3"'),
        (b"2001/04/xmldsig-more#ecdsa-sha256", b"unknown"),
        (b"<ds:X509Certificate>", b"<ds:X509Certificate>AAAA"),
        (b"-06-01T", b"-13-01T"),
        (b"README.txt", "tệp.txt".encode()),
    ],
)
def test_only_its_one_form_is_read(old: bytes, new: bytes) -> None:
    changed = SIGNED.replace(old, new)
    assert changed != SIGNED
    assert asic.read(changed) is None


def test_a_heap_of_certificates_is_not_parsed() -> None:
    one = SIGNED[SIGNED.index(b"<ds:X509Certificate>") : SIGNED.index(b"</ds:X509Data>")]
    assert asic.read(SIGNED.replace(one, one * 5)) is None
    assert asic.read(SIGNED.replace(one, b"")) is None
    assert asic.read(b"") is None
    assert asic.read(b"\xff") is None


def test_the_manifest_lists_each_file_with_its_type() -> None:
    root = etree.fromstring(asic.manifest(FILES))
    space = "{urn:oasis:names:tc:opendocument:xmlns:manifest:1.0}"
    entries = [(one.get(f"{space}full-path"), one.get(f"{space}media-type")) for one in root]
    assert entries == [
        ("/", "application/vnd.etsi.asic-e+zip"),
        ("README.txt", "text/plain"),
        ("receipts/H01-01-1.edxml", "application/xml"),
    ]
    assert asic.media("SHA256SUMS") == "application/octet-stream"
