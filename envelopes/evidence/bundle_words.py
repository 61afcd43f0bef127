"""Every word about a bundle: what it does not prove, and what would prove it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from ..wording import Indication, Words


@dataclass(frozen=True, slots=True)
class GapWords:
    """What is not proven, and what would prove it."""

    what: Words
    remedy: Words


VERDICTS: Final[Mapping[Indication, Words]] = {
    Indication.PASSED: Words(
        "Hồ sơ nguyên vẹn; mọi chữ ký trong đó hợp lệ",
        "The bundle is intact; every signature in it is valid",
    ),
    Indication.FAILED: Words(
        "Hồ sơ không dùng được làm bằng chứng", "The bundle cannot serve as evidence"
    ),
    Indication.INDETERMINATE: Words(
        "Còn điều trong hồ sơ chưa xác định được",
        "Something in the bundle cannot be decided yet",
    ),
}

GAPS: Final[Mapping[str, GapWords]] = {
    "TIME_CLAIMED": GapWords(
        Words(
            "Thời điểm ký do bên ký tự khai, chưa được chứng minh",
            "The signing time is the signer's word, not proven",
        ),
        Words(
            "dấu thời gian (RFC 3161) trên chữ ký, trong timestamps/",
            "a timestamp token (RFC 3161) over the signature, in timestamps/",
        ),
    ),
    "REVOCATION_NOT_ASKED": GapWords(
        Words(
            "Chưa xét chứng thư có bị thu hồi hay không: chính sách không yêu cầu",
            "Whether a certificate was revoked was not judged: the policy does not ask",
        ),
        Words("CRL hoặc OCSP của CA tại thời điểm ký", "a CRL or OCSP answer of the CA"),
    ),
    "REVOCATION_NOT_KNOWN": GapWords(
        Words(
            "Chưa biết chứng thư có bị thu hồi hay không: thiếu CRL, OCSP dùng được",
            "Whether a certificate was revoked is not known: no usable CRL or OCSP answer",
        ),
        Words(
            "CRL hoặc OCSP của CA, trong evidence/ hoặc qua --evidence",
            "a CRL or OCSP answer of the CA, in evidence/ or by --evidence",
        ),
    ),
    "NO_RECEIPT": GapWords(
        Words(
            "Không có biên nhận hợp lệ nào của cơ quan nhận này: không chứng minh được đã nhận, "
            "cũng không chứng minh được chưa nhận",
            "No valid receipt of this recipient: neither that it got the document is proven, nor "
            "that it did not",
        ),
        Words(
            "biên nhận do cơ quan đó ký, hoặc hồ sơ do cơ quan đó lập",
            "a receipt that this organ signed, or a bundle that it made",
        ),
    ),
    "OTHER_RECIPIENTS": GapWords(
        Words(
            "Bên nhận lập hồ sơ này không biết các bên nhận khác đã xác nhận hay chưa",
            "The recipient that made this bundle does not know what other recipients confirmed",
        ),
        Words("hồ sơ do bên gửi lập", "a bundle made by the sender"),
    ),
    "SIGNED_LATER": GapWords(
        Words(
            "Ký sau thời điểm xét, nên chưa tính", "Signed after the time judged for: not counted"
        ),
        Words("xét tại thời điểm muộn hơn (--at)", "judge for a later time (--at)"),
    ),
    "COMPLETENESS": GapWords(
        Words(
            "Không thiếu biên nhận nào: chỉ theo lời và nhật ký của bên lập hồ sơ",
            "That no receipt is missing is said by the maker of the bundle and its journal only",
        ),
        Words(
            "hồ sơ do bên kia lập, để đối chiếu",
            "a bundle made by the other side, to compare",
        ),
    ),
    "ONE_WITNESS": GapWords(
        Words(
            "Nhật ký chưa bị viết lại từ đầu: mốc trong hồ sơ do chính bên lập ký",
            "That the journal was not written anew: its checkpoint is signed by the maker itself",
        ),
        Words(
            "một mốc nhật ký, hoặc một biên nhận của cơ quan này, đã giữ ở nơi khác từ trước "
            "(docexchange journal verify --checkpoint, --witness)",
            "a checkpoint or a receipt of this organ that was kept elsewhere before "
            "(docexchange journal verify --checkpoint, --witness)",
        ),
    ),
    "NO_JOURNAL": GapWords(
        Words("Không có dòng nhật ký nào đọc được", "There is no readable line of a journal"),
        Words("lập lại hồ sơ", "have the bundle made again"),
    ),
}
