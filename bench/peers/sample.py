"""Code that the peers' scripts share: counts, repeats, the provider's bytes, and the JSON that they print.

This module imports neither adjourn nor a peer: it runs in each peer's environment.
"""

import gc
import json
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from importlib.metadata import version

QUICK = "--quick" in sys.argv
IN_TURN, AT_ONCE, REPEATS = (100, 1000, 1) if QUICK else (300, 1000, 2)
SENDERS = 10  # of the fan-in
TOKENS = (2000,) if QUICK else (2000, 20_000)

QUESTION = "Please refund order 1042."
ARGUMENTS = {"order_id": "1042", "amount": 25.0}
ANSWER = "Order 1042 has been refunded; the money is on its way back."

Result = dict[str, object]

_TOKEN = (
    'data: {"id":"chatcmpl-8f3a","object":"chat.completion.chunk","created":1760000000,"model":"bench",'
    '"choices":[{"index":0,"delta":{"content":" word%d"},"finish_reason":null}]}\n\n'
)


async def measured(scenario: int, name: str, unit: str, count: int, work: Callable[[], Awaitable[object]]) -> Result:
    """Times `work` `REPEATS` times after a warm-up; returns the microseconds, divided by `count`.

    Uses the CPU clock if `unit` has the word CPU, otherwise the wall clock, as adjourn's figures do.
    """
    clock = time.process_time if "CPU" in unit else time.perf_counter
    samples: list[float] = []
    for number in range(REPEATS + 1):
        print(f"{name}: {number}/{REPEATS}", file=sys.stderr, flush=True)
        gc.collect()
        start = clock()
        await work()
        samples.append((clock() - start) / count * 1e6)
    return {"scenario": scenario, "name": name, "unit": unit, "samples": samples[1:]}


def cold_import(statement: str) -> Result:
    """Returns the milliseconds of an import in new interpreters."""
    program = f"import time; t = time.perf_counter(); {statement}; print(time.perf_counter() - t)"
    command = [sys.executable, "-c", program]
    runs = [subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout for _ in range(1 + REPEATS)]
    return {"scenario": 8, "name": statement, "unit": "ms", "samples": [float(run) * 1e3 for run in runs[1:]]}


def deltas(tokens: int) -> Iterator[str]:
    """Yields the words of a message, parsed line by line from a provider's bytes."""
    body = "".join(_TOKEN % (n % 100) for n in range(tokens)).encode() + b"data: [DONE]\n\n"
    for line in body.splitlines():
        if line.startswith(b"data: ") and line != b"data: [DONE]":
            yield json.loads(line[6:])["choices"][0]["delta"]["content"]


def frame(text: str) -> bytes:
    """Returns a word as a frame for a client."""
    return b"data: " + json.dumps({"delta": text}).encode() + b"\n\n"


def finish(distribution: str, results: list[Result]) -> None:
    """Prints the measurements."""
    print(json.dumps({"version": version(distribution), "results": results}))
