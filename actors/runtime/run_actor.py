"""The run actor: the task that carries out what the state machine decides. Which runs are in memory is `registry.py`'s
business, how a transition is saved and shown `run_state.py`'s.

Each transition goes the same way: save, adopt and publish, answer, start effects. The actor's one task carries the
effects out: the model, and a tool that is the only open call, on the task itself; several tools in a nursery, while
the task serves mail. While it is occupied with a single effect, the mailbox is not read; `ask` then makes the
transition on the asker's task, in order, under the same lock. The lock is fair, so such a transition is always made
before that of the effect's completion, and nobody has to wake the task for it.
"""

import logging
from contextlib import suppress

import trio

from ...protocol.errors import AdjournError, StaleEpoch, StoreUnavailable, Stranded, VersionConflict
from ...protocol.messages import Text
from ...protocol.record import FINAL
from ...protocol.transitions import Effect, Input, Recover, Reply, StartModel, StartTool, Stopped, Tick, ToolDone
from ..core.actor import ActorRef
from ..core.faults import bare_error, internal_error
from ..core.mail import Mail
from ..core.mailbox import Mailbox
from .model_call import ModelCall
from .run_state import RunState, answer
from .tool_call import call_tool

__all__ = ["RunActor"]

logger = logging.getLogger("adjourn.runs")

RUN_BYTES = 7_000  # of a parked run, beside its log and its spec
MAX_CRASHES = 5  # of the actor itself, in a row


class RunActor:
    """The task that carries one run on, with its mailbox. `state` is the run as it is now, `spec_bytes` what its spec
    takes in memory where it is not its agent's.
    """

    __slots__ = (
        "_flying",
        "_model",
        "_occupied",
        "_scope",
        "abandoned",
        "is_lost",
        "mailbox",
        "parked_at",
        "ref",
        "state",
        "weight",
    )

    def __init__(self, state: RunState, spec_bytes: int = 0) -> None:
        self.state = state
        self.weight = RUN_BYTES + spec_bytes  # about what it takes in memory, beside its log
        state.carrier = self
        self.abandoned: tuple[str, ...] = ()
        self.parked_at: float | None = None  # on trio's clock
        self.ref: ActorRef[Input]  # given by who starts the actor
        self.mailbox: Mailbox[Input]  # known once the task has begun
        self.is_lost = False  # it ended although the run goes on, and nobody else owns the store
        self._scope = trio.CancelScope()
        self._occupied = False  # by an effect on the task itself
        self._flying: set[Effect] = set()  # tools in the nursery, until what came of them is served
        self._model: ModelCall | None = None  # the latest, until what came of it is saved

    # From outside.

    async def ask(self, given: Input) -> Reply:
        """Give the run an input from outside and return its reply.

        Raises: what the machine answers; StoreUnavailable; ActorEnded when the actor left memory meanwhile.
        """
        if self.state.store_down:
            raise self._unavailable()
        if not self._occupied:
            return await self.ref.ask(given)
        try:
            return answer(await self.state.commit(given))
        except Exception as error:
            told = self._told(error)
            if told is error:
                raise
            raise told from error

    @property
    def at_rest(self) -> bool:
        """Whether the run waits in memory, with nothing under way."""
        return self.parked_at is not None and self.mailbox.is_idle

    @property
    def is_idle(self) -> bool:
        """Whether the run waits for the outside, with nothing under way and nothing unsaved."""
        busy = self._occupied or self._flying or self.state.pending or self.state.doubt or self.state.is_changing
        return self.at_rest and not busy

    def leave(self) -> None:
        """Take the run out of memory. What is saved is all that remains."""
        self._scope.cancel()

    @property
    def executing(self) -> tuple[str, ...]:
        """The names of the tools that execute here now."""
        return tuple(call.name for call in self.state.head.calls if call.executing)

    async def give_up(self) -> None:
        """End an aborted run whose tool shields itself from cancellation: the tool is left behind, and its task too."""
        state = self.state
        if state.head.abort and state.head.status not in FINAL:
            self.abandoned = tuple(sorted(call.id for call in state.head.calls if call.executing))
            partial = self._model.cut_short() if self._model else None
            logger.warning("run %s: left behind what does not stop: %s", state.head.id, ", ".join(self.executing))
            await state.commit(Stopped(partial=partial))

    # What transitions ask for.

    def stop_effects(self) -> None:
        if self._occupied or self._flying:
            self._scope.cancel()

    def store_fails(self, error: Exception) -> None:
        """While the store is down: who asks is told so, now and from now on. What the run's own effects say stays."""
        logger.warning("run %s waits for the store: %s", self.state.head.id, error)
        self.state.store_down = True
        with suppress(trio.WouldBlock, trio.EndOfChannel, trio.BusyResourceError):  # busy: the task serves it itself
            for _ in range(self.mailbox.statistics().waiting_mail):
                mail = self.mailbox.receive_nowait()
                if isinstance(mail.body, ToolDone):
                    self.mailbox.put_reserved_nowait(mail.body)
                else:
                    mail.fail(self._unavailable())

    def _unavailable(self) -> StoreUnavailable:
        return StoreUnavailable("the store does not answer; the run waits in safety", runId=self.state.head.id)

    # The actor's task.

    async def __call__(self, mailbox: Mailbox[Input]) -> None:
        """The actor: over when the run is, when it is asked to stop while parked, or when it is to `leave`."""
        self.mailbox = mailbox
        crashes, crash = 0, None
        while True:
            version = self.state.head.version
            try:
                if crash is not None and not await self._revive(crash):
                    logger.error("run %s is gone from the store", self.state.head.id)
                    return
                with self._scope:
                    await self._live()
                await self._finish()
                return
            except Exception as group:
                crash = bare_error(group)
                if isinstance(crash, StaleEpoch):
                    return  # the run is left to the store's new owner
                logger.exception("run %s crashed", self.state.head.id)
                crashes = 1 if self.state.head.version > version else crashes + 1
                if crashes > MAX_CRASHES:
                    self.is_lost = True
                    raise

    async def _live(self) -> None:
        while True:
            if self.state.pending:
                await self._work()
            elif self.state.head.status in FINAL or self.state.head.abort or not await self._park():
                return

    async def _park(self) -> bool:
        """Wait for mail and serve it. False when none will come any more. (Nothing of it stays in a parked frame.)"""
        self.parked_at = trio.current_time()
        self.state.services.rested(self.state.head.id)
        try:
            mail = await self.mailbox.receive()
        except trio.EndOfChannel:
            return False
        finally:
            self.parked_at = None
        await self._serve(mail)
        return True

    async def _work(self) -> None:
        while not self.mailbox.is_idle and self.state.pending:
            try:
                await self._serve(self.mailbox.receive_nowait())
            except (trio.WouldBlock, trio.EndOfChannel):
                break
        effects, self.state.pending = self.state.pending, []
        if len(effects) == 1 and self.state.waiting <= 1:
            self._occupied = True
            try:
                given = await self._carry_out(effects[0])
            finally:
                self._occupied = False
            await self.state.commit(given, insist=True)
            if not self.state.head.abort:
                self._model = None
        elif effects:
            await self._fly(effects)

    async def _fly(self, effects: list[Effect]) -> None:
        """Carry out several tools at once, serving mail until none is left."""
        async with trio.open_nursery() as nursery:
            while True:
                for effect in effects:
                    self._flying.add(effect)
                    nursery.start_soon(self._fly_one, effect)
                if not self._flying:
                    break
                try:
                    mail = await self.mailbox.receive()
                except trio.EndOfChannel:
                    break
                await self._serve(mail)
                effects = []
                if any(isinstance(effect, StartTool) for effect in self.state.pending):
                    effects, self.state.pending = self.state.pending, []
            nursery.cancel_scope.cancel()  # what still executes is not wanted any more

    async def _fly_one(self, effect: Effect) -> None:
        try:
            given = await self._carry_out(effect)
        except BaseException:
            self._flying.discard(effect)
            raise
        self.mailbox.put_reserved_nowait(given)

    async def _serve(self, mail: Mail[Input]) -> None:
        if isinstance(mail.body, ToolDone):
            self._flying.discard(StartTool(mail.body.tool_call_id))
            await self.state.commit(mail.body, insist=True)
            return
        try:
            mail.reply(answer(await self.state.commit(mail.body)))
        except Exception as error:
            mail.fail(self._told(error))
            if not isinstance(error, AdjournError) or isinstance(error, VersionConflict | StaleEpoch):
                raise
        if self.state.doubt is not None:
            with suppress(Stranded):
                await self.state.commit(Tick(), insist=True)

    def _told(self, error: Exception) -> AdjournError:
        """What an asker is told of what its message led to."""
        if isinstance(error, VersionConflict):
            text = "the run was saved by somebody else; it is loaded anew"
            return StoreUnavailable(text, runId=self.state.head.id)
        return error if isinstance(error, AdjournError) else internal_error(error, f"run {self.state.head.id}", logger)

    async def _finish(self) -> None:
        """After the loop: end an aborted run, and answer what is left in the mailbox."""
        if not self.state.head.abort or self.state.head.status in FINAL:
            return
        calls = {call.id for call in self.state.head.calls}
        with trio.move_on_after(self.state.services.cleanup_s):
            await self.state.services.threads.wait_without(calls)
        self.abandoned = tuple(sorted(self.state.services.threads.calls & calls))
        for call_id in sorted(self.state.services.threads.take_unstarted(calls)):
            told = (Text(text="This call was not started: the run was aborted before."),)
            await self.state.commit(ToolDone(tool_call_id=call_id, content=told, is_error=True), insist=True)
        with suppress(trio.WouldBlock, trio.EndOfChannel):
            while True:
                await self._serve(self.mailbox.receive_nowait())  # also results that came in the last moment
        partial = self._model.cut_short() if self._model else None
        await self.state.commit(Stopped(partial=partial), insist=True)

    async def _revive(self, error: Exception) -> bool:
        """After a crash: everything from the record. False when it is gone."""
        self._scope = trio.CancelScope()
        if not await self.state.reload():
            return False
        self._model = None
        self._flying.clear()
        if self.state.agent is not None:
            await self.state.commit(Recover(error=f"{type(error).__name__}: {error}"), insist=True)
        return True

    # Effects.

    async def _carry_out(self, effect: Effect) -> Input:
        state, agent = self.state, self.state.agent
        assert agent is not None
        if isinstance(effect, StartModel):
            now = state.services.now()
            self._model = ModelCall(agent, state.head, state.history, effect.key, now, state.show)
            return await self._model.run()
        assert isinstance(effect, StartTool)
        call = next(call for call in state.head.calls if call.id == effect.tool_call_id)
        services = state.services
        return await call_tool(
            agent, state.head, state.history, call, state.show, threads=services.threads, host_loop=services.host_loop
        )
