"""The settings of a node: one TOML file into frozen values, or every problem of it at once.

Owns the names, units and bounds of the settings; their defaults stand with the rules that use
them (core.schedule, core.policy) or here. Reads no key, no directory, no broker: `load` needs the
file alone. Every setting, with its reason: deploy/docexchange.example.toml.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from envelopes.codes.organ import problem
from envelopes.large import LARGE_MAX

from .config_broker import BrokerConfig, broker_of
from .config_evidence import RevocationConfig, TimestampConfig, revocation, timestamps
from .core.admission import Backpressure
from .core.policy import MOST_RECIPIENTS, Limits
from .core.schedule import Schedule
from .edges.keysource import SESSIONS, KeySource, PemKey, Pkcs12Key, Secret, TokenSource
from .edges.tomlfile import Section, TomlFile

LANGUAGES = ("vi", "en")
NODE_FORM = r"[A-Za-z0-9_-]{1,64}"  # it becomes part of queue names
VARIABLE_FORM = r"[A-Za-z_][A-Za-z0-9_]*"
VHOST_FORM = r"[A-Za-z0-9._-]{1,128}"  # it becomes the path of an address
STORE_FILE = "store.sqlite3"
QUARANTINE_QUOTA = 2**30  # bytes; 1,000 envelopes of 1 MiB are more than a person looks through


@dataclass(frozen=True, slots=True)
class OrganConfig:
    """An organ that this node serves.

    Args:
        organ_id: its code.
        signer: where its key lies.
        mailroom: vhost of its mailroom on mailroom.url, or "".
        document_chain: PEM file of the certificates that sign its documents when that key is
            elsewhere (documents = "remote"); None when the node signs them itself.
        gives_back: whether the node agrees to a status 13 by itself (recalls = "agree"), or leaves
            it to the mailroom where somebody may have read the document.
    """

    organ_id: str
    signer: KeySource
    mailroom: str = ""
    document_chain: Path | None = None
    gives_back: bool = False


@dataclass(frozen=True, slots=True)
class AxisConfig:
    """The axis (trục) and how much is in hand at once.

    Args:
        broker: its address.
        prefetch_receipts, prefetch_urgent, prefetch_normal: messages in hand per lane.
        outstanding_confirms: publishes per lane that wait for their confirm.
    """

    broker: BrokerConfig
    prefetch_receipts: int = 64
    prefetch_urgent: int = 8
    prefetch_normal: int = 16
    outstanding_confirms: int = 64


@dataclass(frozen=True, slots=True)
class Config:
    """Everything a node is told.

    Args:
        path: the file it was read from.
        node: name of the node, part of its queues' names.
        data: folder of the store.
        directory: the directory of organs, a TOML file.
        directory_authority: certificates of who has to sign it, None when nobody has to.
        trust: PEM file or folder of trust anchors.
        lang: "vi" or "en", of what people read.
        organs: the organs served, by OrganId.
        axis: the axis.
        mailroom: broker of the mailrooms, None when no organ has one.
        retry: waits and lifetimes.
        limits: bounds.
        backpressure: when something new is refused.
        quarantine_quota: bytes kept of one sender's connection in quarantine; beyond it only
            digest, report and the first 64 KiB of an envelope.
        crash_points: True lets the environment kill this process at named points (tests only).
        timestamps: who proves when a signature existed.
        revocation: how the node learns which certificates were revoked.
    """

    path: Path
    node: str
    data: Path
    directory: Path
    trust: Path
    lang: str
    organs: Mapping[str, OrganConfig]
    axis: AxisConfig
    mailroom: BrokerConfig | None
    retry: Schedule
    limits: Limits
    backpressure: Backpressure
    quarantine_quota: int
    crash_points: bool
    directory_authority: Path | None = None
    timestamps: TimestampConfig = field(default_factory=TimestampConfig)
    revocation: RevocationConfig = field(default_factory=RevocationConfig)

    @property
    def store(self) -> Path:
        """The store's file."""
        return self.data / STORE_FILE

    @property
    def key_sources(self) -> Mapping[str, KeySource]:
        """Where the key of each organ lies."""
        return {organ.organ_id: organ.signer for organ in self.organs.values()}

    def mailroom_of(self, organ_id: str) -> str | None:
        """Vhost of an organ's mailroom, None when it has none or is not ours."""
        organ = self.organs.get(organ_id)
        return organ.mailroom or None if organ else None

    def organs_of(self, vhost: str) -> frozenset[str]:
        """The organs that a mailroom may speak for."""
        return frozenset(one.organ_id for one in self.organs.values() if one.mailroom == vhost)

    def vhosts(self) -> tuple[str, ...]:
        """The vhosts of our mailrooms."""
        return tuple(sorted({organ.mailroom for organ in self.organs.values() if organ.mailroom}))


def load(path: Path) -> Config:
    """Read a config file.

    Args:
        path: the TOML file; relative paths in it are relative to its folder.

    Returns:
        The settings; no file that they name has been opened.

    Raises:
        FileError: every problem of the file, as file:line, key, what is wrong.
        ConfigError: the file cannot be read.
    """
    return parse(TomlFile.read(path.absolute()))


def parse(file: TomlFile) -> Config:
    """As `load`, of a file already read."""
    top = file.section()
    node = top.section("node")
    node.required("id", "data", "directory", "trust")
    mailroom = broker_of(top.section("mailroom"), file, vhost=False)
    bounds = top.section("limits")
    test = top.section("test")
    nowhere = file.path.parent
    config = Config(
        path=file.path,
        node=node.text("id", form="A-Z a-z 0-9 _ -", pattern=NODE_FORM),
        data=node.path("data") or nowhere,
        directory=node.path("directory") or nowhere,
        trust=node.path("trust") or nowhere,
        lang=node.text("lang", "vi", '"vi", "en"', "|".join(LANGUAGES)),
        organs=_organs(top.section("organs"), mailroom is not None),
        axis=_axis(top.section("axis"), file),
        mailroom=mailroom,
        retry=_retry(top.section("retry")),
        limits=_limits(bounds),
        backpressure=_backpressure(top.section("backpressure")),
        quarantine_quota=bounds.whole("quarantine_quota", QUARANTINE_QUOTA, 0, 2**40),
        crash_points=test.flag("crash_points"),
        directory_authority=node.path("directory_authority"),
        timestamps=timestamps(top.section("timestamps")),
        revocation=revocation(top.section("revocation")),
    )
    for section in (node, bounds, test, top):
        section.close()
    file.done()
    return config


def _organs(section: Section, mailrooms: bool) -> Mapping[str, OrganConfig]:
    organs: dict[str, OrganConfig] = {}
    for name in section.names:
        table = section.section(name)
        fault = problem(name)
        if fault is not None:
            section.wrong(
                name,
                f"is not an organ's code: {fault.en}",
                f"không phải mã định danh: {fault.vi}",
            )
        organs[name] = OrganConfig(
            organ_id=name,
            signer=_signer(table),
            mailroom=table.text("mailroom", form="A-Z a-z 0-9 . _ -", pattern=VHOST_FORM),
            document_chain=_document_chain(table),
            gives_back=table.text("recalls", "mailroom", '"mailroom", "agree"', "mailroom|agree")
            == "agree",
        )
        if table.has("mailroom") and not mailrooms:
            table.wrong(
                "mailroom",
                "a mailroom needs [mailroom] url, the broker it is on",
                "có mailroom thì phải có [mailroom] url, broker của nó",
            )
        table.close()
    if not organs:
        section.wrong(
            "",
            'no organ is served; write [organs."H05"] key = "...", chain = "..."',
            'chưa có cơ quan nào; viết [organs."H05"] key = "...", chain = "..."',
        )
    return organs


def _signer(table: Section) -> KeySource:
    """Where an organ's key lies: exactly one of key, pkcs12 and pkcs11."""
    key, file, chain = table.path("key"), table.path("pkcs12"), table.path("chain")
    token = table.section("pkcs11")
    passphrase = _secret(table, "passphrase")
    older = table.path("key_passphrase_file", secret=True)  # its name until 0.1
    algorithm = _algorithm(table)
    given = [name for name in ("key", "pkcs12", "pkcs11") if table.has(name)]
    if older is not None and (passphrase.file or passphrase.variable):
        _beside(table, "key_passphrase_file", "passphrase_file")
    for name in given[1:]:
        _beside(table, name, given[0])
    if not given:
        table.wrong(
            "key",
            'is missing (or pkcs12 = "...", or a table pkcs11)',
            'còn thiếu (hoặc pkcs12 = "...", hoặc bảng pkcs11)',
        )
    opens = Secret(older, "") if older else passphrase
    if given[:1] == ["pkcs12"]:
        return Pkcs12Key(file or Path(), chain, opens, algorithm)
    if given[:1] == ["pkcs11"]:
        for name in ("passphrase_file", "passphrase_env", "key_passphrase_file"):
            if table.has(name):
                table.wrong(
                    name,
                    "is for key files; a token has pkcs11.pin_file or pkcs11.pin_env",
                    "dùng cho tệp khoá; token dùng pkcs11.pin_file hoặc pkcs11.pin_env",
                )
        return _token(token, chain, algorithm)
    table.required("chain")
    return PemKey(key or Path(), chain or Path(), opens, algorithm)


def _token(table: Section, chain: Path | None, algorithm: str) -> TokenSource:
    source = TokenSource(
        module=table.path("module") or Path(),
        pin=_secret(table, "pin"),
        token=table.text("token"),
        slot=table.whole("slot", 0, 0, 2**63) if table.has("slot") else None,
        key=table.text("key"),
        key_id=table.text("key_id", form="hex, as 0a1b", pattern=r"([0-9a-fA-F]{2})+"),
        chain=chain,
        sessions=table.whole("sessions", SESSIONS, 1, 64),
        algorithm=algorithm,
    )
    table.required("module")
    for one, other in (("token", "slot"), ("key", "key_id"), ("pin_file", "pin_env")):
        if not table.has(one) and not table.has(other):
            table.wrong(one, f"is missing (or {other})", f"còn thiếu (hoặc {other})")
    if table.has("token") and table.has("slot"):
        _beside(table, "slot", "token")
    table.close()
    return source


def _secret(table: Section, name: str) -> Secret:
    """Where a passphrase or PIN is; what stands there is never repeated: it may be the secret."""
    variable = table.text(
        f"{name}_env",
        form="the name of an environment variable",
        pattern=VARIABLE_FORM,
        secret=True,
    )
    file = table.path(f"{name}_file", secret=True)
    if file is not None and variable:
        _beside(table, f"{name}_env", f"{name}_file")
    return Secret(file, variable)


def _algorithm(table: Section) -> str:
    if not table.has("algorithm"):
        return table.text("algorithm")
    from keys.algorithms import names as algorithm_names

    names = algorithm_names()
    return table.text("algorithm", form=", ".join(names), pattern="|".join(names))


def _beside(table: Section, name: str, other: str) -> None:
    table.wrong(name, f"stands beside {other}; keep one", f"có cả {other}; chỉ giữ một trong hai")


def _document_chain(table: Section) -> Path | None:
    """Two-step signing is for documents: an organ that has it needs a key here all the same, with
    which the node signs receipts and statuses."""
    remote = table.text("documents", "local", '"local", "remote"', "local|remote") == "remote"
    chain = table.path("document_chain")
    if remote and chain is None:
        table.wrong(
            "document_chain",
            'is missing: documents = "remote" needs the certificates of the key that signs them',
            'còn thiếu: documents = "remote" cần chuỗi chứng thư của khoá ký văn bản',
        )
    elif chain is not None and not remote:
        table.wrong(
            "document_chain",
            'is for documents = "remote" only; write that, or take it out',
            'chỉ dùng với documents = "remote"; hãy ghi thêm, hoặc bỏ đi',
        )
    return chain if remote else None


def _axis(section: Section, file: TomlFile) -> AxisConfig:
    broker = broker_of(section, file, vhost=True, required=True)
    axis = AxisConfig(
        broker=broker or BrokerConfig("", None, False, ""),
        prefetch_receipts=section.whole("prefetch_receipts", 64, 1, 10_000),
        prefetch_urgent=section.whole("prefetch_urgent", 8, 1, 10_000),
        prefetch_normal=section.whole("prefetch_normal", 16, 1, 10_000),
        outstanding_confirms=section.whole("outstanding_confirms", 64, 2, 10_000),
    )
    section.close()
    return axis


def _retry(section: Section) -> Schedule:
    usual = Schedule()
    schedule = Schedule(
        unconfirmed=section.spans("unconfirmed", usual.unconfirmed),
        unanswered=section.spans("unanswered", usual.unanswered),
        jitter=section.share("jitter", usual.jitter),
        lifetime=section.span("lifetime", usual.lifetime),
        lifetime_urgent=section.span("lifetime_urgent", usual.lifetime_urgent),
        warn=section.span("warn", usual.warn),
        warn_prompt=section.span("warn_prompt", usual.warn_prompt),
        warn_urgent=section.span("warn_urgent", usual.warn_urgent),
    )
    section.close()
    return schedule


def _limits(section: Section) -> Limits:
    usual = Limits()
    return Limits(
        envelope_bytes=section.whole("envelope_bytes", usual.envelope_bytes, 64 * 1024, 15 * 2**20),
        large_bytes=section.whole("large_bytes", usual.large_bytes, 64 * 1024, LARGE_MAX),
        parts_quota=section.whole("parts_quota", usual.parts_quota, 0, 2**40),
        trial_bytes=section.whole("trial_bytes", usual.trial_bytes, 0, 2**40),
        trial_memory=section.whole("trial_memory", usual.trial_memory, 2**28, 2**40),
        trial_cpu=section.whole("trial_cpu", usual.trial_cpu, 1, 86_400),
        signing_skew=section.span("signing_skew", usual.signing_skew),
        hold_ahead=section.span("hold_ahead", usual.hold_ahead),
        recheck=section.span("recheck", usual.recheck),
        evidence_grace=section.span("evidence_grace", usual.evidence_grace),
        poison_attempts=section.whole("poison_attempts", usual.poison_attempts, 2, 100),
        recipients=section.whole("recipients", usual.recipients, 1, MOST_RECIPIENTS),
        signing_wait=section.span("signing_wait", usual.signing_wait),
        upload_part_bytes=section.whole(
            "upload_part_bytes", usual.upload_part_bytes, 64 * 1024, 16 * 2**20
        ),
        upload_quota=section.whole("upload_quota", usual.upload_quota, 0, 2**40),
        require_pdf_signatures=section.flag("require_pdf_signatures", usual.require_pdf_signatures),
    )


def _backpressure(section: Section) -> Backpressure:
    usual = Backpressure()
    settings = Backpressure(
        warn_free=section.whole("warn_free", usual.warn_free, 0, 2**60),
        refuse_free=section.whole("refuse_free", usual.refuse_free, 0, 2**60),
        reserve_free=section.whole("reserve_free", usual.reserve_free, 0, 2**60),
        share_free=section.share("share_free", usual.share_free),
        recover=section.share("recover", usual.recover),
        open_deliveries=section.whole("open_deliveries", usual.open_deliveries, 1, 2**40),
        open_bytes=section.whole("open_bytes", usual.open_bytes, 1, 2**60),
        per_minute=section.whole("per_minute", usual.per_minute, 0, 2**30),
    )
    if not settings.warn_free >= settings.refuse_free >= settings.reserve_free:
        section.wrong(
            "refuse_free",
            "must lie between reserve_free and warn_free",
            "phải nằm giữa reserve_free và warn_free",
        )
    section.close()
    return settings
