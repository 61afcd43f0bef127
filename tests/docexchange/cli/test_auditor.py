"""envelopes/evidence/README.md, the auditor's page: every command on it is run."""

from __future__ import annotations

import base64
import hashlib
import io
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from envelopes.evidence.stamp import imprint_of, stamped_of
from envelopes.pack import pack
from envelopes.wording import REASONS, SUB_INDICATIONS, Indication, SubIndication
from keys.timestamp import Request, token_of
from tests.docexchange.cli.test_bundle import commands, made, sent  # noqa: F401  # fixtures
from tests.docexchange.cli.test_exchange import pdf  # noqa: F401
from tests.office import Office
from tests.pki import AT, PKI
from tests.theatre import document
from tests.tsa import OpensslTsa

PAGE = Path(__file__).resolve().parents[3] / "envelopes" / "evidence" / "README.md"
WHOLE = PAGE.read_text(encoding="utf-8")
VIETNAMESE, _, ENGLISH = WHOLE.partition("## English\n")
TIMESTAMPS = VIETNAMESE.partition("<!-- given: timestamps -->")[2].partition("<!-- end -->")[0]
TEXT = VIETNAMESE.replace(TIMESTAMPS, "")  # the rest needs no authority
TOOLS = ("xmlsec1", "openssl", "sha256sum", "unzip")


@pytest.mark.independent
def test_every_command_for_an_auditor_runs(office: Office, made: Path, tmp_path: Path) -> None:  # noqa: F811
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing and os.environ.get("DOCEXCHANGE_TEST_INDEPENDENT") != "1":
        pytest.skip(f"not installed: {missing}")
    first, *others = commands(TEXT)
    assert first == "docexchange verify X.zip --trust root.pem"
    assert office.bare(*first.split()[1:2], made, "--trust", tmp_path / "root.pem").code == 0
    timed = "\n".join(others).replace(
        "--verify", f'--verify --verification-gmt-time "{AT:%Y-%m-%d %H:%M:%S}"'
    )
    timed = timed.replace("openssl verify", f"openssl verify -attime {AT.timestamp():.0f}")
    ran = subprocess.run(
        ["/bin/bash", "-exc", timed], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "FAILED" not in ran.stdout
    folder = tmp_path / "ho-so"
    inside = re.search(rb"TransferEncoded[^>]*>([^<]+)<", (folder / "envelope.edxml").read_bytes())
    assert inside is not None
    assert (folder / "dinh-kem").read_bytes() == base64.b64decode(inside[1])


@pytest.mark.independent
def test_the_commands_about_timestamps_run(tmp_path: Path) -> None:
    if shutil.which("openssl") is None and os.environ.get("DOCEXCHANGE_TEST_INDEPENDENT") != "1":
        pytest.skip("not installed: openssl")
    (tmp_path / "tsa").mkdir()
    authority = OpensslTsa(tmp_path / "tsa")
    data = pack(document(98, ("H01",)), PKI.signer("H05"), signing_time=AT)
    stamped = stamped_of(io.BytesIO(data))
    assert stamped is not None
    token = token_of(authority.answer(Request(imprint_of([stamped]), 7, None).to_der()))
    shutil.copy(authority.folder / "root.pem", tmp_path / "tsa-root.pem")
    beside = tmp_path / "timestamps"
    beside.mkdir()

    def run(envelope: bytes) -> subprocess.CompletedProcess[str]:
        (tmp_path / "envelope.edxml").write_bytes(envelope)
        (beside / f"{hashlib.sha256(envelope).hexdigest()}-1.tst").write_bytes(token)
        return subprocess.run(
            ["/bin/bash", "-ec", "\n".join(commands(TIMESTAMPS))],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )

    ran = run(data)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "Verification: OK" in ran.stdout + ran.stderr
    assert "Time stamp: " in ran.stdout
    other = pack(document(99, ("H01",)), PKI.signer("H05"), signing_time=AT)
    assert run(other).returncode == 1


@pytest.mark.parametrize("lang", ["vi", "en"])
def test_the_page_explains_every_sub_indication_and_reason(lang: str) -> None:
    table = WHOLE.partition(f"<!-- sub-indications {lang} -->\n")[2].partition("<!-- end -->")[0]
    codes: dict[SubIndication, list[str]] = {}
    for code, reason in REASONS.items():
        if reason.sub_indication is not None:
            codes.setdefault(reason.sub_indication, []).append(f"`{code}`")
    rows = [
        f"| `{sub.value}` | {said.get(lang)} | {', '.join(codes.get(sub, [])) or '–'} |"
        for sub, said in SUB_INDICATIONS.items()
    ]
    assert table.splitlines()[2:] == rows


def test_the_page_names_every_verdict_and_every_part() -> None:
    for verdict in Indication:
        for half in (VIETNAMESE, ENGLISH):
            assert half.count(f"| {verdict.value} |") == 1
    for name in (
        "bundle.json",
        "directory.json",
        "journal/proof.json",
        "SHA256SUMS",
        "timestamps/",
    ):
        assert f"`{name}" in WHOLE
    assert len(commands(TEXT)) == 10


def test_both_halves_give_the_same_commands() -> None:
    """Those of the Vietnamese half are run above; only names of files and folders are English."""
    names = {"ho-so": "bundle", "dinh-kem": "attachment"}
    ours = [re.sub("ho-so|dinh-kem", lambda m: names[m[0]], one) for one in commands(VIETNAMESE)]
    assert commands(ENGLISH) == ours
