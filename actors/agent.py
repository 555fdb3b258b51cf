"""What a user declares: an agent, immutable and checked. It holds no state of any run."""

import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, dataclass, field, replace
from typing import Any, ClassVar, Self, cast

import msgspec

from ..protocol.codec import to_json
from ..protocol.messages import Message, ModelDescriptor
from ..protocol.options import ModelOptions
from ..protocol.record import Limits, Spec
from ..protocol.transcript import PendingCall, Snapshot
from .middleware.interface import Middleware
from .models.catalogue import find_model
from .models.language_model import LanguageModel
from .tools.declaration import NAME, Tool

__all__ = ["Agent"]


@dataclass(frozen=True, eq=False)
class Agent:
    """What to run: a model, what it is told, the tools that it may call, and the bounds of a run.

    Raises: TypeError, ValueError, with a sentence that names the agent and the argument.
    """

    _: KW_ONLY
    name: str  # [A-Za-z0-9_-]{1,64}; runs find their agent by it, also after a restart
    model: LanguageModel | ModelDescriptor | str  # a model, or what `find_model` takes: "PROVIDER:NAME", ...
    instructions: str = ""
    tools: Sequence[Tool] = ()  # kept as a tuple
    limits: Limits = field(default_factory=Limits)
    options: ModelOptions = field(default_factory=ModelOptions)  # of each model call
    middleware: Sequence[Middleware] = ()  # the first stands outermost; kept as a tuple
    description: str = ""  # for people who choose an agent
    language_model: LanguageModel = field(init=False, repr=False)  # what `model` comes to
    spec_digest: str = field(init=False, repr=False)  # of what a run records of the agent, hex
    _spec: Spec = field(init=False, repr=False)
    _tools: dict[str, Tool] = field(init=False, repr=False)
    _run_alone: ClassVar[
        Callable[..., Snapshot]
    ]  # `runtime/alone.py` puts itself here: an agent knows nothing of what runs it

    def __post_init__(self) -> None:
        for argument in ("name", "instructions", "description"):
            if not isinstance(getattr(self, argument), str):
                raise TypeError(f"agent {self.name!r}: {argument} must be a string")
        if not NAME.fullmatch(self.name):
            raise ValueError(f"agent {self.name!r}: a name is 1 to 64 letters, digits, _ and -")
        object.__setattr__(self, "language_model", self._check_model())
        object.__setattr__(self, "tools", self._check_tools())
        self._check_limits()
        self._check_options()
        object.__setattr__(self, "middleware", self._check_middleware())
        object.__setattr__(self, "_tools", {tool.spec.name: tool for tool in self.tools})
        spec = Spec(
            agent=self.name,
            model=msgspec.structs.replace(self.language_model.descriptor, headers=None),
            instructions=self.instructions,
            tools=tuple(tool.spec for tool in self.tools),
            limits=self.limits,
            options=msgspec.structs.replace(self.options, headers=None),
        )
        object.__setattr__(self, "_spec", spec)
        object.__setattr__(self, "spec_digest", hashlib.sha256(to_json(spec)).hexdigest())

    def spec(self) -> Spec:
        """What a run records of the agent when it begins; the same object each time. No headers: they hold secrets."""
        return self._spec

    def with_limits(self, **changes: Any) -> Self:
        """The same agent with some of its limits changed, by name: `agent.with_limits(retention_s=None)`.

        Raises: TypeError, ValueError, as when an agent is made.
        """
        return replace(self, limits=msgspec.structs.replace(self.limits, **changes))

    def run_sync(
        self,
        input: str | Sequence[Message],  # noqa: A002  # the wire's word
        *,
        decide: Callable[[PendingCall], Any] | None = None,
    ) -> Snapshot:
        """Run the agent until it is over, for a script or a notebook cell; nothing is kept. Blocks the thread, and an
        asyncio loop that runs there.

            print(agent.run_sync("What is 6 times 7?").messages[-1].text)

        Returns the whole visible state, as `Run.wait_ended` does: look at its `status`, which may be `failed`.

        `decide` is called for each call that waits for a decision, and returns it: `{"approved": True}`, or what the
        tool's schema wants. Other calls of the run don't go on meanwhile. What it raises ends the run.

        Raises: DecisionNeeded where there is no `decide`, or a client would have to execute the call; DecisionInvalid;
            InvalidParams, LimitExceeded, of the input; RuntimeError on trio.
        """
        return self._run_alone(self, input, decide)

    def tool(self, name: str) -> Tool | None:
        """The tool of that name."""
        return self._tools.get(name)

    def _check_model(self) -> LanguageModel:
        model: Any = self.model
        if isinstance(model, str | ModelDescriptor):
            try:
                return find_model(model)
            except ValueError as error:
                raise ValueError(f"agent {self.name!r}: {error}") from None
        descriptor = getattr(model, "descriptor", None)
        if not isinstance(descriptor, ModelDescriptor) or not callable(getattr(model, "stream", None)):
            raise TypeError(
                f"agent {self.name!r}: model must have a descriptor and a stream (see LanguageModel), "
                f"or be 'PROVIDER:NAME' or a ModelDescriptor; got {type(model).__name__}"
            )
        return model

    def _check_tools(self) -> tuple[Tool, ...]:
        given: Any = self.tools
        if not isinstance(given, Sequence):
            raise TypeError(f"agent {self.name!r}: tools must be a sequence of tools, got {type(given).__name__}")
        seen: set[str] = set()
        for each in cast(Sequence[Any], given):
            if not isinstance(each, Tool):
                raise TypeError(f"agent {self.name!r}: {each!r} is not a tool; declare it with @tool")
            if each.spec.name in seen:
                raise ValueError(f"agent {self.name!r}: two tools are called {each.spec.name!r}")
            seen.add(each.spec.name)
        return tuple(cast(Sequence[Tool], given))

    def _check_middleware(self) -> tuple[Middleware, ...]:
        given: Any = self.middleware
        if not isinstance(given, Sequence):
            raise TypeError(f"agent {self.name!r}: middleware must be a sequence, got {type(given).__name__}")
        for each in cast(Sequence[Any], given):
            if not isinstance(each, Middleware):
                raise TypeError(f"agent {self.name!r}: {each!r} is not a Middleware")
        return tuple(cast(Sequence[Middleware], given))

    def _check_options(self) -> None:
        given: Any = self.options
        if not isinstance(given, ModelOptions):
            raise TypeError(f"agent {self.name!r}: options must be ModelOptions, got {type(given).__name__}")
        try:
            msgspec.convert(msgspec.to_builtins(given), ModelOptions)
        except (msgspec.ValidationError, TypeError) as error:
            raise TypeError(f"agent {self.name!r}: options: {error}") from error

    def _check_limits(self) -> None:
        given: Any = self.limits
        if not isinstance(given, Limits):
            raise TypeError(f"agent {self.name!r}: limits must be Limits, got {type(given).__name__}")
        try:
            msgspec.convert(msgspec.to_builtins(given), Limits)
        except (msgspec.ValidationError, TypeError) as error:
            raise TypeError(f"agent {self.name!r}: limits: {error}") from error
        for name, value in msgspec.structs.asdict(given).items():
            least_ok = value is None or 0 < value < math.inf or (name == "retention_s" and value == 0)
            if not least_ok:
                raise ValueError(f"agent {self.name!r}: limits: {name} must be positive and finite, got {value}")
