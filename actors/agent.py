"""The agent that a user declares: immutable, checked, and without the state of any run."""

import hashlib
import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import KW_ONLY, dataclass, field, replace
from typing import Any, ClassVar, Self, cast

import msgspec

from ..protocol.codec import to_json
from ..protocol.messages import Message, ModelDescriptor
from ..protocol.misspelt import names_options, unknown_option
from ..protocol.options import ModelOptions, check_options
from ..protocol.record import Limits, Spec
from ..protocol.transcript import PendingCall, Snapshot
from .middleware.interface import Middleware
from .models.catalogue import find_model
from .models.language_model import LanguageModel
from .models.prices import unpriced
from .tools.declaration import NAME, Tool

__all__ = ["Agent"]


@names_options
@dataclass(frozen=True, eq=False)
class Agent:
    """Declares what to run: a model with its instructions, the tools that it may call, and the limits of a run.

    Args:
        name: 1 to 64 letters, digits, _ and -. Runs find their agent by this name, also after a restart.
        model: a model, or what `find_model` accepts: "PROVIDER:NAME" or a `ModelDescriptor`.
        instructions: the system prompt; or a sync or async function that returns it for a run's metadata. The function
            is called once, on trio's loop, when the run begins; its text is recorded. A repeated start with the same
            run id may call it again, and ignores the text. If it raises, the run doesn't begin: InternalError.
        tools: the tools that the model may call. Kept as a tuple.
        limits: the limits of each run.
        options: the options of model calls.
        middleware: called around model and tool calls, the first one outermost. Kept as a tuple.
        description: for people who choose an agent.
        deps: a sync or async function of a run's metadata, called on trio's loop, that makes the tools' dependencies.
            Tools with a parameter `ToolContext[Shop]` get its result as `context.deps`. It is called when the first of
            them executes in a run, and again after the run was out of memory; its result is never recorded. If it
            raises, the tool call gets an error result, and the run continues.

    Attributes:
        language_model: the model that `model` names.
        spec_digest: SHA-256 of the spec that a run records, hex.

    Raises: TypeError, ValueError; the message names the agent and the argument.
    """

    _: KW_ONLY
    name: str
    model: LanguageModel | ModelDescriptor | str
    instructions: str | Callable[[dict[str, Any]], str | Awaitable[str]] = ""
    tools: Sequence[Tool] = ()
    limits: Limits = field(default_factory=Limits)
    options: ModelOptions = field(default_factory=ModelOptions)
    middleware: Sequence[Middleware] = ()
    description: str = ""
    deps: Callable[[dict[str, Any]], Any] | None = None
    language_model: LanguageModel = field(init=False, repr=False)
    spec_digest: str = field(init=False, repr=False)
    _spec: Spec = field(init=False, repr=False)
    _tools: dict[str, Tool] = field(init=False, repr=False)
    _run_alone: ClassVar[
        Callable[..., Snapshot]
    ]  # set by `runtime/alone.py`, because an agent may not import the runtime

    def __post_init__(self) -> None:
        for argument in ("name", "description"):
            if not isinstance(getattr(self, argument), str):
                raise TypeError(f"agent {self.name!r}: {argument} must be a string")
        if not isinstance(self.instructions, str) and not callable(self.instructions):
            raise TypeError(f"agent {self.name!r}: instructions must be a string, or a function of the run's metadata")
        if not NAME.fullmatch(self.name):
            raise ValueError(f"agent {self.name!r}: a name is 1 to 64 letters, digits, _ and -")
        object.__setattr__(self, "language_model", self._check_model())
        object.__setattr__(self, "tools", self._check_tools())
        self._check_deps()
        self._check_limits()
        self._check_options()
        object.__setattr__(self, "middleware", self._check_middleware())
        object.__setattr__(self, "_tools", {tool.spec.name: tool for tool in self.tools})
        spec, digest = self.spec_with(self.options)
        object.__setattr__(self, "_spec", spec)
        object.__setattr__(self, "spec_digest", digest)

    def spec(self) -> Spec:
        """Returns the spec that a run records when it begins; the same object each time. If a function makes the
        instructions, they are empty here. The spec has no headers, as they hold secrets."""
        return self._spec

    def spec_with(self, options: ModelOptions) -> tuple[Spec, str]:
        """Returns the spec that a run with these options records, and its SHA-256 as hex."""
        spec = Spec(
            agent=self.name,
            model=msgspec.structs.replace(self.language_model.descriptor, headers=None),
            instructions=self.instructions if isinstance(self.instructions, str) else "",
            tools=tuple(tool.spec for tool in self.tools),
            limits=self.limits,
            options=msgspec.structs.replace(options, headers=None),
        )
        source = b"" if isinstance(self.instructions, str) else b"+function"  # tells a function from the text ""
        return spec, hashlib.sha256(to_json(spec) + source).hexdigest()

    def with_limits(self, **changes: Any) -> Self:
        """Returns a copy of the agent with some limits changed: `agent.with_limits(retention_s=None)`.

        Raises: TypeError, ValueError, as when an agent is made.
        """
        if said := unknown_option(changes, Limits.__struct_fields__):
            raise TypeError(f"agent {self.name!r}: limits: {said}")
        return replace(self, limits=msgspec.structs.replace(self.limits, **changes))

    def run_sync(
        self,
        input: str | Sequence[Message],  # noqa: A002  # the wire's word
        *,
        decide: Callable[[PendingCall], Any] | None = None,
    ) -> Snapshot:
        """Runs the agent to the end and returns the final state, for a script or a notebook cell. Stores nothing.

            print(agent.run_sync("What is 6 times 7?").messages[-1].text)

        Blocks the thread, also an asyncio loop in it. Check the `status` of the returned state: it may be `failed`.

        `decide` is called for each call that waits for a decision, and returns the decision: `{"approved": True}`, or
        what the tool's schema requires. It blocks the whole run. If it raises, the run ends and the error is raised.

        Raises: DecisionNeeded if `decide` is missing or a client must execute a call; DecisionInvalid; InvalidParams or
            LimitExceeded for the input; RuntimeError in a thread with a trio loop.
        """
        return self._run_alone(self, input, decide)

    def tool(self, name: str) -> Tool | None:
        """Returns the tool of this name; None if there is none."""
        return self._tools.get(name)

    def check_options(self, options: ModelOptions) -> None:
        """Checks that the agent's model supports these options, and that they fit the agent's tools.

        Raises: TypeError, ValueError."""
        check_options(options, [tool.spec.name for tool in self.tools])
        check_model: Callable[[ModelOptions], None] | None = getattr(self.language_model, "check_options", None)
        if check_model is not None:
            check_model(options)

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

    def _check_deps(self) -> None:
        if self.deps is not None and not callable(self.deps):
            raise TypeError(f"agent {self.name!r}: deps must be a function of the run's metadata")
        if self.deps is None:
            for tool in self.tools:
                if tool.deps not in (None, Any):
                    raise TypeError(
                        f"agent {self.name!r}: tool {tool.spec.name} asks for ToolContext[{_name_of(tool.deps)}], and "
                        "the agent has no deps. Give it deps=, a function of the run's metadata"
                    )

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
            self.check_options(given)
        except TypeError as error:
            raise TypeError(f"agent {self.name!r}: options: {error}") from error
        except ValueError as error:
            raise ValueError(f"agent {self.name!r}: options: {error}") from error

    def _check_limits(self) -> None:
        given: Any = self.limits
        if not isinstance(given, Limits):
            raise TypeError(f"agent {self.name!r}: limits must be Limits, got {type(given).__name__}")
        try:
            msgspec.convert(msgspec.to_builtins(given), Limits)
        except (msgspec.ValidationError, TypeError) as error:
            raise TypeError(f"agent {self.name!r}: limits: {error}") from error
        bounds = {name: value for name, value in msgspec.structs.asdict(given).items() if name != "on_limit"}
        for name, value in bounds.items():
            least_ok = value is None or 0 < value < math.inf or (name == "retention_s" and value == 0)
            if not least_ok:
                raise ValueError(f"agent {self.name!r}: limits: {name} must be positive and finite, got {value}")
        if given.max_cost is not None and (fault := unpriced(self.language_model.descriptor)):
            raise ValueError(f"agent {self.name!r}: limits: max_cost: {fault}")


def _name_of(kind: Any) -> str:
    return getattr(kind, "__name__", None) or str(kind)
