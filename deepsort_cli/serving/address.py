"""Where the server listens."""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import os
import re
import socket
from dataclasses import dataclass

from deepsort_cli.core.errors import InputError

KEY = "`serve.address`"
LOOPBACK = "127.0.0.1"
SEND_BUFFER = 128 * 1024
"""Bytes the system holds for a viewer: pictures that wait there only get old."""


@dataclass(frozen=True)
class Address:
    """What `[HOST:]PORT` says.

    Attributes:
        host: a name or an address, without brackets.
        port: 0 for any that is free.
    """

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Address:
        """Read `8000`, `0.0.0.0:8000`, `[::1]:8000` or `localhost:8000`.

        Raises:
            InputError: it is nothing of the kind.
        """
        found = re.fullmatch(r"\s*(?:(?:\[([0-9A-Fa-f:.%\w]+)\]|([^\s:/\[\]@]+)):)?([0-9]{1,5})\s*", text)
        if not found or int(found[3]) > 65_535:
            raise InputError(
                f"{KEY} {text}: expected a port up to 65535, or HOST:PORT. For example: 8000, 0.0.0.0:8000, [::]:8000"
            )
        return cls(found[1] or found[2] or LOOPBACK, int(found[3]))

    def __str__(self) -> str:
        return _joined(self.host, self.port)


@dataclass(frozen=True)
class Listening:
    """A socket that is bound to its address.

    Attributes:
        socket: to accept connections from, once somebody listens.
        host, port: where it is, the port known.
        private: only programs of this machine can reach it.
    """

    socket: socket.socket
    host: str
    port: int
    private: bool

    @property
    def url(self) -> str:
        """Where a browser finds it."""
        return f"http://{_joined(_reachable(self.host), self.port)}/"


def bind(address: Address) -> Listening:
    """Take the address.

    Raises:
        InputError: it is taken, belongs to another machine, or is not allowed.
    """
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(
            address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (OSError, UnicodeError):
        raise InputError(f"{KEY} {address}: no machine is known under the name {address.host}.") from None
    made = socket.socket(family, kind, protocol)
    try:
        if os.name == "posix":  # elsewhere it would let two programs have the same port
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            with contextlib.suppress(OSError):  # `::` means both families
                made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0 if place[0] == "::" else 1)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        made.bind(place)
        made.listen(128)  # so that a port that is taken is noticed now
        made.setblocking(False)
    except OSError as error:
        made.close()
        raise InputError(f"{KEY} {address}: {_why(error, address)}") from None
    bound = str(made.getsockname()[0])
    return Listening(made, address.host, made.getsockname()[1], ipaddress.ip_address(bound.split("%")[0]).is_loopback)


def _why(error: OSError, address: Address) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {address.port} is in use, perhaps by another run. Choose another, or 0 for one that is free."
    if error.errno == errno.EADDRNOTAVAIL:
        return f"{address.host} is no address of this machine. 0.0.0.0 stands for all that it has."
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"port {address.port} is reserved by the system. Choose one from 1024 on."
    return f"cannot be listened at ({error.strerror or error})."


def _reachable(host: str) -> str:
    """An address under which others find what listens at all of them."""
    families = {"0.0.0.0": (socket.AF_INET, "192.0.2.1"), "::": (socket.AF_INET6, "2001:db8::1")}
    if host not in families:
        return host
    for family, far in (families[host], families["0.0.0.0"]):
        # Nothing is sent: the system only says which of its addresses it would send from.
        with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((far, 9))
            return str(probe.getsockname()[0])
    return LOOPBACK


def _joined(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
