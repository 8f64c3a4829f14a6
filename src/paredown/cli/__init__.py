"""The command line: strings become objects here, and only here."""

__all__: list[str] = []
