"""`POST /markdown`: limits of a request, and the thread that parses."""

from functools import partial
from typing import Any

import trio
from starlette.requests import Request
from starlette.responses import Response

from ...protocol import codec
from ...protocol.errors import LimitExceeded
from ...protocol.messages import Wire
from ..runtime.system import ActorSystem
from .bodies import struct_of_body
from .markdown import documents_of
from .received import JSON_TYPE, read_body

__all__ = ["Documents", "MarkdownDocuments", "MarkdownTexts"]

MAX_TEXTS = 64
MAX_TEXT_BYTES = 65_536
MAX_TOTAL_BYTES = 262_144
MAX_BODY_BYTES = 6 * MAX_TOTAL_BYTES + 16_384  # JSON may need six bytes for one


class MarkdownTexts(Wire, frozen=True, forbid_unknown_fields=True):
    """The texts to parse."""

    texts: tuple[str, ...]  # at most 64, each of 64 KB, together 256 KB


class MarkdownDocuments(Wire, frozen=True):
    """The texts' documents, in the same order."""

    documents: tuple[list[Any], ...]  # of nodes: text, or an object with `tag` and `children`


class Documents:
    """Parses Markdown for all clients, one request at a time: all clients together use one thread."""

    def __init__(self, system: ActorSystem) -> None:
        self._system = system
        self._place = trio.CapacityLimiter(1)

    async def parse(self, request: Request) -> Response:
        """Returns the documents of the texts in the body. Raises: InvalidParams, LimitExceeded, HttpRefusal."""
        body = await read_body(request, MAX_BODY_BYTES)
        texts = _bounded(struct_of_body(body, MarkdownTexts, self._system.bounds).texts)
        with self._system.runtime.thread_friendly():
            # If the client disconnects, the thread may be abandoned: its steps are bounded, and it changes nothing.
            encoded = await trio.to_thread.run_sync(
                partial(_encoded, texts), abandon_on_cancel=True, limiter=self._place
            )
        return Response(encoded, media_type=JSON_TYPE)


def _encoded(texts: tuple[str, ...]) -> bytes:
    return codec.to_json({"documents": documents_of(texts)})


def _bounded(texts: tuple[str, ...]) -> tuple[str, ...]:
    """Returns the texts, if they are within the limits. Raises: LimitExceeded."""
    sizes = [len(text.encode()) for text in texts]
    for name, size, maximum in (
        ("maxTexts", len(texts), MAX_TEXTS),
        ("maxTextBytes", max(sizes, default=0), MAX_TEXT_BYTES),
        ("maxTotalBytes", sum(sizes), MAX_TOTAL_BYTES),
    ):
        if size > maximum:
            raise LimitExceeded(f"texts: {size} is above {name}, {maximum}", limit=name, maximum=maximum)
    return texts
