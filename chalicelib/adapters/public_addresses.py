"""The IP addresses to which the portal may send webhooks: public unicast addresses only.

The blocked networks come from the IANA special-purpose registries. They are written out in this module because
`is_global` of Python's `ipaddress` changes between releases."""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

_CLOSED_4 = tuple(
    IPv4Network(network)
    for network in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # carrier-grade NAT
        "127.0.0.0/8",  # loopback
        "169.254.0.0/16",  # link-local, where the metadata of cloud machines is
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments
        "192.0.2.0/24",  # documentation
        "192.31.196.0/24",  # AS112
        "192.52.193.0/24",  # AMT
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",  # private
        "192.175.48.0/24",  # AS112
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
    )
)
_OPEN_6 = IPv6Network("2000::/3")
_CLOSED_6 = tuple(
    IPv6Network(network)
    for network in (
        "2001::/23",  # protocol assignments: Teredo, ORCHID and others
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4, which carries an IPv4 address
        "2620:4f:8000::/48",  # AS112
        "3fff::/20",  # documentation
    )
)
_NAT64 = IPv6Network("64:ff9b::/96")


def is_public(address: str) -> bool:
    """Return True if the portal may send webhooks to the IP address, because the address is public.

    If an IPv6 address contains an IPv4 address, the IPv4 address decides. Raises `ValueError` for no IP address."""
    parsed = _parse(address)
    if isinstance(parsed, IPv4Address):
        return not any(parsed in network for network in _CLOSED_4)
    return parsed in _OPEN_6 and not any(parsed in network for network in _CLOSED_6)


def is_loopback(address: str) -> bool:
    return _parse(address).is_loopback


def _parse(address: str) -> IPv4Address | IPv6Address:
    """Return the parsed IP address. If an IPv6 address contains an IPv4 address (mapped, NAT64), return the IPv4
    address."""
    parsed = ip_address(address.partition("%")[0])
    if isinstance(parsed, IPv6Address):
        if parsed.ipv4_mapped is not None:
            return parsed.ipv4_mapped
        if parsed in _NAT64:
            return IPv4Address(int(parsed) & 0xFFFFFFFF)
    return parsed
