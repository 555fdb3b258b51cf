"""Writes the generated parts of the pages (wire, names, commands, the benchmark's tables) and the OpenRPC file.

Run it after a change of a public name, option, struct, method, event or error. A test checks that it was run:

    .venv/bin/python tests/support/pages.py

In a page, a generated part is between `<!-- made: NAME -->` and `<!-- end: NAME -->`.
"""

import json
import re
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import bench_page
import cli_page
import js_page
import wire_page
from reference_page import reference

from adjourn.protocol import codec
from adjourn.protocol.openrpc import openrpc_document

ROOT = Path(__file__).resolve().parents[2]
PAGES = (
    "actors/REFERENCE.md",
    "actors/cli/README.md",
    "actors/web/README.md",
    "bench/README.md",
    "protocol/README.md",
    "stores/README.md",
)
ROOMS = {
    "adjourn.actors": "What a program needs for agents, tools, models, middleware and actors.",
    "adjourn.actors.core": "The actor core. Its other names are above.",
    "adjourn.actors.tools": "Tools. Their other names are above.",
    "adjourn.actors.middleware.telemetry": "OpenTelemetry, with the extra `otel`.",
    "adjourn.actors.middleware.prometheus": "Metrics for Prometheus, with the extra `metrics`.",
    "adjourn.actors.hosts": "The system inside a program on asyncio or in threads.",
    "adjourn.actors.gateway": "The WebSocket server.",
    "adjourn.actors.web": "The HTTP server, with the extra `web`.",
    "adjourn.actors.client": "The Python client.",
    "adjourn.actors.testing": "For tests of agents and tools.",
}
STORES = {
    "adjourn.stores": "All names of the package.",
    "adjourn.stores.postgres": "PostgreSQL, with the extra `postgres`.",
    "adjourn.stores.valkey": "Valkey and Redis, with the extra `valkey`.",
    "adjourn.stores.testing": "The contract as a test suite.",
}
PARTS: dict[str, Callable[[], str]] = {
    "methods": wire_page.methods_part,
    "events": wire_page.events_part,
    "structs": wire_page.structs_part,
    "errors": wire_page.errors_part,
    "stores": lambda: reference(STORES),
    "figures": bench_page.figures_part,
    "peers": bench_page.peers_part,
    "actors": bench_page.actors_part,
    "commands": cli_page.commands_part,
    "chat": js_page.chat_part,
    "runlist": js_page.runlist_part,
    "reference": lambda: reference(ROOMS),
}


def openrpc() -> str:
    """Return this version's OpenRPC document, in the form of `protocol/openrpc.json`."""
    document = json.loads(codec.to_json(openrpc_document(version("adjourn"))))
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def remade(text: str) -> str:
    """Return the page with its generated parts made anew."""

    def part(found: re.Match[str]) -> str:
        return f"<!-- made: {found['name']} -->\n\n{PARTS[found['name']]().strip()}\n\n<!-- end: {found['name']} -->"

    return re.sub(r"<!-- made: (?P<name>\w+) -->.*?<!-- end: (?P=name) -->", part, text, flags=re.DOTALL)


def generated() -> dict[Path, str]:
    """Return the up-to-date content of the OpenRPC file and of each page with a generated part."""
    found = {page: remade(page.read_text(encoding="utf-8")) for page in map(ROOT.joinpath, PAGES)}
    return {**found, ROOT / "protocol/openrpc.json": openrpc()}


if __name__ == "__main__":
    sys.path.append(str(ROOT))  # for `bench`
    for page, text in generated().items():
        page.write_text(text, encoding="utf-8")
        print(f"Wrote {page.relative_to(ROOT)}.")
