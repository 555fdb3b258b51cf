"""The judge fetches nothing, and its work for one value is bounded."""

import socket

import pytest

from adjourn.protocol.schema import SchemaInvalid, compile_schema

LOCAL = "http://127.0.0.1"


@pytest.fixture
def listening():
    """Listen on a socket that must get no connection."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server
        server.setblocking(False)
        with pytest.raises(BlockingIOError):
            server.accept()


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "URL"},
        {"$dynamicRef": "URL"},
        {"$id": "URL", "items": {"$ref": "other"}},
        {"$schema": "URL"},
        {"$defs": {"unused": {"$ref": "URL"}}},
        {"patternProperties": {"(?=a)": {"$ref": "URL"}}},
        {"$schema": "http://json-schema.org/draft-04/schema#", "id": "URL", "items": {"$ref": "other"}},
        {"$schema": "http://json-schema.org/draft-07/schema#", "allOf": [{"$ref": "URL"}]},
        {"$ref": "https://json-schema.org/draft/2020-12/none", "properties": {"a": {"$ref": "URL"}}},
    ],
)
def test_no_schema_makes_it_connect(listening, schema):
    url = f"{LOCAL}:{listening.getsockname()[1]}/schema.json"

    def placed(value):
        if isinstance(value, dict):
            return {key: placed(item) for key, item in value.items()}
        return [placed(item) for item in value] if isinstance(value, list) else url if value == "URL" else value

    with pytest.raises(SchemaInvalid, match=r"nothing is fetched|\$schema"):
        compile_schema(placed(schema))


def test_an_embedded_schema_of_another_dialect_is_not_looked_for(listening):
    url = f"{LOCAL}:{listening.getsockname()[1]}/meta"
    compiled = compile_schema({"properties": {"a": {"$id": "urn:a", "$schema": url, "type": "string"}}})
    assert compiled.validate({"a": "b"}) == []
    assert [error.path for error in compiled.validate({"a": 1})] == ["/a"]


def test_an_id_is_a_name_and_nothing_to_fetch(listening):
    url = f"{LOCAL}:{listening.getsockname()[1]}/schema.json"
    compiled = compile_schema({"$id": url, "type": "object", "properties": {"a": {"$ref": url}}})
    assert compiled.validate({"a": {}}) == []
    assert [error.path for error in compiled.validate({"a": 1})] == ["/a"]


@pytest.mark.parametrize("reference", ["file://{}", "{}", "file:{}", "file://localhost{}"])
def test_no_file_is_read(tmp_path, reference):
    path = tmp_path / "schema.json"
    path.write_text('{"type": "string"}')
    with pytest.raises(SchemaInvalid, match="nothing is fetched"):
        compile_schema({"$ref": reference.format(path)})


def test_a_reference_resolves_to_a_schema_in_defs():
    schema = {"$ref": "https://a.example/part", "$defs": {"part": {"$id": "https://a.example/part", "type": "string"}}}
    assert compile_schema(schema).validate("a") == []
    assert [error.message for error in compile_schema(schema).validate(1)] == ["expected string, got 1"]


# -- Work


def nested(levels, wrap, value):
    for _ in range(levels):
        value = wrap(value)
    return value


def chained(links, link):
    """Make definitions in which each, made by `link`, refers to the next; the last is a string."""
    parts = {f"d{n}": link({"$ref": f"#/$defs/d{n + 1}"}) for n in range(links)}
    return {"$ref": "#/$defs/d0", "$defs": {**parts, f"d{links}": {"type": "string"}}}


@pytest.mark.parametrize(
    ("link", "where"),
    [
        (lambda following: {"allOf": [following, following]}, "too much work"),
        (lambda following: {"anyOf": [following, {"not": following}]}, "too much work"),
        (lambda following: {"if": following, "then": following, "else": following}, "too much work"),
        (lambda following: {"dependentSchemas": {"a": following, "b": following}}, "too much work"),
    ],
)
def test_references_that_double_the_work_for_one_value_are_refused(link, where):
    assert compile_schema(chained(5, link)).validate("a") is not None
    with pytest.raises(SchemaInvalid, match=where):
        compile_schema(chained(40, link))


def test_anchors_ids_and_escaped_paths_double_the_work_as_well():
    def anchored(n):
        return {"$anchor": f"a{n}", "allOf": [{"$ref": f"#a{n + 1}"}, {"$ref": f"#a{n + 1}"}]}

    def named(n):
        return {"$id": f"https://a.example/{n}", "allOf": [{"$ref": f"https://a.example/{n + 1}"}] * 2}

    def listed(n):
        return {"allOf": [{"$ref": f"#/%24defs/all/allOf/{n + 1}"}] * 2}

    for link, last in ((anchored, {"$anchor": "a40"}), (named, {"$id": "https://a.example/40"})):
        with pytest.raises(SchemaInvalid, match="too much work"):
            compile_schema({"$defs": {**{f"d{n}": link(n) for n in range(40)}, "d40": last}})
    with pytest.raises(SchemaInvalid, match="too much work"):
        compile_schema({"$defs": {"all": {"allOf": [*(listed(n) for n in range(40)), {}]}}})


def test_a_chain_of_references_that_could_overflow_the_stack_is_refused():
    assert compile_schema(chained(45, lambda following: {"allOf": [following]})).validate("a") == []
    with pytest.raises(SchemaInvalid, match="nested too deeply"):
        compile_schema(chained(5000, lambda following: {"allOf": [following]}))


def test_a_schema_may_be_nested_as_deeply_as_any_value():
    compile_schema(nested(98, lambda schema: {"not": schema}, {}))
    with pytest.raises(SchemaInvalid, match="levels of nesting"):
        compile_schema(nested(101, lambda schema: {"not": schema}, {}))


def test_a_schema_of_many_parts_that_refer_to_each_other_is_taken():
    names = [f"type{n}" for n in range(60)]
    members = {name: {"$ref": f"#/$defs/{name}"} for name in names}
    parts = {name: {"type": "object", "properties": members} for name in names}
    schema = compile_schema({"anyOf": [*members.values()], "$defs": parts})
    assert schema.validate({"type3": {"type4": {}}}) == []
    assert schema.validate({"type3": {"type4": 1}}) != []


def test_deep_values_under_a_recursive_schema_are_judged():
    schema = {"$ref": "#/$defs/n", "$defs": {"n": {"properties": {"n": {"allOf": [{"allOf": [{"$ref": "#"}]}]}}}}}
    assert compile_schema(schema).validate(nested(99, lambda value: {"n": value}, 1)) == []
    typed = {"$ref": "#/$defs/n", "$defs": {"n": {"type": "object", "properties": {"n": {"$ref": "#/$defs/n"}}}}}
    [error] = compile_schema(typed).validate(nested(90, lambda value: {"n": value}, 1))
    assert error.message == "expected object, got 1" or "nested too deeply" in error.message
    [error] = compile_schema(typed).validate(nested(101, lambda value: {"n": value}, {}))
    assert error.message == "expected at most 100 levels of nesting"


def test_branches_that_double_the_work_with_each_level_are_judged_and_their_explanation_is_given_up():
    def operator(name):
        properties = {"op": {"const": name}, "args": {"type": "array", "items": {"$ref": "#"}}}
        return {"type": "object", "properties": properties, "required": ["op", "args"]}

    schema = compile_schema({"oneOf": [operator("and"), operator("or")]})
    assert schema.validate(nested(40, lambda value: {"op": "or", "args": [value]}, {"op": "and", "args": []})) == []
    assert [error.path for error in schema.validate({"op": "or", "args": [{"op": "not", "args": []}]})] == [
        "/args/0/op"
    ]
    [error] = schema.validate(nested(40, lambda value: {"op": "or", "args": [value]}, {"op": "not"}))
    assert error.message == "nested too deeply, or too large, to say what is wrong with it"


@pytest.mark.parametrize(
    ("schema", "value", "path"),
    [
        ({"contains": {"const": -1}}, list(range(100_000)), ""),
        ({"items": {"enum": list(range(2000))}}, list(range(2001)), "/2000"),
        ({"uniqueItems": True}, [{"a": n} for n in range(20_000)] + [{"a": 0}], ""),
        ({"unevaluatedProperties": False}, {f"key{n}": n for n in range(20_000)}, ""),
    ],
)
def test_the_judge_gives_the_error_where_explaining_would_take_long(schema, value, path):
    """jsonschema would take seconds or minutes."""
    [error] = compile_schema(schema).validate(value)
    assert error.path == path
    assert len(error.message) <= 320


def test_a_fault_far_back_in_a_long_list_is_still_found():
    schema = compile_schema({"items": {"$ref": "#/$defs/n"}, "$defs": {"n": {"type": "integer"}}})
    [error] = schema.validate([1] * 5000 + ["x"])
    assert error.path == "/5000"
