"""A key on a token or HSM: one login, sessions that have found the key, the certificates beside it.

Login holds for all sessions of this process on a token, and logging out one session logs out all.
So one session per token logs in and does nothing else; the others come and go. Each wrong PIN
counts: one that was refused is never given again by this process, and none is given on the
token's last try.

Source: PKCS #11 v2.40 base specification, clauses 5.4, 5.6 and 5.13.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from keys.algorithms import SignatureAlgorithm
from keys.certificates import Certificate
from keys.errors import CertificateUnusable

from ..core.errors import Deferred
from .keysource import TokenSource
from .pkcs11module import (
    Lock,
    cannot,
    find_key,
    library,
    load_module,
    mechanism_of,
    one_thread,
    said,
    slot_numbered,
    slot_of,
    told,
)
from .tokenpool import Lost, SessionPool, TokenUnusable

_OPENING = threading.Lock()
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
    threads: Lock | None  # held around every call when the module knows no threads
    _login: Any = None
    _probe: Any = None
    _refused_pin: str = field(default="", repr=False)
    _generation: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def session(self, source: TokenSource) -> _TokenSession:
        """A session of its own that has found the key. Raises Lost, TokenUnusable."""
        with told(source), one_thread(self.threads):
            with self._lock:
                if self._login is None:
                    self._login = self._log_in()
                    self._probe = self._first_key()
                login, probe, generation = self._login, self._probe, self._generation
            try:
                _require_login(probe)
                return self._open(login.token, source, generation)
            except library().SessionCount as error:
                raise TokenUnusable(
                    f"the token has no more than that many sessions: lower sessions = "
                    f"{source.sessions}",
                    f"token không có nhiều phiên như vậy: giảm sessions = {source.sessions}",
                ) from error
            except library().PKCS11Error:
                self.forget(generation)
                raise

    def _open(self, token: Any, source: TokenSource, generation: int) -> _TokenSession:
        session = token.open()
        try:
            return _TokenSession(self, session, find_key(session, source), generation)
        except BaseException as error:
            with suppress(library().PKCS11Error):
                session.close()
            if isinstance(error, TokenUnusable) and generation != self._generation:
                raise Lost("logged out meanwhile") from error  # so the key was invisible
            raise

    def _first_key(self) -> Any:
        """Any private key, through the session that is logged in; None if there is none."""
        pkcs11 = library()
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
        with one_thread(self.threads), self._lock:
            if generation != self._generation or self._login is None:
                return
            self._generation += 1
            with suppress(library().PKCS11Error):
                self._login.close()
            self._login = None

    def certificates(self, source: TokenSource) -> tuple[Certificate, ...]:
        """The certificates on the token, the key's own (by CKA_ID) first; () without that one."""
        pkcs11 = library()
        found: list[tuple[bool, Certificate]] = []
        with told(source), one_thread(self.threads):
            own = find_key(self._login, source)[pkcs11.Attribute.ID]
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
        pkcs11 = library()
        token = slot_numbered(self.module, self.slot).get_token()
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
        mechanism, parameter = mechanism_of(algorithm)
        if self._kind != algorithm.key_type:  # modules say anything to that, success included
            raise TokenUnusable(
                f"the key on the token is {self._kind}, the certificate's is "
                f"{algorithm.key_type}: it is the certificate of another key",
                f"khoá trên token là {self._kind}, khoá của chứng thư là {algorithm.key_type}: "
                "chứng thư này thuộc khoá khác",
            )
        try:
            with one_thread(self._place.threads):
                value = self._key.sign(prepared, mechanism=mechanism, mechanism_param=parameter)
        except cannot() as error:
            raise TokenUnusable(
                f"the token cannot do {algorithm.name} with this key ({said(error)}): choose "
                "another algorithm",
                f"token không ký được bằng {algorithm.name} với khoá này ({said(error)}): chọn "
                "algorithm khác",
            ) from error
        except library().PKCS11Error as error:
            self._place.forget(self._generation)
            raise Lost(said(error)) from error
        return bytes(value)

    def close(self) -> None:
        with suppress(library().PKCS11Error), one_thread(self._place.threads):
            self._session.close()  # it never logged in, so this logs nobody out


def _place(source: TokenSource, pin: str) -> _Place:
    """The token in its slot, the same one for every key of this process that lies there."""
    with _OPENING, told(source):
        module, threads = load_module(source.module)
        with one_thread(threads):
            slot = source.slot if source.slot is not None else slot_of(module, source.token)
        place = _PLACES.setdefault((str(source.module), slot), _Place(module, slot, pin, threads))
        place.use(pin)
        return place


def _require_login(probe: Any) -> None:
    """Raise what the module says when our login is gone: without it keys are only invisible.

    An attribute is read, since a search on a dead session leaves python-pkcs11 with an error that
    it can only print.
    """
    if probe is not None:
        probe[library().Attribute.ID]
