"""The files that `adjourn serve --reload` watches."""

import os
from pathlib import Path

import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from adjourn.actors.cli.reloading import source_times, wait_changed


def test_python_files_of_the_project_are_watched_and_no_others(tmp_path: Path) -> None:
    for name in ("shop.py", "pages/cart.py", "notes.txt", ".hidden/a.py", "node_modules/b.py", "env/lib/c.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "env/pyvenv.cfg").touch()
    assert source_times(tmp_path).keys() == {tmp_path / "shop.py", tmp_path / "pages/cart.py"}


async def test_a_changed_a_new_and_a_deleted_file_are_noticed(tmp_path: Path, autojump_clock: MockClock) -> None:
    shop, cart = tmp_path / "shop.py", tmp_path / "cart.py"
    shop.touch()

    async def noticed(change: object) -> Path:
        found: list[Path] = []

        async def watch() -> None:
            found.append(await wait_changed(tmp_path, before))

        before = source_times(tmp_path)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(watch)
            await wait_all_tasks_blocked()
            assert callable(change)
            change()
        return found[0]

    assert await noticed(lambda: os.utime(shop, (1, 1))) == shop
    assert await noticed(cart.touch) == cart
    assert await noticed(cart.unlink) == cart
