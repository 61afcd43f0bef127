"""`verify --html`, `verify --repeat`: what is done with a result beside printing it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

from . import show
from .words import say

IGNORED = frozenset({"now"})  # the verdict for now changes with the day


@dataclass(frozen=True, slots=True)
class Kept:
    """What a person asked for: a page to write, an earlier result to compare with."""

    page: Path | None = None
    repeat: Path | None = None
    force: bool = False

    def done(self, found: Mapping[str, Any]) -> bool:
        """Write the page; tell what differs from the earlier result. Whether something does.

        Raises:
            ConfigError: the earlier result cannot be read.
        """
        from . import report

        if self.page is not None:
            report.write(found, self.page, force=self.force)
            show.note(str(self.page))
        if self.repeat is None:
            return False
        differing = list(differences(report.read(self.repeat), found))
        for place, before, after in differing:
            show.note(show.plain(f"≠ {place}: {before!r} → {after!r}"))
        if not differing:
            show.note(say(f"không khác {self.repeat}", f"no difference from {self.repeat}"))
        return bool(differing)


def differences(
    before: object, after: object, place: str = ""
) -> Iterator[tuple[str, object, object]]:
    """Where two results differ: (place, before, after). Folders in names of files do not count."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for name in sorted({*before, *after} - IGNORED):
            yield from differences(before.get(name), after.get(name), f"{place}/{name}")
    elif _is_list(before) and _is_list(after):
        assert isinstance(before, Sequence)  # noqa: S101  # as was asked
        assert isinstance(after, Sequence)  # noqa: S101
        if len(before) != len(after):
            yield f"{place}/#", len(before), len(after)
        for number, pair in enumerate(zip(before, after, strict=False)):
            yield from differences(*pair, f"{place}/{number}")
    elif place.endswith("/file") and isinstance(before, str) and isinstance(after, str):
        if PurePath(before).name != PurePath(after).name:
            yield place, before, after
    elif before != after:
        yield place, before, after


def _is_list(value: object) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)
