"""`report period|agency`: what did not go well first, then the figures."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

from lxml import etree

from docexchange.core.model import Concern
from docexchange.reporting.concerns import KINDS, SHOWN_MAX, collect
from tests.office import Office
from tests.records import NOW

DAYS = ("--from", "2026-06-01", "--to", "30/06/2026")


def fill(office: Office) -> None:
    """One document, refused by H13, completed by H01; a later one still on its way."""
    theatre = office.theatre
    office.play(theatre.send(98, ("H01", "H13")))
    office.settle()
    assert office.run("H13", "status", "set", "98/QĐ-UBND", "02", "--note", "Sai nơi").code == 0
    office.settle()
    theatre.clock.advance(timedelta(days=1))
    office.play(theatre.send(99, ("H01",)))


def report(office: Office, path: Path, *arguments: str, node: str = "H05") -> Any:
    ran = office.run(node, "report", *arguments, *DAYS, "-o", str(path))
    assert (ran.code, ran.out) == (0, f"{path}\n")
    return json.loads(path.read_text()) if path.suffix == ".json" else path.read_text()


def kinds(whole: Any) -> list[tuple[str, str, str]]:
    return [(one["kind"], one["organ"], one["reference"]) for one in whole["concerns"]]


def test_the_period_names_what_did_not_go_well(office: Office, tmp_path: Path) -> None:
    fill(office)
    whole = report(office, tmp_path / "x.json", "period")
    assert whole["schema"] == "docexchange/period/v1"
    assert kinds(whole) == [("rejected", "H13", "98/QĐ-UBND"), ("under_way", "H01", "99/QĐ-UBND")]
    assert {one["direction"] for one in whole["lines"]} == {"sent"}


def test_what_we_refused_is_named_too(office: Office, tmp_path: Path) -> None:
    fill(office)
    whole = report(office, tmp_path / "x.json", "period", node="H13")
    assert kinds(whole) == [("refused", "H05", "98/QĐ-UBND")]


def test_of_one_agency(office: Office, tmp_path: Path) -> None:
    fill(office)
    whole = report(office, tmp_path / "x.json", "agency", "H13")
    assert kinds(whole) == [("rejected", "H13", "98/QĐ-UBND")]
    organs = {one["key"] for one in whole["lines"] if one["by"] == "organ"}
    assert organs == {"H13"}
    page = report(office, tmp_path / "x.html", "agency", "H13")
    assert "Documents exchanged with H13 Cần Thơ" in page


def test_the_page_begins_with_them(office: Office, tmp_path: Path) -> None:
    fill(office)
    text = report(office, tmp_path / "x.html", "period")
    tree = etree.fromstring(text, etree.HTMLParser())
    headings = [str(one.text) for one in tree.iter("h2")]
    assert headings[0] == "To be looked at"
    assert len(tree.xpath("//table[@class='words']/tbody/tr")) == 2
    assert not tree.xpath("//script | //link | //img")


def test_a_good_time_says_so(office: Office, tmp_path: Path) -> None:
    office.play(office.theatre.send(98, ("H01",)))
    office.settle()
    assert "every document was acknowledged" in report(office, tmp_path / "x.html", "period")


def test_another_form_is_refused(office: Office, tmp_path: Path) -> None:
    assert office.run("H05", "report", "period", *DAYS, "-o", str(tmp_path / "x.doc")).code == 2


def test_of_many_the_worst_are_shown_and_all_counted() -> None:
    def concern(kind: str) -> Concern:
        return Concern(kind, NOW, "H01", "D1", "1/QĐ", "<b>", "")

    many = [concern("under_way")] * (SHOWN_MAX + 5) + [concern("undeliverable")] * 3
    found = collect(iter(many), "vi")
    assert found.total == SHOWN_MAX + 8
    assert len(found.rows) == SHOWN_MAX
    assert [row[0] for row in found.rows[:4]].count(KINDS["undeliverable"][0]) == 3
