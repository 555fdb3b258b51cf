"""JSON Schema: checks values, and explains why a value is invalid. Pure; nothing is ever fetched.

jsonschema-rs decides whether a value is valid, by the draft that `$schema` names: 4, 6, 7, 2019-09 or 2020-12, the
default. jsonschema explains an invalid value in words for a person or a model. Both libraries take long to load, so
each is loaded when it is first needed.
"""

from .compiled import CompiledSchema, SchemaInvalid, compile_schema
from .explainer import MAX_ERRORS
from .reasons import SchemaError

__all__ = ["MAX_ERRORS", "CompiledSchema", "SchemaError", "SchemaInvalid", "compile_schema"]
