"""Recognises host names and addresses that reach only this machine. No lookups."""

from ipaddress import ip_address

__all__ = ["is_loopback"]


def is_loopback(host: str | None) -> bool:
    """Check whether a host name or address reaches only this machine."""
    if host == "localhost":
        return True
    try:
        return ip_address(host or "").is_loopback
    except ValueError:
        return False
