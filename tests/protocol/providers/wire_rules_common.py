"""Checks that all APIs' checkers share: texts, images, names and ids. Each fault is `path: reason`."""

import base64
import binascii
import re
from collections.abc import Iterator
from typing import Any

TOOL_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
DATA_URL = re.compile(r"data:image/(png|jpeg|gif|webp);base64,(.*)", re.DOTALL)
FILE_URL = re.compile(r"data:[a-z]+/[a-z]+;base64,(.*)", re.DOTALL)
ADDRESS = re.compile(r"https?://\S+")

Body = dict[str, Any]


def blank(text: object) -> bool:
    """Check whether a text is missing, no string, or only white space."""
    return not isinstance(text, str) or not text.strip()


def base64_fault(path: str, data: object) -> Iterator[str]:
    """Check that an image is standard base64, with padding, of at least one byte."""
    try:
        if isinstance(data, str) and base64.b64decode(data, validate=True):
            return
    except binascii.Error:
        pass
    yield f"{path}: no base64 of an image"


def address_fault(path: str, url: object) -> Iterator[str]:
    """Check that a provider can load the address: a web address."""
    if not isinstance(url, str) or not ADDRESS.fullmatch(url):
        yield f"{path}: no web address"


def file_data_fault(path: str, url: object) -> Iterator[str]:
    """Check file data by OpenAI's guide to file inputs: a data URL."""
    match = FILE_URL.fullmatch(url) if isinstance(url, str) else None
    if match is None:
        yield f"{path}: no data URL of a file"
    else:
        yield from base64_fault(path, match[1])


def data_url_fault(path: str, url: object) -> Iterator[str]:
    """Check an image by OpenAI's guide to images: PNG, JPEG, WEBP or GIF as a data URL, or a web address."""
    if isinstance(url, str) and ADDRESS.fullmatch(url):
        return
    match = DATA_URL.fullmatch(url) if isinstance(url, str) else None
    if match is None:
        yield f"{path}: no data URL of a known media type"
    else:
        yield from base64_fault(path, match[2])


def repeated(path: str, values: list[str]) -> Iterator[str]:
    """Yield a fault for each repeated value."""
    for at, value in enumerate(values):
        if value in values[:at]:
            yield f"{path}: {value!r} is there twice"


def named_wrongly(path: str, name: object, form: re.Pattern[str] = TOOL_NAME) -> Iterator[str]:
    """Yield a fault if an id or a name doesn't have this form."""
    if not isinstance(name, str) or not form.fullmatch(name):
        yield f"{path}: {name!r} is not of the form {form.pattern}"
