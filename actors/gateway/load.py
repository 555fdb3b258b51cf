"""Counts the encoded bytes that wait for clients: for each client, and for all together. No I/O."""

__all__ = ["Load", "TotalLoad"]


class TotalLoad:
    """Bytes that wait for all clients. Limits: `max_each` for one client, `max_total` for all."""

    def __init__(self, max_each: int, max_total: int) -> None:
        self.max_each, self.max_total = max_each, max_total
        self.clients = 0
        self.bytes = 0


class Load:
    """Bytes that wait for one client: encoded, but not sent yet."""

    __slots__ = ("_total", "bytes")

    def __init__(self, total: TotalLoad) -> None:
        self._total = total
        self.bytes = 0
        total.clients += 1

    def add(self, size: int) -> None:
        """Adds `size` bytes; a negative size subtracts."""
        self.bytes += size
        self._total.bytes += size

    def is_full(self, waiting: int) -> bool:
        """Whether a client with `waiting` unsent bytes must read some before more is encoded for it.

        Once all clients together reach the total, this holds for clients above an equal share. It never holds at 0
        bytes.
        """
        total = self._total
        maximum = total.max_each if total.bytes < total.max_total else total.max_total // total.clients
        return waiting > 0 and waiting >= min(maximum, total.max_each)

    def close(self) -> None:
        """Forgets the client and its waiting bytes."""
        self.add(-self.bytes)
        self._total.clients -= 1
