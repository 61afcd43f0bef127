"""`stats export`: what the law asks to be counted, in three forms."""

from __future__ import annotations

import csv
import io
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

from lxml import etree

from tests.office import Office

DAYS = ("--from", "2026-06-01", "--to", "30/06/2026")


def fill(office: Office) -> None:
    """Two documents of two days; of the first one recipient completes, one refuses."""
    theatre = office.theatre
    office.play(theatre.send(98, ("H01", "H13")))
    office.settle()
    theatre.clock.advance(timedelta(days=2))
    office.play(theatre.send(99, ("H01",)))
    office.settle()


def lines(office: Office, node: str = "H05", *days: str) -> dict[tuple[str, str, str], Any]:
    ran = office.run(node, "stats", "export", *(days or DAYS), "--json")
    assert ran.code == 0
    whole = json.loads(ran.out)
    assert whole["schema"] == "docexchange/statistics/v1"
    return {(one["direction"], one["by"], one["key"]): one for one in whole["lines"]}


def test_what_was_sent_is_counted_by_everything(office: Office) -> None:
    fill(office)
    found = lines(office)
    everything = found["sent", "all", ""]
    assert (everything["documents"], everything["deliveries"]) == (2, 3)
    assert (everything["acknowledged"], everything["on_time"], everything["late"]) == (3, 3, 0)
    assert everything["acknowledged_share"] == 1.0
    assert found["sent", "organ", "H01"]["deliveries"] == 2
    assert found["sent", "organ", "H01"]["name"] == "An Giang"
    assert found["sent", "province", "H13"]["documents"] == 1
    assert found["sent", "type", "QĐ"]["name"] == "Quyết định"
    assert found["sent", "urgency", "0"]["deliveries"] == 3
    assert [key for _, by, key in found if by == "day"] == ["2026-06-01", "2026-06-03"]
    assert found["sent", "month", "2026-06"]["deliveries"] == 3
    assert everything["median_s"]["01"] == 0.0  # the theatre's clock stood still
    assert everything["median_s"]["06"] is None


def test_what_was_received_too(office: Office) -> None:
    fill(office)
    found = lines(office, "H01")
    assert found["received", "organ", "H05"]["documents"] == 2
    assert found["received", "all", ""]["untouched"] == 2
    assert found["received", "urgency", "0"]["documents"] == 2
    shown = json.loads(office.run("H01", "inbox", "show", "98/QĐ-UBND", "--json").out)
    assert shown["priority"] == 0
    assert found["received", "all", ""]["median_s"]["01"] is not None
    assert ("sent", "all", "") not in {key for key in found if found[key]["documents"]}


def test_days_bound_it(office: Office) -> None:
    fill(office)
    found = lines(office, "H05", "--from", "2026-06-02", "--to", "2026-06-30")
    assert found["sent", "all", ""]["documents"] == 1
    assert ("sent", "organ", "H13") not in found


def test_csv_has_a_row_for_each_line(office: Office) -> None:
    fill(office)
    out = office.run("H05", "stats", "export", *DAYS, "--csv").out
    assert out.startswith("\ufeff")
    rows = list(csv.DictReader(io.StringIO(out.removeprefix("\ufeff"))))
    assert {(row["direction"], row["by"], row["key"]) for row in rows} == set(lines(office))
    assert all(not row["key"].startswith("=") for row in rows)


def test_the_page_stands_alone(office: Office, tmp_path: Path) -> None:
    fill(office)
    page = tmp_path / "2026.html"
    ran = office.run("H05", "stats", "export", *DAYS, "--html", "-o", str(page))
    assert (ran.code, ran.out) == (0, f"{page}\n")
    text = page.read_text(encoding="utf-8")
    tree = etree.fromstring(text, etree.HTMLParser())
    assert not tree.xpath("//script | //link | //img | //@src | //@onclick")
    assert len(tree.xpath("//*[local-name()='svg']")) == 2
    assert "Quyết định" in text
    assert office.run("H05", "stats", "export", *DAYS, "--html", "-o", str(page)).code != 0


def test_nothing_in_the_time(office: Office) -> None:
    ran = office.run("H05", "stats", "export", *DAYS, "--html")
    assert "Nothing was sent" in ran.out
    assert lines(office) == {}


def test_a_wrong_question_is_told(office: Office) -> None:
    assert office.run("H05", "stats", "export", *DAYS).code == 2
    assert office.run("H05", "stats", "export", *DAYS, "--csv", "--html").code == 2
    later = ("--from", "2026-06-02", "--to", "2026-06-01")
    assert office.run("H05", "stats", "export", *later, "--csv").code == 2


def test_what_recipients_did_with_it(office: Office) -> None:
    fill(office)
    for code in ("03", "06"):
        office.theatre.clock.advance(timedelta(hours=1))
        assert office.run("H01", "status", "set", "98/QĐ-UBND", code).code == 0
        office.settle()
    assert office.run("H13", "status", "set", "98/QĐ-UBND", "02", "--note", "Sai nơi").code == 0
    office.settle()
    found = lines(office)
    assert (found["sent", "all", ""]["completed"], found["sent", "all", ""]["rejected"]) == (1, 1)
    assert found["sent", "organ", "H13"]["rejected_share"] == 1.0
    took = found["sent", "organ", "H01"]["median_s"]
    assert took["06"] - took["03"] == timedelta(hours=1).total_seconds()
    said = lines(office, "H01")["received", "organ", "H05"]
    assert (said["completed"], said["untouched"]) == (1, 1)
    assert said["median_s"]["06"] - said["median_s"]["03"] == timedelta(hours=1).total_seconds()
