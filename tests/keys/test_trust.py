"""`keys/trust.py`: which certificate may sign at a time, and the reason why another may not.

Each refusal stands beside a neighbour that differs in the one thing and passes.
"""

from datetime import datetime, timedelta, timezone

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID, ObjectIdentifier

from keys.certificates import Certificate
from keys.demo_ca import (
    YEAR,
    Issued,
    authority_extensions,
    issue,
    issue_root,
    key_usage,
    organ_name,
)
from keys.errors import CertificateUnusable
from keys.trust import OTHERS_MAX, Path, Trust, TrustAnchor
from tests.pki import (
    AT,
    DAY,
    END,
    OTHER,
    P256,
    PKI,
    START,
    UNKNOWN_EXTENSION,
    Extension,
    Pki,
    key,
)

SECOND = timedelta(seconds=1)
LEAF, ISSUING, ROOT = (
    P256.organ("H05").certificate,
    P256.issuing.certificate,
    P256.root.certificate,
)


def path_of(variant: str, at: datetime = AT) -> Path:
    leaf, issuing = P256.chain("H05", variant)
    return Trust([TrustAnchor(ROOT)]).path(leaf, [issuing], at)  # nothing remembered


def below(authority: Issued, extensions: tuple[Extension, ...] = ()) -> Path:
    """The path of a good leaf that `authority` issued."""
    leaf = P256.issue_organ(
        "H05", issuer=authority, extensions=[(key_usage("digital_signature"), True), *extensions]
    )
    return P256.trust.path(leaf.certificate, [authority.certificate], AT)


def assert_no_chain(path: Path, reason: str = "") -> None:
    assert (path.problem, path.chain, path.anchor) == ("NO_CERTIFICATE_CHAIN_FOUND", (), None)
    assert (path.valid_from, path.valid_until) == (None, None)
    assert reason in path.detail
    assert path.detail


@pytest.mark.parametrize("pki", [PKI, P256], ids=["rsa2048", "p256"])
def test_valid(pki: Pki) -> None:
    leaf, issuing = pki.chain("H05")
    path = pki.trust.path(leaf, [issuing], AT)
    assert path == Path(
        chain=(leaf, issuing, pki.root.certificate),
        anchor=TrustAnchor(pki.root.certificate),
        problem="",
        detail="",
        valid_from=START,
        valid_until=END,
    )


def test_order_and_company_of_the_others_do_not_matter() -> None:
    strangers = [OTHER.issuing.certificate, ROOT, P256.organ("H13").certificate, ISSUING, LEAF]
    for others in (strangers, strangers[::-1]):
        assert P256.trust.path(LEAF, others, AT).chain == (LEAF, ISSUING, ROOT)


def test_missing_intermediate() -> None:
    assert_no_chain(P256.trust.path(LEAF, [], AT))


def test_other_root_with_the_same_names() -> None:
    assert OTHER.root.certificate.subject == ROOT.subject
    leaf, issuing = OTHER.chain("H05")
    assert OTHER.trust.path(leaf, [issuing], AT).problem == ""
    for others in ([issuing], [issuing, OTHER.root.certificate], [ISSUING], [issuing, ISSUING]):
        assert_no_chain(P256.trust.path(leaf, others, AT))


def test_no_anchor_at_all() -> None:
    assert_no_chain(Trust([]).path(LEAF, [ISSUING], AT), "there are no trust anchors")


def test_expired() -> None:
    path = path_of("expired")
    assert path.problem == "OUT_OF_BOUNDS_NO_POE"
    assert "Bắc Ninh" in path.detail
    assert "was valid until 2026-05-31" in path.detail
    assert path.chain[-1] == ROOT
    assert path_of("expired", AT - 2 * DAY).problem == ""


def test_not_yet_valid() -> None:
    path = path_of("not yet valid")
    assert path.problem == "NOT_YET_VALID"
    assert "is valid from 2026-06-02" in path.detail
    assert path_of("not yet valid", AT + 2 * DAY).problem == ""


def test_first_and_last_second() -> None:
    assert path_of("good", START).problem == ""
    assert path_of("good", START - SECOND).problem == "NOT_YET_VALID"
    assert path_of("good", END).problem == ""
    assert path_of("good", END + timedelta(milliseconds=999)).problem == ""
    assert path_of("good", END + SECOND).problem == "OUT_OF_BOUNDS_NO_POE"


def test_long_after_everything_ended() -> None:
    path = path_of("good", AT + 20 * YEAR)
    assert (path.problem, path.valid_until) == ("OUT_OF_BOUNDS_NO_POE", END)


def test_time_zones_are_the_same_instant() -> None:
    hanoi = timezone(timedelta(hours=7))
    assert path_of("good", END.astimezone(hanoi)).problem == ""
    assert path_of("good", (END + SECOND).astimezone(hanoi)).problem == "OUT_OF_BOUNDS_NO_POE"
    with pytest.raises(ValueError, match="aware"):
        path_of("good", AT.replace(tzinfo=None))


def short_lived_authority() -> Issued:
    return issue(
        organ_name("CA", "Short"),
        key("short"),
        P256.root,
        START,
        AT - DAY,
        authority_extensions(path_length=0),
    )


def test_expired_intermediate_above_a_leaf_still_in_time() -> None:
    path = below(short_lived_authority())
    assert path.problem == "OUT_OF_BOUNDS_NO_POE"
    assert "Short" in path.detail
    assert path.valid_until == AT - DAY


def test_expired_root() -> None:
    start = AT - 3 * YEAR
    root = issue_root("Old root", key("old root"), start, AT - DAY)
    leaf = P256.issue_organ("H05", issuer=root).certificate
    trust = Trust([TrustAnchor(root.certificate)])
    assert trust.path(leaf, [], AT - 2 * DAY).problem == ""
    path = trust.path(leaf, [], AT)
    assert path.problem == "OUT_OF_BOUNDS_NO_POE"
    assert "Old root" in path.detail


def test_leaf_used_as_ca() -> None:
    assert_no_chain(below(P256.organ("H13")), "invalid extension: 2.5.29.19")
    plain = P256.issue_organ(
        "H13", extensions=[(x509.BasicConstraints(ca=False, path_length=None), True)]
    )
    leaf = P256.issue_organ("H05", issuer=plain).certificate
    path = P256.trust.path(leaf, [plain.certificate, ISSUING], AT)
    assert_no_chain(path, "basicConstraints.cA must be asserted")
    assert below(P256.issue_authority("CA")).problem == ""


def test_path_length() -> None:
    """The issuing CA may issue to organs only: a CA below it counts for nothing."""
    lower = issue(
        organ_name("LOWER", "Lower"),
        key("lower"),
        P256.issuing,
        START,
        END,
        authority_extensions(path_length=0),
    )
    leaf = P256.issue_organ("H05", issuer=lower).certificate
    assert_no_chain(P256.trust.path(leaf, [lower.certificate, ISSUING], AT))


def test_ca_without_key_cert_sign() -> None:
    no_sign = issue(
        organ_name("CA", "CA"),
        key("no sign"),
        P256.root,
        START,
        END,
        [
            (x509.BasicConstraints(ca=True, path_length=0), True),
            (key_usage("digital_signature"), True),
        ],
    )
    assert_no_chain(below(no_sign), "does not allow it to sign certificates")


@pytest.mark.parametrize("usage", [("key_cert_sign",), ("key_cert_sign", "digital_signature")])
def test_ca_as_signer(usage: tuple[str, ...]) -> None:
    extensions: list[Extension] = [
        (x509.BasicConstraints(ca=True, path_length=0), True),
        (key_usage(*usage), True),
    ]
    authority = P256.issue_organ("H05", issuer=P256.root, extensions=extensions)
    path = P256.trust.path(authority.certificate, [], AT)
    assert path.problem == "CHAIN_CONSTRAINTS_FAILURE"
    assert "a CA certificate does not sign documents" in path.detail
    assert P256.trust.path(ROOT, [], AT).problem == "CHAIN_CONSTRAINTS_FAILURE"


@pytest.mark.parametrize("variant", ["no key usage", "encipherment only"])
def test_key_usage(variant: str) -> None:
    path = path_of(variant)
    assert path.problem == "CHAIN_CONSTRAINTS_FAILURE"
    assert "neither digitalSignature nor nonRepudiation" in path.detail
    assert path_of("nonRepudiation only").problem == ""


def test_purposes() -> None:
    path = path_of("for servers")
    assert path.problem == "CHAIN_CONSTRAINTS_FAILURE"
    assert "its purposes (1.3.6.1.5.5.7.3.1) are not signing documents" in path.detail
    assert path_of("for e-mail").problem == ""


def test_unfitness_is_told_before_time() -> None:
    assert path_of("no key usage", END + DAY).problem == "CHAIN_CONSTRAINTS_FAILURE"


def test_rsa_1024_leaf() -> None:
    leaf, issuing = PKI.chain("H05", "rsa1024")
    path = PKI.trust.path(leaf, [issuing], AT)
    assert path.problem == "CRYPTO_CONSTRAINTS_FAILURE"
    assert "RSA 1024 < 2048" in path.detail
    assert PKI.trust.path(*_leaf_and_others(PKI.chain("H05")), AT).problem == ""


def test_rsa_1024_issuer() -> None:
    weak = issue(
        organ_name("CA", "Weak"),
        key("weak ca", "rsa1024"),
        P256.root,
        START,
        END,
        authority_extensions(path_length=0),
    )
    assert_no_chain(below(weak), "RSA key is too weak")


def test_unknown_critical_extension() -> None:
    assert_no_chain(path_of("unknown critical"), "unaccounted-for critical extensions")
    assert path_of("unknown not critical").problem == ""
    for critical, problem in ((True, "NO_CERTIFICATE_CHAIN_FOUND"), (False, "")):
        authority = P256.issue_authority("CA", extensions=[(UNKNOWN_EXTENSION, critical)])
        assert below(authority).problem == problem


def test_critical_certificate_policies_pass() -> None:
    policies = x509.CertificatePolicies(
        [x509.PolicyInformation(ObjectIdentifier("1.3.6.1.4.1.99999.1"), None)]
    )
    authority = P256.issue_authority("CA", extensions=[(policies, True)])
    assert below(authority, ((policies, True),)).problem == ""


@pytest.mark.parametrize("critical", [True, False])
def test_directory_name_constraints_cannot_be_checked(critical: bool) -> None:
    elsewhere = x509.Name([x509.NameAttribute(NameOID.COUNTRY_NAME, "LA")])
    for tree, problem in (
        (x509.DirectoryName(elsewhere), "NO_CERTIFICATE_CHAIN_FOUND"),
        (x509.DNSName("gov.vn"), ""),
    ):
        for permitted in (True, False):
            names = x509.NameConstraints(
                [tree] if permitted else None, None if permitted else [tree]
            )
            authority = P256.issue_authority("CA", extensions=[(names, critical)])
            assert below(authority).problem == problem


def test_too_many_certificates() -> None:
    padding = [ISSUING] * OTHERS_MAX
    assert P256.trust.path(LEAF, padding, AT).problem == ""
    assert_no_chain(P256.trust.path(LEAF, [*padding, ISSUING], AT), "at most 16")


def test_an_anchor_is_found_by_its_key_not_by_its_name() -> None:
    trust = Trust(
        [TrustAnchor(OTHER.root.certificate), TrustAnchor(ROOT, "required")],
    )
    path = trust.path(LEAF, [ISSUING], AT)
    assert path.anchor == TrustAnchor(ROOT, "required")
    other_leaf, other_issuing = OTHER.chain("H05")
    assert trust.path(other_leaf, [other_issuing], AT).anchor == TrustAnchor(OTHER.root.certificate)


def test_cache_gives_the_same_path_and_is_right_outside_the_window() -> None:
    trust = Trust([TrustAnchor(ROOT)])
    first = trust.path(LEAF, [ISSUING], AT)
    assert trust.path(LEAF, [ISSUING], AT + DAY) is first
    assert trust.path(LEAF, [ISSUING], END + SECOND).problem == "OUT_OF_BOUNDS_NO_POE"
    assert trust.path(LEAF, [ISSUING], START - SECOND).problem == "NOT_YET_VALID"
    assert trust.path(LEAF, [], AT).problem == "NO_CERTIFICATE_CHAIN_FOUND"
    assert trust.path(LEAF, [ISSUING], AT) is first
    assert Trust([TrustAnchor(OTHER.root.certificate)]).path(LEAF, [ISSUING], AT).problem


def test_a_failure_is_not_remembered() -> None:
    trust = Trust([TrustAnchor(ROOT)])
    leaf, issuing = P256.chain("H05", "expired")
    assert trust.path(leaf, [issuing], AT).problem == "OUT_OF_BOUNDS_NO_POE"
    assert trust.path(leaf, [issuing], AT - 2 * DAY).problem == ""
    assert trust.path(leaf, [issuing], AT).problem == "OUT_OF_BOUNDS_NO_POE"


def test_cache_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("keys.trust._CACHE", 2)
    trust = Trust([TrustAnchor(ROOT)])
    for _ in range(2):
        for organ_id in ("H01", "H05", "H13"):
            leaf, issuing = P256.chain(organ_id)
            assert trust.path(leaf, [issuing], AT).chain == (leaf, issuing, ROOT)
    assert len(trust._known) <= 2


def test_from_pem_takes_roots_only() -> None:
    organ = P256.organ("H05")
    trust = Trust.from_pem(P256.root.pem + P256.issuing.pem, organ.key_pem, organ.pem)
    assert trust.anchors == (TrustAnchor(ROOT),)
    assert trust.ignored == (
        f"{ISSUING.subject}: not self-signed: the anchor is the root above it",
        "PRIVATE KEY: not a certificate",
        f"{organ.certificate.subject}: not a CA certificate",
    )
    assert trust.path(LEAF, [ISSUING], AT).problem == ""


def test_from_pem_keeps_the_policy_and_each_root_once() -> None:
    trust = Trust.from_pem(P256.root.pem, P256.root.pem, OTHER.root.pem, revocation="required")
    assert trust.anchors == (
        TrustAnchor(ROOT, "required"),
        TrustAnchor(OTHER.root.certificate, "required"),
    )


def test_a_self_signed_leaf_is_no_anchor() -> None:
    may_sign = [(key_usage("digital_signature"), True)]
    own = issue(organ_name("H05", "Own"), key("own"), None, START, END, may_sign)
    with pytest.raises(CertificateUnusable, match=r"Own.*: not a CA certificate"):
        Trust.from_pem(own.pem)
    assert_no_chain(P256.trust.path(own.certificate, [], AT))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (P256.issuing.pem, "no trust anchor.*not self-signed"),
        (b"xin chao", "not PEM"),
        (P256.root.pem + b"rubbish", "text follows"),
    ],
)
def test_from_pem_refuses(data: bytes, reason: str) -> None:
    with pytest.raises(CertificateUnusable, match=reason):
        Trust.from_pem(data)


def test_from_pem_without_files() -> None:
    with pytest.raises(CertificateUnusable, match="found nothing"):
        Trust.from_pem()


def test_a_weak_root_is_no_anchor() -> None:
    weak = issue_root("Weak root", key("weak root", "rsa1024"), START, END)
    with pytest.raises(CertificateUnusable, match="CN=Weak root,C=VN: RSA 1024 < 2048"):
        Trust([TrustAnchor(weak.certificate)])
    with pytest.raises(CertificateUnusable, match=r"no trust anchor.*RSA 1024 < 2048"):
        Trust.from_pem(weak.pem)


def test_any_certificate_may_be_given_never_an_exception() -> None:
    everything = [LEAF, ISSUING, ROOT, *OTHER.chain("H05"), OTHER.root.certificate]
    for leaf in everything:
        for others in ([], everything, everything[::-1]):
            good = leaf == LEAF and ISSUING in others
            assert (P256.trust.path(leaf, others, AT).problem == "") is good


def _leaf_and_others(
    chain: tuple[Certificate, ...],
) -> tuple[Certificate, tuple[Certificate, ...]]:
    return chain[0], chain[1:]
