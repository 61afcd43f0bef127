"""Our verdicts beside those of the xmlsec1 command, on mutated envelopes."""

import os
import shutil
from pathlib import Path

import pytest

from tests.fuzz.xmlsec import compare

SEED, COUNT = 3, 250


@pytest.mark.slow
@pytest.mark.independent
def test_every_disagreement_with_xmlsec1_is_explained(tmp_path: Path) -> None:
    tool = shutil.which("xmlsec1")
    if tool is None:
        reason = "xmlsec1 is not installed"
        if os.environ.get("DOCEXCHANGE_TEST_INDEPENDENT") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    found = compare(SEED, range(COUNT), tmp_path, tool)
    assert not found.we_only
    assert not found.unexplained
    assert found.both_accept > 5
    assert found.both_refuse > COUNT // 2
    assert len(found.they_only) >= 3
