"""A file is there whole or not at all, and whoever is to read it can."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from ivr.whole_file import PART, whole_file


@pytest.fixture(autouse=True)
def strict() -> Iterator[None]:
    """As a careful administrator has it."""
    before = os.umask(0o077)
    yield
    os.umask(before)


def test_it_has_its_name_when_it_is_whole(tmp_path: Path) -> None:
    file = tmp_path / "a.ulaw"
    file.write_text("before")
    with whole_file(file) as part:
        part.write_text("half")
        assert (file.read_text(), part.suffix, part.name[0]) == ("before", PART, ".")
    assert [(one.name, one.read_text()) for one in tmp_path.iterdir()] == [("a.ulaw", "half")]


@pytest.mark.parametrize("mode", [0o644, 0o600])
def test_it_is_read_by_whom_it_is_for_whatever_the_umask(tmp_path: Path, mode: int) -> None:
    with whole_file(tmp_path / "a", mode) as part:
        assert part.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "a").stat().st_mode & 0o777 == mode


def test_what_fails_leaves_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("before")

    def breaks_off() -> None:
        with whole_file(tmp_path / "a") as part:
            part.write_text("half")
            raise OSError("No space left on device")

    with pytest.raises(OSError, match="No space"):
        breaks_off()
    assert [(one.name, one.read_text()) for one in tmp_path.iterdir()] == [("a", "before")]


def test_a_folder_that_cannot_be_written_is_an_error_of_the_disk(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), whole_file(tmp_path / "nowhere" / "a"):
        pass
