"""The memory of a node, on one SQLite database; `sqlstore` says which file holds what."""

from .sqlstore import SqlStore

__all__ = ["SqlStore"]
