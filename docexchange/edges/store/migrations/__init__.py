"""Migrations: the tables of a store, brought to what this program needs when it is opened.

Alembic is imported only when there is something to do, so the command line starts fast.
"""

from __future__ import annotations

import time
from pathlib import Path

from sqlalchemy import column, create_engine, select, table
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from ....core.errors import StoreBusy, StoreError
from ..database import Connection, Query, connect, opened
from ..storelock import StoreLock

HEAD = "0019"  # the version that the program's statements are written for
_PATIENCE_S = 10.0  # another process may be migrating just now; it takes a fraction of a second
_VERSION = Query(select(column("version_num")).select_from(table("alembic_version")))
_TABLES = Query(
    select(column("name"))
    .select_from(table("sqlite_master"))
    .where(column("name") == "alembic_version")
)


def bring_up(path: Path, lock: StoreLock) -> None:
    """Migrate the store at `path` to HEAD. Only who holds the lock may; it is taken for that time.

    Raises:
        StoreBusy: the tables are older and a daemon is using them.
        StoreError: they are newer than this program, or the migration failed and was undone.
    """
    if version(path) == HEAD:
        return None
    if lock.held:
        return _migrate(path)
    until = time.monotonic() + _PATIENCE_S
    while True:
        try:
            lock.take()
        except StoreBusy as busy:
            if version(path) == HEAD:
                return None
            if time.monotonic() > until:
                raise StoreBusy("the store has older tables; stop its daemon first") from busy
            time.sleep(0.05)
        else:
            try:
                return _migrate(path)
            finally:
                lock.release()


def version(path: Path) -> str:
    """Version of the tables, "" when there are none."""
    with opened(Connection(path)) as connection:
        return version_of(connection)


def version_of(connection: Connection) -> str:
    """The same of an open connection."""
    if connection.one(_TABLES) is None:
        return ""
    row = connection.one(_VERSION)
    return row["version_num"] if row else ""


def _migrate(path: Path) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.util.exc import CommandError

    if version(path) == HEAD:  # another process did it while we waited
        return
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    engine = create_engine("sqlite://", creator=lambda: connect(path), poolclass=NullPool)
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            connection.exec_driver_sql("COMMIT")
    except (SQLAlchemyError, CommandError) as error:
        raise StoreError(f"the tables of {path} cannot be migrated: {error}") from error
    finally:
        engine.dispose()
