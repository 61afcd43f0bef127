"""Real edXML files through `pack` and `verify`: unsigned they never pass, signed by us they do."""

from dataclasses import replace
from pathlib import Path

import pytest

from envelopes import edxml
from envelopes.errors import NotTrusted
from envelopes.model import Document
from envelopes.pack import pack, with_trace
from envelopes.wording import Indication, Result
from tests.letters import judge
from tests.pki import AT, P256
from tests.samples import WELL_FORMED


@pytest.mark.parametrize("path", WELL_FORMED, ids=lambda path: path.stem)
def test_a_real_file_is_told_to_be_unsigned_and_its_content_claimed(path: Path) -> None:
    data = path.read_bytes()
    report = judge(data)
    assert report.indication is Indication.FAILED
    assert report.reason == ("DUMMY_SIGNATURE" if b"Signature>" in data else "UNSIGNED")
    message, _ = edxml.read(data)
    assert report.sender == message.sender.organ_id
    assert report.kind == ("document" if isinstance(message, Document) else "status")
    assert [check.result for check in report.checks if check.step == 11] == [Result.PASSED]
    with pytest.raises(NotTrusted):
        report.require_passed()


@pytest.mark.parametrize("path", WELL_FORMED, ids=lambda path: path.stem)
def test_the_same_content_signed_by_us_passes(path: Path) -> None:
    message, _ = edxml.read(path.read_bytes(), repair=True)
    message = replace(message, sender=replace(message.sender, organ_id="H05"))
    if isinstance(message, Document):
        message = with_trace(message, "H05", AT)
    report = judge(pack(message, P256.signer("H05"), signing_time=AT))
    assert report.indication is Indication.PASSED, report.text("en")
    assert report.require_passed().message == message
