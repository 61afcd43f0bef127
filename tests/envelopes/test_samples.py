"""Real edXML files, read where they lie: beside the project, never inside it (licence unknown)."""

from __future__ import annotations

from pathlib import Path

import pytest
from lxml import etree

from envelopes import edxml
from envelopes.c14n import canonical
from envelopes.errors import Malformed
from envelopes.model import Document, Status
from tests.samples import SAMPLES, WELL_FORMED


@pytest.mark.parametrize("path", WELL_FORMED, ids=lambda path: path.stem)
def test_a_real_file_reads_and_reads_back_equal(path: Path) -> None:
    message, findings = edxml.read(path.read_bytes(), repair=True)
    assert isinstance(message, Document | Status)
    data = edxml.write(message)
    tree = etree.fromstring(data)
    assert canonical(tree) == data
    assert edxml.read(tree) == (message, ())
    assert all(finding.code.startswith("W-") for finding in findings)


@pytest.mark.parametrize("path", WELL_FORMED, ids=lambda path: path.stem)
def test_no_text_of_a_real_file_is_lost(path: Path) -> None:
    root = etree.fromstring(path.read_bytes())
    for signature in root.findall(".//{*}Signature"):
        signature.getparent().remove(signature)
    texts = {text.strip() for text in root.itertext() if text.strip()}
    written = etree.fromstring(edxml.write(edxml.read(path.read_bytes())[0]))
    assert texts == {text.strip() for text in written.itertext() if text.strip()}


def test_the_hand_made_template_is_refused_with_its_line() -> None:
    broken = [path for path in SAMPLES if path not in WELL_FORMED]
    for path in broken:
        with pytest.raises(Malformed, match="line 74"):
            edxml.read(path.read_bytes())


def test_the_date_of_the_hub_is_put_right() -> None:
    hub = next(
        (path for path in SAMPLES if path.parts[-2:] == ("quangchuit", "edoc_new.edxml")), None
    )
    if hub is None:
        pytest.skip("no samples beside the project")
    message, findings = edxml.read(hub.read_bytes(), repair=True)
    assert isinstance(message, Document)
    assert message.promulgation is not None
    assert message.promulgation.date == "2020/10/30"
    assert [finding.code for finding in findings] == ["W-SIG-002", "W-FMT-014"]
