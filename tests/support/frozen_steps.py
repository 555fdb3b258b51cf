"""The requests to make on the runs of a frozen store when it is opened again. `freeze_store.py` saves them."""

from collections.abc import Sequence
from typing import Any

__all__ = ["OVERDUE", "YES", "steps_of"]

YES = {"approved": True, "reason": "fair"}
NO = {"approved": False}
BADGE = {"badge": 42}

# The requests on each run when the store is opened again: method, params, and the expected error, if any.
# `toolCallId` is the call's index in its message.


def step(method: str, error: str | None = None, **params: Any) -> dict[str, Any]:
    return {"method": f"run.{method}", "params": params} | ({"error": error} if error else {})


STEPS = {
    "parked": [
        step("resume", "decisionInvalid", decision={"approved": "yes"}),
        step("resume", decision=YES, by="cy"),
        step("resume", decision=YES, by="bob"),
        step("resume", "decisionConflict", decision=NO),
    ],
    "parked-several": [
        step("resume", "toolCallIdRequired", decision=YES),
        step("resume", decision=YES, toolCallId=1),
        step("resume", "decisionConflict", decision=NO, toolCallId=1),
        step("decline", toolCallId=3, reason="too much"),
        step("resume", decision=NO, toolCallId=2),
    ],
    "parked-deadline": [step("resume", decision=YES)],
    "parked-mixed": [
        step("claim", "claimTaken", toolCallId=3),
        step("result", toolCallId=3, claimToken="frozen-claim-token-3", result=BADGE),
        step("claim", toolCallId=2),
        step("result", toolCallId=2, result="No badge.", isError=True),
        step("decline"),
    ],
    "offered": [step("claim", toolCallId=0), step("result", toolCallId=0, result=BADGE)],
    "offered-after-decision": [step("claim", toolCallId=0), step("result", toolCallId=0, result="It is open.")],
    "claimed": [
        step("claim", "claimTaken", toolCallId=0),
        step("result", "claimTaken", toolCallId=0, claimToken="another", result=BADGE),
        step("result", toolCallId=0, claimToken="frozen-claim-token-2", result=BADGE),
        step("result", toolCallId=0, claimToken="frozen-claim-token-2", result=BADGE),
    ],
    "executing-beside-gate": [step("resume", decision=YES)],
    "executing-decided": [step("resume", decision=YES), step("resume", "decisionConflict", decision=NO)],
    "completed-decided": [
        step("resume", decision=YES, toolCallId=0),
        step("resume", "decisionConflict", decision=NO, toolCallId=0),
        step("result", toolCallId=1, claimToken="frozen-claim-token-1", result=BADGE),
    ],
    "completed-declined": [step("decline"), step("resume", "decisionConflict", decision=YES)],
    "completed-default": [step("resume", "notPending", decision=NO)],
    "aborted-parked": [step("resume", "runEnded", decision=YES, toolCallId=0), step("abort")],
    "failed": [step("abort")],
}

# The statuses that runs reach by themselves a month later; None: the run is deleted.
OVERDUE = {
    "parked": "paused",
    "parked-deadline": "completed",
    "claimed": "completed",
    "completed": "completed",
    "completed-default": None,
    "failed-limit": None,
    "expired": None,
}


def steps_of(run_id: str, messages: Sequence[Any]) -> list[dict[str, Any]]:
    """Returns the steps of a run with real call ids: those of the last message with calls."""
    called = [_calls(message) for message in messages if message["role"] == "assistant"]
    calls = next((calls for calls in reversed(called) if calls), [])
    return [_with_id(each, calls) for each in STEPS.get(run_id, [])]


def _calls(message: Any) -> list[str]:
    return [block["id"] for block in message["content"] if block["type"] == "toolCall"]


def _with_id(step: dict[str, Any], calls: list[str]) -> dict[str, Any]:
    params = step["params"]
    if "toolCallId" not in params:
        return step
    return {**step, "params": {**params, "toolCallId": calls[params["toolCallId"]]}}
