"""The unit that ships, as systemd itself reads it."""

from __future__ import annotations

import re
import shutil
import subprocess
from configparser import RawConfigParser
from pathlib import Path

import pytest

from docexchange.cli.exits import Exit
from docexchange.daemon import GRACE
from docexchange.edges.link import CLOSE_TIMEOUT

UNIT = Path(__file__).parents[2] / "deploy" / "docexchange.service"
EXPOSURE = 2.0  # of 10; 0 is best, an unhardened unit has 9.6


def analyze(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("no systemd-analyze here")
    return subprocess.run(
        [program, *arguments], capture_output=True, text=True, check=False, timeout=60
    )


def service() -> dict[str, str]:
    """The settings of the unit that stand once."""
    unit = RawConfigParser(strict=False)
    unit.optionxform = str  # type: ignore[assignment,method-assign]  # names keep their capitals
    unit.read(UNIT)
    return dict(unit["Service"])


def test_systemd_finds_nothing_wrong_with_it(tmp_path: Path) -> None:
    copy = tmp_path / UNIT.name  # the program is not installed here
    text, replaced = re.subn(r"^ExecStart=\S+", "ExecStart=/bin/true", UNIT.read_text(), flags=re.M)
    assert replaced == 1
    copy.write_text(text)
    done = analyze("verify", copy)
    assert (done.returncode, done.stderr) == (0, "")
    copy.write_text(text.replace("WatchdogSec=", "WatchdogSecs="))
    assert "WatchdogSecs" in analyze("verify", copy).stderr


def test_it_exposes_little() -> None:
    done = analyze("security", "--offline=true", "--no-pager", UNIT)
    if "offline" in done.stderr:
        pytest.skip("this systemd-analyze (before 250) cannot look at a file")
    found = re.search(r"exposure level for \S+: ([\d.]+)", done.stdout)
    assert found is not None, done.stderr
    assert float(found[1]) <= EXPOSURE


def test_it_fits_the_daemon() -> None:
    settings = service()
    assert settings["Type"] == "notify"
    assert int(settings["TimeoutStopSec"]) > GRACE + 2 * CLOSE_TIMEOUT
    forever = {int(code) for code in settings["RestartPreventExitStatus"].split()}
    assert forever == {Exit.USAGE, Exit.REFUSED, Exit.PERMISSION, Exit.CONFIG}
