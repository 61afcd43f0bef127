"""Every problem code that a mailroom can be answered with: one table.

The contract file (`contract/asyncapi.yaml`), the table in docexchange/README.md and the errors
that the paths raise agree with it by test. A code never changes its meaning; what is wrong this
time stands in the reply's `detail` and `errors`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Problem:
    """What a code means.

    Args:
        vi, en: the title in both languages; the same for every occurrence (RFC 9457 §3.1.3).
        again: True if the very same message may pass later, so that sending it again helps.
    """

    vi: str
    en: str
    again: bool = False


PROBLEMS: Final[Mapping[str, Problem]] = {
    "E-AUT-001": Problem(
        "Không có quyền gửi thay cơ quan này",
        "The mailroom (or this node) may not speak for that organ",
    ),
    "E-AUT-002": Problem(
        "Chứng thư ký không được bên nhận tin cậy",
        "Receivers would not believe the certificate that is to sign elsewhere",
    ),
    "E-FMT-001": Problem("Không phải edXML đúng quy cách", "Not well-formed edXML"),
    "E-FMT-002": Problem(
        "Thiếu message_id, message_id không phải UTF-8 hoặc quá dài",
        "message_id missing, no UTF-8 or over 200 characters",
    ),
    "E-FMT-003": Problem(
        "Đây là thông báo trạng thái, không phải văn bản", "A status where a document was due"
    ),
    "E-FMT-004": Problem("Báo cáo trạng thái sai dạng", "Malformed status report"),
    "E-FMT-005": Problem("content_encoding không được hỗ trợ", "Content encoding not supported"),
    "E-FMT-006": Problem("content_type không đúng", "Content type not supported here"),
    "E-FMT-007": Problem("Dữ liệu nén gzip bị hỏng", "Damaged gzip content"),
    "E-FMT-008": Problem(
        "Văn bản dạng JSON sai dạng", "Malformed JSON submission; errors names every place"
    ),
    "E-FMT-009": Problem(
        "Nội dung tệp đính kèm không khớp với mô tả",
        "An attachment is not what the submission says: size or SHA-256",
    ),
    "E-FMT-012": Problem("Routing key không được hỗ trợ", "No such routing key"),
    "E-FMT-015": Problem("Một nơi nhận được ghi hai lần", "A recipient named twice"),
    "E-FMT-016": Problem(
        "Không phải mã định danh cơ quan",
        "From or To is no organ's code; the character at fault is named",
    ),
    "E-FMT-020": Problem(
        "Nội dung văn bản không đạt",
        "Content incomplete: required field, manifest and attachments disagree",
    ),
    "E-FMT-021": Problem(
        "Trường thông tin không đúng quy định",
        "A field longer than NĐ 30/2020 Appendix VI allows, a date that is none, an unknown "
        "business operation",
    ),
    "E-PRT-001": Problem(
        "Chưa nhận đủ các phần của tệp đính kèm",
        "Parts are missing; send those that errors names, then the same document",
        again=True,
    ),
    "E-PRT-002": Problem(
        "Phần gửi lên không đúng x-sha256", "A part without x-sha256, or of another digest"
    ),
    "E-PRT-003": Problem(
        "Văn thư đã hết hạn mức cho các phần chờ ghép",
        "The mailroom's quota of parts that no document used yet is full",
        again=True,
    ),
    "E-RCL-001": Problem("Thu hồi phải có lý do", "A recall needs its reason"),
    "E-RCL-002": Problem(
        "Văn bản không được gửi tới cơ quan này", "The document was not sent to that organ"
    ),
    "E-RCL-003": Problem(
        "Yêu cầu thu hồi sai dạng", "Malformed recall request; errors names every place"
    ),
    "E-RTE-001": Problem(
        "Không có cơ quan nhận này trong danh mục", "Recipient not in the directory"
    ),
    "E-RTE-002": Problem(
        "Mã định danh cơ quan nhận đã đóng",
        "Recipient's code is closed, by the directory or by decree; the successor is named",
    ),
    "E-RTE-004": Problem(
        "Văn bản phải có nơi nhận",
        "No recipient, or too many, or their addresses make more elements than a receiver takes",
    ),
    "E-SEC-001": Problem(
        "Văn bản có nội dung bí mật nhà nước không được gửi qua hệ thống này",
        "State-secret classification (QĐ 28 Art 1.2): nothing was stored",
    ),
    "E-SIZ-001": Problem(
        "Văn bản vượt quá dung lượng cho phép", "Over the limit; both numbers are named"
    ),
    "E-DUP-002": Problem("Trùng định danh nhưng khác nội dung", "Same identity, other content"),
    "E-REF-001": Problem("Không tìm thấy văn bản", "No such document"),
    "E-REF-002": Problem("Tham chiếu không rõ ràng", "An ambiguous name of a document"),
    "E-STA-001": Problem(
        "Mã trạng thái không dùng được ở bên nhận", "Not a status that a receiver reports"
    ),
    "E-STA-002": Problem(
        "Trạng thái này không thể theo sau trạng thái hiện tại", "Cannot follow the present status"
    ),
    "E-STA-003": Problem("Từ chối phải có lý do", "A refusal without its reason"),
    "E-BSY-001": Problem(
        "Văn thư này còn quá nhiều văn bản đang chờ gửi",
        "The mailroom has too much under way",
        again=True,
    ),
    "E-BSY-002": Problem("Tạm thời chưa nhận được", "Cannot take it now", again=True),
    "E-BSY-003": Problem(
        "Đĩa của nút sắp đầy, tạm ngừng nhận văn bản mới",
        "The disk of the node is nearly full",
        again=True,
    ),
    "E-BSY-004": Problem(
        "Văn thư này gửi quá nhanh",
        "The mailroom submits too fast",
        again=True,
    ),
    "E-BSY-005": Problem(
        "Kho dữ liệu tạm thời không ghi được",
        "The store cannot write for now: disk full, or locked by another process",
        again=True,
    ),
    "E-INT-500": Problem("Lỗi của hệ thống", "Our error", again=True),
}
