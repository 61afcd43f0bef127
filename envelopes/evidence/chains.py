"""The certificates in an envelope, as they stand there: proven by nothing."""

from __future__ import annotations

from typing import BinaryIO

from cryptography.hazmat.primitives.serialization import Encoding

from keys.certificates import Certificate
from keys.errors import CertificateUnusable

from .. import dsig
from ..large import InFile


def chain_of(envelope: BinaryIO) -> tuple[Certificate, ...]:
    """The certificates of the signature of an envelope, leaf first; () if there are none that can
    be read.

    Args:
        envelope: open for reading, seekable; of any size.

    Raises:
        OSError: it cannot be read.
    """
    data = InFile(envelope, envelope.seek(0, 2)).data
    begin = data.find(dsig.START)
    end = data.find(dsig.END, begin) + len(dsig.END)
    signature = dsig.read(data[begin:end]) if 0 <= begin < end else None
    if signature is None:
        return ()
    try:
        return tuple(map(Certificate.from_der, dsig.certificates(signature.fields["certificates"])))
    except (CertificateUnusable, ValueError):
        return ()


def as_pem(certificate: Certificate) -> bytes:
    """A certificate as PEM."""
    return certificate.x509.public_bytes(Encoding.PEM)
