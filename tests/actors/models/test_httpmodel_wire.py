"""Every golden body of every model API over real HTTP, with one of HTTP's ways to cut and frame a body."""

import gzip
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest
from asking import events
from byteserver import Reply, at_random, each_byte, open_byte_server

from adjourn.actors import find_model
from adjourn.protocol import codec
from adjourn.protocol.events import Done
from adjourn.protocol.messages import AssistantMessage, ModelDescriptor, user
from adjourn.protocol.providers import ADAPTERS

VECTORS = Path(__file__).parents[2] / "vectors" / "wire"
BODIES = sorted(path for path in VECTORS.glob("*/*.body") if path.stem != "pause-turn")  # it has a second request
MAX_SINGLE_BYTES = 1000  # longest body that is sent byte by byte

TYPES = dict.fromkeys(ADAPTERS, "text/event-stream; charset=utf-8") | {"ollama-chat": "application/x-ndjson"}
WAYS = {
    "each byte a chunk": Reply(cut=each_byte),
    "whole": Reply(framing="length"),
    "chunks": Reply(cut=at_random(1)),
    "chunks cut apart": Reply(cut=at_random(2, 3), torn=at_random(3, 4)),
    "until the connection closes": Reply(framing="close", cut=at_random(4)),
    "compressed": Reply(headers=(("content-encoding", "gzip"),), cut=at_random(5)),
}


def ways(bodies: Sequence[Path]) -> list[str]:
    """Choose a way for each body: of the possible ways, the one that its API has used least so far."""
    gone: Counter[tuple[str, str]] = Counter()
    chosen: list[str] = []
    for body in bodies:
        api, small = body.parent.name, body.stat().st_size <= MAX_SINGLE_BYTES
        open_to_it = [way for way in WAYS if small or WAYS[way].cut is not each_byte]
        chosen.append(min(open_to_it, key=lambda way: gone[api, way]))
        gone[api, chosen[-1]] += 1
    return chosen


CASES = [
    pytest.param(path, way, id=f"{path.parent.name}-{path.stem}-{way}")
    for path, way in zip(BODIES, ways(BODIES), strict=True)
]


@pytest.mark.parametrize(("path", "way"), CASES)
async def test_a_golden_body_over_http(path: Path, way: str) -> None:
    expected = json.loads(path.with_suffix(".json").read_bytes())
    descriptor = codec.from_json(json.dumps(expected["model"]).encode(), ModelDescriptor)
    message = codec.from_json(json.dumps(expected["message"]).encode(), AssistantMessage)
    body = path.read_bytes()
    reply = WAYS[way]
    fields = {name: getattr(reply, name) for name in reply.__dataclass_fields__}
    fields["body"] = gzip.compress(body, mtime=0) if way == "compressed" else body
    fields["content_type"] = TYPES[descriptor.api]
    async with open_byte_server(Reply(**fields)) as server:
        heard = await events(find_model(descriptor, base_url=server.url, key="sk-test"), [user("Hello")])
    end = heard[-1]
    assert ("done" if isinstance(end, Done) else "error") == expected["outcome"]
    got = end.message if isinstance(end, Done) else end.error
    assert msgspec.structs.replace(got, timestamp=0) == message


def test_every_api_goes_every_way() -> None:
    gone = {(path.parent.name, way) for path, way in zip(BODIES, ways(BODIES), strict=True)}
    assert gone == {(api, way) for api in ADAPTERS for way in WAYS}
