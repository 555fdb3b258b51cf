"""How close to the limit: what the runtime adds to bare trio, and how it stands beside what people would use instead.

`python -m bench` runs it, from the root of the repository. Each scenario is a module with one `measure`; nothing here
is imported by the library.
"""
