"""The Lua scripts of the store, from the files beside this one: one script a file, named for what it does.

The server runs a script with no other command in between. `common.lua` comes before each of the others.
"""

from hashlib import sha1
from pathlib import Path

__all__ = ["SCRIPTS", "digest"]

_FOLDER = Path(__file__).parent / "lua"
_COMMON = (_FOLDER / "common.lua").read_text()

SCRIPTS = {file.stem: _COMMON + file.read_text() for file in _FOLDER.glob("*.lua") if file.stem != "common"}
_DIGESTS = {name: sha1(text.encode(), usedforsecurity=False).hexdigest() for name, text in SCRIPTS.items()}


def digest(name: str) -> str:
    """Return the SHA-1 by which the server knows lua/`name`.lua."""
    return _DIGESTS[name]
