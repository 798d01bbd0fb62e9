"""Networks as CIDRs, and whose address a request comes from."""

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

import msgspec

from wayvo.core.errors import InvalidField, invalid
from wayvo.core.header_fields import LINE_END, Fields

MAX_NETWORKS: Final = 50
_MAX_ADDRESS_LENGTH: Final = 45
"""Of the longest way to write one: six groups of IPv6 and an IPv4 address."""
_MAX_KEPT_FORWARDED: Final = 256
_KEPT: Final = 4096


def parse_network(text: str) -> str | None:
    """Return the canonical form of a CIDR (or of one address, as /32 or /128), ``None`` if it is none.

    Host bits must be zero: ``10.0.0.1/8`` is more likely a mistake than a wish for sixteen million addresses. A zone
    (``%eth0``) means something on one machine only.
    """
    if "%" in text:
        return None
    try:
        return str(_unmapped(ip_network(text, strict=True)))
    except ValueError:
        return None


def parse_address(text: str) -> IPv4Address | IPv6Address | None:
    """Return the address, an IPv4 one written inside IPv6 as the IPv4 it is; ``None`` if ``text`` is none."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv6Address):
        if address.scope_id is not None:
            return None
        return address.ipv4_mapped or address
    return address


def is_address(text: str) -> bool:
    """Say whether ``text`` is an IP address."""
    return len(text) <= _MAX_ADDRESS_LENGTH and _canonical(text) is not None


class Networks(msgspec.Struct, frozen=True, weakref=True):
    """CIDRs compiled for a fast look: per IP version a tuple of (shift, prefix)."""

    version4: tuple[tuple[int, int], ...]
    version6: tuple[tuple[int, int], ...]

    def __contains__(self, address: object) -> bool:
        """Say whether the address (``str``) lies in one of the networks; what is no address lies in none."""
        return isinstance(address, str) and len(address) <= _MAX_ADDRESS_LENGTH and _lies_in(address, self)


def compile_networks(cidrs: Iterable[str]) -> Networks:
    """Compile canonical CIDRs (see :func:`parse_network`)."""
    version4: list[tuple[int, int]] = []
    version6: list[tuple[int, int]] = []
    for cidr in cidrs:
        network = ip_network(cidr)
        shift = network.max_prefixlen - network.prefixlen
        (version4 if network.version == 4 else version6).append((shift, int(network.network_address) >> shift))
    return Networks(tuple(version4), tuple(version6))


def client_address(peer: str, fields: Fields, trusted: Networks) -> str:
    """Return whose request it is: the rightmost hop of ``X-Forwarded-For`` that is no trusted proxy.

    ``peer`` is the connection's other end; the header counts only when that is trusted. Several lines of it are one
    list (RFC 9110 §5.3). A hop that is no address ends the walk, and the last trustworthy hop stands.
    """
    forwarded = fields.get(b"x-forwarded-for")
    if forwarded is None or peer not in trusted:
        return peer
    walk = _walk_back if len(forwarded) <= _MAX_KEPT_FORWARDED else _walk_back.__wrapped__
    return walk(forwarded, trusted) or peer


# The same proxies and clients come again and again, and the standard library takes 2 µs to read an address.
@lru_cache(_KEPT)
def _walk_back(forwarded: bytes, trusted: Networks) -> str | None:
    address = None
    for hop in reversed(forwarded.replace(LINE_END, b",").decode("latin-1").split(",")):
        canonical = _canonical.__wrapped__(hop.strip())
        if canonical is None:
            return address
        address = canonical
        if address not in trusted:
            return address
    return address


@lru_cache(_KEPT)
def _lies_in(address: str, networks: Networks) -> bool:
    parsed = parse_address(address)
    if parsed is None:
        return False
    value = int(parsed)
    prefixes = networks.version4 if isinstance(parsed, IPv4Address) else networks.version6
    return any(value >> shift == prefix for shift, prefix in prefixes)


@lru_cache(_KEPT)
def _canonical(text: str) -> str | None:
    parsed = parse_address(text)
    return None if parsed is None else str(parsed)


def _unmapped(network: object) -> object:
    if isinstance(network, IPv6Network) and network.prefixlen >= 96 and network.network_address.ipv4_mapped:
        return ip_network(f"{network.network_address.ipv4_mapped}/{network.prefixlen - 96}")
    return network


def canonical_networks(networks: tuple[str, ...]) -> tuple[str, ...] | InvalidField:
    """Return the networks, each once and in the form that is stored."""
    canonical: dict[str, None] = {}
    for index, text in enumerate(networks):
        network = parse_network(text)
        if network is None:
            return invalid(
                f"allowed_networks[{index}]", "is not a CIDR such as 203.0.113.0/24 (host bits must be zero)"
            )
        canonical[network] = None
    return tuple(canonical)
