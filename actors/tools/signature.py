"""Reads a tool's parameters from its function's type hints and docstring. Pure: calls no tool."""

import functools
import inspect
import types
import typing
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from .annotations import description_in
from .codec import Member, arguments_codec, own_schema
from .context import ToolContext
from .docstring import description_of, parameter_descriptions
from .errors import ToolDefinitionError

__all__ = ["Signature", "signature_of"]


@dataclass(frozen=True, slots=True)
class Signature:
    """A function's parameters: those that the model fills in, and those that the runtime does."""

    description: str  # of the function
    schema: dict[str, Any]  # JSON Schema of the arguments: an object
    decode: Callable[[Any], dict[str, Any]]  # arguments to keyword arguments
    context: str | None  # the parameter that takes the context
    deps: Any  # the type of dependencies that the context must have; None: none
    decision: str | None  # the parameter that takes the decision
    returns: Any  # the return annotation; Any if there is none


def signature_of(function: Callable[..., Any], where: str, *, takes_decision: bool) -> Signature:
    """Returns the signature of `function`, read from its type hints. The model does not see a parameter annotated
    `ToolContext` nor, with `takes_decision`, one named `decision`.

    Raises: ToolDefinitionError, beginning with `where`."""
    try:
        signature = inspect.signature(function, eval_str=True)
    except (NameError, TypeError, ValueError, SyntaxError, AttributeError) as error:
        raise ToolDefinitionError(f"{where}: its signature can't be read: {error}") from error
    context: str | None = None
    deps: Any = None
    decision: str | None = None
    fields: list[Member] = []
    for parameter in signature.parameters.values():
        _check_kind(parameter, where)
        if (found := _context_in(parameter.annotation)) is not None:
            context = parameter.name
            deps = next(iter(typing.get_args(found)), None)
        elif parameter.name == "decision":
            _check_decision(where, takes_decision)
            decision = parameter.name
        else:
            fields.append(_field(parameter, where))
    doc = _doc(function)
    returns = Any if signature.return_annotation is signature.empty else signature.return_annotation
    codec = arguments_codec(fields, where)
    schema = own_schema(_described(codec.schema, fields, parameter_descriptions(doc)), where)
    return Signature(description_of(doc), schema, codec.decode, context, deps, decision, returns)


def _doc(function: Callable[..., Any]) -> str:
    while isinstance(function, functools.partial):
        function = cast("functools.partial[Any]", function).func
    return inspect.cleandoc(function.__doc__ or "")


def _check_kind(parameter: inspect.Parameter, where: str) -> None:
    if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
        raise ToolDefinitionError(f"{where}: {parameter} can't be described to a model: name each parameter")
    if parameter.kind is parameter.POSITIONAL_ONLY:
        raise ToolDefinitionError(f"{where}: parameter {parameter.name!r} is positional-only; arguments come by name")


def _context_in(annotation: Any) -> Any:
    """Returns the `ToolContext` or `ToolContext[...]` in an annotation, also in an optional one; None if none."""
    origin = typing.get_origin(annotation)
    if origin is typing.Annotated:
        return _context_in(annotation.__origin__)
    if origin in (typing.Union, types.UnionType):
        found = map(_context_in, typing.get_args(annotation))
        return next((each for each in found if each is not None), None)
    return annotation if annotation is ToolContext or origin is ToolContext else None


def _check_decision(where: str, takes_decision: bool) -> None:
    if not takes_decision:
        raise ToolDefinitionError(
            f"{where}: a parameter named 'decision' is for tools declared with `decision=`: else the model would fill "
            "it in, and approve itself. Declare the decision, or give the parameter another name"
        )


def _field(parameter: inspect.Parameter, where: str) -> Member:
    where = f"{where}: parameter {parameter.name!r}"
    if parameter.annotation is parameter.empty:
        raise ToolDefinitionError(f"{where} has no type hint")
    field: Member = (parameter.name, parameter.annotation)
    if parameter.default is not parameter.empty:
        field = (parameter.name, parameter.annotation, parameter.default)
    arguments_codec([field], where)  # one parameter alone, so that the error names it
    return field


def _described(schema: dict[str, Any], fields: list[Member], docs: dict[str, str]) -> dict[str, Any]:
    """Returns the schema with missing descriptions added, from the annotation or else the docstring."""
    properties = dict(schema["properties"])
    for name, annotation, *_ in fields:
        text = description_in(annotation) or docs.get(name)
        if text and "description" not in properties.get(name, {"description": ""}):
            properties[name] = {**properties[name], "description": text}
    return {**schema, "properties": {name: properties[name] for name in _ordered(properties, fields)}}


def _ordered(properties: dict[str, Any], fields: list[Member]) -> list[str]:
    names = [field[0] for field in fields if field[0] in properties]
    return [*names, *(name for name in properties if name not in names)]
