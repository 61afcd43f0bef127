"""Sources of revocation evidence as a CA runs them: `openssl ocsp` and a web server, on loopback,
that go down and come back at the same address.

    with Website() as site, OpensslOcsp(folder, issuer, signer) as ocsp:
        site.pages["/ca.crl"] = (200, "application/pkix-crl", data)
        ocsp.revoke(certificate, at)                      takes effect at the next `start`
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import threading
import time
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Self

import pytest

from keys.certificates import Certificate
from keys.demo_ca import Issued

UP_WITHIN = 10.0  # s for openssl to listen
Page = tuple[int, str, bytes]  # status, content type, body


def free_port() -> int:
    """One that nobody listens on now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


class Website:
    """Pages on loopback; a path without one is answered 404."""

    def __init__(self) -> None:
        self.pages: dict[str, Page] = {}
        self.asked: list[str] = []
        self.port = free_port()
        self._server: ThreadingHTTPServer | None = None

    def url(self, path: str) -> str:
        """Address of a page."""
        return f"http://localhost:{self.port}{path}"

    def start(self) -> None:
        """Listen, at the same port each time."""
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                site.asked.append(self.path)
                status, kind, body = site.pages.get(self.path, (404, "text/plain", b""))
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def stop(self) -> None:
        """Refuse connections."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


class OpensslOcsp:
    """`openssl ocsp`: a responder with an index, whose signer the issuer appointed.

    Args:
        folder: where it keeps its files.
        issuer: of the certificates it speaks of.
        signer: who signs its answers.
    """

    def __init__(self, folder: Path, issuer: Issued, signer: Issued) -> None:
        if shutil.which("openssl") is None:
            why = "no openssl command here; deploy/setup installs it"
            if os.environ.get("DOCEXCHANGE_TEST_LIVE") == "1":
                pytest.fail(why)
            pytest.skip(why)
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.port = folder, free_port()
        self._index: dict[str, str] = {}
        self._process: subprocess.Popen[bytes] | None = None
        (folder / "ca.pem").write_bytes(issuer.pem)
        (folder / "signer.pem").write_bytes(signer.pem)
        (folder / "signer.key").touch(mode=0o600)
        (folder / "signer.key").write_bytes(signer.key_pem)

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://localhost:{self.port}/"

    def issued(self, certificate: Certificate) -> None:
        """It is good."""
        self._write(certificate, "V", "")

    def revoke(self, certificate: Certificate, at: datetime, reason: str = "superseded") -> None:
        """It is revoked since a time."""
        self._write(certificate, "R", f"{at:%y%m%d%H%M%SZ},{reason}")

    def _write(self, certificate: Certificate, state: str, revoked: str) -> None:
        number = f"{certificate.x509.serial_number:X}"
        number = "0" * (len(number) % 2) + number
        fields = (state, f"{certificate.not_after:%y%m%d%H%M%SZ}", revoked, number, "unknown")
        self._index[number] = "\t".join((*fields, f"/CN={number}")) + "\n"
        (self.folder / "index.txt").write_text("".join(self._index.values()))

    def start(self) -> None:
        """Listen, at the same port each time."""
        words = "openssl ocsp -index index.txt -CA ca.pem -rsigner signer.pem -rkey signer.key"
        with (self.folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [*words.split(), "-port", str(self.port), "-nmin", "60"],
                cwd=self.folder,
                stdout=subprocess.DEVNULL,
                stderr=log,
            )
        until = time.monotonic() + UP_WITHIN
        while b"waiting for" not in (self.folder / "log").read_bytes().lower():
            assert self._process.poll() is None, (self.folder / "log").read_text()
            assert time.monotonic() < until, "openssl ocsp does not listen"
            time.sleep(0.01)

    def stop(self) -> None:
        """Refuse connections."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
