"""Cases of losses/regression.h. See loss_cases.py."""
import math
import os
import sys

import numpy as np
import torch
import torch.nn.functional as F

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from loss_cases import FLOAT_MAX, REDUCTIONS, add_case, add_error, elementwise, main  # noqa: E402

BIG = FLOAT_MAX / 2


@elementwise
def mse(pred, target):
    return F.mse_loss(*torch.broadcast_tensors(pred, target), reduction="none")


@elementwise
def l1(pred, target):
    return F.l1_loss(*torch.broadcast_tensors(pred, target), reduction="none")


@elementwise
def huber(pred, target, delta=1.0):
    return F.huber_loss(*torch.broadcast_tensors(pred, target), reduction="none", delta=delta)


@elementwise
def smooth_l1(pred, target, beta=1.0):
    return F.smooth_l1_loss(*torch.broadcast_tensors(pred, target), reduction="none", beta=beta)


@elementwise
def log_cosh(pred, target):
    """Near 0 log1p(2 sinh^2(d/2)), which keeps its digits."""
    d = pred - target
    near = d.abs() < 1
    small, large = torch.where(near, d, 0), torch.where(near, 1, d).abs()
    return torch.where(near, torch.log1p(2 * torch.sinh(small / 2) ** 2),
                       large + torch.log1p(torch.exp(-2 * large)) - math.log(2))


@elementwise
def quantile(pred, target, tau=0.5):
    u = target - pred
    return tau * torch.relu(u) + (1 - tau) * torch.relu(-u)


@elementwise
def mape(pred, target, eps=1e-7):
    return (pred - target).abs() / target.abs().clamp(min=eps)


@elementwise
def msle(pred, target, eps=1e-7):
    return (torch.log1p(pred.clamp(min=eps)) - torch.log1p(target.clamp(min=eps))) ** 2


@elementwise
def poisson_nll(pred, target, log_input=True, full=False, eps=1e-8):
    """PyTorch's value; its gradient is NaN for full and a target of 0."""
    pred, target = torch.broadcast_tensors(pred, target)
    options = dict(log_input=bool(log_input), eps=eps, reduction="none")
    loss = F.poisson_nll_loss(pred, target, full=False, **options)
    if not full:
        return loss
    large = target > 1
    t = torch.where(large, target, 1)
    loss = loss + torch.where(large, t * t.log() - t + 0.5 * (2 * math.pi * t).log(), 0)
    with torch.no_grad():
        assert torch.allclose(loss, F.poisson_nll_loss(pred, target, full=True, **options), 1e-12)
    return loss


@elementwise
def gaussian_nll(pred, target, var, full=False, eps=1e-6):
    """PyTorch's value; its gradient to var does not know of the clamp."""
    rows = pred.ndim > 0 and var.shape != pred.shape and var.shape == pred.shape[:-1]
    v = (var.unsqueeze(-1) if rows else var).clamp(min=eps)
    loss = 0.5 * (v.log() + (pred - target) ** 2 / v)
    if full:
        loss = loss + 0.5 * math.log(2 * math.pi)
    if var.shape == pred.shape or rows:
        with torch.no_grad():
            torch_loss = F.gaussian_nll_loss(pred, target.expand(pred.shape), var, full=bool(full),
                                             eps=eps, reduction="none")
            assert torch.allclose(loss, torch_loss, 1e-12)
    return loss


# Losses, their parameters' values, and whether operands must be positive.
RESIDUAL_LOSSES = [
    ("mse", mse, [{}]),
    ("l1", l1, [{}]),
    ("huber", huber, [{}, {"delta": 0.25}, {"delta": 100}]),
    ("smooth_l1", smooth_l1, [{}, {"beta": 0}, {"beta": 0.25}, {"beta": 100}]),
    ("log_cosh", log_cosh, [{}]),
    ("quantile", quantile, [{}, {"tau": 0.1}, {"tau": 0.95}]),
    ("mape", mape, [{}, {"eps": 0.5}]),
]
COUNT_LOSSES = [
    ("msle", msle, [{}, {"eps": 0}, {"eps": 0.5}]),
    ("poisson_nll", poisson_nll, [{}, {"full": True}, {"log_input": False},
                                  {"log_input": False, "full": True, "eps": 0.125}]),
]
SHAPES = [((3, 4), (3, 4)), ((3, 4), (4,)), ((3, 1), (1, 4)), ((), (2, 3)), ((2, 1, 3), (4, 1)),
          ((), ()), ((1,), (1,)), ((2, 1, 2, 1, 1, 2), (1, 2, 1, 2, 1))]


def ordinary(rng, name, reference, parameters, draw):
    for options in parameters:
        for reduction in REDUCTIONS:
            add_case(name, {"pred": draw((3, 4)), "target": draw((3, 4))}, options, reduction,
                     reference)
    for pred, target in SHAPES:
        add_case(name, {"pred": draw(pred), "target": draw(target)}, {}, "none", reference)
    for weight in ((), (4,), (3, 1), (3, 4), (1, 1)):
        for reduction in REDUCTIONS:
            w = rng.normal(size=weight)
            operands = {"pred": draw((3, 4)), "target": draw((4,)), "weight": w}
            add_case(name, operands, {}, reduction, reference)
    w = np.array([0, 1, 0, -2.0])
    add_case(name, {"pred": draw((3, 4)), "target": draw((3, 4)), "weight": w}, {}, "mean", reference)
    add_case(name, {"pred": draw((5, 7)), "target": draw((5, 7))}, {}, "sum", reference)


def residual_extremes(name, reference, parameters):
    target = np.array([0.5, 0, 0, 0, 0, 0, 1, 1e4, -3, 1e-4, 0, 0, 1 + 2 ** -20, 1e-30])
    pred = np.array([0.5, 0, 1e4, -1e4, 700, -700, 1 + 1e-4, 1e4 + 2, -3, 0, 1e-4, 1e-20, 1, 2e-30])
    for options in parameters:
        add_case(name, {"pred": pred, "target": target}, options, "none", reference,
                 float_orders=1 if name == "mape" else 2)
        add_case(name, {"pred": pred, "target": target}, options, "mean", reference,
                 float_orders=1 if name == "mape" else 2)
    identical = np.array([1.5, 0, -2, 1e30])
    add_case(name, {"pred": identical, "target": identical}, {}, "sum", reference,
             float_orders=1 if name == "mape" else 2)


def float_limits(rng):
    target = np.array([0, -BIG, BIG, FLOAT_MAX, 1, -FLOAT_MAX])
    pred = np.array([FLOAT_MAX, BIG, -BIG, 1, -FLOAT_MAX, -FLOAT_MAX])
    for name, reference, parameters in RESIDUAL_LOSSES[1:6]:
        for options in parameters:
            if options.get("delta", 1) > 1:
                continue
            for reduction in ("none", "mean"):
                add_case(name, {"pred": pred, "target": target}, options, reduction, reference)
    wide = {"pred": np.array([1.8e19, -9e18, 1e-22]), "target": np.array([0, 9e18, 0.0])}
    add_case("mse", wide, {}, "none", mse)
    add_case("huber", wide, {"delta": 1e18}, "none", huber)
    add_case("huber", wide, {"delta": 1e-30}, "none", huber)
    add_case("smooth_l1", wide, {"beta": 1e-30}, "none", smooth_l1)
    add_case("mape", {"pred": [FLOAT_MAX, 1e30, 0], "target": [1, 1e-3, FLOAT_MAX]}, {}, "none", mape)
    add_case("msle", {"pred": [FLOAT_MAX, 0, 1e10, 0], "target": [0, FLOAT_MAX, 1e10, 0]}, {}, "none",
             msle)
    add_case("msle", {"pred": [1e6 + 1, 4, 1e-3], "target": [1e6, 4 + 2 ** -20, 1e-3]}, {}, "none",
             msle)
    add_case("msle", {"pred": [-5, -1e30, 0, 3], "target": [2, -1, -7, -1e-3]}, {}, "none", msle)
    add_case("poisson_nll", {"pred": [88, -1e4, 0, 1e4], "target": [3, 2.5, 0, 0]}, {}, "none",
             poisson_nll, double_only=True)
    add_case("poisson_nll", {"pred": [88, -1e4, 0, -700], "target": [3, 2, 0, 1e6]}, {}, "none",
             poisson_nll)
    add_case("poisson_nll", {"pred": [1, 2, 3, 4, 5.5], "target": [0, 1, 1.5, 170, 1e30]},
             {"full": True}, "none", poisson_nll)
    add_case("poisson_nll", {"pred": [0, 1e-4, 3e38, 5], "target": [0, 2, 0.5, 0]},
             {"log_input": False}, "none", poisson_nll)


def gaussian(rng):
    def operands(pred=(3, 4), target=(3, 4), var=(3, 4)):
        return {"pred": rng.normal(size=pred), "target": rng.normal(size=target),
                "var": rng.uniform(0.2, 2, size=var)}
    for options in ({}, {"full": True}, {"eps": 0.75}, {"full": True, "eps": 1e-3}):
        for reduction in REDUCTIONS:
            add_case("gaussian_nll", operands(), options, reduction, gaussian_nll)
    for shapes in (((3, 4), (3, 4), (3, 1)), ((3, 4), (3, 4), (3,)), ((3, 4), (4,), ()),
                   ((3, 3), (3, 3), (3,)), ((), (), ()), ((4,), (4,), ()), ((3, 1), (1, 4), (3, 4)),
                   ((2, 3, 4), (2, 3, 4), (4,)), ((2, 3, 4), (2, 3, 4), (2, 3))):
        add_case("gaussian_nll", operands(*shapes), {}, "none", gaussian_nll)
        add_case("gaussian_nll", operands(*shapes), {}, "mean", gaussian_nll)
    for weight in ((), (4,), (3, 1), (3, 4)):
        for reduction in REDUCTIONS:
            add_case("gaussian_nll", {**operands(), "weight": rng.normal(size=weight)}, {}, reduction,
                     gaussian_nll)
    small = {"pred": [1, 1, 0, 5, -2.0], "target": [1, 1.5, 0, 5.25, 3], "var": [0, 0, 1e-9, 1e-5, 2]}
    add_case("gaussian_nll", small, {}, "none", gaussian_nll)
    add_case("gaussian_nll", small, {}, "mean", gaussian_nll)
    add_case("gaussian_nll", {"pred": [1e4, 700, 1e-4], "target": np.zeros(3), "var": [1, 1e4, 1e-4]},
             {}, "none", gaussian_nll)
    add_case("gaussian_nll", {"pred": [1e20, -1e25, 1], "target": [0, 1e25, 0],
                              "var": [1e10, 1e15, 3e38]}, {}, "none", gaussian_nll)


def errors():
    x, y = np.ones((3, 4)), np.ones((2, 4))
    for name in ("mse", "l1", "huber", "smooth_l1", "log_cosh", "quantile", "mape", "msle",
                 "poisson_nll"):
        add_error(name, {"pred": x, "target": y}, mentions=["pred (3,4)", "target (2,4)"])
        add_error(name, {"pred": x}, mentions=["target"])
        add_error(name, {"pred": np.ones((0, 4)), "target": np.ones((0, 4))}, mentions=["pred (0,4)"])
        add_error(name, {"pred": x, "target": x, "weight": np.ones(3)}, mentions=["weight (3)", "(3,4)"])
        add_error(name, {"pred": x, "target": np.ones((3, 4), dtype=np.int64)}, mentions=["target"])
    v = np.array([1, 2, -0.5, 1])
    add_error("gaussian_nll", {"pred": x, "target": x, "var": v}, mentions=["var (4)", "-0.5"])
    add_error("gaussian_nll", {"pred": x, "target": x, "var": -np.abs(v)}, mentions=["at (0)"])
    add_error("gaussian_nll", {"pred": x, "target": x}, mentions=["var"])
    add_error("gaussian_nll", {"pred": x, "target": x, "var": y}, mentions=["var (2,4)", "(3,4)"])
    for name, parameter, values in (("huber", "delta", (0, -1, "inf")), ("smooth_l1", "beta", (-1,)),
                                    ("quantile", "tau", (0, 1, -0.5, 2)), ("mape", "eps", (0, -1)),
                                    ("msle", "eps", (-1,)), ("poisson_nll", "eps", (-1e-3,)),
                                    ("poisson_nll", "full", (2, 0.5, -1))):
        for value in values:
            add_error(name, {"pred": x, "target": x}, {parameter: float(value)}, mentions=[parameter])


def cases(rng):
    for name, reference, parameters in RESIDUAL_LOSSES:
        ordinary(rng, name, reference, parameters, lambda shape: 2 * rng.normal(size=shape))
        residual_extremes(name, reference, parameters)
    for name, reference, parameters in COUNT_LOSSES:
        ordinary(rng, name, reference, parameters, lambda shape: rng.uniform(0.1, 4, size=shape))
    gaussian(rng)
    float_limits(rng)
    errors()


if __name__ == "__main__":
    main("regression", cases)
