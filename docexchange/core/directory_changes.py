"""What differs between two directories of organs: who came, who went, for whom what changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from enum import StrEnum

from .ports import Organ


class Kind(StrEnum):
    """How an entry differs."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class Change:
    """One entry that differs.

    Args:
        organ_id: of the entry.
        name: for people, the newer one.
        kind: how it differs.
        members: of `Organ` that differ, when it was changed; else empty.
    """

    organ_id: str
    name: str
    kind: Kind
    members: tuple[str, ...] = ()


def changes(before: Iterable[Organ], after: Iterable[Organ]) -> tuple[Change, ...]:
    """Every entry that differs, by its code."""
    old = {one.organ_id: one for one in before}
    new = {one.organ_id: one for one in after}
    found = [
        *(Change(one.organ_id, one.name, Kind.REMOVED) for one in _missing(old, new)),
        *(Change(one.organ_id, one.name, Kind.ADDED) for one in _missing(new, old)),
        *(_changed(old[code], new[code]) for code in old.keys() & new.keys()),
    ]
    different = (one for one in found if one.kind is not Kind.CHANGED or one.members)
    return tuple(sorted(different, key=lambda one: one.organ_id))


def _missing(here: Mapping[str, Organ], there: Mapping[str, Organ]) -> Iterator[Organ]:
    return (one for code, one in here.items() if code not in there)


def _changed(old: Organ, new: Organ) -> Change:
    members = tuple(
        one.name for one in fields(Organ) if getattr(old, one.name) != getattr(new, one.name)
    )
    return Change(new.organ_id, new.name, Kind.CHANGED, members)
