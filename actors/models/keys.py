"""The secrets that go along with a request: which, where to, and how they stay out of all that is shown."""

import os
import re
from collections.abc import Mapping

from ...protocol.errors import ProgramError
from .provider import Provider

__all__ = ["Refused", "Scrubber", "check_headers", "key_headers", "key_scrubber", "variable_headers"]

MIN_SECRET_CHARS = 8  # what is shorter is no secret, and to blot it out would garble texts

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, section 5.6.2
_BEARER = "Bearer "


class Refused(ProgramError):
    """A request that can't be made as things are. `str` is for people, and holds no secret."""


class Scrubber:
    """Blots out secrets in what a provider says. Its repr shows none."""

    __slots__ = ("_secrets",)

    def __init__(self, headers: Mapping[str, str]) -> None:
        secrets = {*headers.values(), headers.get("authorization", "").partition(" ")[2]}
        self._secrets = sorted((each for each in secrets if len(each) >= MIN_SECRET_CHARS), key=len, reverse=True)

    def text(self, text: str) -> str:
        """The text without them."""
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text

    def body(self, body: bytes) -> bytes:
        """The bytes without them."""
        for secret in self._secrets:
            body = body.replace(secret.encode(), b"***")
        return body


def key_scrubber(provider: Provider, headers: Mapping[str, str]) -> Scrubber:
    """For answers: it knows the key alone, which no answer holds by chance as it may hold another header's value."""
    names = {"authorization", provider.key_header}
    return Scrubber({name: value for name, value in headers.items() if name in names})


def key_headers(provider: Provider, key: str | None, *, at_home: bool) -> dict[str, str]:
    """The header that carries the key, if there is one: `key`, or at the provider's own address (`at_home`) the
    provider's, or the environment's. Raises: Refused, where one is needed and there is none."""
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
    """The headers that the environment sets for this provider."""
    values = {header: os.environ.get(variable, "").strip() for header, variable in provider.header_variables.items()}
    return {header: value for header, value in values.items() if value}


def check_headers(headers: Mapping[str, str]) -> None:
    """See that HTTP can carry them. Raises: Refused, which names the header and not what it holds."""
    for name, value in headers.items():
        if not _NAME.fullmatch(name):
            raise Refused(f"{name!r} can't be the name of a header")
        if not _sendable(value):
            raise Refused(f"header {name} holds characters that no header can carry")


def _header(name: str, key: str, what: str) -> dict[str, str]:
    key = key.strip()  # the newline of a file, mostly
    if not key or not _sendable(key):
        raise Refused(f"{what} is empty, or holds characters that no header can carry")
    return {name: _BEARER + key if name == "authorization" else key}


def _sendable(value: str) -> bool:
    return value.isascii() and value.isprintable()
