"""From a config to the surroundings of the paths: the same for daemon and command line."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Callable
from datetime import datetime, timedelta

from ulid import ULID

from keys.signer import Signer

from .config import Config
from .core.errors import Deferred
from .core.ports import Clock, Keyring
from .core.world import World
from .edges.directory import TomlDirectory
from .edges.keyring import OrganKeyring, load_trust
from .edges.remotekeys import load_remote
from .edges.store import SqlStore
from .edges.trial import Trial

CLOCK_BACK = timedelta(minutes=5)  # a clock further behind the journal signs nothing
CRASH_AT = "DOCEXCHANGE_CRASH_AT"


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
    crash: Callable[[str], None] = lambda _: None,
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


def build_world(config: Config, store: SqlStore, clock: Clock) -> World:
    """Put together what the paths are given.

    Raises:
        ConfigError, PermissionRefused: of directory, keys or trust; the text names the file.
    """
    trust, _ = load_trust(config.trust)
    keyring = OrganKeyring.load(config.key_sources, clock.now())
    return World(
        store=store,
        directory=TomlDirectory.load(config.directory),
        keyring=GuardedKeyring(keyring, clock, store.last_journal_time()),
        trust=trust,
        mailroom_of=config.mailroom_of,
        new_id=lambda: str(ULID()),
        random=random.Random(),  # noqa: S311  # jitter, nothing secret
        schedule=config.retry,
        limits=config.limits,
        remote=load_remote(config.organs, clock.now()),
        trial=Trial(config.limits.trial_memory, config.limits.trial_cpu),
    )


def crash_point(config: Config) -> Callable[[str], None]:
    """The crash point named by DOCEXCHANGE_CRASH_AT, inert unless the config allows it.

    `before:accept` or `after:accept` kills this process (SIGKILL) at the commit of `accept`.
    """
    wanted = os.environ.get(CRASH_AT, "")

    def crash(point: str) -> None:
        if config.crash_points and point == wanted:
            os.kill(os.getpid(), signal.SIGKILL)

    return crash
