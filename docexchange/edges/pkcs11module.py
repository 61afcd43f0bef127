"""A PKCS#11 module: loaded, made fit for threads, searched, and its words turned into ours.

The only place that knows python-pkcs11 (optional extra `pkcs11`), with `token` above it.

python-pkcs11 calls C_Initialize(NULL), which tells a module that there is one thread; with more
than one session that is a data race. `load_module` initialises the module again with
CKF_OS_LOCKING_OK; a module that cannot do that gets a lock, for one thread at a time.

Source: PKCS #11 v2.40 base specification, clauses 5.4, 5.6 and 5.13.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

from keys.algorithms import SignatureAlgorithm

from ..core.errors import ConfigError
from .keysource import TokenSource
from .tokenpool import Lost, TokenUnusable

Lock: TypeAlias = AbstractContextManager[bool]  # an RLock, whose type has no public name
_OS_LOCKING_OK = 0x2  # CKF_OS_LOCKING_OK


@cache
def library() -> Any:
    try:
        import pkcs11
    except ImportError as error:
        raise ConfigError(
            "a key on a token needs python-pkcs11; run: pip install 'docexchange[pkcs11]'",
            "khoá trên token cần python-pkcs11; chạy: pip install 'docexchange[pkcs11]'",
        ) from error
    return pkcs11


def cannot() -> tuple[type[Exception], ...]:
    """What a module says to a mechanism that it, or this key, does not have."""
    pkcs11 = library()
    return (
        pkcs11.MechanismInvalid,
        pkcs11.MechanismParamInvalid,
        pkcs11.KeyTypeInconsistent,
        pkcs11.KeySizeRange,
        pkcs11.FunctionNotSupported,
    )


@cache
def load_module(path: Path) -> tuple[Any, Lock | None]:
    """A module, initialised; and a lock if only one thread may use it at a time."""
    if not path.is_file():
        raise TokenUnusable(
            "there is no such module; it comes with the token's driver",
            "không có thư viện này; nó đi kèm trình điều khiển của token",
        )
    try:
        module = library().lib(str(path))
    except library().PKCS11Error as error:
        raise TokenUnusable(
            f"is no PKCS#11 module that works here ({said(error)})",
            f"không phải thư viện PKCS#11 dùng được ở đây ({said(error)})",
        ) from error
    if initialise_for_threads(path):
        return module, None
    return module, threading.RLock()


class _InitializeArguments(ctypes.Structure):
    """CK_C_INITIALIZE_ARGS: no mutex functions of ours, flags, nothing reserved."""

    _fields_ = (
        *((f"mutex{number}", ctypes.c_void_p) for number in range(4)),
        ("flags", ctypes.c_ulong),
        ("reserved", ctypes.c_void_p),
    )


def initialise_for_threads(path: Path) -> bool:
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


def slot_of(module: Any, label: str) -> int:
    """The slot of the token with a label."""
    pkcs11 = library()
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


def slot_numbered(module: Any, number: int) -> Any:
    for slot in module.get_slots():
        if slot.slot_id == number:
            return slot
    there = ", ".join(str(slot.slot_id) for slot in module.get_slots(token_present=True))
    raise TokenUnusable(
        f"there is no such slot; slots with a token: {there or 'none'}",
        f"không có khe này; khe có token: {there or 'không có'}",
    )


def find_key(session: Any, source: TokenSource) -> Any:
    """The private key. Raises TokenUnusable: none, or several."""
    pkcs11 = library()
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


def mechanism_of(algorithm: SignatureAlgorithm) -> tuple[Any, Any]:
    """CKM and its parameter for the operation of the key alone."""
    pkcs11 = library()
    if algorithm.key_type == "ec":
        return pkcs11.Mechanism.ECDSA, None
    if algorithm.padding == "pkcs1v15":
        return pkcs11.Mechanism.RSA_PKCS, None
    digest = getattr(pkcs11.Mechanism, algorithm.digest.upper())
    mgf = getattr(pkcs11.MGF, algorithm.digest.upper())
    salt = int(algorithm.digest.removeprefix("sha")) // 8  # as long as the digest, RFC 9231
    return pkcs11.Mechanism.RSA_PKCS_PSS, (digest, mgf, salt)


@contextmanager
def one_thread(lock: Lock | None) -> Iterator[None]:
    if lock is None:
        yield
        return
    with lock:
        yield


@contextmanager
def told(source: TokenSource) -> Iterator[None]:
    """Turn what the module raises into our words, with the token's name; the PIN is in none."""
    pkcs11 = library()
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
            f"{source.where}: the PIN is locked, expired or was never set ({said(error)}); "
            "whoever holds the token's SO PIN must set a new one",
            f"{source.where}: mã PIN bị khoá, hết hạn hoặc chưa đặt ({said(error)}); người giữ "
            "mã SO PIN của token phải đặt mã mới",
        ) from error
    except pkcs11.PKCS11Error as error:
        raise Lost(said(error)) from error


def said(error: Exception) -> str:
    """What a module said: the name of its return code, or the loader's text."""
    return str(error) or type(error).__name__
