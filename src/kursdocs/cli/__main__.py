"""``python -m kursdocs.cli`` is the same as ``kursdocs``."""

from kursdocs.cli import main

if __name__ == "__main__":
    main()
