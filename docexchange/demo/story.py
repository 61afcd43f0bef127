"""Telling the story: headings, lines, checks that count, and a sign of life while waiting."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import textwrap
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import TypeVar

T = TypeVar("T")

WIDTH = 96  # columns; fits a terminal of 100
TICK = 0.1  # s between two looks while waiting
SPINNER = "|/-\\"


class SceneFailed(Exception):
    """A scene did not go as it must; the text says what was expected and what was seen."""


class Story:
    """The narrator of one demo.

    Args:
        lang: "vi" or "en".
    """

    def __init__(self, lang: str) -> None:
        self._lang = lang
        self._terminal = sys.stderr.isatty()
        colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
        self._bold, self._green, self._plain = (
            ("\033[1m", "\033[32m", "\033[0m") if colour else ("", "", "")
        )
        self.checks = 0

    def say(self, vi: str, en: str) -> str:
        """The text in the listener's language."""
        return vi if self._lang == "vi" else en

    def heading(self, vi: str, en: str) -> None:
        """Begin a scene."""
        print(f"\n{self._bold}{self.say(vi, en)}{self._plain}")

    def line(self, vi: str, en: str) -> None:
        """Tell one thing that happens."""
        text = self.say(vi, en)
        print(textwrap.fill(text, WIDTH, initial_indent="   ", subsequent_indent="   "), flush=True)

    def raw(self, text: str) -> None:
        """Show the output of a command, indented."""
        print(textwrap.indent(text.rstrip(), "   │ ", lambda _: True), flush=True)

    def check(self, holds: bool, vi: str, en: str, seen: object = "") -> None:
        """State something and prove it.

        Raises:
            SceneFailed: it does not hold; `seen` is told.
        """
        if not holds:
            raise SceneFailed(f"{self.say(vi, en)}\n   {self.say('thấy', 'seen')}: {seen}")
        self.checks += 1
        mark = f"{self._green}✔{self._plain}"
        text = textwrap.fill(self.say(vi, en), WIDTH - 2, subsequent_indent="     ")
        print(f"   {mark} {text}", flush=True)

    async def wait(
        self, vi: str, en: str, look: Callable[[], Awaitable[T | None]], limit: float = 40.0
    ) -> T:
        """Look again and again until something is there.

        Args:
            look: returns None while it is not there.
            limit: s; then the scene has failed.

        Raises:
            SceneFailed: it did not come in time.
        """
        with self._waiting(self.say(vi, en)) as turn:
            until = time.monotonic() + limit
            while (found := await look()) is None:
                if time.monotonic() > until:
                    raise SceneFailed(
                        self.say(
                            f"chờ quá {limit:.0f} giây: {vi}", f"waited {limit:.0f} s for: {en}"
                        )
                    )
                turn()
                await asyncio.sleep(TICK)
            return found

    @contextlib.contextmanager
    def _waiting(self, text: str) -> Iterator[Callable[[], None]]:
        turns = 0

        def turn() -> None:
            nonlocal turns
            turns += 1
            if self._terminal:
                sys.stderr.write(f"\r   {SPINNER[turns % 4]} {text} ... {turns * TICK:4.0f} s ")
                sys.stderr.flush()

        yield turn
        if self._terminal and turns:
            sys.stderr.write("\r\033[K")
            sys.stderr.flush()
