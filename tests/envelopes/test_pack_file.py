"""`envelopes/pack_file.py`: packed from files, byte for byte as from memory."""

from __future__ import annotations

import io
import random
from collections.abc import Mapping
from dataclasses import replace
from functools import partial

import pytest

from envelopes import large, pack_file
from envelopes.errors import Malformed
from envelopes.model import Document, Stored
from envelopes.pack import pack
from envelopes.pack_file import PART, describe, pack_to
from tests.letters import document
from tests.pki import AT, PKI

SIGNER = PKI.signer("H05")  # RSA: the same value each time
SIZES = {"a.pdf": 1000, "rong": 0, "b.doc": PART, "c": PART + 1, "d": 2 * PART + 2}
CONTENTS = {name: random.Random(name).randbytes(size) for name, size in SIZES.items()}


def stored(contents: Mapping[str, bytes]) -> Document:
    return document(files=[(n, describe(io.BytesIO(data))) for n, data in contents.items()])


def packed(message: Document, *contents: bytes) -> bytes:
    out = io.BytesIO()
    openers = [partial(io.BytesIO, content) for content in contents]
    facts = pack_to(out, message, openers, SIGNER, signing_time=AT)
    assert facts == describe(io.BytesIO(out.getvalue()))
    return out.getvalue()


@pytest.mark.parametrize("names", [[], ["a.pdf"], ["rong"], [*CONTENTS]], ids=str)
def test_from_files_as_from_memory(names: list[str]) -> None:
    contents = {name: CONTENTS[name] for name in names}
    inline = document(files=list(contents.items()))
    expected = pack(inline, SIGNER, signing_time=AT)
    assert packed(stored(contents), *contents.values()) == expected
    if contents:
        some = (inline.attachments[0], *stored(contents).attachments[1:])
        mixed = replace(stored(contents), attachments=some)
        assert packed(mixed, *list(contents.values())[1:]) == expected


def test_with_elements_that_nobody_knows() -> None:
    contents = {"a.pdf": CONTENTS["a.pdf"]}
    unknown = ('<x:a xmlns:x="urn:x">b</x:a>',)
    inline = replace(document(files=list(contents.items())), unknown=unknown)
    expected = pack(inline, SIGNER, signing_time=AT)
    assert packed(replace(stored(contents), unknown=unknown), *contents.values()) == expected


@pytest.mark.parametrize("other", [b"", b"x" * 999, b"x" * 1000, b"x" * 1001])
def test_a_file_that_changed_is_told(other: bytes) -> None:
    with pytest.raises(Malformed, match="changed while it was packed"):
        packed(stored({"a.pdf": CONTENTS["a.pdf"]}), other)


def test_too_much_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Malformed, match="over 10 bytes of attachments"):
        describe(io.BytesIO(b"x" * 11), limit=10)
    huge = document(files=[("a", Stored(large.FILES_MAX, "00")), ("b", Stored(1, "11"))])
    with pytest.raises(Malformed, match="bytes of attachments"):
        packed(huge, b"", b"")
    monkeypatch.setattr(pack_file, "MARKUP_MAX", 2000)
    with pytest.raises(Malformed, match="beside the attachments"):
        packed(stored({"a.pdf": CONTENTS["a.pdf"]}), CONTENTS["a.pdf"])


def test_what_a_receiver_would_refuse_is_not_packed() -> None:
    with pytest.raises(Malformed, match="MISSING_FIELD"):
        packed(replace(stored({}), subject=""))
