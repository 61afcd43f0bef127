"""Throw-away PKIs with fixed dates: good signers, and each kind of bad one.

`PKI` is the one that is trusted; `OTHER` has the same subject names and other keys. Keys are made
once per process and label, certificates once per PKI and variant, so the same call gives the
same signer. RSA where the kind of key matters, P-256 elsewhere: RSA keys are slow to make.

    signer = PKI.signer("H05")                    RSA-2048, chain (leaf, issuing)
    PKI.trust                                     its root
    PKI.signer("H05", "expired")                  see `VARIANTS`
    P256.signer("H05")                            the same with P-256 keys
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import cast

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, ObjectIdentifier

from keys.algorithms import choice
from keys.certificates import Certificate
from keys.demo_ca import (
    DEMO_ISSUING,
    DEMO_ROOT,
    ORGAN_USAGE,
    YEAR,
    Issued,
    authority_extensions,
    issue,
    issue_authority,
    issue_root,
    key_usage,
    organ_name,
)
from keys.private import KeyKind, PrivateKey, new_key
from keys.signer import SoftwareSigner
from keys.trust import Trust, TrustAnchor

AT = datetime(2026, 6, 1, tzinfo=UTC)
START, END = AT - YEAR, AT + YEAR  # of an organ's certificate
DAY = timedelta(days=1)
NAMES = {
    "H01": "Ủy ban nhân dân tỉnh An Giang",
    "H05": "Ủy ban nhân dân tỉnh Bắc Ninh",
    "H13": "Ủy ban nhân dân thành phố Cần Thơ",
}
UNKNOWN_EXTENSION = x509.UnrecognizedExtension(ObjectIdentifier("1.2.3.4.5"), b"\x05\x00")
_MAY_SIGN = (key_usage(*ORGAN_USAGE), True)

Extension = tuple[x509.ExtensionType, bool]

# Keys that nobody may sign with, though X.509 and XMLDSig know them.
REFUSED: dict[str, Callable[[], PrivateKey]] = {
    "rsa1024": lambda: rsa.generate_private_key(public_exponent=65537, key_size=1024),
    "rsa2048 with e=3": lambda: rsa.generate_private_key(public_exponent=3, key_size=2048),
    "p521": lambda: ec.generate_private_key(ec.SECP521R1()),
    "secp256k1": lambda: ec.generate_private_key(ec.SECP256K1()),
}

# Name of a variant -> first second, last second and extensions of the organ's certificate.
VARIANTS: dict[str, tuple[datetime, datetime, tuple[Extension, ...]]] = {
    "good": (START, END, (_MAY_SIGN,)),
    "second": (START + 200 * DAY, END + YEAR, (_MAY_SIGN,)),  # its successor in a rollover
    "expired": (START, AT - DAY, (_MAY_SIGN,)),
    "not yet valid": (AT + DAY, END, (_MAY_SIGN,)),
    "no key usage": (START, END, ()),
    "encipherment only": (START, END, ((key_usage("key_encipherment"), True),)),
    "nonRepudiation only": (START, END, ((key_usage("content_commitment"), True),)),
    "for servers": (
        START,
        END,
        (_MAY_SIGN, (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False)),
    ),
    "for e-mail": (
        START,
        END,
        (_MAY_SIGN, (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), False)),
    ),
    "unknown critical": (START, END, (_MAY_SIGN, (UNKNOWN_EXTENSION, True))),
    "unknown not critical": (START, END, (_MAY_SIGN, (UNKNOWN_EXTENSION, False))),
    "rsa1024": (START, END, (_MAY_SIGN,)),
    "names a CRL": (
        START,
        END,
        (
            _MAY_SIGN,
            (
                x509.CRLDistributionPoints(
                    [
                        x509.DistributionPoint(
                            [x509.UniformResourceIdentifier("http://127.0.0.1/demo.crl")],
                            None,
                            None,
                            None,
                        )
                    ]
                ),
                False,
            ),
        ),
    ),
}


@cache
def key(label: str, kind: KeyKind | str = "p256") -> PrivateKey:
    """The private key of this label, made at the first call; those of `REFUSED` are bad."""
    if kind in REFUSED:
        return REFUSED[kind]()
    return new_key(cast("KeyKind", kind))


@dataclass(frozen=True)
class Pki:
    """A root, an issuing CA and what they issue.

    Args:
        label: two PKIs with other labels have other keys, and the same subject names.
        kind: kind of every key.
    """

    label: str
    kind: KeyKind = "rsa2048"

    @property
    def root(self) -> Issued:
        """The self-signed root."""
        return _root(self)

    @property
    def issuing(self) -> Issued:
        """The CA below it, which issues to organs."""
        return _issuing(self)

    @property
    def trust(self) -> Trust:
        """Its root alone; the same object at each call."""
        return _trust(self)

    def organ(self, organ_id: str, variant: str = "good") -> Issued:
        """An organ's certificate and key; `variant` is one of `VARIANTS`."""
        return _organ(self, organ_id, variant)

    def chain(self, organ_id: str, variant: str = "good") -> tuple[Certificate, ...]:
        """Leaf and issuing CA."""
        return (self.organ(organ_id, variant).certificate, self.issuing.certificate)

    def chain_pem(self, organ_id: str, variant: str = "good") -> bytes:
        """The same as PEM."""
        return self.organ(organ_id, variant).pem + self.issuing.pem

    def signer(
        self, organ_id: str, variant: str = "good", *, algorithm: str = ""
    ) -> SoftwareSigner:
        """A signer for the organ; bad variants sign too, as an attacker's would."""
        return _signer(self, organ_id, variant, algorithm)

    def issue_organ(
        self,
        organ_id: str,
        *,
        extensions: Iterable[Extension] = (_MAY_SIGN,),
        issuer: Issued | None = None,
        start: datetime = START,
        end: datetime = END,
        kind: str = "",
    ) -> Issued:
        """A new organ certificate for whatever `VARIANTS` does not have; `kind` is that of its
        key, when it is not that of the PKI."""
        return issue(
            organ_name(organ_id, NAMES.get(organ_id, organ_id)),
            key(f"{self.label} {organ_id}", kind or self.kind),
            issuer or self.issuing,
            start,
            end,
            extensions,
        )

    def issue_authority(
        self, label: str, *, extensions: Iterable[Extension] = (), path_length: int | None = 0
    ) -> Issued:
        """A new CA certificate below the root, with more extensions than CAs have."""
        return issue(
            organ_name(label, label),
            key(f"{self.label} {label}"),
            self.root,
            START,
            END,
            [*authority_extensions(path_length), *extensions],
        )


def with_pss_only(issued: Issued, issuer: Issued) -> Issued:
    """The same certificate with its RSA key named id-RSASSA-PSS, without parameters, and signed
    again; the library writes no such certificate."""
    rsa_key, pss_key = (bytes.fromhex(h) for h in ("300d" + RSA_OID + "0500", "300b" + PSS_OID))
    tbs = issued.certificate.x509.tbs_certificate_bytes
    head, _, tail = tbs.partition(rsa_key)
    key_length, rest = int.from_bytes(head[-2:], "big"), len(rsa_key) - len(pss_key)
    tbs = head[4:-2] + (key_length - rest).to_bytes(2, "big") + pss_key + tail
    tbs = _sequence(tbs)
    assert isinstance(issuer.key, ec.EllipticCurvePrivateKey)
    value = issuer.key.sign(tbs, ec.ECDSA(hashes.SHA256()))
    algorithm = _sequence(bytes.fromhex(ECDSA_SHA256_OID))
    der = _sequence(tbs + algorithm + bytes([3, len(value) + 1, 0]) + value)
    return Issued(Certificate.from_der(der), issued.key)


RSA_OID, PSS_OID = "06092a864886f70d010101", "06092a864886f70d01010a"  # RFC 8017, appendix C
ECDSA_SHA256_OID = "06082a8648ce3d040302"  # RFC 5758, clause 3.2


def _sequence(content: bytes) -> bytes:
    length = len(content)
    return (
        bytes([0x30, length]) if length < 128 else b"\x30\x82" + length.to_bytes(2, "big")
    ) + content


def signer_of(
    issued: Issued, above: tuple[Certificate, ...] = (), *, algorithm: str = ""
) -> SoftwareSigner:
    """A signer that nothing checked, for certificates that `load_signer` refuses."""
    chosen = choice(issued.certificate, algorithm)
    return SoftwareSigner((issued.certificate, *above), chosen, issued.key)


@cache
def _root(pki: Pki) -> Issued:
    return issue_root(DEMO_ROOT, key(f"{pki.label} root", pki.kind), AT - 5 * YEAR, AT + 5 * YEAR)


@cache
def _issuing(pki: Pki) -> Issued:
    issuing_key = key(f"{pki.label} issuing", pki.kind)
    return issue_authority(DEMO_ISSUING, issuing_key, pki.root, AT - 3 * YEAR, AT + 3 * YEAR)


@cache
def _trust(pki: Pki) -> Trust:
    return Trust([TrustAnchor(pki.root.certificate)])


@cache
def _organ(pki: Pki, organ_id: str, variant: str) -> Issued:
    start, end, extensions = VARIANTS[variant]
    kind = "rsa1024" if variant == "rsa1024" else pki.kind
    successor = " second" if variant == "second" else ""
    organ_key = key(f"{pki.label} {organ_id}{successor}", kind)
    name = organ_name(organ_id, NAMES.get(organ_id, organ_id))
    return issue(name, organ_key, pki.issuing, start, end, extensions)


@cache
def _signer(pki: Pki, organ_id: str, variant: str, algorithm: str) -> SoftwareSigner:
    above = (pki.issuing.certificate,)
    return signer_of(pki.organ(organ_id, variant), above, algorithm=algorithm)


PKI = Pki("main")
P256 = Pki("main with P-256", "p256")
OTHER = Pki("other", "p256")  # same names as `P256`, another CA
