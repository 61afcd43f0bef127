"""From a config to the surroundings of the paths: the same for daemon and command line."""

from __future__ import annotations

import os
import random
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from ulid import ULID

from keys.signer import Signer
from keys.timestamp import NONCE_BITS
from keys.trust import Trust

from .config import Config
from .core.admission import Level, Seen, Work, check_disk, level_after, under_way
from .core.errors import Deferred
from .core.ports import Clock, Keyring
from .core.world import World
from .crashpoints import CRASH_AT, Crash, CrashingKeyring, die_at
from .edges import disk
from .edges.anchors import load_trust
from .edges.authority import load_directory, refuse_older
from .edges.directory import TomlDirectory
from .edges.evidence import Collector
from .edges.keyring import OrganKeyring
from .edges.pdfs import PdfRule
from .edges.remotekeys import load_remote
from .edges.store import SqlStore
from .edges.trial import Trial
from .edges.tsa import HttpAuthority

CLOCK_BACK = timedelta(minutes=5)  # a clock further behind the journal signs nothing


class GuardedKeyring:
    """A keyring that signs nothing while the clock stands behind the journal."""

    def __init__(self, keyring: Keyring, clock: Clock, latest: datetime | None) -> None:
        self._keyring = keyring
        self._clock = clock
        self._latest = latest

    def signer(self, organ_id: str) -> Signer:
        """The organ's signer. Raises Deferred while the clock is wrong, else as the keyring."""
        now = self._clock.now()
        if self._latest is not None and now < self._latest - CLOCK_BACK:
            raise Deferred(
                f"the clock says {now:%Y-%m-%d %H:%M:%S}Z, but the journal has a line of "
                f"{self._latest:%Y-%m-%d %H:%M:%S}Z: set the clock; nothing is signed until then",
                f"đồng hồ máy {now:%d/%m/%Y %H:%M:%S}Z đi sau nhật ký "
                f"({self._latest:%d/%m/%Y %H:%M:%S}Z): chỉnh lại đồng hồ; tạm ngừng ký số",
            )
        self._latest = max(now, self._latest or now)
        return self._keyring.signer(organ_id)


def open_store(
    config: Config,
    *,
    exclusive: bool,
    crash: Crash = lambda _: None,
    committed: Callable[[], None] = lambda: None,
) -> SqlStore:
    """Open the store of a node.

    Args:
        config: of the node.
        exclusive: True for the one daemon that serves it.
        crash: see `crash_point`.
        committed: called on the event loop after each commit.

    Raises:
        StoreBusy: another daemon serves it.
        StoreError: it cannot be opened.
    """
    config.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    return SqlStore.open(
        config.store,
        node=config.node,
        mailroom_of=config.mailroom_of,
        longest=config.retry.longest,
        quarantine_quota=config.quarantine_quota,
        exclusive=exclusive,
        crash=crash,
        committed=committed,
    )


def build_world(
    config: Config, store: SqlStore, clock: Clock, *, crash: Crash | None = None
) -> World:
    """Put together what the paths are given; `crash` gives the signers their crash points. Evidence
    of revocation is not loaded: `collector` does that for who judges.

    Raises:
        ConfigError, PermissionRefused: of directory, keys or trust; the text names the file.
    """
    trust = node_trust(config)
    keys = OrganKeyring.load(config.key_sources, clock.now())
    keyring: Keyring = GuardedKeyring(keys, clock, store.journal.last_time())
    if crash is not None:
        keyring = CrashingKeyring(keyring, crash)
    return World(
        store=store,
        directory=node_directory(config, store, clock),
        keyring=keyring,
        trust=trust,
        mailroom_of=config.mailroom_of,
        new_id=lambda: str(ULID()),
        random=random.Random(),  # noqa: S311  # jitter, nothing secret
        schedule=config.retry,
        limits=config.limits,
        giving_back=frozenset(name for name, one in config.organs.items() if one.gives_back),
        remote=load_remote(config.organs, clock.now()),
        trial=Trial(config.limits.trial_memory, config.limits.trial_cpu),
        pdfs=PdfRule(trust) if config.limits.require_pdf_signatures else None,
    )


def node_directory(config: Config, store: SqlStore, clock: Clock) -> TomlDirectory:
    """The directory of a node: as its authority signed it, and no older one than was served.

    Raises:
        ConfigError: it is another.
    """
    directory = load_directory(config.directory, config.directory_authority, clock.now())
    if config.directory_authority is not None:
        refuse_older(config.directory, directory, store.directories.last())
    return directory


async def take_directory(config: Config, store: SqlStore, world: World, now: datetime) -> None:
    """Note that the daemon serves by this directory, so that no older one comes after it."""
    directory = world.directory
    if config.directory_authority is None or not isinstance(directory, TomlDirectory):
        return
    if directory.number is not None:
        await store.directories.take(directory.number, directory.sha256, now)


def node_trust(config: Config) -> Trust:
    """The anchors of a node, for documents and for timestamps. Raises ConfigError."""
    trust, _ = load_trust(config.trust, config.revocation.policy)
    if config.timestamps.trust is None:
        return trust
    return trust.with_authorities(load_trust(config.timestamps.trust)[0])


def collector(config: Config, store: SqlStore, world: World) -> Collector:
    """What loads the revocation evidence of a node and keeps it fresh."""
    return Collector(world.evidence, world.trust, store.evidence, config.revocation.rules)


def authorities(config: Config) -> tuple[HttpAuthority, ...]:
    """The timestamping authorities of a node, in the order in which they are asked."""
    settings = config.timestamps
    return tuple(HttpAuthority(url, settings.timeout) for url in settings.urls)


def nonce() -> int:
    """A number that no authority could guess before it was asked."""
    return secrets.randbits(NONCE_BITS)


def look(config: Config, store: SqlStore) -> Seen:
    """Measure the disk and read what is under way. Raises StoreError."""
    return Seen(disk.measure(config.data), store.outgoing.open_work())


@dataclass(frozen=True, slots=True)
class Room:
    """What a person is told about room, by `doctor`.

    Args:
        level: without the margin that keeps a running daemon from changing it too often.
        seen: room on the disk, and what each organ has under way.
        mailrooms: by vhost, what it has under way.
        over: vhosts that may submit nothing until some of it has ended.
    """

    level: Level
    seen: Seen
    mailrooms: Mapping[str, Work]
    over: tuple[str, ...]


def room(config: Config, store: SqlStore) -> Room:
    """How much room there is, with the daemon running or not. Raises StoreError."""
    seen, settings = look(config, store), config.backpressure
    mailrooms = {vhost: under_way(seen.work, config.organs_of(vhost)) for vhost in config.vhosts()}
    over = tuple(
        vhost
        for vhost, work in mailrooms.items()
        if work.deliveries >= settings.open_deliveries or work.size >= settings.open_bytes
    )
    return Room(level_after(Level.OPEN, seen.disk, settings), seen, mailrooms, over)


def check_room(config: Config) -> None:
    """Refuse something new by the marks that the running daemon obeys, with or without it.

    Raises:
        Busy: E-BSY-003; nothing was stored.
    """
    found = disk.measure(config.data)
    check_disk(level_after(Level.OPEN, found, config.backpressure), found)


def crash_point(config: Config) -> Crash:
    """The crash point named by DOCEXCHANGE_CRASH_AT, inert unless the config allows it.

    Raises:
        ConfigError: the config allows it, and there is no such point.
    """
    return die_at(os.environ.get(CRASH_AT, "")) if config.crash_points else _nowhere


def _nowhere(_: str) -> None:
    """Die nowhere."""
