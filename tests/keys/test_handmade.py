"""`keys/handmade.py`: chains that only we build; `test_pkits.py` has the many cases."""

from __future__ import annotations

from cryptography.hazmat.primitives.serialization import Encoding

from keys import handmade
from keys.certificates import Certificate
from tests.pki import P256

LEAF, CA = P256.organ("H05").certificate, P256.issuing.certificate


def test_a_certificate_signed_by_an_algorithm_that_nobody_knows_has_no_path() -> None:
    """ecdsa-with-SHA256 becomes 1.2.840.10045.4.3.6, which means nothing: no error, no path."""
    oid = bytes.fromhex("2a8648ce3d040302")
    der = LEAF.x509.public_bytes(Encoding.DER).replace(oid, oid[:-1] + b"\x06")
    odd = Certificate.from_der(der)
    assert handmade._signed(LEAF, CA)
    assert not handmade._signed(odd, CA)
