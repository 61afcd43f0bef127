"""Steps 1, 2 and 4 of a bundle: its bytes, looked at once, whoever signed them.

Source: ETSI EN 319 162-1, annex A; what is stricter is ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO, Final

from ..judge import not_reached, passed, problem
from ..report import Check
from . import archive, asic, bundle
from .archive import Archive, ArchiveRefused

_AFTER_GATE: Final = (2, 3, 4, 5, 6, 7, 10, 11)
_AFTER_FORM: Final = (3, 4, 5, 6, 7, 10, 11)
NAMED_MAX: Final = 5  # files that a check names


@dataclass(frozen=True, slots=True)
class Signed:
    """A bundle whose signature could be read.

    Args:
        archive: its files.
        signature: what it says.
        form: step 2.
        digests: step 4.
    """

    archive: Archive
    signature: asic.Signature
    form: Check
    digests: Check


def read(source: BinaryIO) -> Signed | tuple[Check, ...]:
    """Look at every byte of a bundle; its checks when there is nothing more to judge.

    Args:
        source: open for reading, seekable; it is kept.

    Raises:
        OSError: it cannot be read.
    """
    try:
        given = archive.read(source)
    except ArchiveRefused as refused:
        return (problem(1, refused.reason, refused.detail), *not_reached(*_AFTER_GATE))
    signature = _signature(given)
    if isinstance(signature, Check):
        return (passed(1), signature, *not_reached(*_AFTER_FORM))
    form = _names(given, signature) or _derived(given, signature) or passed(2)
    return Signed(given, signature, form, _digests(given, signature))


def _signature(given: Archive) -> asic.Signature | Check:
    """Step 2, first half: the signature is one of ours."""
    if asic.SIGNATURES_FILE not in given.members:
        return problem(2, "BUNDLE_FORM", f"{asic.SIGNATURES_FILE} is missing")
    try:
        given.digest(asic.SIGNATURES_FILE)
        data = given.content(asic.SIGNATURES_FILE, asic.SIZE_MAX)
    except ArchiveRefused as refused:
        return problem(2, refused.reason, refused.detail)
    unfit = problem(2, "BUNDLE_FORM", f"{asic.SIGNATURES_FILE} is not of this form")
    return asic.read(data) or unfit


def _digests(given: Archive, signature: asic.Signature) -> Check:
    """Step 4. Every file is read, so that each one that was changed is named."""
    changed = set()
    for one in signature.files:
        try:
            same = one.name in given.members and given.digest(one.name) == one.sha256
        except ArchiveRefused:
            same = False
        if not same:
            changed.add(one.name)
    if changed:
        return problem(4, "FILE_CHANGED", some(changed))
    return passed(4, f"{len(signature.files)} files")


def _names(given: Archive, signature: asic.Signature) -> Check | None:
    """Whether the archive holds the files that were signed, all of them, in order, and no other."""
    signed = [one.name for one in signature.files]
    wanted = [asic.MIMETYPE_FILE, asic.MANIFEST_FILE, *signed, asic.SIGNATURES_FILE]
    there = list(given.members)
    missing, added = set(wanted) - set(there), set(there) - set(wanted)
    if missing:
        return problem(2, "FILE_MISSING", some(missing))
    if added:
        return problem(2, "FILE_ADDED", some(added))
    strange = [name for name in signed if not bundle.known(name)]
    absent = [name for name in bundle.REQUIRED if name not in signed]
    if there != wanted or strange or absent or signed != list(bundle.order(signed)):
        detail = some([*strange, *absent]) or "its files are in another order"
        return problem(2, "BUNDLE_FORM", detail)
    return None


def _derived(given: Archive, signature: asic.Signature) -> Check | None:
    """Whether what no signature covers, and the sums, is what follows from the signature."""
    expected = {
        asic.MIMETYPE_FILE: asic.MIMETYPE,
        asic.MANIFEST_FILE: asic.manifest(signature.files),
        bundle.SUMS: bundle.sums(signature.files),
    }
    for name, content in expected.items():
        try:
            given.digest(name)
            if given.content(name, len(content)) == content:
                continue
        except ArchiveRefused:
            pass
        return problem(2, "FILE_CHANGED", f"{name} is not what follows from the signature")
    return None


def some(names: Sequence[str] | set[str]) -> str:
    """A few of some names, and how many more there are."""
    listed = sorted(names)
    left = len(listed) - NAMED_MAX
    more = f" and {left} more" if left > 0 else ""
    return ", ".join(listed[:NAMED_MAX]) + more
