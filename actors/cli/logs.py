"""Where the log of a server goes, and the format of its lines. The served module's own logging is left unchanged."""

import json
import logging
from datetime import UTC, datetime
from typing import Literal

from ..core.faults import bare_error, error_text
from ..core.running import RUNNING
from .exits import OURS
from .screen import clean
from .tracebacks import traceback_of

__all__ = ["LogFormat", "log_of_server"]

LogFormat = Literal["text", "json"]


def log_of_server(format: LogFormat | None) -> None:  # noqa: A002  # the option's name
    """Sets up the log of a server, once its module is loaded.

    If the module gave the root logger a handler, adjourn's records go to that handler too. With a `format`, adjourn's
    records go to stderr instead, in that format.

    If the root logger has no handler, stderr gets every record that no handler of the module takes.
    """
    root, ours = logging.getLogger(), logging.getLogger("adjourn")
    ours.handlers[:] = [handler for handler in ours.handlers if handler.name != OURS]
    for name in list(logging.Logger.manager.loggerDict):
        if name.partition(".")[0] == "adjourn":
            logging.getLogger(name).disabled = False  # `dictConfig` disables loggers that it does not name
    verbose = ours.level == logging.DEBUG
    handler = logging.StreamHandler()
    handler.setFormatter(_Json(verbose) if format == "json" else _Text(verbose))
    if root.handlers and format is not None:
        ours.addHandler(handler)
        return
    ours.propagate = True
    if not root.handlers:
        handler.addFilter(_is_unhandled)
        root.addHandler(handler)


def _is_unhandled(record: logging.LogRecord) -> bool:
    """Whether no handler below the root logger takes the record."""
    logger = logging.getLogger(record.name)
    while logger.parent is not None:
        if any(not isinstance(handler, logging.NullHandler) for handler in logger.handlers):
            return False
        logger = logger.parent
    return True


class _Text(logging.Formatter):
    """Formats a record as time, level, logger, message, run and agent, with the traceback below."""

    def __init__(self, verbose: bool) -> None:
        super().__init__()
        self._verbose = verbose

    def format(self, record: logging.LogRecord) -> str:
        time = datetime.fromtimestamp(record.created).astimezone().isoformat(" ", "seconds")
        run, agent = _run_of(record)
        about = f" (run {run}, agent {agent})" if run else ""
        head = _flat(f"{time} {record.levelname} {record.name}: {_message(record)}{about}")
        return "\n".join([head, *map(clean, _traceback(self, record, whole=self._verbose))])


class _Json(logging.Formatter):
    """Formats a record as one line of JSON."""

    def __init__(self, verbose: bool) -> None:
        super().__init__()
        self._verbose = verbose

    def format(self, record: logging.LogRecord) -> str:
        run, agent = _run_of(record)
        fields = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            "run": run,
            "agent": agent,
            "error": _error(record),
            "traceback": _traceback(self, record, whole=self._verbose) or None,
            "call": getattr(record, "adjourn", None),  # the fields of a `CallLog` record
        }
        return json.dumps({name: value for name, value in fields.items() if value is not None}, default=str)


def _run_of(record: logging.LogRecord) -> tuple[str | None, str | None]:
    run, agent = RUNNING.get() or (None, None)
    return getattr(record, "run", run), getattr(record, "agent", agent)


def _message(record: logging.LogRecord) -> str:
    error = _error(record)
    return record.getMessage() if error is None else f"{record.getMessage()}: {error}"


def _error(record: logging.LogRecord) -> str | None:
    error = record.exc_info[1] if record.exc_info else None
    if error is None:
        return None
    return error_text(bare_error(error))


def _traceback(formatter: logging.Formatter, record: logging.LogRecord, *, whole: bool) -> list[str]:
    """Returns the traceback from the author's own file on. Whole if `verbose`, or without frames of the author."""
    if record.exc_info is None or record.exc_info[1] is None:
        return []
    trimmed = [] if whole else traceback_of(record.exc_info[1])
    return trimmed or formatter.formatException(record.exc_info).splitlines()


def _flat(text: str) -> str:
    return clean(" ".join(text.split()))
