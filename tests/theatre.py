"""Two or more nodes with their real stores, joined by a fake axis, under a fake clock.

A node is what its store remembers: `crash` throws everything else away and opens it again.
"""

from __future__ import annotations

import random
import shutil
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path

from docexchange.core.errors import NotFound, StoreError
from docexchange.core.schedule import Schedule
from docexchange.core.world import World
from docexchange.edges.directory import TomlDirectory
from docexchange.edges.store import SqlStore
from docexchange.edges.tomlfile import TomlFile
from docexchange.flow import inbox, keeper, outbox
from docexchange.flow.witnessing import Notary
from envelopes.model import Document
from envelopes.pack import new_document
from keys.signer import Signer
from tests.contract import Watch, messages_in
from tests.fakes import FakeAxis, FakeClock, Faults
from tests.pki import AT, P256

NAMES = {"H05": "Bắc Ninh", "H01": "An Giang", "H13": "Cần Thơ"}


class Crash(Exception):
    """The process dies here."""


class Signers:
    """A keyring over the test PKI."""

    def __init__(self, *organs: str) -> None:
        self._signers = {organ: P256.signer(organ) for organ in organs}

    def signer(self, organ_id: str) -> Signer:
        if organ_id not in self._signers:
            raise NotFound(f"this node does not serve {organ_id}")
        return self._signers[organ_id]


def directory(serves: Mapping[str, str]) -> TomlDirectory:
    """A directory that binds each organ by the subject of its certificate."""
    issuer = P256.issuing.certificate.fingerprint
    text = "".join(
        f'[organs."{organ}"]\nname = "{NAMES.get(organ, organ)}"\nnode = "{node}"\n'
        f'subject_rule = true\nissuers = ["{issuer}"]\n'
        for organ, node in serves.items()
    )
    text += '[closed.H02]\nname = "Bắc Giang"\nsuccessor = "H05"\n'
    return TomlDirectory(TomlFile(Path("directory.toml"), text.encode()), "0" * 64)


class Node:
    """One node of the play."""

    def __init__(
        self, name: str, organs: tuple[str, ...], path: Path, theatre: Theatre, template: Path
    ) -> None:
        self.name, self.organs = name, organs
        self.path, self._theatre = path, theatre
        shutil.copy(template, path)
        self.crash_at = ""
        self.crashes = 0
        self.mailroom = False
        self._open()

    def _open(self) -> None:
        theatre = self._theatre
        self.store = SqlStore.open(
            self.path,
            exclusive=True,
            node=self.name,
            mailroom_of=lambda organ: f"mr-{organ}" if self.mailroom else None,
            longest=theatre.schedule.longest,
            crash=self._perhaps_crash,
            window=0.0,
        )
        self.world = World(
            store=self.store,
            directory=theatre.directory,
            keyring=Signers(*self.organs),
            trust=P256.trust,
            mailroom_of=lambda organ: f"mr-{organ}" if self.mailroom else None,
            new_id=lambda: f"{self.name}-{next(theatre.ids):026d}",
            random=theatre.rng,
            schedule=theatre.schedule,
        )
        broker = theatre.axis.broker(self.name)
        self.notary = Notary()
        self.sender = outbox.Sender(self.world, broker, theatre.clock, window=8)
        self.world = replace(self.world, heard=self.sender.heard)

    def _perhaps_crash(self, point: str) -> None:
        if point == self.crash_at:
            self.crash_at = ""
            raise Crash(point)

    def restart(self) -> None:
        """The process ended; all that is left is the store and what the broker still has."""
        self.crashes += 1
        self.store.close()
        self._theatre.axis.disconnect(self.name)
        self._open()

    async def turn(self) -> None:
        """Do what there is to do now; a crash ends it and restarts the node."""
        theatre = self._theatre
        try:
            self.sender.obey()
            await keeper.keep(world=self.world, now=theatre.clock.now())
            await self.notary.round(world=self.world, now=theatre.clock.now())
            while self.sender.pump(theatre.clock.now()) or self.sender.unfinished:
                await self.sender.drain()
            while (incoming := theatre.axis.take(self.name)) is not None:
                await inbox.receive(incoming, world=self.world, now=theatre.clock.now())
        except StoreError:
            self.restart()


class Theatre:
    """The stage: an axis, a clock and nodes.

    Args:
        folder: for the stores.
        template: an empty store, copied for each node.
        serves: organ -> node.
        seed: of everything random.
        faults: of the axis.
    """

    def __init__(
        self,
        folder: Path,
        template: Path,
        serves: Mapping[str, str],
        seed: int = 0,
        faults: Faults | None = None,
    ) -> None:
        self.rng = random.Random(seed)
        self.clock = FakeClock(AT)
        self.schedule = Schedule()
        self.directory = directory(serves)
        self.axis = FakeAxis(serves, self.rng, faults or Faults())
        self.ids = count(1)
        self.nodes = {
            node: Node(
                node,
                tuple(organ for organ, of in serves.items() if of == node),
                folder / f"{node}.sqlite3",
                self,
                template,
            )
            for node in dict.fromkeys(serves.values())
        }

    def close(self) -> None:
        """End the play; every message that a mailroom got or was to get fits the contract."""
        watch = Watch()
        for node in self.nodes.values():
            node.store.close()
            for message in messages_in(node.path):
                watch.delivered(message)
        assert not watch.faults, watch.faults[:3]

    async def send(self, number: int, to: tuple[str, ...], sender: str = "H05") -> str:
        """Submit a document; returns its tracking id."""
        node = next(node for node in self.nodes.values() if sender in node.organs)
        while True:
            try:
                submitted = await outbox.submit(
                    document(number, to, sender), world=node.world, now=self.clock.now()
                )
            except StoreError:  # it crashed: the submitter asks again
                node.restart()
            else:
                return submitted.tracking_id

    async def run(self, span: timedelta, step: timedelta = timedelta(minutes=1)) -> None:
        """Let time pass, each node taking its turn at every step."""
        until: datetime = self.clock.now() + span
        while self.clock.now() < until:
            nodes = list(self.nodes.values())
            self.rng.shuffle(nodes)
            for node in nodes:
                await node.turn()
            self.clock.advance(step)

    async def settle(self, turns: int = 4) -> None:
        """Let every node take some turns while time stands still."""
        for _ in range(turns):
            for node in self.nodes.values():
                await node.turn()


def document(number: int, to: tuple[str, ...], sender: str = "H05", text: str = "") -> Document:
    """A small document."""
    return new_document(
        sender=sender,
        to=dict.fromkeys(to, ""),
        number=str(number),
        notation="QĐ-UBND",
        subject=f"Quyết định {number}{text}",
        type_name="Quyết định",
        date=AT.date(),
        files=[("qd.pdf", b"%PDF-1.7 " + str(number).encode())],
    )


def flip(node: Node, sha256: str) -> None:
    """Change one byte of the content with this digest, behind the back of the store, which does
    not have it at hand any more. The second time it is right again."""
    node.store._access.fresh.take(sha256)
    where = "blob_id = (SELECT id FROM blobs WHERE sha256 = ?)"
    with closing(sqlite3.connect(node.path)) as raw:
        rowid, data = raw.execute(
            f"SELECT rowid, data FROM chunks WHERE {where} ORDER BY seq DESC", (sha256,)
        ).fetchone()
        at = len(data) // 2
        changed = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        raw.execute("UPDATE chunks SET data = ? WHERE rowid = ?", (changed, rowid))
        raw.commit()
