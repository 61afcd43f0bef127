"""What the appendix of a report tells an auditor to run, run."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from lxml import html

from docexchange.reporting.repeating import ALONE_MAX, of_bundle, of_files
from tests.docexchange.cli.test_exchange import pdf, send  # noqa: F401  # a fixture
from tests.office import Office

AT = "2026-06-01T02:00:00Z"


def commands_of(page: Path) -> list[str]:
    blocks = html.fromstring(page.read_bytes()).xpath("//section[@aria-labelledby='again']//pre")
    return [block.text_content() for block in blocks]


@pytest.mark.slow
def test_the_commands_of_a_bundle_s_report_run(
    office: Office,
    pdf: Path,  # noqa: F811
    tmp_path: Path,
) -> None:
    ref = send(office, pdf)
    office.settle()
    odd = tmp_path / "đi" / "hồ sơ '98'.zip"
    odd.parent.mkdir()
    assert office.run("H05", "bundle", "make", ref, "-o", odd).code == 0
    shutil.copy(tmp_path / "root.pem", odd.parent)
    page = odd.with_suffix(".html")
    assert office.bare("verify", odd, "--trust", tmp_path / "root.pem", "--html", page).code == 0
    ours, *others = commands_of(page)
    assert ours.startswith("docexchange verify ")
    assert " --at 2026-06-0" in ours
    script = "set -e\n" + "\n".join(others)
    ran = subprocess.run(
        ["bash", "-c", script], cwd=odd.parent, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stderr.count("OK") >= 3 or ran.stdout.count("OK") >= 3
    altered = odd.parent / "X" / "envelope.edxml"
    altered.write_bytes(altered.read_bytes().replace(b"98", b"99", 1))
    again = "cd X\n" + "\n".join(line for line in others if line.endswith("envelope.edxml"))
    ran = subprocess.run(
        ["bash", "-c", again], cwd=odd.parent, capture_output=True, text=True, check=False
    )
    assert ran.returncode != 0


def test_names_are_one_word_and_no_option() -> None:
    lines = list(of_files([("-x; rm -r .edxml", "ab")], AT))
    assert lines == [
        f"docexchange verify './-x; rm -r .edxml' --trust root.pem --at {AT}",
        "sha256sum './-x; rm -r .edxml'    # ab",
        "xmlsec1 --verify --trusted-pem root.pem --verification-gmt-time '2026-06-01 02:00:00'"
        " --id-attr:Id http://uri.etsi.org/01903/v1.3.2#:SignedProperties './-x; rm -r .edxml'",
    ]


def test_without_a_time_none_is_named() -> None:
    assert not any("--at" in line or "gmt-time" in line for line in of_files([("a", "")], ""))


def test_of_many_files_only_some_have_their_own() -> None:
    assert len(list(of_files([(f"{n}.edxml", "") for n in range(500)], AT))) == 1 + 2 * ALONE_MAX


def test_tokens_are_shown() -> None:
    assert list(of_bundle("X.zip", AT, ["timestamps/a.tst"]))[-1].endswith("-in timestamps/a.tst")
