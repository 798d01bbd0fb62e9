"""Networks, addresses, and whose request it is."""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wayvo.core.header_fields import fields_of
from wayvo.core.networks import client_address, compile_networks, parse_address, parse_network

addresses = st.ip_addresses()


@st.composite
def networks(draw: st.DrawFn) -> IPv4Network | IPv6Network:
    address = draw(addresses)
    return ip_network(f"{address}/{draw(st.integers(0, address.max_prefixlen))}", strict=False)


def canonical(network: IPv4Network | IPv6Network) -> str:
    parsed = parse_network(str(network))
    assert parsed is not None
    return parsed


@given(st.lists(networks(), max_size=5), addresses)
def test_an_address_is_in_compiled_networks_exactly_when_it_is_in_one_of_them(
    given: list[IPv4Network | IPv6Network], address: IPv4Address | IPv6Address
) -> None:
    parsed = parse_address(str(address))
    held = [ip_network(canonical(network)) for network in given]
    assert (str(address) in compile_networks(map(canonical, given))) == any(parsed in network for network in held)


@given(networks(), st.data())
def test_every_address_of_a_network_is_in_it(network: IPv4Network | IPv6Network, data: st.DataObject) -> None:
    address = network[data.draw(st.integers(0, network.num_addresses - 1))]
    compiled = compile_networks([canonical(network)])
    is_wider_than_mapped = network.version == 6 and network.prefixlen < 96 and parse_address(str(address)) != address
    assert (str(address) in compiled) or is_wider_than_mapped


@given(networks())
def test_the_canonical_form_is_its_own(network: IPv4Network | IPv6Network) -> None:
    assert parse_network(canonical(network)) == canonical(network)


@given(st.ip_addresses(v=4), st.integers(0, 32))
def test_an_ipv4_network_written_inside_ipv6_is_the_ipv4_one(address: IPv4Address, length: int) -> None:
    network = ip_network(f"{address}/{length}", strict=False)
    assert parse_network(f"::ffff:{network.network_address}/{96 + length}") == str(network)
    assert str(address) in compile_networks([str(network)])
    assert f"::ffff:{address}" in compile_networks([str(network)])


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("203.0.113.7", "203.0.113.7/32"),
        ("2001:DB8:0:0::/32", "2001:db8::/32"),
        ("0.0.0.0/0", "0.0.0.0/0"),
        ("::/0", "::/0"),
    ],
)
def test_a_network_has_one_canonical_form(text: str, parsed: str) -> None:
    assert parse_network(text) == parsed


@pytest.mark.parametrize(
    "text",
    ["", "10.0.0.1/8", "10.0.0.0/33", "10.0.0/8", "010.0.0.0/8", "fe80::1%eth0", "10.0.0.0/8 ", "localhost", "\0", "1"],
)
def test_what_is_no_network_is_none(text: str) -> None:
    assert parse_network(text) is None


@given(st.text(max_size=60))
def test_whatever_text_comes_is_an_address_a_network_or_nothing(text: str) -> None:
    parse_network(text)
    assert (parse_address(text) is not None) or (text not in compile_networks(["0.0.0.0/0", "::/0"]))


def test_an_address_with_a_zone_is_none() -> None:
    assert parse_address("fe80::1%eth0") is None


def test_no_networks_hold_no_address() -> None:
    assert "127.0.0.1" not in compile_networks([])


PROXIES = compile_networks(["10.0.0.0/8", "127.0.0.1/32", "2001:db8:1::/48"])


def forwarded(peer: str, *lines: bytes) -> str:
    headers = [(b"host", b"api.example"), *((b"x-forwarded-for", line) for line in lines)]
    return client_address(peer, fields_of(headers), PROXIES)


@pytest.mark.parametrize(
    ("peer", "lines", "client"),
    [
        ("192.0.2.9", [], "192.0.2.9"),
        ("192.0.2.9", [b"198.51.100.1"], "192.0.2.9"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", [b"198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", [b"203.0.113.66, 198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", [b"203.0.113.66, 198.51.100.1, 10.9.9.9"], "198.51.100.1"),
        ("10.0.0.1", [b"203.0.113.66", b"198.51.100.1", b"10.9.9.9"], "198.51.100.1"),
        ("10.0.0.1", [b"10.1.1.1, 10.2.2.2"], "10.1.1.1"),
        ("10.0.0.1", [b"198.51.100.1 ,\t10.2.2.2"], "198.51.100.1"),
        ("10.0.0.1", [b"2001:DB8:2::0001"], "2001:db8:2::1"),
        ("10.0.0.1", [b"203.0.113.66, 2001:db8:1::5"], "203.0.113.66"),
        ("::ffff:10.0.0.1", [b"198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", [b"::ffff:198.51.100.1"], "198.51.100.1"),
        ("2001:db8:1::1", [b"198.51.100.1"], "198.51.100.1"),
        # What is no address ends the walk: what stands left of it was written by a stranger.
        ("10.0.0.1", [b"198.51.100.1, unknown"], "10.0.0.1"),
        ("10.0.0.1", [b"198.51.100.1, garbage, 10.3.3.3"], "10.3.3.3"),
        ("10.0.0.1", [b"198.51.100.1:4711"], "10.0.0.1"),
        ("10.0.0.1", [b"198.51.100.1,"], "10.0.0.1"),
        ("10.0.0.1", [b""], "10.0.0.1"),
        ("10.0.0.1", [b"\xff\xfe, \xb2"], "10.0.0.1"),
        ("10.0.0.1", [b"fe80::1%eth0"], "10.0.0.1"),
        ("", [b"198.51.100.1"], ""),
    ],
)
def test_the_client_is_the_rightmost_hop_that_is_no_trusted_proxy(peer: str, lines: list[bytes], client: str) -> None:
    assert forwarded(peer, *lines) == client


@given(st.lists(st.binary(max_size=40), max_size=4), st.ip_addresses().map(str))
def test_a_peer_that_is_no_trusted_proxy_cannot_say_who_it_is(lines: list[bytes], peer: str) -> None:
    if peer not in PROXIES:
        assert forwarded(peer, *lines) == peer


@given(st.lists(st.binary(max_size=40), max_size=4))
def test_nothing_that_a_client_writes_moves_the_hop_that_its_proxy_added(lines: list[bytes]) -> None:
    assert forwarded("10.0.0.1", *lines, b"198.51.100.1") == "198.51.100.1"
