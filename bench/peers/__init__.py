"""Compares adjourn with other libraries.

Each library is installed from PyPI, by name, into a new environment, and measured there by its own script. The script
does the work as the library's documentation shows it."""

import subprocess
import sys
import tempfile
import venv
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from ..figure import Figure, spread
from ..report import PeerFigure

__all__ = ["PEERS", "TARGETS", "compare", "measure_peers"]


class Peer(NamedTuple):
    """Another library: its script, the scenarios that the script has figures of, and what to install for it."""

    script: str
    scenarios: frozenset[int]
    distributions: tuple[str, ...]


RUNS, ACTORS = frozenset({1, 4, 8}), frozenset({7})
PEERS: dict[str, Peer] = {
    "LangGraph": Peer("langgraph_peer.py", RUNS, ("langgraph", "langgraph-checkpoint-sqlite")),
    "Pydantic AI": Peer("pydantic_ai_peer.py", RUNS, ("pydantic-ai-slim",)),
    "OpenAI Agents SDK": Peer("openai_agents_peer.py", RUNS, ("openai-agents",)),
    "Pykka": Peer("pykka_peer.py", ACTORS, ("pykka",)),
    "Thespian": Peer("thespian_peer.py", ACTORS, ("thespian",)),
}

# The least acceptable ratio of the peer's time to adjourn's.
TARGETS = {
    ("LangGraph", "memory, one after another"): 28.0,
    ("LangGraph", "memory, 1,000 at once"): 28.0,
    ("LangGraph", "SQLite, 1,000 at once"): 25.0,
}


class Result(msgspec.Struct):
    """One figure of a script."""

    scenario: int
    name: str
    unit: str
    samples: list[float]


class Output(msgspec.Struct):
    """The output of a script."""

    version: str
    results: list[Result]


def measure_peers(
    figures: Sequence[Figure], *, quick: bool, progress: Callable[[str], None]
) -> Iterator[list[PeerFigure]]:
    """Yields the figures of each peer that has some of our scenarios, compared with ours.

    A peer that can't be installed or measured has one figure, which says so."""
    scenarios = {figure.scenario for figure in figures}
    with tempfile.TemporaryDirectory() as folder:
        python = Path(folder, "bin", "python")
        progress("making an environment")
        venv.create(folder, with_pip=True)
        for name, peer in PEERS.items():
            if peer.scenarios & scenarios:
                yield _measured(name, peer, python, figures, quick=quick, progress=progress)


def _measured(
    name: str, peer: Peer, python: Path, figures: Sequence[Figure], *, quick: bool, progress: Callable[[str], None]
) -> list[PeerFigure]:
    try:
        progress(f"installing {name}")
        _call([str(python), "-m", "pip", "install", "--quiet", *peer.distributions])
        progress(f"measuring {name}")
        command = [str(python), str(Path(__file__).with_name(peer.script)), *(["--quick"] if quick else [])]
        output = msgspec.json.decode(_call(command), type=Output)
    except (subprocess.CalledProcessError, msgspec.MsgspecError) as error:
        last = str(getattr(error, "stderr", None) or error).strip().splitlines()[-1:]
        print(f"{name}: {' '.join(last)}", file=sys.stderr)
        return [PeerFigure(peer=name, scenario=0, name="not available", note="could not be measured")]
    return compare(f"{name} {output.version}", name, output.results, figures)


def compare(label: str, peer: str, results: Sequence[Result], figures: Sequence[Figure]) -> list[PeerFigure]:
    """Returns a peer's figures with ours of the same scenario and name; its import with our import."""
    found: list[PeerFigure] = []
    for result in results:
        theirs = spread(result.samples)
        ours = next((f.ours for f in figures if f.scenario == result.scenario and f.name == result.name), None)
        if result.scenario == 8:
            ours = next((f.ours for f in figures if f.scenario == 8), None)
        found.append(
            PeerFigure(
                peer=label,
                scenario=result.scenario,
                name=result.name,
                unit=result.unit,
                theirs=theirs,
                ours=ours,
                ratio=theirs.median / ours.median if ours else None,
                target=TARGETS.get((peer, result.name)),
            )
        )
    return found


def _call(command: Sequence[str]) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout
