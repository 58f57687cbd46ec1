"""Cases of losses/combination.h. See loss_cases.py. References are the papers' formulas."""
import os
import sys

import numpy as np
import torch

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from loss_cases import REDUCTIONS, add_case, add_error, main, reduce  # noqa: E402


def weighted_sum(losses, weights=None, reduction="mean"):
    weights = torch.ones(len(losses)) if weights is None else weights
    return reduce(torch.tensordot(weights, torch.stack(losses), 1), reduction)


def uncertainty_weighting(losses, log_vars, reduction="mean"):
    sigma = torch.exp(log_vars / 2)
    terms = [loss / (2 * s ** 2) + torch.log(s) for loss, s in zip(losses, sigma)]
    return reduce(sum(terms), reduction)


def gradnorm(norms, ratios, alpha=1.5, reduction="sum"):
    rates = ratios / ratios.mean() if ratios.abs().sum() > 0 else torch.zeros_like(ratios)
    return reduce((norms - (norms.mean() * rates ** alpha).detach()).abs(), reduction)


def ohem(loss, keep=0, threshold=-np.inf, reduction="mean"):
    flat = loss.reshape(-1)
    order = torch.sort(flat, descending=True, stable=True)[1]
    over = int((flat > threshold).sum()) if threshold > -np.inf else 0
    count = max(min(keep, len(flat)), over)
    if keep == 0 and threshold == -np.inf:
        count = len(flat)
    mask = torch.zeros(len(flat), dtype=torch.bool)
    mask[order[:count]] = True
    if reduction == "none":
        return torch.where(mask, flat, 0).reshape(loss.shape)
    kept = flat[mask]
    return reduce(kept, reduction) if count > 0 else flat[:0].sum()


def sums(rng):
    for k in (1, 2, 5):
        for shape in ((), (1,), (3, 2)):
            for reduction in REDUCTIONS:
                losses = [rng.uniform(size=shape) for _ in range(k)]
                if shape == ():
                    losses = [np.asarray(x) for x in losses]
                add_case("weighted_sum", {"losses": losses}, {}, reduction, weighted_sum)
                add_case("weighted_sum", {"losses": losses, "weights": rng.normal(size=k)}, {}, reduction,
                         weighted_sum)
                add_case("uncertainty_weighting", {"losses": losses, "log_vars": rng.normal(size=k)}, {},
                         reduction, uncertainty_weighting)
    three = [np.array(1.0), np.array(0.0), np.array(1e30)]
    add_case("weighted_sum", {"losses": three, "weights": [0, 1, 1e-30]}, {}, "mean", weighted_sum)
    add_case("uncertainty_weighting", {"losses": three, "log_vars": np.zeros(3)}, {}, "mean",
             uncertainty_weighting)
    add_case("uncertainty_weighting", {"losses": three, "log_vars": [-80, 80, 60.0]}, {}, "mean",
             uncertainty_weighting)
    pair = [np.ones(()), np.ones(())]
    for name, factors in (("weighted_sum", "weights"), ("uncertainty_weighting", "log_vars")):
        add_error(name, {factors: np.ones(2)}, mentions=["losses"])
        add_error(name, {"losses": pair, factors: np.ones(3)}, mentions=[factors + " (3)", "(2)"])
        add_error(name, {"losses": pair, factors: np.ones((2, 1))}, mentions=[factors + " (2,1)"])
        add_error(name, {"losses": [np.ones(2), np.ones(3)], factors: np.ones(2)},
                  mentions=["(2)", "(3)"])
        add_error(name, {"losses": [np.ones(0), np.ones(0)], factors: np.ones(2)}, mentions=["losses[0]"])
    add_error("uncertainty_weighting", {"losses": pair}, mentions=["log_vars"])


def balances(rng):
    for k in (1, 2, 5):
        for alpha in (1.5, 0, 1, 0.12):
            for reduction in REDUCTIONS:
                add_case("gradnorm", {"norms": rng.uniform(0.1, 3, size=k),
                                      "ratios": rng.uniform(0.2, 1.5, size=k)}, {"alpha": alpha},
                         reduction, gradnorm)
    add_case("gradnorm", {"norms": [0, 1, 1e10], "ratios": [1, 0, 1e-3]}, {}, "sum", gradnorm)
    add_case("gradnorm", {"norms": [1, 2.0], "ratios": [0, 0.0]}, {}, "sum", gradnorm)
    add_case("gradnorm", {"norms": [2, 2.0], "ratios": [0.5, 0.5]}, {}, "sum", gradnorm)
    good = {"norms": np.ones(2), "ratios": np.ones(2)}
    add_error("gradnorm", {**good, "ratios": np.ones(3)}, {}, "sum", mentions=["ratios (3)", "(2)"])
    add_error("gradnorm", {**good, "norms": [1, -2.0]}, {}, "sum", mentions=["norms (2)", "-2", "(1)"])
    add_error("gradnorm", {**good, "ratios": [-1, 2.0]}, {}, "sum", mentions=["ratios (2)", "-1", "(0)"])
    add_error("gradnorm", good, {"alpha": -1}, "sum", mentions=["alpha"])
    add_error("gradnorm", {"norms": np.ones(2)}, {}, "sum", mentions=["ratios"])
    add_error("gradnorm", {"norms": np.ones(()), "ratios": np.ones(())}, {}, "sum", mentions=["norms"])


def hard_examples(rng):
    for shape in ((7,), (3, 4), (2, 2, 3), (), (1,)):
        for options in ({}, {"keep": 1}, {"keep": 3}, {"keep": 100}, {"threshold": 0.5},
                        {"threshold": 0.9, "keep": 2}, {"threshold": 0.1, "keep": 2}, {"threshold": 2}):
            for reduction in REDUCTIONS:
                add_case("ohem", {"loss": rng.uniform(size=shape)}, options, reduction, ohem)
    ties = np.array([1, 2, 2, 0, 2, 1.0])
    for keep in range(1, 7):
        for reduction in REDUCTIONS:
            add_case("ohem", {"loss": ties}, {"keep": keep}, reduction, ohem)
    add_case("ohem", {"loss": ties}, {"threshold": 2}, "mean", ohem)
    add_case("ohem", {"loss": ties}, {"threshold": 1}, "mean", ohem)
    add_case("ohem", {"loss": [3e38, 1, 3e38, -1e4]}, {"keep": 2}, "mean", ohem)
    add_case("ohem", {"loss": [3e38, 1, 3e38, -1e4]}, {"threshold": 0}, "mean", ohem)
    add_error("ohem", {"loss": ties}, {"keep": -1}, mentions=["keep", "-1"])
    add_error("ohem", {"loss": ties}, {"keep": 3e9}, mentions=["keep"])
    add_error("ohem", {"loss": ties}, {"threshold": float("nan")}, mentions=["threshold"])
    add_error("ohem", {"loss": np.ones((0, 3))}, mentions=["loss (0,3)"])
    add_error("ohem", {"loss": np.ones(3, dtype=np.int64)}, mentions=["loss (3)"])


def cases(rng):
    sums(rng)
    balances(rng)
    hard_examples(rng)


if __name__ == "__main__":
    main("combination", cases)
