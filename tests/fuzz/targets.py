"""Fuzz targets: a function from any bytes to nothing; an AssertionError or any other exception is
a find. The invariants are about meaning, not only about crashes.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Final

from lxml import etree

from envelopes import edxml, gate
from envelopes.attachments.names import safe_name
from envelopes.content import content_problem
from envelopes.errors import Malformed, Refused
from envelopes.model import Received, Status
from envelopes.wording import Indication
from tests.envelopes.test_legacy import signed as template_of_2018
from tests.fuzz.corpus import accepted, originals
from tests.fuzz.invariants import check_renders, check_same, check_verdict, judge_by_tree
from tests.letters import judge, sign_raw, status
from tests.pki import P256

NAME_BYTES_MAX: Final = 255  # of one component of a path, on every file system


def fuzz_gate(data: bytes) -> None:
    """Only Refused is raised; what is let in holds no more than the limits say."""
    for signed in (False, True):
        try:
            root = gate.open_gate(data, signed=signed)
        except Refused as refused:
            assert refused.reason
            continue
        _check_tree(root, signed)


def _check_tree(root: etree._Element, signed: bool) -> None:
    assert root.getroottree().docinfo.internalDTD is None
    assert sum(1 for _ in root.iter(etree.Element)) <= gate.ELEMENTS_MAX
    assert not list(root.iter(etree.Entity))
    ids: list[str] = []
    for element in root.iter(etree.Element):
        depth = sum(1 for _ in element.iterancestors())
        assert depth <= gate.DEPTH_MAX
        assert len(element.attrib) <= gate.ATTRIBUTES_MAX
        ids += [
            str(value)
            for name, value in element.attrib.items()
            if etree.QName(name).localname.lower() == "id"
        ]
    assert len(ids) == len(set(ids))
    if signed:
        around = (*root.itersiblings(), *root.itersiblings(preceding=True))
        assert not around
        assert not list(root.iter(etree.Comment, etree.ProcessingInstruction))


def fuzz_reader(data: bytes) -> None:
    """Only Malformed is raised; what was read is, once written, read as the same."""
    for repair in (False, True):
        try:
            message, _ = edxml.read(data, repair=repair)
        except Malformed:
            continue
        try:
            written = edxml.write(message)
        except Malformed:  # a text that XML can hold, but not in the place where it is kept
            continue
        again, _ = edxml.read(written)
        assert again == message
        assert edxml.write(again) == written


def fuzz_verify(data: bytes) -> None:
    """Only the originals pass; the report renders; both readers agree."""
    check_verdict(data, accepted())


def fuzz_receipt(data: bytes) -> None:
    """A status that says anything at all, signed by the organ that says it: a genuine signature
    makes nothing in it harmless."""
    said = data.decode("utf-8", "replace").replace("\x00", "")
    parts = [*(said[at::5] for at in range(5)), ""]
    message: Status = replace(
        status(),
        response_for=replace(status().response_for, document_id=parts[0], organ_id=parts[1]),
        status_code=parts[2],
        description=parts[3],
        received=Received(algorithm=Received.sha256("00" * 32).algorithm, value=parts[4]),
    )
    try:
        envelope = sign_raw(message, P256.signer("H01"))
    except Malformed:  # what XML cannot hold is not written
        return
    report = judge(envelope)
    check_renders(report)
    check_same(report, judge_by_tree(envelope))
    assert report.message == message
    assert len(report.received_sha256) in (0, 64)
    assert (report.indication is Indication.PASSED) == (content_problem(message) is None)


def fuzz_names(data: bytes) -> None:
    """A name of an attachment stays one component of a path, whatever it was."""
    text = data.decode("utf-8", "surrogateescape")
    with suppress(UnicodeEncodeError):  # an envelope holds no lone surrogate
        text.encode()
        name = safe_name(text, "attachment")
        assert name not in ("", ".", "..")
        assert PurePosixPath(name).name == name
        assert not set(name) & set("/\\:\x00\n\r")
        assert name.isprintable()
        assert len(name.encode()) <= NAME_BYTES_MAX


TARGETS: Final[Mapping[str, Callable[[bytes], None]]] = {
    "gate": fuzz_gate,
    "reader": fuzz_reader,
    "verify": fuzz_verify,
    "receipt": fuzz_receipt,
    "names": fuzz_names,
}
NAMES: Final = (
    *("../../etc/passwd", "/abs", "..\\..\\", "C:\\x", "CON", "a\0b", ".", "", "-rf", "x/../../y"),
    *("%2e%2e%2f", "a\nb", "cod\u202efdp.exe", "n" * 4096, "Nghe\u0323\u0302.pdf", "NUL.txt", "~"),
    *("\u2215etc", "a/b", "a:stream", " ", "ế" * 300, "\u0301" * 1000),
)


def seeds(target: str) -> tuple[bytes, ...]:
    """What a target begins with."""
    if target == "names":
        return tuple(name.encode() for name in NAMES)
    return (*originals(), template_of_2018().encode())
