"""envelopes/evidence/README.md, the auditor's page: every command on it is run."""

from __future__ import annotations

import base64
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from envelopes.wording import Indication
from tests.docexchange.cli.test_bundle import commands, made, sent  # noqa: F401  # fixtures
from tests.docexchange.cli.test_exchange import pdf  # noqa: F401
from tests.office import Office
from tests.pki import AT

PAGE = Path(__file__).resolve().parents[3] / "envelopes" / "evidence" / "README.md"
TEXT = PAGE.read_text(encoding="utf-8")
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


def test_the_page_names_every_verdict_and_every_part() -> None:
    for verdict in Indication:
        assert TEXT.count(f"| {verdict.value} |") == 2
    for name in (
        "bundle.json",
        "directory.json",
        "journal/proof.json",
        "SHA256SUMS",
        "timestamps/",
    ):
        assert f"`{name}" in TEXT
    assert len(commands(TEXT)) == 10
