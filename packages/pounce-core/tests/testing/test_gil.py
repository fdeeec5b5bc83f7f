"""Each test runs pytest in a process of its own, on a build that may pretend to be another."""

import sys
import sysconfig

import pytest

pytest_plugins = ["pytester"]

FREE_THREADED = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))
PRETEND_FREE_THREADED = """
import sysconfig
real = sysconfig.get_config_var
sysconfig.get_config_var = lambda name: 1 if name == "Py_GIL_DISABLED" else real(name)
"""
SWITCH_ON = "import sys; sys._is_gil_enabled = lambda: True\n"
SWITCH_OFF = "import sys; sys._is_gil_enabled = lambda: False\n"

ON = "the GIL is on, on a build that runs without it,"

ONE, TWO = "-n1", "-n2"
"""Processes that take the tests."""


@pytest.fixture(autouse=True)
def no_wish(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYTHON_GIL", raising=False)
    # This run may itself be one of those that pytest-xdist has started.
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)


def run(
    pytester: pytest.Pytester, conftest: str, *flags: str, body: str = "pass"
) -> pytest.RunResult:
    pytester.makeconftest(conftest)
    pytester.makepyfile(f"def test_one():\n    {body}\n")
    return pytester.runpytest_subprocess("-p", "pounce.testing.gil", *flags)


def test_passes_when_the_gil_stays_off(pytester: pytest.Pytester) -> None:
    result = run(pytester, PRETEND_FREE_THREADED + SWITCH_OFF)
    assert result.ret == 0
    result.stdout.fnmatch_lines(["GIL: off"])


def test_fails_when_the_gil_is_on_before_the_run(pytester: pytest.Pytester) -> None:
    result = run(pytester, PRETEND_FREE_THREADED + SWITCH_ON)
    assert result.ret == 1
    assert f"{ON} before the tests" in result.stdout.str() + result.stderr.str()
    assert "1 passed" not in result.stdout.str()


def test_fails_when_a_passing_test_switches_the_gil_on(pytester: pytest.Pytester) -> None:
    result = run(pytester, PRETEND_FREE_THREADED + SWITCH_OFF, body=SWITCH_ON.strip())
    assert result.ret == 1
    assert f"{ON} after the tests" in result.stdout.str() + result.stderr.str()


def test_passes_when_the_gil_stays_off_in_each_process(pytester: pytest.Pytester) -> None:
    result = run(pytester, PRETEND_FREE_THREADED + SWITCH_OFF, ONE)
    assert result.ret == 0
    result.assert_outcomes(passed=1)


def test_fails_when_the_gil_is_on_in_one_process_before_the_tests(
    pytester: pytest.Pytester,
) -> None:
    conftest = f"import os\nif os.environ.get('PYTEST_XDIST_WORKER') == 'gw1': {SWITCH_ON}"
    result = run(pytester, PRETEND_FREE_THREADED + SWITCH_OFF + conftest, TWO)
    assert result.ret == 1
    assert f"{ON} before the tests in gw1" in result.stdout.str() + result.stderr.str()


def test_fails_when_a_passing_test_switches_the_gil_on_in_its_process(
    pytester: pytest.Pytester,
) -> None:
    conftest = PRETEND_FREE_THREADED + SWITCH_OFF
    result = run(pytester, conftest, ONE, body=SWITCH_ON.strip())
    assert result.ret == 1
    assert f"{ON} after the tests in gw" in result.stdout.str() + result.stderr.str()


def test_passes_when_a_run_that_asked_for_the_gil_has_it(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHON_GIL", "1")
    result = run(pytester, PRETEND_FREE_THREADED + SWITCH_ON)
    assert result.ret == 0
    result.stdout.fnmatch_lines(["GIL: asked for"])


def test_fails_when_the_gil_is_off_in_a_run_that_asked_for_it(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHON_GIL", "1")
    result = run(pytester, PRETEND_FREE_THREADED + SWITCH_OFF)
    assert result.ret == 1
    said = result.stdout.str() + result.stderr.str()
    assert "the GIL is off, though it was asked for, before the tests" in said


def test_says_what_this_build_is(pytester: pytest.Pytester) -> None:
    result = run(pytester, "")
    assert result.ret == 0
    result.stdout.fnmatch_lines([f"GIL: {'off' if FREE_THREADED else 'always'}"])


@pytest.mark.skipif(not FREE_THREADED, reason="a build with a GIL has no switch for it")
def test_a_real_switch_is_seen(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHON_GIL", "1")
    assert not sys._is_gil_enabled()
    result = run(pytester, "")
    result.stdout.fnmatch_lines(["GIL: asked for"])
