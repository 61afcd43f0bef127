"""Certificate chains (chuỗi chứng thư): in order, leaf first, and belonging to a key."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

from keys.certificates import Certificate, PublicKey, spki
from keys.errors import KeyUnusable


def order(public_key: PublicKey, certificates: Iterable[Certificate]) -> tuple[Certificate, ...]:
    """Put certificates in order: the key's own, its issuer, the issuer's, without the root.

    What does not belong to the chain is left out, a self-signed root too. The chain may end
    before its root: whether it is complete is for `keys.trust`.

    Raises:
        KeyUnusable: none of them belongs to the key.
    """
    left = list(dict.fromkeys(certificates))
    own = spki(public_key)
    at = next((one for one in left if spki(one.public_key) == own), None)
    if at is None:
        raise KeyUnusable(
            f"none of the {len(left)} certificate(s) belongs to the key",
            f"không chứng thư nào trong {len(left)} chứng thư thuộc về khoá này",
        )
    chain = [at]
    while not at.is_self_signed:
        left.remove(at)
        issuer = next((one for one in left if at.issued_by(one)), None)
        if issuer is None or issuer.is_self_signed:
            break
        chain.append(issuer)
        at = issuer
    return tuple(chain)


def without_root(chain: tuple[Certificate, ...]) -> tuple[Certificate, ...]:
    """A chain without the self-signed root at its end; a lone certificate stays."""
    if len(chain) > 1 and chain[-1].is_self_signed:
        return chain[:-1]
    return chain


def require_fit(public_key: PublicKey, chain: Sequence[Certificate]) -> None:
    """Refuse a chain that is not the key's, may not sign, or is out of order.

    Raises:
        KeyUnusable: the text says which of these, and what to do.
    """
    leaf = chain[0]
    if spki(public_key) != spki(leaf.public_key):
        raise KeyUnusable(
            f"the key does not belong to the first certificate of the chain ({leaf.subject}): "
            "put the organ's own certificate first, or give the key that belongs to it",
            f"khoá không thuộc chứng thư đầu tiên của chuỗi ({leaf.subject}): đặt chứng thư của "
            "cơ quan lên đầu, hoặc đưa đúng khoá của nó",
        )
    if not leaf.may_sign:
        raise KeyUnusable(
            f"the certificate {leaf.subject} may not sign: its KeyUsage has neither "
            "digitalSignature nor nonRepudiation",
            f"chứng thư {leaf.subject} không được ký: KeyUsage không có digitalSignature "
            "lẫn nonRepudiation",
        )
    for certificate, issuer in pairwise(chain):
        if not certificate.issued_by(issuer):
            raise KeyUnusable(
                f"the chain is out of order: {certificate.subject} was not issued by the next "
                f"certificate, {issuer.subject}, but by {certificate.issuer}",
                f"chuỗi chứng thư sai thứ tự: {certificate.subject} không do chứng thư kế tiếp "
                f"({issuer.subject}) cấp mà do {certificate.issuer}",
            )
