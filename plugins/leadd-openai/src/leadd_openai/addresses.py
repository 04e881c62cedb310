"""Which addresses belong to this machine or its own network, and sockets that go nowhere else."""

from __future__ import annotations

import ipaddress
import socket
from typing import Any

_WRAPPED = tuple(
    ipaddress.ip_network(network)
    # addresses that carry another one inside: a router may unwrap it, and no flag of the outer one tells where it leads
    for network in ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32", "::/96", "192.88.99.0/24")
)


class PublicAddress(OSError):
    """A name led to an address of the open internet; nothing was sent."""


def is_public(address: str) -> bool | None:
    """True for an address of the open internet, False for one of this machine or its network, None for what is no address."""
    try:
        ip = ipaddress.ip_address(address.split("%", 1)[0])
    except ValueError:
        return None
    mapped = getattr(ip, "ipv4_mapped", None)
    if mapped is not None:
        ip = mapped
    if ip.is_loopback:
        return False
    return ip.is_multicast or ip.is_global or any(ip in network for network in _WRAPPED if network.version == ip.version)


def is_loopback(host: str) -> bool:
    """True where texts for this host stay on this machine."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def guarded_socket(info: tuple[Any, ...]) -> socket.socket:
    """A socket for aiohttp's connector. Raises PublicAddress before anything is sent to the open internet.

    Checked here and not when the settings are read: what a name leads to may change at any time.
    """
    family, kind, protocol, _, address = info
    if is_public(str(address[0])) is not False:
        raise PublicAddress(f"{address[0]} is an address of the open internet")
    return socket.socket(family=family, type=kind, proto=protocol)
