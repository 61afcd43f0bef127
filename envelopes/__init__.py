"""Signed edXML envelopes: pack and verify. Bytes in, values out; no clock, file or network.

data = pack(document, signer, signing_time=now)
report = verify(data, trust=trust, at=now)
message = report.require_passed().message
"""

from .errors import EnvelopeError, Malformed, NotTrusted
from .pack import complete, new_document, pack, prepare, with_trace
from .report import Check, Indication, Report, Result, VerifiedEnvelope, to_json_document
from .verify import Binding, SubjectBinding, cross_check, verify

__all__ = [
    "Binding",
    "Check",
    "EnvelopeError",
    "Indication",
    "Malformed",
    "NotTrusted",
    "Report",
    "Result",
    "SubjectBinding",
    "VerifiedEnvelope",
    "complete",
    "cross_check",
    "new_document",
    "pack",
    "prepare",
    "to_json_document",
    "verify",
    "with_trace",
]
