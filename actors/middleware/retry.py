"""Retries failed model calls. A middleware; without it nothing is retried."""

import math

import trio

from ..models.language_model import ModelRequest
from .interface import CallModel, Middleware, ModelOutcome

__all__ = ["Retry"]


class Retry(Middleware):
    """Retries a model call while its failure is `transient`, after a growing wait with jitter. Transient are the
    statuses 408, 425, 429, 500, 502, 503, 504, 529, a provider's own transient errors in mid-stream, and network
    errors.

    If the provider asks for a wait, that wait is used. No attempt starts after `deadline_s`. The last attempt's message
    is the outcome of a call that failed for good. Watchers are told of each new attempt (`agent_retry`). An abort ends
    the wait at once.

    A failure after watchers have seen a part of the message is final, unless `restart`: then the message starts anew.

    Args:
        attempts: attempts per call, including the first.
        deadline_s: seconds from the start of the first attempt to the start of the last.
        wait_initial_s: seconds before the second attempt; doubled each time.
        wait_max_s: seconds that a wait takes at most, unless the provider asks for a longer one.
        jitter_s: seconds that are randomly added to a wait, at most.
        restart: True: a message that failed after watchers have seen a part of it starts anew.

    Raises: ValueError.
    """

    def __init__(
        self,
        *,
        attempts: int = 5,
        deadline_s: float = 120.0,
        wait_initial_s: float = 0.5,
        wait_max_s: float = 30.0,
        jitter_s: float = 1.0,
        restart: bool = False,
    ) -> None:
        if attempts < 1:
            raise ValueError(f"Retry: attempts must be 1 or more, got {attempts}")
        waits = {"deadline_s": deadline_s, "wait_initial_s": wait_initial_s, "wait_max_s": wait_max_s}
        for name, value in {**waits, "jitter_s": jitter_s}.items():
            if not 0 <= value < math.inf:
                raise ValueError(f"Retry: {name} must be a number of seconds, 0 or more, got {value}")
        self.attempts = attempts
        self.deadline_s = deadline_s
        self.wait_initial_s = wait_initial_s
        self.wait_max_s = wait_max_s
        self.jitter_s = jitter_s
        self.restart = restart

    async def model_call(self, request: ModelRequest, call_next: CallModel) -> ModelOutcome:
        """Returns the outcome of the first attempt that doesn't fail, or of the last one."""
        import stamina  # only users of Retry pay for the import

        deadline = trio.current_time() + self.deadline_s
        least_wait_s = 0.0  # minimum before the next attempt, without jitter
        outcome: ModelOutcome | None = None

        def backoff(error: Exception) -> bool | float:
            if not isinstance(error, _Failure) or not self._may_retry(error.outcome):
                return False
            failed = error.outcome.failed
            asked_s = failed.retry_after_s if failed is not None else None
            wait_s = least_wait_s if asked_s is None else asked_s
            if trio.current_time() + wait_s > deadline:
                return False
            return True if asked_s is None else max(asked_s, 0.0)

        try:
            async for attempt in stamina.retry_context(
                on=backoff,
                attempts=self.attempts,
                timeout=None,  # bounded above, on trio's clock
                wait_initial=self.wait_initial_s,
                wait_max=self.wait_max_s,
                wait_jitter=self.jitter_s,
            ):
                if outcome is not None and trio.current_time() > deadline:  # the jitter went beyond it
                    return outcome
                least_wait_s = attempt.next_wait
                with attempt:
                    outcome = await call_next(request)
                    if outcome.message.stop_reason == "error":
                        failure = _Failure(outcome)
                        if attempt.num < self.attempts and (wait_s := backoff(failure)) is not False:
                            await call_next.will_retry(least_wait_s if wait_s is True else wait_s)
                        raise failure
        except _Failure as failure:
            return failure.outcome
        assert outcome is not None
        return outcome

    def _may_retry(self, outcome: ModelOutcome) -> bool:
        return outcome.message.error_kind == "transient" and (self.restart or not outcome.shown)


class _Failure(Exception):
    """Carries a failed call through the retry library."""

    def __init__(self, outcome: ModelOutcome) -> None:
        super().__init__(outcome.message.error_message)
        self.outcome = outcome
