"""What can go wrong, by whose fault and whether trying again can help.

DocexchangeError
  Misuse              ours                         -> fix the program
  ConfigError         the operator's               -> fix the file (file:line)
  StoreError          the machine's                -> nothing was changed; stop, restart
    StoreUnavailable  disk full, or locked         -> nothing was changed; go on, try again
  Deferred            the world's, for now         -> try again
  DeliveryRefused     the world's, for good        -> tell a person
  SubmissionRefused   the submitter's              -> tell the submitter; nothing was stored
    Busy              no room for it now           -> the same, and when to come again
  Conflict            of state                     -> nothing was changed; look, then decide
  NotFound            the asker's                  -> name something that is here
"""

from __future__ import annotations

from collections.abc import Sequence


class DocexchangeError(Exception):
    """Root of every error that this package raises on purpose.

    Args:
        message: one English sentence or more: what is wrong, where, what to do.
        vi: the same in Vietnamese; without it the English one is shown.
    """

    def __init__(self, message: str = "", vi: str = "") -> None:
        super().__init__(message)
        self.vi = vi or message

    @property
    def both(self) -> str:
        """Both languages in one text, as a row keeps it: Vietnamese / English."""
        english = str(self)
        return english if self.vi == english else f"{self.vi} / {english}"


class Misuse(DocexchangeError):
    """The program called itself wrongly: a bug of ours."""


class ConfigError(DocexchangeError):
    """The configuration says something that cannot be followed; the text names file and line."""


class PermissionRefused(ConfigError):
    """A key file can be read by others than its owner; it was not loaded."""


class StoreError(DocexchangeError):
    """The database could not do it. Nothing was changed; the daemon stops and is restarted."""


class ContentDamaged(StoreError):
    """Stored bytes are not what was stored; never handed out. Whoever can do without goes on."""


class StoreBusy(StoreError):
    """Another daemon already serves this store."""


class StoreUnavailable(StoreError):
    """The database cannot write for now, though nothing is wrong with it. Nothing was changed; the
    daemon goes on, and whoever has something in hand tries again.

    Args:
        message, vi: as of every error.
        cause: "full" (no room on the disk) or "locked" (another process is writing).
    """

    def __init__(self, message: str, vi: str = "", *, cause: str) -> None:
        super().__init__(message, vi)
        self.cause = cause


class Deferred(DocexchangeError):
    """The world cannot take it now; the row stays and is tried again.

    Args:
        message, vi: as of every error.
        unknown: it may have been taken all the same: only the answer was lost.
        destination: one destination does not take it; the way to all others is open.
    """

    def __init__(
        self, message: str = "", vi: str = "", *, unknown: bool = False, destination: bool = False
    ) -> None:
        super().__init__(message, vi)
        self.unknown = unknown
        self.destination = destination


class DeliveryRefused(DocexchangeError):
    """The world will never take it; a person is told."""


class Conflict(DocexchangeError):
    """The present state does not allow it; nothing was changed."""


class NotFound(DocexchangeError):
    """Nothing here has that name."""


class Ambiguous(DocexchangeError):
    """A reference fits several documents; `candidates` lists them."""

    def __init__(self, message: str, candidates: tuple[str, ...]) -> None:
        super().__init__(message)
        self.candidates = candidates


class SubmissionRefused(DocexchangeError):
    """A submission was refused at the door; nothing of it was stored.

    Args:
        code: stable problem code, as `E-RTE-001` (families: docexchange/README.md).
        title: one Vietnamese sentence: what is wrong.
        title_en: the same in English.
        detail: the facts (element, value, what to do), in Vietnamese.
        detail_en: the same in English; without it the Vietnamese ones are shown.
        pointer: element or field at fault, or "".
        retryable: True if the same submission may pass later.
        errors: (pointer, what is wrong there) of each place at fault, when there are several.
        retry_after: seconds after which it should come again; None says the usual.
    """

    def __init__(
        self,
        code: str,
        title: str,
        title_en: str,
        *,
        detail: str = "",
        detail_en: str = "",
        pointer: str = "",
        retryable: bool = False,
        errors: Sequence[tuple[str, str]] = (),
        retry_after: int | None = None,
    ) -> None:
        super().__init__(f"{code} {title}" + (f": {detail}" if detail else ""))
        self.code = code
        self.title = title
        self.title_en = title_en
        self.detail = detail
        self.detail_en = detail_en or detail
        self.pointer = pointer
        self.retryable = retryable
        self.errors = tuple(errors)
        self.retry_after = retry_after


class Busy(SubmissionRefused):
    """There is no room for a submission now. It is answered past the store, since a refusal that
    needs a row would fill what is left.

    Args:
        code, title, title_en, detail, detail_en: as of SubmissionRefused.
        retry_after: seconds after which it should come again.
    """

    def __init__(
        self,
        code: str,
        title: str,
        title_en: str,
        *,
        detail: str,
        detail_en: str,
        retry_after: int,
    ) -> None:
        super().__init__(
            code,
            title,
            title_en,
            detail=detail,
            detail_en=detail_en,
            retryable=True,
            retry_after=retry_after,
        )
