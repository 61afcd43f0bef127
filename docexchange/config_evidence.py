"""Settings of what proves things beyond the signature: timestamps and revocation."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import cast, get_args
from urllib.parse import urlsplit

from keys.trust import Revocation

from .core.stamping import Stamping
from .edges.tomlfile import Section
from .edges.tsa import TIMEOUT as TSA_TIMEOUT
from .edges.webfetch import Rules

OID_FORM = r"[0-2](\.(0|[1-9][0-9]*))+"
HOST_FORM = r"(?=.{1,260}$)[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:[0-9]{1,5})?"
POLICIES = get_args(Revocation)


@dataclass(frozen=True, slots=True)
class TimestampConfig:
    """Timestamping authorities (TSA).

    Args:
        urls: addresses, in the order in which they are asked; () for none.
        trust: PEM file or folder of their anchors; None: those of the node.
        timeout: for one request.
        stamping: how they are asked.
    """

    urls: tuple[str, ...] = ()
    trust: Path | None = None
    timeout: timedelta = TSA_TIMEOUT
    stamping: Stamping = field(default_factory=Stamping)


@dataclass(frozen=True, slots=True)
class RevocationConfig:
    """How the node learns which certificates were revoked.

    Args:
        policy: what it asks of revocation; see `keys.trust.Revocation`.
        rules: which hosts it may ask; without any, evidence is imported only.
    """

    policy: Revocation = "off"
    rules: Rules = field(default_factory=Rules)


def timestamps(section: Section) -> TimestampConfig:
    """Read the section `timestamps`."""
    usual = Stamping()
    urls = section.texts("urls", "https://TSA/path", r"https?://.+")
    for url in urls:
        if _tsa_problem(url):
            section.wrong(
                "urls",
                f"{url[:80]}: {_tsa_problem(url)}; write https://HOST/PATH or http://HOST/PATH",
                f"{url[:80]}: không phải địa chỉ; viết https://HOST/PATH hoặc http://HOST/PATH",
            )
    policies = section.texts("policies", "an OID, as 1.3.6.1.4.1.1", OID_FORM)
    found = TimestampConfig(
        urls=urls,
        trust=section.path("trust"),
        timeout=section.span("timeout", TSA_TIMEOUT),
        stamping=Stamping(
            policy=section.text("policy", form="an OID, as 1.3.6.1.4.1.1", pattern=OID_FORM),
            policies=policies,
            every=section.span("every", usual.every),
            batch=section.whole("batch", usual.batch, 1, 1000),
            tree_from=section.whole("tree_from", usual.tree_from, 2, 1000),
            retry=section.span("retry", usual.retry),
            warn=section.spans("warn", usual.warn),
            clock_skew=section.span("clock_skew", usual.clock_skew),
        ),
    )
    section.close()
    return found


def _tsa_problem(url: str) -> str:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        return str(error)
    if not host or parts.username or parts.fragment:
        return "is no address of an authority"
    return ""


def revocation(section: Section) -> RevocationConfig:
    """Read the section `revocation`."""
    usual = Rules()
    words = " | ".join(f'"{one}"' for one in POLICIES)
    policy = section.text("policy", "off", words, "|".join(POLICIES))
    form = "a host name, as crl.example.vn or crl.example.vn:8080"
    hosts = {one.lower() for one in section.texts("hosts", form, HOST_FORM)}
    private = {one.lower() for one in section.texts("private_hosts", form, HOST_FORM)}
    if hosts and policy == "off":
        section.wrong(
            "hosts",
            'nobody is asked while policy = "off"; write policy = "check" or "required"',
            'không hỏi ai khi policy = "off"; hãy ghi policy = "check" hoặc "required"',
        )
    if strange := sorted(private - hosts):
        section.wrong(
            "private_hosts",
            f"{', '.join(strange)}: name it in hosts, too",
            f"{', '.join(strange)}: phải có trong hosts",
        )
    found = RevocationConfig(
        cast("Revocation", policy),
        Rules(frozenset(hosts), frozenset(private), section.span("timeout", usual.timeout)),
    )
    section.close()
    return found
