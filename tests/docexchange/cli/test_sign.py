"""`sign`: two-step signing with files and with the store; openssl is the phone."""

from __future__ import annotations

import json
import shutil
import stat
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest

from tests.office import Office, Ran
from tests.pki import AT, P256, PKI, Pki

FIELDS = (
    *("--from", "H05", "--to", "H01", "--number", "98", "--notation", "QĐ-UBND"),
    *("--subject", "Ban hành Quy chế", "--type", "Quyết định"),
)
HOURS = timedelta(hours=1)


@pytest.fixture
def pdf(tmp_path: Path) -> Path:
    path = tmp_path / "qd.pdf"
    path.write_bytes(b"%PDF-1.7 quyet dinh")
    return path


@pytest.fixture
def openssl() -> str:
    found = shutil.which("openssl")
    if found is None:
        pytest.skip("openssl is not installed")
    return found


def phone(tmp_path: Path, pki: Pki, organ: str = "H05", variant: str = "good") -> Path:
    """The folder of somebody with a key: chain.pem for us, key.pem for them."""
    home = tmp_path / f"phone-{organ}-{variant}"
    home.mkdir(exist_ok=True)
    (home / "chain.pem").write_bytes(pki.chain_pem(organ, variant))
    (home / "key.pem").write_bytes(pki.organ(organ, variant).key_pem)
    return home


def run(*command: str | Path) -> None:
    subprocess.run(command, check=True, capture_output=True)  # a tool of the machine


def sign_on(home: Path, openssl: str, request: Path, *, digest: bool) -> Path:
    """Sign as a phone would, from what the request says and nothing else."""
    facts = json.loads(request.read_bytes())
    given, value = home / "given.bin", home / "signature.bin"
    if digest:
        given.write_bytes(bytes.fromhex(facts["to_sign_digest"]["hex"]))
        run(
            *(openssl, "pkeyutl", "-sign", "-inkey", home / "key.pem", "-in", given),
            *("-pkeyopt", f"digest:{facts['to_sign_digest']['algorithm']}", "-out", value),
        )
    else:
        from base64 import b64decode

        given.write_bytes(b64decode(facts["to_sign"]))
        run(openssl, "dgst", "-sha256", "-sign", home / "key.pem", "-out", value, given)
    return value


def prepare(office: Office, pdf: Path, home: Path, *more: str) -> Ran:
    request = pdf.parent / "request.json"
    chain = home / "chain.pem"
    return office.bare("sign", "prepare", pdf, *FIELDS, "--cert", chain, "-o", request, *more)


@pytest.mark.parametrize("digest", [False, True], ids=["bytes", "digest"])
@pytest.mark.parametrize("pki", [PKI, P256], ids=["RSA", "EC"])
def test_signed_by_openssl_and_verified_by_us_and_xmlsec1(
    office: Office, pdf: Path, tmp_path: Path, openssl: str, pki: Pki, digest: bool
) -> None:
    home = phone(tmp_path, pki)
    ran = prepare(office, pdf, home)
    assert ran.code == 0, ran.err
    assert "Subject: Ban hành Quy chế" in ran.out
    request, out, root = tmp_path / "request.json", tmp_path / "out.edxml", tmp_path / "ca.pem"
    assert stat.S_IMODE(request.stat().st_mode) == 0o600
    assert office.bare("sign", "show", request).out == ran.out
    value = sign_on(home, openssl, request, digest=digest)
    office.theatre.clock.advance(47 * HOURS)
    ran = office.bare("sign", "complete", request, value, "-o", out)
    assert ran.code == 0, ran.err
    assert ("W-SIG-012" in ran.err) == (pki is P256)  # openssl gives DER
    root.write_bytes(pki.root.pem)
    at = (AT + 48 * HOURS).isoformat()
    assert office.bare("verify", out, "--trust", root, "--at", at).code == 0
    xmlsec = shutil.which("xmlsec1")
    if xmlsec is None:
        pytest.skip("xmlsec1 is not installed")
    run(
        *(xmlsec, "--verify", "--trusted-pem", root, "--verification-time"),
        AT.strftime("%Y-%m-%d %H:%M:%S"),
        *("--id-attr:Id", "http://uri.etsi.org/01903/v1.3.2#:SignedProperties", out),
    )


def test_what_is_wrong_is_refused_and_nothing_is_written(
    office: Office, pdf: Path, tmp_path: Path, openssl: str
) -> None:
    home = phone(tmp_path, P256)
    prepare(office, pdf, home)
    request, out = tmp_path / "request.json", tmp_path / "out.edxml"
    value = sign_on(home, openssl, request, digest=False)
    good = value.read_bytes()

    def complete(given: bytes) -> Ran:
        value.write_bytes(given)
        return office.bare("sign", "complete", request, value, "-o", out)

    other = sign_on(phone(tmp_path, P256, "H13"), openssl, request, digest=False)
    for given, why in [
        (other.read_bytes(), "another key signed"),
        (good[:-2], "cut off or damaged"),
        (b"", "cut off or damaged"),
    ]:
        ran = complete(given)
        assert (ran.code, ran.out) == (5, "")
        assert why in ran.err
        assert "Traceback" not in ran.err
    office.theatre.clock.advance(48 * HOURS)
    ran = complete(good)
    assert ran.code == 75
    assert "prepare a new one" in ran.err
    assert office.bare("sign", "show", request).code == 75
    assert not out.exists()


def test_a_changed_request_is_refused(office: Office, pdf: Path, tmp_path: Path) -> None:
    prepare(office, pdf, phone(tmp_path, P256))
    request = tmp_path / "request.json"
    text = request.read_text()
    request.write_text(text.replace("Ban hành Quy chế", "Bãi bỏ Quy chế"))
    ran = office.bare("sign", "show", request)
    assert (ran.code, ran.out) == (5, "")
    assert "words, document: not what follows" in ran.err
    office.lang = "vi"
    assert "bị hỏng hoặc đã bị sửa" in office.bare("sign", "show", request).err


def test_prepare_warns_of_a_certificate_of_another_organ(
    office: Office, pdf: Path, tmp_path: Path
) -> None:
    ran = prepare(office, pdf, phone(tmp_path, P256, "H13"))
    assert ran.code == 0
    assert "the certificate is H13's, the document H05's" in ran.err
    assert prepare(office, pdf, phone(tmp_path, P256, "H13")).code == 5  # it is there already


@pytest.mark.parametrize(
    "arguments",
    [
        ("sig",),
        ("request", "sig"),
        ("request", "sig", "-o", "x", "--send"),
        ("--ref", "1", "a", "b"),
    ],
)
def test_complete_says_how_it_is_used(office: Office, arguments: tuple[str, ...]) -> None:
    ran = office.bare("sign", "complete", *arguments)
    assert ran.code == 2
    assert "REQUEST.json SIGNATURE -o OUT.edxml" in ran.err


# -- with the store ----------------------------------------------------------------------------


def send_later(office: Office, pdf: Path, tmp_path: Path, *more: str) -> Ran:
    chain = phone(tmp_path, P256, variant="second") / "chain.pem"
    return office.run("H05", "send", pdf, *FIELDS, "--sign-later", "--cert", chain, *more)


def test_a_document_waits_is_shown_signed_and_sent(
    office: Office, pdf: Path, tmp_path: Path, openssl: str
) -> None:
    ran = send_later(office, pdf, tmp_path)
    assert ran.code == 0, ran.err
    ref = ran.out.strip()
    assert "waits for its signature 2 d left" in ran.err
    office.settle()
    listed = office.run("H05", "sign", "list", "--json").json["documents"]
    assert [(one["tracking_id"], one["signature"]) for one in listed] == [(ref, "waiting")]
    assert "2 d left" in office.run("H05", "sign", "list").out
    assert "◌ Waiting for signature" in office.run("H05", "list").out
    tracked = office.run("H05", "track", "98/QĐ-UBND").out
    assert "◌ Waiting for signature" in tracked
    assert f"docexchange sign complete --ref {ref}" in tracked
    assert office.run("H05", "track", ref, "--json").json["deliveries"] == []

    request = tmp_path / "request.json"
    assert office.run("H05", "sign", "export", ref, "-o", request).code == 0
    home = phone(tmp_path, P256, variant="second")
    value = sign_on(home, openssl, request, digest=True)
    ran = office.run("H05", "sign", "complete", request, value, "--send")
    assert (ran.code, ran.out.strip()) == (0, ref), ran.err
    again = office.run("H05", "sign", "complete", "--ref", ref, value, "--json")
    assert (again.code, again.json["duplicate"]) == (0, True)
    office.settle()
    tracked = office.run("H05", "track", "98/QĐ-UBND").out
    assert "Acknowledged" in tracked
    assert "stored, waits for its signature" in tracked
    assert "the signature came, it is right" in tracked
    assert office.run("H05", "sign", "list").out == ""


def test_a_wrong_signature_is_told_to_who_looks(
    office: Office, pdf: Path, tmp_path: Path, openssl: str
) -> None:
    ref = send_later(office, pdf, tmp_path).out.strip()
    request = tmp_path / "request.json"
    office.run("H05", "sign", "export", ref, "-o", request)
    wrong = sign_on(phone(tmp_path, P256), openssl, request, digest=True)
    ran = office.run("H05", "sign", "complete", "--ref", ref, wrong)
    assert (ran.code, ran.out) == (5, "")
    attention = office.run("H05", "list", "--attention").out
    assert "1 signature(s) refused, the last: the signature is not one of" in attention
    assert "a signature was refused [OTHER_KEY]" in office.run("H05", "track", ref).out


def test_late_and_cancelled(office: Office, pdf: Path, tmp_path: Path, openssl: str) -> None:
    ref = send_later(office, pdf, tmp_path, "--expires", "1h").out.strip()
    request = tmp_path / "request.json"
    office.run("H05", "sign", "export", ref, "-o", request)
    home = phone(tmp_path, P256, variant="second")
    value = sign_on(home, openssl, request, digest=True)
    office.theatre.clock.advance(HOURS)
    assert office.run("H05", "sign", "complete", "--ref", ref, value).code == 75
    assert "✖ Not signed in time" in office.run("H05", "track", ref).out
    assert "nobody signed in time" in office.run("H05", "list", "--attention").out
    second = send_later(office, pdf, tmp_path, "--json").json
    assert (second["waiting_for_signature"], second["duplicate"]) == (True, False)
    ran = office.run("H05", "sign", "cancel", second["tracking_id"], "--reason", "Sai")
    assert ran.code == 0, ran.err
    assert office.run("H05", "sign", "complete", "--ref", second["tracking_id"], value).code == 5
    again = office.run("H05", "sign", "cancel", second["tracking_id"], "--reason", "Sai")
    assert again.code == 5
    assert office.run("H05", "sign", "export", second["tracking_id"], "-o", "x").code == 5
    assert "taken back: Sai" in office.run("H05", "track", second["tracking_id"]).out


def test_recalled_while_it_waits(office: Office, pdf: Path, tmp_path: Path, openssl: str) -> None:
    """Nothing leaves, it can be seen why, and the signature that comes then is refused."""
    ref = send_later(office, pdf, tmp_path).out.strip()
    request = tmp_path / "request.json"
    office.run("H05", "sign", "export", ref, "-o", request)
    would = office.run("H05", "recall", ref, "--reason", "Sai phụ lục", "--dry-run")
    assert (would.code, would.out) == (
        0,
        "98/QĐ-UBND: waits for its signature: would wait no more\n",
    )
    assert office.run("H05", "recall", ref, "--reason", "  ").code == 5
    ran = office.run("H05", "recall", ref, "--reason", "Sai phụ lục", "--json")
    assert (ran.code, ran.json["signature"], ran.json["deliveries"]) == (0, "cancelled", [])
    assert office.run("H05", "recall", ref, "--reason", "Sai phụ lục").code == 5
    tracked = office.run("H05", "track", ref).out
    assert "taken back: Sai phụ lục" in tracked
    value = sign_on(phone(tmp_path, P256, variant="second"), openssl, request, digest=True)
    assert office.run("H05", "sign", "complete", "--ref", ref, value).code == 5
    assert office.theatre.axis.queues["H01"] == []
    events = [
        json.loads(one.line)["event"] for one in office.theatre.nodes["H05"].store.journal.of(ref)
    ]
    assert events[:2] == ["signature_awaited", "signing_cancelled"]


def test_a_recall_of_what_waits_is_for_all_recipients(
    office: Office, pdf: Path, tmp_path: Path
) -> None:
    chain = phone(tmp_path, P256, variant="second") / "chain.pem"
    fields = [one.replace("H01", "H01,H13") for one in FIELDS]
    sent = office.run("H05", "send", pdf, *fields, "--sign-later", "--cert", chain)
    ref = sent.out.strip()
    ran = office.run("H05", "recall", ref, "--reason", "Sai", "--to", "H13")
    assert (ran.code, "leave out the recipients" in ran.err) == (5, True)
    assert office.run("H05", "recall", ref, "--reason", "Sai", "--to", "H13,H01").code == 0


def test_an_organ_whose_documents_are_signed_elsewhere(
    office: Office, pdf: Path, tmp_path: Path
) -> None:
    home = tmp_path / "H05"
    config = home / "docexchange.toml"
    chain = phone(tmp_path, P256, variant="second") / "chain.pem"
    config.write_text(
        config.read_text().replace(
            'chain = "chain.pem"',
            f'chain = "chain.pem"\ndocuments = "remote"\ndocument_chain = "{chain}"',
        )
    )
    ran = office.run("H05", "send", pdf, *FIELDS)
    assert ran.code == 0, ran.err
    assert "waits for its signature" in ran.err
    assert office.run("H05", "send", pdf, *FIELDS, "--wait", "01").code == 75
    assert office.run("H05", "config", "check").code == 0
    chain.write_bytes(P256.chain_pem("H13"))
    ran = office.run("H05", "config", "check")
    assert ran.code == 1
    assert f"{chain}: by the directory it may not sign for H05" in ran.out


def test_sign_later_needs_to_know_who(office: Office, pdf: Path) -> None:
    ran = office.run("H05", "send", pdf, *FIELDS, "--sign-later")
    assert ran.code == 2
    assert "--sign-later needs --cert CHAIN.pem" in ran.err


def test_what_is_not_there(office: Office, tmp_path: Path) -> None:
    (tmp_path / "sig").write_bytes(b"x")
    ran = office.run("H05", "sign", "complete", "--ref", "98/QĐ-UBND", tmp_path / "sig")
    assert ran.code == 4
    ran = office.run("H05", "sign", "export", "98/QĐ-UBND", "-o", tmp_path / "r.json")
    assert ran.code == 4
