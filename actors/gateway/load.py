"""What waits for the clients of a gateway, in bytes: for each client, and for all of them together. No I/O."""

__all__ = ["Load", "TotalLoad"]


class TotalLoad:
    """What waits for all clients together: more than `max_each` bytes for one, or `max_total`, is too much."""

    def __init__(self, max_each: int, max_total: int) -> None:
        self.max_each, self.max_total = max_each, max_total
        self.clients = 0
        self.bytes = 0


class Load:
    """What waits for one client: encoded already, and not sent yet."""

    __slots__ = ("_total", "bytes")

    def __init__(self, total: TotalLoad) -> None:
        self._total = total
        self.bytes = 0
        total.clients += 1

    def add(self, size: int) -> None:
        """Book `size` bytes more, or less."""
        self.bytes += size
        self._total.bytes += size

    def is_full(self, waiting: int) -> bool:
        """Whether a client for whom `waiting` bytes wait is to read first, before anything is made for it.

        Above the total, those have to who have more than their share. A client for whom nothing waits never has to.
        """
        total = self._total
        maximum = total.max_each if total.bytes < total.max_total else total.max_total // total.clients
        return waiting > 0 and waiting >= min(maximum, total.max_each)

    def close(self) -> None:
        """The client is gone, and with it what waited."""
        self.add(-self.bytes)
        self._total.clients -= 1
