"""`directory sign|check`, and that no command serves by a directory that was put back (F5)."""

from __future__ import annotations

import asyncio
from dataclasses import fields
from datetime import timedelta
from pathlib import Path

import pytest

from docexchange import compose
from docexchange.cli.directory import _MEMBERS
from docexchange.config import load
from docexchange.core.errors import ConfigError
from docexchange.core.ports import Organ
from docexchange.edges.clock import WallClock
from keys.certificates import load_pem
from tests.office import Office
from tests.pki import P256


@pytest.fixture
def directory(office: Office) -> Path:
    """The directory of an office whose node H05 wants it signed by H13."""
    path = office.folder / "directory.toml"
    path.write_text("number = 7\n" + path.read_text(encoding="utf-8"), encoding="utf-8")
    config = office.folder / "H05" / "docexchange.toml"
    text = config.read_text(encoding="utf-8")
    config.write_text(
        text.replace("[node]\n", '[node]\ndirectory_authority = "../H13/chain.pem"\n', 1),
        encoding="utf-8",
    )
    return path


def sign(office: Office, path: Path, signer: str = "H13") -> int:
    home = office.folder / signer
    keys = ("--key", home / "key.pem", "--cert", home / "chain.pem")
    return office.run("H05", "directory", "sign", path, *keys, "--force").code


def serve(office: Office) -> None:
    """What a daemon does with the directory at its start."""
    config, clock = load(office.folder / "H05" / "docexchange.toml"), office.theatre.clock
    store = office.theatre.nodes["H05"].store
    world = compose.build_world(config, store, clock)
    asyncio.run(compose.take_directory(config, store, world, clock.now()))


def number(path: Path, value: int) -> None:
    _, _, rest = path.read_text(encoding="utf-8").partition("\n")
    path.write_text(f"number = {value}\n{rest}", encoding="utf-8")


def test_a_signed_directory_is_served_and_said(office: Office, directory: Path) -> None:
    ran = office.run("H05", "directory", "check")
    assert (ran.code, "directory.toml.sig is missing" in ran.err) == (78, True)
    assert sign(office, directory) == 0
    serve(office)
    found = office.run("H05", "directory", "check", "--json").json
    assert (found["number"], found["served"], found["entries"]) == (7, 7, 4)
    assert found["signer"] == load_pem(P256.chain_pem("H13"))[0].subject
    text = office.run("H05", "directory", "check").out
    assert "number 7 since" in text
    assert office.run("H05", "agency", "list").code == 0
    assert office.run("H05", "config", "check").code == 0


def test_nothing_is_done_by_a_changed_one(office: Office, directory: Path) -> None:
    sign(office, directory)
    directory.write_text(directory.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    for command in (["directory", "check"], ["agency", "list"], ["agency", "ping", "H01"]):
        ran = office.run("H05", *command)
        assert (ran.code, "somebody else signed" in ran.err) == (78, True), command
    with pytest.raises(ConfigError, match="somebody else signed"):
        serve(office)
    assert office.run("H01", "agency", "list").code == 0  # its config names no authority


def test_one_that_was_put_back_is_refused_after_a_restart(office: Office, directory: Path) -> None:
    sign(office, directory)
    old, signature = directory.read_bytes(), directory.with_name("directory.toml.sig").read_bytes()
    serve(office)
    number(directory, 8)
    sign(office, directory)
    serve(office)
    directory.write_bytes(old)
    directory.with_name("directory.toml.sig").write_bytes(signature)
    with pytest.raises(ConfigError, match="number 7 is older than 8"):
        serve(office)
    for command in (["directory", "check"], ["agency", "list"], ["agency", "show", "H01"]):
        ran = office.run("H05", *command)
        assert (ran.code, "older than 8" in ran.err) == (78, True), command
    ran = office.run("H05", "config", "check")
    assert (ran.code, "older than 8" in ran.out) == (78, True)
    journal = office.theatre.nodes["H05"].store._access.reader._raw.execute(
        "SELECT count(*) FROM journal WHERE line LIKE '%directory_taken%'"
    )
    assert tuple(journal.fetchone()) == (2,)


def test_two_with_one_number_are_not_the_same(office: Office, directory: Path) -> None:
    sign(office, directory)
    serve(office)
    directory.write_text(directory.read_text(encoding="utf-8") + "# x\n", encoding="utf-8")
    sign(office, directory)
    with pytest.raises(ConfigError, match="another directory with number 7"):
        serve(office)


def probed(office: Office) -> tuple[str, str]:
    """Verdict and words of `doctor` about the directory; of several the last."""
    ran = office.run("H05", "doctor", "--only", "directory", "--json")
    one = ran.json["probes"][-1]
    assert ran.code == (1 if one["verdict"] == "bad" else 0)
    return one["verdict"], f"{one['detail']} → {one['remedy']}"


def test_doctor_says_what_the_next_start_will_make_of_it(office: Office, directory: Path) -> None:
    assert probed(office)[0] == "bad"
    sign(office, directory)
    serve(office)
    verdict, text = probed(office)
    assert (verdict, text.startswith("number 7, signed by ")) == ("good", True)
    old, signature = directory.read_bytes(), directory.with_name("directory.toml.sig").read_bytes()
    number(directory, 8)
    sign(office, directory)
    verdict, text = probed(office)
    assert (verdict, "last served was 7 → restart" in text) == ("warning", True)
    serve(office)
    assert probed(office)[0] == "good"
    directory.write_bytes(old)
    directory.with_name("directory.toml.sig").write_bytes(signature)
    verdict, text = probed(office)
    assert (verdict, "older than 8" in text) == ("bad", True)


def test_doctor_warns_before_the_certificate_of_the_authority_ends(
    office: Office, directory: Path
) -> None:
    sign(office, directory)
    ends = load_pem(P256.chain_pem("H13"))[0].not_after
    office.theatre.clock.advance(ends - timedelta(days=9) - office.theatre.clock.now())
    verdict, text = probed(office)
    assert (verdict, "certificate ends in 9 d;" in text) == ("warning", True), text
    office.theatre.clock.advance(timedelta(days=10))
    verdict, text = probed(office)
    assert (verdict, "whose certificate is valid" in text) == ("bad", True)


def test_a_new_one_is_looked_at_before_it_is_put_in_place(office: Office, directory: Path) -> None:
    sign(office, directory)
    serve(office)
    new = office.folder / "new.toml"
    text = directory.read_text(encoding="utf-8").replace("number = 7", "number = 8", 1)
    text = text.replace('node = "H01"', 'node = "H99"')
    new.write_text(f'{text}\n[organs."H29"]\nname = "Hà Nội"\nnode = "H29"\n', encoding="utf-8")
    assert office.run("H05", "directory", "check", new).code == 78  # nobody signed it yet
    sign(office, new)
    found = office.run("H05", "directory", "check", new, "--json").json
    assert (found["number"], found["served"]) == (8, 7)
    assert {(one["organ"], one["kind"], *one["members"]) for one in found["changes"]} == {
        ("H01", "changed", "node"),
        ("H29", "added"),
    }
    told = office.run("H05", "directory", "check", new).out
    assert f"beside {directory}: 2 different\n" in told.replace("/H05/..", "")
    assert "  + H29 Hà Nội\n" in told
    assert ": node\n" in told
    number(new, 6)
    sign(office, new)
    ran = office.run("H05", "directory", "check", new)
    assert (ran.code, "number 6 is older than 7" in ran.err) == (78, True)
    assert office.run("H05", "directory", "check", "--json").json["changes"] is None


def test_every_member_of_an_entry_has_its_word() -> None:
    assert set(_MEMBERS) == {one.name for one in fields(Organ)} - {"organ_id"}


def test_what_has_no_number_is_not_signed(office: Office, directory: Path) -> None:
    _, _, rest = directory.read_text(encoding="utf-8").partition("\n")
    directory.write_text(rest, encoding="utf-8")
    home = office.folder / "H13"
    ran = office.run(
        "H05",
        *("directory", "sign", directory, "--key", home / "key.pem"),
        *("--cert", home / "chain.pem"),
    )
    assert (ran.code, 'write "number = 1"' in ran.err) == (78, True)
    assert not directory.with_name("directory.toml.sig").exists()


def test_without_an_authority_any_is_served(office: Office) -> None:
    text = office.run("H05", "directory", "check").out
    assert "nobody has to" in text
    config = load(office.folder / "H05" / "docexchange.toml")
    world = compose.build_world(config, office.theatre.nodes["H05"].store, WallClock())
    assert world.directory.find("H01") is not None
