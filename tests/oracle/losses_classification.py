"""Cases of losses/classification.h and losses/focal.h. See loss_cases.py.

References: PyTorch where it has the loss (each formula below is compared with it as the cases are made),
torchvision's published formula for focal, and the definitions in the documentation for the rest. PyTorch's
nll has no gradient for weights and its bce has one for a clamped logarithm, so formulas are what is
differentiated."""
import os
import sys

import mpmath
import numpy as np
import torch
import torch.nn.functional as F

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from loss_cases import (FLOAT_MAX, REDUCTIONS, add_case, add_error, elementwise, main,  # noqa: E402
                        reduce)

INF = float("inf")


def agree(ours, function, *operands, **options):
    with torch.no_grad():
        theirs = function(*operands, **options)
    assert torch.allclose(ours, theirs, rtol=1e-9, atol=1e-11, equal_nan=True), (ours, theirs)


def safe_product(a, b):
    """a b, 0 where a = 0 and b is infinite."""
    absent = (a == 0) & torch.isinf(b)
    return torch.where(absent, torch.zeros(()), a * torch.where(absent, torch.zeros(()), b))


def column(weight, x):
    return weight.reshape([-1] + [1] * (x.dim() - 2))


# -- Binary ----------------------------------------------------------------------------------------


@elementwise
def bce(prob, target):
    tiny = float(np.exp(-100))
    p = torch.where(prob > tiny, prob, torch.ones(()))
    log_p = torch.where(prob > tiny, p.log(), torch.full((), -100.0))
    q = torch.where(prob < 1, prob, torch.zeros(()))
    log_q = torch.where(prob < 1, torch.log1p(-q), torch.full((), -100.0))
    loss = -(target * log_p + (1 - target) * log_q)
    agree(loss, F.binary_cross_entropy, prob, target, reduction="none")
    return loss


@elementwise
def bce_with_logits(logits, target, pos_weight=None, label_smoothing=0.0):
    y = target * (1 - label_smoothing) + label_smoothing / 2
    w = torch.ones(()) if pos_weight is None else pos_weight
    loss = -(w * y * F.logsigmoid(logits) + (1 - y) * F.logsigmoid(-logits))
    if torch.isfinite(logits).all():
        agree(loss, F.binary_cross_entropy_with_logits, logits, y, pos_weight=pos_weight,
              reduction="none")
    return loss


@elementwise
def soft_margin(score, target):
    loss = -F.logsigmoid(target * score)
    if score.abs().max() < 700:
        agree(loss, F.soft_margin_loss, score, target, reduction="none")
    return loss


def multilabel_soft_margin(logits, target, class_weight=None, reduction="mean"):
    loss = -(target * F.logsigmoid(logits) + (1 - target) * F.logsigmoid(-logits))
    loss = (loss if class_weight is None else loss * class_weight).sum(1) / logits.shape[1]
    loss = reduce(loss, reduction)
    agree(loss, F.multilabel_soft_margin_loss, logits, target, class_weight, reduction=reduction)
    return loss


@elementwise
def focal(logits, target, alpha=0.25, gamma=2.0):
    """torchvision.ops.sigmoid_focal_loss, with 1 - p_t in a form that does not cancel."""
    ce = -(target * F.logsigmoid(logits) + (1 - target) * F.logsigmoid(-logits))
    wrong = torch.sigmoid(logits) * (1 - target) + torch.sigmoid(-logits) * target
    loss = ce if gamma == 0 else ce * wrong ** gamma
    if alpha >= 0:
        loss = (alpha * target + (1 - alpha) * (1 - target)) * loss
    return loss


# -- Of C classes ----------------------------------------------------------------------------------


def mean_over_targets(loss, weights, reduction):
    if reduction == "mean":
        total = weights.sum()
        return loss.sum() / total if total != 0 else loss.sum() * 0
    return reduce(loss, reduction)


def pick(x, target):
    return x.gather(1, target.unsqueeze(1)).squeeze(1)


def nll(log_prob, target, class_weight=None, ignore_index=-100, reduction="mean"):
    counts = target != ignore_index
    index = torch.where(counts, target, 0)
    w = torch.ones(log_prob.shape[1]) if class_weight is None else class_weight
    weights = torch.where(counts, w[index], torch.zeros(()))
    loss = safe_product(weights, -pick(log_prob, index))
    loss = mean_over_targets(loss, weights, reduction)
    if weights.sum() != 0:
        agree(loss, F.nll_loss, log_prob, target, class_weight, ignore_index=ignore_index,
                               reduction=reduction)
    return loss


def cross_entropy(logits, target, class_weight=None, ignore_index=-100, label_smoothing=0.0,
                  reduction="mean"):
    if target.is_floating_point():
        return soft_cross_entropy(logits, target, class_weight, label_smoothing, reduction)
    counts = target != ignore_index
    index = torch.where(counts, target, 0)
    w = torch.ones(logits.shape[1]) if class_weight is None else class_weight
    weights = torch.where(counts, w[index], torch.zeros(()))
    minus_log = -F.log_softmax(logits, 1)
    loss = (1 - label_smoothing) * safe_product(weights, pick(minus_log, index))
    if label_smoothing > 0:
        every = safe_product(column(w, logits), minus_log).sum(1)
        loss = loss + label_smoothing / logits.shape[1] * torch.where(counts, every, torch.zeros(()))
    loss = mean_over_targets(loss, weights, reduction)
    if weights.sum() != 0 and torch.isfinite(minus_log).all():
        agree(loss, F.cross_entropy, logits, target, class_weight, ignore_index=ignore_index,
                                    label_smoothing=label_smoothing, reduction=reduction)
    return loss


def soft_cross_entropy(logits, target, class_weight, label_smoothing, reduction):
    q = target * (1 - label_smoothing) + label_smoothing / logits.shape[1]
    if class_weight is not None:
        q = q * column(class_weight, logits)
    loss = safe_product(q, -F.log_softmax(logits, 1)).sum(1)
    loss = reduce(loss, reduction)
    if torch.isfinite(logits).all():
        agree(loss, F.cross_entropy, logits, target, class_weight, label_smoothing=label_smoothing,
                                    reduction=reduction)
    return loss


def categorical_cross_entropy(prob, target, eps=1e-7, reduction="mean"):
    return reduce(-(target * prob.clamp(eps, 1 - eps).log()).sum(1), reduction)


def sparse_categorical_cross_entropy(prob, target, eps=1e-7, reduction="mean"):
    return reduce(-pick(prob, target).clamp(eps, 1 - eps).log(), reduction)


def softmax_focal(logits, target, class_alpha=None, alpha=0.25, gamma=2.0, reduction="mean"):
    log_p = F.log_softmax(logits, 1)
    own = F.one_hot(target, logits.shape[1]).movedim(-1, 1).bool()
    others = torch.where(own, torch.zeros(()), log_p.exp()).sum(1)
    loss = -pick(log_p, target)
    if gamma > 0:
        loss = loss * others ** gamma
    if class_alpha is not None:
        loss = class_alpha[target] * loss
    elif alpha >= 0:
        loss = alpha * loss
    return reduce(loss, reduction)


def kl_div(log_q, p, weight=None, log_target=False, reduction="mean"):
    absent = p == -INF if log_target else p == 0
    q = torch.where(absent, torch.zeros(()), log_q)
    inner = torch.where(absent, torch.ones(()), p)
    loss = inner.exp() * (inner - q) if log_target else inner * (inner.log() - q)
    loss = torch.where(absent, torch.zeros(()), loss)
    if not absent.any():
        agree(loss, F.kl_div, log_q, p, log_target=log_target, reduction="none")
    if weight is not None:
        loss = loss * weight
    return loss.sum() / log_q.shape[0] if reduction == "batchmean" else reduce(loss, reduction)


# -- Cases -----------------------------------------------------------------------------------------


def labels(rng, shape):
    return rng.integers(0, 2, size=shape).astype(float)


def signs(rng, shape):
    return 2 * labels(rng, shape) - 1


def binary_cases(rng):
    draws = {"bce": (bce, "prob", lambda s: rng.uniform(0.05, 0.95, size=s), labels, [{}]),
             "bce_with_logits": (bce_with_logits, "logits", lambda s: 2 * rng.normal(size=s), labels,
                                 [{}, {"label_smoothing": 0.1}, {"label_smoothing": 1}]),
             "soft_margin": (soft_margin, "score", lambda s: 2 * rng.normal(size=s), signs, [{}]),
             "focal": (focal, "logits", lambda s: 2 * rng.normal(size=s), labels,
                       [{}, {"alpha": -1}, {"alpha": 0.75, "gamma": 0}, {"gamma": 1},
                        {"gamma": 0.5}, {"gamma": 5}, {"alpha": -1, "gamma": 1.5}])}
    for name, (reference, x, draw, target, parameters) in draws.items():
        for options in parameters:
            for reduction in REDUCTIONS:
                add_case(name, {x: draw((3, 4)), "target": target(rng, (3, 4))}, options, reduction,
                         reference)
        for shape in ((), (5,), (2, 3, 2), (1, 1)):
            add_case(name, {x: draw(shape), "target": target(rng, shape)}, {}, "none", reference)
        for weight in ((), (4,), (3, 1), (3, 4)):
            for reduction in REDUCTIONS:
                operands = {x: draw((3, 4)), "target": target(rng, (3, 4)),
                            "weight": rng.normal(size=weight)}
                add_case(name, operands, {}, reduction, reference)
        if name != "soft_margin":
            for options in parameters:
                soft = rng.uniform(0.05, 0.95, size=(3, 4))
                add_case(name, {x: draw((3, 4)), "target": soft}, options, "none", reference)
    for shape in ((4,), (1,), (), (3, 1), (3, 4)):
        for reduction in REDUCTIONS:
            operands = {"logits": rng.normal(size=(3, 4)), "target": labels(rng, (3, 4)),
                        "pos_weight": rng.uniform(0.5, 4, size=shape)}
            add_case("bce_with_logits", operands, {}, reduction, bce_with_logits)
            add_case("bce_with_logits", operands, {"label_smoothing": 0.25}, reduction,
                     bce_with_logits)
    add_case("soft_margin", {"score": rng.normal(size=(3, 4)), "target": signs(rng, 4)}, {}, "none",
             soft_margin)


def binary_extremes(rng):
    p = np.array([0, 0, 1, 1, 0, 1, 1e-30, 1 - 2.0 ** -24, 1e-7, 0.5])
    y = np.array([0, 1, 0, 1, 0.5, 0.25, 1, 0, 0, 0.5])
    for reduction in REDUCTIONS:
        add_case("bce", {"prob": p, "target": y}, {}, reduction, bce, float_orders=1)
    add_case("bce", {"prob": np.array([1e-44, 3e-45, 1e-42]), "target": np.array([1, 0.5, 0.0])}, {},
             "none", bce, float_orders=0)
    z = np.array([1e4, -1e4, 1e4, -1e4, 88, -88, 30, -30, 700, -700, 0, 1e-6, 1e4, -1e4, 17, 90])
    y = np.array([1, 0, 0, 1, 1, 0, 1, 0, 1, 0, 1, 0, 0.3, 1.5, -0.5, 2])
    for options in ({}, {"label_smoothing": 0.1}):
        for reduction in REDUCTIONS:
            add_case("bce_with_logits", {"logits": z, "target": y}, options, reduction,
                     bce_with_logits)
            add_case("bce_with_logits", {"logits": z, "target": y, "pos_weight": [3.0]}, options,
                     reduction, bce_with_logits)
    limits = np.array([FLOAT_MAX, -FLOAT_MAX, -1e30, 1e20])
    add_case("bce_with_logits", {"logits": limits, "target": [1, 0, 0.5, 0]}, {}, "none",
             bce_with_logits)
    add_case("bce_with_logits", {"logits": limits, "target": [0, 1, 0, 1.0]}, {}, "none",
             bce_with_logits)
    add_case("soft_margin", {"score": z[:12], "target": np.where(y[:12] > 0.5, 1, -1.0)}, {}, "none",
             soft_margin)
    add_case("soft_margin", {"score": limits, "target": [1, 1, -1, -1.0]}, {}, "none", soft_margin,
             float_orders=1)


def focal_by_hand(z, y, alpha, gamma):
    """Value and first derivatives of an element with y = 0 or 1, in 60 digits."""
    mpmath.mp.dps = 60
    z, y = mpmath.mpf(float(z)), int(y)
    s = 1 / (1 + mpmath.exp(-z))
    other = 1 / (1 + mpmath.exp(z))
    ce = mpmath.log1p(mpmath.exp(-z)) if y == 1 else mpmath.log1p(mpmath.exp(z))
    u = other if y == 1 else s
    a, da = (1, 0) if alpha < 0 else (alpha if y == 1 else 1 - mpmath.mpf(alpha), 2 * alpha - 1)
    slope = -s if y == 1 else other
    d_ce = -other if y == 1 else s
    power = u ** gamma
    d_power_y = gamma * u ** (gamma - 1) * (other - s) if gamma > 0 else 0
    return (float(a * power * ce), float(a * power * (d_ce + gamma * ce * slope)),
            float(da * power * ce + a * (power * -z + d_power_y * ce)))


def focal_extremes():
    """Beyond |z| = 30 torchvision's formula has 0 times infinity for gamma < 1."""
    z = np.array([1e4, -1e4, 1e4, -1e4, 95, -95, 95, -95, 101, -101, 50, -50, 17, -17, 700, -700.0])
    y = np.array([1, 1, 0, 0, 1, 1, 0, 0, 1, 0, 1, 0, 1, 0, 1, 0.0])
    note = "reference in 60 digits"
    for gamma in (0, 0.1, 0.5, 1, 1.5, 2, 5):
        for alpha in (0.25, -1):
            value, dz, dy = np.array([focal_by_hand(a, b, alpha, gamma) for a, b in zip(z, y)]).T
            add_case("focal", {"logits": z, "target": y}, {"alpha": alpha, "gamma": gamma}, "none",
                     focal, note=note, value=value, grad={"logits": dz, "target": dy}, orders=1)
    moderate = np.array([20, -20, 20, -20, 8, -8, 0, 0, 1e-6])
    y = np.array([1, 1, 0, 0, 1, 0, 0, 1, 1.0])
    for gamma in (0, 0.5, 1, 2, 3):
        add_case("focal", {"logits": moderate, "target": y}, {"gamma": gamma}, "none", focal,
                 float_orders=2 if gamma > 1 else 1)
        soft = np.array([0.9, 0.1, 1e-3, 0.999, 0.5, 0.3, 0.2, 0.7, 0.6])
        add_case("focal", {"logits": 20 * moderate, "target": soft}, {"gamma": gamma}, "none", focal)


SHAPES = [((3, 5), (3,)), ((1, 2), (1,)), ((2, 4, 3), (2, 3)), ((2, 3, 2, 4), (2, 2, 4)),
          ((4, 1), (4,)), ((2, 3, 1, 2, 1, 2), (2, 1, 2, 1, 2)), ((1, 3, 260), (1, 260)),
          ((2, 150), (2,))]


def indices(rng, shape, target):
    return rng.integers(0, shape[1], size=target)


def distribution(rng, shape):
    x = rng.uniform(0.1, 1, size=shape)
    return x / x.sum(1, keepdims=True)


def class_cases(rng):
    losses = {"cross_entropy": (cross_entropy, "logits", lambda s: 2 * rng.normal(size=s),
                                [{}, {"label_smoothing": 0.1}, {"label_smoothing": 1}]),
              "nll": (nll, "log_prob", lambda s: np.log(distribution(rng, s)), [{}]),
              "sparse_categorical_cross_entropy": (sparse_categorical_cross_entropy, "prob",
                                                   lambda s: distribution(rng, s), [{}, {"eps": 0.2}]),
              "softmax_focal": (softmax_focal, "logits", lambda s: 2 * rng.normal(size=s),
                                [{}, {"alpha": -1, "gamma": 0}, {"gamma": 0.5}, {"alpha": 2},
                                 {"gamma": 1}, {"gamma": 5, "alpha": 1}])}
    for name, (reference, x, draw, parameters) in losses.items():
        for options in parameters:
            for reduction in REDUCTIONS:
                add_case(name, {x: draw((3, 5)), "target": indices(rng, (3, 5), 3)}, options, reduction,
                         reference)
        for shape, target in SHAPES:
            if shape == (4, 1) and name == "softmax_focal":
                continue
            add_case(name, {x: draw(shape), "target": indices(rng, shape, target)}, {},
                     "none" if np.prod(target) < 100 else "mean", reference)
    for shape, target in SHAPES[:6]:
        for reduction in REDUCTIONS:
            operands = {"target": indices(rng, shape, target),
                        "class_weight": rng.uniform(0.2, 2, size=shape[1])}
            add_case("nll", {"log_prob": np.log(distribution(rng, shape)), **operands}, {}, reduction,
                     nll)
            logits = {"logits": rng.normal(size=shape), **operands}
            add_case("cross_entropy", logits, {}, reduction, cross_entropy)
            add_case("cross_entropy", logits, {"label_smoothing": 0.2}, reduction, cross_entropy)
            if shape[1] > 1:
                add_case("softmax_focal", {"logits": logits["logits"], "target": operands["target"],
                                           "class_alpha": operands["class_weight"]}, {}, reduction,
                         softmax_focal)


def ignored_cases(rng):
    for shape, target in SHAPES[:5]:
        for ignore in (-100, 1, 255):
            index = indices(rng, shape, target)
            index = np.where(rng.uniform(size=target) < 0.4, ignore, index)
            for options in ({}, {"label_smoothing": 0.3}):
                for weight in (None, rng.uniform(0.2, 2, size=shape[1])):
                    for reduction in REDUCTIONS:
                        operands = {"target": index, "class_weight": weight}
                        options = {**options, "ignore_index": ignore}
                        add_case("cross_entropy", {"logits": rng.normal(size=shape), **operands},
                                 options, reduction, cross_entropy)
                        if "label_smoothing" not in options:
                            add_case("nll", {"log_prob": rng.normal(size=shape), **operands}, options,
                                     reduction, nll, float_orders=1 if shape[1] == 1 else 2)
    for shape, target in SHAPES[:3]:
        none = np.full(target, -100)
        for options in ({}, {"label_smoothing": 0.3}):
            for reduction in REDUCTIONS:
                add_case("cross_entropy", {"logits": rng.normal(size=shape), "target": none}, options,
                         reduction, cross_entropy)
                add_case("cross_entropy", {"logits": rng.normal(size=shape), "target": none,
                                           "class_weight": np.ones(shape[1])}, options, reduction,
                         cross_entropy)
        for reduction in REDUCTIONS:
            add_case("nll", {"log_prob": rng.normal(size=shape), "target": none}, {}, reduction, nll)
    zero = {"target": np.array([0, 1, 1]), "class_weight": np.array([0, 0, 1.0])}
    add_case("cross_entropy", {"logits": rng.normal(size=(3, 3)), **zero}, {}, "sum", cross_entropy)
    add_case("cross_entropy", {"logits": rng.normal(size=(3, 3)), **zero}, {}, "mean", cross_entropy,
             orders=1, note="weights of 0 in all: the mean is 0 without gradient",
             grad={"class_weight": None})


def soft_cases(rng):
    for shape in ((3, 5), (2, 3, 4), (1, 2), (2, 3, 2, 2)):
        for options in ({}, {"label_smoothing": 0.1}, {"label_smoothing": 1}):
            for weight in (None, rng.uniform(0.2, 2, size=shape[1])):
                for reduction in REDUCTIONS:
                    add_case("cross_entropy",
                             {"logits": rng.normal(size=shape), "target": distribution(rng, shape),
                              "class_weight": weight}, options, reduction, cross_entropy)
        for eps in (1e-7, 0.2):
            for reduction in REDUCTIONS:
                operands = {"prob": distribution(rng, shape), "target": distribution(rng, shape)}
                add_case("categorical_cross_entropy", operands, {"eps": eps}, reduction,
                         categorical_cross_entropy)
    for weight in (None, rng.uniform(0.2, 2, size=5)):
        for reduction in REDUCTIONS:
            add_case("multilabel_soft_margin",
                     {"logits": 2 * rng.normal(size=(3, 5)), "target": labels(rng, (3, 5)),
                      "class_weight": weight}, {}, reduction, multilabel_soft_margin)
    add_case("multilabel_soft_margin", {"logits": [[1e4, -1e4, 1e4, -1e4, 0]],
                                        "target": [[1.0, 0, 0, 1, 0.5]]}, {}, "none",
             multilabel_soft_margin)
    one_hot = np.eye(3)[[0, 2]]
    add_case("categorical_cross_entropy", {"prob": one_hot, "target": np.eye(3)[[0, 1]]}, {}, "none",
             categorical_cross_entropy)
    add_case("sparse_categorical_cross_entropy", {"prob": one_hot, "target": np.array([0, 1])}, {},
             "none", sparse_categorical_cross_entropy)


def class_extremes():
    z = np.array([[1e4, -1e4, 0], [1e4, -1e4, 0], [1e4, 1e4, 1e4], [800, 700, 0], [-1e4, -1e4, -9e3],
                  [40, 0, 0], [-40, 0, 0], [1e-6, 0, -1e-6]])
    t = np.array([0, 1, 2, 0, 2, 0, 0, 1])
    for reduction in REDUCTIONS:
        for options in ({}, {"label_smoothing": 0.1}):
            add_case("cross_entropy", {"logits": z, "target": t}, options, reduction, cross_entropy)
        for gamma in (0, 0.5, 1, 2):
            moderate = np.clip(z, -300, 300)
            add_case("softmax_focal", {"logits": moderate, "target": t}, {"gamma": gamma}, reduction,
                     softmax_focal, orders=2 if gamma != 0.5 else 1, float_orders=2 if gamma > 1 else 1)
        add_case("cross_entropy", {"logits": z, "target": np.eye(3)[t]}, {}, reduction, cross_entropy)
    add_case("softmax_focal", {"logits": z, "target": t}, {}, "none", softmax_focal)
    add_case("softmax_focal", {"logits": [[1e4, -1e4], [-1e4, 1e4]], "target": np.array([0, 0])},
             {"gamma": 0.5, "alpha": 1}, "none", softmax_focal, note="limits", value=[0, 2e4],
             grad={"logits": [[0, 0], [-1, 1]]}, orders=1)
    columns = np.moveaxis(z.reshape(2, 4, 3), 2, 1)
    add_case("cross_entropy", {"logits": columns, "target": t.reshape(2, 4)}, {}, "none",
             cross_entropy)
    limits = np.array([[FLOAT_MAX, 0, -FLOAT_MAX], [FLOAT_MAX, FLOAT_MAX, 0], [-FLOAT_MAX] * 3,
                       [0, FLOAT_MAX, 1e30]])
    add_case("cross_entropy", {"logits": limits, "target": np.array([0, 1, 2, 0])}, {}, "none",
             cross_entropy)
    add_case("cross_entropy", {"logits": limits[..., None].repeat(2, -1),
                               "target": np.array([0, 1, 2, 0])[:, None].repeat(2, -1)}, {}, "none",
             cross_entropy)
    single = {"logits": np.array([[3.0], [-1e4]]), "target": np.array([0, 0])}
    add_case("softmax_focal", single, {}, "none", softmax_focal, note="one class: certain", value=[0, 0],
             grad={"logits": [[0], [0]]}, grad2={"logits": [[0], [0]]})


def infinite_logits():
    """Excluded classes: a logit of -inf."""
    z = np.array([[1, -INF, 0.5], [-INF, 2, -INF], [0, 1, -INF]])
    t = np.array([0, 1, 1])
    note = "the limit as the logit goes to -inf"
    first = {}
    for i in range(3):
        p = np.exp(z[i] - z[i].max())
        p /= p.sum()
        first[i] = p - np.eye(3)[t[i]]
    grad = np.array([first[i] for i in range(3)])
    value = [np.log1p(np.exp(-0.5)), 0, np.log1p(np.exp(-1.0))]
    add_case("cross_entropy", {"logits": z, "target": t}, {}, "none", cross_entropy, note=note,
             value=value, grad={"logits": grad}, orders=1)
    add_case("cross_entropy", {"logits": z, "target": t}, {"label_smoothing": 0.1}, "none",
             cross_entropy, note="smoothing puts weight on an excluded class", value=[INF] * 3, orders=0)
    w = np.array([1.0, 2, 0])
    add_case("cross_entropy", {"logits": z[2:], "target": t[2:], "class_weight": w},
             {"label_smoothing": 0.3}, "none", cross_entropy, note=note, orders=1,
             value=[0.7 * 2 * value[2] + 0.1 * (np.log1p(np.e) + 2 * value[2])],
             grad={"logits": [0.7 * 2 * grad[2] + 0.1 * (1 * (grad[2] + [-1, 1, 0]) + 2 * grad[2])],
                   "class_weight": None})
    add_case("cross_entropy", {"logits": z, "target": np.eye(3)[t]}, {}, "none", cross_entropy,
             note=note, value=value, grad={"logits": grad, "target": None}, orders=1)
    add_case("cross_entropy", {"logits": [[-INF, 0.0]], "target": np.array([0])}, {}, "none",
             cross_entropy, note=note, value=[INF], orders=0)
    columns = np.stack([z, z], 2)
    add_case("cross_entropy", {"logits": columns, "target": np.stack([t, t], 1)}, {}, "sum",
             cross_entropy, note=note, value=2 * sum(value), orders=1,
             grad={"logits": np.stack([grad, grad], 2)})
    add_case("bce_with_logits", {"logits": [INF, -INF, INF, -INF], "target": [1.0, 0, 0, 1]}, {}, "none",
             bce_with_logits, note=note, value=[0, 0, INF, INF], orders=1,
             grad={"logits": [0, 0, 1, -1], "target": [-INF, INF, -INF, INF]})
    add_case("nll", {"log_prob": [[0, -INF]], "target": np.array([0])}, {}, "mean", nll)
    add_case("nll", {"log_prob": [[-INF, 0.0], [-1, -INF]], "target": np.array([0, -100])}, {}, "sum",
             nll)


def divergences(rng):
    for options in ({}, {"log_target": True}):
        def operands(q=(3, 4), p=(3, 4)):
            p = rng.uniform(0.05, 1, size=p)
            return {"log_q": np.log(rng.uniform(0.05, 1, size=q)),
                    "p": np.log(p) if options else p}
        for reduction in REDUCTIONS + ("batchmean",):
            add_case("kl_div", operands(), options, reduction, kl_div)
            add_case("kl_div", operands((2, 3, 4), (2, 3, 4)), options, reduction, kl_div)
            add_case("kl_div", {**operands(), "weight": rng.normal(size=4)}, options, reduction, kl_div)
        add_case("kl_div", operands((3, 4), (4,)), options, "none", kl_div)
    p = np.array([0, 0, 1, 0.5, 1e-30, 0])
    q = np.array([-1, -INF, 0, -1e4, -1, 1e30])
    for reduction in REDUCTIONS + ("batchmean",):
        add_case("kl_div", {"log_q": q, "p": p}, {}, reduction, kl_div, float_orders=2)
        log_p = np.array([-INF, -INF, 0, -1, -1e4, -INF])
        add_case("kl_div", {"log_q": q, "p": log_p}, {"log_target": True}, reduction, kl_div)
    add_case("kl_div", {"log_q": [-INF, -1], "p": [0.5, 0.5]}, {}, "none", kl_div, orders=0)


def errors():
    z, t = np.ones((3, 5)), np.array([0, 1, 4])
    empty = np.ones((0, 5))
    for name, x in (("bce", "prob"), ("bce_with_logits", "logits"), ("focal", "logits")):
        add_error(name, {x: z, "target": np.ones((3, 4))}, mentions=[x + " (3,5)", "target (3,4)"])
        add_error(name, {x: z, "target": np.ones((3, 1))}, mentions=[x + " (3,5)", "target (3,1)"])
        add_error(name, {x: empty, "target": empty}, mentions=[x + " (0,5)", "empty"])
        add_error(name, {x: z}, mentions=["target"])
        add_error(name, {x: z, "target": z, "weight": np.ones(4)}, mentions=["weight (4)", "(3,5)"])
        add_error(name, {x: z, "target": z.astype(int)}, mentions=["target", "integers"])
    for value in (-0.125, 1.5, float("nan")):
        add_error("bce", {"prob": [0.5, value], "target": [0.0, 1]},
                  mentions=["prob (2)", "%g" % value, "(1)", "0 to 1"])
    add_error("bce_with_logits", {"logits": z, "target": z, "pos_weight": np.ones(4)},
              mentions=["pos_weight (4)", "logits (3,5)"])
    add_error("soft_margin", {"score": z, "target": np.zeros((3, 5))},
              mentions=["target (3,5)", "0 at (0,0)", "-1 or +1"])
    add_error("soft_margin", {"score": z, "target": np.ones(4)}, mentions=["score (3,5)", "target (4)"])
    for name, x in (("cross_entropy", "logits"), ("nll", "log_prob"), ("softmax_focal", "logits"),
                    ("sparse_categorical_cross_entropy", "prob")):
        add_error(name, {x: z, "target": np.array([0, 1])}, mentions=[x + " (3,5)", "target (2)"])
        add_error(name, {x: z, "target": t[:, None]}, mentions=[x + " (3,5)", "target (3,1)"])
        add_error(name, {x: z[0], "target": np.array(1)}, mentions=[x + " (5)", "target"])
        add_error(name, {x: np.ones((3, 5, 2)), "target": t}, mentions=[x + " (3,5,2)", "target (3)"])
        for bad in (5, -1, 7):
            add_error(name, {x: z, "target": np.array([0, 1, bad])},
                      mentions=["target (3)", "%d at (2)" % bad, "0 to 4"])
        add_error(name, {x: empty, "target": np.ones(0, int)}, mentions=[x + " (0,5)", "empty"])
        add_error(name, {x: z.astype(int), "target": t}, mentions=[x, "integers"])
    for name, x in (("cross_entropy", "logits"), ("nll", "log_prob")):
        add_error(name, {x: z, "target": t, "class_weight": np.ones(4)},
                  mentions=["class_weight (4)", x + " (3,5)"])
        add_error(name, {x: z, "target": t, "class_weight": np.ones((1, 5))},
                  mentions=["class_weight (1,5)", x + " (3,5)"])
        add_error(name, {x: z, "target": t}, {"ignore_index": 0.5}, mentions=["ignore_index"])
    add_error("softmax_focal", {"logits": z, "target": t, "class_alpha": np.ones(4)},
              mentions=["class_alpha (4)"])
    add_error("cross_entropy", {"logits": z, "target": np.ones((3, 4))},
              mentions=["logits (3,5)", "target (3,4)"])
    add_error("categorical_cross_entropy", {"prob": z, "target": np.ones((3, 4))},
              mentions=["prob (3,5)", "target (3,4)"])
    add_error("categorical_cross_entropy", {"prob": np.ones(5), "target": np.ones(5)},
              mentions=["prob (5)"])
    add_error("multilabel_soft_margin", {"logits": z, "target": np.ones((3, 4))},
              mentions=["logits (3,5)", "target (3,4)"])
    add_error("multilabel_soft_margin", {"logits": z, "target": z, "class_weight": np.ones(3)},
              mentions=["class_weight (3)", "logits (3,5)"])
    add_error("kl_div", {"log_q": z, "p": np.ones((3, 4))}, mentions=["log_q (3,5)", "p (3,4)"])
    add_error("kl_div", {"log_q": [-1.0, -1], "p": [0.5, -0.25]}, mentions=["p (2)", "-0.25", "(1)"])
    for value in (-0.1, 1.1, float("nan")):
        add_error("cross_entropy", {"logits": z, "target": t}, {"label_smoothing": value},
                  mentions=["label_smoothing"])
        add_error("bce_with_logits", {"logits": z, "target": z}, {"label_smoothing": value},
                  mentions=["label_smoothing"])
    for name, target in (("focal", z), ("softmax_focal", t)):
        add_error(name, {"logits": z, "target": target}, {"gamma": -1}, mentions=["gamma", "-1"])
        add_error(name, {"logits": z, "target": target}, {"gamma": INF}, mentions=["gamma"])
    add_error("focal", {"logits": z, "target": z}, {"alpha": 1.5}, mentions=["alpha", "1.5"])
    for eps in (0, 0.5, -1):
        add_error("categorical_cross_entropy", {"prob": z, "target": z}, {"eps": eps}, mentions=["eps"])


def cases(rng):
    binary_cases(rng)
    binary_extremes(rng)
    focal_extremes()
    class_cases(rng)
    ignored_cases(rng)
    soft_cases(rng)
    class_extremes()
    infinite_logits()
    divergences(rng)
    errors()


if __name__ == "__main__":
    main("classification", cases)
