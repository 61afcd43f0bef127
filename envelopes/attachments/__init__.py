"""Attachments as a person gets them: safe names, what the bytes are, zip-wrapped files unwrapped.

    names    texts of an envelope to names that a folder can hold
    kinds    what a file is by its first bytes, and whether it can run
    zips     the few zip archives that are only a wrapping, within limits
    opening  the three together

Nothing of this changes what was signed: it is what is written beside it. Source of the wrapping:
the official SDK packs each file that is no PDF, DOC, DOCX or ZIP into a zip of its own, under a
random inner name.
"""

from .kinds import Kind, kind_of
from .names import safe_names
from .opening import Limits, Opened, open_all
from .zips import NotUnwrapped

__all__ = ["Kind", "Limits", "NotUnwrapped", "Opened", "kind_of", "open_all", "safe_names"]
