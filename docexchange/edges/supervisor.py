"""What systemd is told of the daemon: ready, alive, stopping (the protocol of sd_notify(3)).

Owns the datagrams and the pulse of the loops. Without NOTIFY_SOCKET everything here does nothing.
Knows no loop of ours: whoever turns calls `Pulse.beat`.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping

import structlog

log = structlog.get_logger()

BEATS = 4  # looks within one watchdog interval; a loop may be silent for half of it (sd_notify(3))
LONGEST_STATUS = 200  # characters; `systemctl status` shows one line


class Pulse:
    """When each loop of the daemon last turned.

    Args:
        clock: seconds that only grow, such as those of the event loop.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._last: dict[str, float] = {}

    def beat(self, loop: str) -> None:
        """This loop turns."""
        self._last[loop] = self._clock()

    def still(self, longest: float) -> list[str]:
        """The loops that have not turned for more than `longest` seconds, by name."""
        now = self._clock()
        return sorted(loop for loop, last in self._last.items() if now - last > longest)


class Supervisor:
    """The service manager that started us.

    Args:
        address: its socket, a path or "@" and an abstract name; "" when there is none.
        watchdog: s within which it wants a sign of life, None when it wants none.
    """

    def __init__(self, address: str = "", watchdog: float | None = None) -> None:
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self.watchdog = watchdog if address else None

    @classmethod
    def of(cls, environment: Mapping[str, str], process: int) -> Supervisor:
        """As the environment names it.

        Args:
            environment: NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID.
            process: our process id; a watchdog that is meant for another is not ours.
        """
        interval = environment.get("WATCHDOG_USEC", "")
        ours = environment.get("WATCHDOG_PID", str(process)) == str(process)
        watchdog = int(interval) / 1e6 if ours and interval.isdecimal() else None
        return cls(environment.get("NOTIFY_SOCKET", ""), watchdog or None)

    @property
    def every(self) -> float | None:
        """Seconds between two looks at the pulse, None when nobody wants a sign of life."""
        return self.watchdog / BEATS if self.watchdog else None

    def ready(self, status: str) -> None:
        """The start is over."""
        self._tell("READY=1", _status(status))

    def status(self, status: str) -> None:
        """What `systemctl status` shows."""
        self._tell(_status(status))

    def stopping(self) -> None:
        """We were told to stop, and finish what is in hand."""
        self._tell("STOPPING=1")

    def look(self, pulse: Pulse) -> None:
        """Give a sign of life if every loop turned within half the interval; else none, so that
        the service manager ends and restarts a process that only seems to live."""
        if self.watchdog is None:
            return
        still = pulse.still(self.watchdog / 2)
        if still:
            log.error("loops_stand_still", loops=still, restart_after_s=self.watchdog)
        else:
            self._tell("WATCHDOG=1")

    def _tell(self, *lines: str) -> None:
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
                sender.setblocking(False)
                sender.sendto("\n".join(lines).encode(), self._address)
        except OSError as error:  # serving goes on: it will restart us if it really misses us
            log.warning("supervisor_not_told", lines=lines, why=str(error))


def _status(text: str) -> str:
    return "STATUS=" + " ".join(text.split())[:LONGEST_STATUS]
