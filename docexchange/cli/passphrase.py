"""Passphrases: from a private file, the environment, or a hidden prompt on a terminal. Never from
the command line, where every user of the machine could read them.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from keys.errors import KeyLocked

from ..edges.keysource import Secret
from .words import say

T = TypeVar("T")

File = Annotated[
    Path | None,
    typer.Option(
        "--passphrase-file",
        metavar=say("TỆP", "FILE"),
        help=say(
            "tệp (0600) có mật khẩu ở dòng đầu", "file (0600) whose first line is the passphrase"
        ),
    ),
]
Variable = Annotated[
    str,
    typer.Option(
        "--passphrase-env",
        metavar=say("BIẾN", "NAME"),
        help=say("biến môi trường có mật khẩu", "environment variable that holds the passphrase"),
    ),
]


def secret(file: Path | None, variable: str) -> Secret:
    """The place that the two options name. Raises typer.BadParameter when both do."""
    if file is not None and variable:
        raise typer.BadParameter(
            say(
                "chỉ dùng một trong hai: --passphrase-file, --passphrase-env",
                "give one of --passphrase-file and --passphrase-env",
            )
        )
    return Secret(file, variable)


def opening(open_it: Callable[[bytes | None], T], place: Secret, what: object) -> T:
    """Open something that may be locked; a person at a terminal is asked once.

    Args:
        open_it: opens it with a passphrase, or with None.
        place: of the passphrase, perhaps nowhere.
        what: named in the question.

    Raises:
        KeyLocked: it is locked and nobody can be asked.
        Whatever `open_it` and `Secret.read` raise.
    """
    passphrase = place.read()
    try:
        return open_it(passphrase)
    except KeyLocked:
        asked = typed(what)
        if asked is None:
            raise
    return open_it(asked.read())


@dataclass(frozen=True, slots=True)
class _Typed(Secret):
    """A passphrase that a person typed; it is in no file and never shown."""

    value: bytes = field(default=b"", repr=False)

    def read(self) -> bytes:
        return self.value


def typed(what: object) -> Secret | None:
    """Ask for the passphrase of something; None without a terminal."""
    if not sys.stdin.isatty():
        return None
    return _Typed(value=_ask(say(f"Mật khẩu của {what}", f"Passphrase of {what}")))


def new(what: object) -> bytes:
    """Ask twice for a new passphrase. Raises typer.BadParameter without a terminal."""
    if not sys.stdin.isatty():
        raise typer.BadParameter(
            say(
                "không có màn hình để hỏi mật khẩu: dùng --passphrase-file hoặc --passphrase-env",
                "there is no terminal to ask on: use --passphrase-file or --passphrase-env",
            )
        )
    return _ask(say(f"Mật khẩu mới cho {what}", f"New passphrase of {what}"), twice=True)


def _ask(question: str, *, twice: bool = False) -> bytes:
    text = typer.prompt(question, hide_input=True, confirmation_prompt=twice, err=True)
    return str(text).encode()
