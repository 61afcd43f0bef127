"""Signing and verifying one envelope: ours, the floor under it, and signxml on the same content.

Ours does the whole job of `envelopes`: from the record to signed bytes; from bytes through all
steps of `verify` to the report, path and content included. Between the two stands the check of the
signature alone (gate, canonical form, digests, value, binding, and a path that is remembered), as
`verify` does it for what our writer wrote, and by way of the tree for what others wrote.

signxml signs a tree that is there already. It verifies our very envelope as XAdES with the path to
the root; and, as it is mostly used, an enveloped signature without XAdES, once with the path, once
with the certificate given to it. It looks at no content.

    python -m tests.bench.signatures        these figures alone, in under a minute
"""

from __future__ import annotations

import hashlib
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from lxml import etree
from signxml.algorithms import CanonicalizationMethod
from signxml.signer import XMLSigner
from signxml.verifier import XMLVerifier
from signxml.xades import XAdESSignatureConfiguration, XAdESVerifier

from envelopes import dsig, edxml, shape
from envelopes.c14n import canonical
from envelopes.exact import read_exact
from envelopes.gate import open_gate
from envelopes.judge import Judged, Opened, judge
from envelopes.large import Whole
from envelopes.pack import pack
from envelopes.verify import SIGNING_SKEW, verify
from envelopes.wording import Result
from keys.trust import Trust
from tests.bench.floor import SIGNED_INFO
from tests.bench.material import SENDER, Pki, content, document
from tests.bench.timing import Timing, Work, race

EXC_C14N = CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0
SIZES: Mapping[str, int] = {"20 KB": 11_000, "1 MB": 766_000}  # name -> bytes of the attachment


# What is asked of a ratio: (contestant, peer) -> least for each size.
GOALS: Mapping[tuple[str, str], Mapping[str, float]] = {
    ("sign", "floor_sign"): {"20 KB": 0.65, "1 MB": 0.35},
    ("check", "floor_verify"): {"20 KB": 0.22, "1 MB": 0.25},
    ("verify", "signxml_xades_verify"): {"20 KB": 4.0, "1 MB": 4.0},
}


@dataclass(frozen=True, slots=True)
class Contest:
    """One size: the bytes of our envelope, and what each contestant took."""

    envelope_bytes: int
    timings: Mapping[str, Timing]

    def ratio(self, ours: str, peer: str) -> float:
        """How many times as fast one is as the other."""
        return self.timings[ours].faster_than(self.timings[peer])


def measure(pki: Pki, *, seconds: float, rounds: int) -> dict[str, Contest]:
    """Run the race for each size.

    Raises:
        RuntimeError: an envelope did not verify; then its time would mean nothing.
    """
    return {name: _contest(pki, size, seconds, rounds) for name, size in SIZES.items()}


def _contest(pki: Pki, size: int, seconds: float, rounds: int) -> Contest:
    letter, signer, now = document(1, content(size)), pki.signer(SENDER), datetime.now(UTC)
    envelope = pack(letter, signer, signing_time=now)
    full = partial(verify, envelope, trust=pki.trust(), at=now)
    if full().indication.value != "TOTAL-PASSED":
        raise RuntimeError(f"our envelope does not verify: {full().explain('en')}")
    works: dict[str, Work] = {
        **_floor(pki, edxml.write(letter)),
        "sign": partial(pack, letter, signer, signing_time=now),
        **_checks(pki.trust(), envelope, now),
        "verify": full,
        **_signxml(pki, edxml.write(letter)),
        "signxml_xades_verify": _xades(pki, envelope),
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


def _checks(trust: Trust, envelope: bytes, now: datetime) -> dict[str, Work]:
    """The check of the signature alone, as `verify` does it, by its two ways.

    Raises:
        RuntimeError: one of them does not pass.
    """

    def check() -> Judged:
        known = read_exact(envelope)
        if known is None:
            raise RuntimeError("not read as written by our writer")
        return _judged(envelope, known.signature, known.begin, known.end)

    def check_by_tree() -> Judged:
        root = open_gate(envelope, signed=True)
        located = shape.locate(root)
        if isinstance(located, shape.Fault):
            raise RuntimeError(located.detail)  # noqa: TRY004  # a verdict, not a type
        begin = envelope.find(dsig.START)
        end = envelope.find(dsig.END) + len(dsig.END)
        signature = dsig.read(envelope[begin:end])
        if signature is None or canonical(root, located) != envelope[:begin] + envelope[end:]:
            raise RuntimeError("not of our form")
        return _judged(envelope, signature, begin, end)

    def _judged(data: bytes, signature: dsig.Signature, begin: int, end: int) -> Judged:
        digest = Whole(data).around(begin, end)
        return judge(Opened(digest, signature, None), trust, now, SIGNING_SKEW)

    for way in (check, check_by_tree):
        if any(one.result not in (Result.PASSED, Result.NOT_ASKED) for one in way().checks):
            raise RuntimeError(f"{way.__name__} does not pass")
    return {"check": check, "check_by_tree": check_by_tree}


def _xades(pki: Pki, envelope: bytes) -> Work:
    """signxml over the same bytes, as XAdES, with the path to the root."""
    verifier, anchor = XAdESVerifier(), str(pki.root)
    form = XAdESSignatureConfiguration(expect_references=2)  # ours; its default is 3

    def verify() -> object:
        # Its own parser takes no text over 10 MB, and would resolve entities.
        parser = etree.XMLParser(resolve_entities=False, huge_tree=True)
        return verifier.verify(envelope, ca_pem_file=anchor, expect_config=form, parser=parser)

    return verify


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


# -- as values and as a table ---------------------------------------------------------------------

ROWS = (  # name in the table, contestant, its floor
    ("sign", "sign", "floor_sign"),
    ("  signxml, no XAdES", "signxml_sign", "floor_sign"),
    ("check of the signature", "check", "floor_verify"),
    ("  by way of the tree", "check_by_tree", "floor_verify"),
    ("verify, full report", "verify", "floor_verify"),
    ("  signxml XAdES, path", "signxml_xades_verify", "floor_verify"),
    ("  signxml, path", "signxml_verify", "floor_verify"),
    ("  signxml, pinned", "signxml_verify_pinned", "floor_verify"),
)


def ratios(contests: Mapping[str, Contest]) -> dict[str, float]:
    """Each contestant to its floor, and ours to the peers."""
    found: dict[str, float] = {}
    for size, contest in contests.items():
        for _, name, floor in ROWS:
            found[f"{name} {size} / floor"] = contest.ratio(name, floor)
        found[f"sign {size} / signxml"] = contest.ratio("sign", "signxml_sign")
        for peer in ("signxml_xades_verify", "signxml_verify", "signxml_verify_pinned"):
            found[f"verify {size} / {peer}"] = contest.ratio("verify", peer)
    return found


def goals(contests: Mapping[str, Contest]) -> dict[str, bool]:
    """Which goals were met."""
    return {
        f"{ours} {size} / {peer} >= {least}": contests[size].ratio(ours, peer) >= least
        for (ours, peer), sizes in GOALS.items()
        for size, least in sizes.items()
    }


def table(contests: Mapping[str, Contest]) -> Iterator[str]:
    """CPU microseconds of the best round, and each contestant as a share of its floor."""
    yield f"{'envelope, CPU us':<26}" + "".join(f"{size:>11}{'to floor':>10}" for size in contests)
    for floor in ("floor_sign", "floor_verify"):
        us = (f"{contest.timings[floor].least:>11,.0f}{'':>10}" for contest in contests.values())
        what = "RSA-2048, SHA-256: " + floor.removeprefix("floor_")
        yield f"{what:<26}"[:26] + "".join(us)
    for title, name, floor in ROWS:
        cells = (
            f"{contest.timings[name].least:>11,.0f}{contest.ratio(name, floor):>10.2f}"
            for contest in contests.values()
        )
        yield f"{title:<26}" + "".join(cells)
    times = ", ".join(
        f"{size} {contest.ratio('verify', 'signxml_xades_verify'):.2f}x"
        for size, contest in contests.items()
    )
    yield f"  verify to signxml as XAdES with the path: {times}; signxml looks at no content"


def main() -> int:
    """Measure the signatures alone and print them."""
    with tempfile.TemporaryDirectory(prefix="docexchange-bench-") as folder:
        contests = measure(Pki.make(Path(folder)), seconds=0.005, rounds=200)
    lines = [*table(contests), ""]
    lines += [f"goal {goal}: {'met' if met else 'MISSED'}" for goal, met in goals(contests).items()]
    sys.stdout.write("\n".join(lines) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
