"""The broker of the demo: a private node, or one that is already there.

Both can be taken away and brought back for scene 2: the private node is killed; of a broker that
belongs to somebody else only our lines are cut, at a relay that all our connections pass.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote, unquote, urlsplit

from ..core.errors import ConfigError
from .rabbitmq import Node

LOOPBACK = "127.0.0.1"
API_PORT = 15672  # of the management plugin, RabbitMQ's default
API_TIMEOUT = 10.0  # s
BLOCK = 64 * 1024  # bytes relayed at once


class Broker(Protocol):
    """What the scenes need of it."""

    takes: tuple[str, str]  # how it is taken away, for the story: Vietnamese, English

    def url(self, user: str, password: str, vhost: str) -> str:
        """AMQP URL of a login on a vhost; "" names no vhost."""
        ...

    def admin_url(self, vhost: str) -> str:
        """AMQP URL of an administrator."""
        ...

    async def open(self) -> None:
        """Start, or connect, and make vhosts, users and rights."""
        ...

    async def take_away(self) -> None:
        """Take it away without warning."""
        ...

    async def bring_back(self) -> None:
        """Bring it back with all it had."""
        ...

    async def close(self) -> None:
        """Leave no process, vhost or user behind."""
        ...


class PrivateBroker:
    """A node of our own in a folder."""

    takes = ("kill -9 RabbitMQ", "kill -9 RabbitMQ")

    def __init__(self, folder: Path, definitions: Mapping[str, Any]) -> None:
        self._node = Node(folder, definitions=definitions)

    def url(self, user: str, password: str, vhost: str) -> str:
        """See `Broker`."""
        return (
            self._node.url(user, password, vhost)
            if vhost
            else _bare(self._node.url(user, password))
        )

    def admin_url(self, vhost: str) -> str:
        """See `Broker`."""
        return self._node.admin_url(vhost)

    async def open(self) -> None:
        """See `Broker`. Raises NodeError when it cannot be started."""
        await asyncio.to_thread(self._node.start)

    async def take_away(self) -> None:
        """SIGKILL."""
        await asyncio.to_thread(self._node.kill)

    async def bring_back(self) -> None:
        """Start again on the same port with the same data."""
        await asyncio.to_thread(self._node.start)

    async def close(self) -> None:
        """Stop it."""
        await asyncio.to_thread(self._node.stop)


class GivenBroker:
    """Somebody else's broker, reached through a relay of ours.

    Args:
        address: amqp://ADMINISTRATOR:PASSWORD@HOST:PORT; its management plugin makes vhosts and
            users, and takes them away again.
        api: address of that plugin, "" for http://HOST:15672.
        definitions: what it makes.

    Raises:
        ConfigError: the address is not of that form.
    """

    takes = ("cắt mọi đường nối tới RabbitMQ", "cut every line to RabbitMQ")

    def __init__(self, address: str, api: str, definitions: Mapping[str, Any]) -> None:
        parts = urlsplit(address)
        if parts.scheme != "amqp" or not parts.hostname or not parts.username:
            raise ConfigError(
                "--broker: write amqp://ADMINISTRATOR:PASSWORD@HOST:5672",
                "--broker: viết amqp://QUẢN-TRỊ:MẬT-KHẨU@MÁY:5672",
            )
        self._host, self._port = parts.hostname, parts.port or 5672
        self._user, self._password = unquote(parts.username), unquote(parts.password or "")
        self._api_url = (api or f"http://{self._host}:{API_PORT}").rstrip("/")
        self._definitions = definitions
        self._relay = Relay(self._host, self._port)

    def url(self, user: str, password: str, vhost: str) -> str:
        """See `Broker`."""
        login = f"{quote(user, safe='')}:{quote(password, safe='')}"
        url = f"amqp://{login}@{LOOPBACK}:{self._relay.port}"
        return f"{url}/{quote(vhost, safe='')}" if vhost else url

    def admin_url(self, vhost: str) -> str:
        """See `Broker`."""
        return self.url(self._user, self._password, vhost)

    async def open(self) -> None:
        """See `Broker`. Raises ConfigError when the management plugin does not do it."""
        rights = [
            {
                "user": self._user,
                "vhost": vhost["name"],
                "configure": ".*",
                "write": ".*",
                "read": ".*",
            }
            for vhost in self._definitions["vhosts"]
        ]
        permissions = [*self._definitions["permissions"], *rights]
        await self._api("POST", "definitions", {**self._definitions, "permissions": permissions})
        await self._relay.open()

    async def take_away(self) -> None:
        """Cut the lines."""
        await self._relay.cut()

    async def bring_back(self) -> None:
        """Connect them again."""
        await self._relay.open()

    async def close(self) -> None:
        """Delete what `open` made, queues included."""
        await self._relay.cut()
        for vhost in self._definitions["vhosts"]:
            await self._api("DELETE", f"vhosts/{quote(vhost['name'], safe='')}")
        for user in self._definitions["users"]:
            await self._api("DELETE", f"users/{quote(user['name'], safe='')}")

    async def _api(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> None:
        url = f"{self._api_url}/api/{path}"
        login = b64encode(f"{self._user}:{self._password}".encode()).decode()
        request = urllib.request.Request(  # http, by the line above
            url,
            json.dumps(body).encode() if body else None,
            {"Authorization": f"Basic {login}", "Content-Type": "application/json"},
            method=method,
        )
        try:
            await asyncio.to_thread(_fetch, request)
        except (urllib.error.URLError, TimeoutError) as error:
            reason = getattr(error, "reason", error)
            raise ConfigError(
                f"--broker: {self._api_url} (management plugin) did not do it: {reason}; "
                "run `rabbitmq-plugins enable rabbitmq_management`, use an administrator's login",
                f"--broker: {self._api_url} (plugin management) không làm được: {reason}; "
                "chạy `rabbitmq-plugins enable rabbitmq_management`, dùng tài khoản quản trị",
            ) from error


class Relay:
    """Passes bytes between a port of ours and a broker's, until it is cut."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._there = host, port
        self._server: asyncio.Server | None = None
        self._lines: set[asyncio.StreamWriter] = set()
        self.port = 0  # the same over every cut

    async def open(self) -> None:
        """Listen and pass on."""
        self._server = await asyncio.start_server(self._connected, LOOPBACK, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        """Stop listening and break every line."""
        if self._server is not None:
            self._server.close()
        for line in tuple(self._lines):
            line.transport.abort()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._lines.add(writer)
        try:
            there_reader, there = await asyncio.open_connection(self._host, self._there)
            self._lines.add(there)
            await asyncio.gather(self._pass(reader, there), self._pass(there_reader, writer))
        except OSError:
            writer.transport.abort()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while block := await reader.read(BLOCK):
                writer.write(block)
                await writer.drain()
        writer.close()
        self._lines.discard(writer)


def _bare(url: str) -> str:
    """A URL without its vhost."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _fetch(request: urllib.request.Request) -> None:
    with urllib.request.urlopen(request, timeout=API_TIMEOUT) as answer:  # as above
        answer.read()
