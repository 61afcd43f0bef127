"""Every row of the attack catalogue, sections A, B and C, has its test, or a reason why not."""

import re
from pathlib import Path

ROWS = (
    *("A1 XSW1", "A2 XSW2", "A3 XSW3", "A4 XSW4", "A5 XSW5", "A6 XSW6", "A7 XSW7", "A8 XSW8"),
    *("A9 duplicate id", "A10 two SignedInfo", "A11 two signatures", "A12 no reference"),
    *("A13 unsigned parts", "A14 manifest", "A15 comment", "A16 PI, CDATA, reference"),
    *("A17 transforms", "A18 void canonical form", "A19 namespaces", "A20 external", "A21 many"),
    *("B1 HMAC length", "B2 HMAC key", "B3 KeyInfo", "B4 SigningCertificate", "B5 weak"),
    *("B6 ECDSA values", "B7 key usage", "B8 binding", "B9 parent and child", "B10 key files"),
    *("B11 compromise", "B12 expired later", "B13 rollover"),
    *("C1 DTD", "C2 blow-up", "C3 depth", "C4 attributes", "C5 C14N bomb", "C6 huge text"),
    *("C7 encodings", "C8 base64", "C9 Unicode", "C10 decompression", "C11 names", "C12 archives"),
)
# Where a row is tested outside these files, or what its part that is not tested waits for.
ELSEWHERE = {
    "B10": "tests/docexchange/edges/test_keyring.py",
    "C12": "an archive is never unpacked when it is received (C10); what `extract` unwraps is "
    "tested with that command",
}
_TEST = re.compile(r"^def test_([abc])(\d+)(?:_to_\1(\d+))?_", re.MULTILINE)


def rows_tested() -> set[str]:
    rows: set[str] = set()
    for section in "abc":
        text = Path(__file__).with_name(f"test_catalogue_{section}.py").read_text("utf-8")
        for letter, first, last in _TEST.findall(text):
            numbers = range(int(first), int(last or first) + 1)
            rows |= {f"{letter.upper()}{number}" for number in numbers}
    return rows


def test_every_row_is_covered() -> None:
    rows = {row.partition(" ")[0] for row in ROWS}
    assert len(ROWS) == len(rows) == 21 + 13 + 12
    assert rows_tested() | set(ELSEWHERE) == rows
    assert not rows_tested() & set(ELSEWHERE)


def test_what_is_tested_elsewhere_is_there() -> None:
    root = Path(__file__).parents[2]
    for where in ELSEWHERE.values():
        if where.startswith("tests/"):
            assert (root / where).is_file()
