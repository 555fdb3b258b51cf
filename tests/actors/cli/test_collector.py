"""A server's process collects garbage less often than Python's default."""

import subprocess
import sys

import pytest

SERVES = """
import gc
{before}
from adjourn.actors.cli import app

async def serve(*args, **options):
    print(gc.get_threshold()[0], gc.get_freeze_count() > 10_000, gc.isenabled())

app.serve = serve
app.main(["demo", "--headless", "--store", "memory:"])
"""


@pytest.mark.parametrize(
    ("before", "objects"),
    [("", 10_000), ("gc.set_threshold(50_000)", 50_000), ("gc.set_threshold(0)", 0)],
    ids=["default", "more", "none"],
)
def test_a_server_collects_garbage_less_often(before: str, objects: int) -> None:
    program = SERVES.format(before=before)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=50, check=False)
    assert (done.stdout.splitlines()[0], done.stderr) == (f"{objects} True True", "")
