"""A SoftHSM2 token in a temporary folder, with keys and certificates of the test PKI on it.

One folder per process: the module reads SOFTHSM2_CONF once. Without the module a test that asks
for it skips and says so; with DOCEXCHANGE_TEST_INDEPENDENT=1 it fails.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from docexchange.edges import pkcs11module
from docexchange.edges.keysource import Secret, TokenSource
from keys.certificates import Certificate
from keys.demo_ca import ORGAN_USAGE, Issued, issue, key_usage, organ_name
from keys.private import new_key
from tests.pki import END, P256, PKI, START

MODULES = ("/usr/lib/softhsm/libsofthsm2.so", "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so")
PIN, LABEL = "271828", "docexchange test"


@dataclass(frozen=True)
class Token:
    """A token that is there, logged in to by nobody.

    Args:
        module: the library.
        folder: of the token, the PIN and the certificates.
    """

    module: Path
    folder: Path

    def source(self, key: str = "p256", **settings: Any) -> TokenSource:
        """The settings of one of its keys: rsa, p256, p384."""
        given: dict[str, Any] = {"token": LABEL, "pin": Secret(self.folder / "pin"), "key": key}
        return TokenSource(self.module, **{**given, **settings})


@cache
def p384() -> Issued:
    """An organ's certificate with a P-384 key."""
    usage = [(key_usage(*ORGAN_USAGE), True)]
    return issue(organ_name("H05", "P-384"), new_key("p384"), P256.issuing, START, END, usage)


@cache
def softhsm() -> Token:
    """The token of this process, made at the first call; skips or fails without SoftHSM2."""
    module = next((Path(path) for path in MODULES if Path(path).exists()), None)
    try:
        import pkcs11
    except ImportError:
        module = None
    if module is None:
        missing = "needs SoftHSM2 and python-pkcs11: bash deploy/setup test"
        if os.environ.get("DOCEXCHANGE_TEST_INDEPENDENT") == "1":
            pytest.fail(missing)
        pytest.skip(missing)
    folder = Path(tempfile.mkdtemp(prefix="docexchange-softhsm-"))
    (folder / "tokens").mkdir()
    (folder / "softhsm2.conf").write_text(
        f"directories.tokendir = {folder}/tokens\nobjectstore.backend = file\nlog.level = ERROR\n"
    )
    os.environ["SOFTHSM2_CONF"] = str(folder / "softhsm2.conf")
    _init(LABEL)
    _init("empty")
    _init("shut")  # no test knows its PIN
    (folder / "pin").touch(mode=0o600)
    (folder / "pin").write_text(PIN + "\n")
    library, _ = pkcs11module.load_module(module)
    session = library.get_token(token_label=LABEL).open(rw=True, user_pin=PIN)
    for number, (name, issued, above) in enumerate(_keys(), start=1):
        _put(pkcs11, session, bytes([number]), name, issued)
        if number == 1:
            _put_certificate(pkcs11, session, b"\xff", above)
    session.close()
    return Token(module, folder)


def _keys() -> list[tuple[str, Issued, Certificate]]:
    return [
        ("p256", P256.organ("H05"), P256.issuing.certificate),
        ("rsa", PKI.organ("H05"), PKI.issuing.certificate),
        ("p384", p384(), P256.issuing.certificate),
        ("no certificate", Issued(P256.issuing.certificate, new_key("p256")), None),
    ]


def _init(label: str) -> None:
    command = ["softhsm2-util", "--init-token", "--free", "--label", label]
    subprocess.run(
        [*command, "--pin", PIN, "--so-pin", "314159"], check=True, capture_output=True, timeout=60
    )


def _put(pkcs11: Any, session: Any, number: bytes, name: str, issued: Issued) -> None:
    from pkcs11.util.ec import decode_ec_private_key
    from pkcs11.util.rsa import decode_rsa_private_key

    der = issued.key.private_bytes(Encoding.DER, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    is_rsa = isinstance(issued.key, rsa.RSAPrivateKey)
    decode = decode_rsa_private_key if is_rsa else decode_ec_private_key
    attribute = pkcs11.Attribute
    named = {attribute.TOKEN: True, attribute.LABEL: name, attribute.ID: number}
    session.create_object(decode(der) | {attribute.SIGN: True} | named)
    if name != "no certificate":
        _put_certificate(pkcs11, session, number, issued.certificate)


def _put_certificate(pkcs11: Any, session: Any, number: bytes, certificate: Certificate) -> None:
    from pkcs11.util.x509 import decode_x509_certificate

    attribute = pkcs11.Attribute
    named = {attribute.TOKEN: True, attribute.ID: number}
    session.create_object(decode_x509_certificate(certificate.der) | named)
