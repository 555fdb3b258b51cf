"""WebSocket frames are followed for any split of the bytes."""

from hypothesis import given
from hypothesis import strategies as st

from adjourn.actors.gateway.fragments import FRAMES_AT_ONCE, Fragments


def frame(opcode: int, size: int, *, is_final: bool = True) -> bytes:
    """Makes a masked frame, as clients send it."""
    short = size if size < 126 else 126 if size < 65_536 else 127
    length = b"" if short < 126 else size.to_bytes(2 if short == 126 else 8)
    return bytes((0x80 * is_final | opcode, 0x80 | short)) + length + bytes(4) + b"\x00" * size


FRAMES = st.lists(
    st.tuples(st.sampled_from([0, 1, 2, 8, 9, 10]), st.sampled_from([0, 1, 125, 126, 65_535, 65_536]), st.booleans())
)


def expected(frames: list[tuple[int, int, bool]]) -> int:
    count = 0
    for opcode, _, is_final in frames:
        if opcode < 8:
            count = 0 if is_final else count + 1
    return count


@given(FRAMES, st.lists(st.integers(1, 70_000), min_size=1))
def test_fragments_are_counted_for_any_split_of_the_bytes(
    frames: list[tuple[int, int, bool]], sizes: list[int]
) -> None:
    data = b"".join(frame(opcode, size, is_final=is_final) for opcode, size, is_final in frames)
    fragments = Fragments()
    fragments.skip(3)
    data, turn = b"GET" + data, 0
    while data:
        piece = data[: sizes[turn % len(sizes)]]
        turn += 1
        data = data[fragments.cut(piece) :]
    assert fragments.unfinished == expected(frames)


@given(FRAMES)
def test_fragments_are_counted_byte_by_byte(frames: list[tuple[int, int, bool]]) -> None:
    small = [(opcode, min(size, 130), is_final) for opcode, size, is_final in frames]
    fragments = Fragments()
    for opcode, size, is_final in small:
        for byte in frame(opcode, size, is_final=is_final):
            assert fragments.cut(bytes((byte,))) == 1
    assert fragments.unfinished == expected(small)


def test_the_number_of_frames_passed_on_at_once_is_bounded() -> None:
    fragments = Fragments()
    empty = frame(1, 0, is_final=False) + frame(0, 0, is_final=False) * 999
    assert fragments.cut(empty) == FRAMES_AT_ONCE * 6
    assert fragments.unfinished == FRAMES_AT_ONCE
    assert fragments.cut(empty[FRAMES_AT_ONCE * 6 :]) == FRAMES_AT_ONCE * 6


def test_one_large_frame_is_passed_on_whole() -> None:
    fragments = Fragments()
    large = frame(1, 100_000)
    assert fragments.cut(large) == len(large)
    assert fragments.unfinished == 0
