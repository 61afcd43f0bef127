"""Where a broker is and how we log in there: part of `config`.

TLS is verified always: no setting, and nothing in an address, turns that off. amqp:// without TLS
goes to this machine only, unless allow_plain says that the network is closed.
"""

from __future__ import annotations

import ipaddress
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from .core.errors import ConfigError
from .edges.files import read_bounded, read_private
from .edges.tomlfile import Section, TomlFile


@dataclass(frozen=True, slots=True)
class Tls:
    """What is shown to a broker and believed of it.

    Args:
        ca: PEM file of the authorities that may have issued the broker's certificate; None: those
            of the operating system.
        certificate, key: PEM files by which we log in instead of a password (EXTERNAL), or None.
    """

    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None

    def problem(self, url: str) -> tuple[str, str] | None:
        """What of an address does not fit, in English and Vietnamese."""
        parts = urlsplit(url)
        if parts.scheme != "amqps" and (self.ca or self.certificate):
            return (
                "is amqp://, on which no certificate counts; write amqps://",
                "là amqp://, không dùng chứng thư; viết amqps://",
            )
        if self.certificate and (not parts.username or parts.password is not None):
            return (
                "needs the user that the certificate stands for, without a password; "
                "write amqps://USER@HOST:5671",
                "cần tên người dùng của chứng thư, không có mật khẩu; viết amqps://USER@HOST:5671",
            )
        return None

    def added_to(self, url: str) -> str:
        """The address with the files in it, in the form of the AMQP library.

        Raises:
            ConfigError: they cannot be used.
            PermissionRefused: others can read the key.
        """
        if urlsplit(url).scheme != "amqps" or not (self.ca or self.certificate):
            return url
        self._try()
        options = {"cafile": str(self.ca)} if self.ca else {}
        if self.certificate:
            options |= {"certfile": str(self.certificate), "keyfile": str(self.key)}
            options["auth"] = "external"
        return f"{url}?{urlencode(options)}"

    def _try(self) -> None:
        """Load them once, so that a wrong file is told at the start and not by every attempt."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        if self.ca is not None:
            data = read_bounded(self.ca).decode("ascii", "replace")
            try:
                context.load_verify_locations(cadata=data)
            except (ssl.SSLError, ValueError) as error:
                raise _no_pem(self.ca, error) from error
        if self.certificate is None or self.key is None:
            return
        read_private(self.key)
        read_bounded(self.certificate)
        try:
            context.load_cert_chain(self.certificate, self.key, password=_refuse_passphrase)
        except ssl.SSLError as error:
            raise ConfigError(
                f"{self.certificate}: does not go with {self.key}: {error.reason}",
                f"{self.certificate}: không đi với {self.key}: {error.reason}",
            ) from error
        except _Encrypted:
            raise ConfigError(
                f"{self.key}: is encrypted; take the passphrase off and keep its mode 0600",
                f"{self.key}: có mật khẩu; hãy bỏ mật khẩu và giữ quyền 0600",
            ) from None


class _Encrypted(Exception):
    """OpenSSL asked for a passphrase: nobody is there to type one."""


def _refuse_passphrase() -> str:
    raise _Encrypted


def _no_pem(path: Path, error: Exception) -> ConfigError:
    return ConfigError(
        f"{path}: holds no certificates in PEM: {error}",
        f"{path}: không có chứng thư PEM: {error}",
    )


@dataclass(frozen=True, slots=True)
class BrokerConfig:
    """Address of a broker, which may hold a password and therefore is never printed.

    Args:
        written: the address in the config, or "".
        file: private file that holds it instead, or None.
        allow_plain: True allows amqp:// (no TLS) to other machines.
        where: file:line of the setting, for messages.
        tls: which certificates are shown and believed.
        vhost: whether the address names the vhost; a mailroom's is named by its organ.
    """

    written: str = field(repr=False)
    file: Path | None
    allow_plain: bool
    where: str
    tls: Tls = Tls()
    vhost: bool = True

    def url(self) -> str:
        """The address, read now.

        Raises:
            ConfigError: a file cannot be read, or the address is not one we may use.
            PermissionRefused: others can read the file, or the key of the certificate.
        """
        if self.file is None:
            return self.tls.added_to(self.written)
        url = read_private(self.file).decode("utf-8", "replace").strip()
        problem = url_problem(url, self.allow_plain, vhost=self.vhost) or self.tls.problem(url)
        if problem is not None:
            raise ConfigError(f"{self.file}: {problem[0]}", f"{self.file}: {problem[1]}")
        return self.tls.added_to(url)

    def other(self, url: str) -> str:
        """An address that a person gave for this broker, with another login: the same rules, and
        the same authorities are believed. Raises ConfigError: we may not use it."""
        problem = url_problem(url, self.allow_plain, vhost=self.vhost)
        if problem is not None:
            option = "--url" if self.vhost else "--mailroom-url"
            raise ConfigError(f"{option} {problem[0]}", f"{option} {problem[1]}")
        return Tls(ca=self.tls.ca).added_to(url)


def broker_of(
    section: Section, file: TomlFile, *, vhost: bool, required: bool = False
) -> BrokerConfig | None:
    """Read `url` or `url_file` and what belongs to it; None when the section is not there."""
    written, in_file = section.text("url"), section.path("url_file")
    allow_plain = section.flag("allow_plain")
    tls = _tls(section)
    if section.has("url") == section.has("url_file"):
        if section.has("url"):
            section.wrong(
                "url_file", "stands beside url; keep one", "có cả url; chỉ giữ một trong hai"
            )
        elif section or required:
            section.wrong("url", "is missing (or url_file)", "còn thiếu (hoặc url_file)")
    elif section.has("url"):
        problem = url_problem(written, allow_plain, vhost=vhost) or tls.problem(written)
        if problem is not None:
            section.wrong("url", *problem)
    if not vhost:
        section.close()
    if not section:
        return None
    key = (*section.key, "url" if section.has("url") else "url_file")
    where = f"{file.path}:{file.line(key)}"
    return BrokerConfig(written, in_file, allow_plain, where, tls, vhost)


def _tls(section: Section) -> Tls:
    certificate, key = section.path("certificate"), section.path("certificate_key")
    for one, other in (("certificate", "certificate_key"), ("certificate_key", "certificate")):
        if section.has(one) and not section.has(other):
            section.wrong(other, f"is missing beside {one}", f"còn thiếu bên cạnh {one}")
    return Tls(section.path("ca"), certificate, key)


def url_problem(url: str, allow_plain: bool, *, vhost: bool = True) -> tuple[str, str] | None:
    """What is wrong with a broker's address, in English and Vietnamese; never repeats it."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        host, parts = "", urlsplit("")
    if parts.scheme not in ("amqp", "amqps") or not host:
        form = "amqps://USER:PASSWORD@HOST:5671" + ("/VHOST" if vhost else "")
        return f"is not a broker's address; write {form}", f"không phải địa chỉ broker; viết {form}"
    if parts.query or parts.fragment:
        return (
            "carries options after ?; certificates are ca, certificate and certificate_key",
            "có tuỳ chọn sau dấu ?; chứng thư ghi ở ca, certificate và certificate_key",
        )
    if not vhost and parts.path not in ("", "/"):
        return (
            "names a vhost; each organ names its own (organs.*.mailroom)",
            "có vhost; mỗi cơ quan tự ghi vhost của mình (organs.*.mailroom)",
        )
    if parts.scheme == "amqp" and not allow_plain and not _is_loopback(host):
        return (
            f"amqp:// to {host} would send the password unencrypted; "
            "write amqps://, or allow_plain = true inside a closed network",
            f"amqp:// tới {host} gửi mật khẩu không mã hoá; "
            "viết amqps://, hoặc allow_plain = true trong mạng riêng",
        )
    return None


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
