"""README.txt of a bundle: what it is and how to check it, without us too. Every command in it is
run by a test."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

XMLSEC: Final = (
    "xmlsec1 --verify --trusted-pem root.pem "
    "--id-attr:Id http://uri.etsi.org/01903/v1.3.2#:SignedProperties"
)


def readme(title: str, sender: str, recipients: Iterable[str], maker: str) -> bytes:
    """The text; the same facts make the same bytes.

    Args:
        title: number of the document, for a person.
        sender, maker: OrganIds.
        recipients: OrganIds.
    """
    shown = list(recipients)
    to = ", ".join(shown[:20]) + (f" … ({len(shown)})" if len(shown) > 20 else "")
    text = _TEXT.format(title=_plain(title), sender=sender, to=to, maker=maker, xmlsec=XMLSEC)
    return text.encode()


def _plain(text: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in text)


_TEXT: Final = """\
HỒ SƠ BẰNG CHỨNG / EVIDENCE BUNDLE

Văn bản / document:    {title}
Bên gửi / from:        {sender}
Bên nhận / to:         {to}
Bên lập hồ sơ / made by: {maker}

Tệp này KHÔNG phải là bằng chứng: nó chỉ nói cách kiểm tra. Bằng chứng là các chữ ký.
This file proves NOTHING: it tells how to check. The signatures are the evidence.


TIẾNG VIỆT

Có gì trong hồ sơ
  envelope.edxml      văn bản đã gửi, đúng từng byte, có chữ ký của bên gửi
  receipts/           biên nhận và trạng thái, mỗi tệp có chữ ký của cơ quan đã lập
  certificates/       chứng thư của những người ký, lấy từ các chữ ký (không có CA gốc)
  evidence/           CRL, OCSP (nếu có)
  timestamps/         dấu thời gian RFC 3161 (nếu có)
  journal/proof.json  dòng nhật ký về văn bản, đường băm tới mốc có chữ ký của bên lập hồ sơ
  directory.json      danh mục của bên lập hồ sơ nói gì về các cơ quan này (lời của bên lập)
  bundle.json         trạng thái từng lượt gửi (lời của bên lập)
  META-INF/           chữ ký của bên lập hồ sơ trên mọi tệp (ASiC-E, XAdES)
  SHA256SUMS          giá trị băm của mọi tệp

Kiểm tra bằng một lệnh, không cần mạng; root.pem là CA gốc, phải lấy từ nguồn khác hồ sơ này
  docexchange verify X.zip --trust root.pem

Kiểm tra không cần docexchange: giải nén, đặt root.pem vào thư mục đó, rồi chạy

  1. mọi tệp còn nguyên
  $ sha256sum --check SHA256SUMS
  2. bên lập hồ sơ đã ký chính các tệp này
  $ {xmlsec} META-INF/signatures.xml
  3. bên gửi đã ký văn bản, từng byte
  $ {xmlsec} envelope.edxml
  4. từng biên nhận: chữ ký, rồi giá trị băm của văn bản mà nó xác nhận (base64)
  $ for f in receipts/*.edxml; do {xmlsec} "$f" || exit 1; done
  $ grep -L "$(openssl dgst -sha256 -binary envelope.edxml | base64)" receipts/*.edxml
     (lệnh cuối không in ra tên tệp nào: biên nhận nào cũng nói về đúng văn bản này)
  5. chứng thư của ai
  $ for f in certificates/*.pem; do openssl x509 -in "$f" -noout -subject -issuer -dates; done

Chứng thư đã hết hạn: thêm --verification-gmt-time "2026-06-01 00:00:00" vào lệnh xmlsec1 để xét tại
thời điểm đó. Chữ ký không chứng minh thời điểm: thời điểm ký do bên ký tự khai, trừ khi có dấu thời
gian.


ENGLISH

What is in it
  envelope.edxml      the document as it was sent, byte for byte, signed by the sender
  receipts/           receipts and statuses, each signed by the organ that made it
  certificates/       of those who signed, taken from the signatures (no root CA among them)
  evidence/           CRLs, OCSP answers (if there are any)
  timestamps/         RFC 3161 tokens (if there are any)
  journal/proof.json  journal lines about the document, with their paths to a signed checkpoint
  directory.json      what the maker's directory says of these organs (the maker's word)
  bundle.json         how each delivery stood (the maker's word)
  META-INF/           the maker's signature over every file (ASiC-E, XAdES)
  SHA256SUMS          digest of every file

One command, no network; root.pem is the root CA, and must come from elsewhere than this bundle:
  docexchange verify X.zip --trust root.pem

Without docexchange: unzip, put root.pem beside this file, and run the commands above. The last of
step 4 prints no name: every receipt speaks of exactly this document.

If a certificate has expired, --verification-gmt-time "2026-06-01 00:00:00" makes xmlsec1 judge for
that time. A signature proves no time: the signing time is the signer's word unless there is a
timestamp.
"""
