"""Checkpoints: the same bits after any interruption, kill -9 in mid-write included; other fits are refused."""

import errno
import os
import signal
import subprocess
import sys
import textwrap

import numpy as np
import pytest

import emkit
from emkit.core import leaves
from emkit.errors import ParameterError, SavedFitError
from emkit.mixture import FiniteMixture


class Halt(Exception):
    """Stands for whatever ends a fit half way."""


def rows(n=120, seed=0):
    rng = np.random.default_rng(seed)
    return np.concatenate([rng.normal(m, 1.0, size=(n, 2)) for m in (0.0, 2.0, 4.0)])


def bits(fit):
    arrays = [leaf.value.tobytes() for leaf in leaves(fit.parameters)]
    return arrays, fit.loglik, fit.n_e_steps, fit.n_iter, fit.starts, fit.trace.objective.tobytes(), fit.status


def halted(after):
    left = [after]

    def watch(info):
        left[0] -= 1
        if left[0] < 0:
            raise Halt

    return watch


def resumed(run, path, steps, every=3):
    """Fit with a halt after each of `steps` iterations, then to the end."""
    for after in steps:
        with pytest.raises(Halt):
            run(checkpoint=emkit.Checkpoint(path, every_iterations=every), on_iteration=halted(after))
    return run(checkpoint=emkit.Checkpoint(path, every_iterations=every))


@pytest.mark.parametrize("solver", [emkit.EM(), emkit.QuasiNewton(), emkit.Squarem(), emkit.Anderson()])
@pytest.mark.parametrize("n_threads", [1, 2])
def test_same_bits_whatever_the_solver(tmp_path, solver, n_threads):
    def run(**options):
        return emkit.fit(
            FiniteMixture(n_components=3), rows(), solver=solver, rng=3, n_starts=5, n_threads=n_threads, **options
        )

    assert bits(resumed(run, tmp_path / "fit.emkit", [5, 40, 60])) == bits(run())


def test_same_bits_with_starts_on_a_sample_and_starts_in_threads(tmp_path):
    X = np.tile(rows(), (60, 1)) + np.random.default_rng(1).normal(size=(21600, 2))

    def run(**options):
        return emkit.fit(FiniteMixture(n_components=2), X, rng=0, n_starts=4, n_threads=2, **options)

    assert bits(resumed(run, tmp_path / "fit.emkit", [3, 25, 45], every=2)) == bits(run())


def test_same_bits_of_estimators(tmp_path):
    for make in (
        lambda: emkit.KMeans(3, random_state=0, n_init=4),
        lambda: emkit.GaussianMixture(3, random_state=0, n_init=4),
        lambda: emkit.PoissonMixture(2, random_state=0, n_init=4),
    ):
        X = np.abs(np.round(rows()))
        path = tmp_path / f"{type(make()).__name__}.emkit"
        for after in (2, 6):
            model = make().set_params(on_iteration=halted(after))
            with pytest.raises(Halt):
                model.fit(X, checkpoint=emkit.Checkpoint(path, every_iterations=1))
        assert bits(make().fit(X, checkpoint=path).fit_) == bits(make().fit(X).fit_)


def test_without_a_seed_the_file_remembers_it(tmp_path):
    path = tmp_path / "fit.emkit"
    model = FiniteMixture(n_components=3)
    with pytest.raises(Halt):
        emkit.fit(model, rows(), n_starts=8, checkpoint=emkit.Checkpoint(path, 1), on_iteration=halted(50))
    first = emkit.fit(model, rows(), n_starts=8, checkpoint=path)
    assert bits(emkit.fit(model, rows(), n_starts=8, checkpoint=path)) == bits(first)


def test_finished_fit_comes_back_without_a_climb(tmp_path):
    path = tmp_path / "fit.emkit"
    whole = emkit.GaussianMixture(3, random_state=0).fit(rows(), checkpoint=path)
    told = []
    again = emkit.GaussianMixture(3, random_state=0, on_iteration=told.append).fit(rows(), checkpoint=path)
    assert bits(again.fit_) == bits(whole.fit_)
    assert told == []


@pytest.mark.parametrize("n_starts", [1, 4])
def test_more_iterations_go_on_where_they_ran_out(tmp_path, n_starts):
    path, model = tmp_path / "fit.emkit", FiniteMixture(n_components=3)
    options = {"rng": 0, "n_starts": n_starts, "solver": emkit.EM()}
    short = emkit.fit(model, rows(), max_iter=20, checkpoint=path, **options)
    long = emkit.fit(model, rows(), checkpoint=path, **options)
    assert short.status is emkit.Status.MAX_ITER
    assert long.is_converged
    if n_starts == 1:
        assert bits(long) == bits(emkit.fit(model, rows(), **options))


KILLED = """
    import sys, warnings
    import numpy as np
    import emkit
    kind, X = sys.argv[3], np.load(sys.argv[1])
    told = lambda info: print(info.iteration, flush=True)
    options = {"tol": 0.0, "n_init": 3, "random_state": 0, "n_threads": 1, "on_iteration": told}
    data, more = X, {}
    if kind == "mixture":
        model = emkit.GaussianMixture(3, max_iter=100, solver=emkit.EM(), **options)
    elif kind == "accelerated":
        model = emkit.GaussianMixture(3, max_iter=100, solver=emkit.QuasiNewton(), **options)
    elif kind == "streamed":
        data = emkit.data.scan(sys.argv[1], memory_limit=0)
        model = emkit.GaussianMixture(3, max_iter=60, solver=emkit.Squarem(), **options)
    elif kind == "k-means":
        model = emkit.KMeans(12, **options)
    else:
        model, more = emkit.GaussianHMM(3, max_iter=60, **options), {"lengths": [len(X) // 6] * 6}
    warnings.simplefilter("ignore")
    model.fit(data, **more, checkpoint=emkit.Checkpoint(sys.argv[2], every_iterations=1))
    fit, means = model.fit_, model.cluster_centers_ if kind == "k-means" else model.means_
    print("done", fit.loglik.hex(), means.tobytes().hex(), fit.n_e_steps)
"""


@pytest.mark.parametrize(
    ("kind", "n_kills"), [("mixture", 4), ("accelerated", 2), ("streamed", 2), ("k-means", 2), ("chain", 2)]
)
def test_kill_at_random_moments_changes_no_bit(kind, n_kills, tmp_path):
    """A write follows every iteration, so that most kills fall into one."""
    np.save(tmp_path / "X.npy", rows(200))
    command = [sys.executable, "-c", textwrap.dedent(KILLED), str(tmp_path / "X.npy")]
    whole = subprocess.run([*command, str(tmp_path / "whole.emkit"), kind], capture_output=True, text=True, check=True)
    rng, path, n_killed = np.random.default_rng(0), tmp_path / "fit.emkit", 0
    most = max(6, len(whole.stdout.splitlines()) // n_kills)
    for _ in range(n_kills):
        with subprocess.Popen([*command, str(path), kind], stdout=subprocess.PIPE, text=True) as run:
            for _ in range(int(rng.integers(most // 3, most))):
                run.stdout.readline()
            run.send_signal(signal.SIGKILL)
            n_killed += run.wait() == -signal.SIGKILL
    last = subprocess.run([*command, str(path), kind], capture_output=True, text=True, check=True)
    assert n_killed >= n_kills - 1
    assert last.stdout.splitlines()[-1] == whole.stdout.splitlines()[-1]
    assert len(last.stdout) < len(whole.stdout)  # it went on; it did not begin anew


def kept(path):
    emkit.fit(FiniteMixture(n_components=2), rows(), rng=0, n_starts=2, checkpoint=path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model": FiniteMixture(n_components=3)}, "of another model: `n_components` is 2 there and 3 here"),
        ({"data": rows() + 1e-9}, "of other data: `mean of the columns`"),
        ({"data": rows(121)}, "of other data: `n_rows` is 360 there and 363 here"),
        ({"rng": 1}, "another seed of random numbers"),
        ({"tol": 1e-3}, "of other options: `tol`"),
        ({"solver": emkit.EM()}, "of other options: `solver`"),
    ],
)
def test_checkpoint_of_another_fit_is_refused(tmp_path, change, message):
    path = tmp_path / "fit.emkit"
    kept(path)
    before = path.read_bytes()
    asked = {"model": FiniteMixture(n_components=2), "data": rows(), "rng": 0, "n_starts": 2} | change
    model, data = asked.pop("model"), asked.pop("data")
    with pytest.raises(SavedFitError, match=message):
        emkit.fit(model, data, checkpoint=path, **asked)
    assert path.read_bytes() == before


def test_checkpoint_of_another_version_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "fit.emkit"
    kept(path)
    monkeypatch.setattr(emkit, "__version__", "9.9")
    with pytest.raises(SavedFitError, match=r"written by emkit .*, and this is 9\.9"):
        kept(path)


def test_file_that_is_no_checkpoint_is_left_alone(tmp_path):
    path = tmp_path / "fit.emkit"
    emkit.save(emkit.GaussianMixture(1).fit(rows()), path)
    before = path.read_bytes()
    with pytest.raises(SavedFitError, match="no checkpoint: give another path"):
        kept(path)
    assert path.read_bytes() == before
    path.write_bytes(before[: len(before) // 2])
    with pytest.raises(SavedFitError, match="truncated or damaged"):
        kept(path)


def test_load_says_what_a_checkpoint_is(tmp_path):
    kept(tmp_path / "fit.emkit")
    with pytest.raises(SavedFitError, match="checkpoint of an unfinished fit"):
        emkit.load(tmp_path / "fit.emkit")


def test_place_that_cannot_be_written_is_told_before_the_fit(tmp_path):
    told = []
    with pytest.raises(SavedFitError, match="cannot save to"):
        emkit.fit(FiniteMixture(), rows(), checkpoint=tmp_path / "none" / "fit.emkit", on_iteration=told.append)
    assert told == []


def test_full_disk_leaves_the_last_checkpoint(tmp_path, monkeypatch):
    path = tmp_path / "fit.emkit"

    def run(**options):
        return emkit.fit(FiniteMixture(n_components=3), rows(), rng=0, n_starts=3, **options)

    with pytest.raises(Halt):
        run(checkpoint=emkit.Checkpoint(path, 1), on_iteration=halted(30))
    before = path.read_bytes()

    def full(handle):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(SavedFitError, match=r"No space left on device\. What was there before is untouched"):
            run(checkpoint=emkit.Checkpoint(path, 1))
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
    assert bits(run(checkpoint=path)) == bits(run())


@pytest.mark.parametrize("bad", [{"every_iterations": 0}, {"every_seconds": -1.0}])
def test_options_out_of_range(bad):
    with pytest.raises(ParameterError, match="must be positive"):
        emkit.Checkpoint("fit.emkit", **bad)


def test_checkpoint_must_be_a_path():
    with pytest.raises(ParameterError, match="must be a path"):
        emkit.fit(FiniteMixture(), rows(), checkpoint=3)


def test_same_bits_of_chains_and_of_constrained_fits(tmp_path):
    X = rows(60)[:, :1]
    for name, make in (
        ("chain", lambda: emkit.GaussianHMM(2, random_state=0, n_init=2)),
        ("held", lambda: emkit.constrained(emkit.GaussianMixture(2, random_state=0, n_init=2), fix={"mix": 0.5})),
    ):
        path = tmp_path / f"{name}.emkit"
        model = make()
        getattr(model, "estimator", model).set_params(on_iteration=halted(20))
        with pytest.raises(Halt):
            model.fit(X, checkpoint=emkit.Checkpoint(path, every_iterations=1))
        assert bits(make().fit(X, checkpoint=path).fit_) == bits(make().fit(X).fit_)


def test_checkpoint_of_other_sequences_is_refused(tmp_path):
    """The same rows, cut otherwise."""
    path, X = tmp_path / "fit.emkit", rows()
    emkit.GaussianHMM(2, random_state=0, n_init=1).fit(X, [180, 180], checkpoint=path)
    with pytest.raises(SavedFitError, match="of other data: `lengths of the sequences` is"):
        emkit.GaussianHMM(2, random_state=0, n_init=1).fit(X, [100, 260], checkpoint=path)


def test_full_disk_of_a_fit_to_a_stream_of_sequences(tmp_path, monkeypatch):
    path, X = tmp_path / "fit.emkit", rows()

    def run(**options):
        source = emkit.data.scan(lambda: iter([X[:100], X[100:]]), lengths=[60] * 6, memory_limit=0)
        model = emkit.GaussianHMM(2, random_state=0, n_init=1, on_iteration=options.pop("on_iteration", None))
        return model.fit(source, **options).fit_

    with pytest.raises(Halt):
        run(checkpoint=emkit.Checkpoint(path, 1), on_iteration=halted(8))
    before = path.read_bytes()

    def full(handle):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(SavedFitError, match=r"No space left on device\. What was there before is untouched"):
            run(checkpoint=emkit.Checkpoint(path, 1))
    assert path.read_bytes() == before
    assert bits(run(checkpoint=path)) == bits(run())
