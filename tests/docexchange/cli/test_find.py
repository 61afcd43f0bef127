"""`find`: as a clerk searches."""

from __future__ import annotations

from datetime import timedelta

from tests.office import Office


def fill(office: Office) -> None:
    office.play(office.theatre.send(98, ("H01", "H13")))
    office.theatre.clock.advance(timedelta(days=2))
    office.play(office.theatre.send(99, ("H01",)))
    office.settle()


def numbers(office: Office, *arguments: str, node: str = "H05") -> list[str]:
    ran = office.run(node, "find", *arguments, "--json")
    assert ran.code == (0 if ran.json["documents"] else 4)
    return [one["number"] for one in ran.json["documents"]]


def test_find_by_words_number_organ_and_days(office: Office) -> None:
    fill(office)
    assert numbers(office, "quyet", "dinh") == ["99", "98"]
    assert numbers(office, "98/QĐ-UBND") == ["98"]
    assert numbers(office, "--organ", "H13") == ["98"]
    assert numbers(office, "--from", "03/06/2026") == ["99"]
    assert numbers(office, "--to", "2026-06-01") == ["98"]
    assert numbers(office, "quyet", "--received") == []
    assert numbers(office, "quyet", node="H01") == ["99", "98"]


def test_the_table_names_the_other_side(office: Office) -> None:
    fill(office)
    out = office.run("H05", "find", "98").out
    assert "sent" in out
    assert "H01, H13" in out
    assert "Quyết định 98" in out
    assert "H05 Bắc Ninh" in office.run("H01", "find", "98").out


def test_nothing_fits(office: Office) -> None:
    fill(office)
    ran = office.run("H05", "find", "không có")
    assert (ran.code, ran.out, ran.err) == (4, "", "nothing fits\n")


def test_a_wrong_day(office: Office) -> None:
    fill(office)
    assert office.run("H05", "find", "--from", "hôm qua").code == 2
