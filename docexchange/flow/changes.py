"""Update and replacement (cập nhật, thay thế) by the sender: which older documents are meant.

A document is named by its tracking id, its number, or its DocumentId; one that left by another
system is not in the store and can be named by its DocumentId only.
"""

from __future__ import annotations

from envelopes.model import Document

from ..core.errors import Ambiguous, NotFound, SubmissionRefused
from ..core.problems import PROBLEMS
from ..core.recalls import UPDATE, Change, changing
from ..core.world import World


def apply(document: Document, change: Change, *, world: World) -> Document:
    """The document as the update or replacement of older ones of the same organ.

    Raises:
        SubmissionRefused: E-REF-001 no such document, E-REF-002 several, E-AUT-001 another
            organ's, E-RCL-002 none of the recipients got it; the pointer says which.
        StoreError: of the reading.
    """
    found = []
    for place, ref in enumerate(change.refs):
        pointer = "/updates" if change.business == UPDATE else f"/replaces/{place}"
        found.append(_older(document, ref, pointer, world))
    return changing(document, change, found)


def _older(document: Document, ref: str, pointer: str, world: World) -> tuple[str, tuple[str, ...]]:
    """DocumentId of an older document, and who of the recipients got it."""
    sender = document.sender.organ_id
    known = world.store.outgoing.submission_of(sender, ref)
    if not known and ref.startswith(f"{sender},"):
        return ref, document.recipients
    try:
        view = world.store.outgoing.document(known or ref)
    except Ambiguous as several:
        raise _refused("E-REF-002", str(several), pointer) from several
    except NotFound as none:
        raise _refused("E-REF-001", ref, pointer) from none
    if view.from_organ != sender:
        raise _refused("E-AUT-001", f"{view.tracking_id}: {view.from_organ}", pointer)
    got = {one.to_organ for one in view.deliveries}
    both = tuple(organ for organ in document.recipients if organ in got)
    if not both:
        raise _refused("E-RCL-002", f"{view.tracking_id}: {', '.join(sorted(got))}", pointer)
    return view.document_id, both


def _refused(code: str, detail: str, pointer: str) -> SubmissionRefused:
    known = PROBLEMS[code]
    return SubmissionRefused(code, known.vi, known.en, detail=detail, pointer=pointer)
