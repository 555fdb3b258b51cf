"""The members of the store's indexes, as text: a number, then a run's id. Pure."""

__all__ = ["place", "placed"]

_DIGITS = 17


def place(number: int, run_id: str = "") -> str:
    """Return an index's member for a run: it sorts by the number, then by the id. lua/common.lua has the same."""
    return f"{'0' if number < 0 else '1'}{number % 2**53 if number < 0 else number:016}{run_id}"


def placed(member: bytes) -> tuple[int, str]:
    """Return the number and the id in an index's member."""
    text = member.decode()
    number = int(text[1:_DIGITS])
    return (number if text[0] == "1" else number - 2**53), text[_DIGITS:]
