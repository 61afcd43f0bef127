"""docexchange/masking.py: what no line for people may show."""

from __future__ import annotations

import pytest

from docexchange.masking import masked


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("amqp://node-H05:s3cret@mq:5672/axis", "amqp://node-H05:***@mq:5672/axis"),
        ("to amqps://u:p%40w@mq failed", "to amqps://u:***@mq failed"),
        ("amqp://:p@mq", "amqp://:***@mq"),
        ("amqp://mq:5672/axis", "amqp://mq:5672/axis"),
        ("a@b.vn", "a@b.vn"),
        ("Công văn số 98", "Công văn số 98"),
        ("x\ny\x1b[2J\u2028z\x9b", "x y [2J z "),
    ],
)
def test_passwords_and_control_characters_are_masked(text: str, shown: str) -> None:
    assert masked(text) == shown
