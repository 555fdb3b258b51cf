"""JSON Schema: whether a value fits a schema, and what is wrong where it does not. Pure; nothing is ever fetched.

jsonschema-rs judges, by the rules of the draft that `$schema` names: 4, 6, 7, 2019-09, or 2020-12, which is also meant
where none is named. What it refuses, jsonschema explains in words for a person or a model. Both libraries take long to
load, so each is loaded when it is first needed.
"""

from .compiled import CompiledSchema, SchemaInvalid, compile_schema
from .explainer import MAX_ERRORS
from .reasons import SchemaError

__all__ = ["MAX_ERRORS", "CompiledSchema", "SchemaError", "SchemaInvalid", "compile_schema"]
