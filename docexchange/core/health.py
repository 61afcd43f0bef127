"""How a node is, as its mailrooms are told."""

from __future__ import annotations

from dataclasses import dataclass

from .admission import Level


@dataclass(frozen=True, slots=True)
class Health:
    """Whether the node can do its work.

    Args:
        room: how much room there is for something new.
        free_bytes: on the file system of the store.
        axis: whether the axis carries something to us.
        why: what is wrong with the axis, "" if nothing.
    """

    room: Level
    free_bytes: int
    axis: bool = True
    why: str = ""

    @property
    def good(self) -> bool:
        """Whether nothing is wrong."""
        return self.axis and self.room is Level.OPEN
