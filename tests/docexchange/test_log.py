"""docexchange/log.py: one record one line, no password, no control character."""

import errno
import io
import json
import logging

import pytest
import structlog

from docexchange import log


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_record_is_one_json_line_with_utc_time() -> None:
    out = io.StringIO()
    log.setup(out)
    structlog.get_logger().info("queued", tracking_id="01K9", to=["H01"], size=7, ok=True)
    [line] = out.getvalue().splitlines()
    record = json.loads(line)
    assert record.pop("at").endswith("Z")
    assert record == {
        "event": "queued",
        "level": "info",
        "tracking_id": "01K9",
        "to": ["H01"],
        "size": 7,
        "ok": True,
    }


def test_what_a_stranger_wrote_cannot_make_a_line_or_a_colour() -> None:
    for out in (io.StringIO(), Terminal()):
        log.setup(out)
        structlog.get_logger().warning(
            "refused", why='x\n{"event":"forged"}\x1b[2J\u2028\x9b', nested={"a\nb": ["c\rd"]}
        )
        assert len(out.getvalue().splitlines()) == 1
        for bad in ("\x1b[2J", "\x9b", "\u2028", "\r"):
            assert bad not in out.getvalue()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("amqp://node-H05:s3cret@mq:5672/axis", "amqp://node-H05:***@mq:5672/axis"),
        ("to amqps://u:p%40w@mq failed", "to amqps://u:***@mq failed"),
        ("amqp://:p@mq", "amqp://:***@mq"),
        ("amqp://mq:5672/axis", "amqp://mq:5672/axis"),
        ("a@b.vn", "a@b.vn"),
    ],
)
def test_passwords_are_masked(text: str, shown: str) -> None:
    out = io.StringIO()
    log.setup(out)
    structlog.get_logger().info("connecting", url=text, inner=[{"url": text}])
    record = json.loads(out.getvalue())
    assert record["url"] == shown
    assert record["inner"] == [{"url": shown}]


def test_an_exception_stays_on_one_line_and_is_masked() -> None:
    out = io.StringIO()
    log.setup(out)
    lost = ConnectionError("amqp://u:secret@mq refused")
    structlog.get_logger().error("lost", exc_info=lost)
    [line] = out.getvalue().splitlines()
    assert "secret" not in line
    assert "ConnectionError" in json.loads(line)["exception"]


def test_loggers_of_libraries_write_the_same_form() -> None:
    out = io.StringIO()
    log.setup(out)
    logging.getLogger("aio_pika").warning("connection to %s\nlost", "amqp://u:secret@mq")
    logging.getLogger("aio_pika").info("not shown")
    [line] = out.getvalue().splitlines()
    record = json.loads(line)
    assert record["event"] == "connection to amqp://u:***@mq lost"
    assert record["level"] == "warning"


def test_debug_is_for_verbose_only() -> None:
    for verbose, lines in ((False, 0), (True, 1)):
        out = io.StringIO()
        log.setup(out, verbose=verbose)
        structlog.get_logger().debug("detail")
        assert len(out.getvalue().splitlines()) == lines


def test_on_a_terminal_a_line_for_people() -> None:
    out = Terminal()
    log.setup(out)
    structlog.get_logger().info("queued", tracking_id="01K9")
    assert "queued" in out.getvalue()
    assert not out.getvalue().startswith("{")


class Full(io.StringIO):
    """A file on a full disk."""

    full = True

    def write(self, text: str) -> int:
        if self.full:
            raise OSError(errno.EFBIG, "File too large")
        return super().write(text)

    def flush(self) -> None:
        if self.full:
            raise OSError(errno.EFBIG, "File too large")


def test_a_log_that_cannot_be_written_ends_nothing() -> None:
    out = Full()
    log.setup(out)
    structlog.get_logger().info("lost")
    logging.getLogger("aio_pika").warning("lost, too")
    out.full = False
    structlog.get_logger().info("written")
    assert [json.loads(line)["event"] for line in out.getvalue().splitlines()] == ["written"]
