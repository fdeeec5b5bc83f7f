"""Standard streams that are closed when the program starts."""

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import os, sys
from pounce.cli.streams import open_missing
open_missing()
print("output")
print("error", file=sys.stderr)
number = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT)
os.write(number, b"%d %d" % (number, all(os.get_inheritable(each) for each in range(3))))
"""


@pytest.mark.parametrize("closed", ["", "<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_what_is_opened_next_is_no_standard_stream(closed: str, tmp_path: Path) -> None:
    path = tmp_path / "opened"
    command = ["sh", "-c", f'exec "$@" {closed}', "sh", sys.executable, "-c", PROGRAM, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    number, inherited = path.read_text().split()
    assert int(number) > 2
    assert inherited == "1"
    # One that is open is left as it is.
    assert done.stdout == ("" if ">&-" in closed.split() else "output\n")
    assert done.stderr == ("" if "2>&-" in closed else "error\n")
