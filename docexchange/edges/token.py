"""PKCS#11: loads the module of a token or HSM, logs in once, finds key and certificates.

The only place that knows python-pkcs11 (optional extra `pkcs11`). Facts that shape it:

- python-pkcs11 calls C_Initialize(NULL), which tells a module that there is one thread; with more
  than one session that is a data race. `_load` initialises the module again with
  CKF_OS_LOCKING_OK; a module that cannot do that is used by one thread at a time.
- Login holds for all sessions of this process on a token, and logging out one session logs out
  all. So one session per token logs in and does nothing else; the others come and go.
- Each wrong PIN counts, so a PIN that was refused is never given again by this process, and none
  is given on the token's last try.

Source: PKCS #11 v2.40 base specification, clauses 5.4, 5.6 and 5.13.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

from keys.algorithms import SignatureAlgorithm
from keys.certificates import Certificate
from keys.errors import CertificateUnusable

from ..core.errors import ConfigError, Deferred
from .keysource import TokenSource
from .tokenpool import Lost, SessionPool, TokenUnusable

_OS_LOCKING_OK = 0x2  # CKF_OS_LOCKING_OK
_Lock: TypeAlias = AbstractContextManager[bool]  # an RLock, whose type has no public name
_MODULES = threading.Lock()
_PLACES: dict[tuple[str, int], _Place] = {}


def open_pool(source: TokenSource) -> tuple[SessionPool, tuple[Certificate, ...]]:
    """Log in to a token and find its key.

    Returns:
        The pool, with one session open, and the certificates on the token, the key's own first
        (by CKA_ID); empty when its own is not there.

    Raises:
        ConfigError: no such module, token or key; the PIN is wrong or locked (never tried twice).
        PermissionRefused: others can read the PIN's file.
        Deferred: the token is away.
    """
    pin = (source.pin.read() or b"").decode("utf-8", "replace")
    try:
        place = _place(source, pin)
        pool = SessionPool(lambda: place.session(source), source.sessions, source.where)
        pool.open()
        return pool, place.certificates(source)
    except Lost as lost:
        raise Deferred(
            f"{source.where}: the token does not answer ({lost})",
            f"{source.where}: token không trả lời ({lost})",
        ) from lost


@dataclass
class _Place:
    """A token in its slot, and our login to it; shared by every key that we use there."""

    module: Any
    slot: int
    pin: str = field(repr=False)
    threads: _Lock | None  # held around every call when the module knows no threads
    _login: Any = None
    _probe: Any = None
    _refused_pin: str = field(default="", repr=False)
    _generation: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def session(self, source: TokenSource) -> _TokenSession:
        """A session of its own that has found the key. Raises Lost, TokenUnusable."""
        with _told(source), _one_thread(self.threads):
            with self._lock:
                if self._login is None:
                    self._login = self._log_in()
                    self._probe = self._first_key()
                login, probe, generation = self._login, self._probe, self._generation
            try:
                _require_login(probe)
                return self._open(login.token, source, generation)
            except _pkcs11().SessionCount as error:
                raise TokenUnusable(
                    f"the token has no more than that many sessions: lower sessions = "
                    f"{source.sessions}",
                    f"token không có nhiều phiên như vậy: giảm sessions = {source.sessions}",
                ) from error
            except _pkcs11().PKCS11Error:
                self.forget(generation)
                raise

    def _open(self, token: Any, source: TokenSource, generation: int) -> _TokenSession:
        session = token.open()
        try:
            return _TokenSession(self, session, _find_key(session, source), generation)
        except BaseException as error:
            with suppress(_pkcs11().PKCS11Error):
                session.close()
            if isinstance(error, TokenUnusable) and generation != self._generation:
                raise Lost("logged out meanwhile") from error  # so the key was invisible
            raise

    def _first_key(self) -> Any:
        """Any private key, through the session that is logged in; None if there is none."""
        pkcs11 = _pkcs11()
        keys = {pkcs11.Attribute.CLASS: pkcs11.ObjectClass.PRIVATE_KEY}
        return next(iter(list(self._login.get_objects(keys))), None)

    def use(self, pin: str) -> None:
        """Take a PIN for the next login. Raises TokenUnusable: another one is in use."""
        with self._lock:
            if self._login is not None and pin != self.pin:
                raise TokenUnusable(
                    "two keys on this token name different PINs; a token has one",
                    "hai khoá trên token này ghi mã PIN khác nhau; mỗi token chỉ có một mã",
                )
            self.pin = pin

    def forget(self, generation: int) -> None:
        """Log out, unless that has been done since: the next session logs in again."""
        with _one_thread(self.threads), self._lock:
            if generation != self._generation or self._login is None:
                return
            self._generation += 1
            with suppress(_pkcs11().PKCS11Error):
                self._login.close()
            self._login = None

    def certificates(self, source: TokenSource) -> tuple[Certificate, ...]:
        """The certificates on the token, the key's own (by CKA_ID) first; () without that one."""
        pkcs11 = _pkcs11()
        found: list[tuple[bool, Certificate]] = []
        with _told(source), _one_thread(self.threads):
            own = _find_key(self._login, source)[pkcs11.Attribute.ID]
            for one in self._login.get_objects(
                {pkcs11.Attribute.CLASS: pkcs11.ObjectClass.CERTIFICATE}
            ):
                with suppress(CertificateUnusable, pkcs11.AttributeTypeInvalid):
                    certificate = Certificate.from_der(one[pkcs11.Attribute.VALUE])
                    found.append((one[pkcs11.Attribute.ID] != own, certificate))
        found.sort(key=lambda each: (each[0], each[1].fingerprint))
        if not found or found[0][0]:
            return ()
        return tuple(certificate for _, certificate in found)

    def _log_in(self) -> Any:
        pkcs11 = _pkcs11()
        token = _slot(self.module, self.slot).get_token()
        if token.flags & pkcs11.TokenFlag.USER_PIN_LOCKED:
            raise pkcs11.PinLocked
        if token.flags & pkcs11.TokenFlag.USER_PIN_FINAL_TRY:
            raise TokenUnusable(
                "one more wrong PIN would lock the token, so it is not tried; log in once by hand "
                "(pkcs11-tool --login --test) and check the PIN",
                "sai mã PIN một lần nữa sẽ khoá token nên không thử; hãy đăng nhập một lần bằng "
                "tay (pkcs11-tool --login --test) và kiểm tra mã PIN",
            )
        if self.pin == self._refused_pin:
            raise pkcs11.PinIncorrect
        try:
            return token.open(user_pin=self.pin)
        except pkcs11.UserAlreadyLoggedIn:  # logging out failed when the token was lost
            return token.open()
        except (pkcs11.PinIncorrect, pkcs11.PinInvalid, pkcs11.PinLenRange):
            self._refused_pin = self.pin
            raise


class _TokenSession:
    """One session with its key; implements tokenpool.Session."""

    def __init__(self, place: _Place, session: Any, key: Any, generation: int) -> None:
        self._place, self._session, self._key = place, session, key
        self._kind = key.key_type.name.lower()
        self._generation = generation

    def sign(self, algorithm: SignatureAlgorithm, prepared: bytes) -> bytes:
        mechanism, parameter = _mechanism(algorithm)
        if self._kind != algorithm.key_type:  # modules say anything to that, success included
            raise TokenUnusable(
                f"the key on the token is {self._kind}, the certificate's is "
                f"{algorithm.key_type}: it is the certificate of another key",
                f"khoá trên token là {self._kind}, khoá của chứng thư là {algorithm.key_type}: "
                "chứng thư này thuộc khoá khác",
            )
        try:
            with _one_thread(self._place.threads):
                value = self._key.sign(prepared, mechanism=mechanism, mechanism_param=parameter)
        except _cannot() as error:
            raise TokenUnusable(
                f"the token cannot do {algorithm.name} with this key ({_said(error)}): choose "
                "another algorithm",
                f"token không ký được bằng {algorithm.name} với khoá này ({_said(error)}): chọn "
                "algorithm khác",
            ) from error
        except _pkcs11().PKCS11Error as error:
            self._place.forget(self._generation)
            raise Lost(_said(error)) from error
        return bytes(value)

    def close(self) -> None:
        with suppress(_pkcs11().PKCS11Error), _one_thread(self._place.threads):
            self._session.close()  # it never logged in, so this logs nobody out


@cache
def _pkcs11() -> Any:
    try:
        import pkcs11
    except ImportError as error:
        raise ConfigError(
            "a key on a token needs python-pkcs11; run: pip install 'docexchange[pkcs11]'",
            "khoá trên token cần python-pkcs11; chạy: pip install 'docexchange[pkcs11]'",
        ) from error
    return pkcs11


def _cannot() -> tuple[type[Exception], ...]:
    """What a module says to a mechanism that it, or this key, does not have."""
    pkcs11 = _pkcs11()
    return (
        pkcs11.MechanismInvalid,
        pkcs11.MechanismParamInvalid,
        pkcs11.KeyTypeInconsistent,
        pkcs11.KeySizeRange,
        pkcs11.FunctionNotSupported,
    )


def _place(source: TokenSource, pin: str) -> _Place:
    """The token in its slot, the same one for every key of this process that lies there."""
    with _MODULES, _told(source):
        module, threads = _load(source.module)
        with _one_thread(threads):
            slot = source.slot if source.slot is not None else _slot_of(module, source.token)
        place = _PLACES.setdefault((str(source.module), slot), _Place(module, slot, pin, threads))
        place.use(pin)
        return place


@cache
def _load(path: Path) -> tuple[Any, _Lock | None]:
    """A module, initialised; and a lock if only one thread may use it at a time."""
    if not path.is_file():
        raise TokenUnusable(
            "there is no such module; it comes with the token's driver",
            "không có thư viện này; nó đi kèm trình điều khiển của token",
        )
    try:
        module = _pkcs11().lib(str(path))
    except _pkcs11().PKCS11Error as error:
        raise TokenUnusable(
            f"is no PKCS#11 module that works here ({_said(error)})",
            f"không phải thư viện PKCS#11 dùng được ở đây ({_said(error)})",
        ) from error
    if _initialise_for_threads(path):
        return module, None
    return module, threading.RLock()


class _InitializeArguments(ctypes.Structure):
    """CK_C_INITIALIZE_ARGS: no mutex functions of ours, flags, nothing reserved."""

    _fields_ = (
        *((f"mutex{number}", ctypes.c_void_p) for number in range(4)),
        ("flags", ctypes.c_ulong),
        ("reserved", ctypes.c_void_p),
    )


def _initialise_for_threads(path: Path) -> bool:
    """Finalise and initialise a module so that threads may use it; False if it cannot do that."""
    library = ctypes.CDLL(str(path))  # the same handle that python-pkcs11 has
    if not hasattr(library, "C_Initialize") or not hasattr(library, "C_Finalize"):
        return False
    library.C_Finalize(None)
    arguments = _InitializeArguments(flags=_OS_LOCKING_OK)
    if library.C_Initialize(ctypes.byref(arguments)) == 0:
        return True
    library.C_Initialize(None)
    return False


def _slot_of(module: Any, label: str) -> int:
    """The slot of the token with a label."""
    pkcs11 = _pkcs11()
    try:
        return int(module.get_token(token_label=label).slot.slot_id)
    except pkcs11.NoSuchToken as error:
        there = [repr(token.label) for token in module.get_tokens() if token.label]
        raise TokenUnusable(
            f"no token has that label; there are: {', '.join(there) or 'none'}",
            f"không có token nào tên như vậy; hiện có: {', '.join(there) or 'không có'}",
        ) from error
    except pkcs11.MultipleTokensReturned as error:
        raise TokenUnusable(
            "several tokens have that label: name the slot instead (slot = NUMBER)",
            "nhiều token cùng tên: hãy ghi số khe (slot = SỐ)",
        ) from error


def _slot(module: Any, number: int) -> Any:
    for slot in module.get_slots():
        if slot.slot_id == number:
            return slot
    there = ", ".join(str(slot.slot_id) for slot in module.get_slots(token_present=True))
    raise TokenUnusable(
        f"there is no such slot; slots with a token: {there or 'none'}",
        f"không có khe này; khe có token: {there or 'không có'}",
    )


def _require_login(probe: Any) -> None:
    """Raise what the module says when our login is gone: without it keys are only invisible.

    An attribute is read, since a search on a dead session leaves python-pkcs11 with an error that
    it can only print.
    """
    if probe is not None:
        probe[_pkcs11().Attribute.ID]


def _find_key(session: Any, source: TokenSource) -> Any:
    """The private key. Raises TokenUnusable: none, or several."""
    pkcs11 = _pkcs11()
    wanted: dict[Any, object] = {pkcs11.Attribute.CLASS: pkcs11.ObjectClass.PRIVATE_KEY}
    if source.key:
        wanted[pkcs11.Attribute.LABEL] = source.key
    if source.key_id:
        wanted[pkcs11.Attribute.ID] = bytes.fromhex(source.key_id)
    found = list(session.get_objects(wanted))
    if len(found) == 1 and hasattr(found[0], "sign"):
        return found[0]
    if len(found) == 1:
        raise TokenUnusable(
            "that private key may not sign (CKA_SIGN is not set)",
            "khoá riêng này không được phép ký (không có CKA_SIGN)",
        )
    if not found:
        every = session.get_objects({pkcs11.Attribute.CLASS: pkcs11.ObjectClass.PRIVATE_KEY})
        there = ", ".join(f"{key.label!r} (id {key.id.hex()})" for key in every)
        raise TokenUnusable(
            f"there is no such private key on the token; there are: {there or 'none'}",
            f"token không có khoá riêng này; hiện có: {there or 'không có'}",
        )
    raise TokenUnusable(
        f"{len(found)} private keys have that name: give key_id as well",
        f"{len(found)} khoá riêng cùng tên: hãy ghi thêm key_id",
    )


def _mechanism(algorithm: SignatureAlgorithm) -> tuple[Any, Any]:
    """CKM and its parameter for the operation of the key alone."""
    pkcs11 = _pkcs11()
    if algorithm.key_type == "ec":
        return pkcs11.Mechanism.ECDSA, None
    if algorithm.padding == "pkcs1v15":
        return pkcs11.Mechanism.RSA_PKCS, None
    digest = getattr(pkcs11.Mechanism, algorithm.digest.upper())
    mgf = getattr(pkcs11.MGF, algorithm.digest.upper())
    salt = int(algorithm.digest.removeprefix("sha")) // 8  # as long as the digest, RFC 9231
    return pkcs11.Mechanism.RSA_PKCS_PSS, (digest, mgf, salt)


@contextmanager
def _one_thread(lock: _Lock | None) -> Iterator[None]:
    if lock is None:
        yield
        return
    with lock:
        yield


@contextmanager
def _told(source: TokenSource) -> Iterator[None]:
    """Turn what the module raises into our words, with the token's name; the PIN is in none."""
    pkcs11 = _pkcs11()
    try:
        yield
    except TokenUnusable as error:
        if str(error).startswith(source.where):
            raise
        raise TokenUnusable(f"{source.where}: {error}", f"{source.where}: {error.vi}") from None
    except (pkcs11.PinIncorrect, pkcs11.PinInvalid, pkcs11.PinLenRange) as error:
        raise TokenUnusable(
            f"{source.where}: the PIN is wrong; it is not tried again, since a token locks itself "
            "after a few wrong PINs: correct pin_file, then start again",
            f"{source.where}: sai mã PIN; không thử lại vì token tự khoá sau vài lần sai: sửa "
            "pin_file rồi chạy lại",
        ) from error
    except (pkcs11.PinLocked, pkcs11.PinExpired, pkcs11.UserPinNotInitialized) as error:
        raise TokenUnusable(
            f"{source.where}: the PIN is locked, expired or was never set ({_said(error)}); "
            "whoever holds the token's SO PIN must set a new one",
            f"{source.where}: mã PIN bị khoá, hết hạn hoặc chưa đặt ({_said(error)}); người giữ "
            "mã SO PIN của token phải đặt mã mới",
        ) from error
    except pkcs11.PKCS11Error as error:
        raise Lost(_said(error)) from error


def _said(error: Exception) -> str:
    """What a module said: the name of its return code, or the loader's text."""
    return str(error) or type(error).__name__
