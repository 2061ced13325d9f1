"""Where the server listens."""

from __future__ import annotations

import socket

import pytest

from deepsort_cli.core.errors import InputError
from deepsort_cli.serving.address import Address, bind


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("8000", "127.0.0.1", 8000),
        (" 0 ", "127.0.0.1", 0),
        ("0.0.0.0:80", "0.0.0.0", 80),
        ("localhost:65535", "localhost", 65535),
        ("[::1]:8000", "::1", 8000),
        ("[fe80::1%eth0]:8000", "fe80::1%eth0", 8000),
        ("box.local:8000", "box.local", 8000),
    ],
)
def test_what_an_address_says(text: str, host: str, port: int) -> None:
    assert Address.parse(text) == Address(host, port)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        ":8000",
        "65536",
        "-1",
        "8000:",
        "::1:8000",
        "[::1]",
        "http://localhost:8000",
        "a b:1",
        "1.5",
        "٨٠٠٠",
        "a@b:1",
    ],
)
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(InputError, match="HOST:PORT"):
        Address.parse(text)


def test_a_free_port_is_found_and_told() -> None:
    listening = bind(Address.parse("0"))
    with listening.socket:
        assert listening.private
        assert listening.port > 0
        assert listening.url == f"http://127.0.0.1:{listening.port}/"
        with pytest.raises(InputError, match="in use"):
            bind(Address("127.0.0.1", listening.port))


def test_all_addresses_are_for_others_too_and_shown_as_one_that_they_can_reach() -> None:
    listening = bind(Address.parse("0.0.0.0:0"))
    with listening.socket:
        assert not listening.private
        assert "0.0.0.0" not in listening.url


@pytest.mark.skipif(not socket.has_ipv6, reason="no IPv6")
def test_ipv6() -> None:
    try:
        listening = bind(Address.parse("[::1]:0"))
    except InputError:
        pytest.skip("this machine has no address ::1")
    with listening.socket:
        assert listening.private
        assert listening.url == f"http://[::1]:{listening.port}/"
    with bind(Address.parse("[::]:0")).socket as both:
        assert both.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY) == 0


@pytest.mark.parametrize(
    ("host", "why"), [("192.0.2.7", "no address of this machine"), ("no-such-host.invalid", "no machine is known")]
)
def test_addresses_of_others_are_refused(host: str, why: str) -> None:
    with pytest.raises(InputError, match=why):
        bind(Address(host, 0))
