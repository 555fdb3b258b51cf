"""The benchmark: what the runtime costs compared with bare trio, and compared with other libraries.

Run `python -m bench` in the root of the repository. Each scenario is a module with one `measure`. The library imports
nothing from here.
"""
