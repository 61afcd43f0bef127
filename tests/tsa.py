"""Timestamping authorities for tests: one in Python whose clock and faults are chosen, and the real
one of OpenSSL (`openssl ts`), which stamps with the time of the machine; its certificates are valid
for eighty years.

    token = AUTHORITY.token(sha256(b"x").digest(), AT)         good, under the root of P256
    AUTHORITY.token(..., digest="sha1")                        one fault; see `token`
    OpensslTsa(folder).answer(request)                         a TimeStampResp
"""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, cached_property
from pathlib import Path
from typing import Any, cast

from asn1crypto import cms, core, tsp
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from keys.certificates import Certificate
from keys.demo_ca import YEAR, Issued, issue, issue_root, key_usage, organ_name
from keys.trust import Trust, TrustAnchor
from tests.pki import AT, OTHER, P256, Pki, key

POLICY = "1.3.6.1.4.1.99999.1"
OTHER_POLICY = "1.3.6.1.4.1.99999.2"
TIMESTAMPS = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING])
LONG_START, LONG_END = datetime(2020, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
Extensions = Sequence[tuple[x509.ExtensionType, bool]]
USUAL: Extensions = ((key_usage("digital_signature"), True), (TIMESTAMPS, True))


@dataclass(frozen=True)
class Authority:
    """An authority that does what it is told.

    Args:
        pki: whose issuing CA certified it.
        name: of its certificate.
        extensions: of its certificate.
        kind: of its key.
        start, end: its validity.
    """

    pki: Pki = P256
    name: str = "TSA"
    extensions: Extensions = USUAL
    kind: str = "p256"
    start: datetime = AT - YEAR
    end: datetime = AT + YEAR

    @cached_property
    def issued(self) -> Issued:
        label = f"{self.pki.label} {self.name} {self.kind}"
        name = organ_name(self.name, self.name)
        signing_key = key(label, self.kind)
        issuer = self.pki.issuing
        return issue(name, signing_key, issuer, self.start, self.end, self.extensions)

    def answer(self, request: bytes, at: datetime, **faults: Any) -> bytes:
        """The TimeStampResp to a request."""
        asked = tsp.TimeStampReq.load(request)
        imprint = asked["message_imprint"]["hashed_message"].native
        facts = {"nonce": asked["nonce"].native, **faults}
        token = cms.ContentInfo.load(self.token(imprint, at, **facts))
        return bytes(
            tsp.TimeStampResp({"status": {"status": "granted"}, "time_stamp_token": token}).dump()
        )

    def token(
        self,
        imprint: bytes,
        at: datetime,
        *,
        nonce: int | None = None,
        policy: str = POLICY,
        imprint_digest: str = "sha256",
        accuracy: dict[str, int] | None = None,
        tsa: Certificate | None = None,
        info: dict[str, Any] | None = None,
        digest: str = "sha256",
        method: str = "",
        bound: Certificate | None = None,
        ess: str = "signing_certificate_v2",
        ess_digest: str = "sha256",
        certificates: Sequence[Certificate] | None = None,
        named: Certificate | None = None,
        signed_by: Issued | None = None,
        changed: bool = False,
    ) -> bytes:
        """A token; each argument behind `at` makes it another one than it should be."""
        content = _info(imprint, at, imprint_digest, nonce, policy, accuracy, tsa, info)
        leaf = self.issued.certificate
        attributes = _attributes(content, digest, bound or leaf, ess, ess_digest)
        signing_key = (signed_by or self.issued).key
        value, algorithm = _sign(signing_key, attributes.dump(), digest, method)
        if changed:
            value = bytes([value[0], *value[1:-1], value[-1] ^ 1])
        sid = asn1_x509.Certificate.load((named or leaf).der)
        given = (leaf, self.pki.issuing.certificate) if certificates is None else certificates
        signed = {
            "version": "v3",
            "digest_algorithms": [{"algorithm": digest}],
            "encap_content_info": {
                "content_type": "tst_info",
                "content": core.ParsableOctetString(content),
            },
            "certificates": [asn1_x509.Certificate.load(one.der) for one in given],
            "signer_infos": [
                {
                    "version": "v1",
                    "sid": {
                        "issuer_and_serial_number": {
                            "issuer": sid.issuer,
                            "serial_number": sid.serial_number,
                        }
                    },
                    "digest_algorithm": {"algorithm": digest},
                    "signed_attrs": attributes,
                    "signature_algorithm": algorithm,
                    "signature": value,
                }
            ],
        }
        return bytes(cms.ContentInfo({"content_type": "signed_data", "content": signed}).dump())


def _info(
    imprint: bytes,
    at: datetime,
    digest: str,
    nonce: int | None,
    policy: str,
    accuracy: dict[str, int] | None,
    tsa: Certificate | None,
    more: dict[str, Any] | None,
) -> bytes:
    facts: dict[str, Any] = {
        "version": "v1",
        "policy": policy,
        "message_imprint": {"hash_algorithm": {"algorithm": digest}, "hashed_message": imprint},
        "serial_number": 7,
        "gen_time": at,
        "accuracy": {"seconds": 1} if accuracy is None else accuracy,
        **(more or {}),
    }
    if nonce is not None:
        facts["nonce"] = nonce
    if tsa is not None:
        facts["tsa"] = {"directory_name": asn1_x509.Certificate.load(tsa.der).subject}
    return bytes(tsp.TSTInfo(facts).dump())


def _attributes(
    content: bytes, digest: str, bound: Certificate, ess: str, ess_digest: str
) -> cms.CMSAttributes:
    attributes = [
        {"type": "content_type", "values": ["tst_info"]},
        {"type": "message_digest", "values": [hashlib.new(digest, content).digest()]},
    ]
    certificate: dict[str, Any] = {"cert_hash": hashlib.new(ess_digest, bound.der).digest()}
    if ess == "signing_certificate":
        certificate["cert_hash"] = hashlib.sha1(bound.der).digest()
    else:
        certificate["hash_algorithm"] = {"algorithm": ess_digest}
    if ess:
        attributes.append({"type": ess, "values": [{"certs": [certificate]}]})
    return cms.CMSAttributes([cms.CMSAttribute(one) for one in attributes])


def _sign(
    signing_key: Any, data: bytes, digest: str, method: str
) -> tuple[bytes, dict[str, Any] | Any]:
    chosen = cast("Any", getattr(hashes, digest.upper()))()
    if isinstance(signing_key, ec.EllipticCurvePrivateKey):
        name = method or f"{digest}_ecdsa"
        return signing_key.sign(data, ec.ECDSA(chosen)), {"algorithm": name}
    assert isinstance(signing_key, rsa.RSAPrivateKey)
    if method == "rsassa_pss":
        size = chosen.digest_size
        pss = padding.PSS(padding.MGF1(chosen), size)
        parameters = {
            "hash_algorithm": {"algorithm": digest},
            "mask_gen_algorithm": {"algorithm": "mgf1", "parameters": {"algorithm": digest}},
            "salt_length": size,
        }
        return signing_key.sign(data, pss, chosen), {"algorithm": method, "parameters": parameters}
    name = method or "rsassa_pkcs1v15"
    return signing_key.sign(data, padding.PKCS1v15(), chosen), {"algorithm": name}


def refusal(words: str) -> bytes:
    """A TimeStampResp without a token."""
    status = tsp.PKIStatusInfo(
        {"status": "rejection", "status_string": [words], "fail_info": {"bad_alg"}}
    )
    return bytes(core.Sequence.load(b"\x30" + bytes([len(status.dump())]) + status.dump()).dump())


AUTHORITY = Authority()
STRANGER = Authority(pki=OTHER)  # the same names under another root
TSA_TRUST = P256.trust.for_timestamps()


class OpensslTsa:
    """`openssl ts` with a CA, a key and a serial number in a folder.

    Args:
        folder: empty.
        chain: whether its answers hold the CA's certificate beside its own.
    """

    def __init__(self, folder: Path, *, chain: bool = False) -> None:
        self.folder = folder
        root, leaf = _long_lived()
        self.root = root.certificate
        self.trust = Trust([TrustAnchor(root.certificate)]).for_timestamps()
        for name, data in (
            ("root.pem", root.pem),
            ("tsa.pem", leaf.pem),
            ("tsa.key", leaf.key_pem),
            ("serial", b"01\n"),
        ):
            (folder / name).write_bytes(data)
        certs = f"certs = {folder}/root.pem\n" if chain else ""
        (folder / "tsa.cnf").write_text(_CONFIG.format(folder=folder, certs=certs, policy=POLICY))

    def answer(self, request: bytes) -> bytes:
        """The TimeStampResp to a request."""
        (self.folder / "q.tsq").write_bytes(request)
        self._run("ts", "-reply", "-config", "tsa.cnf", "-queryfile", "q.tsq", "-out", "r.tsr")
        return (self.folder / "r.tsr").read_bytes()

    def accepts(self, token: bytes, digest: bytes, root: bytes) -> bool:
        """Whether `openssl ts -verify` takes a token of anybody's, at any time."""
        for name, data in (("t.tst", token), ("anchor.pem", root)):
            (self.folder / name).write_bytes(data)
        asked = ["-digest", digest.hex(), "-in", "t.tst", "-token_in", "-CAfile", "anchor.pem"]
        ran = self._try("ts", "-verify", *asked, "-no_check_time")
        return ran.returncode == 0

    def _run(self, *words: str) -> None:
        ran = self._try(*words)
        assert ran.returncode == 0, ran.stderr

    def _try(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["openssl", *words], cwd=self.folder, capture_output=True, text=True, check=False
        )


@cache
def _long_lived() -> tuple[Issued, Issued]:
    root = issue_root("TEST TSA ROOT", key("tsa root"), LONG_START, LONG_END)
    name = organ_name("TSA", "TEST TSA")
    return root, issue(name, key("tsa leaf"), root, LONG_START, LONG_END, USUAL)


_CONFIG = """\
[tsa]
default_tsa = one
[one]
dir = {folder}
serial = {folder}/serial
signer_cert = {folder}/tsa.pem
signer_key = {folder}/tsa.key
{certs}signer_digest = sha256
default_policy = {policy}
digests = sha256, sha384, sha512
accuracy = secs:1
tsa_name = yes
ess_cert_id_chain = no
ess_cert_id_alg = sha256
"""
