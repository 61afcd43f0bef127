"""Nodes with config, keys and stores on disk, joined by the fake axis; commands run in process."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

from docexchange.cli import main
from tests.pki import P256
from tests.theatre import NAMES, Theatre

CONFIG = """\
[node]
id = "{node}"
data = "data"
directory = "../directory.toml"
trust = "../root.pem"

[organs."{node}"]
key = "key.pem"
chain = "chain.pem"

[axis]
url = "amqp://guest:guest@localhost:1/"
"""


class Ran:
    """What a command did."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Office:
    """Three nodes and the person at their terminal."""

    def __init__(self, folder: Path, theatre: Theatre, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self.theatre, self._capsys = folder, theatre, capsys
        self.lang = "en"

    def run(self, node: str, *arguments: str | Path) -> Ran:
        """Run a command of a node; the clock is the theatre's."""
        config = self.folder / node / "docexchange.toml"
        return self.bare("-c", config, *arguments)

    def bare(self, *arguments: str | Path) -> Ran:
        """Run a command without a config."""
        given = ["--lang", self.lang, *map(str, arguments)]
        code = main(given, clock=self.theatre.clock)
        captured = self._capsys.readouterr()
        return Ran(code, captured.out, captured.err)

    def play(self, story: Coroutine[Any, Any, Any]) -> Any:
        """Let the nodes do something; what they log is no output of a command."""
        result = asyncio.run(story)
        self._capsys.readouterr()
        return result

    def quietly(self, story: Coroutine[Any, Any, Any]) -> Any:
        """The same while a command runs, whose output is not to be lost."""
        return asyncio.run(story)

    def settle(self) -> None:
        """Let the nodes exchange what there is."""
        self.play(self.theatre.settle())


def build(folder: Path, template: Path, capsys: pytest.CaptureFixture[str]) -> Office:
    """Write configs, keys, directory and trust of three nodes into a folder."""
    serves = {name: name for name in NAMES}
    theatre = Theatre(folder, template, serves)
    issuer = P256.issuing.certificate.fingerprint
    text = "".join(
        f'[organs."{organ}"]\nname = "{name}"\nnode = "{organ}"\n'
        f'subject_rule = true\nissuers = ["{issuer}"]\n'
        for organ, name in NAMES.items()
    )
    text += '[closed.H02]\nname = "Bắc Giang"\nsuccessor = "H05"\n'
    (folder / "directory.toml").write_text(text)
    (folder / "root.pem").write_bytes(P256.root.pem)
    for node in NAMES:
        home = folder / node
        (home / "data").mkdir(parents=True)
        (home / "docexchange.toml").write_text(CONFIG.format(node=node))
        (home / "docexchange.toml").chmod(0o600)
        (home / "data" / "store.sqlite3").symlink_to(folder / f"{node}.sqlite3")
        (home / "chain.pem").write_bytes(P256.chain_pem(node))
        (home / "key.pem").touch(mode=0o600)
        (home / "key.pem").write_bytes(P256.organ(node).key_pem)
    return Office(folder, theatre, capsys)
