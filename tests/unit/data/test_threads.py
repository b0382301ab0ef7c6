"""Threads: how many, in which order, and what surfaces when something goes wrong."""

import os
import signal
import threading
import time

import pytest

from emkit.data import threads
from emkit.data.threads import consume_in_order, resolve_threads
from emkit.errors import ParameterError

BOTH = pytest.mark.parametrize("n_threads", [1, 2, 5])


def test_all_processors(monkeypatch):
    monkeypatch.delenv("EMKIT_NUM_THREADS", raising=False)
    assert resolve_threads(None) == resolve_threads(-1)
    assert 1 <= resolve_threads(-1) <= os.cpu_count()
    assert resolve_threads(3) == 3


def test_environment_is_the_default_only(monkeypatch):
    monkeypatch.setenv("EMKIT_NUM_THREADS", "7")
    assert resolve_threads(None) == 7
    assert resolve_threads(2) == 2
    monkeypatch.setenv("EMKIT_NUM_THREADS", "many")
    with pytest.raises(ParameterError, match=r"EMKIT_NUM_THREADS.*'many'"):
        resolve_threads(None)


@pytest.mark.parametrize("n_threads", [0, -2, 2.5, "x"])
def test_bad_number(n_threads):
    with pytest.raises(ParameterError, match="`n_threads` must be a positive number of threads"):
        resolve_threads(n_threads)


def test_container_quota(monkeypatch, tmp_path):
    quota = tmp_path / "cpu.max"
    monkeypatch.setattr(threads, "_CGROUP_QUOTA", quota)
    for text, expected in [("150000 100000", 2), ("max 100000", 1 << 16), (None, 1 << 16)]:
        threads._quota.cache_clear()
        quota.unlink(missing_ok=True)
        if text:
            quota.write_text(text)
        assert threads._quota() == expected
    threads._quota.cache_clear()


@BOTH
def test_consumed_in_order(n_threads):
    seen = []
    slow_first = lambda i: (sum(range(20000 if i % 7 == 0 else 10)), i)[1]  # noqa: E731
    consume_in_order(slow_first, range(200), seen.append, n_threads)
    assert seen == list(range(200))


def test_two_threads_do_work_at_once():
    meet = threading.Barrier(2, timeout=10)
    consume_in_order(lambda _: meet.wait(), range(2), lambda _: None, 2)  # one thread alone would break the barrier


def test_results_do_not_pile_up_behind_a_slow_item():
    too_far = threading.Event()
    ran_ahead = []

    def work(i):
        if i == 4:  # with two threads, four items may be on their way
            too_far.set()
        if i == 0:
            ran_ahead.append(too_far.wait(0.1))

    consume_in_order(work, range(1000), lambda _: None, 2)
    assert ran_ahead == [False]


@BOTH
def test_first_failing_item_surfaces(n_threads):
    consumed = []

    def work(i):
        if i >= 5:
            time.sleep(0.01 if i == 5 else 0)
            msg = f"item {i}"
            raise ValueError(msg)
        return i

    with pytest.raises(ValueError, match="item 5"):
        consume_in_order(work, range(50), consumed.append, n_threads)
    assert consumed == list(range(5))


@BOTH
def test_failure_while_consuming_surfaces(n_threads):
    def consume(i):
        if i == 3:
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        consume_in_order(lambda i: i, range(50), consume, n_threads)


@BOTH
def test_interrupt_surfaces_at_once(n_threads):
    caller = threading.get_ident()
    release = threading.Event()

    def work(i):
        if threading.get_ident() == caller and i > 2:
            raise KeyboardInterrupt
        if threading.get_ident() != caller:
            release.wait(10)  # a helper in the middle of a long item

    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        consume_in_order(work, range(10_000), lambda _: None, n_threads)
    waited = time.monotonic() - began
    release.set()
    assert waited < 5  # the helper's wait is 10 s


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="needs signals to threads")
def test_ctrl_c_while_waiting_surfaces_at_once():
    caller = threading.get_ident()
    release, began = threading.Event(), threading.Event()

    def work(i):
        if threading.get_ident() == caller:
            began.wait(10)  # so that the helper has an item, which the caller comes to wait for
            return
        began.set()
        signal.pthread_kill(caller, signal.SIGINT)
        release.wait(10)

    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        consume_in_order(work, range(10_000), lambda _: None, 2)
    waited = time.monotonic() - started
    release.set()
    assert waited < 5  # the helper's wait is 10 s


def test_nested_use_does_not_lock_up():
    totals = []

    def work(i):
        inner = []
        consume_in_order(lambda j: i * j, range(20), inner.append, 2)
        return sum(inner)

    consume_in_order(work, range(20), totals.append, 2)
    assert totals == [i * 190 for i in range(20)]


def test_many_callers_share_the_pool():
    totals = [None] * 8

    def caller(k):
        seen = []
        consume_in_order(lambda i: i + k, range(300), seen.append, 2)
        totals[k] = seen

    callers = [threading.Thread(target=caller, args=(k,)) for k in range(8)]
    for thread in callers:
        thread.start()
    for thread in callers:
        thread.join(20)
    assert totals == [[i + k for i in range(300)] for k in range(8)]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_works_in_a_forked_child():
    consume_in_order(lambda i: i, range(10), lambda _: None, 2)
    child = os.fork()
    if child == 0:
        seen = []
        consume_in_order(lambda i: i, range(10), seen.append, 2)
        os._exit(0 if seen == list(range(10)) else 1)
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            break
        time.sleep(0.01)
    else:
        os.kill(child, 9)
        os.waitpid(child, 0)
        pytest.fail("the forked child hangs")
    assert os.waitstatus_to_exitcode(status) == 0
