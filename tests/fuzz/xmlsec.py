"""Mutants under the xmlsec1 command, and why we refuse some that it accepts.

xmlsec1 answers one question: is there a signature in this file whose references and value fit,
by a certificate on a path to the root? We ask whether the file *is* an envelope of ours that its
sender signed. So it accepts more; each class of that is named here with its reason codes, and a
disagreement outside the classes, or the other way round, is a find.
"""

import subprocess
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from envelopes import dsig
from envelopes.wording import Indication
from tests.fuzz.corpus import accepted
from tests.fuzz.mutate import mutant
from tests.letters import judge
from tests.pki import P256

# Class -> our reasons: they accept, we refuse.
CLASSES: dict[str, frozenset[str]] = {
    "layout: other bytes with the same canonical form": frozenset(
        {"NOT_CANONICAL", "CHARACTER_REFERENCE", "CDATA", "COMMENT", "PROCESSING_INSTRUCTION"}
    ),
    "profile: another form of signature": frozenset(
        {"SIGNATURE_MALFORMED", "KEY_INFO", "REFERENCES", "TRANSFORMS", "CANONICALIZATION"}
    ),
    "wrapping: the signature stands elsewhere, or something stands twice": frozenset(
        {"ELEMENT_COUNT", "ELEMENT_MISPLACED", "SEVERAL_SIGNATURES", "SIGNATURE_MISPLACED"}
        | {"DUPLICATE_ID", "NOT_AN_ENVELOPE"}
    ),
    "signer: a sound signature of one who may not sign this": frozenset(
        {"SIGNER_NOT_SENDER", "CHAIN_CONSTRAINTS_FAILURE", "CRYPTO_CONSTRAINTS_FAILURE"}
        | {"NO_BINDING"}
    ),
    "certificates: not those that were signed": frozenset(
        {"CERTIFICATE_NOT_BOUND", "CERTIFICATE_UNREADABLE"}
    ),
    "content: signed as it is, and not acceptable": frozenset(
        {"ATTACHMENTS_DISAGREE", "MISSING_FIELD", "CONTENT_UNREADABLE", "SECRET"}
    ),
    "gate: what a mailroom's parser may read otherwise": frozenset(
        {"DTD", "ENCODING", "TOO_MANY_ATTRIBUTES", "TOO_DEEP", "NOT_XML"}
    ),
    "one value, one text: base64 or ECDSA value in another form": frozenset(
        {"SIG_CRYPTO_FAILURE", "PROPERTIES_MISMATCH", "HASH_FAILURE"}
    ),
}


@dataclass
class Comparison:
    """Both verdicts over some mutants.

    Args:
        both_accept, both_refuse: how many.
        they_only: class -> how many they accept and we refuse.
        unexplained: number of a mutant, our reason; they accept.
        we_only: numbers of mutants that we accept and they refuse.
    """

    both_accept: int
    both_refuse: int
    they_only: Counter[str]
    unexplained: list[tuple[int, str]]
    we_only: list[int]


def compare(seed: int, numbers: Sequence[int], folder: Path, tool: str) -> Comparison:
    """Judge mutants by both; files are written to the folder."""
    root = folder / "root.pem"
    root.write_bytes(P256.root.pem)
    accepted()

    def theirs(number: int) -> bool:
        file = folder / f"{number}.xml"
        file.write_bytes(mutant(seed, number).data)
        return _verifies(tool, root, file)

    with ThreadPoolExecutor(2) as pool:
        verdicts = list(pool.map(theirs, numbers))
    result = Comparison(0, 0, Counter(), [], [])
    for number, they_accept in zip(numbers, verdicts, strict=True):
        report = judge((folder / f"{number}.xml").read_bytes())
        we_accept = report.indication is Indication.PASSED
        if we_accept and not they_accept:
            result.we_only.append(number)
        elif we_accept:
            result.both_accept += 1
        elif not they_accept:
            result.both_refuse += 1
        else:
            name = next((name for name, why in CLASSES.items() if report.reason in why), "")
            if name:
                result.they_only[name] += 1
            else:
                result.unexplained.append((number, report.reason))
    return result


def _verifies(tool: str, root: Path, file: Path) -> bool:
    """One process for each file: xmlsec1 stops at the first that it cannot read."""
    done = subprocess.run(  # noqa: PLW1510  # the exit code is what is asked
        [
            *(tool, "--verify", "--trusted-pem", str(root)),
            *("--verification-gmt-time", "2026-06-01 00:00:00"),
            *("--id-attr:Id", f"{dsig.XADES}:SignedProperties", str(file)),
        ],
        capture_output=True,
        timeout=60,
    )
    return done.returncode == 0
