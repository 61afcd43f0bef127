"""Why a timestamp token, or the answer of an authority, proves nothing.

    TSA_REFUSED       the authority gave no token, and says why
    TOKEN_MALFORMED   not DER, cut off, something behind the end, an unknown critical extension
    TOKEN_ALGORITHM   SHA-1, a weak key, or a CMS algorithm that is not listed here
    TOKEN_IMPRINT     it is about other bytes
    TOKEN_NONCE       it does not answer our request
    TOKEN_POLICY      issued under another policy than those accepted
    TOKEN_SIGNER      the certificate that was signed (ESSCertIDv2) is not there
    TOKEN_SIGNATURE   the value is not right
    TOKEN_UNTRUSTED   no path to an anchor at `gen_time`, or the certificate is not for timestamps
    TOKEN_ACCURACY    its clock is too inaccurate to prove anything

Apart from `timestamp`, which loads ASN.1: most envelopes have no token.
"""

from __future__ import annotations

from typing import Final

from keys.errors import KeysError

TOKEN_MAX: Final = 64 * 1024  # bytes; with a chain of three certificates a token has 5 KB

_VI: Final = {
    "TSA_REFUSED": "máy chủ dấu thời gian từ chối",
    "TOKEN_MALFORMED": "dấu thời gian hỏng hoặc sai dạng",
    "TOKEN_ALGORITHM": "thuật toán của dấu thời gian không được chấp nhận",
    "TOKEN_IMPRINT": "dấu thời gian của dữ liệu khác",
    "TOKEN_NONCE": "dấu thời gian không trả lời đúng yêu cầu đã gửi",
    "TOKEN_POLICY": "dấu thời gian theo chính sách không được chấp nhận",
    "TOKEN_SIGNER": "chứng thư ký dấu thời gian thiếu hoặc bị tráo",
    "TOKEN_SIGNATURE": "chữ ký trên dấu thời gian sai",
    "TOKEN_UNTRUSTED": "không tin được máy chủ dấu thời gian",
    "TOKEN_ACCURACY": "đồng hồ của máy chủ dấu thời gian không đủ chính xác",
}
REASONS: Final = frozenset(_VI)


class TimestampRefused(KeysError):
    """A token, or an authority's answer, that proves nothing.

    Args:
        reason: one of `REASONS`.
        detail: the facts, English.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}", f"{_VI[reason]} [{reason}]: {detail}")
        self.reason = reason
        self.detail = detail
