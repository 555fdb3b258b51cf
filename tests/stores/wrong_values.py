"""Stores that are wrong about ids, numbers or texts, each in one way, and the clause that finds it."""

import re
import unicodedata
from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from typing import Any

import msgspec

from adjourn.protocol.record import Entry, Head, Record
from adjourn.stores import MemoryStore, Page


class TakesIdsForOne(MemoryStore):
    """Two ids with the same key are the same run."""

    @staticmethod
    def key(run_id: str) -> str:
        return run_id.lower()

    async def save(self, head: Head, append: Sequence[Entry] = (), *, expected_version: int) -> None:
        head = msgspec.structs.replace(head, id=self.key(head.id))
        await super().save(head, append, expected_version=expected_version)

    async def load(self, run_id: str) -> Record | None:
        record = await super().load(self.key(run_id))
        return record and Record(head=msgspec.structs.replace(record.head, id=run_id), journal=record.journal)

    async def delete(self, run_id: str, *, epoch: int) -> None:
        await super().delete(self.key(run_id), epoch=epoch)


class CutsIds(TakesIdsForOne):
    @staticmethod
    def key(run_id: str) -> str:
        return run_id[:127]


class MakesIdsFileNames(TakesIdsForOne):
    @staticmethod
    def key(run_id: str) -> str:
        return run_id.replace("-", "_")


class TakesIdsForNumbers(TakesIdsForOne):
    @staticmethod
    def key(run_id: str) -> str:
        return str(int(run_id)) if re.fullmatch("-?[0-9]+", run_id) else run_id


class DeletesLikeIds(MemoryStore):
    """Deletes use SQL's LIKE, in which `_` fits any character."""

    async def delete(self, run_id: str, *, epoch: int) -> None:
        for other in list(self._runs):
            if fnmatchcase(other, run_id.replace("_", "?")):
                await super().delete(other, epoch=epoch)
        await super().delete(run_id, epoch=epoch)


class DeletesByPrefix(MemoryStore):
    async def delete(self, run_id: str, *, epoch: int) -> None:
        for other in list(self._runs):
            if other.startswith(run_id + "-"):
                await super().delete(other, epoch=epoch)
        await super().delete(run_id, epoch=epoch)


class LoadsByPrefix(MemoryStore):
    """Entries are found by a prefix of their key, so that those of longer ids are found too."""

    async def load(self, run_id: str) -> Record | None:
        if record := await super().load(run_id):
            others = [await MemoryStore.load(self, other) for other in sorted(self._runs) if other.startswith(run_id)]
            journal = tuple(entry for other in others if other for entry in other.journal)
            record = Record(head=record.head, journal=journal)
        return record


class OrdersIdsByLocale(MemoryStore):
    """Ids are sorted as in a database with a locale: by letters first, then by case, then by `-` and `_`."""

    async def list(self, **query: Any) -> Page:
        page = await super().list(**query)
        by_locale = sorted(page.heads, key=lambda head: (head.created_at, head.id.strip("-_").lower()), reverse=True)
        return Page(tuple(by_locale), page.after)


class Rewrites(MemoryStore):
    """A medium that changes some values. `rewrite` gets each value, innermost first."""

    @staticmethod
    def rewrite(value: Any) -> Any:
        return value

    async def save(self, head: Head, append: Sequence[Entry] = (), *, expected_version: int) -> None:
        head = msgspec.convert(_walk(msgspec.to_builtins(head), self.rewrite), Head)
        append = [msgspec.convert(_walk(msgspec.to_builtins(entry), self.rewrite), Entry) for entry in append]
        await super().save(head, append, expected_version=expected_version)


def _walk(value: Any, rewrite: Callable[[Any], Any]) -> Any:
    if isinstance(value, dict):
        value = {key: _walk(item, rewrite) for key, item in value.items()}
    elif isinstance(value, list | tuple):
        value = [_walk(item, rewrite) for item in value]
    return rewrite(value)


class KeepsFifteenDigits(Rewrites):
    @staticmethod
    def rewrite(value: Any) -> Any:
        return float(f"{value:.15g}") if isinstance(value, float) else value


class RoundsLargeIntegers(Rewrites):
    @staticmethod
    def rewrite(value: Any) -> Any:
        return value // 2 * 2 if isinstance(value, int) and abs(value) > 2**52 else value


class KeepsThirtyTwoBits(Rewrites):
    @staticmethod
    def rewrite(value: Any) -> Any:
        return min(value, 2**31 - 1) if type(value) is int else value


class TakesBooleansForNumbers(Rewrites):
    @staticmethod
    def rewrite(value: Any) -> Any:
        return {**value, "plain": [int(item) for item in value["plain"]]} if _has(value, "plain") else value


class ComposesText(Rewrites):
    @staticmethod
    def rewrite(value: Any) -> Any:
        return unicodedata.normalize("NFC", value) if isinstance(value, str) else value


class EndsTextAtNul(Rewrites):
    @staticmethod
    def rewrite(value: Any) -> Any:
        return value.split("\x00")[0] if isinstance(value, str) else value


class TrimsText(Rewrites):
    @staticmethod
    def rewrite(value: Any) -> Any:
        return value.rstrip(" ") if isinstance(value, str) else value


class TakesThreeByteText(Rewrites):
    """As MySQL's utf8 does."""

    @staticmethod
    def rewrite(value: Any) -> Any:
        return re.sub("[\U00010000-\U0010ffff]", "?", value) if isinstance(value, str) else value


class ReadsNumbersInText(Rewrites):
    @staticmethod
    def rewrite(value: Any) -> Any:
        return 1 if value == "1" else value


class DropsEmptyContainers(Rewrites):
    @staticmethod
    def rewrite(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: item for key, item in value.items() if item != [[]] and item != [{}]}
        return [item for item in value if item not in ([], {})] if isinstance(value, list) else value


class DropsEmptyKeys(Rewrites):
    @staticmethod
    def rewrite(value: Any) -> Any:
        return {key: item for key, item in value.items() if key} if isinstance(value, dict) else value


class SplitsKeysAtDots(Rewrites):
    @staticmethod
    def rewrite(value: Any) -> Any:
        return {key.split(".")[0]: item for key, item in value.items()} if isinstance(value, dict) else value


class FoldsKeys(Rewrites):
    @staticmethod
    def rewrite(value: Any) -> Any:
        return {"a": value["a"]} | {k: v for k, v in value.items() if k != "A"} if _has(value, "A") else value


class CutsDeepValues(Rewrites):
    @staticmethod
    def rewrite(value: Any) -> Any:
        return {**value, "deep": value["deep"][0]} if _has(value, "deep") else value


class TakesEmptyForAbsent(Rewrites):
    @staticmethod
    def rewrite(value: Any) -> Any:
        nullable = ("owner", "reason", "modelCall", "soleGated", "by")
        return {k: v for k, v in value.items() if v or k not in nullable} if isinstance(value, dict) else value


def _has(value: Any, key: str) -> bool:
    return isinstance(value, dict) and key in value


WRONG: dict[type[MemoryStore], str] = {
    TakesIdsForOne: "ids are told apart whatever they look like",
    CutsIds: "ids are told apart whatever they look like",
    MakesIdsFileNames: "ids are told apart whatever they look like",
    TakesIdsForNumbers: "ids are told apart whatever they look like",
    DeletesLikeIds: "ids are told apart whatever they look like",
    DeletesByPrefix: "ids are told apart whatever they look like",
    LoadsByPrefix: "ids are told apart whatever they look like",
    OrdersIdsByLocale: "ids are told apart whatever they look like",
    KeepsFifteenDigits: "values come back from the edges of their domain",
    RoundsLargeIntegers: "values come back from the edges of their domain",
    KeepsThirtyTwoBits: "values come back from the edges of their domain",
    TakesBooleansForNumbers: "values come back from the edges of their domain",
    ComposesText: "values come back from the edges of their domain",
    EndsTextAtNul: "values come back from the edges of their domain",
    TrimsText: "values come back from the edges of their domain",
    TakesThreeByteText: "values come back from the edges of their domain",
    ReadsNumbersInText: "values come back from the edges of their domain",
    DropsEmptyContainers: "values come back from the edges of their domain",
    DropsEmptyKeys: "values come back from the edges of their domain",
    SplitsKeysAtDots: "values come back from the edges of their domain",
    FoldsKeys: "values come back from the edges of their domain",
    CutsDeepValues: "values come back from the edges of their domain",
    TakesEmptyForAbsent: "an empty text is not an absent one",
}
