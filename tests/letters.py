"""Documents, statuses and envelopes for tests, all at `AT`, from H05 to H01 and H13.

DATA = letter()                 a signed envelope, P-256
judge(DATA)                     its report under the trust of `P256`
forge(DATA, after=...)          the same document signed with another form of signature
"""

import io
from collections.abc import Sequence
from datetime import date, datetime
from functools import cache

from envelopes import dsig, edxml
from envelopes.gate import BYTES_MAX
from envelopes.large import InFile
from envelopes.model import (
    Document,
    Message,
    Organization,
    Received,
    ResponseFor,
    StaffInfo,
    Status,
)
from envelopes.pack import local_time, new_document, pack, with_trace
from envelopes.report import Report
from envelopes.skeleton import KEPT
from envelopes.verify import SIGNING_SKEW, Binding, Proof, verify, verify_file, verify_source
from keys.signer import SoftwareSigner
from keys.trust import Trust
from tests.pki import AT, NAMES, P256

SUBJECT = "Ban hành Quy chế tiếp nhận văn bản điện tử"
PDF = b"%PDF-1.7 noi dung" + b" va phu luc" * 30  # long enough to be cut out in a file


def document(**changes: object) -> Document:
    """A quyết định of H05 with one attachment; `changes` are arguments of `new_document`."""
    facts: dict[str, object] = {
        "sender": "H05",
        "sender_name": NAMES["H05"],
        "to": {"H01": NAMES["H01"], "H13": NAMES["H13"]},
        "number": "98",
        "notation": "QĐ-UBND",
        "subject": SUBJECT,
        "type_name": "Quyết định",
        "date": date(2026, 5, 30),
        "place": "Bắc Ninh",
        "files": [("quy-che.pdf", PDF)],
    }
    return with_trace(new_document(**(facts | changes)), "H05", AT)  # type: ignore[arg-type]


def status(code: str = "01", sha256: str = "", **changes: object) -> Status:
    """What H01 says about that document; `sha256` of the bytes it received."""
    about = document()
    facts: dict[str, object] = {
        "sender": Organization(organ_id="H01", name=NAMES["H01"]),
        "response_for": ResponseFor(
            organ_id="H05",
            code="98/QĐ-UBND",
            promulgation_date="2026/05/30",
            document_id=about.document_id,
        ),
        "staff": StaffInfo(department="Văn thư", staff="Trần Thị B"),
        "status_code": code,
        "description": "Văn bản đã đến",
        "timestamp": local_time(AT),
        "received": Received.sha256(sha256) if sha256 else None,
    }
    return Status(**(facts | changes))  # type: ignore[arg-type]


@cache
def letter() -> bytes:
    """The document, signed by H05 with P-256."""
    return pack(document(), P256.signer("H05"), signing_time=AT)


@cache
def receipt(code: str = "01", sha256: str = "00" * 32) -> bytes:
    """The status, signed by H01 with P-256."""
    return pack(status(code, sha256), P256.signer("H01"), signing_time=AT)


def judge(
    data: bytes,
    *,
    trust: Trust | None = None,
    at: datetime = AT,
    directory: Binding | None = None,
    file: str = "",
) -> Report:
    """Verify at `AT` under the root of `P256`, unless told otherwise; in memory and in a file,
    which must come to the same."""
    trust = trust or P256.trust
    report = judge_in_memory(data, trust=trust, at=at, directory=directory, file=file)
    streamed = judge_in_file(data, trust=trust, at=at, directory=directory, file=file)
    assert same(streamed) == same(report)
    return report


def judge_in_memory(
    data: bytes,
    *,
    trust: Trust | None = None,
    at: datetime = AT,
    directory: Binding | None = None,
    file: str = "",
) -> Report:
    """The same in memory alone, for tests that judge ten thousand envelopes."""
    return verify(data, trust=trust or P256.trust, at=at, directory=directory, file=file)


def judge_in_file(
    data: bytes,
    *,
    trust: Trust | None = None,
    at: datetime = AT,
    directory: Binding | None = None,
    file: str = "",
    chunk: int = 1000,
) -> Report:
    """Verify as a large envelope is verified, with texts cut that are far shorter than usual."""
    if len(data) > BYTES_MAX:
        return verify_file(
            io.BytesIO(data),
            trust=trust or P256.trust,
            at=at,
            directory=directory,
            limit=BYTES_MAX,
            file=file,
        )
    source = InFile(io.BytesIO(data), len(data), cut_min=4 * KEPT, chunk=chunk)
    return verify_source(
        source, trust or P256.trust, at, directory, Proof(), SIGNING_SKEW, BYTES_MAX, file
    )


def same(report: Report) -> tuple[object, ...]:
    """All that a report says."""
    kept = report.size <= BYTES_MAX and report.sha256
    return (report.to_json_dict(), report.text("vi"), report.signature_at, report.size, kept)


def sign_raw(
    message: Message,
    signer: SoftwareSigner | None = None,
    *,
    parts: Sequence[bytes] | None = None,
    at: datetime = AT,
) -> bytes:
    """Sign as `pack` does but without its door: what it would refuse to write, others may send.

    `parts` are the canonical bytes around the signature, those of `message` if not given.
    """
    signer = signer or P256.signer("H05")
    before, after = parts or edxml.split(message)
    unsigned = dsig.prepare((before, after), signer.chain, signer.algorithm, at, receipt=False)
    return before + dsig.complete(unsigned, signer.sign(unsigned.to_sign)) + after
