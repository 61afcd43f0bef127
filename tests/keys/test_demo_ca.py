"""`keys/demo_ca.py`: the files of a demo PKI work together, and bad ids and names are refused."""

from collections.abc import Mapping
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from keys.algorithms import key_name, key_problem
from keys.certificates import Certificate, load_pem
from keys.demo_ca import BACKDATED, YEAR, KeyKind, demo_ca
from keys.errors import CertificateUnusable
from keys.signer import load_signer
from keys.trust import Trust
from tests.pki import AT, NAMES, key

OLD_CODE = "000.00.00.H53"


@pytest.fixture(scope="module")
def files() -> Mapping[str, bytes]:
    return demo_ca({**NAMES, OLD_CODE: "Sở Tư pháp"}, now=AT, key="p256")


def one(pem: bytes) -> Certificate:
    (certificate,) = load_pem(pem)
    return certificate


def test_the_files(files: Mapping[str, bytes]) -> None:
    authorities = {"root.pem", "root.key.pem", "issuing.pem", "issuing.key.pem"}
    organs = {f"{o}/{f}.pem" for o in (*NAMES, OLD_CODE) for f in ("key", "chain")}
    assert set(files) == authorities | organs


def test_the_root_says_what_it_is(files: Mapping[str, bytes]) -> None:
    assert "DEMO docexchange root - not for real documents" in one(files["root.pem"]).subject
    assert "DEMO" in one(files["issuing.pem"]).subject


@pytest.mark.parametrize("organ_id", [*NAMES, OLD_CODE])
def test_every_organ_can_sign_and_is_trusted(files: Mapping[str, bytes], organ_id: str) -> None:
    signer = load_signer(files[f"{organ_id}/key.pem"], files[f"{organ_id}/chain.pem"])
    leaf, issuing = signer.chain
    path = Trust.from_pem(files["root.pem"]).path(leaf, [issuing], AT)
    assert (path.problem, path.chain[-1]) == ("", one(files["root.pem"]))
    assert issuing == one(files["issuing.pem"])
    assert leaf.organ_id == organ_id
    assert not leaf.revocation_sources


def test_a_leaf_is_for_documents_only(files: Mapping[str, bytes]) -> None:
    leaf = load_pem(files["H05/chain.pem"])[0]
    assert f"CN={NAMES['H05']}" in leaf.subject
    assert f"O={NAMES['H05']}" in leaf.subject
    assert leaf.may_sign
    assert not leaf.is_ca


def test_validity(files: Mapping[str, bytes]) -> None:
    leaf, issuing = load_pem(files["H05/chain.pem"])
    assert leaf.not_before == issuing.not_before == AT - BACKDATED
    assert leaf.not_after == AT + 3 * YEAR
    assert issuing.not_after == one(files["root.pem"]).not_after == AT + 10 * YEAR
    trust = Trust.from_pem(files["root.pem"])
    late = AT + 3 * YEAR + timedelta(seconds=1)
    assert trust.path(leaf, [issuing], late).problem == "OUT_OF_BOUNDS_NO_POE"


def test_serial_numbers_differ(files: Mapping[str, bytes]) -> None:
    leaves = {load_pem(files[f"{organ_id}/chain.pem"])[0].serial for organ_id in NAMES}
    assert len({*leaves, one(files["root.pem"]).serial, one(files["issuing.pem"]).serial}) == 5


@pytest.mark.parametrize(
    ("kind", "name"),
    [("rsa2048", "RSA 2048"), ("p256", "EC secp256r1"), ("p384", "EC secp384r1")],
)
def test_kind_of_key(kind: KeyKind, name: str) -> None:
    made = demo_ca({"H05": "Bắc Ninh"}, now=AT, key=kind)
    leaf = load_pem(made["H05/chain.pem"])[0]
    assert key_name(leaf) == name
    assert load_signer(made["H05/key.pem"], made["H05/chain.pem"]).chain[0] == leaf


@pytest.mark.parametrize(("kind", "bits"), [("rsa3072", 3072), ("rsa4096", 4096)])
def test_large_rsa_keys(kind: KeyKind, bits: int) -> None:
    made = key("large", kind)
    assert isinstance(made, rsa.RSAPrivateKey)
    assert made.key_size == bits
    assert key_problem(made.public_key()) == ""


def test_no_organ_is_a_pki_all_the_same() -> None:
    made = demo_ca({}, now=AT, key="p256")
    assert set(made) == {"root.pem", "root.key.pem", "issuing.pem", "issuing.key.pem"}


@pytest.mark.parametrize(
    "organ_id",
    [
        *("", ".", "..", "../H05", "/etc", "H05/..", "H05/key", "H05\\x", "H05.", ".H05"),
        *(
            "000..H53",
            "H05\n",
            "H05 ",
            "Н05",
            "Ｈ05",
            "h05",
            "root.pem",
            "H" * 17,
            "A\0B",
            "~",
            "-r",
        ),
    ],
)
def test_an_organ_id_is_never_a_path(organ_id: str) -> None:
    with pytest.raises(CertificateUnusable, match="is no OrganId"):
        demo_ca({organ_id: "Tên"}, now=AT, key="p256")


@pytest.mark.parametrize("name", ["N", "N" * 64, "Ủ" * 21, "Ủ" * 21 + "N"])
def test_a_name_that_fits(name: str) -> None:
    leaf = load_pem(demo_ca({"H05": name}, now=AT, key="p256")["H05/chain.pem"])[0]
    assert f"CN={name}" in leaf.subject


@pytest.mark.parametrize(("name", "length"), [("", 0), ("N" * 65, 65), ("Ủ" * 22, 66)])
def test_a_name_that_does_not_fit(name: str, length: int) -> None:
    with pytest.raises(CertificateUnusable, match=f"H05 has {length} bytes in UTF-8: 1 to 64"):
        demo_ca({"H05": name}, now=AT, key="p256")
