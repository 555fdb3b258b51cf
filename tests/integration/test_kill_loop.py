"""A server that is killed at random moments while clients start, decide and abort: acknowledged actions happened once.

The moments are numbers of client steps from a fixed seed. The machine's own timing isn't fixed; the invariants hold for
any timing.
"""

from pathlib import Path

import pytest
import trio
from killing import Node, World, act, served

KILLS = 3
PATIENCE_S = 120  # enough for a very busy machine


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_acknowledged_calls_happen_once_however_often_the_server_is_killed(tmp_path: Path) -> None:
    world, node = World(tmp_path), Node(tmp_path)
    with trio.fail_after(PATIENCE_S):
        async with served(node):
            pass
        async with trio.open_nursery() as clients:
            for _ in range(KILLS):
                async with served(node):
                    if not clients.child_tasks:
                        clients.start_soon(act, world, [node.url])
                    await world.wait_steps(world.chance.randrange(40, 300))
            clients.cancel_scope.cancel()
        async with served(node):
            assert await world.check_end(node.url) > KILLS
