"""What can be wrong with a key or a certificate. Each text says what, and what to do."""

from __future__ import annotations


class KeysError(Exception):
    """Root of every error that this package raises on purpose.

    Args:
        message: English: what is wrong, what to do; never a secret.
        vi: the same in Vietnamese; without it the English one is shown.
    """

    def __init__(self, message: str = "", vi: str = "") -> None:
        super().__init__(message)
        self.vi = vi or message


class KeyUnusable(KeysError):
    """A private key cannot sign: unreadable, locked, too weak, or not the certificate's."""


class KeyLocked(KeyUnusable):
    """A key or PKCS#12 file needs a passphrase, and none was given."""


class CertificateUnusable(KeysError):
    """A certificate, or a file of certificates, cannot be read or made."""


class EvidenceUnusable(KeysError):
    """A CRL or an OCSP answer cannot be read, or says nothing."""
