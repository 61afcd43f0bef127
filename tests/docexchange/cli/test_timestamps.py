"""Timestamps on the command line: the backlog, authorities, exports and bundles with tokens."""

from __future__ import annotations

import base64
import itertools
import json
import shutil
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest

from docexchange.core.stamping import Stamping
from docexchange.flow.stamping import Stamper
from envelopes.dsig import START
from envelopes.xades_t import split
from tests.docexchange.cli.test_bundle import sent  # noqa: F401  # fixtures
from tests.docexchange.cli.test_exchange import pdf, send  # noqa: F401
from tests.docexchange.edges.test_tsa import replying, serving
from tests.docexchange.flow.test_stamping import Fake
from tests.office import Office
from tests.pki import END, OTHER, P256
from tests.tsa import AUTHORITY

DAY = timedelta(days=1)


def stamp(office: Office, *, tree_from: int = 4, node: str = "H05") -> int:
    """Let a node stamp what waits."""
    authority = Fake(office.theatre)
    settings = Stamping(tree_from=tree_from)
    stamper = Stamper([authority], settings, itertools.count(10**18).__next__)
    now = office.theatre.clock.now()
    done: int = office.play(stamper.round(world=office.theatre.nodes[node].world, now=now))
    return done


def test_a_bundle_carries_its_tokens_and_proves_times(
    office: Office,
    sent: str,  # noqa: F811
    tmp_path: Path,
) -> None:
    """B12, F3: years later, offline: what was stamped is passed; claimed and proven apart."""
    office.theatre.clock.advance(DAY)
    assert stamp(office, tree_from=2) == 3
    path, root = tmp_path / "X.zip", tmp_path / "root.pem"
    assert office.run("H05", "bundle", "make", sent, "-o", path).code == 0
    ran = office.bare("verify", path, "--trust", root)
    assert ran.code == 0
    assert "Signed at (claimed)  01/06/2026 07:00:00 +07:00" in ran.out
    assert "Signed at (proven)   02/06/2026 07:00:00 +07:00" in ran.out
    assert "before 02/06/2026 07:00:00 +07:00 (proven)" in ran.out
    assert "What would: a timestamp token" not in ran.out
    at = (END + 2 * DAY).isoformat()
    said = office.bare("verify", path, "--trust", root, "--at", at, "--json").json
    assert said["document"]["indication"] == "TOTAL-PASSED"
    assert said["document"]["proven_at"] == "2026-06-02T00:00:00Z"
    assert {one["indication"] for one in said["statuses"]} == {"TOTAL-PASSED"}
    assert said["indication"] == "INDETERMINATE"  # the maker's own signature has no token


def test_anchors_of_authorities_may_be_others(
    office: Office,
    sent: str,  # noqa: F811
    tmp_path: Path,
) -> None:
    stamp(office)
    path, root, other = tmp_path / "X.zip", tmp_path / "root.pem", tmp_path / "other.pem"
    other.write_bytes(OTHER.root.pem)
    office.run("H05", "bundle", "make", sent, "-o", path)
    said = office.bare("verify", path, "--trust", root, "--tsa-trust", other, "--json").json
    assert (said["indication"], said["document"]["proven_at"]) == ("TOTAL-PASSED", None)
    assert said["document"]["checks"][8]["reason"] == "TOKEN_UNTRUSTED"
    said = office.bare("verify", path, "--trust", root, "--tsa-trust", root, "--json").json
    assert said["document"]["proven_at"] is not None


def test_an_export_has_the_tokens_beside_and_xades_t_copies(
    office: Office,
    sent: str,  # noqa: F811
    tmp_path: Path,
) -> None:
    assert stamp(office) == 3
    out = tmp_path / "ho-so"
    ran = office.run("H05", "export", sent, "-o", out, "--xades-t")
    assert ran.code == 0, ran.err
    (envelope,) = out.glob("*.edxml")
    token = out / f"{envelope.name}.tst"
    copy = out / "xades-t" / envelope.name
    assert token.is_file()
    assert len(list((out / "receipts").glob("*.tst"))) == 2
    assert split(copy.read_bytes()) == (envelope.read_bytes(), token.read_bytes())
    at = (END + DAY).isoformat()
    for path in (envelope, copy, *out.glob("xades-t/receipts/*.edxml")):
        ran = office.bare("verify", path, "--trust", tmp_path / "root.pem", "--at", at)
        assert ran.code == 0, ran.out
        assert "Signed at (proven)" in ran.out
    token.unlink()
    late = office.bare("verify", envelope, "--trust", tmp_path / "root.pem", "--at", at)
    assert (late.code, "OUT_OF_BOUNDS_NO_POE" in late.out) == (3, True)


def test_a_large_copy_is_judged_as_its_envelope(office: Office, tmp_path: Path) -> None:
    big = tmp_path / "big.pdf"
    big.write_bytes(b"%PDF-1.7 " + bytes(range(256)) * 8000)
    ref = send(office, big)
    stamp(office)
    office.run("H05", "export", ref, "-o", tmp_path / "o", "--xades-t")
    (copy,) = (tmp_path / "o" / "xades-t").glob("*.edxml")
    assert copy.stat().st_size > 2 * 1024 * 1024
    ran = office.bare("verify", copy, "--trust", tmp_path / "root.pem", "--json")
    (document,) = ran.json["documents"]
    assert (document["indication"], document["proven_at"]) == (
        "TOTAL-PASSED",
        "2026-06-01T00:00:00Z",
    )


def test_a_changed_copy_is_no_copy(
    office: Office,
    sent: str,  # noqa: F811
    tmp_path: Path,
) -> None:
    stamp(office)
    office.run("H05", "export", sent, "-o", tmp_path / "o", "--xades-t")
    (copy,) = (tmp_path / "o" / "xades-t").glob("*.edxml")
    good = copy.read_bytes()
    for old, new in (
        (b'Id="SignatureTimeStamp"', b'Id="signatureTimeStamp"'),
        (b"<xades:UnsignedProperties>", b"<xades:UnsignedProperties> "),
        (START, b"<!-- -->" + START),
    ):
        copy.write_bytes(good.replace(old, new, 1))
        ran = office.bare("verify", copy, "--trust", tmp_path / "root.pem")
        assert ran.code == 1, ran.out
    copy.write_bytes(good.replace(b"</xades:EncapsulatedTimeStamp>", b"====", 1))
    assert office.bare("verify", copy, "--trust", tmp_path / "root.pem").code == 1


def test_a_token_over_a_tree_makes_no_copy_and_says_so(
    office: Office,
    sent: str,  # noqa: F811
    tmp_path: Path,
) -> None:
    stamp(office, tree_from=2)
    ran = office.run("H05", "export", sent, "-o", tmp_path / "o", "--xades-t")
    assert (ran.code, "hash tree" in ran.err) == (3, True)
    (envelope,) = (tmp_path / "o").glob("*.edxml")
    assert envelope.with_name(f"{envelope.name}.tst.json").is_file()
    verdict = office.bare("verify", envelope, "--trust", tmp_path / "root.pem")
    assert (verdict.code, "Signed at (proven)" in verdict.out) == (0, True)


@pytest.mark.independent
def test_others_find_the_signature_and_the_token_good(
    office: Office,
    sent: str,  # noqa: F811
    tmp_path: Path,
) -> None:
    """xmlsec1 on the XAdES-T copy, openssl on the token: what an auditor does without us."""
    if not (shutil.which("xmlsec1") and shutil.which("openssl")):
        pytest.skip("xmlsec1 or openssl is not installed")
    stamp(office)
    office.run("H05", "export", sent, "-o", tmp_path / "o", "--xades-t")
    (copy,) = (tmp_path / "o" / "xades-t").glob("*.edxml")
    ran = subprocess.run(
        [
            *("xmlsec1", "--verify", "--trusted-pem", tmp_path / "root.pem", "--id-attr:Id"),
            *("http://uri.etsi.org/01903/v1.3.2#:SignedProperties", "--verification-gmt-time"),
            *("2026-06-01 00:00:00", copy),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    (envelope,) = (tmp_path / "o").glob("*.edxml")
    script = (
        f"grep -o '<ds:SignatureValue>[^<]*</ds:SignatureValue>' {envelope} | tr -d '\\n' | sed "
        "'s|<ds:SignatureValue>|<ds:SignatureValue xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\">|'"
        f" > value && openssl ts -verify -token_in -in {envelope}.tst -data value"
        " -CAfile root.pem -no_check_time"
    )
    ran = subprocess.run(
        ["/bin/bash", "-ec", script], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_the_backlog_is_visible(office: Office, sent: str) -> None:  # noqa: F811
    ran = office.run("H05", "timestamps", "status", "--json")
    assert (ran.code, ran.json["waiting"], ran.json["stamped"]) == (0, 3, 0)
    config(office, 'urls = ["http://127.0.0.1:1/"]')
    office.theatre.clock.advance(timedelta(minutes=16))
    ran = office.run("H05", "timestamps", "status")
    assert ran.code == 3
    assert "0:16:00" in ran.out
    stamp(office)
    ran = office.run("H05", "timestamps", "status", "--json")
    assert (ran.code, ran.json["waiting"], ran.json["stamped"]) == (0, 0, 3)


def test_authorities_are_tried(office: Office) -> None:
    now = office.theatre.clock.now()
    assert office.run("H05", "timestamps", "check").code == 78
    with serving(lambda h, r: replying(AUTHORITY.answer(r, now))(h, r)) as good:
        config(office, f'urls = ["{good}"]')
        ran = office.run("H05", "timestamps", "check")
        assert (ran.code, "✔" in ran.out) == (0, True)
        config(office, f'urls = ["{good}", "http://127.0.0.1:1/"]')
        ran = office.run("H05", "timestamps", "check", "--json")
    first, second = ran.json["authorities"]
    assert (ran.code, first["why"]) == (1, None)
    assert "cannot be reached" in second["why"]


@pytest.mark.parametrize(
    "written",
    [
        'urls = ["ftp://tsa/"]',
        'urls = ["https://"]',
        'urls = ["https://u:p@tsa/"]',
        'urls = ["https://tsa:port/"]',
        'policies = ["x"]',
        "tree_from = 1",
        "url = 7",
    ],
)
def test_settings_that_cannot_be_are_told(office: Office, written: str) -> None:
    config(office, written)
    ran = office.run("H05", "config", "check")
    assert (ran.code, "timestamps" in ran.err + ran.out) == (78, True)


def config(office: Office, lines: str) -> None:
    path = office.folder / "H05" / "docexchange.toml"
    text = path.read_text().partition("\n[timestamps]")[0]
    path.write_text(f"{text}\n[timestamps]\n{lines}\n")


def test_the_pki_of_these_tests_is_the_offices(office: Office) -> None:
    assert (office.folder / "root.pem").read_bytes() == P256.root.pem


def test_a_checkpoint_is_stamped_where_there_is_an_authority(
    office: Office, tmp_path: Path
) -> None:
    office.play(office.theatre.send(98, ("H01",)))
    kept, root = tmp_path / "kept.json", tmp_path / "root.pem"
    now = office.theatre.clock.now()
    config = office.folder / "H05" / "docexchange.toml"
    with serving(lambda h, r: replying(AUTHORITY.answer(r, now))(h, r)) as good:
        text = config.read_text(encoding="utf-8")
        config.write_text(f'{text}\n[timestamps]\nurls = ["{good}"]\n', encoding="utf-8")
        ran = office.run("H05", "journal", "checkpoint", "-o", kept, "--json")
    assert (ran.code, ran.json["timestamp"]) == (0, True)
    checked = office.bare("journal", "check", kept, "--trust", root)
    assert checked.code == 0
    assert "Before (proven)" in checked.out
    said = office.bare("journal", "check", kept, "--trust", root, "--json").json["files"][0]
    assert said["proven_at"] is not None
    bare = tmp_path / "bare.json"
    ran = office.run("H05", "journal", "checkpoint", "-o", bare)  # nobody answers now
    assert (ran.code, "without a timestamp" in ran.err) == (0, True)
    assert "token" not in json.loads(bare.read_text())
    given = json.loads(kept.read_text())
    other = AUTHORITY.token(b"\0" * 32, now)
    bare.write_text(json.dumps(given | {"token": base64.b64encode(other).decode()}))
    assert "TOKEN_IMPRINT" in office.bare("journal", "check", bare, "--trust", root).out
    office.theatre.clock.advance(timedelta(days=3650))  # long after the certificates
    late = office.bare("journal", "check", kept, "--trust", root)
    assert late.code == 0
    assert "Before (proven)" in late.out
