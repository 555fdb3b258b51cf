"""Docstrings, which `help()` and editors show, describe every option."""

import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from typing import Any

import adjourn
from adjourn.actors import ToolOptions, tool

# Programs get these from an opener, a system or a decorator, and never call the class, so it has no options.
MADE_BY_OTHERS = {
    *("Actor", "ActorRef", "ActorSystem", "AsgiBridge", "Client", "CompiledSchema", "Inspection", "Run"),
    *("AsyncioRun", "AsyncioStream", "AsyncioSystem", "BlockingRun", "BlockingStream", "BlockingSystem"),
    *("Monitors", "PostgresStore", "ReportReader", "SqliteStore", "Supervisor", "ThreadedSystem", "Timer", "Timers"),
    "ValkeyStore",
}
# Modules that users import from, beside the packages.
MODULES = ["actors.middleware.prometheus", "actors.middleware.telemetry", "actors.testing", "protocol.methods"]
MODULES += ["protocol.timeline", "protocol.record"]


def public_classes() -> Iterator[type]:
    """Return every class of the library in the `__all__` of a package or of one of `MODULES`."""
    packages = [found.name for found in pkgutil.walk_packages(adjourn.__path__, "adjourn.") if found.ispkg]
    found: set[type] = set()
    for name in [*packages, *(f"adjourn.{module}" for module in MODULES)]:
        module = importlib.import_module(name)
        values = [getattr(module, each) for each in getattr(module, "__all__", ())]
        found |= {value for value in values if inspect.isclass(value) and value.__module__.startswith("adjourn.")}
    for kind in sorted(found, key=lambda kind: (kind.__module__, kind.__name__)):
        if not issubclass(kind, BaseException) and kind is not ToolOptions:  # `tool` describes these
            yield kind


def described(value: Any) -> list[str]:
    return re.findall(r"^    (\w+): .", inspect.getdoc(value) or "", re.MULTILINE)


def options(kind: type) -> list[str]:
    parameters = inspect.signature(kind).parameters.values()
    named = [each for each in parameters if each.kind not in (each.VAR_POSITIONAL, each.VAR_KEYWORD)]
    return [each.name for each in named if each.name[0] != "_"]


def test_the_docstring_of_each_public_class_describes_its_options() -> None:
    kinds = [kind for kind in public_classes() if kind.__name__ not in MADE_BY_OTHERS]
    assert len(kinds) > 100
    missing = {kind: [name for name in options(kind) if name not in described(kind)] for kind in kinds}
    assert {kind: names for kind, names in missing.items() if names} == {}


def test_classes_that_others_make_are_public() -> None:
    assert {kind.__name__ for kind in public_classes()} >= MADE_BY_OTHERS


def test_the_docstring_of_tool_describes_each_option() -> None:
    assert described(tool) == ["name", "description", *ToolOptions.__annotations__]
