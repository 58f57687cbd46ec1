"""Cases of losses/metrics_*.h, computed by scikit-learn, torchmetrics and pycocotools where they have
the metric, and else by a formula that is written down here.

Run from the repository root: python tests/oracle/metrics.py. See README.md here.
"""
import gzip
import json
import os
import sys
import warnings

import numpy as np
import torch
from sklearn import metrics as sk
from torchmetrics.functional import classification as tm

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cases import Cases, index, real  # noqa: E402

warnings.simplefilter("ignore")
rng = np.random.default_rng(1)
cases = Cases()


def add(op, operands, function, _id=None, **params):
    """function gets arrays of NumPy, returns a number or an array; integers stay integers."""
    def evaluate(*tensors):
        y = np.asarray(function(*(t.detach().numpy() for t in tensors)))
        return torch.as_tensor(y.astype(np.int64 if y.dtype.kind in "iu" else np.float64))
    ident = _id or str(sum(c["op"] == op for c in cases.cases))
    tensors = {n: index(x) if np.asarray(x).dtype.kind in "iu" else real(x)
               for n, x in operands.items()}
    cases.add(op, ident, evaluate, tensors, params or None, orders=0)


# -- Classes --

def classes_of(pred):
    """The classes of integers or of scores (N,C,d1..)."""
    return np.argmax(pred, 1).reshape(-1) if pred.dtype.kind == "f" else pred.reshape(-1)


def top_k(scores, target, k):
    """scikit-learn takes rows and wants more than 2 classes, k below C."""
    c = scores.shape[1]
    rows = np.moveaxis(scores, 1, -1).reshape(-1, c)
    if c > 2 and k < c:
        return sk.top_k_accuracy_score(target.reshape(-1), rows, k=k, labels=range(c))
    order = np.argsort(rows, axis=1, kind="mergesort")[:, ::-1][:, :k]
    return np.mean((order == target.reshape(-1, 1)).any(1))


def classification():
    def both(pred, target, c):
        operands = {"pred": np.asarray(pred), "target": np.asarray(target)}
        flat = lambda f: lambda p, t: f(t.reshape(-1), classes_of(p))
        add("accuracy", operands, flat(sk.accuracy_score))
        add("confusion_matrix", operands, flat(lambda t, p: sk.confusion_matrix(t, p, labels=range(c))),
            classes=c)
        add("class_report", operands, flat(lambda t, p: np.stack(sk.precision_recall_fscore_support(
            t, p, labels=range(c), zero_division=0), 1).astype(float)), classes=c)
        for average in ("binary", "macro", "micro", "weighted")[0 if c == 2 else 1:]:
            for name, f in (("precision", sk.precision_score), ("recall", sk.recall_score),
                            ("f1", sk.f1_score)):
                add(name, operands, flat(lambda t, p: f(t, p, average=average, zero_division=0)),
                    average=average)

    for c in (2, 3, 7):
        for n in (1, 5, 40):
            both(rng.integers(0, c, n), rng.integers(0, c, n), c)
            both(rng.normal(size=(n, c)), rng.integers(0, c, n), c)
    both(rng.integers(0, 4, (2, 3, 5)), rng.integers(0, 4, (2, 3, 5)), 6)
    both(rng.normal(size=(2, 4, 3, 5)), rng.integers(0, 4, (2, 3, 5)), 4)
    both(rng.integers(0, 2, (6, 4)).astype(float)[:, :3], rng.integers(0, 3, 6), 3)
    for same in (0, 1):
        both([same] * 4, [same] * 4, 2)
        both([same] * 4, [1 - same] * 4, 2)
    both([0, 1, 5, 5], [0, 2, 2, 5], 9)
    for shape in ((8, 5), (30, 10), (2, 6, 3, 2), (1, 3), (4, 2), (3, 1)):
        for k in sorted({1, 2, shape[1] - 1, shape[1]} - {0}):
            if k > shape[1]:
                continue
            target = rng.integers(0, shape[1], shape[:1] + shape[2:])
            for scores in (rng.normal(size=shape), rng.integers(0, 3, shape).astype(float)):
                add("top_k_accuracy", {"scores": scores, "target": target},
                    lambda s, t: top_k(s, t, k), k=k)


# -- Scores of two classes --

def curves(scores, labels):
    precision, recall, thresholds = sk.precision_recall_curve(labels, scores)
    return precision[:-1], recall[:-1], thresholds


def best_f1(scores, labels):
    f1 = [sk.f1_score(labels, scores >= t, zero_division=0) for t in np.unique(scores)]
    return [max(f1), np.unique(scores)[int(np.argmax(f1))] if max(f1) > 0 else np.nan]


def recall_at_precision(scores, labels, least):
    if labels.sum() == 0:
        return [0, np.nan]
    found = [(r, p, t) for p, r, t in zip(*curves(scores, labels)) if p >= least and r > 0]
    return [max(found)[0], max(found)[2]] if found else [0, np.nan]


def at_threshold(scores, labels, threshold):
    p = scores >= threshold
    return [sk.accuracy_score(labels, p), sk.precision_score(labels, p, zero_division=0),
            sk.recall_score(labels, p, zero_division=0), sk.f1_score(labels, p, zero_division=0)]


def roc_curve(scores, labels):
    return np.stack(sk.roc_curve(labels, scores, drop_intermediate=False), 1)


def pr_curve(scores, labels):
    precision, recall, thresholds = sk.precision_recall_curve(labels, scores)
    return np.stack([precision, recall, np.append(thresholds, np.inf)], 1)


def ranking():
    def both(scores, labels):
        operands = {"scores": np.asarray(scores, dtype=float), "labels": np.asarray(labels)}

        def flat(f, *parameters):
            return lambda s, t: f(s.reshape(-1), t.reshape(-1).astype(int), *parameters)
        add("roc_auc", operands, flat(lambda s, t: sk.roc_auc_score(t, s)))
        add("average_precision", operands, flat(lambda s, t: sk.average_precision_score(t, s)))
        add("roc_curve", operands, flat(roc_curve))
        add("pr_curve", operands, flat(pr_curve))
        add("best_f1", operands, flat(best_f1))
        for least in (0.1, 0.5, 0.75, 1.0):
            add("recall_at_precision", operands, flat(recall_at_precision, least), min_precision=least)
        for threshold in (0.0, 0.5, -1e9, 1e9):
            add("scores_at_threshold", operands, flat(at_threshold, threshold), threshold=threshold)

    for n in (2, 3, 10, 60):
        for _ in range(2):
            labels = rng.integers(0, 2, n)
            both(rng.normal(size=n) + labels, labels)
            both(rng.integers(0, 4, n) / 4 + labels / 4, labels.astype(float))
    both(rng.normal(size=(4, 1, 5)), rng.integers(0, 2, (4, 1, 5)))
    both([0.5] * 5, [0, 1, 1, 0, 1])
    both([0, -0.0, 0, 1], [0, 1, 1, 0])
    both([3, 2, 1, 0], [1, 1, 0, 0])
    both([0, 1, 2, 3], [1, 1, 0, 0])
    both([1e38, -1e38, 3e38, 1e-38], [1, 0, 1, 0])
    both([0.1, 0.2, 0.2], [0, 0, 0])
    both([0.1, 0.2, 0.2], [1, 1, 1])
    both([0.3], [1])
    both([0.3], [0])


def check_against_torchmetrics():
    """The formula above is torchmetrics'."""
    for _ in range(50):
        scores, labels = rng.integers(0, 20, 30) / 20, rng.integers(0, 2, 30)
        for least in (0.25, 0.5, 0.6, 0.75):
            theirs = tm.binary_recall_at_fixed_precision(torch.tensor(scores), torch.tensor(labels),
                                                         min_precision=least)
            np.testing.assert_allclose(recall_at_precision(scores, labels, least),
                                       [float(x) for x in theirs])


# -- Calibration --

def bins_of(p, right, n):
    b = np.minimum(np.searchsorted(np.arange(1, n + 1) / n, p, side="right"), n - 1)
    count = np.bincount(b, minlength=n)
    some = np.maximum(count, 1)
    return np.stack([np.bincount(b, p, n) / some, np.bincount(b, right, n) / some, count], 1)


def calibration_error(prob, target, n):
    """torchmetrics, which adds in float, except that it gives p = 1 a bin of its own."""
    if prob.shape == target.shape:
        p, right = prob.reshape(-1), target.reshape(-1)
        theirs = tm.binary_calibration_error(torch.tensor(prob), torch.tensor(target.astype(int)), n)
    else:
        p, right = prob.max(1).reshape(-1), (prob.argmax(1) == target).reshape(-1)
        theirs = tm.multiclass_calibration_error(torch.tensor(prob), torch.tensor(target),
                                                 num_classes=prob.shape[1], n_bins=n)
    table = bins_of(p, right, n)
    ours = (table[:, 2] * abs(table[:, 0] - table[:, 1])).sum() / len(p)
    if (p < 1).all():
        np.testing.assert_allclose(ours, float(theirs), rtol=1e-6, atol=1e-7)
    return ours


def reliability(prob, target, n):
    if prob.shape == target.shape:
        return bins_of(prob.reshape(-1), target.reshape(-1), n)
    return bins_of(prob.max(1).reshape(-1), (prob.argmax(1) == target).reshape(-1), n)


def calibration():
    def both(prob, target, bins):
        operands = {"prob": prob, "target": target}
        add("calibration_error", operands, lambda p, t: calibration_error(p, t, bins), bins=bins)
        add("reliability", operands, lambda p, t: reliability(p, t, bins), bins=bins)

    for bins in (1, 4, 10, 15):
        for n in (1, 7, 100):
            p = rng.uniform(size=n)
            both(p, (rng.uniform(size=n) < p).astype(float), bins)
            both(rng.dirichlet(np.ones(4), n), rng.integers(0, 4, n), bins)
        both(np.arange(bins + 1) / bins, rng.integers(0, 2, bins + 1), bins)
    both(rng.dirichlet(np.ones(3), (2, 5)).swapaxes(1, 2), rng.integers(0, 3, (2, 5)), 15)
    both(rng.uniform(size=(3, 2)), rng.integers(0, 2, (3, 2)), 15)
    both(np.array([1.0, 1, 0, 0]), np.array([1, 0, 0, 1]), 15)


# -- Predicted numbers --

def regression():
    def both(pred, target):
        operands = {"pred": np.asarray(pred, dtype=float), "target": np.asarray(target, dtype=float)}
        for name, f in (("mean_absolute_error", sk.mean_absolute_error),
                        ("median_absolute_error", sk.median_absolute_error),
                        ("root_mean_squared_error", sk.root_mean_squared_error),
                        ("r2_score", sk.r2_score)):
            add(name, operands, lambda p, t: f(t.reshape(-1), p.reshape(-1)))

    for shape in ((1,), (2,), (3,), (10,), (3, 4), (2, 3, 5), (101,)):
        target = rng.normal(size=shape)
        both(target + 0.3 * rng.normal(size=shape), target)
        both(rng.normal(size=shape), 1e4 + target)
    both([1.5, 2, 0], [1, 2, -3])
    both([1, 2, 3], [1, 2, 3])
    both([0.25, 0.25], [0.25, 0.25])
    both([0.25, 0.5], [0.25, 0.25])
    both([3e38, -3e38, 1e38], [-3e38, 3e38, 2e38])
    both([1e-38, 3e-38, 2e-38], [2e-38, 1e-38, 2e-38])
    for shape in ((1,), (20,), (3, 4)):
        low, width = rng.normal(size=shape), rng.uniform(-0.2, 2, size=shape)
        target = rng.normal(size=shape)
        for low, high, y in ((low, low + width, target), (target, target, target),
                             (target + 1, target + 2, target)):
            add("interval_coverage", {"low": low, "high": high, "target": y},
                lambda l, h, t: np.mean((l <= t) & (t <= h)))


# -- Masks --

def overlap():
    def both(pred, target, c):
        operands = {"pred": pred, "target": target}
        for name, f in (("iou", sk.jaccard_score), ("dice", sk.f1_score)):
            add("mean_" + name, operands, lambda p, t: f(
                t.reshape(-1), classes_of(p), average="macro", zero_division=0))
            add("class_" + name, operands, lambda p, t: f(
                t.reshape(-1), classes_of(p), labels=range(c), average=None, zero_division=0), classes=c)

    for c in (2, 4):
        both(rng.integers(0, c, (2, 6, 5)), rng.integers(0, c, (2, 6, 5)), c)
        both(rng.normal(size=(2, c, 6, 5)), rng.integers(0, c, (2, 6, 5)), c)
    both(np.array([0, 0, 3]), np.array([0, 3, 3]), 6)
    both(np.zeros((1, 4), int), np.zeros((1, 4), int), 2)
    both(np.zeros((1, 4), int), np.ones((1, 4), int), 2)


def main():
    check_against_torchmetrics()
    for family in (classification, ranking, calibration, regression, overlap):
        family()
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "metrics.json.gz")
    lines = [json.dumps(c, separators=(",", ":")) for c in cases.cases]
    text = '{"generator": "tests/oracle/metrics.py", "cases": [\n' + ",\n".join(lines) + "\n]}\n"
    with open(path, "wb") as f, gzip.GzipFile("", "wb", compresslevel=9, fileobj=f, mtime=0) as z:
        z.write(text.encode())
    print(f"{os.path.relpath(path)}: {len(lines)} cases, {os.path.getsize(path) / 1000:.0f} kB")


if __name__ == "__main__":
    main()
