"""keys/README.md says what the code does: the table of algorithms, and every name of a setting."""

import re
from dataclasses import fields
from datetime import datetime
from pathlib import Path

from docexchange.cli.keys_make import KeyKind
from docexchange.edges.keysource import TokenSource
from docexchange.edges.tokenpool import WAIT
from keys.algorithms import (
    DIGESTS,
    RSA_BITS_MAX,
    RSA_BITS_MIN,
    SIGNATURES,
    DigestAlgorithm,
    SignatureAlgorithm,
    accepted,
)
from keys.trust import OTHERS_MAX, PATH_LENGTH_MAX, SIGNING_PURPOSES
from tests.pki import AT

README = Path(__file__).parents[2] / "keys/README.md"
TEXT = README.read_text(encoding="utf-8")
CURVES = {"secp256r1": "EC P-256", "secp384r1": "EC P-384"}


def date(value: datetime | None, otherwise: str) -> str:
    if value is None:
        return otherwise
    return "never accepted" if value.year == 1 else f"{value:%Y-%m-%d}"


def row(one: DigestAlgorithm | SignatureAlgorithm) -> str:
    """A row of the table, as the README must have it."""
    what = "digest"
    if isinstance(one, SignatureAlgorithm):
        what = CURVES.get(one.curve, f"RSA {RSA_BITS_MIN} to {RSA_BITS_MAX}")
        what += {"pss": ", PSS", "pkcs1v15": ", PKCS#1 v1.5"}.get(one.padding, "")
    until = date(one.accepted_until, "no end yet")
    begin = "" if until == "never accepted" else date(one.accepted_from, "always")
    return f"| `{one.name}` | {what} | `{one.uri}` | {begin} | {until} |"


def test_the_table_is_the_code() -> None:
    wanted = [row(one) for one in (*SIGNATURES.values(), *DIGESTS.values())]
    found = re.findall(r"^\| `[a-z0-9-]+` \| .* \| `http.*$", TEXT, re.MULTILINE)
    assert found == wanted, "\n".join(["the table must be:", *wanted])


def test_what_was_never_accepted_is_not() -> None:
    closed = [one for one in (*SIGNATURES.values(), *DIGESTS.values()) if "sha1" in one.name]
    assert len(closed) == 2
    assert not any(accepted(one, AT) for one in closed)


def test_the_limits_and_purposes_stand_there() -> None:
    for text in (*SIGNING_PURPOSES, f"{PATH_LENGTH_MAX} CA", f"{OTHERS_MAX} certificates"):
        assert text in TEXT, text


def test_every_setting_stands_there() -> None:
    names = {field.name for field in fields(TokenSource)} - {"pin"}
    settings = {"pkcs12", "passphrase_file", "passphrase_env", "pin_file", "pin_env", *names}
    for setting in settings:
        assert f"`{setting}`" in TEXT, setting
    for kind in KeyKind:
        assert kind.value in TEXT
    assert f"{WAIT:.0f} s" in TEXT
