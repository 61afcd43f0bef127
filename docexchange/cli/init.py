"""`init`: a commented config, a directory of organs and the folders of a node; asks nothing."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Annotated

import typer

from ..core.errors import Conflict
from . import files, options, show
from .words import say, spoken

# Also deploy/docexchange.example.toml, word for word.
CONFIG = """\
# Cấu hình một nút docexchange · Configuration of a docexchange node.
#
# Đường dẫn tương đối tính từ thư mục của tệp này. Kiểm tra: docexchange config check
# Relative paths start at this file's folder. Times: "90s", "5m", "72h", "2d". A setting that is not
# written has the default shown here; a name that is not known is an error.

[node]
id = "H05"                      # name of this node, A-Z a-z 0-9 _ -; it stands in its queues' names
data = "data"                   # folder of the store (store.sqlite3): a local disk, never NFS
directory = "directory.toml"    # danh mục cơ quan: who is who, whose certificate speaks for whom
# Who has to sign it: certificates, PEM. Then directory.toml.sig has to lie beside it
# (`docexchange directory sign`), and none is served that is older than one that was.
# directory_authority = "directory-authority.pem"
trust = "trust"                 # chứng thư gốc tin cậy: a PEM file, or a folder of them
lang = "vi"                     # vi | en: what people read; JSON never changes

# One table per organ that this node serves.
[organs."H05"]
key = "keys/H05/key.pem"        # private key, PEM; refused unless its mode is 0600 (exit 77)
chain = "keys/H05/chain.pem"    # certificates, PEM, the organ's own first, without the root
# A file (0600) whose first line opens the key; "credential:NAME" is a credential of systemd.
# passphrase_file = "keys/H05/passphrase"
# Or an environment variable that holds it; a file is better: an environment is inherited.
# passphrase_env = "H05_PASSPHRASE"
# What it signs with, if its key can do more than one: rsa-sha256 (usual), rsa-pss-sha256, ...;
# every name: keys/README.md. xmlsec1 of Debian 12 cannot verify PSS.
# algorithm = "rsa-sha256"
# Instead of key: a PKCS#12 file (.p12, .pfx; 0600) with key and certificates. chain may then be
# left out; passphrase_file or passphrase_env opens it.
# pkcs12 = "keys/H05/H05.p12"
# Lãnh đạo ký ở nơi khác (docexchange sign): the key above then signs receipts and statuses only.
# documents = "remote"
# document_chain = "keys/H05/leader-chain.pem"   # certificates of the key that signs documents
mailroom = "mr-H05"             # vhost of its mailroom on [mailroom] url; without: CLI only
# recalls = "agree"             # a status 13: give back without asking the mailroom what is not
                                # completed; "mailroom" (default) leaves it to the mailroom

# Instead of key and pkcs12: a key on a token or HSM that speaks PKCS#11. chain above may then be
# left out if the certificates are on the token. Needs: pip install 'docexchange[pkcs11]'
# [organs."H05".pkcs11]
# module = "/usr/lib/softhsm/libsofthsm2.so"    # library of the token's maker
# token = "H05"                 # label of the token; or slot = 0, the number of its slot
# slot = 0
# key = "H05 2026"              # label of the private key; or key_id, its CKA_ID in hex; or both
# key_id = "01"
# pin_file = "keys/H05/pin"     # first line of a file (0600), or "credential:NAME"; or pin_env
# pin_env = "H05_PIN"
# sessions = 4                  # signatures in hand at once; a USB token may allow only 1

# Trục liên thông: the broker where nodes meet.
[axis]
# A private file (0600) holding amqps://USER:PASSWORD@HOST:5671/VHOST; or url = "..." here.
url_file = "axis.url"
allow_plain = false             # true: amqp:// (no TLS) to other machines, in a closed network only
# TLS is always verified. ca: the authorities of the broker's certificate; usual: the system's.
# ca = "axis-ca.pem"
# Log in by a certificate instead of a password (EXTERNAL); the address then is amqps://USER@HOST.
# certificate = "keys/node.pem"       # PEM, the node's own first
# certificate_key = "keys/node.key"   # PEM without passphrase, mode 0600
prefetch_receipts = 64          # messages in hand; receipts are small and many
prefetch_urgent = 8             # documents of up to 8 MiB: these two below 300 MiB
prefetch_normal = 16            # fewer than 16 leave the store waiting between two commits
outstanding_confirms = 64       # publishes per lane that wait for the broker's confirm

# Broker of the mailrooms; may be the same one. Needed when an organ above names a mailroom.
[mailroom]
# As above, without a vhost: amqps://USER:PASSWORD@HOST:5671
url_file = "mailroom.url"
allow_plain = false             # as above; ca, certificate and certificate_key, too

# When to try again. The last wait of a list repeats.
[retry]
# The broker did not confirm: soon.
unconfirmed = ["15s", "45s", "2m", "6m", "18m", "1h", "90m"]
# Confirmed but no receipt: slowly, since the broker holds a copy.
unanswered = ["5m", "30m", "2h", "6h", "12h"]
jitter = 0.2                    # each wait differs by this share: not all nodes at one second
lifetime = "72h"                # then a person is told: longer than a weekend's outage
lifetime_urgent = "24h"         # the same for hỏa tốc, Priority 3 and 4
# Without a receipt for so long the mailroom and the operator are warned; it is tried further.
warn = "12h"
warn_prompt = "2h"              # khẩn, thượng khẩn: Priority 1 and 2
warn_urgent = "30m"             # hỏa tốc: somebody still can telephone

[limits]
envelope_bytes = 8_388_608      # larger signed envelopes travel in parts of 4 MiB
large_bytes = 1_073_741_824     # largest signed envelope, bytes
parts_quota = 4_294_967_296     # bytes of incomplete envelopes that one sender's parts may take
trial_bytes = 1_000_000         # a larger message that comes again is first read by a child process
trial_memory = 536_870_912      # of which it may take so many bytes
trial_cpu = 60                  # and so many seconds of CPU
signing_skew = "5m"             # a signing time this far ahead of our clock still passes
hold_ahead = "24h"              # this far ahead it is held until then; beyond: quarantine
recheck = "5m"                  # wait before a held envelope is judged again
evidence_grace = "4h"           # wait for revocation evidence; then a person decides
poison_attempts = 3             # at this delivery of the same bytes they are kept unparsed
recipients = 5000               # most recipients of one document
signing_wait = "48h"            # how long a document waits for a signature that is made elsewhere
upload_part_bytes = 4_194_304   # largest part of an attachment sent ahead (submit.part)
upload_quota = 536_870_912      # such parts that wait for their document, per mailroom
require_pdf_signatures = false  # true: refuse what is not signed inside its PDF (NĐ 30 Art 5)
# Bytes kept in quarantine per connection of a sender; beyond: digest, report and first 64 KiB.
quarantine_quota = 1_073_741_824

# Khi nào tạm ngừng nhận (trả lời E-BSY): when something new is refused, and nothing is lost.
[backpressure]
warn_free = 2_147_483_648       # free bytes of the store's disk below which a person is warned
refuse_free = 536_870_912       # below: new documents are refused; arrivals and receipts go on
# Below: documents of the axis stay in their queues, too. The rest is the reserve in which receipts
# and what is in hand are finished.
reserve_free = 134_217_728
share_free = 0.0                # free share (0 to 1) below which new documents are refused, too
recover = 0.25                  # taken again when this share more than the mark is free
# Quotas of one mailroom, so that it cannot starve another.
open_deliveries = 100_000       # deliveries that have not ended
open_bytes = 68_719_476_736     # bytes of them, each recipient counted
per_minute = 60_000             # submissions a minute; 0: no bound

# Dấu thời gian: who proves when a signature existed (RFC 3161). Stamped in the background: nothing
# waits for it, and an authority that is down stops nothing.
[timestamps]
# urls = ["https://tsa.example/tsr", "http://tsa2.example/"]  # asked in this order; none: no stamps
# trust = "tsa-trust"           # their anchors, PEM file or folder; usual: those of the node
# policy = "1.3.6.1.4.1.1.1"    # to ask for; usual: the authority's own choice
# policies = ["1.3.6.1.4.1.1.1"]  # that are accepted; usual: any
timeout = "10s"                 # for one request
every = "10s"                   # between two rounds; what came meanwhile shares them
batch = 256                     # most envelopes of a round
tree_from = 4                   # so many or more share one token by a hash tree
retry = "30s"                   # after a round in which no authority gave a good token
warn = ["15m", "4h"]            # the operator is told when the oldest waits so long
clock_skew = "5m"               # an authority whose clock differs by more is not believed

# Thu hồi chứng thư: how the node learns which certificates were revoked. An envelope whose evidence
# is not at hand is held (limits.evidence_grace), never believed and never called revoked.
[revocation]
# off: asks nobody, and an imported list counts. check: what is known counts. required: what is not
# known to be good is held.
policy = "off"
# hosts = ["crl.example.vn", "ocsp.example.vn:8080"]  # the only hosts asked; none: import by hand
# private_hosts = ["crl.example.vn"]  # those of them that may have private addresses
timeout = "20s"                 # for one answer, redirects included

[test]
crash_points = false            # true: DOCEXCHANGE_CRASH_AT may kill this process; for tests only
"""

DIRECTORY = """\
# Danh mục cơ quan · Directory of organs: who is who, which node serves whom, and whose certificate
# speaks for whom. Codes are compared as they are written; an old code is an entry of its own.

[organs."H05"]
name = "UBND tỉnh Bắc Ninh"
node = "H05"
# Either the certificates by fingerprint (`docexchange keys show FILE`), overlapping at a change:
certificates = [
  # { fingerprint = "<SHA-256>", from = 2026-01-01, until = 2028-01-01 },
]
# or every certificate that carries this code (organizationIdentifier) under the CAs named here:
# subject_rule = true
# issuers = ["<SHA-256 of the CA certificate>"]

# A closed code is refused at the door, its successor named; it also stands for what lies below it
# (H02.12) and for its old form (000.00.12.H02). Those closed by decree are known without an entry
# (docexchange codes list --status closed); what stands here counts more.
[closed."H02"]
name = "UBND tỉnh Bắc Giang"
successor = "H05"
"""

AXIS_URL = "amqps://node-{organ}:PASSWORD@broker.example:5671/axis\n"
MAILROOM_URL = "amqps://node-{organ}:PASSWORD@broker.example:5671\n"


def register(app: typer.Typer) -> None:
    """Add the command."""
    options.add(
        app,
        "init",
        init,
        "Tạo cấu hình có chú thích và các thư mục của một nút.",
        "Write a commented config and the folders of a node.",
    )


def init(
    folder: Annotated[
        Path,
        typer.Option(
            "--dir",
            metavar=say("THƯ_MỤC", "DIR"),
            help=say("thư mục của nút", "folder of the node"),
        ),
    ] = Path(),
    organ: Annotated[
        str,
        typer.Option(
            "--organ",
            metavar=say("CƠ_QUAN", "ORGAN"),
            help=say("mã định danh cơ quan", "code of the organ"),
        ),
    ] = "H05",
    store: Annotated[
        Path | None,
        typer.Option(
            "--store",
            metavar=say("THƯ_MỤC", "DIR"),
            help=say(
                "thư mục kho dữ liệu, nơi dịch vụ được ghi (mặc định: data trong --dir)",
                "folder of the store, where the service may write (usual: data below --dir)",
            ),
        ),
    ] = None,
    force: options.Force = False,
) -> None:
    """Write what a new node needs; nothing is overwritten without --force."""
    from envelopes.codes.organ import problem, shown

    fault = problem(organ)
    if fault is not None:
        raise typer.BadParameter(f"{shown(organ)}: {fault.get(spoken())}", param_hint="--organ")
    config = folder / "docexchange.toml"
    texts = {
        config: CONFIG,
        folder / "directory.toml": DIRECTORY,
        folder / "axis.url": AXIS_URL,
        folder / "mailroom.url": MAILROOM_URL,
    }
    there = [path for path in texts if path.exists()]
    if there and not force:
        raise Conflict(
            f"{there[0]} is there already; --force overwrites",
            f"{there[0]} đã có sẵn; --force để ghi đè",
        )
    if store is not None:
        texts[config] = _stored_at(store.absolute(), texts[config])
    for inner in (store or folder / "data", folder / "trust", folder / f"keys/{organ}"):
        inner.mkdir(mode=0o700, parents=True, exist_ok=True)
    (folder / "keys").chmod(0o700)
    for path, text in texts.items():
        data = _of(organ, text).encode()
        files.write(path, data, 0o600 if path.suffix == ".url" else 0o644, force=force)
    show.out(str(config))
    show.note(_next(folder, organ))


def _of(organ: str, text: str) -> str:
    node = organ.replace(".", "-")  # a node's name stands in queue names
    for place in ('organs."H05"', "keys/H05/", "mr-H05"):
        text = text.replace(place, place.replace("H05", organ))
    for name in ("id", "node"):
        text = text.replace(f'\n{name} = "H05"', f'\n{name} = "{node}"')
    if organ != "H05":
        text = text.replace("UBND tỉnh Bắc Ninh", organ)
    return text.replace("{organ}", node)


def _stored_at(store: Path, text: str) -> str:
    """The config with its store elsewhere; the comment beside it stays."""
    quoted = json.dumps(str(store), ensure_ascii=False)  # also a basic string of TOML
    return re.sub(r'^data = "data" *', lambda _: f"data = {quoted}  ", text, count=1, flags=re.M)


def _next(folder: Path, organ: str) -> str:
    config = folder / "docexchange.toml"
    return say(
        f"Tiếp theo:\n"
        f"  1. đặt khoá và chứng thư vào {folder}/keys/{organ}/ (key.pem 0600, chain.pem)\n"
        f"  2. đặt chứng thư gốc tin cậy vào {folder}/trust/\n"
        f"  3. ghi địa chỉ broker vào {folder}/axis.url và {folder}/mailroom.url\n"
        f"  4. điền {folder}/directory.toml\n"
        f"  5. docexchange config check -c {config}; docexchange run -c {config}",
        f"Next:\n"
        f"  1. put key and certificates into {folder}/keys/{organ}/ (key.pem 0600, chain.pem)\n"
        f"  2. put the trust anchors into {folder}/trust/\n"
        f"  3. write the brokers' addresses into {folder}/axis.url and {folder}/mailroom.url\n"
        f"  4. fill in {folder}/directory.toml\n"
        f"  5. docexchange config check -c {config}; docexchange run -c {config}",
    )
