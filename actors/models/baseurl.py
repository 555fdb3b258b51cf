"""Base URLs: what may be one, and how OLLAMA_HOST writes it. Nothing is looked up here."""

from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

__all__ = ["check_base_url", "ollama_address"]


def check_base_url(url: str) -> str:
    """A base URL as paths are put after it. Raises: ValueError, without showing what may be a secret."""
    try:
        parts = _split(url.strip())
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except _Secret:
        raise
    except ValueError:  # a port that is no number, a bracket without its other half
        usable = False
    if not usable or not url.isprintable() or " " in url.strip():
        raise ValueError(f"expected a base URL like https://host/path, got {url!r}")
    return url.strip().rstrip("/")


def ollama_address(host: str) -> str:
    """What OLLAMA_HOST means to a client: any of `host`, `host:port`, `:port`, `[v6]:port`, a URL, each with a path or
    without. Without a scheme the port is 11434; an address to listen at everywhere is one to call at home.

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
