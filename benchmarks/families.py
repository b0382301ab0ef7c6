"""Mixtures of families other than the Gaussian, beside their peers where these are installed.

    python benchmarks/families.py [lca] [sparse] [student] [directions]

lca      latent class analysis, 100000 x 20 answers of four levels, five classes, beside stepmix (pip install stepmix)
sparse   one EM step of sparse families, 100000 x 10000 with 60 ones a row, beside the two sparse-dense products in it
student  t mixtures, 10000 x 4 and 50000 x 10, beside studenttmixture, smm and fmvmm (pip install)
directions  von Mises-Fisher mixtures beside spherecluster (pip install), whose old imports are mended here

Times are of the process's processors, medians of three; the log-likelihoods reached stand beside them. One thread each.
"""

from __future__ import annotations

import importlib.util
import os
import statistics
import sys
import time
import types
import warnings
from functools import partial

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from scipy.sparse import csr_array
from scipy.special import logsumexp
from scipy.stats import multivariate_t

import emkit
from emkit.core import Problem
from emkit.data import as_source
from emkit.families.bernoulli import Bernoulli
from emkit.families.multinomial import Multinomial
from emkit.families.von_mises_fisher import VonMisesFisher, VonMisesFisherParameters, unit_rows
from emkit.mixture import FiniteMixture


def _seconds(run, repeats=3, *arguments):
    """Return the median processor time of a call, and its last result."""
    times, result = [], None
    for _ in range(repeats):
        began = time.process_time()
        result = run(*arguments)
        times.append(time.process_time() - began)
    return statistics.median(times), result


def _answers(n=100_000, d=20, k=5, levels=4):
    rng = np.random.default_rng(0)
    labels = rng.choice(k, n, p=[0.3, 0.25, 0.2, 0.15, 0.1])
    prob = rng.dirichlet(np.full(levels, 0.8), (k, d))
    return (rng.random((n, d, 1)) > np.cumsum(prob[labels], axis=2)[:, :, :-1]).sum(axis=2).astype(float)


def lca() -> None:
    """Latent class analysis from one start, from three, and by default; the peer from each of three."""
    X = _answers()
    own = {}
    for n_init, name in ((1, "one start"), (3, "three starts"), ("auto", "by default")):
        run = partial(emkit.LatentClassAnalysis(5, n_init=n_init, random_state=0, n_threads=1).fit, X)
        own[n_init], classes = _seconds(run, 1 if n_init == "auto" else 3)
        found = f"{classes.fit_.loglik:.3f}  ({classes.fit_.n_e_steps} E-steps, {classes.fit_.starts.n_starts} starts)"
        print(f"emkit, {name:<15} {own[n_init]:8.2f} s  {found}")
    if importlib.util.find_spec("stepmix") is None:
        print("stepmix is not installed")
        return
    from stepmix.stepmix import StepMix

    total = 0.0
    for seed in (0, 1, 2):
        peer = StepMix(5, measurement="categorical", random_state=seed, verbose=0, progress_bar=0, max_iter=300)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            seconds, fitted = _seconds(lambda peer=peer: peer.fit(X), 1)
        total += seconds
        found = f"{fitted.score(X) * len(X):.3f}  ({fitted.n_iter_} steps)"
        print(f"stepmix, seed {seed}        {seconds:8.2f} s  {found}  x{seconds / own[1]:.0f} of one start")
    ratios = f"x{total / own[3]:.0f} of three starts, x{total / own['auto']:.0f} of the default"
    print(f"stepmix, three starts  {total:8.2f} s  {ratios}")


def sparse() -> None:
    """One EM step of each sparse family beside X @ A and X.T @ R."""
    rng = np.random.default_rng(0)
    n, d, k, ones = 100_000, 10_000, 10, 60
    columns = np.sort(np.minimum((d * rng.random((n, ones)) ** 2).astype(np.int32), d - 1), axis=1)
    X = csr_array((np.ones(n * ones), columns.ravel(), np.arange(0, n * ones + 1, ones)), shape=(n, d))
    X.sum_duplicates()
    A, R = rng.random((d, k)), rng.random((n, k))
    products, _ = _seconds(lambda: (X @ A, X.T @ R))
    print(f"two products         {1e3 * products:8.1f} ms")
    for family, rows in ((Multinomial(), X), (Bernoulli(), (X > 0).astype(float)), (VonMisesFisher(), unit_rows(X))):
        source = as_source(csr_array(rows), allow_sparse=True, n_threads=1)
        model, source = FiniteMixture(family, k).prepare(source)
        start, problem = model.start(source, rng), Problem(model, source)
        step, _ = _seconds(lambda p=problem, s=start: p.em_step(p.evaluate(s)))
        print(f"{type(family).__name__:20} {1e3 * step:8.1f} ms  x{step / products:.2f}")


def _tailed(n, d, k):
    rng = np.random.default_rng(0)
    return rng.normal(0, 4, (k, d))[rng.integers(0, k, n)] + rng.standard_t(5, (n, d))


def _t_loglik(X, weights, locations, scales, dof):
    """Return the log-likelihood of a t mixture, whoever fitted it."""
    parts = zip(weights, locations, scales, dof, strict=True)
    joint = np.stack([np.log(w) + multivariate_t(m, c, nu).logpdf(X) for w, m, c, nu in parts], axis=1)
    return float(logsumexp(joint, axis=1).sum())


def _by_studenttmixture(X, k, dof):
    from studenttmixture import EMStudentMixture

    settings = {"fixed_df": dof is not None, "df": dof or 4.0, "random_state": 0}
    fitted = EMStudentMixture(k, **settings)
    fitted.fit(X)
    return fitted.mix_weights_, fitted.location_, np.moveaxis(fitted.scale_, -1, 0), np.broadcast_to(fitted.df_, k)


def _by_smm(X, k, dof):
    vars(np)["infty"] = np.inf  # NumPy 2 took the name away, smm 0.1.5 asks for it
    from smm import SMM

    fitted = SMM(n_components=k, random_state=0)
    fitted.fit(X)
    return fitted.weights_, fitted.means_, fitted.covars_, fitted.degrees_


def _by_fmvmm(X, k, dof):
    from fmvmm.mixtures.tmix_smsn import TMix

    fitted = TMix(k, verbose=False, max_iter=500)
    fitted.fit(X)
    members = fitted.alpha_new
    return fitted.pi_new, [m[0] for m in members], [m[1] for m in members], [float(np.squeeze(m[-1])) for m in members]


_T_PEERS = {"studenttmixture": _by_studenttmixture, "smm": _by_smm, "fmvmm": _by_fmvmm}


def student() -> None:
    """A t mixture from one start and by default, beside each peer from its own one start."""
    for n, d, k in ((10_000, 4, 3), (50_000, 10, 5)):
        X = _tailed(n, d, k)
        for dof in (None, 4.0):
            print(f"{n} x {d}, {k} components, degrees of freedom {dof or 'estimated'}")
            own = {}
            for n_init, name in ((1, "one start"), ("auto", "by default")):
                settings = {"n_init": n_init, "dof": dof or "each", "random_state": 0, "n_threads": 1}
                own[n_init], mixture = _seconds(emkit.StudentMixture(k, **settings).fit, 3, X)
                print(f"  emkit, {name:<17} {own[n_init]:8.3f} s  {mixture.fit_.loglik:.3f}")
            for name, fit in _T_PEERS.items():
                if importlib.util.find_spec(name) is None or (dof is not None and name != "studenttmixture"):
                    continue
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    seconds, found = _seconds(fit, 1, X, k, dof)
                ratios = f"x{seconds / own[1]:.0f} of one start, x{seconds / own['auto']:.1f} of the default"
                print(f"  {name:<24} {seconds:8.3f} s  {_t_loglik(X, *found):.3f}  {ratios}")


def _spherecluster():
    """Return spherecluster 0.1.7, with what scikit-learn has since taken away in its old places."""
    vars(np)["infty"] = np.inf
    import joblib
    from sklearn import cluster, externals

    def init_centroids(X, k, init, random_state=None, x_squared_norms=None):
        return cluster.kmeans_plusplus(X, k, random_state=random_state)[0]

    old = types.ModuleType("sklearn.cluster.k_means_")
    names = ("_check_sample_weight", "_labels_inertia", "_validate_center_shape")
    old.__dict__.update(dict.fromkeys(names, lambda *_: None), _init_centroids=init_centroids)
    old._tolerance = lambda X, tol: tol * float(np.mean(np.var(X, axis=0)))
    sys.modules["sklearn.cluster.k_means_"] = cluster._k_means = old
    sys.modules["sklearn.externals.joblib"] = externals.joblib = joblib
    sys.modules.setdefault("sklearn.externals", externals)
    import spherecluster

    return spherecluster


def _directed(n, d, k):
    rng = np.random.default_rng(0)
    centre = rng.standard_normal((k, d))
    rows = 3.0 * centre[rng.integers(0, k, n)] / np.sqrt(d) + rng.standard_normal((n, d)) / np.sqrt(d)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def directions() -> None:
    """A von Mises-Fisher mixture from one start and by default, beside spherecluster from its own start."""
    for n, d, k in ((5_000, 3, 4), (5_000, 40, 8), (5_000, 200, 8)):
        X = _directed(n, d, k)
        print(f"{n} x {d}, {k} components")
        own = {}
        for n_init, name in ((1, "one start"), ("auto", "by default")):
            run = emkit.VonMisesFisherMixture(k, n_init=n_init, random_state=0, n_threads=1).fit
            own[n_init], mixture = _seconds(run, 1 if n_init == "auto" else 3, X)
            print(f"  emkit, {name:<17} {own[n_init]:8.3f} s  {mixture.fit_.loglik:.3f}")
        if importlib.util.find_spec("spherecluster") is None:
            print("  spherecluster is not installed")
            continue
        peer = _spherecluster().VonMisesFisherMixture(k, n_init=1, random_state=0, init="k-means++")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            seconds, fitted = _seconds(peer.fit, 1, X)
        theta = fitted.concentrations_[:, None] * fitted.cluster_centers_
        joint = VonMisesFisher().log_joint(np.log(fitted.weights_), VonMisesFisherParameters(theta), X)
        ratios = f"x{seconds / own[1]:.0f} of one start, x{seconds / own['auto']:.1f} of the default"
        print(f"  spherecluster            {seconds:8.3f} s  {logsumexp(joint, axis=1).sum():.3f}  {ratios}")


if __name__ == "__main__":
    for name in sys.argv[1:] or ("lca", "sparse", "student", "directions"):
        print(f"\n{name}")
        {"lca": lca, "sparse": sparse, "student": student, "directions": directions}[name]()
