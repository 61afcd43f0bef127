"""Reading the signatures of a PDF in a child process, within limits: a hostile PDF can end or hang
its reader, and nothing else.

The child computes what needs no trust: digests, signature values, what a signature covers and what
was added after it (pyHanko). It gets the bytes, no file name, no key, no anchor, and its answer is
read as anything from outside (`envelopes.attachments.pdf`).

    python -m docexchange.edges.pdfs MEMORY CPU    PDF on standard input, JSON on standard output
"""

from __future__ import annotations

import base64
import io
import json
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from functools import partial
from importlib.util import find_spec
from itertools import islice
from operator import itemgetter
from threading import Timer
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from envelopes.attachments import Opened, open_all
from envelopes.attachments.kinds import PDF
from envelopes.attachments.pdf import (
    SIGNATURES_MAX,
    SUBFILTERS,
    PdfReport,
    found_from_json,
    judge,
    overall,
)
from envelopes.errors import Malformed
from envelopes.large import copy_content, read_content
from envelopes.model import Document
from envelopes.wording import Indication
from keys.trust import Trust

from ..core.errors import ConfigError

if TYPE_CHECKING:
    from pyhanko.sign.validation.pdf_embedded import EmbeddedPdfSignature

MEMORY: Final = 1024**3  # bytes of address space; the interpreter with its libraries takes 300 MB
CPU: Final = 20  # seconds; a PDF of 100 pages with four signatures takes one
WALL: Final = 3  # times its CPU time that a child may take
ANSWER_MAX: Final = 4 * 1024 * 1024  # bytes; 64 signatures with a chain of 16 certificates each
CHUNK: Final = 1024 * 1024  # bytes read at once
MARK: Final = b"/ByteRange"  # of every signature (ISO 32000-1, table 252)
NO_LIBRARY: Final = 3  # exit code of a child that has no pyHanko


class PdfJudge:
    """Judges the signatures of PDFs, each in a child process.

    Args:
        trust: anchors, the same as for envelopes.
        at: the time judged for, aware.
        memory: bytes of address space that a child may take.
        cpu: seconds of CPU.
    """

    def __init__(self, trust: Trust, at: datetime, *, memory: int = MEMORY, cpu: int = CPU) -> None:
        self._trust, self._at = trust, at
        self._memory, self._cpu = memory, cpu

    def __call__(self, name: str, file: BinaryIO) -> PdfReport:
        """The verdict on a PDF. Never raises for what is in it. Blocks: not for an event loop.

        Args:
            name: of the attachment.
            file: open for reading, seekable.

        Raises:
            OSError: it cannot be read.
        """
        if not _names_a_signature(file):
            return PdfReport(name, "PDF_UNSIGNED")
        code, answer = self._read(file)
        if code == NO_LIBRARY:
            return PdfReport(name, "PDF_NOT_JUDGED")
        if code < 0:
            return PdfReport(name, "PDF_NO_END", f"signal {-code}")
        try:
            given = json.loads(answer[: ANSWER_MAX + 1]) if code == 0 else {}
            if not isinstance(given, dict) or code:
                return PdfReport(name, "PDF_NO_END", f"exit code {code}")
            if "error" in given:
                return PdfReport(name, "PDF_UNREADABLE", str(given["error"])[:300])
            found = found_from_json(given.get("signatures"))
        except (ValueError, RecursionError, Malformed) as error:
            return PdfReport(name, "PDF_UNREADABLE", f"the reader answered nonsense: {error}")
        return judge(name, found, self._trust, self._at)

    def _read(self, file: BinaryIO) -> tuple[int, bytes]:
        """Exit code and answer of a child."""
        command = [sys.executable, "-m", "docexchange.edges.pdfs", str(self._memory)]
        with (
            tempfile.TemporaryFile() as answer,
            subprocess.Popen(  # noqa: S603  # ourselves, with two numbers
                [*command, str(self._cpu)],
                stdin=subprocess.PIPE,
                stdout=answer,
                stderr=subprocess.DEVNULL,
            ) as child,
        ):
            clock = Timer(self._cpu * WALL, child.kill)
            clock.start()
            try:
                assert child.stdin is not None  # noqa: S101  # it was started with a pipe
                with suppress(BrokenPipeError), child.stdin as pipe:
                    shutil.copyfileobj(file, pipe, CHUNK)
                code = child.wait()
            except BaseException:
                child.kill()
                raise
            finally:
                clock.cancel()
            answer.seek(0)
            return code, answer.read(ANSWER_MAX + 1)


def judge_all(
    document: Document, judged_by: PdfJudge, file: BinaryIO | None = None
) -> Iterator[PdfReport]:
    """The verdict on every PDF of a document; `file` is the envelope if contents lie in it."""
    reading = partial(read_content, file) if file is not None else None
    for opened in open_all(document.attachments, read=reading):
        if opened.kind is PDF:
            with _content(opened, file) as content:
                yield judged_by(opened.original or opened.name, content)


@contextmanager
def _content(opened: Opened, file: BinaryIO | None) -> Iterator[BinaryIO]:
    if opened.stored is None or file is None:
        yield io.BytesIO(opened.content)
        return
    with tempfile.TemporaryFile() as copy:
        copy_content(file, opened.stored, copy)
        yield copy


class PdfRule:
    """The rule that a document must be signed inside its PDF (see `envelopes.attachments.pdf`).

    Args:
        trust: anchors, the same as for envelopes.

    Raises:
        ConfigError: there is no library to read them with.
    """

    def __init__(self, trust: Trust) -> None:
        if find_spec("pyhanko") is None:
            raise ConfigError(
                "require_pdf_signatures needs pyHanko; run: pip install 'docexchange[pdf]'",
                "require_pdf_signatures cần pyHanko; chạy: pip install 'docexchange[pdf]'",
            )
        self._trust = trust

    def __call__(self, document: Document, file: BinaryIO | None, now: datetime) -> str:
        """What is wrong with the signatures of a document, "" if nothing; as `judge_all`."""
        reports = tuple(judge_all(document, PdfJudge(self._trust, now), file))
        if overall(reports) is Indication.PASSED:
            return ""
        return "; ".join(map(_why, reports)) or "no PDF is attached"


def _why(report: PdfReport) -> str:
    reasons = [report.problem, *(one.reason for one in report.signatures)]
    missing = f"no valid signature of: {', '.join(report.missing)}" if report.missing else ""
    told = ", ".join(dict.fromkeys(one for one in reasons if one)) or missing
    return f"{report.name}: {told}" if told else f"{report.name}: signed"


def _names_a_signature(file: BinaryIO) -> bool:
    """Whether a PDF can have a signature at all, which costs no child: the places that one covers
    are places of the file, so they stand in it uncompressed. Leaves the file at its beginning."""
    file.seek(0)
    rest, found = b"", False
    while not found and (part := file.read(CHUNK)):
        text = rest + part
        found, rest = MARK in text, text[-len(MARK) :]
    file.seek(0)
    return found


# -- the child ---------------------------------------------------------------------------------


def main(memory: int, cpu: int) -> int:
    """Be the child."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu, cpu))
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
    try:
        import pyhanko.sign.validation  # noqa: F401  # whether it is there
    except ImportError:
        return NO_LIBRARY
    with tempfile.TemporaryFile() as file:
        while piece := sys.stdin.buffer.read(CHUNK):
            file.write(piece)
        json.dump(read(file), sys.stdout)
    return 0


def read(file: BinaryIO) -> dict[str, Any]:
    """What there is about the signatures of a PDF: {"signatures": [...]} or {"error": "..."}."""
    from pyhanko.pdf_utils.reader import PdfFileReader
    from pyhanko.sign.fields import enumerate_sig_fields

    try:
        reader = PdfFileReader(file, strict=False)
        fields = list(islice(enumerate_sig_fields(reader, filled_status=True), SIGNATURES_MAX + 1))
        if len(fields) > SIGNATURES_MAX:
            return {"error": f"more than {SIGNATURES_MAX} signatures"}
        found = [_facts(reader, name, field, file) for name, _, field in fields]
        # A token that the file carries for its archive is no signature of anybody.
        return {"signatures": sorted((one for one in found if one), key=itemgetter("end"))}
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001  # whatever a hostile PDF makes the library raise
        return {"error": f"{type(error).__name__}: {error}"}


def _facts(reader: Any, name: str, field: Any, file: BinaryIO) -> dict[str, Any] | None:
    """What there is about a field that is signed; None of a timestamp of the whole file."""
    from pyhanko.sign.validation.pdf_embedded import EmbeddedPdfSignature

    value = field.get_object()["/V"]
    if value.get("/Type") == "/DocTimeStamp":
        return None
    facts: dict[str, Any] = {
        "field": str(name),
        "subfilter": str(value.get("/SubFilter", "")),
        "digest_right": False,
        "value_right": False,
        "covers": "",
        "changes": "",
        "digest": "",
        "claimed_at": None,
        "certificates": [],
        "error": "",
        "end": 0,
    }
    if facts["subfilter"] not in SUBFILTERS:
        return facts
    try:
        embedded = EmbeddedPdfSignature(reader, field, name)
        facts |= _computed(embedded, file)
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001  # as above
        facts["error"] = f"{type(error).__name__}: {error}"
    return facts


def _computed(embedded: EmbeddedPdfSignature, file: BinaryIO) -> dict[str, Any]:
    from pyhanko.sign.diff_analysis import DiffResult, ModificationLevel
    from pyhanko.sign.validation.generic_cms import validate_sig_integrity
    from pyhanko.sign.validation.status import SignatureCoverageLevel

    embedded.compute_integrity_info()  # type: ignore[no-untyped-call]
    intact, valid = validate_sig_integrity(
        embedded.signer_info, embedded.signer_cert, "data", embedded.compute_digest()
    )
    # What the library says of itself, whose types it does not tell.
    coverage: Any = embedded.coverage
    result: Any = embedded.diff_result
    covers = {
        SignatureCoverageLevel.ENTIRE_FILE: "file",
        SignatureCoverageLevel.ENTIRE_REVISION: "revision",
    }.get(coverage, "")
    changes = "other"
    if isinstance(result, DiffResult) and embedded.summarise_integrity_info()["docmdp_ok"]:
        untouched = result.modification_level is ModificationLevel.NONE
        changes = "none" if untouched else "allowed"
    if changes == "allowed" and embedded.reader.xrefs.hybrid_xrefs_present:
        changes = "other"  # two tables of contents: viewers may show two documents
    if changes == "none" and covers == "revision":
        changes = "other"  # bytes behind the last revision that belong to none
    claimed = embedded.self_reported_timestamp
    chain = (embedded.signer_cert, *embedded.other_embedded_certs)
    return {
        "digest": str(embedded.md_algorithm),
        "end": sum([int(one) for one in embedded.byte_range][2:]),
        "digest_right": intact,
        "value_right": valid,
        "covers": covers if _explained(embedded, file) else "",
        "changes": changes,
        "claimed_at": claimed.isoformat() if claimed else None,
        "certificates": [base64.b64encode(one.dump()).decode() for one in chain],
    }


def _explained(embedded: EmbeddedPdfSignature, file: BinaryIO) -> bool:
    """Whether the one gap in what is covered is the signature's own hex string, exactly."""
    parts = [int(one) for one in embedded.byte_range]
    if len(parts) != 4 or parts[0] != 0:
        return False
    gap = len(embedded.pkcs7_content) * 2 + 2
    if parts[2] - parts[1] != gap:
        return False
    file.seek(parts[1])
    text = file.read(gap)
    return (
        text[:1] == b"<"
        and text[-1:] == b">"
        and bytes.fromhex(text[1:-1].decode()) == (embedded.pkcs7_content)
    )


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2])))
