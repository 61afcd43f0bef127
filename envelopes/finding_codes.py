"""The codes of findings: what each means, in Vietnamese and English, in one table.

E- is something that the exchange refuses to send, W- something odd that was read all the same.
One number has both letters where the same thing is refused of a mailroom's file and only noted in
what another organ has signed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from .wording import Words

FINDING_CODES: Final[Mapping[str, Words]] = {
    "E-FMT-001": Words(
        "không đọc được như một gói tin edXML", "cannot be read as an edXML envelope"
    ),
    "E-FMT-010": Words("không có nơi nhận", "there is no recipient"),
    "E-FMT-011": Words(
        "thiếu phần tử bắt buộc; coi như rỗng", "a required element is missing; read as empty"
    ),
    "E-FMT-014": Words(
        "không phải một ngày dạng yyyy/MM/dd; giữ nguyên",
        "is no date of the form yyyy/MM/dd; kept as it is",
    ),
    "W-FMT-014": Words(
        "ngày không viết theo dạng yyyy/MM/dd; hiểu như đã nêu",
        "a date that is not written as yyyy/MM/dd; understood as shown",
    ),
    "W-FMT-015": Words(
        "thời điểm không có dạng yyyy/MM/dd HH:mm:ss; giữ nguyên",
        "is no time of the form yyyy/MM/dd HH:mm:ss; kept as it is",
    ),
    "W-FMT-016": Words("không phải là số; giữ nguyên", "is no number; kept as it is"),
    "E-FMT-017": Words(
        "giá trị ngoài danh mục; chúng tôi không gửi như vậy",
        "not one of the known values; we do not send that",
    ),
    "W-FMT-017": Words(
        "giá trị ngoài danh mục; giữ nguyên", "not one of the known values; kept as it is"
    ),
    "E-FMT-020": Words(
        "thiếu trường bắt buộc, hoặc danh mục và tệp đính kèm không khớp",
        "a required field is missing, or manifest and attachments do not agree",
    ),
    "W-FMT-030": Words(
        "có khoảng trắng ở đầu hoặc cuối; đã bỏ", "blanks around the text; taken off"
    ),
    "W-FMT-031": Words("phần tử lạ; giữ nguyên", "unknown element; kept as it is"),
    "W-FMT-032": Words("phần tử lặp lại; lấy phần tử đầu", "stands twice; the first counts"),
    "W-FMT-033": Words(
        "có phần tử bên trong một trường văn bản; giữ nguyên, trường coi như vắng",
        "elements inside a text; kept as it is, the field counts as absent",
    ),
    "W-FMT-035": Words(
        "chứa phần của khung gói tin, hoặc định danh của chữ ký, ở sai chỗ; đã bỏ",
        "has a part of the frame, or an id of our signature, at a wrong place; left out",
    ),
    "W-FMT-036": Words(
        "ghi chữ null thay cho mã cơ quan; giữ nguyên", "the word null instead of a code; kept"
    ),
    "W-FMT-037": Words("thuộc tính không giữ được; đã bỏ", "an attribute that is left out"),
    "W-FMT-038": Words(
        "văn bản đứng ở nơi chỉ có phần tử; đã bỏ",
        "a text where only elements can stand; left out",
    ),
    "W-FMT-039": Words(
        "không thuộc một thông báo trạng thái; đã bỏ", "is no part of a status; left out"
    ),
    "W-FMT-040": Words(
        "chú thích hoặc chỉ thị xử lý không phải nội dung; đã bỏ",
        "a comment or processing instruction is not content; left out",
    ),
    "W-FMT-041": Words("CDATA; đọc như văn bản thường", "CDATA; read as the text it stands for"),
    "W-FMT-042": Words("thuộc tính lạ; giữ nguyên", "unknown attribute; kept as it is"),
    "W-FMT-043": Words(
        "tiền tố dùng mà không khai báo; coi như đã khai báo ở phần tử gốc",
        "a prefix that is used but not declared; read as if the root element declared it",
    ),
    "W-FMT-050": Words("base64 có khoảng trắng; đã bỏ", "blanks in base64; taken out"),
    "W-FMT-051": Words(
        "phần đệm base64 không đúng; đã đọc được", "unusual base64 padding; could be read"
    ),
    "E-FMT-060": Words(
        "dài hơn mức luật cho phép; chúng tôi không gửi như vậy",
        "longer than the law allows; we do not send that",
    ),
    "W-FMT-060": Words("dài hơn mức luật cho phép", "longer than the law allows"),
    "W-FMT-061": Words(
        "dài hơn mức hệ thống khác nhận", "longer than other systems are known to take"
    ),
    "W-FMT-099": Words("còn nữa, không liệt kê", "more was found; not listed"),
    "E-SEC-001": Words(
        "văn bản mật không được gửi qua trục (QĐ 28/2018 Điều 1.2)",
        "a secret document must not be exchanged (QĐ 28/2018 Art 1.2)",
    ),
    "W-SIG-001": Words(
        "chữ ký có trước; đã bỏ, không phủ lên gói tin sẽ gửi",
        "an earlier signature; left out, it does not cover what will be sent",
    ),
    "W-SIG-002": Words(
        "khung chữ ký mà không ai kiểm tra được; đã bỏ",
        "a dummy of a signature that nobody can check; left out",
    ),
    "W-SIG-011": Words(
        "giá trị chữ ký gửi về dạng base64; đã giải mã",
        "the signature value came as base64 text; decoded",
    ),
    "W-SIG-012": Words(
        "giá trị ECDSA gửi về dạng DER; ghi lại thành r || s (XML Signature 6.4.3)",
        "the ECDSA value came in DER; written as r || s (XML Signature 6.4.3)",
    ),
    "W-SIG-013": Words(
        "giá trị ECDSA có s lớn; ghi lại bằng s nhỏ",
        "the ECDSA value had the larger s; written with the smaller one",
    ),
    "E-XSD-001": Words(
        "không đúng lược đồ edxml.xsd của hồ sơ gửi", "not as edxml.xsd, our sending profile, says"
    ),
}


def is_error(code: str) -> bool:
    """Whether a code is of something that the exchange refuses."""
    return code.startswith("E-")


def meaning(code: str, lang: str) -> str:
    """What a code means; whatever is not English is Vietnamese."""
    return FINDING_CODES[code].get(lang)
