"""The limits of bytes that wait for a gateway's clients."""

from adjourn.actors.gateway.load import Load, TotalLoad


def loads(*sizes: int, max_each: int = 100, max_total: int = 1_000) -> list[Load]:
    total = TotalLoad(max_each, max_total)
    made = [Load(total) for _ in sizes]
    for load, size in zip(made, sizes, strict=True):
        load.add(size)
    return made


def full(made: list[Load]) -> list[bool]:
    return [load.is_full(load.bytes) for load in made]


def test_a_client_is_full_at_its_own_bound() -> None:
    assert full(loads(99, 100, 5_000, max_total=1_000_000)) == [False, True, True]


def test_above_the_total_clients_over_their_share_are_full() -> None:
    assert full(loads(90, 40, 10, 0, max_total=100)) == [True, True, False, False]
    assert full(loads(90, 5, max_total=100)) == [False, False]


def test_a_client_with_no_waiting_bytes_is_never_full() -> None:
    made = loads(0, *[1] * 200, max_total=100)
    assert full(made) == [False] + [True] * 200


def test_the_waiting_bytes_of_a_disconnected_client_stop_counting() -> None:
    heavy, light = loads(99, 60, max_total=100)
    assert light.is_full(light.bytes)
    heavy.close()
    assert not light.is_full(light.bytes)
