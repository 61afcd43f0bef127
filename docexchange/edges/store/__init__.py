"""The memory of a node, on one SQLite database; `sqlstore` says which file holds what."""

from .sqlstore import SqlStore
from .storelock import StoreLock

__all__ = ["SqlStore", "StoreLock"]
