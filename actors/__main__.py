"""`python -m adjourn.actors` is the `adjourn` command."""

from .cli import main

if __name__ == "__main__":
    main()
