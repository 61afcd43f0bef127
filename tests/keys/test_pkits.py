"""The NIST PKITS cases (package `cryptography-vectors`), path and revocation together.

Which certificate each section is about and what PKITS expects of it stands in its file name
("Valid...", "Invalid..."); those named by their policies, and every valid one that we refuse, stand
in `pkits.toml` with the reason. What is refused there must be refused, so that list is never stale.
"""

import re
import tomllib
import warnings
from collections import defaultdict
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import cryptography_vectors
import pytest

from keys.certificates import Certificate
from keys.errors import CertificateUnusable
from keys.names import normal
from keys.revocation import Evidence, Status
from keys.trust import Trust, TrustAnchor

DATA = Path(cryptography_vectors.__file__).parent / "x509" / "PKITS_data"
AT = datetime(2020, 1, 1, tzinfo=UTC)  # the certificates are of 2010 to 2030
LIST = tomllib.loads((Path(__file__).parent / "pkits.toml").read_text("utf-8"))
MUST_AGREE = ("4.1", "4.2", "4.3", "4.4", "4.5", "4.6", "4.7", "4.14 complete")
CASES = [(section, name) for section, names in LIST["sections"].items() for name in names]


@cache
def certificate(name: str) -> Certificate | None:
    """A certificate of PKITS, None if it cannot be read."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # cryptography, about serial numbers of PKITS
        try:
            return Certificate.from_der((DATA / "certs" / f"{name}.crt").read_bytes())
        except CertificateUnusable:
            return None


@cache
def authorities() -> dict[object, list[Certificate]]:
    found = defaultdict(list)
    for file in sorted((DATA / "certs").glob("*.crt")):
        one = None if file.stem.endswith("EE") else certificate(file.stem)
        if one is not None:
            found[normal(one.x509.subject)].append(one)
    return found


def above(leaf: Certificate) -> list[Certificate]:
    """Every CA that may be in its path, by name; the trust anchor is left out."""
    found: list[Certificate] = []
    waiting = [leaf]
    while waiting:
        for issuer in authorities()[normal(waiting.pop().x509.issuer)]:
            if issuer not in found and issuer != anchor():
                found.append(issuer)
                waiting.append(issuer)
    return found


def anchor() -> Certificate:
    found = certificate("TrustAnchorRootCertificate")
    assert found is not None
    return found


@cache
def world() -> tuple[Trust, Evidence]:
    evidence = Evidence()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for file in sorted((DATA / "crls").glob("*.crl")):
            evidence.add(file.read_bytes())
    return Trust([TrustAnchor(anchor(), "required")]), evidence


@cache
def why_refused(name: str) -> str:
    """Why a certificate may not be used, "" when it may: no path, or not every status is good."""
    leaf = certificate(name)
    if leaf is None:
        return "it cannot be read"
    trust, evidence = world()
    others = above(leaf)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        chain = trust.chain(leaf, others, AT)
        if not chain:
            return "no path"
        found = evidence.judge(chain, others, trust, AT)
    return "; ".join(str(one.status) for one in found if one.status is not Status.GOOD)


def expected(name: str) -> bool:
    """Whether PKITS, with its default settings, says that the path is valid."""
    named = LIST["by_policy"].get(name)
    return name.startswith("Valid") if named is None else named


def test_every_case_is_in_one_section() -> None:
    files = {file.stem for file in (DATA / "certs").glob("*EE.crt")}
    assert sorted(name for _, name in CASES) == sorted(files)
    unnamed = {name for name in files if not name.startswith(("Valid", "Invalid"))}
    assert unnamed == set(LIST["by_policy"])


@pytest.mark.parametrize("name", [name for _, name in CASES])
def test_nothing_invalid_is_accepted(name: str) -> None:
    assert expected(name) or why_refused(name)


def test_what_is_valid_and_refused_is_listed_with_its_reason() -> None:
    refused = {name for _, name in CASES if expected(name) and why_refused(name)}
    listed = [name for one in LIST["refused"] for name in one["tests"]]
    assert sorted(refused) == sorted(listed)
    assert all(one["reason"] for one in LIST["refused"])


def test_agreement_on_paths_and_complete_lists_is_at_least_95_percent() -> None:
    names = [name for section, name in CASES if section in MUST_AGREE]
    agreed = [name for name in names if expected(name) == (not why_refused(name))]
    assert len(names) >= 95
    assert len(agreed) / len(names) >= 0.95


def test_revoked_is_told_from_unknown() -> None:
    assert why_refused("InvalidRevokedEETest3EE") == "revoked"
    assert why_refused("InvalidRevokedCATest2EE").endswith("revoked")
    assert why_refused("InvalidMissingCRLTest1EE") == "unknown"
    assert why_refused("InvalidOldCRLnextUpdateTest11EE") == "unknown"
    assert re.search("unknown|no path", why_refused("InvalidUnknownCRLExtensionTest10EE"))
