"""A process ends when its work is done, whatever is left running in it."""

import subprocess
import sys
import time

PATIENCE = 60.0


def run(program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def test_a_function_in_an_executor_does_not_keep_the_process() -> None:
    began = time.monotonic()
    ended = run(
        "import time; from concurrent.futures import ThreadPoolExecutor\n"
        "from pounce.supervise.ending import end_soon\n"
        "ThreadPoolExecutor().submit(time.sleep, 3600)\n"
        "end_soon(3)\n"
    )
    assert ended.returncode == 3
    assert time.monotonic() - began < PATIENCE


def test_a_process_that_ends_by_itself_is_left_alone() -> None:
    ended = run(
        "import atexit, sys; from pounce.supervise.ending import end_soon\n"
        "atexit.register(print, 'over')\n"
        "end_soon(3)\n"
        "sys.exit(4)\n"
    )
    assert (ended.returncode, ended.stdout) == (4, "over\n")


def test_now_means_at_once_and_loses_no_output() -> None:
    ended = run(
        "from pounce.supervise.ending import end_soon\n"
        "print('said', end='')\n"
        "end_soon(5, now=True)\n"
        "print('never')\n"
    )
    assert (ended.returncode, ended.stdout) == (5, "said")
