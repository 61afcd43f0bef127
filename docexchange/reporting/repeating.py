"""The commands that repeat a verification, ours and without this program, with the real names."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime

ALONE_MAX = 50  # files with a command of their own; the others go the same way
# xmlsec1 must be told which attribute is the id of the signed properties (XAdES).
_XMLSEC = (
    "xmlsec1 --verify --trusted-pem root.pem --verification-gmt-time {at}"
    " --id-attr:Id http://uri.etsi.org/01903/v1.3.2#:SignedProperties"
)
_DATES = "openssl x509 -noout -subject -issuer -serial -dates -fingerprint -sha256 -in"


def of_bundle(file: str, at: str, tokens: Iterable[str]) -> Iterator[str]:
    """Lines for a shell, which lead from a bundle and `root.pem` to the same verdict.

    Args:
        file: name of the bundle.
        at: the time judged for, RFC 3339.
        tokens: names of the timestamp tokens in it.
    """
    yield f"docexchange verify {_word(file)} --trust root.pem --at {at}"
    yield f"unzip -q {_word(file)} -d X && cp root.pem X/ && cd X"
    yield "sha256sum --check --strict SHA256SUMS"
    xmlsec = _at(at)
    yield f"{xmlsec} META-INF/signatures.xml"
    yield f"{xmlsec} envelope.edxml"
    yield f'for one in receipts/*.edxml; do {xmlsec} "$one" || break; done'
    yield f'for one in certificates/*.pem; do {_DATES} "$one"; done'
    for name in tokens:
        yield f"openssl ts -reply -token_in -text -in {_word(name)}"


def of_files(files: Sequence[tuple[str, str]], at: str) -> Iterator[str]:
    """The same of envelopes and receipts.

    Args:
        files: name and SHA-256 (hex, "" if it is not known) of each.
        at: as in `of_bundle`, "" for now.
    """
    when = f" --at {at}" if at else ""
    names = " ".join(_word(name) for name, _ in files)
    yield f"docexchange verify {names} --trust root.pem{when}"
    xmlsec = _at(at)
    for name, digest in files[:ALONE_MAX]:
        yield f"sha256sum {_word(name)}" + (f"    # {digest}" if digest else "")
        yield f"{xmlsec} {_word(name)}"


def _at(at: str) -> str:
    time = datetime.fromisoformat(at).astimezone(UTC) if at else None
    if time is None:
        return _XMLSEC.replace(" --verification-gmt-time {at}", "")
    return _XMLSEC.format(at=shlex.quote(f"{time:%Y-%m-%d %H:%M:%S}"))


def _word(name: str) -> str:
    """A name that a shell reads as one word, and no program as an option."""
    return shlex.quote(f"./{name}" if name.startswith("-") else name)
