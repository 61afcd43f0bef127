"""Where the real samples lie: in ../shared/samples beside the project, if that folder is there, or
where DOCEXCHANGE_TEST_SAMPLES says."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from lxml import etree

FOLDER = Path(
    os.environ.get("DOCEXCHANGE_TEST_SAMPLES")
    or Path(__file__).resolve().parents[2] / "shared" / "samples"
)
SAMPLES = sorted(FOLDER.rglob("*.edxml"))
_NONE = [
    pytest.param(FOLDER, marks=pytest.mark.skip(reason="no ../shared/samples beside the project"))
]


def _is_well_formed(path: Path) -> bool:
    try:
        etree.parse(path)
    except etree.XMLSyntaxError:
        return False
    return True


WELL_FORMED = [path for path in SAMPLES if _is_well_formed(path)] or _NONE
