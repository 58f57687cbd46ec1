"""Cases of losses/margin.h. See loss_cases.py.

PyTorch can't differentiate its own multi_margin and multilabel_margin twice, nor by weights: formulas are
what is differentiated, and their values are compared with PyTorch's as the cases are made."""
import os
import sys

import numpy as np
import torch
import torch.nn.functional as F

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from loss_cases import (FLOAT_MAX, REDUCTIONS, add_case, add_error, elementwise, main,  # noqa: E402
                        reduce)


def agree(ours, function, *operands, **options):
    with torch.no_grad():
        theirs = function(*operands, **options)
    assert torch.allclose(ours, theirs, rtol=1e-9, atol=1e-11), (ours, theirs)


@elementwise
def hinge(score, target, margin=1.0):
    return torch.relu(margin - target * score)


@elementwise
def squared_hinge(score, target, margin=1.0):
    return torch.relu(margin - target * score) ** 2


@elementwise
def hinge_embedding(pred, target, margin=1.0):
    loss = torch.where(target > 0, pred, torch.relu(margin - pred))
    agree(loss, F.hinge_embedding_loss, pred, target, margin=margin, reduction="none")
    return loss


def leads(score, target, margin):
    own = F.one_hot(target, score.shape[1]).bool()
    return torch.relu(score - score.gather(1, target[:, None]) + margin).masked_fill(own, 0)


def multiclass_hinge(score, target, margin=1.0, reduction="mean"):
    return reduce(leads(score, target, margin).sum(1), reduction)


def multi_margin(score, target, class_weight=None, p=1, margin=1.0, reduction="mean"):
    loss = (leads(score, target, margin) ** p).sum(1) / score.shape[1]
    if class_weight is not None:
        loss = loss * class_weight[target]
    loss = reduce(loss, reduction)
    agree(loss, F.multi_margin_loss, score, target, p=p, margin=margin, weight=class_weight,
          reduction=reduction)
    return loss


def multilabel_margin(score, target, reduction="mean"):
    rows = []
    for x, t in zip(score, target.tolist()):
        labels = t[:t.index(-1)] if -1 in t else t
        others = [j for j in range(len(x)) if j not in labels]
        terms = [torch.relu(1 - x[i] + x[j]) for i in labels for j in others]
        rows.append((sum(terms) if terms else 0 * x.sum()) / len(x))
    loss = reduce(torch.stack(rows), reduction)
    agree(loss, F.multilabel_margin_loss, score, target, reduction=reduction)
    return loss


def signs(rng, shape):
    return 2 * rng.integers(0, 2, size=shape) - 1.0


def signed_cases(rng):
    for name, reference, x in (("hinge", hinge, "score"), ("squared_hinge", squared_hinge, "score"),
                               ("hinge_embedding", hinge_embedding, "pred")):
        def operands(shape=(3, 4), target=None):
            return {x: 2 * rng.normal(size=shape), "target": signs(rng, target or shape)}
        for options in ({}, {"margin": 0.25}, {"margin": 0}, {"margin": 3}):
            for reduction in REDUCTIONS:
                add_case(name, operands(), options, reduction, reference)
        for shape, target in (((5,), (5,)), ((2, 3, 2), (2, 3, 2)), ((3, 4), (4,)), ((3, 1), (1, 4))):
            add_case(name, operands(shape, target), {}, "none", reference)
        add_case(name, {x: 0.5, "target": 1.0}, {}, "none", reference)
        for weight in ((), (4,), (3, 1), (3, 4)):
            for reduction in REDUCTIONS:
                add_case(name, {**operands(), "weight": rng.normal(size=weight)}, {}, reduction,
                         reference)
        kinks = {x: [1, -1, 1, -1, 1e4, -1e4, 1e4, -1e4, 0], "target": [1, -1, -1, 1, 1, 1, -1, -1, 1.0]}
        for reduction in REDUCTIONS:
            add_case(name, kinks, {}, reduction, reference)
    limits = {"score": [FLOAT_MAX, -FLOAT_MAX, 1e30], "target": [1, 1, -1.0]}
    add_case("hinge", limits, {}, "none", hinge)
    add_case("hinge_embedding", {"pred": limits["score"], "target": [1, -1, -1.0]}, {}, "none",
             hinge_embedding)
    add_case("squared_hinge", {"score": [1e18, -1e18], "target": [1, 1.0]}, {}, "none", squared_hinge)


def class_cases(rng):
    for shape in ((3, 5), (1, 2), (6, 3), (2, 1)):
        target = rng.integers(0, shape[1], size=shape[0])
        for margin in (1, 0.25, 0, 4):
            for reduction in REDUCTIONS:
                operands = {"score": rng.normal(size=shape), "target": target}
                weights = {"class_weight": rng.uniform(0.2, 2, size=shape[1])}
                if margin > 0 or shape == (3, 5):
                    add_case("multiclass_hinge", operands, {"margin": margin}, reduction,
                             multiclass_hinge)
                for p in (1, 2):
                    add_case("multi_margin", operands, {"margin": margin, "p": p}, reduction,
                             multi_margin)
                    add_case("multi_margin", {**operands, **weights}, {"margin": margin, "p": p},
                             reduction, multi_margin)
    extreme = {"score": [[1e4, -1e4, 0], [1e4, 1e4, 1e4], [1, 2, 0], [FLOAT_MAX, 0, 1e30]],
               "target": np.array([1, 0, 0, 0])}
    for reduction in ("none", "sum"):
        add_case("multiclass_hinge", extreme, {}, reduction, multiclass_hinge)
        add_case("multi_margin", extreme, {}, reduction, multi_margin)
    moderate = {"score": extreme["score"][:3], "target": np.array([1, 0, 0])}
    add_case("multi_margin", moderate, {"p": 2}, "none", multi_margin)


def label_cases(rng):
    targets = np.array([[0, 3, -1, 1, 2], [4, -1, -1, -1, -1], [-1, 0, 1, 2, 3], [0, 1, 2, 3, 4],
                        [2, 2, -1, -1, -1], [1, 0, 4, 2, -1]])
    for reduction in REDUCTIONS:
        add_case("multilabel_margin", {"score": rng.normal(size=(6, 5)), "target": targets}, {},
                 reduction, multilabel_margin)
        add_case("multilabel_margin", {"score": rng.normal(size=(2, 5)), "target": targets[1:3]}, {},
                 reduction, multilabel_margin)
        add_case("multilabel_margin", {"score": rng.normal(size=(1, 5)), "target": targets[2:3]}, {},
                 reduction, multilabel_margin)
        add_case("multilabel_margin", {"score": rng.normal(size=(2, 1)), "target": [[0], [-1]]}, {},
                 reduction, multilabel_margin)
    add_case("multilabel_margin", {"score": [[1, 0, 2, 1e4, -1e4], [FLOAT_MAX, 0, 1, 2, 3]],
                                   "target": targets[:2]}, {}, "none", multilabel_margin)


def errors():
    s = np.ones((3, 5))
    for name, x in (("hinge", "score"), ("squared_hinge", "score"), ("hinge_embedding", "pred")):
        add_error(name, {x: s, "target": np.ones((3, 4))}, mentions=[x + " (3,5)", "target (3,4)"])
        for bad in (0, 0.5, 2):
            y = np.ones((3, 5))
            y[2, 1] = bad
            add_error(name, {x: s, "target": y},
                      mentions=["target (3,5)", "%g at (2,1)" % bad, "-1 or +1"])
        add_error(name, {x: np.ones((0, 5)), "target": np.ones((0, 5))}, mentions=["empty"])
        add_error(name, {x: s, "target": s}, {"margin": -1}, mentions=["margin", "-1"])
        add_error(name, {x: s, "target": s, "weight": np.ones(3)}, mentions=["weight (3)", "(3,5)"])
    t = np.array([0, 1, 4])
    for name in ("multiclass_hinge", "multi_margin"):
        add_error(name, {"score": s, "target": t[:2]}, mentions=["score (3,5)", "target (2)"])
        add_error(name, {"score": np.ones((3, 5, 2)), "target": np.zeros((3, 2), int)},
                  mentions=["score (3,5,2)", "target (3,2)"])
        for bad in (-1, 5):
            add_error(name, {"score": s, "target": np.array([0, bad, 1])},
                      mentions=["target (3)", "%d at (1)" % bad, "0 to 4"])
        add_error(name, {"score": s, "target": t}, {"margin": float("nan")}, mentions=["margin"])
        add_error(name, {"score": np.ones((0, 5)), "target": np.zeros(0, int)}, mentions=["empty"])
    for p in (0, 3, 1.5):
        add_error("multi_margin", {"score": s, "target": t}, {"p": p}, mentions=["p is %g" % p])
    add_error("multi_margin", {"score": s, "target": t, "class_weight": np.ones(3)},
              mentions=["class_weight (3)", "score (3,5)"])
    labels = np.array([[0, 1, -1, -1, -1]] * 3)
    add_error("multilabel_margin", {"score": s, "target": t}, mentions=["score (3,5)", "target (3)"])
    for bad in (-2, 5):
        wrong = labels.copy()
        wrong[1, 4] = bad
        add_error("multilabel_margin", {"score": s, "target": wrong},
                  mentions=["target (3,5)", "%d at (1,4)" % bad, "0 to 4"])


def cases(rng):
    signed_cases(rng)
    class_cases(rng)
    label_cases(rng)
    errors()


if __name__ == "__main__":
    main("margin", cases)
