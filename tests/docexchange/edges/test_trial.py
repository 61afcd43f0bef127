"""The child that reads an envelope on trial."""

from __future__ import annotations

import sys

import pytest

from docexchange.edges import trial
from docexchange.edges.trial import Trial
from envelopes.pack import pack
from tests.pki import AT, P256
from tests.theatre import document

MEMORY = 512 * 1024**2


def test_an_envelope_that_can_be_read_is_survived() -> None:
    data = pack(document(1, ("H01",)), P256.signer("H05"), signing_time=AT)
    assert Trial(MEMORY, 20)([data[:100], data[100:]]) == ""


def test_so_is_one_that_is_no_envelope() -> None:
    assert Trial(MEMORY, 20)([b"<no", b"thing"]) == ""


def test_a_child_without_memory_is_told() -> None:
    assert Trial(1024**2, 20)([b"x" * 1024] * 1024) != ""


def test_a_child_that_takes_too_long_is_ended(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """An interpreter that spins stands for a parser that does."""
    spinning = tmp_path_factory.mktemp("spin") / "python"
    spinning.write_text(
        f"#!{sys.executable}\nimport resource\n"
        "resource.setrlimit(resource.RLIMIT_CPU, (1, 1))\nwhile True: pass\n"
    )
    spinning.chmod(0o755)
    monkeypatch.setattr(trial.sys, "executable", str(spinning))
    assert Trial(MEMORY, 1)([b"x"]) in ("signal 9", "signal 24")
