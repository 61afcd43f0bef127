"""Signed edXML envelopes: pack and verify. Bytes in, values out; no clock, file or network.

data = pack(document, signer, signing_time=now)
report = verify(data, trust=trust, at=now)
message = report.require_passed().message

`pack` and `verify` are the functions; the modules of the same names are there for
`from envelopes.pack import ...`. Large envelopes stay in their files: `pack_to`, `verify_file`,
`read_file`, `copy_content`.
"""

from .content import ContentProblem, content_problem
from .errors import EnvelopeError, Malformed, NotTrusted, Refused
from .findings import Finding
from .large import copy_content, read_file
from .lint import lint
from .model import Attachment, Attribute, Document, Message, Organization, Status
from .pack import complete, new_document, pack, prepare, with_trace
from .pack_file import describe, pack_to
from .profile import profile_problem
from .reader import read
from .report import Check, Indication, Report, Result, VerifiedEnvelope, to_json_document
from .verify import Binding, SubjectBinding, cross_check, verify, verify_file
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
    "copy_content",
    "cross_check",
    "describe",
    "lint",
    "new_document",
    "pack",
    "pack_to",
    "prepare",
    "profile_problem",
    "read",
    "read_file",
    "to_json_document",
    "verify",
    "verify_file",
    "with_trace",
    "write",
]
