"""The OpenRPC document: complete, valid, and the same as the real wire."""

import json
import re
from typing import Any

import drawn
import jsonschema
import pytest
import referencing
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import fields
from profiles import examples
from referencing.jsonschema import DRAFT202012

from adjourn.protocol import codec
from adjourn.protocol.components import in_json_words
from adjourn.protocol.errors import BY_CODE, ConnectionLost, StoreInUse, StoreTooNew, VersionConflict
from adjourn.protocol.methods import METHODS, NOTIFICATIONS, OpenRPCDocument, RunStart
from adjourn.protocol.openrpc import OPENRPC_VERSION, openrpc_document, refusals

DOCUMENT: Any = json.loads(codec.to_json(openrpc_document("1.2.3")))
BY_NAME = {method["name"]: method for method in DOCUMENT["methods"]}
TOLD = {told["name"]: told for told in DOCUMENT["x-notifications"]}
REGISTRY = referencing.Registry().with_resource("urn:document", DRAFT202012.create_resource(DOCUMENT))


def nodes(value: Any):
    """Yield the value and all nested values."""
    yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from nodes(inner)


def resolved(pointer: str) -> Any:
    assert pointer.startswith("#/")
    found = DOCUMENT
    for part in pointer[2:].split("/"):
        found = found[int(part) if isinstance(found, list) else part]
    return found


def check(pointer: str, value: Any) -> None:
    """Check that the value, as plain data, fits the schema at this pointer in the document."""
    schema = {"$ref": f"urn:document#{pointer}"}
    jsonschema.Draft202012Validator(schema, registry=REGISTRY).validate(value)


def check_params(pointer: str, value: dict[str, Any]) -> None:
    """Check `value` against the params there: known names, valid values, and none of the required ones missing."""
    params = resolved(f"#{pointer}/params")
    places = {param["name"]: place for place, param in enumerate(params)}
    assert value.keys() <= places.keys()
    assert {param["name"] for param in params if param["required"]} <= value.keys()
    for name, member in value.items():
        check(f"{pointer}/params/{places[name]}/schema", member)


def method_at(name: str) -> str:
    return f"/methods/{list(METHODS).index(name)}"


def test_the_document_has_its_version_and_title():
    assert (DOCUMENT["openrpc"], OPENRPC_VERSION) == ("1.3.2", "1.3.2")
    assert (DOCUMENT["info"]["title"], DOCUMENT["info"]["version"]) == ("adjourn", "1.2.3")
    assert {*DOCUMENT} == {"openrpc", "info", "methods", "components", "x-notifications"}


def test_the_document_goes_over_both_wires_and_is_made_once():
    document = openrpc_document("1.2.3")
    assert codec.from_msgpack(codec.to_msgpack(document), Any) == DOCUMENT
    assert isinstance(codec.from_msgpack(codec.to_msgpack(document), METHODS["rpc.discover"].result), OpenRPCDocument)
    assert document is openrpc_document("1.2.3")
    codec.check_value(DOCUMENT)


def test_every_method_is_listed_once_with_its_description():
    assert [method["name"] for method in DOCUMENT["methods"]] == list(METHODS)
    for method in DOCUMENT["methods"]:
        assert method["paramStructure"] == "by-name"
        assert re.match(r"[a-z]", method["summary"]), "without the method's name before it"
    assert "rpc.discover" in BY_NAME


@pytest.mark.parametrize("name", METHODS)
def test_a_method_has_each_of_its_params_by_its_wire_name_and_the_required_ones_first(name):
    params = BY_NAME[name]["params"]
    known = fields(METHODS[name].params)
    assert {param["name"] for param in params} == {field.encode_name for field in known}
    assert {param["name"] for param in params if param["required"]} == {f.encode_name for f in known if f.required}
    required = [param["required"] for param in params]
    assert required == sorted(required, reverse=True)


def test_every_notification_is_there_with_its_params():
    assert list(TOLD) == list(NOTIFICATIONS)
    for name, kind in NOTIFICATIONS.items():
        assert {param["name"] for param in TOLD[name]["params"]} == {field.encode_name for field in fields(kind)}


def test_a_fields_description_stands_at_its_property():
    schemas = DOCUMENT["components"]["schemas"]
    envelope = schemas["Envelope"]
    assert envelope["description"] == "An event as it is sent to watchers."
    assert envelope["properties"]["runId"]["description"] == "the run's id."
    assert not any("Attributes:" in schema.get("description", "") for schema in schemas.values())


def test_every_reference_leads_somewhere():
    found = [node["$ref"] for node in nodes(DOCUMENT) if isinstance(node, dict) and "$ref" in node]
    assert len(found) > 100
    for reference in found:
        assert isinstance(resolved(reference), dict)


def test_every_type_is_used():
    used = {node["$ref"] for node in nodes(DOCUMENT) if isinstance(node, dict) and "$ref" in node}
    there = {f"#/components/{kind}/{name}" for kind, named in DOCUMENT["components"].items() for name in named}
    assert there - used <= {f"#/components/schemas/{kind.__name__}" for kind in NOTIFICATIONS.values()}


def test_every_schema_is_one():
    schemas = [param["schema"] for told in (*DOCUMENT["methods"], *TOLD.values()) for param in told["params"]]
    schemas += [method["result"]["schema"] for method in DOCUMENT["methods"]]
    schemas += DOCUMENT["components"]["schemas"].values()
    for schema in schemas:
        jsonschema.Draft202012Validator.check_schema(schema)


def test_patterns_mean_the_same_in_every_language():
    patterns = {node["pattern"] for node in nodes(DOCUMENT) if isinstance(node, dict) and "pattern" in node}
    assert patterns == {"^[A-Za-z0-9_-]{1,128}$"}


# Real frames match the document.


@pytest.mark.parametrize("name", METHODS)
@examples(50)
@given(data=st.data())
def test_params_and_results_are_valid_under_the_document(name, data):
    params, result = data.draw(drawn.of(METHODS[name].params)), data.draw(drawn.of(METHODS[name].result))
    check_params(method_at(name), json.loads(codec.to_json(params)))
    check(f"{method_at(name)}/result/schema", json.loads(codec.to_json(result)))


@pytest.mark.parametrize("name", NOTIFICATIONS)
@examples(50)
@given(data=st.data())
def test_notifications_are_valid_under_the_document(name, data):
    told = data.draw(drawn.of(NOTIFICATIONS[name]))
    check_params(f"/x-notifications/{list(NOTIFICATIONS).index(name)}", json.loads(codec.to_json(told)))


def test_params_that_a_server_refuses_are_invalid_under_the_document():
    good = {"runId": "a", "toolCallId": "b"}
    check_params(method_at("run.claim"), good)
    for name, bad in (("runId", "a b"), ("runId", ""), ("claimant", "short"), ("toolCallId", 7)):
        with pytest.raises(jsonschema.ValidationError):
            check_params(method_at("run.claim"), {**good, name: bad})
    for bad in ({**good, "claimnat": "x"}, {"runId": "a"}):
        with pytest.raises(AssertionError):
            check_params(method_at("run.claim"), bad)


# Errors.


def test_every_error_has_its_code_its_type_and_whether_to_try_again():
    for name, error in DOCUMENT["components"]["errors"].items():
        known = BY_CODE[error["code"]]
        assert (name, error["data"]["type"]) == (known.type, known.type)
        assert error["data"].get("retryable", False) is known.retryable
        assert error["message"]
        assert error["code"] > 0, "JSON-RPC's own codes go without saying"


def test_every_error_that_crosses_the_wire_is_some_methods():
    told = {resolved(error["$ref"])["code"] for method in DOCUMENT["methods"] for error in method["errors"]}
    never_sent = {ConnectionLost, VersionConflict, StoreInUse, StoreTooNew}
    assert told == {code for code in BY_CODE if code > 0} - {error.code for error in never_sent}


def test_the_errors_of_a_method_are_those_that_it_may_refuse_with():
    for name in METHODS:
        codes = [resolved(error["$ref"])["code"] for error in BY_NAME[name]["errors"]]
        assert codes == [error.code for error in refusals(name)] == sorted(codes)
        takes_a_run = any(field.name == "run_id" and field.required for field in fields(METHODS[name].params))
        assert takes_a_run is (1001 in codes) or METHODS[name].params is RunStart or name == "run.delete"


def test_descriptions_name_values_as_json_does() -> None:
    assert re.findall(r"\b(?:None|True|False)\b", json.dumps(DOCUMENT)) == []
    assert in_json_words("None: never. True: at once; None: later.") == "Absent: never. `true`: at once; absent: later."
    assert in_json_words("None: hidden.", may_be_absent=False) == "`null`: hidden."
