"""Docstrings in Google's, numpy's and Sphinx's style: the model gets their descriptions of parameters."""

import functools
from typing import Annotated, Any

import msgspec
import pytest
from onecall import Node

from adjourn.actors.tools import Tool, make_tool, tool
from adjourn.actors.tools.docstring import description_of, parameter_descriptions


class Doc:
    """A stand-in for `Doc` of typing_extensions."""

    def __init__(self, documentation: str) -> None:
        self.documentation = documentation


def descriptions(made: Tool) -> dict[str, str | None]:
    return {name: schema.get("description") for name, schema in made.spec.parameters["properties"].items()}


def google(order_id: int, amount: float, note: str = "") -> str:
    """Pay an order's money back,
    at once.

    Not for the model.

    Args:
        order_id: The number
            of the order: as it is printed.
        amount (float, optional): How much to pay back.

            At most what it cost.
        note (dict[str, tuple(int, int)]):
            For the customer.
        more: no such parameter

    Returns:
        text: what was done
    """
    return ""


def numpy(order_id: int, amount: float, note: str = "") -> str:
    """Pay an order's money back,
    at once.

    Parameters
    ----------
    order_id : int
        The number
        of the order: as it is printed.
    amount: float, optional
        How much to pay back.

        At most what it cost.
    note
        For the customer.

    Returns
    -------
    note : str
        What was done.
    """
    return ""


def sphinx(order_id: int, amount: float, note: str = "") -> str:
    """Pay an order's money back,
    at once.

    :param order_id: The number
        of the order: as it is printed.
    :type order_id: int
    :param float amount: How much to pay back.
        At most what it cost.
    :param note: For the customer.
    :returns: what was done
    """
    return ""


async def terse(order_id: int, amount: float, note: str = "") -> str:
    """Pay an order's money back,
    at once.
    Args:
      order_id: The number of the order: as it is printed.
      amount: How much to pay back. At most what it cost.
      note: For the customer."""
    return ""


@pytest.mark.parametrize("function", [google, numpy, sphinx, terse], ids=lambda function: function.__name__)
def test_parameters_are_described_as_the_docstring_does(function: Any) -> None:
    made = tool(function)
    assert made.spec.description == "Pay an order's money back, at once."
    assert descriptions(made) == {
        "order_id": "The number of the order: as it is printed.",
        "amount": "How much to pay back. At most what it cost.",
        "note": "For the customer.",
    }


def test_parameters_that_numpy_describes_together_are_described_alike() -> None:
    @tool
    def move(x: int, y: int, z: int) -> None:
        """Move.

        Parameters
        ----------
        x, y : int
            On the map.
        """

    assert descriptions(move) == {"x": "On the map.", "y": "On the map.", "z": None}


def test_text_after_a_section_does_not_belong_to_it() -> None:
    assert parameter_descriptions("Add.\n\nArgs:\n    x: One.\nAnd more.\n    y: no") == {"x": "One."}
    assert parameter_descriptions("Add.\n\n  Args:\n    x: One.\nAnd more.\n    y: no") == {"x": "One."}


def test_descriptions_in_annotations_take_precedence() -> None:
    @tool
    def move(
        a: Annotated[int, msgspec.Meta(description="of Meta")],
        b: Annotated[int, "of a text"],
        c: Annotated[int, Doc("of a Doc")],
        d: Annotated[int, "of a text", msgspec.Meta(description="of Meta")],
        e: int,
        tree: Node,
    ) -> None:
        """Move.

        Args:
            a: of the docstring
            b: of the docstring
            c: of the docstring
            d: of the docstring
            e: of the docstring
            tree: of the docstring
        """

    found = descriptions(move)
    assert [found[name] for name in "abcd"] == ["of Meta", "of a text", "of a Doc", "of Meta"]
    assert (found["e"], found["tree"]) == ("of the docstring", "of the docstring")


def test_a_description_given_leaves_those_of_the_parameters() -> None:
    made = tool(description="Another.")(google)
    assert made.spec.description == "Another."
    assert descriptions(made)["note"] == "For the customer."


def test_a_partial_function_is_described_as_the_function() -> None:
    made = tool(name="pay")(functools.partial(google, note="-"))
    assert made.spec.description == "Pay an order's money back, at once."
    assert descriptions(made)["order_id"] == "The number of the order: as it is printed."


def test_schemas_that_tools_bring_along_stay_as_they_are() -> None:
    mine: dict[str, Any] = {"type": "object", "properties": {"note": {"type": "string"}}}
    assert make_tool("pay", "Pay.", mine, google).spec.parameters == mine


@pytest.mark.parametrize(
    "doc",
    [
        "",
        "Only this.",
        "What follows is a list:\n- one\n- two",
        "Add.\n\nArgs:",
        "Add.\n\nArgs:\n\nReturns:\n    x: no",
        "Add.\n\nParameters\n----------",
        "Add.\n\nParameters\n----------\n\nReturns\n-------\nx : int\n    no",
        "Add.\n\n:param x:",
        "Add.\n\nNote:\n    x: no",
        "Add.\n\nExample\n-------\nx : no\n    no",
        "Add.\n\n    x: an indented line",
        "Add.\n\nArgs:\nx: not indented",
    ],
)
def test_docstrings_without_parameters_give_no_descriptions(doc: str) -> None:
    assert parameter_descriptions(doc) == {}


def test_a_tools_description_ends_where_its_parameters_begin() -> None:
    assert description_of("What follows is a list:\n- one") == "What follows is a list: - one"
    assert description_of("Args:\n    x: One.") == ""
    assert description_of("Add.\n:param x: One.") == "Add."
    assert description_of("Add.\nParameters\n----------\nx\n    One.") == "Add."
    assert description_of("") == ""
