"""`keys/token.py`: what a token is given to sign, with the operation of the key done here."""

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, decode_dss_signature

from keys.algorithms import SIGNATURES, SignatureAlgorithm, choice, hash_of, verify
from keys.errors import KeyUnusable
from keys.private import PrivateKey, new_key
from keys.signer import require_signs
from keys.token import TokenSigner, prepared
from tests.pki import OTHER, P256, PKI

DATA = b"<ds:SignedInfo/>"


class Software:
    """A token made of a key in memory; raw RSA by arithmetic, as a token does it."""

    def __init__(self, key: PrivateKey) -> None:
        self.key = key

    def sign(self, algorithm: SignatureAlgorithm, prepared: bytes) -> bytes:
        if isinstance(self.key, ec.EllipticCurvePrivateKey):
            value = self.key.sign(prepared, ec.ECDSA(Prehashed(hash_of(algorithm))))
            size = self.key.curve.key_size // 8
            return b"".join(one.to_bytes(size, "big") for one in decode_dss_signature(value))
        if algorithm.padding == "pss":
            digest = hash_of(algorithm)
            pss = padding.PSS(padding.MGF1(digest), digest.digest_size)
            return self.key.sign(prepared, pss, Prehashed(digest))
        numbers = self.key.private_numbers()
        modulus = numbers.public_numbers.n
        size = (modulus.bit_length() + 7) // 8
        block = b"\x00\x01" + b"\xff" * (size - len(prepared) - 3) + b"\x00" + prepared
        return pow(int.from_bytes(block, "big"), numbers.d, modulus).to_bytes(size, "big")


KEYS = {"rsa": PKI.organ("H05").key, "secp256r1": P256.organ("H05").key, "secp384r1": None}
OPEN = [one for one in SIGNATURES.values() if one.accepted_until is None]


@pytest.mark.parametrize("algorithm", OPEN, ids=[one.name for one in OPEN])
def test_every_algorithm_of_the_table_signs_through_a_token(algorithm: SignatureAlgorithm) -> None:
    key = KEYS[algorithm.curve or "rsa"] or new_key("p384")
    signer = TokenSigner((), algorithm, Software(key))
    value = signer.sign(DATA)
    assert verify(algorithm, key.public_key(), value, DATA)
    assert not verify(algorithm, key.public_key(), value, DATA + b" ")
    assert signer.waits


def test_digest_info() -> None:
    algorithm = next(one for one in OPEN if one.name == "rsa-sha256")
    assert prepared(algorithm, b"")[:19].hex() == "3031300d060960864801650304020105000420"
    assert len(prepared(algorithm, b"")) == 51


def test_a_token_with_another_key_is_found_out() -> None:
    chain = P256.chain("H05")
    algorithm = choice(chain[0])
    require_signs(TokenSigner(chain, algorithm, Software(P256.organ("H05").key)))
    with pytest.raises(KeyUnusable, match=r"trial signature does not verify .*Bắc Ninh"):
        require_signs(TokenSigner(chain, algorithm, Software(OTHER.organ("H05").key)))


def test_the_key_does_not_show() -> None:
    chain = P256.chain("H05")
    signer = TokenSigner(chain, choice(chain[0]), Software(new_key("p256")))
    assert "Software" not in repr(signer)
    assert isinstance(PKI.organ("H05").key, rsa.RSAPrivateKey)
