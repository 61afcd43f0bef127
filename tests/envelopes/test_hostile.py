"""`envelopes/verify.py`: whatever comes in, a report comes out; nothing raises, nothing passes."""

import io
import json
import zipfile

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from envelopes.report import Report, to_json_document
from envelopes.wording import Indication
from tests.letters import judge, letter, receipt


def zipped() -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo("a.edxml"), letter())
    return target.getvalue()


GARBAGE = {
    "empty": (b"", "EMPTY"),
    "blank": (b" \n\t", "EMPTY"),
    "zip": (zipped(), "NOT_XML"),
    "zeros": (bytes(1_000_000), "NOT_XML"),
    "NUL inside": (letter().replace(b"H05", b"H\x005", 1), "NOT_XML"),
    "PDF": (b"%PDF-1.7\n\xe2\xe3\xcf\xd3", "NOT_XML"),
    "binary": (bytes(range(256)) * 10, "NOT_XML"),
    "text": (b"Kinh gui", "NOT_XML"),
    "JSON": (b"{}", "NOT_XML"),
    "UTF-16": (letter().decode().encode("utf-16"), "ENCODING"),
    "Latin-1": (letter().replace("ế".encode(), b"\xe9"), "ENCODING"),
    "deep": (b"<a>" * 1_000, "TOO_DEEP"),
    "deep and closed": (b"<a>" * 65 + b"</a>" * 65, "TOO_DEEP"),
    "wide": (b"<a>" + b"<b></b>" * 30_000 + b"</a>", "TOO_MANY_ELEMENTS"),
    "entities": (b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "DTD"),
    "cut off": (letter()[:-10], "NOT_XML"),
    "cut off in the signature": (letter()[: letter().index(b"</ds:Signature>")], "NOT_XML"),
    "another XML": (b"<html></html>", "NOT_AN_ENVELOPE"),
    "signature alone": (
        letter()[letter().index(b"<ds:Signature ") : letter().index(b"</ds:Signature>") + 15],
        "NOT_AN_ENVELOPE",
    ),
    "twice": (letter() * 2, "NOT_XML"),
}


def check_report(report: Report) -> None:
    """Everything a caller may ask of a report works."""
    assert report.indication is not Indication.PASSED
    assert report.deciding is not None
    assert report.reason
    assert report.sub_indication
    for lang in ("vi", "en"):
        assert report.text(lang).startswith(("✖", "?"))
        assert report.explain(lang)
        assert "\x1b" not in report.text(lang)
    assert json.loads(json.dumps(to_json_document([report])))["indication"] != "TOTAL-PASSED"


@pytest.mark.parametrize("name", GARBAGE)
def test_garbage_gets_a_verdict_with_its_reason(name: str) -> None:
    data, reason = GARBAGE[name]
    report = judge(data)
    check_report(report)
    assert (report.indication, report.reason) == (Indication.FAILED, reason)


def test_what_a_hostile_file_says_cannot_steer_a_terminal() -> None:
    data = letter().replace(b"H05,2026", "\u202eH05,\u200b2026\x7f".encode())
    report = judge(data)
    check_report(report)
    assert "\u202e" in report.document_id
    assert not set("\u202e\u200b\x7f") & set(report.text("vi"))


@st.composite
def mutations(draw: st.DrawFn) -> bytes:
    """An envelope with a few pieces cut, copied, moved, or replaced by what means something."""
    data = draw(st.sampled_from([letter(), receipt()]))
    for _ in range(draw(st.integers(1, 4))):
        begin = draw(st.integers(0, len(data)))
        end = min(len(data), begin + draw(st.sampled_from([0, 1, 2, 4, 16, 200, 4000])))
        to = draw(st.integers(0, len(data)))
        piece = draw(
            st.one_of(
                st.just(data[begin:end]),
                st.binary(max_size=8),
                st.sampled_from(MEANINGFUL),
            )
        )
        if draw(st.booleans()):
            data = data[:begin] + piece + data[end:]
        else:
            data = data[:to] + piece + data[to:]
    return data


MEANINGFUL = [
    *(b"<", b">", b"&", b'"', b"'", b"/", b"=", b"\x00", b"\xff", b"\r\n", b"]]>", b"&#x41;"),
    *(b"<!--", b"-->", b"<?x?>", b"<![CDATA[", b"<!DOCTYPE a>", b"xmlns=''", b"<a/>", b"</ds:"),
    b"</ds:Signature>",
    b'<ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#" Id="Signature">',
    b"<edXML:OrganId>H05</edXML:OrganId>",
    b"<edXML:StatusCode>01</edXML:StatusCode>",
    b"</edXML:edXMLHeader>",
]


@seed(20261122)
@settings(
    max_examples=600,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(mutations())
def test_a_mutated_envelope_never_raises_and_never_passes(data: bytes) -> None:
    report = judge(data)
    if data in (letter(), receipt()):
        assert report.indication is Indication.PASSED
    else:
        check_report(report)


@settings(max_examples=200, deadline=None, derandomize=True, database=None)
@given(st.binary(max_size=300) | st.text(max_size=200).map(str.encode))
def test_random_bytes_never_raise(data: bytes) -> None:
    check_report(judge(data))
