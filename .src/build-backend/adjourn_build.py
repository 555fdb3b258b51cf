"""setuptools' build backend, which also refuses a checkout without its symbolic links.

On a system without symbolic links (Windows, by default), git checks links out as small text files. setuptools then
finds no code, and would build an empty wheel without an error.
"""

from pathlib import Path

from setuptools.build_meta import (
    build_editable,
    build_sdist,
    build_wheel,
    get_requires_for_build_editable,
    get_requires_for_build_sdist,
    get_requires_for_build_wheel,
    prepare_metadata_for_build_editable,
    prepare_metadata_for_build_wheel,
)

__all__ = [
    "build_editable",
    "build_sdist",
    "build_wheel",
    "get_requires_for_build_editable",
    "get_requires_for_build_sdist",
    "get_requires_for_build_wheel",
    "prepare_metadata_for_build_editable",
    "prepare_metadata_for_build_wheel",
]

for name in ("actors", "protocol", "stores"):
    if not (Path(__file__).parents[1] / "adjourn" / name / "__init__.py").is_file():
        raise SystemExit(
            f"adjourn cannot be built here because .src/adjourn/{name} should be a symbolic link to the folder {name}:"
            " turn on developer mode (on Windows), run `git config core.symlinks true` and `git checkout -- .src`,"
            " then build again."
        )
