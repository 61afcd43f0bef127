"""docexchange/edges/token.py and the keyring over it: a real PKCS#11 module (SoftHSM2), and the PIN
rules on a token that only counts.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest

from docexchange.core.errors import ConfigError, Deferred, PermissionRefused
from docexchange.edges import pkcs11module, token
from docexchange.edges.keyring import OrganKeyring, open_signer, read_chain
from docexchange.edges.keysource import Secret, TokenSource
from docexchange.edges.tokenpool import Lost, SessionPool, TokenUnusable
from envelopes.pack import pack
from keys.algorithms import RSA_SHA256, verify
from keys.token import TokenSigner
from tests.letters import document, judge
from tests.pki import AT, P256, PKI
from tests.softhsm import LABEL, PIN, Token, p384, softhsm

DATA = b"<ds:SignedInfo/>"
independent = pytest.mark.independent


@pytest.fixture
def hsm() -> Token:
    return softhsm()


@independent
@pytest.mark.parametrize(
    ("key", "algorithm"),
    [
        ("p256", "ecdsa-sha256"),
        ("p384", "ecdsa-sha384"),
        *(("rsa", f"rsa-{pss}sha{bits}") for pss in ("", "pss-") for bits in (256, 384, 512)),
    ],
)
def test_every_algorithm_signs(hsm: Token, key: str, algorithm: str) -> None:
    signer = open_signer(hsm.source(key, algorithm=algorithm), AT)
    assert signer.algorithm.name == algorithm
    value = signer.sign(DATA)
    assert verify(signer.algorithm, signer.chain[0].public_key, value, DATA)


@independent
def test_the_usual_algorithm_of_a_key(hsm: Token) -> None:
    names = [open_signer(hsm.source(key), AT).algorithm.name for key in ("p256", "p384", "rsa")]
    assert names == ["ecdsa-sha256", "ecdsa-sha384", "rsa-sha256"]


@independent
def test_envelopes_of_a_token_are_trusted(hsm: Token) -> None:
    for _ in range(16):  # half of the ECDSA values of a token have the larger s
        data = pack(document(), open_signer(hsm.source(), AT), signing_time=AT)
        assert judge(data).indication.value == "TOTAL-PASSED"


@independent
def test_the_chain_is_on_the_token_or_in_a_file(hsm: Token, tmp_path: Path) -> None:
    assert open_signer(hsm.source("p256"), AT).chain == P256.chain("H05")
    assert open_signer(hsm.source("p384"), AT).chain[0] == p384().certificate
    assert open_signer(hsm.source("rsa"), AT).chain == PKI.chain("H05")[:1]
    file = tmp_path / "chain.pem"
    file.write_bytes(PKI.chain_pem("H05"))
    assert open_signer(hsm.source("rsa", chain=file), AT).chain == PKI.chain("H05")
    assert read_chain(hsm.source("p256")) == P256.chain("H05")
    assert read_chain(hsm.source("nobody asks", chain=file)) == PKI.chain("H05")


@independent
def test_a_key_is_named_by_label_or_id(hsm: Token) -> None:
    assert open_signer(hsm.source("", key_id="01"), AT).chain == P256.chain("H05")
    assert open_signer(hsm.source("rsa", key_id="02"), AT).algorithm.name == "rsa-sha256"


@independent
def test_a_slot_names_a_token(hsm: Token) -> None:
    module, _ = pkcs11module.load_module(hsm.module)
    slot = module.get_token(token_label=LABEL).slot.slot_id
    assert open_signer(hsm.source(token="", slot=slot), AT).chain == P256.chain("H05")


@independent
@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"key": "nix"}, r"no such private key on the token; there are: .*'rsa' \(id 02\)"),
        ({"key": "rsa", "key_id": "01"}, "no such private key"),
        ({"key": ""}, "4 private keys have that name: give key_id"),
        ({"token": "nix"}, f"no token has that label; there are: .*'{LABEL}'"),
        ({"token": "", "slot": 77}, "no such slot; slots with a token: [0-9]+"),
        (
            {"algorithm": "rsa-sha256"},
            "rsa-sha256 is not for the key of .*: choose one of ecdsa-sha256",
        ),
        ({"key": "no certificate"}, "no certificate with the key's id; give chain"),
    ],
)
def test_what_is_wrong_is_told_at_the_start(hsm: Token, settings: dict, says: str) -> None:
    source = hsm.source(**settings)
    with pytest.raises(ConfigError, match=says) as caught:
        open_signer(source, AT)
    assert str(caught.value).startswith(source.where)
    assert PIN not in f"{caught.value}{caught.value.vi}{caught.value!r}{source!r}"


@independent
def test_a_chain_of_another_key(hsm: Token, tmp_path: Path) -> None:
    file = tmp_path / "chain.pem"
    file.write_bytes(P256.chain_pem("H05"))
    with pytest.raises(ConfigError, match="a trial signature does not verify"):
        open_signer(hsm.source("no certificate", chain=file), AT)
    with pytest.raises(ConfigError, match="the key on the token is rsa, the certificate's is ec"):
        open_signer(hsm.source("rsa", chain=file), AT)


@independent
def test_modules_that_are_none(hsm: Token, tmp_path: Path) -> None:
    nowhere = TokenSource(tmp_path / "no.so", hsm.source().pin, token=LABEL, key="p256")
    with pytest.raises(ConfigError, match=r"no.so.*no such module"):
        open_signer(nowhere, AT)
    (tmp_path / "text.so").write_text("xin chao")
    text = TokenSource(tmp_path / "text.so", hsm.source().pin, token=LABEL, key="p256")
    with pytest.raises(ConfigError, match="no PKCS#11 module that works here"):
        open_signer(text, AT)


@independent
def test_the_pin_file_is_a_secret(hsm: Token, tmp_path: Path) -> None:
    pin = tmp_path / "pin"
    pin.write_text(PIN)
    pin.chmod(0o644)
    with pytest.raises(PermissionRefused, match="chmod 600"):
        open_signer(hsm.source(pin=Secret(pin)), AT)
    pin.chmod(0o600)
    pin.write_text("\n")
    with pytest.raises(ConfigError, match="is empty or not set"):
        open_signer(hsm.source(pin=Secret(pin)), AT)


@independent
def test_a_wrong_pin_is_final_until_it_is_corrected(
    hsm: Token, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_PIN", "999999")
    source = hsm.source(token="empty", pin=Secret(variable="TEST_PIN"))
    for _ in range(2):
        with pytest.raises(TokenUnusable, match="the PIN is wrong; it is not tried again") as told:
            open_signer(source, AT)
        assert "999999" not in f"{told.value}{told.value.vi}{told.value!r}"
    monkeypatch.setenv("TEST_PIN", PIN)
    with pytest.raises(TokenUnusable, match="there are: none"):
        open_signer(source, AT)
    monkeypatch.setenv("TEST_PIN", "999999")
    with pytest.raises(TokenUnusable, match="name different PINs"):
        open_signer(source, AT)


@independent
def test_eight_threads_through_two_sessions(hsm: Token) -> None:
    signer = open_signer(hsm.source("rsa", sessions=2), AT)
    texts = [b"%d" % number for number in range(64)]
    with ThreadPoolExecutor(8) as threads:
        values = list(threads.map(signer.sign, texts))
    key = signer.chain[0].public_key
    assert all(
        verify(signer.algorithm, key, value, text)
        for value, text in zip(values, texts, strict=True)
    )


@independent
def test_a_module_that_knows_no_threads_is_used_by_one_at_a_time(hsm: Token) -> None:
    module, _ = pkcs11module.load_module(hsm.module)
    slot = module.get_token(token_label=LABEL).slot.slot_id
    source = hsm.source("rsa", sessions=4)
    alone = token._Place(module, slot, PIN, threading.RLock())
    pool = SessionPool(lambda: alone.session(source), 4, "alone")
    chain = PKI.chain("H05")[:1]
    signer = TokenSigner(chain, RSA_SHA256, pool)
    with ThreadPoolExecutor(8) as threads:
        values = list(threads.map(signer.sign, [DATA] * 32))
    assert all(verify(RSA_SHA256, chain[0].public_key, value, DATA) for value in values)
    assert pkcs11module.initialise_for_threads(hsm.module)
    assert signer.sign(DATA) == values[0]


@independent
def test_lost_sessions_are_opened_again(hsm: Token) -> None:
    keyring = OrganKeyring.load({"H05": hsm.source(), "H13": hsm.source("rsa")}, AT)
    signers = [keyring.signer(organ) for organ in ("H05", "H13")]
    for _ in range(2):
        assert pkcs11module.initialise_for_threads(
            hsm.module
        )  # every session is gone, and the login
        for signer in signers:
            value = signer.sign(DATA)
            assert verify(signer.algorithm, signer.chain[0].public_key, value, DATA)


@pytest.fixture
def unplugged(hsm: Token) -> Iterator[None]:
    away = hsm.folder / "away"
    (hsm.folder / "tokens").rename(away)
    (hsm.folder / "tokens").mkdir()
    pkcs11module.initialise_for_threads(hsm.module)
    yield
    (hsm.folder / "tokens").rmdir()
    away.rename(hsm.folder / "tokens")
    pkcs11module.initialise_for_threads(hsm.module)


@independent
def test_a_token_that_is_away(hsm: Token, request: pytest.FixtureRequest) -> None:
    signer = open_signer(hsm.source(), AT)
    request.getfixturevalue("unplugged")
    for _ in range(2):
        with pytest.raises(Deferred, match=r"no such slot|does not answer"):
            signer.sign(DATA)


class Counting:
    """A module with one token that refuses a PIN, and counts how often it was asked."""

    def __init__(self, *, right: str, flags: int = 0) -> None:
        self.right, self.flags, self.asked = right, flags, 0
        self.slot_id = 0

    def get_slots(self, token_present: bool = False) -> list[Counting]:
        return [self]

    def get_token(self) -> Counting:
        return self

    def open(self, user_pin: str = "") -> SimpleNamespace:
        pkcs11 = pkcs11module.library()
        self.asked += 1
        if user_pin != self.right:
            raise pkcs11.PinIncorrect
        raise pkcs11.DeviceRemoved


def place(module: Counting, pin: str) -> token._Place:
    pytest.importorskip("pkcs11")
    return token._Place(module, 0, pin, None)


SOURCE = TokenSource(Path("module.so"), Secret(), token="T", key="k")


def test_a_wrong_pin_is_given_once() -> None:
    counting = Counting(right="1234")
    there = place(counting, "4321")
    for _ in range(5):
        with pytest.raises(TokenUnusable, match="the PIN is wrong") as caught:
            there.session(SOURCE)
        assert "4321" not in f"{caught.value}{caught.value.vi}{there!r}"
    assert counting.asked == 1
    there.use("1234")
    with pytest.raises(Lost, match="DeviceRemoved"):
        there.session(SOURCE)
    assert counting.asked == 2


@pytest.mark.parametrize(
    ("flag", "says"),
    [
        ("USER_PIN_FINAL_TRY", "one more wrong PIN would lock the token"),
        ("USER_PIN_LOCKED", "is locked, expired or was never set"),
    ],
)
def test_the_last_try_is_left_to_a_person(flag: str, says: str) -> None:
    pkcs11 = pytest.importorskip("pkcs11")
    counting = Counting(right="1234", flags=getattr(pkcs11.TokenFlag, flag))
    with pytest.raises(TokenUnusable, match=says):
        place(counting, "1234").session(SOURCE)
    assert counting.asked == 0


def test_without_python_pkcs11_a_sentence_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "pkcs11", None)
    pkcs11module.library.cache_clear()
    try:
        with pytest.raises(ConfigError, match=r"pip install 'docexchange\[pkcs11\]'"):
            open_signer(SOURCE, AT)
    finally:
        pkcs11module.library.cache_clear()
