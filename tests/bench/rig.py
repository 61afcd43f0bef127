"""The place where the benchmark happens: a folder, a private broker, the configs of two nodes.

Everything as in service: a login per node with its own rights, quorum queues, the default
settings of the config.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from docexchange.demo.rabbitmq import Node
from docexchange.edges.permissions import MailroomLogin, NodeLogin, definitions
from docexchange.edges.topology import apply, axis_topology, mailroom_topology
from keys.certificates import load_pem
from tests.bench.material import NAMES, RECEIVER, SENDER, Pki

AXIS = "axis"  # vhost of the exchange without mailrooms
MAILED = "axis-mailed"  # vhost of the exchange with mailrooms
PEER = "peer"  # vhost of Celery
PASSWORD = "only-on-loopback"

CONFIG = """\
[node]
id = "{organ}"
data = "data"
directory = "../directory.toml"
trust = "../keys/root.pem"

[organs.{organ}]
key = "../keys/{organ}/key.pem"
chain = "../keys/{organ}/chain.pem"
{mailroom}
[axis]
url = "{axis}"
"""

MAILROOM = """\

[mailroom]
url = "{mailroom}"
"""

ORGAN = """\
[organs.{organ}]
name = "{name}"
node = "{organ}"
subject_rule = true
issuers = ["{issuer}"]
"""


class Rig:
    """Folder and broker.

    Args:
        folder: an empty one.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.pki = Pki.make(folder / "keys")
        self.broker = Node(folder / "rabbitmq", definitions=_definitions())

    async def open(self) -> None:
        """Start the broker and make the topology."""
        self.broker.start()
        for vhost in (AXIS, MAILED):
            topology = axis_topology({organ: [organ] for organ in NAMES})
            await apply(self.broker.admin_url(vhost), topology)
        for organ in NAMES:
            await apply(self.broker.admin_url(_vhost(organ)), mailroom_topology())
        self._write_directory()

    def close(self) -> None:
        """Stop the broker."""
        self.broker.stop()

    def config(self, organ: str, *, mailroom: bool) -> Path:
        """Write the config of a node, in a folder of its own; its path."""
        login, vhost = f"node-{organ}", MAILED if mailroom else AXIS
        home = self.folder / f"{organ}{'-mailed' if mailroom else ''}"
        home.mkdir()
        url = self.broker.url(login, PASSWORD, "")
        text = CONFIG.format(
            organ=organ,
            mailroom=f'mailroom = "{_vhost(organ)}"\n' if mailroom else "",
            axis=self.broker.url(login, PASSWORD, vhost),
        ) + (MAILROOM.format(mailroom=url.rpartition("/")[0]) if mailroom else "")
        path = home / "docexchange.toml"
        path.touch(mode=0o600)
        path.write_text(text)
        return path

    def mailroom_urls(self) -> Mapping[str, str]:
        """Address of each organ's mailroom, with the mailroom's own login."""
        return {
            organ: self.broker.url(f"mailroom-{organ}", PASSWORD, _vhost(organ)) for organ in NAMES
        }

    def peer_url(self) -> str:
        """Address of Celery's vhost."""
        return self.broker.admin_url(PEER)

    def _write_directory(self) -> None:
        issuer = load_pem((self.folder / "keys/issuing.pem").read_bytes())[0].fingerprint
        organs = (
            ORGAN.format(organ=organ, name=name, issuer=issuer) for organ, name in NAMES.items()
        )
        (self.folder / "directory.toml").write_text("".join(organs))


def _vhost(organ: str) -> str:
    return f"mailroom-{organ}"


def _definitions() -> Mapping[str, list[dict[str, object]]]:
    """Both axes with the same logins, the mailrooms, and a vhost for the peer."""
    nodes = [NodeLogin(organ, f"node-{organ}", PASSWORD, (_vhost(organ),)) for organ in NAMES]
    mailrooms = [MailroomLogin(_vhost(o), f"mailroom-{o}", PASSWORD) for o in (SENDER, RECEIVER)]
    made, mailed = (definitions(vhost, nodes, mailrooms) for vhost in (AXIS, MAILED))
    rights = [right for right in mailed["permissions"] if right["vhost"] == MAILED]
    return {
        "vhosts": [*made["vhosts"], {"name": MAILED}, {"name": PEER}],
        "users": made["users"],
        "permissions": [*made["permissions"], *rights],
    }
