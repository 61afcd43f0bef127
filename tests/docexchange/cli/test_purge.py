"""`legal` and `purge`: as an administrator keeps documents, and lets them go."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from docexchange.cli.purge import earlier
from tests.office import Office
from tests.records import NOW

WHY = ("--reason", "hết hạn lưu")
LONG = timedelta(days=120)  # while the certificates of the office are still valid


def finish(office: Office) -> None:
    """A document to H01 that ends with 06, another that H01 never processes; months go by."""
    office.play(office.theatre.send(98, ("H01",)))
    office.play(office.theatre.send(99, ("H01",)))
    office.settle()
    for code in ("03", "06"):
        assert office.run("H01", "status", "set", "98/QĐ-UBND", code).code == 0
        office.settle()
    office.theatre.clock.advance(LONG)


def counts(office: Office, node: str, *more: str) -> tuple[int, int, int]:
    ran = office.run(node, "purge", "--older-than", "100d", *WHY, *more, "--json")
    assert ran.code == 0, ran.err
    return ran.json["purged"], ran.json["open"], ran.json["held"]


def test_the_sender_keeps_all_but_the_content(office: Office, tmp_path: Path) -> None:
    finish(office)
    assert counts(office, "H05", "--dry-run") == (2, 0, 0)
    assert counts(office, "H05") == (2, 0, 0)
    assert counts(office, "H05") == (0, 0, 0)
    shown = office.run("H05", "track", "98/QĐ-UBND").out
    assert "content purged by age" in shown
    assert "06" in shown
    ran = office.run("H05", "export", "98/QĐ-UBND", "-o", str(tmp_path / "out"))
    assert ran.code == 4
    assert "was purged on" in ran.err
    ran = office.run("H05", "bundle", "make", "98/QĐ-UBND", "-o", tmp_path / "x.zip")
    assert "was purged on" in ran.err, (ran.code, ran.err)
    assert ran.code == 4
    assert office.run("H05", "find", "98", "--json").json["documents"]
    assert office.run("H05", "journal", "verify").code == 0
    assert office.run("H05", "db", "check").code == 0


def test_the_receiver_keeps_what_was_not_finished(office: Office, tmp_path: Path) -> None:
    finish(office)
    assert counts(office, "H01") == (1, 1, 0)  # 99 has no last word
    assert "purged by age" in office.run("H01", "inbox", "show", "98/QĐ-UBND").out
    assert office.run("H01", "inbox", "save", "98/QĐ-UBND", "-o", str(tmp_path / "98")).code == 4
    assert office.run("H01", "inbox", "save", "99/QĐ-UBND", "-o", str(tmp_path / "99")).code == 0


def test_a_hold_is_obeyed(office: Office) -> None:
    finish(office)
    assert office.run("H05", "legal", "hold", "98/QĐ-UBND").code == 2  # no reason
    assert office.run("H05", "legal", "hold", "98/QĐ-UBND", "--reason", "thanh tra").code == 0
    assert "thanh tra" in office.run("H05", "legal", "list").out
    assert counts(office, "H05") == (1, 0, 1)
    ran = office.run("H05", "legal", "release", "98/QĐ-UBND", "--reason", "xong")
    assert (ran.code, "released" in ran.out) == (0, True)
    assert counts(office, "H05") == (1, 0, 0)
    ran = office.run("H05", "legal", "hold", "98/QĐ-UBND", "--reason", "muộn")
    assert ran.code == 4
    assert "nothing to hold" in ran.err


def test_a_reason_is_needed(office: Office) -> None:
    assert office.run("H05", "purge", "--older-than", "5y").code == 2


@pytest.mark.parametrize("text", ["5", "5m", "-1y", "10d", "0y", "201y", "y", "1.5y"])
def test_a_wrong_age_is_told(office: Office, text: str) -> None:
    assert office.run("H05", "purge", f"--older-than={text}", *WHY).code == 2


def test_years_are_of_the_calendar() -> None:
    leap = NOW.replace(year=2028, month=2, day=29)
    assert (earlier(leap, "5y").year, earlier(leap, "5y").day) == (2023, 28)
    assert NOW - earlier(NOW, "400d") == timedelta(days=400)
