"""Answers of people who differ in two factors, four items on each."""

import numpy as np

HALVES = np.repeat(np.eye(2, dtype=bool), 4, axis=0)


def places(n, seed=0, r=0.5):
    return np.random.default_rng(seed).multivariate_normal([0, 0], [[1, r], [r, 1]], n)


def dichotomous(theta, seed=1, slope=1.3):
    d = np.tile(np.linspace(-1, 1, 4), 2)
    prob = 1 / (1 + np.exp(-(slope * theta @ HALVES.T + d)))
    return (np.random.default_rng(seed).random(prob.shape) < prob).astype(int)


def steps(theta, seed=1):
    noise = np.random.default_rng(seed).logistic(size=(len(theta), 8, 1))
    return ((theta @ HALVES.T)[:, :, None] * 1.5 + noise > np.array([-1.2, 0.8])).sum(axis=2)


def grouped(n=1600):
    group = np.arange(n) % 2
    theta = places(n)
    theta[group == 1] = theta[group == 1] * np.array([1.3, 0.8]) + np.array([0.5, -0.4])
    return dichotomous(theta), np.where(group, "B", "A")


def explained(n=800):
    rng = np.random.default_rng(3)
    Z = rng.normal(size=(n, 2))
    theta = places(n) * 0.8 + Z @ np.array([[0.7, 0.0], [0.0, -0.5]])
    return dichotomous(theta), Z
