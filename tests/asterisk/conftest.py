"""Where the Asterisk of the tests is. Without one they are skipped; where CI is set, they fail."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

INSTALL = Path(__file__).parents[2] / ".ci" / "asterisk"


@pytest.fixture(scope="session")
def asterisk_binary() -> Path:
    """A program to run as `asterisk`, version 22 or later."""
    found = subprocess.run([str(INSTALL), "--where"], capture_output=True, text=True, check=False)
    if found.returncode == 0:
        return Path(found.stdout.strip())
    if os.environ.get("CI"):
        pytest.fail(found.stderr.strip())
    pytest.skip(found.stderr.strip())
