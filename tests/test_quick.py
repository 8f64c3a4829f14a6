"""The choice of tests for every day."""

from pathlib import Path

TESTS = Path(__file__).parent
QUICK = TESTS / "quick.txt"


def chosen():
    return [Path(line) for line in QUICK.read_text(encoding="utf-8").splitlines()]


def test_every_file_of_the_choice_is_there_once():
    assert [file for file in chosen() if not (TESTS.parent / file).is_file()] == []
    assert len(set(chosen())) == len(chosen())


def test_the_choice_touches_every_room():
    package = TESTS.parent / "src" / "paredown"
    rooms = {folder.name for folder in package.iterdir() if any((TESTS / folder.name).rglob("test_*.py"))}
    assert {file.parts[1] for file in chosen()} >= rooms
