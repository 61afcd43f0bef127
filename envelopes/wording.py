"""Every word of a report: indications, steps, reasons, in Vietnamese and English.

Indications and sub-indications are those of ETSI EN 319 102-1. A reason is finer: it says which
rule of ours decided, whether that means failed or indeterminate, under which sub-indication, and
what a person can do. Sentences say nothing about one file; facts stand in `Check.detail`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Indication(StrEnum):
    """Kết luận: the verdict in the words of ETSI EN 319 102-1."""

    PASSED = "TOTAL-PASSED"
    FAILED = "TOTAL-FAILED"
    INDETERMINATE = "INDETERMINATE"


class SubIndication(StrEnum):
    """Lý do: why it is not passed. Source: ETSI EN 319 102-1, tables 5 and 6."""

    FORMAT_FAILURE = "FORMAT_FAILURE"
    HASH_FAILURE = "HASH_FAILURE"
    SIG_CRYPTO_FAILURE = "SIG_CRYPTO_FAILURE"
    NO_SIGNING_CERTIFICATE_FOUND = "NO_SIGNING_CERTIFICATE_FOUND"
    NO_CERTIFICATE_CHAIN_FOUND = "NO_CERTIFICATE_CHAIN_FOUND"
    CHAIN_CONSTRAINTS_FAILURE = "CHAIN_CONSTRAINTS_FAILURE"
    CRYPTO_CONSTRAINTS_FAILURE = "CRYPTO_CONSTRAINTS_FAILURE"
    OUT_OF_BOUNDS_NO_POE = "OUT_OF_BOUNDS_NO_POE"
    SIG_CONSTRAINTS_FAILURE = "SIG_CONSTRAINTS_FAILURE"
    REVOKED = "REVOKED"
    REVOKED_NO_POE = "REVOKED_NO_POE"
    REVOKED_CA_NO_POE = "REVOKED_CA_NO_POE"
    TRY_LATER = "TRY_LATER"
    TIMESTAMP_ORDER_FAILURE = "TIMESTAMP_ORDER_FAILURE"


class Result(StrEnum):
    """Outcome of one step."""

    PASSED = "PASSED"
    FAILED = "FAILED"
    INDETERMINATE = "INDETERMINATE"
    NOT_REACHED = "NOT_REACHED"  # needs a step that did not pass
    NOT_ASKED = "NOT_ASKED"  # the policy does not ask for it, or there is nothing to judge


@dataclass(frozen=True, slots=True)
class Words:
    """The same sentence twice."""

    vi: str
    en: str

    def get(self, lang: str) -> str:
        """The sentence in a language; whatever is not English is Vietnamese."""
        return self.en if lang == "en" else self.vi


@dataclass(frozen=True, slots=True)
class Step:
    """Name of a step in JSON and for a person."""

    name: str
    words: Words


@dataclass(frozen=True, slots=True)
class Reason:
    """What a reason code means.

    Args:
        result: failed, indeterminate, or not asked.
        sub_indication: ETSI's word for it, None when it decides nothing.
        words: the sentence.
        remedy: what would change the verdict.
    """

    result: Result
    sub_indication: SubIndication | None
    words: Words
    remedy: Words


INDICATIONS: Final[Mapping[Indication, Words]] = {
    Indication.PASSED: Words(
        "Hợp lệ: chữ ký đúng, người ký đúng thẩm quyền, nội dung nguyên vẹn",
        "Valid: the signature is right, the signer may sign, the content is intact",
    ),
    Indication.FAILED: Words("Không hợp lệ", "Not valid"),
    Indication.INDETERMINATE: Words("Chưa xác định được", "Cannot be decided yet"),
}

SUB_INDICATIONS: Final[Mapping[SubIndication, Words]] = {
    SubIndication.FORMAT_FAILURE: Words("Sai định dạng", "Wrong format"),
    SubIndication.HASH_FAILURE: Words(
        "Nội dung đã bị thay đổi sau khi ký", "The content was changed after it was signed"
    ),
    SubIndication.SIG_CRYPTO_FAILURE: Words(
        "Chữ ký không khớp khoá", "The signature does not match the key"
    ),
    SubIndication.NO_SIGNING_CERTIFICATE_FOUND: Words(
        "Không tìm thấy chứng thư người ký", "The signing certificate was not found"
    ),
    SubIndication.NO_CERTIFICATE_CHAIN_FOUND: Words(
        "Chưa xác định: thiếu CA tin cậy", "No chain to a trusted CA"
    ),
    SubIndication.CHAIN_CONSTRAINTS_FAILURE: Words(
        "Chứng thư không dùng cho mục đích này", "The certificate is not for this purpose"
    ),
    SubIndication.CRYPTO_CONSTRAINTS_FAILURE: Words(
        "Thuật toán không còn an toàn", "The algorithm or key is too weak"
    ),
    SubIndication.OUT_OF_BOUNDS_NO_POE: Words(
        "Không chứng minh được thời điểm ký", "The time of signing is not proven"
    ),
    SubIndication.SIG_CONSTRAINTS_FAILURE: Words(
        "Thuộc tính chữ ký không đạt", "The signed properties do not fit the policy"
    ),
    SubIndication.REVOKED: Words(
        "Chứng thư đã bị thu hồi trước khi ký", "The certificate was revoked before it signed"
    ),
    SubIndication.REVOKED_NO_POE: Words(
        "Chứng thư đã bị thu hồi, không chứng minh được đã ký trước đó",
        "The certificate was revoked, and nothing proves that it signed before",
    ),
    SubIndication.REVOKED_CA_NO_POE: Words(
        "CA trung gian đã bị thu hồi", "A CA of the chain was revoked"
    ),
    SubIndication.TIMESTAMP_ORDER_FAILURE: Words(
        "Thứ tự các thời điểm không thể có", "The order of the times is impossible"
    ),
    SubIndication.TRY_LATER: Words(
        "Thiếu dữ liệu thu hồi; bổ sung CRL/OCSP", "Revocation data is missing; add a CRL or OCSP"
    ),
}

STEPS: Final[Mapping[int, Step]] = {
    1: Step("gate", Words("Cửa kiểm soát dữ liệu", "Gate")),
    2: Step("shape", Words("Cấu trúc gói tin và chữ ký", "Shape of envelope and signature")),
    3: Step("algorithms", Words("Thuật toán và tham chiếu", "Algorithms and references")),
    4: Step("digests", Words("Giá trị băm của nội dung", "Digests of the content")),
    5: Step("signature", Words("Giá trị chữ ký", "Signature value")),
    6: Step("signing_certificate", Words("Chứng thư được ký kèm", "Signing certificate")),
    7: Step("path", Words("Chuỗi chứng thư và thời điểm", "Certificate path and time")),
    8: Step("revocation", Words("Thu hồi chứng thư", "Revocation")),
    9: Step("timestamp", Words("Dấu thời gian", "Timestamp")),
    10: Step("organ", Words("Thẩm quyền ký cho cơ quan gửi", "Signer speaks for the sender")),
    11: Step("content", Words("Nội dung gói tin", "Content")),
    12: Step("receipt_of", Words("Đối chiếu biên nhận", "Receipt and envelope")),
}

RESULTS: Final[Mapping[Result, Words]] = {
    Result.PASSED: Words("đạt", "passed"),
    Result.FAILED: Words("không đạt", "failed"),
    Result.INDETERMINATE: Words("chưa xác định", "indeterminate"),
    Result.NOT_REACHED: Words("chưa xét: bước trước không đạt", "not reached"),
    Result.NOT_ASKED: Words("không yêu cầu", "not asked"),
}

_REQUEST = Words("Yêu cầu bên gửi gửi lại bản đúng", "Ask the sender for a correct copy")
_PROFILE = Words(
    "Yêu cầu bên gửi đóng gói và ký lại theo đúng hồ sơ chữ ký",
    "Ask the sender to pack and sign it again by the profile",
)


def _format(vi: str, en: str, remedy: Words = _REQUEST) -> Reason:
    return Reason(Result.FAILED, SubIndication.FORMAT_FAILURE, Words(vi, en), remedy)


def _unproven(sub: SubIndication, words: tuple[str, str], remedy: tuple[str, str]) -> Reason:
    return Reason(Result.INDETERMINATE, sub, Words(*words), Words(*remedy))


_GATE: Final[Mapping[str, Reason]] = {
    "EMPTY": _format("Tệp rỗng", "The file is empty"),
    "NOT_XML": _format("Không phải XML hợp lệ", "Not well-formed XML"),
    "TOO_LARGE": _format(
        "Vượt quá dung lượng cho phép",
        "Larger than the limit",
        Words("Tăng giới hạn nếu tệp đáng tin", "Raise the limit if the file is expected"),
    ),
    "ENCODING": _format("Không phải UTF-8 hợp lệ", "Not valid UTF-8"),
    "DTD": _format("Có khai báo DTD, không được phép", "Has a DTD, which is not allowed"),
    "TOO_DEEP": _format("Lồng quá sâu", "Nested too deeply"),
    "TOO_MANY_ELEMENTS": _format("Quá nhiều phần tử", "Too many elements"),
    "TOO_MANY_ATTRIBUTES": _format("Quá nhiều thuộc tính", "Too many attributes"),
    "TOO_MANY_NAMESPACES": _format("Quá nhiều không gian tên", "Too many namespaces"),
    "COMMENT": _format("Có chú thích trong gói tin đã ký", "A comment in a signed envelope"),
    "PROCESSING_INSTRUCTION": _format(
        "Có chỉ thị xử lý trong gói tin đã ký", "A processing instruction in a signed envelope"
    ),
    "CDATA": _format("Có CDATA trong gói tin đã ký", "CDATA in a signed envelope"),
    "CHARACTER_REFERENCE": _format(
        "Có ký tự viết dạng tham chiếu trong gói tin đã ký",
        "A character reference in a signed envelope that the canonical form would not have",
    ),
    "UNBOUND_PREFIX": _format(
        "Dùng tiền tố không gian tên mà không khai báo", "A namespace prefix that is not declared"
    ),
    "DUPLICATE_ID": _format("Hai phần tử mang cùng định danh", "Two elements carry the same id"),
}

_SIGNATURE: Final[Mapping[str, Reason]] = {
    "NOT_AN_ENVELOPE": _format("Không phải gói tin edXML", "Not an edXML envelope"),
    "ELEMENT_COUNT": _format(
        "Phần tử bắt buộc bị thiếu hoặc lặp lại", "A part of the envelope is missing or doubled"
    ),
    "ELEMENT_MISPLACED": _format(
        "Phần tử nằm sai vị trí trong gói tin", "A part of the envelope stands in a wrong place"
    ),
    "UNSIGNED": _format("Gói tin không có chữ ký số", "The envelope is not signed", _PROFILE),
    "DUMMY_SIGNATURE": _format(
        "Chữ ký chỉ là khung mẫu, không kiểm tra được",
        "The signature is a dummy that proves nothing",
        _PROFILE,
    ),
    "LEGACY_SIGNATURE": _format(
        "Chữ ký kiểu cũ (mẫu 2018): không đủ để tin, kết quả kiểm tra chỉ để tham khảo",
        "A signature of the old template (2018): it proves too little; what is checked is for "
        "information only",
        _PROFILE,
    ),
    "SEVERAL_SIGNATURES": _format("Có nhiều hơn một chữ ký", "More than one signature"),
    "SIGNATURE_MISPLACED": _format("Chữ ký đặt sai vị trí", "The signature is in a wrong place"),
    "SIGNATURE_MALFORMED": _format(
        "Chữ ký không đúng hồ sơ", "The signature is not of the profile", _PROFILE
    ),
    "KEY_INFO": _format(
        "KeyInfo có nội dung ngoài chứng thư", "KeyInfo holds more than certificates", _PROFILE
    ),
    "NOT_CANONICAL": _format(
        "Gói tin không ở dạng chuẩn tắc: byte nhận được khác byte đã ký",
        "Not in canonical form: the bytes received are not the bytes signed",
    ),
    "CANONICALIZATION": _format(
        "Phép chuẩn tắc hoá không được phép", "Canonicalization not allowed", _PROFILE
    ),
    "REFERENCES": _format(
        "Chữ ký không phủ đúng toàn bộ gói tin",
        "The signature does not cover exactly the whole envelope",
        _PROFILE,
    ),
    "TRANSFORMS": _format("Phép biến đổi không được phép", "Transform not allowed", _PROFILE),
    "ALGORITHM_NOT_ALLOWED": _format(
        "Thuật toán ngoài danh mục cho phép", "Algorithm not on the list", _PROFILE
    ),
    "SIGNING_TIME": _format("Thời điểm ký không đọc được", "The signing time is no time", _PROFILE),
    "CERTIFICATE_UNREADABLE": _unproven(
        SubIndication.NO_SIGNING_CERTIFICATE_FOUND,
        ("Không đọc được chứng thư trong chữ ký", "A certificate cannot be read"),
        ("Yêu cầu bên gửi ký lại", "Ask the sender to sign it again"),
    ),
    "CERTIFICATE_NOT_BOUND": _format(
        "Chứng thư kèm theo không phải chứng thư đã được ký",
        "A certificate is not the one that was signed",
    ),
    "WEAK_ALGORITHM": _unproven(
        SubIndication.CRYPTO_CONSTRAINTS_FAILURE,
        ("Thuật toán không còn an toàn", "An algorithm that is no longer safe"),
        ("Ký lại bằng SHA-256 trở lên", "Sign again with SHA-256 or stronger"),
    ),
    "HASH_FAILURE": Reason(
        Result.FAILED,
        SubIndication.HASH_FAILURE,
        SUB_INDICATIONS[SubIndication.HASH_FAILURE],
        _REQUEST,
    ),
    "PROPERTIES_MISMATCH": Reason(
        Result.FAILED,
        SubIndication.HASH_FAILURE,
        Words(
            "Thuộc tính chữ ký đã bị thay đổi sau khi ký",
            "The signed properties were changed after signing",
        ),
        _REQUEST,
    ),
    "KEY_MISMATCH": Reason(
        Result.FAILED,
        SubIndication.SIG_CRYPTO_FAILURE,
        Words(
            "Thuật toán ký không dùng được với khoá của chứng thư",
            "The signature algorithm is not one for the key of the certificate",
        ),
        _PROFILE,
    ),
    "SIG_CRYPTO_FAILURE": Reason(
        Result.FAILED,
        SubIndication.SIG_CRYPTO_FAILURE,
        SUB_INDICATIONS[SubIndication.SIG_CRYPTO_FAILURE],
        _REQUEST,
    ),
}

_TRUST: Final[Mapping[str, Reason]] = {
    "NO_CERTIFICATE_CHAIN_FOUND": _unproven(
        SubIndication.NO_CERTIFICATE_CHAIN_FOUND,
        ("Không có chuỗi chứng thư tới CA tin cậy", "No chain to a trusted CA"),
        ("Bổ sung CA gốc của bên ký vào --trust", "Add the signer's root CA to --trust"),
    ),
    "OUT_OF_BOUNDS_NO_POE": _unproven(
        SubIndication.OUT_OF_BOUNDS_NO_POE,
        (
            "Chứng thư đã hết hạn, không chứng minh được đã ký khi còn hạn",
            "The certificate has expired and nothing proves that it signed before",
        ),
        (
            "Bổ sung dấu thời gian, hoặc xét tại thời điểm đã nhận (--at)",
            "Add a timestamp token, or judge it at the time it was received (--at)",
        ),
    ),
    "NOT_YET_VALID": _unproven(
        SubIndication.OUT_OF_BOUNDS_NO_POE,
        (
            "Chứng thư chưa có hiệu lực tại thời điểm xét",
            "The certificate is not valid yet at the time of judging",
        ),
        (
            "Kiểm tra đồng hồ, hoặc chọn lại thời điểm xét (--at)",
            "Check the clock, or choose another time (--at)",
        ),
    ),
    "CHAIN_CONSTRAINTS_FAILURE": _unproven(
        SubIndication.CHAIN_CONSTRAINTS_FAILURE,
        ("Chứng thư không dùng để ký văn bản", "The certificate is not for signing documents"),
        ("Ký lại bằng chứng thư đúng mục đích", "Sign again with a certificate for signing"),
    ),
    "CRYPTO_CONSTRAINTS_FAILURE": _unproven(
        SubIndication.CRYPTO_CONSTRAINTS_FAILURE,
        ("Khoá trong chuỗi chứng thư quá yếu", "A key in the certificate chain is too weak"),
        ("Ký lại bằng khoá đủ mạnh", "Sign again with a key that is strong enough"),
    ),
    "SIGNED_OUTSIDE_VALIDITY": _unproven(
        SubIndication.SIG_CONSTRAINTS_FAILURE,
        (
            "Thời điểm ký nằm ngoài thời hạn chứng thư",
            "The signing time lies outside the certificate's validity",
        ),
        ("Ký lại bằng chứng thư còn hạn", "Sign again with a certificate that is valid"),
    ),
    "SIGNED_IN_FUTURE": _unproven(
        SubIndication.SIG_CONSTRAINTS_FAILURE,
        ("Thời điểm ký ở tương lai", "The signing time lies in the future"),
        (
            "Xét lại khi đến thời điểm đó; kiểm tra đồng hồ hai bên",
            "Judge it again when that time has come; check both clocks",
        ),
    ),
    "REVOCATION_MISSING": _unproven(
        SubIndication.TRY_LATER,
        ("Thiếu dữ liệu thu hồi chứng thư", "Revocation data is missing"),
        (
            "Bổ sung CRL hoặc OCSP rồi xét lại (evidence import, hoặc verify --evidence)",
            "Add a CRL or OCSP answer and judge again (evidence import, or verify --evidence)",
        ),
    ),
    "CERTIFICATE_ON_HOLD": _unproven(
        SubIndication.TRY_LATER,
        ("Chứng thư đang bị tạm dừng", "The certificate is on hold"),
        (
            "Chờ CA khôi phục hoặc thu hồi hẳn chứng thư, rồi xét lại bằng CRL mới",
            "Wait until its CA restores or revokes it, then judge again with the new CRL",
        ),
    ),
    "REVOKED": Reason(
        Result.FAILED,
        SubIndication.REVOKED,
        SUB_INDICATIONS[SubIndication.REVOKED],
        Words(
            "Yêu cầu bên gửi ký lại bằng chứng thư còn hiệu lực",
            "Ask the sender to sign again with a certificate that is valid",
        ),
    ),
    "REVOKED_NO_POE": _unproven(
        SubIndication.REVOKED_NO_POE,
        (
            "Chứng thư đã bị thu hồi, không chứng minh được đã ký trước đó",
            "The certificate was revoked, and nothing proves that it signed before",
        ),
        (
            "Bổ sung dấu thời gian trước lúc thu hồi, hoặc yêu cầu ký lại",
            "Add a timestamp token from before the revocation, or ask for a new signature",
        ),
    ),
    "REVOKED_CA_NO_POE": _unproven(
        SubIndication.REVOKED_CA_NO_POE,
        ("Một CA trong chuỗi đã bị thu hồi", "A CA of the chain was revoked"),
        (
            "Bổ sung dấu thời gian trước lúc thu hồi, hoặc yêu cầu ký lại dưới CA khác",
            "Add a timestamp token from before the revocation, or ask for a signature under "
            "another CA",
        ),
    ),
    "REVOCATION_OFF": Reason(
        Result.NOT_ASKED,
        None,
        Words(
            "Chính sách của CA gốc này không yêu cầu",
            "The policy of this trust anchor does not ask for it",
        ),
        Words("", ""),
    ),
    "REVOCATION_NOT_KNOWN": Reason(
        Result.NOT_ASKED,
        None,
        Words(
            "Chưa biết chứng thư có bị thu hồi hay không; chính sách không bắt buộc",
            "Whether a certificate was revoked is not known; the policy does not require it",
        ),
        Words("", ""),
    ),
    "NO_TIMESTAMP": Reason(
        Result.NOT_ASKED,
        None,
        Words(
            "Không có dấu thời gian: thời điểm ký do bên ký khai, chưa được chứng minh",
            "No timestamp: the signing time is claimed, not proven",
        ),
        Words("", ""),
    ),
    "SIGNER_NOT_SENDER": Reason(
        Result.FAILED,
        SubIndication.SIG_CONSTRAINTS_FAILURE,
        Words(
            "Người ký không có quyền ký cho cơ quan gửi (chặt hơn ETSI)",
            "The signer may not sign for the sender (stricter than ETSI)",
        ),
        _REQUEST,
    ),
    "NO_BINDING": _unproven(
        SubIndication.SIG_CONSTRAINTS_FAILURE,
        (
            "Không biết chứng thư này ký cho cơ quan nào",
            "It is not known for which organ this certificate may sign",
        ),
        (
            "Bổ sung chứng thư của cơ quan vào danh mục (--directory)",
            "Add the organ's certificate to the directory (--directory)",
        ),
    ),
}

_OTHER_TOKEN = (
    "Bỏ dấu thời gian này, hoặc thay bằng dấu thời gian đúng",
    "Leave this timestamp out, or give the right one",
)


def _token(sub: SubIndication, vi: str, en: str) -> Reason:
    return _unproven(sub, (vi, en), _OTHER_TOKEN)


_TOKEN: Final[Mapping[str, Reason]] = {
    "TIMESTAMP_LATER": Reason(
        Result.NOT_ASKED,
        None,
        Words(
            "Dấu thời gian được cấp sau thời điểm xét, nên chưa tính",
            "The timestamp was made after the time judged for, so it does not count",
        ),
        Words("", ""),
    ),
    "TOKEN_UNTRUSTED": Reason(
        Result.NOT_ASKED,
        None,
        Words(
            "Có dấu thời gian, nhưng không tin được máy chủ cấp: bổ sung CA gốc của máy chủ đó "
            "(--tsa-trust); thời điểm ký vẫn do bên ký khai",
            "There is a timestamp, but not of an authority that is trusted: add its root "
            "(--tsa-trust); the signing time stays claimed",
        ),
        Words("", ""),
    ),
    "TOKEN_MALFORMED": _token(
        SubIndication.SIG_CONSTRAINTS_FAILURE,
        "Dấu thời gian hỏng hoặc sai dạng",
        "The timestamp is damaged or malformed",
    ),
    "TOKEN_ALGORITHM": _token(
        SubIndication.CRYPTO_CONSTRAINTS_FAILURE,
        "Thuật toán của dấu thời gian không được chấp nhận",
        "An algorithm of the timestamp is not accepted",
    ),
    "TOKEN_IMPRINT": _token(
        SubIndication.SIG_CONSTRAINTS_FAILURE,
        "Dấu thời gian của dữ liệu khác",
        "The timestamp is about other bytes",
    ),
    "TOKEN_SIGNER": _token(
        SubIndication.SIG_CONSTRAINTS_FAILURE,
        "Chứng thư ký dấu thời gian thiếu hoặc bị tráo",
        "The certificate that signed the timestamp is missing or was exchanged",
    ),
    "TOKEN_SIGNATURE": _token(
        SubIndication.SIG_CONSTRAINTS_FAILURE,
        "Chữ ký trên dấu thời gian sai",
        "The signature on the timestamp is wrong",
    ),
    "TOKEN_ACCURACY": _token(
        SubIndication.SIG_CONSTRAINTS_FAILURE,
        "Đồng hồ cấp dấu thời gian không đủ chính xác",
        "The clock of the timestamp is too inaccurate",
    ),
    "TOKEN_ORDER": _token(
        SubIndication.TIMESTAMP_ORDER_FAILURE,
        "Dấu thời gian có trước thời điểm ký mà bên ký khai",
        "The timestamp is older than the signing time that the signer claims",
    ),
}

_CONTENT: Final[Mapping[str, Reason]] = {
    "CONTENT_UNREADABLE": _format("Không đọc được nội dung", "The content cannot be read"),
    "MISSING_FIELD": _format("Thiếu trường bắt buộc", "A required field is missing"),
    "ORGAN_CODE": _format(
        "Mã định danh cơ quan không phải là mã", "What stands for an organ's code is none"
    ),
    "ATTACHMENTS_DISAGREE": _format(
        "Danh mục tệp và tệp đính kèm không khớp", "Manifest and attachments do not agree"
    ),
    "SECRET": _format(
        "Văn bản mật không được gửi qua hệ thống này",
        "A secret document must not go through this system",
        Words("Gửi qua kênh dành cho văn bản mật", "Send it by the channel for secret documents"),
    ),
    "RECEIPT_OF_OTHER_BYTES": Reason(
        Result.FAILED,
        SubIndication.HASH_FAILURE,
        Words(
            "Biên nhận nói về một bản khác của văn bản này",
            "The receipt speaks of other bytes than the envelope given",
        ),
        Words("Đối chiếu với đúng bản đã gửi", "Compare it with the envelope that was really sent"),
    ),
}

_AGAIN = Words("Lập lại hồ sơ từ nơi có kho dữ liệu", "Have the bundle made again")


def _bundle(vi: str, en: str, sub: SubIndication = SubIndication.FORMAT_FAILURE) -> Reason:
    return Reason(Result.FAILED, sub, Words(vi, en), _AGAIN)


_BUNDLE: Final[Mapping[str, Reason]] = {
    "NOT_A_ZIP": _bundle("Không phải tệp zip", "Not a zip file"),
    "ARCHIVE_FORM": _bundle(
        "Tệp zip không đúng dạng của hồ sơ bằng chứng: bị sửa, hoặc do chương trình khác ghi",
        "The zip is not of the form of a bundle: changed, or written by another program",
    ),
    "ARCHIVE_NAME": _bundle(
        "Tên tệp trong zip không được phép hoặc lặp lại",
        "A name in the zip is not allowed, or is there twice",
    ),
    "BUNDLE_FORM": _bundle(
        "Không phải hồ sơ bằng chứng, hoặc phần chữ ký bị sửa",
        "Not an evidence bundle, or its signature file was changed",
    ),
    "FILE_MISSING": _bundle(
        "Thiếu tệp đã được ký", "A file that was signed is missing", SubIndication.HASH_FAILURE
    ),
    "FILE_ADDED": _bundle(
        "Có tệp không được ký", "A file that nobody signed was added", SubIndication.HASH_FAILURE
    ),
    "FILE_CHANGED": _bundle(
        "Tệp đã bị thay đổi sau khi ký",
        "A file was changed after it was signed",
        SubIndication.HASH_FAILURE,
    ),
    "CONTENTS_DISAGREE": _bundle(
        "Các phần của hồ sơ nói về những văn bản khác nhau",
        "Parts of the bundle speak of different documents",
    ),
    "MAKER_NO_PARTY": _bundle(
        "Bên lập hồ sơ không phải bên gửi hoặc bên nhận văn bản",
        "Whoever made the bundle neither sent nor got the document",
    ),
    "RECEIPT_MISSING": _bundle(
        "Nhật ký ghi một biên nhận không có trong hồ sơ",
        "The journal names a receipt that is not in the bundle",
    ),
    "RECEIPT_NO_PARTY": _bundle(
        "Biên nhận của cơ quan không gửi và không nhận văn bản này",
        "A receipt of an organ that neither sent nor got this document",
    ),
    "JOURNAL_UNPROVEN": _bundle(
        "Dòng nhật ký không dẫn tới gốc của mốc đã ký",
        "A journal line does not lead to the root of the signed checkpoint",
    ),
    "JOURNAL_OF_ANOTHER": _bundle(
        "Nhật ký của cơ quan khác bên lập hồ sơ",
        "The journal of another organ than the maker of the bundle",
    ),
}

REASONS: Final[Mapping[str, Reason]] = {
    **_GATE,
    **_SIGNATURE,
    **_TRUST,
    **_TOKEN,
    **_CONTENT,
    **_BUNDLE,
}
