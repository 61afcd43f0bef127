"""Signatures inside PDFs as `verify`, `inspect` and bundles show them."""

from __future__ import annotations

from pathlib import Path

import pytest

from envelopes.model import Document
from envelopes.pack import pack
from tests.docexchange.cli.test_exchange import send
from tests.letters import document
from tests.office import Office
from tests.pdfs import person, plain, rewritten, sign, signed
from tests.pki import AT, P256


def envelope(folder: Path, *contents: bytes) -> Path:
    files = [(f"qd-{number}.pdf", data) for number, data in enumerate(contents, start=1)]
    made: Document = document(files=files)
    path = folder / "qd.edxml"
    path.write_bytes(pack(made, P256.signer("H05"), signing_time=AT))
    (folder / "root.pem").write_bytes(P256.root.pem)
    return path


def test_they_are_shown_apart_from_the_envelopes_signature(office: Office, tmp_path: Path) -> None:
    path, trust = envelope(tmp_path, signed()), ("--trust", tmp_path / "root.pem")
    ran = office.bare("verify", path, *trust)
    assert ran.code == 0, ran.out
    assert "Signatures inside PDFs (not the signature of the envelope)" in ran.out
    assert "✔ person: CN=Nguyễn Văn A" in ran.out
    assert "✔ organ: CN=Ủy ban nhân dân tỉnh Bắc Ninh" in ran.out
    assert "signed at 01/06/2026 07:00:00 +07:00 (claimed)" in ran.out
    (inside,) = office.bare("verify", path, *trust, "--json").json["documents"][0]["pdf_signatures"]
    assert (inside["attachment"], inside["indication"]) == ("qd-1.pdf", "TOTAL-PASSED")
    assert [one["kind"] for one in inside["signatures"]] == ["person", "organ"]


@pytest.mark.parametrize(
    ("content", "words", "required"),
    [
        (signed(), "✔ organ", 0),
        (plain(), "? The PDF is not signed [PDF_UNSIGNED]", 3),
        (rewritten(signed()), "[PDF_CHANGED_AFTER]", 1),
        (sign(plain(), person()), "? no valid one of: the organ", 3),
        (b"%PDF-1.7 quyet dinh /ByteRange", "[PDF_UNREADABLE]", 3),
    ],
    ids=["good", "unsigned", "changed", "person only", "no PDF"],
)
def test_they_decide_only_where_they_are_required(
    office: Office, tmp_path: Path, content: bytes, words: str, required: int
) -> None:
    path, trust = envelope(tmp_path, content), ("--trust", tmp_path / "root.pem")
    ran = office.bare("verify", path, *trust, "--pdf", "required")
    assert (ran.code, words in ran.out) == (required, True), ran.out
    assert "TOTAL-PASSED · 1 file" in ran.out  # the envelope's
    assert office.bare("verify", path, *trust).code == 0


def test_they_may_be_left_out(office: Office, tmp_path: Path) -> None:
    path, trust = envelope(tmp_path, plain()), ("--trust", tmp_path / "root.pem")
    ran = office.bare("verify", path, *trust, "--pdf", "off")
    assert (ran.code, "PDF_UNSIGNED" in ran.out) == (0, False)
    said = office.bare("verify", path, *trust, "--pdf", "off", "--json").json
    assert said["documents"][0]["pdf_signatures"] is None
    assert office.bare("verify", tmp_path, *trust, "--pdf", "required").code == 2
    assert office.bare("verify", tmp_path, *trust).code == 0


def test_of_an_envelope_that_failed_none_is_judged(office: Office, tmp_path: Path) -> None:
    path, trust = envelope(tmp_path, signed()), ("--trust", tmp_path / "root.pem")
    path.write_bytes(path.read_bytes().replace(b">H05<", b">H06<", 1))
    ran = office.bare("verify", path, *trust, "--pdf", "required", "--json")
    assert (ran.code, ran.json["documents"][0]["pdf_signatures"]) == (1, [])


def test_inspect_shows_them_and_says_that_nothing_is_checked(
    office: Office, tmp_path: Path
) -> None:
    ran = office.bare("inspect", envelope(tmp_path, signed(), rewritten(signed())))
    assert "Signatures inside PDFs (certificates NOT checked)" in ran.out
    assert "· person: CN=Nguyễn Văn A" in ran.out
    assert "✔ person" not in ran.out
    assert "✖ organ" in ran.out
    assert "NO_CERTIFICATE_CHAIN_FOUND" not in ran.out


def test_a_bundle_shows_them_too(office: Office, tmp_path: Path) -> None:
    given = tmp_path / "qd98.pdf"
    given.write_bytes(sign(plain(), person()))
    ref, path, trust = send(office, given), tmp_path / "X.zip", ("--trust", tmp_path / "root.pem")
    assert office.run("H05", "bundle", "make", ref, "-o", path).code == 0
    office.lang = "vi"
    ran = office.bare("verify", path, *trust, "--pdf", "required")
    assert (ran.code, "✔ cá nhân: CN=Nguyễn Văn A" in ran.out) == (3, True), ran.out
    (inside,) = office.bare("verify", path, *trust, "--json").json["document"]["pdf_signatures"]
    assert inside["missing"] == ["organ"]


@pytest.mark.slow
def test_a_large_pdf_is_judged_where_it_lies(office: Office, tmp_path: Path) -> None:
    large = sign(plain("x" * 20_000_000), person())
    path, trust = envelope(tmp_path, large), ("--trust", tmp_path / "root.pem")
    ran = office.bare("verify", path, *trust)
    assert (ran.code, "✔ person" in ran.out) == (0, True), ran.out
