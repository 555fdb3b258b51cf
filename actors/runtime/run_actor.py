"""The run actor: the task that carries out what the state machine decides.

`registry.py` has the runs in memory; `run_state.py` saves and publishes transitions.

Each transition takes the same steps: save, adopt and publish, answer, start effects. The actor's task carries the
effects out. A model call, or a tool that is the only open call, runs on the task itself. Several tools run in a nursery
while the task reads its mailbox. While a single effect occupies the task, it does not read the mailbox: `ask` then
makes the transition on the asker's task, under the same lock. The lock is fair, so this transition comes before that of
the effect's completion, and the task need not be woken for it.

A fault in a step or a save cancels the run's effects, whatever input caused it. The task then reloads the run from its
record.
"""

import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

import trio

from ...protocol.errors import AdjournError, StaleEpoch, StoreUnavailable, Stranded, VersionConflict
from ...protocol.messages import Text
from ...protocol.record import FINAL
from ...protocol.transitions import Abort, Effect, Input, Recover, Reply, StartModel, StartTool, Stopped, Tick, ToolDone
from ..core.actor import ActorRef
from ..core.faults import bare_error, internal_error
from ..core.mail import Mail
from ..core.mailbox import Mailbox
from ..core.running import RUNNING
from .model_call import ModelCall
from .run_state import RunState, answer
from .tool_call import call_tool

__all__ = ["RunActor"]

logger = logging.getLogger("adjourn.runs")

RUN_BYTES = 7_000  # the memory of a parked run, without its log and its spec
MAX_CRASHES = 5  # crashes in a row, without a save in between

_NONE: frozenset[Effect] = frozenset()  # one for all runs, to save memory


class RunActor:
    """The task that executes one run, with its mailbox.

    `state`: the run's current state. `spec_bytes`: the memory of its spec; 0 if it shares its agent's spec.
    """

    __slots__ = (
        "_done",
        "_fault",
        "_flying",
        "_is_cancelled",
        "_is_leaving",
        "_is_occupied",
        "_last_scope",
        "_model",
        "_scope",
        "_task",
        "abandoned",
        "ended",
        "is_lost",
        "is_parked",
        "mailbox",
        "ref",
        "state",
        "weight",
    )

    def __init__(self, state: RunState, spec_bytes: int = 0) -> None:
        self.state = state
        self.weight = RUN_BYTES + spec_bytes  # about the run's memory, without its log
        state.carrier = self
        self.abandoned: tuple[str, ...] = ()
        self.is_parked = False  # whether the task waits for mail, without effects
        self.ref: ActorRef[Input]  # set by the registry, as is `ended`
        self.ended: Callable[[RunActor], None]  # called at the end of the actor's task
        self.mailbox: Mailbox[Input]  # set when the task begins
        self.is_lost = False  # the actor ended but the run is not over, and this system still owns the store
        self._task: trio.lowlevel.Task | None = None
        # Shielded: only `leave` and `cancel` stop the actor. They may be called before the task's first step.
        self._scope = trio.CancelScope(shield=True)
        self._last_scope: trio.CancelScope | None = None  # of `_finish`
        self._is_leaving = self._is_cancelled = False
        self._fault: Exception | None = None  # of a step or a save: the run must be reloaded from its record
        self._is_occupied = False  # whether an effect runs on the task itself
        self._flying = _NONE  # tools in the nursery, until their results are served
        self._done: tuple[ToolDone, ...] = ()  # results that came while the store did not answer, still to be saved
        self._model: ModelCall | None = None  # the latest model call, until its outcome is saved

    # From outside.

    async def ask(self, given: Input) -> Reply:
        """Gives the run an input from outside, and returns its reply.

        Raises: the machine's errors for the input; StoreUnavailable; ActorEnded if the run left memory meanwhile.
        """
        if self.state.store_down:
            raise self._unavailable()
        if not self._is_occupied:
            return await self.ref.ask(given)
        if type(given) is Abort and self._model is not None and self._may_end_at_once:
            given = Abort(by=given.by, reason=given.reason, partial=self._model.cut_short())
        return await self._change(given)

    @property
    def _may_end_at_once(self) -> bool:
        """Whether an abort may end the run without waiting for its model call. Middleware may still show events."""
        state = self.state
        return not (state.is_changing or state.doubt or state.agent is None or state.agent.middleware)

    @property
    def at_rest(self) -> bool:
        """Whether the run is parked in memory, with no mail to serve."""
        return self.is_parked and self.mailbox.is_idle

    @property
    def is_idle(self) -> bool:
        """Whether the run is parked, with no effect running and nothing unsaved."""
        busy = self._is_occupied or self._flying or self.state.pending or self.state.doubt or self.state.is_changing
        return self.at_rest and not busy

    def leave(self) -> None:
        """Takes the run out of memory, after finishing its abort if one has begun. Saves nothing else."""
        self._is_leaving = True
        self._scope.cancel()

    def cancel(self) -> None:
        """Takes the run out of memory at once."""
        self._is_cancelled = True
        self.leave()
        if self._last_scope is not None:
            self._last_scope.cancel()

    @property
    def executing(self) -> tuple[str, ...]:
        """The names of the tools that are executing."""
        return tuple(call.name for call in self.state.head.calls if call.executing)

    async def give_up(self) -> None:
        """Ends an aborted run, abandoning the tool that is shielded from cancellation, and its task."""
        state = self.state
        if state.head.abort and state.head.status not in FINAL:
            self.abandoned = tuple(sorted(call.id for call in state.head.calls if call.executing))
            partial = self._model.cut_short() if self._model else None
            logger.warning("run %s: abandoned tools that do not stop: %s", state.head.id, ", ".join(self.executing))
            await self._change(Stopped(partial=partial))

    # What transitions ask for.

    def stop_effects(self) -> None:
        if self._is_occupied or self._flying:
            self._scope.cancel()

    async def wait_for_store(self, reason: str, wait_s: float) -> None:
        logger.warning("run %s waits for the store: %s", self.state.head.id, reason)
        self.state.store_down = True
        with trio.move_on_after(wait_s):
            while trio.lowlevel.current_task() is self._task:  # on another task, this actor's task reads the mailbox
                try:
                    mail = await self.mailbox.receive()
                except trio.EndOfChannel:
                    break
                if isinstance(mail.body, ToolDone):
                    self._done += (mail.body,)
                else:
                    mail.fail(self._unavailable())
            await trio.sleep_forever()

    def _unavailable(self) -> StoreUnavailable:
        return StoreUnavailable("the store does not answer; the run waits for it", runId=self.state.head.id)

    # The actor's task.

    async def __call__(self, mailbox: Mailbox[Input]) -> None:
        """The actor. Ends when the run is over, when asked to stop while parked, or after `leave`."""
        self.mailbox, self._task = mailbox, trio.lowlevel.current_task()
        RUNNING.set((self.state.head.id, self.state.head.agent))
        crashes = 0
        try:
            while True:
                version = self.state.head.version
                try:
                    with self._scope:
                        if self._fault is not None and not await self._revive(self._fault):
                            return
                        await self._live()
                    self._is_occupied = False
                    if self._fault is None:
                        await self._finish()
                        return
                except Exception as group:
                    self._fault = bare_error(group)
                    self._is_occupied = False
                if isinstance(self._fault, StaleEpoch):
                    return  # the new owner continues the run
                logger.error("run %s crashed", self.state.head.id, exc_info=self._fault)
                if self._is_leaving:
                    return
                crashes = 1 if self.state.head.version > version else crashes + 1
                if crashes > MAX_CRASHES:
                    self.is_lost = True
                    raise self._fault
                self._scope = trio.CancelScope(shield=True)
        finally:
            self.ended(self)

    async def _live(self) -> None:
        """Serves mail and carries out pending effects until the run is over, or no mail will come any more."""
        state, mailbox = self.state, self.mailbox
        while not (self._fault or self._is_leaving):
            if state.pending:
                if self._done or mailbox.waiting_mail:
                    await self._serve_all()
                if not state.services.tenure.is_held:
                    await state.services.tenure.wait_held()
                effects, state.pending = state.pending, ()
                if len(effects) == 1 and state.history.open_calls <= 1:
                    effect, effects = effects[0], ()  # a run that waits must not keep the tuple in memory
                    self._is_occupied = True  # after an error, `__call__` resets it: a `finally` would slow aborts down
                    given = await self._carry_out(effect)
                    self._is_occupied = False
                    await state.commit(given, insist=True)
                    if not state.head.abort:
                        self._model = None
                    del given, effect  # a parked run must not keep what it has saved in memory, nor its last effect
                elif effects:
                    await self._fly(effects)
                del effects
                continue
            if state.head.status in FINAL or state.head.abort:
                return
            self.is_parked = True
            state.services.rested(state.head.id)
            try:
                mail = await mailbox.receive()
            except trio.EndOfChannel:
                return
            finally:
                self.is_parked = False
            await self._serve(mail)
            del mail  # a parked run must not keep its last mail in memory

    async def _fly(self, effects: Sequence[Effect]) -> None:
        """Executes several tools at once, and serves mail until all of them have ended."""
        async with trio.open_nursery() as nursery:
            while self._fault is None:
                for effect in effects:
                    self._flying |= {effect}
                    nursery.start_soon(self._fly_one, effect)
                if self._done:
                    await self._serve_all()
                elif self._flying:
                    try:
                        mail = await self.mailbox.receive()
                    except trio.EndOfChannel:
                        break
                    await self._serve(mail)
                effects = ()
                if any(isinstance(effect, StartTool) for effect in self.state.pending):
                    await self.state.services.tenure.wait_held()
                    effects, self.state.pending = self.state.pending, ()
                elif not self._flying:
                    break
            nursery.cancel_scope.cancel()  # after a fault or an orderly stop, tools may still execute

    async def _fly_one(self, effect: Effect) -> None:
        try:
            given = await self._carry_out(effect)
        except BaseException:
            self._flying -= {effect}
            raise
        self.mailbox.put_reserved_nowait(given)

    async def _serve_all(self) -> None:
        """Serves the mail that has come, without waiting for more."""
        while self._done:
            first, *rest = self._done
            self._done = tuple(rest)
            await self._serve_done(first)
        with suppress(trio.WouldBlock, trio.EndOfChannel):
            while self._fault is None:
                await self._serve(self.mailbox.receive_nowait())

    async def _serve(self, mail: Mail[Input]) -> None:
        if type(mail.body) is ToolDone:  # a failing isinstance check takes seven times as long
            await self._serve_done(mail.body)
            return
        try:
            mail.reply(await self._change(mail.body))
        except AdjournError as error:
            mail.fail(error)
        if self.state.doubt is not None:
            with suppress(Stranded):
                await self.state.commit(Tick(), insist=True)

    async def _serve_done(self, given: ToolDone) -> None:
        self._flying -= {StartTool(given.tool_call_id)}
        await self.state.commit(given, insist=True)

    async def _change(self, given: Input) -> Reply:
        """Makes the transition of an input from outside, on the actor's task or the asker's, and returns its reply.

        Raises: AdjournError, for the asker.
        """
        try:
            return answer(await self.state.commit(given))
        except VersionConflict as error:
            self._fail(error)
            text = "the run was changed in the store by somebody else; it is being reloaded"
            raise StoreUnavailable(text, runId=self.state.head.id) from error
        except StaleEpoch as error:
            self._fail(error)
            raise
        except AdjournError:
            raise
        except Exception as error:
            self._fail(error)
            raise internal_error(error, f"run {self.state.head.id}", logger) from error

    def _fail(self, error: Exception) -> None:
        """Cancels the run's effects, and makes the task reload the run from its record."""
        if self._fault is None:
            self._fault = error
            self._scope.cancel()

    async def _finish(self) -> None:
        """Finishes the run after the loop: ends an aborted one, and deletes one without retention."""
        state = self.state
        is_aborting = state.head.abort is not None and state.head.status not in FINAL
        is_kept = state.history.spec.limits.retention_s != 0
        if self._is_cancelled or (is_kept and not is_aborting):
            return
        with trio.CancelScope(shield=True) as self._last_scope:
            if is_aborting:
                await self._finish_abort()
            if state.head.status in FINAL and not is_kept:
                with suppress(AdjournError):  # if this fails, the sweeper deletes the run
                    await state.services.delete(state.head)

    async def _finish_abort(self) -> None:
        """Waits for threads, answers what is left in the mailbox, and ends the run."""
        services, history = self.state.services, self.state.history
        calls: set[str] = set() if history.turn_is_over else {call.id for call in history.turn_calls}
        with trio.move_on_after(services.cleanup_s):
            await services.threads.wait_without(calls)
        self.abandoned = tuple(sorted(services.threads.calls & calls))
        for call_id in sorted(services.threads.take_unstarted(calls)):
            told = (Text(text="This call was not started: the run was aborted before."),)
            await self.state.commit(ToolDone(tool_call_id=call_id, content=told, is_error=True), insist=True)
        await self._serve_all()  # results may have come during the wait
        partial = self._model.cut_short() if self._model else None
        await self.state.commit(Stopped(partial=partial), insist=True)

    async def _revive(self, fault: Exception) -> bool:
        """Reloads the run from its record after a fault. False: the record was deleted."""
        self._fault = None
        if not await self.state.reload():
            logger.error("run %s is not in the store any more", self.state.head.id)
            return False
        self._model = None
        self._flying = _NONE
        self._done = ()
        if self.state.agent is not None:
            await self.state.commit(Recover(error=f"{type(fault).__name__}: {fault}"), insist=True)
        return True

    # Effects.

    def _carry_out(self, effect: Effect) -> Awaitable[Input]:
        state, agent = self.state, self.state.agent
        assert agent is not None
        if type(effect) is StartModel:
            now = state.head.updated_at  # the time of the save that started this call
            self._model = ModelCall(agent, state.head, state.history, effect.key, now, state)
            return self._model.run()
        assert type(effect) is StartTool
        return call_tool(agent, state, effect.tool_call_id)
