"""The secrets of a request: which keys are sent where, and how they are kept out of messages."""

import os
import re
from collections.abc import Mapping

from ...protocol.errors import ProgramError
from .provider import Provider

__all__ = ["Refused", "Scrubber", "check_headers", "key_headers", "key_scrubber", "variable_headers"]

MIN_SECRET_CHARS = 8  # a shorter value is not treated as a secret: removing it would garble texts

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, section 5.6.2
_BEARER = "Bearer "


class Refused(ProgramError):
    """A request can't be made. `str` is for people, and holds no secret."""


class Scrubber:
    """Removes secrets from texts of a provider. The repr shows no secrets."""

    __slots__ = ("_encoded", "_secrets")

    def __init__(self, headers: Mapping[str, str]) -> None:
        secrets = {*headers.values(), headers.get("authorization", "").partition(" ")[2]}
        self._secrets = sorted((each for each in secrets if len(each) >= MIN_SECRET_CHARS), key=len, reverse=True)
        self._encoded = [each.encode() for each in self._secrets]

    def text(self, text: str) -> str:
        """Returns the text without the secrets."""
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text

    def body(self, body: bytes) -> bytes:
        """Returns the bytes without the secrets."""
        for secret in self._encoded:
            body = body.replace(secret, b"***")
        return body


def key_scrubber(provider: Provider, headers: Mapping[str, str]) -> Scrubber:
    """Returns a scrubber for answers. It removes only the key: an answer may contain other header values by chance."""
    names = {"authorization", provider.key_header}
    return Scrubber({name: value for name, value in headers.items() if name in names})


def key_headers(provider: Provider, key: str | None, *, at_home: bool) -> dict[str, str]:
    """Returns the header with the key, if any: `key`, or the key of the provider or the environment.

    The latter two are used only at the provider's own address (`at_home`). Raises: Refused if a needed key is missing.
    """
    if key is not None:
        return _header(provider.key_header, key, "the key that was passed")
    if not at_home:
        return {}
    if provider.key is not None:
        return _header(provider.key_header, provider.key, f"the key of provider {provider.name}")
    places = [(name, provider.key_header) for name in provider.key_variables]
    places += [(name, "authorization") for name in provider.token_variables]
    for variable, header in places:
        if value := os.environ.get(variable, "").strip():
            return _header(header, value, f"the key in {variable}")
    if provider.needs_key:
        variables = " or ".join(variable for variable, _ in places)
        setting = f"set {variables}" if variables else "pass key= to find_model()"
        raise Refused(f"there is no key for provider {provider.name!r}: {setting}")
    return {}


def variable_headers(provider: Provider) -> dict[str, str]:
    """Returns the provider's headers from environment variables."""
    values = {header: os.environ.get(variable, "").strip() for header, variable in provider.header_variables.items()}
    return {header: value for header, value in values.items() if value}


def check_headers(headers: Mapping[str, str]) -> None:
    """Checks that HTTP allows these headers. Raises: Refused, which names the header but not its value."""
    for name, value in headers.items():
        if not _NAME.fullmatch(name):
            raise Refused(f"{name!r} is not a valid header name")
        if not _sendable(value):
            raise Refused(f"header {name} has characters that HTTP does not allow")


def _header(name: str, key: str, what: str) -> dict[str, str]:
    key = key.strip()  # keys read from files often end with a newline
    if not key or not _sendable(key):
        raise Refused(f"{what} is empty, or has characters that HTTP does not allow")
    return {name: _BEARER + key if name == "authorization" else key}


def _sendable(value: str) -> bool:
    return value.isascii() and value.isprintable()
