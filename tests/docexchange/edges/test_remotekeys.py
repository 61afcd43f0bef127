"""docexchange/edges/remotekeys.py: certificates of keys that are elsewhere, from files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from docexchange.core.errors import ConfigError
from docexchange.edges.remotekeys import load_remote, read_remote
from tests.pki import AT, P256


@dataclass
class Organ:
    document_chain: Path | None


def test_only_organs_that_have_one(tmp_path: Path) -> None:
    chain = tmp_path / "chain.pem"
    chain.write_bytes(P256.chain_pem("H05"))
    keys = load_remote({"H05": Organ(chain), "H01": Organ(None)}, AT)
    assert list(keys) == ["H05"]
    assert keys["H05"].chain == P256.chain("H05")


@pytest.mark.parametrize(
    ("pem", "why"),
    [
        (None, "cannot be read"),
        (b"", "not PEM"),
        (P256.chain_pem("H05", "expired"), "was valid until"),
        (P256.chain_pem("H05", "no key usage"), "may not sign"),
    ],
)
def test_what_cannot_sign_is_named_with_its_file(
    tmp_path: Path, pem: bytes | None, why: str
) -> None:
    chain = tmp_path / "chain.pem"
    if pem is not None:
        chain.write_bytes(pem)
    with pytest.raises(ConfigError, match=why) as error:
        read_remote(chain, AT)
    assert str(chain) in str(error.value)
