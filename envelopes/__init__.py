"""Signed edXML envelopes: pack and verify. Bytes in, values out; no clock, file or network.

data = pack(document, signer, signing_time=now)
report = verify(data, trust=trust, at=now)
message = report.require_passed().message

`pack` and `verify` are the functions; the modules of the same names are there for
`from envelopes.pack import ...`.
"""

from .content import ContentProblem, content_problem
from .errors import EnvelopeError, Malformed, NotTrusted, Refused
from .findings import Finding
from .lint import lint
from .model import Attachment, Attribute, Document, Message, Organization, Status
from .pack import complete, new_document, pack, prepare, with_trace
from .profile import profile_problem
from .reader import read
from .report import Check, Indication, Report, Result, VerifiedEnvelope, to_json_document
from .verify import Binding, SubjectBinding, cross_check, verify
from .writer import write

__all__ = [
    "Attachment",
    "Attribute",
    "Binding",
    "Check",
    "ContentProblem",
    "Document",
    "EnvelopeError",
    "Finding",
    "Indication",
    "Malformed",
    "Message",
    "NotTrusted",
    "Organization",
    "Refused",
    "Report",
    "Result",
    "Status",
    "SubjectBinding",
    "VerifiedEnvelope",
    "complete",
    "content_problem",
    "cross_check",
    "lint",
    "new_document",
    "pack",
    "prepare",
    "profile_problem",
    "read",
    "to_json_document",
    "verify",
    "with_trace",
    "write",
]
