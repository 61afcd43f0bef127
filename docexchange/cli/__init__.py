"""The command `docexchange`: one file per noun; parse, call, print.

`main` chooses the language, finds the options that may stand anywhere, runs the command and turns
whatever it raises into one clear sentence on stderr and an exit code (`exits`).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..edges.clock import WallClock
from ..masking import masked
from . import session, words

if TYPE_CHECKING:
    from ..core.ports import Clock

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None, *, clock: Clock | None = None) -> int:
    """Run one command; returns its exit code. Never raises, never shows a traceback unless -v.

    Args:
        arguments: without the command's name; those of this process when None.
        clock: read instead of the wall clock.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a file name may hold bytes that are no text
            stream.reconfigure(errors="replace")
    words.speak(words.chosen(given, os.environ))
    session.current = session.Session(clock=clock or WallClock())
    try:
        return _run(given)
    except SystemExit as ended:  # typer's, at a closed pipe
        return ended.code if isinstance(ended.code, int) else 1
    except BaseException as error:  # noqa: BLE001  # this is the last place that can tell of it
        return _tell(error)


def _run(arguments: list[str]) -> int:
    from .commands import build

    first, rest = hoist(arguments)
    command = build(rest[0] if rest else "")
    result = command([*first, *rest], prog_name="docexchange", standalone_mode=False)
    sys.stdout.flush()
    return result if isinstance(result, int) else 0


def hoist(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """The options that may stand anywhere (-c, --lang, -v), and what else is given."""
    first: list[str] = []
    rest: list[str] = []
    waiting = iter(arguments)
    for argument in waiting:
        if argument == "--":
            rest += [argument, *waiting]
        elif argument in ("-c", "--config", "--lang"):
            first += [argument, *([following] if (following := next(waiting, None)) else [])]
        elif argument.startswith(("--config=", "--lang=")) or argument in ("-v", "--verbose"):
            first.append(argument)
        else:
            rest.append(argument)
    return first, rest


def _tell(error: BaseException) -> int:
    from typer.exceptions import Abort, TyperException

    from . import exits, show

    if isinstance(error, TyperException):
        return _usage(error)
    if isinstance(error, Abort):
        error = KeyboardInterrupt()
    code = exits.code_of(error)
    if code is exits.Exit.BUG:
        what = masked(show.plain(f"{type(error).__name__}: {error}"))
        show.note(words.say(f"lỗi của docexchange: {what}", f"a bug of docexchange: {what}"))
        where = exits.write_report(error)
        show.note(words.say(f"chi tiết để báo lỗi: {where}", f"details to report: {where}"))
    else:
        mark = show.paint(words.say("lỗi:", "error:"), "bad", sys.stderr)
        text = exits.sentence(error)
        show.note(f"{mark}\n{text}" if "\n" in text else f"{mark} {text}")
    if session.current.verbose:
        import traceback

        show.note("".join(traceback.format_exception(error)))
    return int(code)


def _usage(error: Exception) -> int:
    from . import exits, show

    context = getattr(error, "ctx", None)
    path = context.command_path if context else "docexchange"
    if type(error).__name__ == "NoArgsIsHelpError":
        show.note(str(error))
        return int(exits.Exit.USAGE)
    mark = show.paint(words.say("dùng sai:", "usage:"), "bad", sys.stderr)
    show.note(f"{mark} {show.plain(_usage_sentence(error))}")
    show.note(words.say(f"xem: {path} --help", f"see: {path} --help"))
    return int(exits.Exit.USAGE)


def _usage_sentence(error: Exception) -> str:
    """What typer found wrong; the frequent cases also in Vietnamese."""
    kind = type(error).__name__
    hint = getattr(error, "param_hint", None)
    parameter = getattr(error, "param", None)
    if hint is None and parameter is not None:
        hint = parameter.opts[0] if parameter.opts[0].startswith("-") else parameter.metavar
    message = str(getattr(error, "message", "") or error)
    if kind == "MissingParameter":
        return words.say(f"thiếu {hint}", f"missing {hint}")
    if kind == "NoSuchOption":
        name = getattr(error, "option_name", "")
        near = ", ".join(getattr(error, "possibilities", None) or ())
        asked = words.say(f"; ý bạn là {near}?", f"; did you mean {near}?") if near else ""
        return words.say(f"không có tuỳ chọn {name}", f"no such option {name}") + asked
    if message.startswith("No such command"):
        return words.say(f"không có lệnh {message.split()[3].rstrip('.')}", message)
    message = message.removeprefix("Value error, ")
    return f"{hint}: {message}" if hint else message


def configure(config: Path | None, *, verbose: bool, logs: bool) -> None:
    """Take the options that stand before the command; libraries speak up only with -v."""
    session.current.config = config
    session.current.verbose = verbose
    if logs:
        from .. import log  # takes as long to load as the language and the commands together

        log.setup(verbose=verbose, quiet=not verbose)
