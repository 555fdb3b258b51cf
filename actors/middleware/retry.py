"""Retrying model calls: what is tried again, when, and until when. A middleware; without it nothing is retried."""

import math

import trio

from ..models.language_model import ModelRequest
from .interface import CallModel, Middleware, ModelOutcome

__all__ = ["Retry"]


class Retry(Middleware):
    """Makes a model call again while its failure is `transient` (statuses 408, 425, 429, 500, 502, 503, 504, 529, what
    the provider says of itself in mid-stream, and the network), after a growing, jittered wait.

    Where the provider says how long it wants to be left alone, that is how long it is. No attempt begins after
    `deadline_s`; a call that has failed for good has the last attempt's message. Watchers are told of each new attempt
    (`agent_retry`). An abort ends the wait at once.

    Once watchers have seen a part of a message its failure is final, unless `restart`: then the message begins anew.

    Raises: ValueError.
    """

    def __init__(
        self,
        *,
        attempts: int = 5,  # of one call, the first included
        deadline_s: float = 120.0,  # from the first attempt's start to the last one's
        wait_initial_s: float = 0.5,  # before the second attempt; doubles with each
        wait_max_s: float = 30.0,  # of a wait that the provider didn't ask for
        jitter_s: float = 1.0,  # at most so much is added to a wait, at random
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
        """The outcome of the first attempt that does not fail, or of the last."""
        import stamina  # only who retries pays for the import

        deadline = trio.current_time() + self.deadline_s
        least_wait_s = 0.0  # before the next attempt, without the jitter
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
                timeout=None,  # on trio's clock, above
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
    """A call that failed, on its way through the retry library."""

    def __init__(self, outcome: ModelOutcome) -> None:
        super().__init__(outcome.message.error_message)
        self.outcome = outcome
