"""Cases of losses/boxes.h. See loss_cases.py.

The references follow the definitions of torchvision 0.20's ops (generalized_box_iou_loss,
distance_box_iou_loss, complete_box_iou_loss), written in PyTorch. They differ in one place: the angle of
a box without width and height, atan(0/0) there, is 0 with gradient 0 here.
"""
import math
import os
import sys

import numpy as np
import torch

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from loss_cases import REDUCTIONS, add_case, add_error, main, reduce  # noqa: E402


def parts(pred, target, eps):
    """1 - IoU, the union, and width and height of the box around both."""
    x1, y1, x2, y2 = pred.unbind(-1)
    x1g, y1g, x2g, y2g = target.unbind(-1)
    left, top = torch.max(x1, x1g), torch.max(y1, y1g)
    right, bottom = torch.min(x2, x2g), torch.min(y2, y2g)
    overlap = (right > left) & (bottom > top)
    common = torch.where(overlap, (right - left) * (bottom - top), 0)
    union = (x2 - x1) * (y2 - y1) + (x2g - x1g) * (y2g - y1g) - common
    width = torch.max(x2, x2g) - torch.min(x1, x1g)
    height = torch.max(y2, y2g) - torch.min(y1, y1g)
    return 1 - common / (union + eps), union, width, height


def centres(pred, target, width, height, eps):
    d = (pred[:, :2] + pred[:, 2:]) / 2 - (target[:, :2] + target[:, 2:]) / 2
    return (d ** 2).sum(-1) / (width ** 2 + height ** 2 + eps)


def angle(box):
    w, h = box[:, 2] - box[:, 0], box[:, 3] - box[:, 1]
    point = (w == 0) & (h == 0)
    flat = ~point & (h == 0)
    # atan(w/h) = pi/2 - atan(h/w), which has a gradient where h = 0
    ratio = w / torch.where(flat | point, 1, h)
    inverse = h / torch.where(flat, w, 1)
    return torch.where(flat, math.pi / 2 - torch.atan(inverse), torch.where(point, 0, torch.atan(ratio)))


def iou_box(pred, target, eps=1e-7, reduction="mean"):
    return reduce(parts(pred, target, eps)[0], reduction)


def giou(pred, target, eps=1e-7, reduction="mean"):
    apart, union, width, height = parts(pred, target, eps)
    hull = width * height
    return reduce(apart + (hull - union) / (hull + eps), reduction)


def diou(pred, target, eps=1e-7, reduction="mean"):
    apart, _, width, height = parts(pred, target, eps)
    return reduce(apart + centres(pred, target, width, height, eps), reduction)


def ciou(pred, target, eps=1e-7, reduction="mean"):
    apart, _, width, height = parts(pred, target, eps)
    v = 4 / math.pi ** 2 * (angle(target) - angle(pred)) ** 2
    with torch.no_grad():
        alpha = v / (apart + v + eps)
    return reduce(apart + centres(pred, target, width, height, eps) + alpha * v, reduction)


LOSSES = [("iou_box", iou_box), ("giou", giou), ("diou", diou), ("ciou", ciou)]

# pred and target: disjoint, touching, one in the other, the same corner, far apart
PAIRS = np.array([
    [[0, 0, 1, 1], [2, 3, 4, 5]],
    [[0, 0, 1, 1], [1, 0, 2, 1]],
    [[0, 0, 1, 1], [1, 1, 3, 2]],
    [[0, 0, 4, 4], [1, 1, 2, 3]],
    [[1, 1, 2, 3], [0, 0, 4, 4]],
    [[0, 0, 2, 2], [0, 0, 3, 1]],
    [[-1e4, -1e4, 1e4, 1e4], [-1, -1, 1, 2]],
    [[0, 0, 1, 1], [1e4, 1e4, 1e4 + 8, 1e4 + 16]],
    [[-3, -2, -1, -1], [-2.5, -2, 0, 1]],
], dtype=float)

# a side of length 0, or both
FLAT = np.array([
    [[0, 0, 0, 2], [1, 1, 2, 3]],
    [[0, 0, 2, 0], [1, 1, 2, 3]],
    [[1, 1, 1, 1], [0, 0, 2, 2]],
    [[1, 1, 1, 1], [3, 4, 3, 4]],
    [[0, 0, 2, 2], [1, 1, 1, 2]],
], dtype=float)


def boxes(rng, n):
    corner = rng.uniform(-2, 2, size=(n, 2))
    return np.concatenate([corner, corner + rng.uniform(0.5, 3, size=(n, 2))], 1)


def cases(rng):
    for name, reference in LOSSES:
        for reduction in REDUCTIONS:
            for eps in (1e-7, 0.125):
                operands = {"pred": boxes(rng, 5), "target": boxes(rng, 5)}
                add_case(name, operands, {"eps": eps}, reduction, reference)
            add_case(name, {"pred": boxes(rng, 1), "target": boxes(rng, 1)}, {}, reduction, reference)
        for pred, target in PAIRS:
            add_case(name, {"pred": pred[None], "target": target[None]}, {}, "none", reference)
            add_case(name, {"pred": pred[None], "target": target[None]}, {"eps": 0.5}, "none",
                     reference)
        same = boxes(rng, 3)
        add_case(name, {"pred": same, "target": same}, {}, "none", reference, orders=1)
        add_case(name, {"pred": same, "target": same}, {"eps": 0.25}, "none", reference, orders=1)
        for pred, target in FLAT:
            add_case(name, {"pred": pred[None], "target": target[None]}, {"eps": 0.25}, "none",
                     reference, orders=1)
        ok, wrong = [[0, 0, 1, 1.0]], [[1, 0, 0.5, 1]]
        add_error(name, {"pred": wrong, "target": ok}, mentions=["pred (1,4)", "1 0 0.5 1", "row 0"])
        add_error(name, {"pred": ok, "target": [[0, 2, 1, 1.0]]}, mentions=["target (1,4)", "0 2 1 1"])
        add_error(name, {"pred": ok, "target": ok * 2}, mentions=["pred (1,4)", "target (2,4)"])
        add_error(name, {"pred": [[0, 0, 1.0]], "target": [[0, 0, 1.0]]}, mentions=["(1,3)", "(N,4)"])
        add_error(name, {"pred": np.zeros((0, 4)), "target": np.zeros((0, 4))}, mentions=["empty"])
        add_error(name, {"pred": ok, "target": ok}, {"eps": 0}, mentions=["eps is 0"])


if __name__ == "__main__":
    main("boxes", cases)
