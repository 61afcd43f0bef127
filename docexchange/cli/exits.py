"""Exit codes: one table, shown in every --help, and the one place where an error becomes a code
and a sentence.
"""

from __future__ import annotations

import os
import tempfile
import traceback
from enum import IntEnum

from envelopes.errors import EnvelopeError, RequestExpired, SignatureRefused
from keys.errors import KeysError

from ..core.errors import (
    Ambiguous,
    Busy,
    ConfigError,
    Conflict,
    Deferred,
    DeliveryRefused,
    DocexchangeError,
    NotFound,
    PermissionRefused,
    StoreBusy,
    StoreError,
    StoreUnavailable,
    SubmissionRefused,
)
from ..masking import masked
from .show import plain
from .words import say


class Exit(IntEnum):
    """What a command's exit code means; from 64 on: sysexits.h."""

    DONE = 0
    NEGATIVE = 1
    USAGE = 2
    PARTLY = 3
    NOT_FOUND = 4
    REFUSED = 5
    UNAVAILABLE = 69
    BUG = 70
    IO = 74
    LATER = 75
    PERMISSION = 77
    CONFIG = 78
    INTERRUPTED = 130


def table() -> str:
    """The exit codes for --help, one a line."""
    rows = {
        Exit.DONE: say("xong; TOTAL-PASSED", "done; TOTAL-PASSED"),
        Exit.NEGATIVE: say(
            "TOTAL-FAILED, hoặc kiểm tra thấy lỗi", "TOTAL-FAILED, or a check found a problem"
        ),
        Exit.USAGE: say("dùng sai lệnh", "usage"),
        Exit.PARTLY: say("INDETERMINATE, hoặc chỉ xong một phần", "INDETERMINATE, or partly done"),
        Exit.NOT_FOUND: say("không tìm thấy", "not found"),
        Exit.REFUSED: say("bị từ chối, trạng thái không cho phép", "refused, conflict of state"),
        Exit.UNAVAILABLE: say(
            "không kết nối được broker hoặc kho dữ liệu", "broker or database unreachable"
        ),
        Exit.BUG: say("lỗi của chương trình", "our bug"),
        Exit.IO: say("lỗi đọc ghi", "I/O error"),
        Exit.LATER: say("quá thời gian chờ, thử lại sau", "timed out, try later"),
        Exit.PERMISSION: say(
            "thiếu quyền, hoặc tệp khoá để người khác đọc được",
            "permission; also: key file readable by others",
        ),
        Exit.CONFIG: say("cấu hình sai", "bad configuration"),
    }
    return "\n".join(f"  {code.value:>3}  {words}" for code, words in rows.items())


def epilog() -> str:
    """End of every --help: the options that stand anywhere, and the exit codes."""
    anywhere = say(
        "Dùng với mọi lệnh: -c/--config TỆP, --lang vi|en, -v.",
        "With every command: -c/--config FILE, --lang vi|en, -v.",
    )
    # \b is the mark of typer for lines that stay as they are
    return f"{anywhere}\n\n\b\n{say('Mã thoát:', 'Exit codes:')}\n{table()}"


# First match counts: subclasses stand before their parents.
_CODES: tuple[tuple[type[BaseException], Exit], ...] = (
    (PermissionRefused, Exit.PERMISSION),
    (ConfigError, Exit.CONFIG),
    (StoreBusy, Exit.REFUSED),
    (StoreUnavailable, Exit.LATER),
    (StoreError, Exit.UNAVAILABLE),
    (Deferred, Exit.LATER),
    (DeliveryRefused, Exit.REFUSED),
    (Busy, Exit.LATER),
    (SubmissionRefused, Exit.REFUSED),
    (Conflict, Exit.REFUSED),
    (NotFound, Exit.NOT_FOUND),
    (Ambiguous, Exit.USAGE),
    (KeysError, Exit.NEGATIVE),
    (RequestExpired, Exit.LATER),
    (SignatureRefused, Exit.REFUSED),
    (EnvelopeError, Exit.NEGATIVE),
    (FileNotFoundError, Exit.NOT_FOUND),
    (PermissionError, Exit.PERMISSION),
    (ConnectionError, Exit.UNAVAILABLE),
    (TimeoutError, Exit.LATER),
    (OSError, Exit.IO),
    (KeyboardInterrupt, Exit.INTERRUPTED),
)


def code_of(error: BaseException) -> Exit:
    """The exit code of an error; what is not expected is our bug."""
    if isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        return code_of(error.exceptions[0])
    return next((code for kind, code in _CODES if isinstance(error, kind)), Exit.BUG)


def sentence(error: BaseException) -> str:
    """What is wrong and what to do, in the language spoken; several lines only for a list."""
    if isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        return sentence(error.exceptions[0])
    if isinstance(error, SubmissionRefused):
        detail = f": {say(error.detail, error.detail_en)}" if error.detail else ""
        where = f" ({error.pointer})" if error.pointer else ""
        text = f"{say(error.title, error.title_en)} [{error.code}]{detail}{where}"
    elif isinstance(error, Ambiguous):
        found = "\n".join(f"  {candidate}" for candidate in error.candidates)
        text = say("Tên này khớp nhiều văn bản; chọn một:", "Several documents fit; choose one:")
        return f"{text}\n{found}"
    elif isinstance(error, DocexchangeError | KeysError | SignatureRefused):
        text = say(error.vi, str(error))
    elif isinstance(error, KeyboardInterrupt):
        text = say("đã dừng", "interrupted")
    elif isinstance(error, OSError):
        text = _of_the_machine(error)
    else:
        text = str(error)
    return "\n".join(masked(plain(line)) for line in text.splitlines())


def _of_the_machine(error: OSError) -> str:
    name = f"{os.fsdecode(error.filename)}: " if isinstance(error.filename, str | bytes) else ""
    known = {
        FileNotFoundError: say("không có tệp hay thư mục này", "no such file or folder"),
        PermissionError: say("không có quyền", "permission denied"),
        IsADirectoryError: say("là thư mục, cần một tệp", "is a folder; a file is needed"),
        FileExistsError: say("đã có sẵn", "already exists"),
    }
    return name + known.get(type(error), error.strerror or str(error))


def write_report(error: BaseException) -> str:
    """Write the traceback of a bug to a private file; returns where it is."""
    text = "".join(traceback.format_exception(error))
    handle, name = tempfile.mkstemp(prefix="docexchange-bug-", suffix=".txt")
    with os.fdopen(handle, "w", encoding="utf-8", errors="replace") as file:
        file.writelines(masked(line) + "\n" for line in text.splitlines())
    return name
