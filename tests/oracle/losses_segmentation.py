"""Cases of losses/overlap.h. See loss_cases.py.

The references follow MONAI 1.4's DiceLoss and TverskyLoss (squared_pred=False, include_background=True,
smooth_nr = smooth_dr = smooth; batch=True for over=batch), written in PyTorch.
"""
import os
import sys

import numpy as np
import torch
import torch.nn.functional as F

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from loss_cases import REDUCTIONS, add_case, add_error, main, reduce  # noqa: E402


def sums(prob, target, over):
    """True positives, false positives and false negatives."""
    axes = {"sample": list(range(2, prob.ndim)), "batch": [0] + list(range(2, prob.ndim)),
            "all": list(range(prob.ndim))}[over]
    terms = (prob * target, prob * (1 - target), (1 - prob) * target)
    return [t.sum(axes) if axes else t for t in terms]


def ratio(above, below, smooth):
    """(above + smooth) / (below + smooth), and its limit 1 for two empty masks without smooth."""
    empty = below + smooth == 0
    return torch.where(empty, 1, (above + smooth) / torch.where(empty, 1, below + smooth))


def dice(prob, target, smooth=1.0, over="sample", reduction="mean"):
    tp, fp, fn = sums(prob, target, over)
    return reduce(1 - ratio(2 * tp, 2 * tp + fp + fn, smooth), reduction)


def iou(prob, target, smooth=1.0, over="sample", reduction="mean"):
    tp, fp, fn = sums(prob, target, over)
    return reduce(1 - ratio(tp, tp + fp + fn, smooth), reduction)


def tversky(prob, target, smooth=1.0, over="sample", alpha=0.5, beta=0.5, reduction="mean"):
    tp, fp, fn = sums(prob, target, over)
    return reduce(1 - ratio(tp, tp + alpha * fp + beta * fn, smooth), reduction)


def dice_ce(logits, target, smooth=1.0, over="sample", reduction="mean"):
    masks = torch.movedim(F.one_hot(target, logits.shape[1]).to(logits.dtype), -1, 1)
    ce = F.cross_entropy(logits, target, reduction=reduction)
    return 0.5 * ce + 0.5 * dice(torch.softmax(logits, 1), masks, smooth, over, reduction)


LOSSES = [
    ("dice", dice, [{}, {"smooth": 0}, {"smooth": 1e-5}]),
    ("iou", iou, [{}, {"smooth": 0}, {"smooth": 100}]),
    ("tversky", tversky, [{}, {"alpha": 0.3, "beta": 0.7}, {"alpha": 0, "beta": 1.5, "smooth": 1e-3}]),
]
OVER = ("sample", "batch", "all")


def masks(rng, shape, soft=False):
    target = rng.uniform(size=shape) if soft else (rng.uniform(size=shape) < 0.4).astype(float)
    return {"prob": rng.uniform(size=shape), "target": target}


def degenerate(name, reference):
    ones, zeros = np.ones((2, 2, 3)), np.zeros((2, 2, 3))
    mixed = np.concatenate([ones[:1], zeros[:1]])
    for over in OVER:
        for prob, target in ((ones, ones), (ones, zeros), (zeros, ones), (mixed, ones[::-1] * 1.0),
                             (mixed, mixed), (zeros, zeros)):
            add_case(name, {"prob": prob, "target": target}, {"over": over}, "none", reference)
    empty_and_full = {"prob": mixed, "target": mixed}
    add_case(name, empty_and_full, {"smooth": 0}, "none", reference)
    add_case(name, {"prob": zeros, "target": zeros}, {"smooth": 0, "over": "all"}, "mean", reference)
    tiny = {"prob": 1e-20 * ones, "target": zeros}
    add_case(name, tiny, {}, "none", reference)


def mixture(rng):
    for over in OVER:
        for reduction in ("mean", "sum"):
            for smooth in (1, 1e-3):
                add_case("dice_ce", {"logits": rng.normal(size=(2, 3, 4)),
                                     "target": rng.integers(3, size=(2, 4))},
                         {"over": over, "smooth": smooth}, reduction, dice_ce)
    for shape in ((2, 3), (1, 1, 2), (2, 4, 3, 2), (1, 2, 2, 2, 3)):
        add_case("dice_ce", {"logits": rng.normal(size=shape),
                             "target": rng.integers(shape[1], size=shape[:1] + shape[2:])}, {}, "mean",
                 dice_ce)
    extreme = rng.choice([-1e4, 0, 50, 1e4], size=(2, 3, 5))
    add_case("dice_ce", {"logits": extreme, "target": rng.integers(3, size=(2, 5))}, {}, "mean", dice_ce)
    logits = np.zeros((2, 3, 4))
    add_error("dice_ce", {"logits": logits, "target": np.full((2, 4), 3)},
              mentions=["target (2,4)", "3", "0 to 2"])
    add_error("dice_ce", {"logits": logits, "target": np.zeros((2, 5), int)},
              mentions=["logits (2,3,4)", "target (2,5)"])


def cases(rng):
    for name, reference, parameters in LOSSES:
        for options in parameters:
            for over in OVER:
                for reduction in REDUCTIONS:
                    add_case(name, masks(rng, (2, 3, 4)), {**options, "over": over}, reduction,
                             reference)
        for shape in ((1, 1, 1), (2, 3), (2, 1, 4, 5), (1, 2, 2, 3, 2), (3, 2, 2, 1, 2, 2)):
            for over in OVER:
                add_case(name, masks(rng, shape, soft=True), {"over": over}, "none", reference)
        for shape in ((), (7,)):
            add_case(name, masks(rng, shape), {"over": "all"}, "mean", reference)
        degenerate(name, reference)
        add_case(name, {"prob": rng.normal(size=(2, 2, 5)), "target": rng.uniform(size=(2, 2, 5))}, {},
                 "mean", reference, id="beyond the unit interval")
    mixture(rng)
    for name, _, _ in LOSSES:
        one, other = np.full((2, 3, 4), 0.5), np.full((2, 3, 5), 0.5)
        add_error(name, {"prob": one, "target": other},
                  mentions=["prob (2,3,4)", "target (2,3,5)", "expected equal shapes"])
        add_error(name, {"prob": np.full(4, 0.5), "target": np.full(4, 0.5)},
                  mentions=["prob (4)", "(N,C,d1..)"])
        add_error(name, {"prob": np.zeros((0, 2, 3)), "target": np.zeros((0, 2, 3))},
                  mentions=["prob (0,2,3)", "empty"])
        add_error(name, {"prob": one, "target": one}, {"smooth": -1}, mentions=["smooth is -1"])
    add_error("tversky", {"prob": one, "target": one}, {"alpha": -0.5}, mentions=["alpha is -0.5"])


if __name__ == "__main__":
    main("segmentation", cases)
