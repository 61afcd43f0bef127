"""envelopes/evidence/checkpoint.py and proof.py: signed states of a journal, lines under them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from envelopes.errors import Malformed
from envelopes.evidence import checkpoint, proof
from envelopes.evidence.checkpoint import Checkpoint, Signed
from envelopes.evidence.merkle import Tree, leaf_hash
from envelopes.wording import Result
from tests.pki import AT, OTHER, P256, PKI, Pki

LINES = [json.dumps({"number": number, "event": "queued"}) for number in range(1, 6)]
TREE = Tree(b"".join(leaf_hash(line.encode()) for line in LINES))
SEEN = Checkpoint("H05", 5, TREE.root().hex(), "0" * 64, AT)


def reasons(signed: Signed, at: Any = AT, directory: Any = None) -> dict[int, str]:
    """What did not pass: step -> reason."""
    checks = checkpoint.judge(signed, trust=P256.trust, at=at, directory=directory)
    assert [one.step for one in checks] == [3, 5, 7, 10]
    return {one.step: one.reason for one in checks if one.result is not Result.PASSED}


@pytest.mark.parametrize("pki", [P256, PKI], ids=["EC", "RSA"])
def test_what_was_signed_is_read_again_and_passes(pki: Pki) -> None:
    signed = checkpoint.sign(SEEN, pki.signer("H05"))
    again = checkpoint.read(json.dumps(checkpoint.to_json_dict(signed)).encode())
    assert again == signed
    checks = checkpoint.judge(again, trust=pki.trust, at=AT)
    assert {one.result for one in checks} == {Result.PASSED}


def test_the_text_is_as_documented() -> None:
    assert SEEN.text() == (
        "docexchange journal checkpoint v1\norgan H05\nlines 5\n"
        f"root {SEEN.root}\nhead {'0' * 64}\nat {AT:%Y-%m-%dT%H:%M:%SZ}\n"
    )


@pytest.mark.parametrize(
    "changed",
    [
        replace(SEEN, lines=4),
        replace(SEEN, root="1" * 64),
        replace(SEEN, head="1" * 64),
        replace(SEEN, at=AT - timedelta(seconds=1)),
    ],
    ids=["lines", "root", "head", "at"],
)
def test_a_change_breaks_the_signature(changed: Checkpoint) -> None:
    signed = checkpoint.sign(SEEN, P256.signer("H05"))
    assert reasons(replace(signed, checkpoint=changed)) == {5: "SIG_CRYPTO_FAILURE"}


def test_the_key_of_another_organ_does_not_count() -> None:
    assert reasons(checkpoint.sign(SEEN, P256.signer("H01"))) == {10: "SIGNER_NOT_SENDER"}


def test_a_stranger_s_key_does_not_count() -> None:
    assert reasons(checkpoint.sign(SEEN, OTHER.signer("H05"))) == {7: "NO_CERTIFICATE_CHAIN_FOUND"}


def test_a_certificate_that_is_over_is_told() -> None:
    signed = checkpoint.sign(SEEN, P256.signer("H05"))
    assert reasons(signed, AT + timedelta(days=20_000))[7] == "OUT_OF_BOUNDS_NO_POE"


def _set(key: str, value: Any) -> Callable[[dict[str, Any]], Any]:
    return lambda given: {**given, key: value}


@pytest.mark.parametrize(
    "change",
    [
        lambda _: [],
        lambda _: None,
        _set("schema", "docexchange/checkpoint/v2"),
        _set("text", None),
        _set("text", SEEN.text() + "\n"),
        _set("text", SEEN.text().replace("lines 5", "lines 05")),
        _set("text", SEEN.text().replace("organ H05", "organ H05 H01")),
        _set("text", SEEN.text().replace(f"{AT:%Y-%m}", "2026-13")),
        _set("algorithm", "rsa-sha1"),
        _set("algorithm", "rsa-sha256"),
        _set("algorithm", 7),
        _set("signature", "?"),
        _set("chain", []),
        _set("chain", ["AA=="]),
        _set("chain", 7),
        lambda given: {**given, "chain": given["chain"] * 9},
        lambda given: {key: value for key, value in given.items() if key != "signature"},
    ],
)
def test_what_is_no_checkpoint_is_told(change: Callable[[dict[str, Any]], Any]) -> None:
    given = checkpoint.to_json_dict(checkpoint.sign(SEEN, P256.signer("H05")))
    with pytest.raises(Malformed, match="no checkpoint"):
        checkpoint.from_json_dict(change(given))


@pytest.mark.parametrize("data", [b"", b"{", b"[" * 60_000, b" " * (checkpoint.SIZE_MAX + 1)])
def test_bytes_that_are_none_are_told(data: bytes) -> None:
    with pytest.raises(Malformed):
        checkpoint.read(data)


# -- proofs --------------------------------------------------------------------------------------


def made() -> proof.Proof:
    signed = checkpoint.sign(SEEN, P256.signer("H05"))
    return proof.make(signed, TREE, [(2, LINES[1]), (5, LINES[4])])


def test_proven_lines_lead_to_the_root() -> None:
    whole = made()
    again = proof.from_json_dict(json.loads(json.dumps(proof.to_json_dict(whole))))
    assert again == whole
    assert proof.unproven(again) == ()


@pytest.mark.parametrize(
    "changes",
    [
        {"text": LINES[1].replace("queued", "sent")},
        {"number": 3},
        {"number": 3, "text": LINES[2]},
        {"number": 0},
        {"number": 6},
        {"path": ()},
        {"path": (b"\0" * 32, b"\0" * 32, b"\0" * 32)},
        {"text": "["},
        {"text": "[2]"},
    ],
)
def test_a_line_that_was_not_there_is_not_proven(changes: dict[str, Any]) -> None:
    whole = made()
    line = replace(whole.lines[0], **changes)
    assert proof.unproven(replace(whole, lines=(line, whole.lines[1]))) == (line.number,)


@pytest.mark.parametrize(
    "change",
    [
        _set("schema", "x"),
        _set("checkpoint", None),
        _set("lines", 7),
        _set("lines", [7]),
        _set("lines", [{"number": "2", "line": "", "path": []}]),
        _set("lines", [{"number": 2, "line": "", "path": ["?"]}]),
        lambda _: [],
    ],
)
def test_what_is_no_proof_is_told(change: Callable[[dict[str, Any]], Any]) -> None:
    with pytest.raises(Malformed, match=r"no proof|no checkpoint"):
        proof.from_json_dict(change(proof.to_json_dict(made())))
