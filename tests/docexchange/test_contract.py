"""docexchange/contract: the shipped AsyncAPI document, and that code, README and it agree."""

from __future__ import annotations

import ast
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft7Validator

from docexchange import contract
from docexchange.core import events, names, problems
from docexchange.core.errors import SubmissionRefused
from docexchange.core.states import State
from docexchange.flow import mailroom, properties, receipts, submission
from tests.contract import Seen, faults
from tests.docexchange.flow.test_submission import in_parts, letter

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = contract.asyncapi()
SCHEMAS = DOCUMENT["components"]["schemas"]
META = "@asyncapi/specs/schemas/3.0.0.json"  # Apache-2.0; deploy/setup installs it for the tests


def meta_schema() -> dict[str, Any]:
    path = Path(sys.prefix) / "node" / "node_modules" / META
    if not path.exists():
        pytest.skip(f"no {META} here; deploy/setup test installs it")
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def test_it_is_asyncapi_3() -> None:
    validator = Draft7Validator(meta_schema())
    plain = json.loads(json.dumps(DOCUMENT))
    assert [error.message for error in validator.iter_errors(plain)] == []
    plain["operations"]["sendPart"]["action"] = "shout"
    assert not validator.is_valid(plain)


def refs(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield from [value["$ref"]] if "$ref" in value else []
        for one in value.values():
            yield from refs(one)
    elif isinstance(value, list):
        for one in value:
            yield from refs(one)


@pytest.mark.parametrize("ref", sorted(set(refs(DOCUMENT))))
def test_every_reference_leads_somewhere(ref: str) -> None:
    at: Any = DOCUMENT
    for step in ref.removeprefix("#/").split("/"):
        at = at[step]


def test_every_schema_stands_alone() -> None:
    for name in contract.schema_names():
        alone = contract.schema(name)
        Draft7Validator.check_schema(alone)
        assert not [ref for ref in refs(alone) if not ref.startswith("#/definitions/")]
    with pytest.raises(KeyError):
        contract.schema("Nothing")


def test_its_names_are_those_of_the_code() -> None:
    addresses = {channel["address"] for channel in DOCUMENT["channels"].values()}
    keys = {mailroom.SUBMIT_PART, *mailroom._TAKERS}
    assert addresses == keys | {names.INBOX, names.EVENTS, names.REPLIES}
    for channel in DOCUMENT["channels"].values():
        amqp = channel["bindings"]["amqp"]
        if amqp["is"] == "routingKey":
            assert amqp["exchange"]["name"] == names.SUBMIT_EXCHANGE
    kinds = {value for name, value in vars(events).items() if name.endswith("_EVENT")}
    messages = DOCUMENT["components"]["messages"]
    assert kinds == {one["name"] for one in messages.values() if one["name"].startswith("vn.")}
    assert set(SCHEMAS["Transport"]["enum"]) == set(State)
    assert set(SCHEMAS["StatusReport"]["properties"]["code"]["enum"]) == set(receipts.SAYABLE)
    content_types = {one["contentType"] for one in messages.values()}
    assert {properties.EDXML, properties.JSON_DOCUMENT, properties.BYTES} <= content_types
    trait = DOCUMENT["components"]["messageTraits"]["contract"]
    assert trait["headers"]["properties"]["x-contract"]["const"] == events.CONTRACT


# -- problem codes: one table --------------------------------------------------------------------
def raised() -> Iterator[tuple[str, str]]:
    """(file, code) of every refusal in the program."""
    for path in sorted((ROOT / "docexchange").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or not node.args:
                continue
            called = getattr(node.func, "id", getattr(node.func, "attr", ""))
            first = node.args[0]
            code = str(first.value) if isinstance(first, ast.Constant) else ""
            if called in ("SubmissionRefused", "Busy", "_refused") and code.startswith("E-"):
                yield path.name, code


def test_every_refusal_has_a_code_of_the_table() -> None:
    found = list(raised())
    assert len(found) > 25
    assert {code for _, code in found} <= set(problems.PROBLEMS), found


def test_the_contract_has_the_same_codes_as_the_table() -> None:
    listed = SCHEMAS["ProblemCode"]
    assert listed["enum"] == list(problems.PROBLEMS)
    assert listed["x-problems"] == {
        code: {"title": one.vi, "title_en": one.en, "retryable": one.again}
        for code, one in problems.PROBLEMS.items()
    }


def test_the_readme_has_the_same_codes_as_the_table() -> None:
    text = (ROOT / "docexchange" / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (E-[A-Z]{3}-\d{3}) \| (.*?) \| (yes|no) \|$", text, re.M)
    assert rows == [
        (code, one.en, "yes" if one.again else "no") for code, one in problems.PROBLEMS.items()
    ]


# -- the schema of a submission and the reader of submissions agree -------------------------------
SUBMISSION = Draft7Validator(contract.schema("Submission"))
NAMES = [*SCHEMAS["Submission"]["properties"], "subjekt"]
ODD = st.sampled_from(
    [
        None,
        "",
        " ",
        "x",
        0,
        3,
        9,
        -1,
        1.5,
        True,
        [],
        {},
        ["H01"],
        ["H01", "H01"],
        [""],
        [None],
        "2026-11-23",
        "23/11/2026",
        [{"organ_id": "H01"}],
        [{"organ_id": ""}],
        [{"name": "a"}],
        [{"name": "a", "base64": "QQ=="}],
        [{"name": "a", "base64": None}],
        {"full_name": "A"},
        [{"name": "a", "parts": ["0" * 64], "sha256": "0" * 64, "size": 1}],
        {"full_name": 1},
        [{"name": "a", "parts": ["0" * 64], "sha256": "0" * 64}],
        {"number": "1", "notation": "Q"},
        [{"name": "a", "parts": ["0" * 64], "size": 1}],
        {"number": "1", "notation": ""},
        {"x": 1},
        [{"name": "a", "parts": [], "sha256": "0" * 64, "size": 1}],
        [{"name": "", "base64": ""}],
        [{"name": "a", "base64": "", "content_type": "x"}],
        [{"name": "a", "base64": "", "size": 0}],
    ]
)


@given(st.dictionaries(st.sampled_from(NAMES), ODD, max_size=3))
def test_schema_and_reader_agree(changes: dict[str, object]) -> None:
    asked = letter(**changes)
    try:
        submission.read(json.dumps(asked).encode())
        accepted = True
    except SubmissionRefused as refused:
        assert refused.code == "E-FMT-008"
        accepted = False
    assert accepted == SUBMISSION.is_valid(asked), list(SUBMISSION.iter_errors(asked))


def test_the_example_is_one() -> None:
    (example,) = SCHEMAS["Submission"]["examples"]
    asked = submission.read(json.dumps(example).encode())
    assert asked.organ_from == "H05"
    assert SUBMISSION.is_valid(in_parts([b"1", b"2"]))


# -- the validator itself -------------------------------------------------------------------------
def test_the_validator_can_fail() -> None:
    good = Seen(
        "submit.document",
        {"message_id": "m", "content_type": properties.JSON_DOCUMENT},
        {"x-contract": "mailroom/1"},
        json.dumps(letter()).encode(),
    )
    assert faults(good) == []
    for changes in (
        {"channel": "submit.letter"},
        {"properties": {"content_type": properties.JSON_DOCUMENT}},
        {"properties": {"message_id": "m"}, "body": b""},
        {"headers": {"x-contract": "mailroom/2"}},
        {"body": b"{}"},
        {"body": b"{"},
    ):
        assert faults(Seen(**(vars(good) | changes))), changes
