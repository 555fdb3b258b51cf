"""Base URLs: checks them, and reads OLLAMA_HOST's forms. Makes no request and no DNS query."""

from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

__all__ = ["check_base_url", "ollama_address"]


def check_base_url(url: str) -> str:
    """Returns a base URL in the form that paths are appended to. Raises: ValueError, which shows no secrets."""
    try:
        parts = _split(url.strip())
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except _Secret:
        raise
    except ValueError:  # a port that is not a number, or an unpaired bracket
        usable = False
    if not usable or not url.isprintable() or " " in url.strip():
        raise ValueError(f"expected a base URL like https://host/path, got {url!r}")
    return url.strip().rstrip("/")


def ollama_address(host: str) -> str:
    """Returns the base URL that OLLAMA_HOST means to a client.

    Accepts `host`, `host:port`, `:port`, `[v6]:port` and URLs, with or without a path. Without a scheme the default
    port is 11434. An address to listen on all interfaces (0.0.0.0) becomes loopback.

    Raises: ValueError. Source: Ollama's `envconfig/config.go` and its Python client (0.6.3), November 2026."""
    text = host.strip().strip("\"'")
    scheme, found, rest = text.partition("://")
    if not found:
        scheme, rest = "http", text
    if _is_ipv6(rest):
        rest = f"[{rest}]"
    try:
        parts = _split(f"{scheme}://{rest}")
        given_port = parts.port
    except _Secret:
        raise
    except ValueError:
        raise ValueError(f"expected a host, host:port or a URL, got {host!r}") from None
    name = parts.hostname or "127.0.0.1"
    name = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(name, name)  # noqa: S104  # nothing is bound here
    default = 11434 if not found else 443 if scheme == "https" else 80
    port = given_port or default
    shown = f"[{name}]" if _is_ipv6(name) else name
    return f"{scheme}://{shown}:{port}{parts.path.rstrip('/')}"


def _is_ipv6(text: str) -> bool:
    try:
        return ip_address(text).version == 6
    except ValueError:
        return False


class _Secret(ValueError):
    pass


def _split(url: str) -> SplitResult:
    parts = urlsplit(url)
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        raise _Secret("a base URL has no user name, password, query or fragment: secrets belong into headers")
    return parts
