"""`keys/crl.py`, `keys/ocsp.py`, `keys/revocation.py`: good, revoked or unknown at a time, and why.

Each that proves nothing stands beside its neighbour that does (rows F1 and F2 of the catalogue).
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from time import perf_counter

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from keys.certificates import Certificate
from keys.crl import CRL_BYTES_MAX, Crl
from keys.demo_ca import Issued, key_usage
from keys.errors import EvidenceUnusable
from keys.ocsp import NONCE_BYTES, OcspAnswer, request
from keys.revocation import Evidence, Finding, Status
from keys.sources import crl_sources, ocsp_sources
from tests.authority import (
    RESPONDER,
    WEEK,
    answer,
    crl,
    ocsp_at,
    point,
    points,
    responder,
)
from tests.pki import AT, DAY, OTHER, P256, UNKNOWN_EXTENSION

LEAF = P256.organ("H05").certificate
CA, ROOT = P256.issuing, P256.root
CHAIN = (LEAF, CA.certificate, ROOT.certificate)
OF_ROOT = crl(ROOT)  # so that the issuing CA itself is good
HOUR = timedelta(hours=1)
GOOD, REVOKED, UNKNOWN = Status.GOOD, Status.REVOKED, Status.UNKNOWN
MAY_SIGN = (key_usage("digital_signature"), True)


def judged(
    *evidence: bytes, at: datetime = AT, leaf: Certificate = LEAF, ca: Issued = CA
) -> Finding:
    """What is found about a leaf, by the evidence and a list of the root."""
    held = Evidence.of([OF_ROOT, *evidence])
    chain = (leaf, ca.certificate, ROOT.certificate)
    found, above = held.judge(chain, chain[1:], P256.trust, at)
    if at == AT and ca is CA:
        assert above.status is GOOD
    return found


# -- lists -------------------------------------------------------------------------------------


def test_a_list_says_good_or_revoked_and_of_when() -> None:
    good = judged(crl(CA, {12345: AT - DAY}))
    assert (good.status, good.source, good.this_update) == (GOOD, "crl", AT - DAY)
    revoked = judged(crl(CA, {LEAF: AT - DAY}, reason=x509.ReasonFlags.key_compromise))
    assert (revoked.status, revoked.revoked_at) == (REVOKED, AT - DAY)
    assert revoked.reason == "keyCompromise"
    assert len(revoked.sha256) == 1


def test_without_evidence_nothing_is_known() -> None:
    found = judged()
    assert (found.status, found.sha256) == (UNKNOWN, ())
    assert "no CRL or OCSP answer" in found.detail


STRANGER = OTHER.issuing  # the same name, another key
INDIRECT = [point("http://crl.test/a", indirect=True)]
ATTRIBUTE = x509.IssuingDistributionPoint(None, None, False, False, None, False, True)
OF_OTHERS = x509.CertificateIssuer([x509.DirectoryName(ROOT.certificate.x509.subject)])


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (crl(CA, {LEAF: AT}, next_update=AT - HOUR), "is over since"),  # F2 stale
        (crl(CA, {LEAF: AT}, signed_by=STRANGER), "not signed by the issuer"),  # wrong key
        (crl(CA, {LEAF: AT}, extensions=[(UNKNOWN_EXTENSION, True)]), "1.2.3.4.5 is not known"),
        (crl(CA, {LEAF: AT}, of_entries=[(UNKNOWN_EXTENSION, True)]), "an entry has the critical"),
        (crl(CA, {LEAF: AT}, of_entries=[(OF_OTHERS, True)]), "an entry has the critical"),
        (crl(CA, {LEAF: AT}, extensions=INDIRECT), "indirect CRL"),
        (crl(CA, {LEAF: AT}, extensions=[(ATTRIBUTE, True)]), "attribute certificates"),
        (crl(CA, {LEAF: AT}, extensions=[point(authorities_only=True)]), "another kind"),
        (crl(CA, {LEAF: AT}, extensions=[point("http://crl.test/a")]), "another distribution"),
        (crl(ROOT, {LEAF: AT}), "no CRL or OCSP answer"),  # of another issuer
    ],
)
def test_a_list_that_may_not_speak_says_neither_revoked_nor_good(bad: bytes, why: str) -> None:
    found = judged(bad)
    assert found.status is UNKNOWN
    assert why in found.detail
    good = judged(bad, crl(CA))  # and it does not keep a good one from speaking
    assert good.status is GOOD


@pytest.mark.parametrize(
    "fits",
    [
        [point(users_only=True)],
        [],
        [(UNKNOWN_EXTENSION, False)],
        [(x509.CRLNumber(7), False)],
    ],
)
def test_a_list_of_the_right_scope_counts(fits: list[tuple[x509.ExtensionType, bool]]) -> None:
    assert judged(crl(CA, extensions=fits)).status is GOOD


def test_the_distribution_point_of_the_certificate_must_be_that_of_the_list() -> None:
    leaf = P256.issue_organ("H07", extensions=[MAY_SIGN, points("http://crl.test/a")]).certificate
    assert judged(crl(CA, extensions=[point("http://crl.test/a")]), leaf=leaf).status is GOOD
    assert judged(crl(CA, extensions=[point("http://crl.test/b")]), leaf=leaf).status is UNKNOWN
    assert judged(crl(CA), leaf=leaf).status is GOOD


def test_a_list_of_some_reasons_only_does_not_say_good() -> None:
    some = frozenset({x509.ReasonFlags.key_compromise})
    one = crl(CA, extensions=[point(reasons=some)])
    found = judged(one)
    assert (found.status, "some reasons only" in found.detail) == (UNKNOWN, True)
    rest = frozenset(x509.ReasonFlags) - some
    rest -= {x509.ReasonFlags.unspecified, x509.ReasonFlags.remove_from_crl}
    assert judged(one, crl(CA, extensions=[point(reasons=frozenset(rest))])).status is GOOD


def test_a_delta_adds_and_never_takes_away() -> None:
    delta = [(x509.DeltaCRLIndicator(1), True), (x509.CRLNumber(2), False)]
    alone = judged(crl(CA, extensions=delta))
    assert (alone.status, "full list is not here" in alone.detail) == (UNKNOWN, True)
    full = crl(CA, {12345: AT - DAY})
    assert judged(full, crl(CA, extensions=delta)).status is GOOD
    assert judged(full, crl(CA, {LEAF: AT - HOUR}, extensions=delta)).status is REVOKED
    held = crl(CA, {LEAF: AT - DAY}, reason=x509.ReasonFlags.certificate_hold)
    removed = crl(CA, {LEAF: AT}, reason=x509.ReasonFlags.remove_from_crl, extensions=delta)
    assert judged(held, removed).status is REVOKED
    assert judged(full, removed).status is GOOD


def test_of_two_lists_the_newer_counts_and_a_revocation_of_any_scope() -> None:
    older = crl(CA, this_update=AT - 3 * DAY)
    newer = crl(CA, {LEAF: AT - 2 * DAY})
    assert judged(older, newer).status is REVOKED
    assert judged(newer, older).status is REVOKED
    users = crl(CA, {LEAF: AT - DAY}, extensions=[point(users_only=True)])
    assert judged(crl(CA, this_update=AT - HOUR), users).status is REVOKED


def test_an_invalidity_date_counts_when_it_is_earlier() -> None:
    since = x509.InvalidityDate((AT - 5 * DAY).replace(tzinfo=None))
    found = judged(crl(CA, {LEAF: AT - DAY}, of_entries=[(since, False)]))
    assert found.revoked_at == AT - 5 * DAY


def test_younger_evidence_counts_until_the_certificate_expires() -> None:
    later = crl(CA, this_update=AT + 30 * DAY, next_update=AT + 37 * DAY)
    assert judged(later).status is GOOD
    expired = P256.issue_organ("H07", extensions=[MAY_SIGN], end=AT + DAY).certificate
    found = judged(later, leaf=expired)  # a list may leave out what has expired
    assert (found.status, "had expired" in found.detail) == (UNKNOWN, True)


def test_the_ca_of_the_chain_is_judged_too() -> None:
    held = Evidence.of([crl(CA), crl(ROOT, {CA.certificate: AT - DAY})])
    leaf, ca = held.judge(CHAIN, CHAIN[1:], P256.trust, AT)
    assert (leaf.status, ca.status) == (GOOD, REVOKED)


def test_a_separate_signer_of_lists_under_the_same_anchor_counts() -> None:
    signer = Issued(
        P256.issue_organ("H09", extensions=[(key_usage("crl_sign"), True)]).certificate,
        P256.organ("H05").key,
    )
    subject = CA.certificate.x509.subject
    assert signer.certificate.x509.subject != subject
    assert judged(crl(CA, signed_by=signer)).status is UNKNOWN  # another name: an indirect list


# -- answers -----------------------------------------------------------------------------------


@pytest.mark.parametrize("by", [None, responder()])
def test_an_answer_of_the_ca_or_of_its_responder_counts(by: Issued | None) -> None:
    good = judged(answer(LEAF, CA, by=by))
    assert (good.status, good.source) == (GOOD, "ocsp")
    revoked = judged(answer(LEAF, CA, by=by, revoked_at=AT - DAY))
    assert (revoked.status, revoked.revoked_at) == (REVOKED, AT - DAY)


def without(kind: type[x509.ExtensionType]) -> Iterable[tuple[x509.ExtensionType, bool]]:
    return [one for one in RESPONDER if not isinstance(one[0], kind)]


IN_CA = P256.issue_authority("another CA")
ANSWERS = {
    "old nextUpdate": (answer(LEAF, CA, next_update=AT - HOUR), "is over since"),
    "no nextUpdate, an hour ago": (
        answer(LEAF, CA, this_update=AT - 2 * HOUR, next_update=None),
        "is over since",
    ),
    "another serial": (answer(P256.organ("H01").certificate, CA), "no CRL or OCSP answer"),
    "another issuer": (answer(LEAF, OTHER.issuing), "another issuer's certificate"),
    "delegate without EKU": (
        answer(LEAF, CA, by=responder(extensions=without(x509.ExtendedKeyUsage))),
        "not signed by the issuer or a responder",
    ),
    "delegate of another CA": (
        answer(LEAF, CA, by=responder(issuer=IN_CA)),
        "not signed by the issuer or a responder",
    ),
    "delegate left out": (
        answer(LEAF, CA, by=responder(), with_certificate=False),
        "not signed by the issuer or a responder",
    ),
    "delegate whose own status is open": (
        answer(LEAF, CA, by=responder(extensions=without(x509.OCSPNoCheck))),
        "the OCSP responder's certificate is unknown",
    ),
    "delegate that was over": (
        answer(
            LEAF,
            CA,
            by=P256.issue_organ("OCSP", extensions=RESPONDER, end=AT - 30 * DAY),
        ),
        "was not valid then",
    ),
    "unknown": (answer(LEAF, CA, status=ocsp.OCSPCertStatus.UNKNOWN), "does not know it"),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_that_may_not_speak_says_nothing(name: str) -> None:
    bad, why = ANSWERS[name]
    found = judged(bad)
    assert (found.status, why in found.detail) == (UNKNOWN, True), found.detail


def test_a_responder_whose_status_is_good_counts_without_nocheck() -> None:
    by = responder(extensions=without(x509.OCSPNoCheck))
    assert judged(answer(LEAF, CA, by=by), crl(CA)).status is GOOD
    gone = crl(CA, {by.certificate: AT - DAY}, extensions=[point(users_only=True)])
    found = judged(answer(LEAF, CA, by=by, revoked_at=AT - DAY), gone)
    assert (found.status, found.source) == (GOOD, "crl")  # the list speaks, the responder does not


def test_revoked_by_any_source_is_revoked() -> None:
    assert judged(crl(CA), answer(LEAF, CA, revoked_at=AT - DAY)).status is REVOKED
    assert judged(crl(CA, {LEAF: AT - DAY}), answer(LEAF, CA)).status is REVOKED


def test_the_nonce_must_be_ours_where_there_is_one() -> None:
    ours, others = b"n" * NONCE_BYTES, b"x" * NONCE_BYTES
    with_ours = OcspAnswer.from_der(answer(LEAF, CA, nonce=ours))
    assert with_ours.nonce_problem(ours, required=True) == ""
    assert "another nonce" in with_ours.nonce_problem(others, required=False)
    plain = OcspAnswer.from_der(answer(LEAF, CA))
    assert plain.nonce_problem(ours, required=False) == ""
    assert "no nonce" in plain.nonce_problem(ours, required=True)


def test_a_request_asks_about_the_certificate_with_the_nonce() -> None:
    asked = ocsp.load_der_ocsp_request(request(LEAF, CA.certificate, b"n" * NONCE_BYTES))
    assert asked.serial_number == LEAF.x509.serial_number
    nonce = asked.extensions.get_extension_for_class(x509.OCSPNonce).value.nonce
    assert nonce == b"n" * NONCE_BYTES


# -- files -------------------------------------------------------------------------------------

UNAUTHORIZED = ocsp.OCSPResponseBuilder.build_unsuccessful(
    ocsp.OCSPResponseStatus.UNAUTHORIZED
).public_bytes(Encoding.DER)


@pytest.mark.parametrize("data", [crl(CA), answer(LEAF, CA)], ids=["list", "answer"])
def test_an_algorithm_that_nobody_knows_proves_nothing(data: bytes) -> None:
    """ecdsa-with-SHA256 becomes 1.2.840.10045.4.3.6, which means nothing."""
    oid = bytes.fromhex("2a8648ce3d040302")
    assert judged(data).status is GOOD
    assert judged(data.replace(oid, oid[:-1] + b"\x06")).status is UNKNOWN


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"<html><body>Login</body></html>", "not a readable OCSP answer"),
        (b"", "not a readable OCSP answer"),
        (crl(CA)[:-1], "not a readable OCSP answer"),
        (UNAUTHORIZED, "answered unauthorized"),
        (b"\x30" + b"\x00" * (300 * 1024), "at most"),
        (b"-----BEGIN X509 CRL-----\nMAA=\n-----END X509 CRL-----\n", "not a readable CRL"),
        (P256.organ("H05").pem + CA.pem, "2 blocks"),
    ],
)
def test_what_is_no_evidence_is_refused_and_changes_nothing(data: bytes, why: str) -> None:
    held = Evidence()
    with pytest.raises(EvidenceUnusable, match=why):
        held.add(data)
    assert len(held) == 0


def test_der_and_pem_are_the_same_item_and_held_once() -> None:
    der = crl(CA)
    pem = x509.load_der_x509_crl(der).public_bytes(Encoding.PEM)
    held = Evidence()
    assert held.add(pem) == held.add(der) == held.add(der)
    assert [(one.kind, one.entries) for one in held.items()] == [("crl", 0)]


def test_sources_are_the_web_addresses_of_a_certificate() -> None:
    leaf = P256.issue_organ(
        "H07",
        extensions=[
            MAY_SIGN,
            points("http://crl.test/a", "ldap://crl.test/b", "file:///etc/passwd"),
            ocsp_at("http://ocsp.test/"),
        ],
    ).certificate
    assert crl_sources(leaf) == ("http://crl.test/a",)
    assert ocsp_sources(leaf) == ("http://ocsp.test/",)
    assert crl_sources(LEAF) == ocsp_sources(LEAF) == ()


# -- cost --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def large() -> bytes:
    return crl(CA, dict.fromkeys(range(1, 20_001), AT - DAY))


def test_a_list_of_20_000_entries_costs_a_look_up_not_a_parse(large: bytes) -> None:
    """A ratio of one run: asking it a hundred times costs less than reading it once."""
    held = Evidence()
    began = perf_counter()
    assert held.add(large).entries == 20_000
    read = perf_counter() - began
    held.add(OF_ROOT)
    held.judge(CHAIN, CHAIN[1:], P256.trust, AT)  # its signature is checked once
    began = perf_counter()
    for second in range(100):  # another time each, so that no verdict is remembered
        held._known = {}
        found = held.judge(CHAIN, CHAIN[1:], P256.trust, AT + timedelta(seconds=second))
        assert found[0].status is GOOD
    asked = perf_counter() - began
    assert asked < read
    began = perf_counter()
    for _ in range(100):
        held.add(large)  # known by its digest
    assert perf_counter() - began < read


def test_f2_a_list_of_a_million_entries_is_refused_unread() -> None:
    """36 bytes an entry, as with serial numbers of 16: more than is read, and told at once."""
    largest = 1_000_000 * 36
    assert largest > CRL_BYTES_MAX
    began = perf_counter()
    with pytest.raises(EvidenceUnusable, match="at most 33554432"):
        Crl.from_der(bytes(largest))
    assert perf_counter() - began < 1


def test_a_verdict_is_remembered_until_evidence_comes_or_it_is_over() -> None:
    held = Evidence.of([OF_ROOT, crl(CA)])
    first = held.judge(CHAIN, CHAIN[1:], P256.trust, AT)
    assert held.judge(CHAIN, CHAIN[1:], P256.trust, AT + DAY) is first
    assert held.judge(CHAIN, CHAIN[1:], P256.trust, AT + 2 * WEEK)[0].status is UNKNOWN
    held.add(crl(CA, {LEAF: AT}, this_update=AT))
    assert held.judge(CHAIN, CHAIN[1:], P256.trust, AT + DAY)[0].status is REVOKED
    assert held.asked() == (CHAIN,)


def test_what_is_over_and_replaced_is_let_go_of() -> None:
    """A node that runs for a year would hold each list of it otherwise."""
    held = Evidence.of([OF_ROOT, crl(CA, next_update=AT), answer(LEAF, CA, next_update=AT)])
    assert (held.forget(AT + HOUR), len(held)) == (0, 3)  # nothing is newer
    for day in range(1, 50):
        at = AT + day * DAY
        held.add(crl(CA, {LEAF: at}, this_update=at, next_update=at + DAY))
        held.add(crl(CA, this_update=at, next_update=at + DAY, extensions=[point(users_only=True)]))
        held.add(answer(LEAF, CA, this_update=at, next_update=at + DAY))
        held.forget(at - DAY)
        assert len(held) <= 1 + 3 * 3
        assert held.judge(CHAIN, CHAIN[1:], P256.trust, at)[0].revoked_at == at
    assert held.judge(CHAIN, CHAIN[1:], P256.trust, AT + 60 * DAY)[0].status is UNKNOWN
    assert "is over since" in held.judge(CHAIN, CHAIN[1:], P256.trust, AT + 60 * DAY)[0].detail


def test_half_of_its_validity_later_it_is_due_again() -> None:
    found = judged(crl(CA, this_update=AT, next_update=AT + WEEK))
    assert found.refresh_at() == AT + WEEK / 2


# -- what a hostile source may send ------------------------------------------------------------


@pytest.mark.parametrize("by", ["list", "answer"])
def test_no_changed_byte_makes_anybody_good_revoked_or_us_stumble(by: str) -> None:
    """F1, F2: evidence comes over plain HTTP, so whoever sits between may change each byte of it.

    What is still believed says what was signed: a changed byte that no signature covers.
    """
    whole = {
        "list": crl(CA, {LEAF: AT - DAY}, extensions=[point(users_only=True)]),
        "answer": answer(LEAF, CA, by=responder(), revoked_at=AT - DAY, nonce=b"n" * NONCE_BYTES),
    }[by]
    said = judged(whole)
    assert said.status is REVOKED
    unreadable = 0
    for number in range(len(whole)):
        for flip in (0x01, 0x80, 0xFF):
            changed = bytearray(whole)
            changed[number] ^= flip
            try:
                found = judged(bytes(changed))
                if by == "answer":
                    OcspAnswer.from_der(bytes(changed)).nonce_problem(b"", required=False)
            except EvidenceUnusable:
                unreadable += 1
                continue
            assert found.status is UNKNOWN or found.revoked_at == said.revoked_at, number
    assert unreadable > len(whole) // 10


def test_an_answer_with_a_critical_extension_that_nobody_knows_is_refused() -> None:
    plain = OcspAnswer.from_der(answer(LEAF, CA)).parsed.responses
    builder = ocsp.OCSPResponseBuilder().add_response(
        cert=LEAF.x509,
        issuer=CA.certificate.x509,
        algorithm=next(iter(plain)).hash_algorithm,
        cert_status=ocsp.OCSPCertStatus.GOOD,
        this_update=AT - DAY,
        next_update=AT + DAY,
        revocation_time=None,
        revocation_reason=None,
    )
    builder = builder.responder_id(ocsp.OCSPResponderEncoding.NAME, CA.certificate.x509)
    for critical in (False, True):
        made = builder.add_extension(UNKNOWN_EXTENSION, critical)
        data = made.sign(CA.key, hashes.SHA256()).public_bytes(Encoding.DER)
        if critical:
            with pytest.raises(EvidenceUnusable, match="critical extension"):
                Evidence.of([data])
        else:
            assert judged(data).status is GOOD
