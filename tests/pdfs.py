"""PDFs with signatures, made by pyHanko with keys of the test PKI: of a person and of an organ."""

from __future__ import annotations

import io
from datetime import datetime
from functools import cache
from typing import Any

from asn1crypto import keys as asn1keys
from asn1crypto import x509 as asn1x509
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.writer import PageObject, PdfFileWriter
from pyhanko.sign import signers
from pyhanko.sign.fields import SigSeedSubFilter
from pyhanko_certvalidator.registry import SimpleCertificateStore

from keys.demo_ca import Issued, issue, key_usage
from tests.pki import AT, END, P256, START, Pki, key

ADBE, PADES = SigSeedSubFilter.ADOBE_PKCS7_DETACHED, SigSeedSubFilter.PADES
NAME = "UBND tỉnh Bắc Ninh"


class _At(signers.PdfSigner):
    """Signs at a time that is given."""

    def __init__(self, at: datetime, *given: Any) -> None:
        super().__init__(*given)
        self._at = at

    def init_signing_session(self, *given: Any, **named: Any) -> Any:
        session = super().init_signing_session(*given, **named)
        session.system_time = self._at
        return session


@cache
def person(pki: Pki = P256, start: datetime = START, end: datetime = END) -> Issued:
    """The certificate of a leader."""
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "VN"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, NAME),
            x509.NameAttribute(NameOID.COMMON_NAME, "Nguyễn Văn A"),
        ]
    )
    usage = [(key_usage("digital_signature", "content_commitment"), True)]
    return issue(subject, key(f"{pki.label} person"), pki.issuing, start, end, usage)


def plain(text: str = "Quyet dinh 98") -> bytes:
    """A PDF of one page, unsigned."""
    writer = PdfFileWriter()
    stream = generic.StreamObject(stream_data=f"BT ({text}) Tj ET".encode())
    box = generic.ArrayObject(map(generic.NumberObject, (0, 0, 200, 200)))
    writer.insert_page(PageObject(contents=writer.add_object(stream), media_box=box))
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def sign(
    data: bytes,
    issued: Issued,
    field: str = "Signature1",
    *,
    subfilter: SigSeedSubFilter = ADBE,
    digest: str = "sha256",
    pki: Pki = P256,
    at: datetime = AT,
    **more: Any,
) -> bytes:
    """The same with one more signature, as an increment."""
    private = issued.key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    store = SimpleCertificateStore()
    store.register(asn1x509.Certificate.load(pki.issuing.certificate.der))
    signer = signers.SimpleSigner(
        signing_cert=asn1x509.Certificate.load(issued.certificate.der),
        signing_key=asn1keys.PrivateKeyInfo.load(private),
        cert_registry=store,
    )
    meta = signers.PdfSignatureMetadata(
        field_name=field, subfilter=subfilter, md_algorithm=digest, **more
    )
    out = _At(at, meta, signer).sign_pdf(IncrementalPdfFileWriter(io.BytesIO(data)))
    result: bytes = out.getvalue()
    return result


@cache
def signed() -> bytes:
    """Signed by the leader, then by the organ, as NĐ 30/2020 Art 5 has it."""
    return sign(sign(plain(), person(), "Person"), P256.organ("H05"), "Organ")


def rewritten(data: bytes) -> bytes:
    """The same with another page put over the first, as an increment."""
    writer = IncrementalPdfFileWriter(io.BytesIO(data))
    page = writer.root["/Pages"]["/Kids"][0]
    stream = generic.StreamObject(stream_data=b"BT (Quyet dinh khac) Tj ET")
    page["/Contents"] = writer.add_object(stream)
    writer.update_container(page)
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


__all__ = ["ADBE", "AT", "PADES", "person", "plain", "rewritten", "sign", "signed"]
