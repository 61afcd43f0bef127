"""What a command runs in: the config that was asked for, and with it the store and the world."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ..core.errors import ConfigError, NotFound
from ..edges.clock import WallClock

if TYPE_CHECKING:  # these load slowly; only commands of a node need them
    from ..config import Config
    from ..core.ports import Clock
    from ..core.world import World
    from ..edges.directory import TomlDirectory
    from ..edges.store import SqlStore

PLACES = ("docexchange.toml", "/etc/docexchange/docexchange.toml")
VARIABLE = "DOCEXCHANGE_CONFIG"


@dataclass
class Session:
    """Options that stand before any command, and the clock that it reads."""

    config: Path | None = None
    verbose: bool = False
    clock: Clock = field(default_factory=WallClock)


current = Session()  # one command per process; `main` fills it


def now() -> datetime:
    """The time, aware UTC."""
    return current.clock.now()


def config_path() -> Path:
    """The config file: --config, else DOCEXCHANGE_CONFIG, else the first of the usual places.

    Raises:
        ConfigError: none was named and none is there.
    """
    named = current.config or os.environ.get(VARIABLE)
    if named:
        return Path(named)
    for place in PLACES:
        if Path(place).exists():
            return Path(place)
    raise ConfigError(
        f"no config file: name one with --config, or put it at {' or '.join(PLACES)} "
        "(`docexchange init` writes one)",
        f"không có tệp cấu hình: chỉ ra bằng --config, hoặc đặt tại {' hay '.join(PLACES)} "
        "(`docexchange init` tạo mới)",
    )


def load_config() -> Config:
    """The settings of the node. Raises ConfigError, FileError."""
    from ..config import load

    return load(config_path())


def load_directory(config: Config) -> TomlDirectory:
    """The node's directory, as its authority signed it and no older than one that was served.

    Raises:
        FileError, ConfigError: it cannot be read, or is another.
    """
    from .. import compose
    from ..edges import authority

    if config.directory_authority is None or not config.store.exists():
        return authority.load_directory(config.directory, config.directory_authority, now())
    with closing(compose.open_store(config, exclusive=False)) as store:
        return compose.node_directory(config, store, current.clock)


@contextmanager
def open_store() -> Iterator[tuple[Config, SqlStore]]:
    """The node's store, beside a daemon that may be running."""
    from .. import compose

    config = load_config()
    if not config.store.exists():
        raise NotFound(
            f"{config.store}: there is no store yet; `docexchange run` or `send` makes it",
            f"{config.store}: chưa có kho dữ liệu; `docexchange run` hoặc `send` sẽ tạo",
        )
    store = compose.open_store(config, exclusive=False)
    try:
        yield config, store
    finally:
        store.close()


@contextmanager
def open_world() -> Iterator[tuple[Config, World]]:
    """Store, keys, directory and trust of the node: for commands that sign and queue."""
    from .. import compose

    config = load_config()
    store = compose.open_store(config, exclusive=False)
    try:
        yield config, compose.build_world(config, store, current.clock)
    finally:
        store.close()
