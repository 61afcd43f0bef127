"""docexchange/config.py: every setting, and every way a file can be wrong, with its line."""

import ast
import re
from datetime import timedelta
from pathlib import Path

import pytest

from docexchange import config as config_module
from docexchange import config_broker, config_evidence
from docexchange.cli import init
from docexchange.config import Config, load
from docexchange.config_broker import url_problem
from docexchange.config_evidence import RevocationConfig
from docexchange.core.errors import ConfigError, PermissionRefused
from docexchange.core.policy import Limits
from docexchange.core.schedule import Schedule
from docexchange.edges.keysource import KeySource, PemKey, Pkcs12Key, Secret, TokenSource
from docexchange.edges.tomlfile import FileError
from tests.pki import P256

EXAMPLE = Path(__file__).parents[2] / "deploy" / "docexchange.example.toml"
GOOD = """\
[node]
id = "H05"
data = "data"
directory = "directory.toml"
trust = "trust"

[organs."H05"]
key = "keys/H05/key.pem"
chain = "keys/H05/chain.pem"

[axis]
url = "amqp://node-H05:secret@localhost:5672/axis"
"""


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "docexchange.toml"
    path.write_text(text, encoding="utf-8")
    return path


def problems(tmp_path: Path, text: str) -> list[tuple[int, str, str]]:
    with pytest.raises(FileError) as caught:
        load(written(tmp_path, text))
    return [(one.line, one.key, one.en) for one in caught.value.problems]


def good(tmp_path: Path, more: str = "") -> Config:
    return load(written(tmp_path, GOOD + more))


def test_the_example_is_a_valid_config_and_shows_the_defaults() -> None:
    config = load(EXAMPLE)
    assert config.retry == Schedule()
    assert config.limits == Limits()
    assert config.lang == "vi"
    assert not config.crash_points
    assert (config.axis.prefetch_receipts, config.axis.prefetch_normal) == (64, 16)


def test_init_writes_the_example() -> None:
    assert EXAMPLE.read_text(encoding="utf-8") == init.CONFIG


def settings_read() -> set[str]:
    """The name in each `section.text("name", ...)` of the modules that read a config."""
    readers = {"text", "texts", "flag", "whole", "share", "span", "spans", "path"}
    return {
        call.args[0].value
        for module in (config_module, config_broker, config_evidence)
        for call in ast.walk(ast.parse(Path(module.__file__ or "").read_text(encoding="utf-8")))
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and call.func.attr in readers
        and call.args
        and isinstance(call.args[0], ast.Constant)
        and isinstance(call.args[0].value, str)
    }


def test_the_example_names_every_setting() -> None:
    """Those without a default stand in it as a comment; `url` is told beside url_file."""
    text = EXAMPLE.read_text(encoding="utf-8")
    known = settings_read() - {"key_passphrase_file"}  # an older name of passphrase_file
    assert {"url", "warn", "policy", "evidence_grace"} <= known
    for setting in (*known, *Schedule.__dataclass_fields__, *Limits.__dataclass_fields__):
        assert re.search(rf"(^|^# |; or ){setting} = ", text, re.MULTILINE), setting


def test_the_smallest_config_has_the_defaults_of_the_core(tmp_path: Path) -> None:
    config = good(tmp_path)
    assert config.node == "H05"
    assert config.store == tmp_path / "data" / "store.sqlite3"
    assert config.retry == Schedule()
    assert config.limits == Limits()
    assert config.organs["H05"].signer.key == tmp_path / "keys/H05/key.pem"
    assert config.mailroom is None
    assert config.mailroom_of("H05") is None


def test_absolute_paths_stay(tmp_path: Path) -> None:
    text = GOOD.replace('"data"', '"/var/lib/docexchange"')
    assert load(written(tmp_path, text)).data == Path("/var/lib/docexchange")


def test_mailrooms_are_told_by_vhost(tmp_path: Path) -> None:
    more = """
[organs."H13"]
key = "k"
chain = "c"
mailroom = "mr"
[organs."000.00.00.H13"]
key = "k"
chain = "c"
mailroom = "mr"
[mailroom]
url = "amqp://daemon:x@127.0.0.1"
"""
    config = good(tmp_path, more)
    assert config.vhosts() == ("mr",)
    assert config.organs_of("mr") == frozenset({"H13", "000.00.00.H13"})
    assert config.mailroom_of("H13") == "mr"
    assert config.mailroom_of("H99") is None


def test_every_problem_is_told_at_once_with_its_line(tmp_path: Path) -> None:
    text = GOOD.replace('data = "data"', 'dta = "data"').replace(":5672/axis", ":5672/axis") + (
        "prefetch_receipts = 0\n\n[retry]\n"
        'lifetime = "6 hour"\nunanswered = [\n  "5m",\n  "sometimes",\n]\njiter = 0.1\n'
    )
    assert problems(tmp_path, text) == [
        (1, "node.data", "is missing"),
        (3, "node.dta", 'is not a setting; did you mean "data"?'),
        (13, "axis.prefetch_receipts", "0 is wrong; write 1 .. 10000"),
        (16, "retry.lifetime", '"6 hour" is wrong; write "90s", "5m", "72h", "2d"'),
        (
            17,
            "retry.unanswered",
            '[\'5m\', \'sometimes\'] is wrong; write ["15s", "45s", "2m"]',
        ),
        (21, "retry.jiter", 'is not a setting; did you mean "jitter"?'),
    ]


def test_the_text_has_file_line_key_and_reason_in_columns(tmp_path: Path) -> None:
    path = written(tmp_path, GOOD + "prefech_urgent = 1\n[lmits]\n")
    with pytest.raises(FileError) as caught:
        load(path)
    assert str(caught.value).splitlines() == [
        f'{path}:13  axis.prefech_urgent  is not a setting; did you mean "prefetch_urgent"?',
        f'{path}:14  lmits                is not a setting; did you mean "limits"?',
    ]
    assert 'không có mục này; ý bạn là "limits"?' in caught.value.vi


@pytest.mark.parametrize(
    ("lifetime", "expected"),
    [("90s", 90), ("5m", 300), ("72h", 259_200), ("2d", 172_800), ("1.5h", 5400), ("500ms", 0.5)],
)
def test_time_spans(tmp_path: Path, lifetime: str, expected: float) -> None:
    config = good(tmp_path, f'[retry]\nlifetime = "{lifetime}"\n')
    assert config.retry.lifetime == timedelta(seconds=expected)


@pytest.mark.parametrize("lifetime", ['"5"', '"-5m"', '"0s"', '"5 m"', "300", '"m"', "true", '""'])
def test_what_is_not_a_time_span(tmp_path: Path, lifetime: str) -> None:
    [(line, key, why)] = problems(tmp_path, GOOD + f"[retry]\nlifetime = {lifetime}\n")
    assert (line, key) == (14, "retry.lifetime")
    assert why.endswith('is wrong; write "90s", "5m", "72h", "2d"')


def test_toml_that_does_not_parse_names_the_line(tmp_path: Path) -> None:
    [(line, key, why)] = problems(tmp_path, GOOD + "[retry\n")
    assert (line, key) == (13, "-")
    assert why.startswith("not TOML: ")


def test_a_file_that_is_not_utf8_names_the_line(tmp_path: Path) -> None:
    path = tmp_path / "docexchange.toml"
    path.write_bytes(GOOD.encode() + b"# \xff\n")
    with pytest.raises(FileError, match="is not UTF-8 text") as caught:
        load(path)
    assert caught.value.problems[0].line == 13


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file") as caught:
        load(tmp_path / "nowhere.toml")
    assert "không đọc được" in caught.value.vi


def test_a_node_without_organs_is_told_how_to_write_one(tmp_path: Path) -> None:
    text = GOOD.replace('[organs."H05"]', '[somebody."H05"]')
    assert problems(tmp_path, text) == [
        (1, "organs", 'no organ is served; write [organs."H05"] key = "...", chain = "..."'),
        (
            7,
            "somebody",
            "is not a setting; known: node, mailroom, limits, test, organs, axis, retry, "
            "backpressure, timestamps, revocation",
        ),
    ]


def test_a_mailroom_needs_a_broker(tmp_path: Path) -> None:
    text = GOOD.replace("[axis]", 'mailroom = "mr"\n[axis]')
    assert problems(tmp_path, text) == [
        (11, "organs.H05.mailroom", "a mailroom needs [mailroom] url, the broker it is on")
    ]


REMOTE = 'documents = "remote"\ndocument_chain = "keys/H05/leader.pem"\n'


def test_documents_may_be_signed_elsewhere(tmp_path: Path) -> None:
    key = 'key = "keys/H05/key.pem"\n'
    remote = load(written(tmp_path, GOOD.replace(key, key + REMOTE))).organs["H05"]
    assert remote.document_chain == tmp_path / "keys/H05/leader.pem"
    local = load(written(tmp_path, GOOD.replace(key, key + 'documents = "local"\n')))
    assert local.organs["H05"].document_chain is None


def test_who_agrees_to_a_recall(tmp_path: Path) -> None:
    key = 'key = "keys/H05/key.pem"\n'
    for line, agrees in (
        ("", False),
        ('recalls = "mailroom"\n', False),
        ('recalls = "agree"\n', True),
    ):
        config = load(written(tmp_path, GOOD.replace(key, key + line)))
        assert config.organs["H05"].gives_back is agrees
    found = problems(tmp_path, GOOD.replace(key, key + 'recalls = "refuse"\n'))
    assert [(name, '"mailroom", "agree"' in text) for _, name, text in found] == [
        ("organs.H05.recalls", True)
    ]


@pytest.mark.parametrize(
    ("more", "key", "why"),
    [
        ('documents = "remote"\n', "document_chain", "is missing"),
        ('document_chain = "leader.pem"\n', "document_chain", 'for documents = "remote" only'),
        ('documents = "phone"\n', "documents", '"local", "remote"'),
    ],
)
def test_what_remote_signing_needs(tmp_path: Path, more: str, key: str, why: str) -> None:
    line = 'key = "keys/H05/key.pem"\n'
    found = problems(tmp_path, GOOD.replace(line, line + more))
    assert any(name.endswith(key) and why in text for _, name, text in found), found


def test_an_organ_needs_a_key_here_though_its_documents_are_signed_elsewhere(
    tmp_path: Path,
) -> None:
    line = 'key = "keys/H05/key.pem"\n'
    assert [name for _, name, _ in problems(tmp_path, GOOD.replace(line, REMOTE))] == [
        "organs.H05.key"
    ]


def test_a_vhost_is_a_plain_name(tmp_path: Path) -> None:
    text = (
        GOOD.replace("[axis]", 'mailroom = "mr/H05"\n[axis]')
        + '[mailroom]\nurl = "amqp://u:p@[::1]"\n'
    )
    assert problems(tmp_path, text) == [
        (11, "organs.H05.mailroom", '"mr/H05" is wrong; write A-Z a-z 0-9 . _ -')
    ]


@pytest.mark.parametrize(
    ("url", "allow_plain", "why"),
    [
        ("amqp://u:p@localhost/v", False, None),
        ("amqp://u:p@127.0.0.9:5672/v", False, None),
        ("amqp://u:p@[::1]:5672/v", False, None),
        ("amqps://u:p@mq.example:5671/v", False, None),
        ("amqp://u:p@mq.example/v", True, None),
        ("amqp://u:p@mq.example/v", False, "amqp:// to mq.example would send the password"),
        ("http://u:p@mq.example/v", False, "is not a broker's address"),
        ("mq.example", False, "is not a broker's address"),
        ("amqps://u:p@mq.example:port/v", False, "is not a broker's address"),
        ("amqps://u:p@mq/v?no_verify_ssl=1", True, "carries options after ?"),
        ("amqps://u:p@[mq/v", False, "is not a broker's address"),
    ],
)
def test_addresses(url: str, allow_plain: bool, why: str | None) -> None:
    found = url_problem(url, allow_plain)
    if why is None:
        assert found is None
    else:
        assert found is not None
        assert found[0].startswith(why)
        assert "p@" not in found[0] + found[1].replace("PASSWORD@", "")


def test_a_mailroom_address_has_no_vhost() -> None:
    assert url_problem("amqps://u:p@mq", False, vhost=False) is None
    found = url_problem("amqps://u:p@mq/mr-H05", False, vhost=False)
    assert found is not None
    assert found[0].startswith("names a vhost")


def test_a_vhost_in_the_file_of_the_mailrooms_is_refused(tmp_path: Path) -> None:
    """Each organ names its own; another would be taken instead, and nobody would notice."""
    config = load(written(tmp_path, GOOD + '[mailroom]\nurl_file = "mailroom.url"\n'))
    assert config.mailroom is not None
    secret = tmp_path / "mailroom.url"
    for address in ("amqps://u:p@mq", "amqps://u:p@mq:5671/"):
        secret.write_text(address + "\n")
        secret.chmod(0o600)
        assert config.mailroom.url() == address
    secret.write_text("amqps://u:p@mq/mr-H05\n")
    with pytest.raises(ConfigError, match=r"mailroom\.url: names a vhost; each organ") as caught:
        config.mailroom.url()
    assert "u:p" not in str(caught.value)
    with pytest.raises(ConfigError, match="--mailroom-url names a vhost"):
        config.mailroom.other("amqps://admin@mq/mr-H05")


def test_url_and_url_file_exclude_each_other(tmp_path: Path) -> None:
    both = GOOD + 'url_file = "axis.url"\n'
    assert problems(tmp_path, both) == [(13, "axis.url_file", "stands beside url; keep one")]
    neither = GOOD.replace("url = ", "allow_plain = false #")
    assert problems(tmp_path, neither) == [(11, "axis.url", "is missing (or url_file)")]


def test_an_address_in_a_private_file(tmp_path: Path) -> None:
    text = GOOD.replace(
        'url = "amqp://node-H05:secret@localhost:5672/axis"', 'url_file = "axis.url"'
    )
    secret = tmp_path / "axis.url"
    secret.write_text("amqps://u:p@mq/axis\n")
    secret.chmod(0o600)
    config = load(written(tmp_path, text))
    assert config.axis.broker.url() == "amqps://u:p@mq/axis"
    secret.chmod(0o644)
    with pytest.raises(PermissionRefused, match="chmod 600"):
        config.axis.broker.url()
    secret.chmod(0o600)
    secret.write_text("amqp://u:p@mq/axis\n")
    with pytest.raises(ConfigError, match="unencrypted") as caught:
        config.axis.broker.url()
    assert "u:p" not in str(caught.value)


def test_a_config_never_shows_its_password(tmp_path: Path) -> None:
    assert "secret" not in repr(good(tmp_path))


def signing(tmp_path: Path, lines: str) -> Config:
    """The good config with other settings of the key; paths are relative to the file."""
    return load(written(tmp_path, with_signer(lines)))


def with_signer(lines: str) -> str:
    return GOOD.replace(
        'key = "keys/H05/key.pem"\nchain = "keys/H05/chain.pem"\n', lines.strip() + "\n"
    )


PEM = 'key = "k.pem"\nchain = "c.pem"\n'
TOKEN = """
[organs."H05".pkcs11]
module = "/usr/lib/softhsm/libsofthsm2.so"
token = "H05"
key = "sign"
pin_file = "pin"
"""


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (PEM, PemKey(Path("k.pem"), Path("c.pem"))),
        (
            PEM + 'passphrase_file = "p"\nalgorithm = "rsa-pss-sha256"',
            PemKey(Path("k.pem"), Path("c.pem"), Secret(Path("p")), "rsa-pss-sha256"),
        ),
        (
            PEM + 'key_passphrase_file = "p"',
            PemKey(Path("k.pem"), Path("c.pem"), Secret(Path("p"))),
        ),
        (
            PEM + 'passphrase_env = "H05_WORDS"',
            PemKey(Path("k.pem"), Path("c.pem"), Secret(None, "H05_WORDS")),
        ),
        ('pkcs12 = "a.p12"', Pkcs12Key(Path("a.p12"))),
        (
            'pkcs12 = "a.p12"\nchain = "c.pem"\npassphrase_file = "p"',
            Pkcs12Key(Path("a.p12"), Path("c.pem"), Secret(Path("p"))),
        ),
        (
            TOKEN,
            TokenSource(
                Path("/usr/lib/softhsm/libsofthsm2.so"), Secret(Path("pin")), "H05", None, "sign"
            ),
        ),
        (
            'chain = "c.pem"\n[organs."H05".pkcs11]\nmodule = "m.so"\nslot = 0\nkey_id = "0a"\n'
            'pin_env = "PIN"\nsessions = 1',
            TokenSource(
                module=Path("m.so"),
                pin=Secret(None, "PIN"),
                slot=0,
                key_id="0a",
                chain=Path("c.pem"),
                sessions=1,
            ),
        ),
    ],
)
def test_where_a_key_may_lie(tmp_path: Path, lines: str, expected: KeySource) -> None:
    found = signing(tmp_path, lines).organs["H05"].signer
    assert repr(found).replace(f"{tmp_path}/", "") == repr(expected)


@pytest.mark.parametrize(
    ("lines", "key", "says"),
    [
        ("", "key", "is missing (or pkcs12"),
        ('key = "k"', "chain", "is missing"),
        (PEM + 'pkcs12 = "a.p12"', "pkcs12", "stands beside key; keep one"),
        (PEM + TOKEN, "pkcs11", "stands beside key; keep one"),
        ('pkcs12 = "a.p12"' + TOKEN, "pkcs11", "stands beside pkcs12; keep one"),
        (
            PEM + 'passphrase_file = "a"\npassphrase_env = "A"',
            "passphrase_env",
            "stands beside passphrase_file",
        ),
        (
            PEM + 'passphrase_file = "a"\nkey_passphrase_file = "b"',
            "key_passphrase_file",
            "stands beside passphrase_file",
        ),
        ('passphrase_file = "a"' + TOKEN, "passphrase_file", "is for key files; a token has"),
        (PEM + 'algorithm = "rsa-sha1"', "algorithm", "write rsa-sha256, rsa-sha384"),
        (PEM + 'pkcs13 = "a.p12"', "pkcs13", 'did you mean "pkcs12"?'),
        (TOKEN + 'pin_fil = "x"', "pkcs11.pin_fil", 'did you mean "pin_file"?'),
        (TOKEN + 'pin = "271828"', "pkcs11.pin", 'did you mean "pin_'),
        (TOKEN + "slot = 1", "pkcs11.slot", "stands beside token"),
        (TOKEN + 'pin_env = "A"', "pkcs11.pin_env", "stands beside pin_file"),
        (TOKEN + "sessions = 0", "pkcs11.sessions", "0 is wrong; write 1 .. 64"),
        (TOKEN + 'key_id = "xyz"', "pkcs11.key_id", "write hex"),
        ("[organs.H05.pkcs11]\nslot = 0", "pkcs11.pin_file", "is missing (or pin_env)"),
        ("[organs.H05.pkcs11]\nslot = 0", "pkcs11.module", "is missing"),
        ("[organs.H05.pkcs11]\nslot = 0", "pkcs11.key", "is missing (or key_id)"),
        ("[organs.H05.pkcs11]\nkey = 'a'", "pkcs11.token", "is missing (or slot)"),
    ],
)
def test_a_key_that_is_not_told_well(tmp_path: Path, lines: str, key: str, says: str) -> None:
    found = problems(tmp_path, with_signer(lines))
    assert any(f"organs.H05.{key}" == name and says in text for _, name, text in found), found
    assert all(line > 1 for line, _, _ in found)


@pytest.mark.parametrize("setting", ["pin_env", "pin_file"])
@pytest.mark.parametrize("value", ['"271828 "', "271828"])
def test_a_secret_in_the_wrong_place_is_not_repeated(
    tmp_path: Path, setting: str, value: str
) -> None:
    text = with_signer(TOKEN.replace('pin_file = "pin"', f"{setting} = {value}"))
    try:
        load(written(tmp_path, text))
    except FileError as error:
        assert "271828" not in f"{error}{error.vi}{error!r}"
        assert "*** is wrong" in str(error)
    else:
        assert (setting, value) == ("pin_file", '"271828 "')  # it is a file's name


def test_revocation_is_off_unless_it_is_asked_for(tmp_path: Path) -> None:
    assert good(tmp_path).revocation == RevocationConfig()
    more = """
[revocation]
policy = "required"
hosts = ["CRL.example.vn", "ocsp.example.vn:8080"]
private_hosts = ["crl.example.vn"]
timeout = "5s"
"""
    asked = good(tmp_path, more).revocation
    assert asked.policy == "required"
    assert asked.rules.host_of("http://crl.example.vn/a.crl") == "crl.example.vn"
    assert asked.rules.host_of("http://crl.example.vn:81/a.crl") == ""
    assert asked.rules.private == {"crl.example.vn"}
    assert asked.rules.timeout == timedelta(seconds=5)


@pytest.mark.parametrize(
    ("more", "key", "why"),
    [
        ('policy = "maybe"', "revocation.policy", '"maybe" is wrong'),
        ('hosts = ["crl.example.vn"]', "revocation.hosts", 'nobody is asked while policy = "off"'),
        (
            'policy = "check"\nprivate_hosts = ["a"]',
            "revocation.private_hosts",
            "a: name it in hosts, too",
        ),
        ('policy = "check"\nhosts = ["http://a/"]', "revocation.hosts", "a host name"),
    ],
)
def test_wrong_settings_of_revocation(tmp_path: Path, more: str, key: str, why: str) -> None:
    [(_, named, text)] = problems(tmp_path, GOOD + f"\n[revocation]\n{more}\n")
    assert named == key
    assert why in text


AMQPS = GOOD.replace("amqp://node-H05:secret@localhost:5672", "amqps://node-H05@mq:5671")


def test_certificates_go_with_a_user_and_no_password(tmp_path: Path) -> None:
    both = 'certificate = "c.pem"\ncertificate_key = "k.pem"\n'
    assert load(written(tmp_path, AMQPS + both)).axis.broker.tls.key == tmp_path / "k.pem"
    password = AMQPS.replace("node-H05@mq", "node-H05:secret@mq")
    for address in (password, AMQPS.replace("node-H05@mq", "mq")):
        ((line, setting, why),) = problems(tmp_path, address + both)
        assert (line, setting) == (12, "axis.url")
        assert why.startswith("needs the user that the certificate stands for")
        assert "secret" not in why
    alone = problems(tmp_path, AMQPS + 'certificate = "c.pem"\n')
    assert alone == [(11, "axis.certificate_key", "is missing beside certificate")]
    plain = problems(tmp_path, GOOD + 'ca = "ca.pem"\n')
    assert plain[0][2].startswith("is amqp://, on which no certificate counts")


def test_wrong_certificate_files_are_told_at_the_start(tmp_path: Path) -> None:
    ca, chain, key = (tmp_path / name for name in ("ca.pem", "c.pem", "k.pem"))
    text = AMQPS + 'ca = "ca.pem"\ncertificate = "c.pem"\ncertificate_key = "k.pem"\n'
    broker = load(written(tmp_path, text)).axis.broker
    with pytest.raises(ConfigError, match=r"ca\.pem"):
        broker.url()
    ca.write_text("no certificate")
    with pytest.raises(ConfigError, match=r"ca\.pem: holds no certificates in PEM"):
        broker.url()
    ca.write_bytes(P256.root.pem)
    chain.write_bytes(P256.chain_pem("H05"))
    key.write_bytes(P256.organ("H13").key_pem)
    key.chmod(0o644)
    with pytest.raises(PermissionRefused):
        broker.url()
    key.chmod(0o600)
    with pytest.raises(ConfigError, match=r"c\.pem: does not go with .*k\.pem"):
        broker.url()
    key.write_bytes(P256.organ("H05").key_pem)
    assert broker.url().endswith("&auth=external")
    assert broker.other("amqps://admin:p@mq/axis").count("?cafile=") == 1
    with pytest.raises(ConfigError, match="would send the password unencrypted"):
        broker.other("amqp://admin:p@mq/axis")
