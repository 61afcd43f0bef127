"""What can be wrong with an envelope."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .report import Report


class EnvelopeError(Exception):
    """Root of the errors of this package."""


class Malformed(EnvelopeError):
    """It cannot be read, or must not be written, as edXML.

    Args:
        what: what is wrong and what was expected.
        line: line in the input, 0 if unknown.
        element: path or name of the element, "" if unknown.
    """

    def __init__(self, what: str, *, line: int = 0, element: str = "") -> None:
        where = " ".join(part for part in (f"line {line}" if line else "", element) if part)
        super().__init__(f"{where}: {what}" if where else what)
        self.what = what
        self.line = line
        self.element = element


class Refused(Malformed):
    """The gate keeps it out.

    Args:
        reason: reason code, as TOO_LARGE or DTD.
        detail: the facts.
        line: line in the input, 0 if unknown.
    """

    def __init__(self, reason: str, detail: str, *, line: int = 0) -> None:
        super().__init__(f"{reason}: {detail}", line=line)
        self.reason = reason
        self.detail = detail


class UnboundPrefix(Refused):
    """The gate keeps it out for nothing but prefixes that no element declares.

    Args:
        prefixes: those, in the order of their first use.
        line: line of the first use.
    """

    def __init__(self, prefixes: tuple[str, ...], *, line: int = 0) -> None:
        named = ", ".join(prefix[:40] for prefix in prefixes[:6])
        super().__init__("UNBOUND_PREFIX", f"the prefix {named} is not declared", line=line)
        self.prefixes = prefixes


class NotTrusted(EnvelopeError):
    """The content was asked for, but the verdict is not TOTAL-PASSED; `report` says why."""

    def __init__(self, report: Report) -> None:
        super().__init__(f"{report.indication} {report.sub_indication} {report.reason}".rstrip())
        self.report = report


class SignatureRefused(EnvelopeError):
    """A signing request or the signature that answers it cannot be used; nothing was made of it.

    Args:
        reason: CHANGED_REQUEST, DAMAGED, OTHER_KEY, OTHER_DATA, HASHED_TWICE, EXPIRED or
            CERTIFICATE.
        message: English: what is wrong, what to do.
        vi: the same in Vietnamese.
    """

    def __init__(self, reason: str, message: str, vi: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.vi = vi


class RequestExpired(SignatureRefused):
    """The signature came too late."""

    def __init__(self, message: str, vi: str) -> None:
        super().__init__("EXPIRED", message, vi)
