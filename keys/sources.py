"""Where a certificate says that its revocation is told: addresses of CRLs and OCSP responders.

An address is a hint by whoever issued the certificate. Nothing is fetched here, and whoever fetches
asks only certificates that have a path to a trust anchor, and only hosts that its operator allows.

Source: RFC 5280, clauses 4.2.1.13 and 4.2.2.1.
"""

from __future__ import annotations

from cryptography import x509
from cryptography.x509.oid import AuthorityInformationAccessOID

from keys.certificates import Certificate


def crl_sources(certificate: Certificate) -> tuple[str, ...]:
    """The http(s) addresses of its CRLs, in its order."""
    return tuple(
        name.value
        for point in points_of(certificate)
        if point.crl_issuer is None
        for name in point.full_name or ()
        if isinstance(name, x509.UniformResourceIdentifier) and _is_web(name.value)
    )


def ocsp_sources(certificate: Certificate) -> tuple[str, ...]:
    """The http(s) addresses of its OCSP responders, in its order."""
    return tuple(
        entry.access_location.value
        for extension in certificate.x509.extensions
        if isinstance(extension.value, x509.AuthorityInformationAccess)
        for entry in extension.value
        if entry.access_method == AuthorityInformationAccessOID.OCSP
        and isinstance(entry.access_location, x509.UniformResourceIdentifier)
        and _is_web(entry.access_location.value)
    )


def _is_web(url: str) -> bool:
    return url.lower().startswith(("http://", "https://"))


def points_of(certificate: Certificate) -> tuple[x509.DistributionPoint, ...]:
    """Its CRL distribution points, in its order."""
    for extension in certificate.x509.extensions:
        if isinstance(extension.value, x509.CRLDistributionPoints):
            return tuple(extension.value)
    return ()
