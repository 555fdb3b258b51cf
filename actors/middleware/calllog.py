"""A structured log of model and tool calls: one record at the end of each call, without its content. Middleware."""

import json
import logging
from collections.abc import Mapping

import trio

from ..models.language_model import ModelRequest
from ..tools.execution import ToolOutcome
from .interface import CallModel, CallTool, Middleware, ModelOutcome, ToolRequest

__all__ = ["CallLog"]


class CallLog(Middleware):
    """Logs every model call and tool call when it ends: INFO, WARNING if it failed, DEBUG if it was cancelled.

    The record's message is `model_call` or `tool_call` with `key=value` pairs; its `adjourn` attribute has the same
    pairs as a dict, for handlers that write JSON. Prompts, answers, arguments and results are not logged.

    Args:
        logger: the logger, or its name.
    """

    observes = True

    def __init__(self, logger: logging.Logger | str = "adjourn.calls") -> None:
        self._logger = logging.getLogger(logger) if isinstance(logger, str) else logger

    async def model_call(self, request: ModelRequest, call_next: CallModel) -> ModelOutcome:
        """Makes the call, and logs it."""
        fields: dict[str, object] = {
            "run_id": request.run_id,
            "call_id": request.call_id,
            "agent": request.agent,
            "turn": request.turn,
            "provider": request.model.provider,
            "model": request.model.id,
        }
        begun = trio.current_time()
        try:
            outcome = await call_next(request)
        except trio.Cancelled:
            self._write(logging.DEBUG, "model_call", fields, begun, {"outcome": "cancelled"})
            raise
        message, usage = outcome.message, outcome.message.usage
        failed = message.stop_reason == "error"
        ended: dict[str, object] = {
            "outcome": message.stop_reason,
            "input_tokens": usage.input,
            "output_tokens": usage.output,
            "cache_read_tokens": usage.cache_read,
            "cache_write_tokens": usage.cache_write,
            "cost": usage.cost.total,
        }
        if failed:
            status = outcome.failed.status if outcome.failed else None
            ended |= {"error_kind": message.error_kind, "status": status, "error": message.error_message}
        self._write(logging.WARNING if failed else logging.INFO, "model_call", fields, begun, ended)
        return outcome

    async def tool_call(self, request: ToolRequest, call_next: CallTool) -> ToolOutcome:
        """Makes the call, and logs it."""
        fields: dict[str, object] = {
            "run_id": request.run_id,
            "tool_call_id": request.tool_call_id,
            "agent": request.agent,
            "tool": request.tool.name,
        }
        begun = trio.current_time()
        try:
            outcome = await call_next(request)
        except trio.Cancelled:
            self._write(logging.DEBUG, "tool_call", fields, begun, {"outcome": "cancelled"})
            raise
        ended = {"outcome": "error" if outcome.is_error else "ok"}
        self._write(logging.WARNING if outcome.is_error else logging.INFO, "tool_call", fields, begun, ended)
        return outcome

    def _write(
        self, level: int, event: str, fields: Mapping[str, object], begun: float, ended: Mapping[str, object]
    ) -> None:
        if not self._logger.isEnabledFor(level):
            return
        pairs = {**fields, "duration_s": round(trio.current_time() - begun, 6), **ended}
        text = " ".join(f"{key}={_word(value)}" for key, value in pairs.items() if value is not None)
        self._logger.log(level, "%s %s", event, text, extra={"adjourn": {"event": event, **pairs}})


def _word(value: object) -> str:
    text = " ".join(str(value).split())
    return json.dumps(text, ensure_ascii=False) if {" ", '"', "="} & set(text) else text
