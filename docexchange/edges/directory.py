"""The directory of organs (danh mục cơ quan): who is who, which node serves whom, and whose
certificate speaks for whom. One TOML file:

    number = 7                      # one more with each change, for `authority`

    [organs."H01"]
    name = "UBND tỉnh An Giang"
    node = "H01"
    certificates = [{ fingerprint = "<hex SHA-256>", from = 2026-01-01, until = 2028-01-01 }]

    [organs."H13"]
    name = "UBND thành phố Cần Thơ"
    node = "H13"
    subject_rule = true             # organizationIdentifier of the certificate equals the code
    issuers = ["<hex SHA-256 of a CA certificate>"]     # ... under these CAs only

    [closed."H02"]
    name = "UBND tỉnh Bắc Giang"
    successor = "H05"

Codes are compared as they are, byte for byte: a code in other letters is another code. An old
code (000.00.00.H05) is an entry of its own. A closed code also stands for what lies below it. A
code of any form may be listed (28.22.H17, vxp.saas.03 are in use); what is no code at all is a
fault of the file (`envelopes.codes.organ`). Codes closed by decree need no entry: `core.policy`
knows them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from envelopes.codes.organ import level_one, problem
from keys.certificates import Certificate

from ..core.ports import Organ
from .files import read_bounded
from .tomlfile import Section, TomlFile

_FINGERPRINT = r"[0-9a-f]{64}"
DIRECTORY_BYTES = 64 * 1024 * 1024  # 100,000 organs with two certificates each are about 30 MB


class TomlDirectory:
    """The directory as it stood when it was read; implements core.ports.Directory and
    envelopes.verify.Binding.

    Args:
        file: the parsed file.
        sha256: hex digest of its bytes.

    Raises:
        FileError: every problem of the file.
    """

    def __init__(self, file: TomlFile, sha256: str) -> None:
        self.sha256 = sha256
        top = file.section()
        self.number = top.whole("number", 0, 1, 2**53) if top.has("number") else None
        organs, closed = top.section("organs"), top.section("closed")
        self._organs = {name: _organ(name, organs.section(name)) for name in organs.names}
        self._closed = {name: _closed(name, closed.section(name)) for name in closed.names}
        for name in self._closed:
            if name in self._organs:
                closed.wrong(
                    name, "is also listed under [organs]", "cũng có trong [organs]; chỉ giữ một"
                )
        top.close()
        for section in (organs, closed):
            _check_names(section)
        file.done()
        self._holders = _holders(self._organs)

    @classmethod
    def load(cls, path: Path) -> TomlDirectory:
        """Read a directory file. Raises FileError, ConfigError (cannot be read, too large)."""
        data = read_bounded(path, DIRECTORY_BYTES)
        return cls(TomlFile(path, data), hashlib.sha256(data).hexdigest())

    def organs(self) -> tuple[Organ, ...]:
        """Every entry, closed codes last."""
        return (*self._organs.values(), *self._closed.values())

    def find(self, organ_id: str) -> Organ | None:
        """The entry of exactly this code; else the closed code that it lies under; else None."""
        listed = self._organs.get(organ_id) or self._closed.get(organ_id)
        return listed or self._closed.get(level_one(organ_id))

    def speaks_for(
        self, organ_id: str, chain: Sequence[Certificate], at: datetime
    ) -> tuple[bool | None, str]:
        """Whether the leaf of a chain may sign for an organ at a time.

        Args:
            organ_id: of the envelope's From.
            chain: leaf first, up to and with the trust anchor.
            at: aware; the time that the signature is judged for.

        Returns:
            True and by what; False and for whom the certificate is known, or why it no longer
            speaks; None when the directory binds neither.
        """
        leaf = chain[0]
        organ = self._organs.get(organ_id)
        if organ is not None and leaf.fingerprint in organ.fingerprints:
            return _listed(organ, leaf, at)
        others = self._holders.get(leaf.fingerprint, ())
        if others:
            return False, f"the certificate is listed for {', '.join(others)}, not for {organ_id}"
        return self._by_subject(organ_id, organ, chain)

    def _by_subject(
        self, organ_id: str, organ: Organ | None, chain: Sequence[Certificate]
    ) -> tuple[bool | None, str]:
        named = chain[0].organ_id
        issuers = frozenset(issuer.fingerprint for issuer in chain[1:])
        holder = self._organs.get(named)
        if holder is None or not holder.subject_rule or not issuers & holder.issuers:
            known = "is not listed" if organ is None else "lists neither this certificate nor a CA"
            return None, f"the directory binds no such certificate: {organ_id} {known}"
        if named != organ_id:
            return False, f"the certificate names {named} as its organ, not {organ_id}"
        return True, f"organizationIdentifier {named}, under a CA that the directory names"


def _listed(organ: Organ, leaf: Certificate, at: datetime) -> tuple[bool, str]:
    begins, ends = organ.fingerprints[leaf.fingerprint]
    if begins is not None and at < begins:
        return False, f"listed for {organ.organ_id} only from {begins:%Y-%m-%d %H:%MZ}"
    if ends is not None and at >= ends:
        return False, f"listed for {organ.organ_id} only until {ends:%Y-%m-%d %H:%MZ}"
    return True, f"listed for {organ.organ_id}"


def _organ(name: str, table: Section) -> Organ:
    fingerprints: dict[str, tuple[datetime | None, datetime | None]] = {}
    for one in table.tables("certificates"):
        fingerprint = one.text("fingerprint", form="SHA-256, 64 × 0-9 a-f", pattern=_FINGERPRINT)
        begins, ends = one.moment("from"), one.moment("until")
        one.required("fingerprint")
        if begins is not None and ends is not None and ends <= begins:
            one.wrong("until", "is not after from", "không sau from")
        one.close()
        fingerprints[fingerprint] = (begins, ends)
    organ = Organ(
        organ_id=name,
        name=table.text("name"),
        node=table.text("node", form="A-Z a-z 0-9 _ -", pattern=r"[A-Za-z0-9_-]{1,64}"),
        fingerprints=fingerprints,
        subject_rule=table.flag("subject_rule"),
        issuers=frozenset(table.texts("issuers", '["<SHA-256, 64 × 0-9 a-f>"]', _FINGERPRINT)),
    )
    table.required("name", "node")
    if organ.subject_rule and not organ.issuers and not table.has("issuers"):
        table.wrong(
            "subject_rule",
            "needs issuers, the CAs under which the name in a certificate is believed",
            "cần issuers: các CA mà tên trong chứng thư được tin",
        )
    table.close()
    return organ


def _closed(name: str, table: Section) -> Organ:
    organ = Organ(
        organ_id=name, name=table.text("name"), closed=True, successor=table.text("successor")
    )
    table.required("name")
    fault = problem(organ.successor) if organ.successor else None
    if fault is not None:
        table.wrong(
            "successor",
            f"is not an organ's code: {fault.en}",
            f"không phải mã định danh: {fault.vi}",
        )
    table.close()
    return organ


def _check_names(section: Section) -> None:
    for name in section.names:
        fault = problem(name)
        if fault is not None:
            section.wrong(
                name,
                f"is not an organ's code: {fault.en}",
                f"không phải mã định danh: {fault.vi}",
            )


def _holders(organs: Mapping[str, Organ]) -> Mapping[str, tuple[str, ...]]:
    holders: dict[str, tuple[str, ...]] = {}
    for organ in organs.values():
        for fingerprint in organ.fingerprints:
            holders[fingerprint] = (*holders.get(fingerprint, ()), organ.organ_id)
    return holders
