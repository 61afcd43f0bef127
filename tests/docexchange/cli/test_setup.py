"""init, keys, config check and topology: what an administrator does first."""

from __future__ import annotations

import json
import stat
from datetime import timedelta
from pathlib import Path

import pytest

from docexchange.cli import topology
from docexchange.config import load
from docexchange.edges.directory import TomlDirectory
from tests.office import Office
from tests.pki import OTHER, P256


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_init_writes_a_config_that_loads(office: Office, tmp_path: Path) -> None:
    folder = tmp_path / "node"
    ran = office.bare("init", "--dir", folder, "--organ", "000.00.00.H13")
    assert ran.code == 0
    assert ran.out.strip() == str(folder / "docexchange.toml")
    config = load(folder / "docexchange.toml")
    assert config.node == "000-00-00-H13"
    assert config.organs["000.00.00.H13"].signer.key == folder / "keys/000.00.00.H13/key.pem"
    assert mode(folder / "keys") == mode(folder / "data") == 0o700
    assert mode(folder / "axis.url") == 0o600
    assert config.axis.broker.url().startswith("amqps://node-000-00-00-H13:")
    entry = TomlDirectory.load(config.directory).find("000.00.00.H13")
    assert entry is not None
    assert entry.node == config.node


def test_init_puts_the_store_where_the_service_may_write(office: Office, tmp_path: Path) -> None:
    folder, store = tmp_path / "etc", tmp_path / 'var/lib "một"'
    assert office.bare("init", "--dir", folder, "--store", store).code == 0
    assert load(folder / "docexchange.toml").data == store
    assert mode(store) == 0o700
    assert not (folder / "data").exists()
    unit = (Path(__file__).parents[3] / "deploy/docexchange.service").read_text()
    page = (Path(__file__).parents[3] / "deploy/README.md").read_text()
    written = "\nStateDirectory=docexchange\n"  # /var/lib/docexchange; ProtectSystem=strict
    assert written in unit
    assert "--organ H05 --store /var/lib/docexchange\n" in page


def test_init_overwrites_only_when_asked(office: Office, tmp_path: Path) -> None:
    folder = tmp_path / "node"
    office.bare("init", "--dir", folder)
    (folder / "directory.toml").write_text("# mine\n")
    assert office.bare("init", "--dir", folder).code == 5
    assert (folder / "directory.toml").read_text() == "# mine\n"
    assert office.bare("init", "--dir", folder, "--force").code == 0
    assert office.bare("init", "--dir", folder / "x", "--organ", "../H05").code == 2


@pytest.mark.parametrize("lang", ["vi", "en"])
def test_a_new_node_from_nothing(office: Office, tmp_path: Path, lang: str) -> None:
    """init, demo-ca, directory: the steps that `init` prints lead to a config without problems."""
    office.lang = lang
    folder = tmp_path / "node"
    office.bare("init", "--dir", folder)
    config = folder / "docexchange.toml"
    before = office.bare("config", "check", "-c", config)
    assert before.code == 78
    assert before.out.count("✖") >= 3
    made = office.bare("keys", "demo-ca", folder / "ca", "H05", "--key", "p256")
    assert made.code == 0
    issuer = office.bare("keys", "show", folder / "ca/issuing.pem", "--json").json
    for name in ("key.pem", "chain.pem"):
        (folder / "keys/H05" / name).write_bytes((folder / "ca/H05" / name).read_bytes())
    (folder / "keys/H05/key.pem").chmod(0o600)
    (folder / "trust/root.pem").write_bytes((folder / "ca/root.pem").read_bytes())
    text = (folder / "directory.toml").read_text()
    fingerprint = issuer["certificates"][0]["sha256"]
    text = text.replace("# subject_rule", "subject_rule")
    text = text.replace(
        '# issuers = ["<SHA-256 of the CA certificate>"]', f'issuers = ["{fingerprint}"]'
    )
    (folder / "directory.toml").write_text(text)
    after = office.bare("config", "check", "-c", config)
    assert after.code == 0, after.out
    assert "DEMO" in after.out


def test_demo_ca(office: Office, tmp_path: Path) -> None:
    folder = tmp_path / "ca"
    ran = office.bare("keys", "demo-ca", folder, "--key", "p256")
    assert ran.code == 0
    files = {str(path.relative_to(folder)): mode(path) for path in folder.rglob("*.pem")}
    assert files == {
        "root.pem": 0o644,
        "root.key.pem": 0o600,
        "issuing.pem": 0o644,
        "issuing.key.pem": 0o600,
        **{f"{organ}/key.pem": 0o600 for organ in ("H01", "H05", "H13")},
        **{f"{organ}/chain.pem": 0o644 for organ in ("H01", "H05", "H13")},
    }
    assert {mode(path) for path in (folder, *folder.iterdir()) if path.is_dir()} == {0o700}
    before = (folder / "root.pem").read_bytes()
    again = office.bare("keys", "demo-ca", folder, "H26")
    assert again.code == 5
    assert "nothing was written" in again.err
    assert (folder / "root.pem").read_bytes() == before
    assert not (folder / "H26").exists()


def test_demo_ca_for_named_organs(office: Office, tmp_path: Path) -> None:
    folder = tmp_path / "ca"
    organs = ("H26=UBND thành phố Hà Nội", "000.00.00.H05")
    assert office.bare("keys", "demo-ca", folder, *organs, "--key", "p256").code == 0
    shown = office.bare("keys", "show", folder / "H26/chain.pem").out
    assert "UBND thành phố Hà Nội" in shown
    assert "Organ               H26" in shown
    assert (folder / "000.00.00.H05/key.pem").exists()
    assert office.bare("keys", "demo-ca", tmp_path / "x", "../../etc").code == 2
    assert not (tmp_path / "x").exists()


def test_keys_show_never_prints_a_key(office: Office, tmp_path: Path) -> None:
    key = tmp_path / "H05/key.pem"
    ran = office.bare("keys", "show", key)
    assert ran.code == 0
    assert "PRIVATE KEY: not printed; mode 0600" in ran.out
    secret = key.read_text().splitlines()[1]
    assert secret not in ran.out
    key.chmod(0o644)
    assert f"warning: run chmod 600 {key}" in office.bare("keys", "show", key).err
    assert secret not in office.bare("keys", "show", key, "--json").out


def test_keys_show_of_something_else(office: Office, tmp_path: Path) -> None:
    other = tmp_path / "x.txt"
    other.write_text("hello")
    assert office.bare("keys", "show", other).code == 1
    assert office.bare("keys", "show", tmp_path / "nope").code == 4


def test_config_check_of_a_good_node(office: Office) -> None:
    ran = office.run("H05", "config", "check")
    assert ran.code == 0
    lines = ran.out.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("▲ ")
    assert "trusts a DEMO CA" in lines[0]
    assert lines[1].endswith("docexchange.toml: 0 problem(s), 1 warning(s)")


def test_config_check_of_a_bad_file(office: Office, tmp_path: Path) -> None:
    config = tmp_path / "H05/docexchange.toml"
    config.write_text(config.read_text() + "prefech_urgent = 1\n[retry]\nlifetime = 5\n")
    ran = office.run("H05", "config", "check")
    assert ran.code == 78
    assert (
        f'{config}:13  axis.prefech_urgent  is not a setting; did you mean "prefetch_urgent"?'
        in (ran.out)
    )
    assert f"{config}:15  retry.lifetime" in ran.out
    assert "2 problem(s)" in ran.out


@pytest.mark.parametrize(
    ("what", "code", "why"),
    [
        ("key mode", 77, "chmod 600"),
        ("other key", 78, "does not belong"),
        ("no directory", 78, "cannot be read"),
        ("not listed", 1, "has no open entry for H05"),
        ("other node", 1, "H05 is served by H99; this node is H05"),
        ("other trust", 1, "receivers will not trust it"),
        ("other organ", 1, "by the directory it may not sign for H05"),
    ],
)
def test_config_check_finds(office: Office, tmp_path: Path, what: str, code: int, why: str) -> None:
    directory = tmp_path / "directory.toml"
    text = directory.read_text()
    home = tmp_path / "H05"
    if what == "key mode":
        (home / "key.pem").chmod(0o644)
    elif what == "other key":
        (home / "key.pem").write_bytes(P256.organ("H01").key_pem)
    elif what == "no directory":
        directory.unlink()
    elif what == "not listed":
        directory.write_text(text.replace('[organs."H05"]', '[organs."H07"]'))
    elif what == "other node":
        directory.write_text(text.replace('node = "H05"', 'node = "H99"'))
    elif what == "other trust":
        (tmp_path / "root.pem").write_bytes(OTHER.root.pem)
    else:
        (home / "key.pem").write_bytes(P256.organ("H01").key_pem)
        (home / "chain.pem").write_bytes(P256.chain_pem("H01"))
    ran = office.run("H05", "config", "check")
    assert ran.code == code
    assert why in ran.out
    assert office.run("H13", "config", "check", "--json").json["schema"].endswith("config-check/v1")


def test_config_check_warns_before_a_certificate_ends(office: Office) -> None:
    office.theatre.clock.advance(timedelta(days=306))
    ran = office.run("H05", "config", "check")
    assert ran.code == 0
    assert "the certificate of H05 ends in 59 d" in ran.out
    office.theatre.clock.advance(timedelta(days=60))
    assert office.run("H05", "config", "check").code == 78


def test_config_check_warns_of_a_readable_password(office: Office, tmp_path: Path) -> None:
    (tmp_path / "H05/docexchange.toml").chmod(0o644)
    ran = office.run("H05", "config", "check")
    assert ran.code == 0
    assert "docexchange.toml:12: the address holds a password" in ran.out
    assert "guest:guest" not in ran.out


def test_topology_covers_every_node_and_mailroom(office: Office, tmp_path: Path) -> None:
    path = tmp_path / "H05/docexchange.toml"
    text = path.read_text().replace('chain.pem"\n', 'chain.pem"\nmailroom = "mr-H05"\n')
    path.write_text(text + '[mailroom]\nurl = "amqp://u:p@localhost:1"\n')
    places = list(topology.places(load(path), "", ""))
    assert [name for name, _, _ in places] == ["axis", "mr-H05"]
    assert places[0][1] == "amqp://guest:guest@localhost:1/"
    assert places[1][1] == "amqp://u:p@localhost:1/mr-H05"
    queues = {queue.name for queue in places[0][2].queues}
    for node in ("H05", "H01", "H13"):
        assert f"node.{node}.urgent" in queues
    keys = {binding.key for binding in places[0][2].bindings}
    assert "normal.H13" in keys
    assert "normal.H02" not in keys  # closed


def test_topology_without_a_broker(office: Office) -> None:
    for verb in ("check", "apply"):
        ran = office.run("H05", "topology", verb)
        assert ran.code == 69
        assert ran.out == ""
        assert "the broker did not answer" in ran.err


def test_a_plan_without_a_broker_and_definitions(office: Office) -> None:
    plan = office.run("H05", "topology", "plan", "--offline")
    assert plan.code == 0
    assert "  + create  queue    node.H13.receipts" in plan.out
    made = json.loads(office.run("H05", "topology", "definitions").out)
    assert {user["name"]: user["password_hash"] for user in made["users"]}["node-H13"] == ""
    assert {one["vhost"] for one in made["permissions"]} == {one["name"] for one in made["vhosts"]}
    assert made["policies"] == []
    bound = {(one["routing_key"], one["destination"]) for one in made["bindings"]}
    assert ("urgent.H13", "node.H13.urgent") in bound
    bare = json.loads(office.run("H05", "topology", "definitions", "--no-users").out)
    assert bare["users"] == []
    assert bare["permissions"] == made["permissions"]
    nothing = json.loads(office.run("H05", "topology", "definitions", "--part", "mailrooms").out)
    assert nothing["vhosts"] == nothing["users"] == nothing["queues"] == []
