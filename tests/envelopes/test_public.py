"""`from envelopes import ...`: the library as its user sees it, and the examples of its README."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import envelopes
from envelopes import pack, verify
from tests.pki import AT, P256

README = Path(envelopes.__file__).with_name("README.md")


def test_pack_and_verify_are_the_functions_and_their_modules_can_be_imported() -> None:
    assert callable(pack)
    assert callable(verify)
    for name in ("pack", "verify"):
        module = importlib.import_module(f"envelopes.{name}")
        assert isinstance(module, ModuleType)
        assert getattr(module, name) is getattr(envelopes, name)


def test_every_public_name_is_there_and_has_its_docstring() -> None:
    assert sorted(envelopes.__all__) == envelopes.__all__
    for name in envelopes.__all__:
        assert getattr(envelopes, name).__doc__, name


def test_the_example_of_the_readme_runs() -> None:
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    assert blocks
    world: dict[str, Any] = {"signer": P256.signer("H05"), "trust": P256.trust, "now": AT}
    for block in blocks:
        exec(compile(block, str(README), "exec"), world)  # our own file
    assert world["report"].indication is envelopes.Indication.PASSED


@pytest.mark.parametrize("name", ["Bắc Ninh", "Ba\u0306\u0301c Ninh", "Ủy ban 😀", "U\u0309y ban"])
def test_composed_and_decomposed_text_survives_in_signed_bytes(name: str) -> None:
    document = envelopes.new_document(
        sender="H05", sender_name=name, to={"H01": name}, number="1", notation="QĐ", subject=name,
        date=AT.date(), files=[(f"{name}.pdf", b"%PDF")],
    )  # fmt: skip
    data = pack(document, P256.signer("H05"), signing_time=AT)
    assert data.count(name.encode()) == 5
    message = verify(data, trust=P256.trust, at=AT).require_passed().message
    assert message == document
