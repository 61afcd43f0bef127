"""How the daemon speaks: structlog to stderr, one record one line, times UTC.

On a terminal a line for people, otherwise a JSON object for machines. Whatever a message carries,
no control character and no password of an address reaches the log.
"""

from __future__ import annotations

import logging
import sys
from typing import TextIO, cast

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from .masking import masked

_DEPTH_MAX = 4  # records are flat; deeper ones are written with repr


def setup(stream: TextIO | None = None, *, verbose: bool = False, quiet: bool = False) -> None:
    """Point every logger of this process at a stream; stderr by default.

    `quiet` leaves out everything that is not critical: a command says itself what it did and what
    went wrong. When this returns, structlog and the standard library's loggers write the same form.
    """
    given = stream if stream is not None else sys.stderr
    terminal = given.isatty()
    target = cast("TextIO", Steady(given))
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
        structlog.processors.format_exc_info,
        clean,
    ]
    last: Processor = (
        structlog.dev.ConsoleRenderer(colors=terminal, timestamp_key="at", pad_event_to=24)
        if terminal
        else structlog.processors.JSONRenderer(ensure_ascii=False, sort_keys=True)
    )
    level = logging.DEBUG if verbose else logging.CRITICAL if quiet else logging.INFO
    structlog.configure(
        processors=[*shared, last],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(target),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(target)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, last],
            foreign_pre_chain=shared,
        )
    )
    logging.basicConfig(handlers=[handler], level=max(level, logging.WARNING), force=True)


class Steady:
    """A stream that drops what it cannot write: a full disk under the log ends no daemon, since the
    record of what happened is the journal."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.dropped = 0  # lines

    def write(self, text: str) -> int:
        """Write it if that can be done."""
        try:
            return self._stream.write(text)
        except OSError:
            self.dropped += 1
            return len(text)

    def flush(self) -> None:
        """Flush it if that can be done."""
        try:
            self._stream.flush()
        except OSError:
            self.dropped += 1


def clean(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Mask passwords in addresses and strip control characters, in every value of a record."""
    return {str(_cleaned(key, 0)): _cleaned(value, 0) for key, value in event.items()}


def _cleaned(value: object, depth: int) -> object:
    if isinstance(value, str):
        return masked(value)
    if value is None or isinstance(value, int | float):
        return value
    if depth < _DEPTH_MAX and isinstance(value, dict):
        return {masked(str(key)): _cleaned(inner, depth + 1) for key, inner in value.items()}
    if depth < _DEPTH_MAX and isinstance(value, list | tuple | set | frozenset):
        return [_cleaned(inner, depth + 1) for inner in value]
    return masked(str(value))
