"""docexchange/core/events.py: what a mailroom reads."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from docexchange.core import events
from docexchange.core.errors import SubmissionRefused
from docexchange.core.model import MailroomMessage, Submitted
from tests.records import NOW, document, receipt

SUBJECT = events.Subject("T1", "000.00.00.H05", "H05,2026/11/23,98", "98", "QĐ-UBND", 7)
RECIPIENT = events.Recipient(
    organ="H01",
    transport="sent",
    reason="",
    held="",
    attempts=0,
    copies=1,
    next_try=NOW,
    lifetime_ends=None,
    last_error="",
    code="",
    code_conflict=False,
)


def body(message: MailroomMessage) -> dict[str, Any]:
    assert message.body is not None
    found: dict[str, Any] = json.loads(message.body)
    return found


@pytest.mark.parametrize("duplicate", [False, True])
def test_an_accepted_reply(duplicate: bool) -> None:
    message = events.accepted_reply("m-1", Submitted("T1", "D", duplicate), "mr", NOW)
    assert (message.type, message.content_type, message.routing_key) == (
        "document.accepted.v1",
        "application/json",
        "reply.accepted",
    )
    assert (message.correlation_id, message.headers["x-contract"]) == ("m-1", "mailroom/1")
    assert body(message) == {
        "submission_id": "m-1",
        "tracking_id": "T1",
        "document_id": "D",
        "status": "accepted",
        "duplicate": duplicate,
        "received_at": "2026-11-23T01:00:00.000000Z",
        "waiting_for_signature": False,
        "sign_by": None,
    }


def test_the_reply_for_a_document_that_waits_for_its_signature() -> None:
    submitted = Submitted("T1", "D", duplicate=False, sign_by=NOW)
    said = body(events.accepted_reply("m-1", submitted, "mr", NOW))
    assert (said["status"], said["waiting_for_signature"]) == ("accepted", True)
    assert said["sign_by"] == "2026-11-23T01:00:00.000000Z"


def test_a_duplicates_reply_is_another_message() -> None:
    first, again = (
        events.accepted_reply("m-1", Submitted("T1", "D", each), "mr", NOW)
        for each in (False, True)
    )
    assert first.message_id != again.message_id


@pytest.mark.parametrize("retryable", [False, True])
def test_a_problem_reply(retryable: bool) -> None:
    refused = SubmissionRefused(
        "E-RTE-001", "Không có", "Unknown", detail="H99", pointer="To/OrganId", retryable=retryable
    )
    message = events.problem_reply("m-1", refused, "mr", "ab" * 32, 12, "P1")
    assert (message.type, message.content_type) == ("problem.v1", "application/problem+json")
    assert (message.routing_key, message.message_id) == ("reply.problem", "P1")
    assert body(message) == {
        "type": "urn:docexchange:problem:E-RTE-001",
        "title": "Không có cơ quan nhận này trong danh mục",
        "title_en": "Recipient not in the directory",
        "detail": "Không có: H99",
        "detail_en": "Unknown: H99",
        "code": "E-RTE-001",
        "retryable": retryable,
        "retry_after_s": 30 if retryable else None,
        "errors": [{"pointer": "To/OrganId", "detail": "H99"}],
        "received": {"sha256": "ab" * 32, "size": 12},
    }


def test_a_problem_without_a_place_lists_none() -> None:
    message = events.problem_reply("m", SubmissionRefused("E-1", "a", "b"), "mr", "", 0, "P1")
    assert body(message)["errors"] == []


def test_an_inbox_message_is_the_stored_envelope() -> None:
    message = events.inbox_message(
        vhost="mr",
        organ="000.00.00.H05",
        tracking_id="T1",
        sha256="ab" * 32,
        from_organ="H01",
        number="98",
        notation="QĐ-UBND",
        verdict="TOTAL-PASSED",
        sub_indication="",
        signer="CN=Ủy ban\r\nX-Evil: 1\0" + "a" * 2000 + "\ud800",
    )
    assert (message.body, message.blob) == (None, "ab" * 32)
    assert (message.routing_key, message.message_id) == ("document.000-00-00-H05", "T1")
    assert message.type == "document.deliver.v1"
    assert dict(message.headers) == {
        "x-contract": "mailroom/1",
        "x-verdict": "TOTAL-PASSED",
        "x-sub-indication": "",
        "x-signer": ("CN=Ủy ban  X-Evil: 1 " + "a" * 2000)[:1000],
        "x-organ-from": "H01",
        "x-document-number": "98/QĐ-UBND",
        "x-sha256": "ab" * 32,
        "x-tracking-id": "T1",
    }


def test_header_values_survive_utf8() -> None:
    assert events.header_value("\ud800\x7f\u2028ế") == "   ế"
    assert events.header_value("a/b/98") == "a/b/98"


def test_a_transport_event() -> None:
    message = events.transport_event(
        SUBJECT, RECIPIENT, "queued", {"sent": 1}, vhost="mr", source="/node/H05", at=NOW
    )
    assert (message.routing_key, message.message_id) == ("event.000-00-00-H05", "T1-7")
    assert message.content_type == "application/cloudevents+json"
    assert message.type == "vn.docexchange.document.transport.v1"
    found = body(message)
    data = found.pop("data")
    assert found == {
        "specversion": "1.0",
        "id": "T1-7",
        "source": "/node/H05",
        "type": message.type,
        "subject": "T1",
        "time": "2026-11-23T01:00:00.000000Z",
        "datacontenttype": "application/json",
    }
    assert (data["direction"], data["sequence"], data["previous"]) == ("outgoing", 7, "queued")
    assert (data["number"], data["notation"], data["counts"]) == ("98", "QĐ-UBND", {"sent": 1})
    assert data["recipients"][0]["next_try"] == "2026-11-23T01:00:00.000000Z"
    assert set(data["recipients"][0]) == set(events.Recipient.__slots__)


def test_a_status_event_tells_the_report_beside_the_present_code() -> None:
    late = receipt(document(), "01", note="đến")
    message = events.status_event(
        SUBJECT, RECIPIENT, "05", {"sent": 1}, late, vhost="mr", source="/node/H05", at=NOW
    )
    data = body(message)["data"]
    assert message.type == "vn.docexchange.document.status.v1"
    assert data["previous"] == "05"
    assert data["reported"] == {
        "organ": "H01",
        "code": "01",
        "note": "đến",
        "signed_at": "2026-11-23T01:01:00.000000Z",
        "sha256": late.sha256,
        "staff": {"name": "Trần Thị B"},
    }


def test_a_recall_event_is_about_an_incoming_document() -> None:
    message = events.recall_event(
        SUBJECT, "R1", "H01", "Sai phụ lục", "asked", vhost="mr", source="/node/H05", at=NOW
    )
    data = body(message)["data"]
    assert data["direction"] == "incoming"
    assert data["recall"] == {
        "tracking_id": "R1",
        "organ": "H01",
        "reason": "Sai phụ lục",
        "state": "asked",
    }
    assert "recipients" not in data


def test_times_are_utc() -> None:
    hanoi = datetime(2026, 11, 23, 8, 0, tzinfo=timezone(timedelta(hours=7)))
    assert events.rfc3339(hanoi) == "2026-11-23T01:00:00.000000Z"
    assert hanoi.astimezone(UTC) == NOW


def test_what_is_no_json_is_a_bug() -> None:
    with pytest.raises(TypeError, match="not a JSON value"):
        events._json({"a": object()})
