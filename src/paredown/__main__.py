"""``python -m paredown`` is ``paredown``."""

from paredown.cli.main import main

if __name__ == "__main__":
    main()
