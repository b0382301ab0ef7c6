"""Ctrl-C, as a real signal to a real process: the best fit so far, its status, and exit codes as the shell has them."""

import signal
import subprocess
import sys
import textwrap

import pytest

import emkit

ENDLESS = """
    import sys
    import numpy as np
    import emkit

    rows = np.random.default_rng(0).normal(size=({n_rows}, 4))
    told = []

    def watch(info):
        if not told:
            told.append(True)
            print("climbing", flush=True)

    mixture = emkit.GaussianMixture(
        6, tol=0.0, max_iter=10**9, n_init={n_init}, solver=emkit.EM(), random_state=0, n_threads=2, on_iteration=watch
    )
    import warnings
    warnings.simplefilter("ignore")
    mixture.fit(rows)
    fit = mixture.fit_
    print(fit.status.value, fit.loglik == emkit.core.Problem(fit.model, emkit.data.as_source(rows)).evaluate(
        fit.parameters).loglik, fit.weight == len(rows))
"""


@pytest.mark.parametrize(
    ("n_rows", "n_init"),
    [(2000, 1), (6000, 8), (40_000, 1), (40_000, 8)],
    ids=["one start", "starts in threads", "blocks in threads", "starts on a sample"],
)
def test_fit_ends_with_the_best_so_far(n_rows, n_init):
    """In the main thread, with starts in threads, with blocks in threads, and while starts compete on a sample."""
    code = textwrap.dedent(ENDLESS.format(n_rows=n_rows, n_init=n_init))
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as run:
        assert "climbing" in run.stdout.readline()  # twice, where two threads meet
        run.send_signal(signal.SIGINT)
        out, err = run.communicate(timeout=30)
    assert err == ""
    assert out.split()[-3:] == ["interrupted", "True", "True"]
    assert run.returncode == 0


COMMAND = """
    import os, signal, sys
    from emkit.cli import main
    from emkit.mixture import FiniteMixture

    e_step, count = FiniteMixture.e_step, iter(range(10**9))

    def interrupted(self, parameters, block):
        if next(count) == 200:
            os.kill(os.getpid(), signal.SIGINT)
        return e_step(self, parameters, block)

    FiniteMixture.e_step = interrupted
    sys.exit(main("fit gaussian-mixture faithful --components 3 --tol 0 --starts 1 --solver em".split()))
"""


def test_command_prints_what_it_has_and_tells_by_its_exit_code(tmp_path):
    code = textwrap.dedent(COMMAND)
    run = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=30)
    assert (run.returncode, run.stderr) == (130, "")
    assert "interrupted" in run.stdout
    assert emkit.load(tmp_path / "faithful.emkit").fit_.status is emkit.Status.INTERRUPTED
