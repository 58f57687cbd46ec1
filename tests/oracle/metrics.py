"""Cases of losses/metrics_*.h, computed by scikit-learn, torchmetrics and pycocotools where they have
the metric, and else by a formula that is written down here.

Run from the repository root: python tests/oracle/metrics.py. See README.md here.
"""
import contextlib
import gzip
import io
import json
import os
import sys
import warnings

import numpy as np
import torch
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from sklearn import metrics as sk
from sklearn.neighbors import KNeighborsClassifier
from torchmetrics.functional import classification as tm
from torchmetrics.functional.text import char_error_rate, edit_distance

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cases import Cases, index, real  # noqa: E402

warnings.simplefilter("ignore")
rng = np.random.default_rng(1)
cases = Cases()


def add(op, operands, function, **params):
    """function gets arrays of NumPy, returns a number or an array; integers stay integers."""
    def evaluate(*tensors):
        y = np.asarray(function(*(t.detach().numpy() for t in tensors)))
        return torch.as_tensor(y.astype(np.int64 if y.dtype.kind in "iu" else np.float64))
    ident = str(sum(c["op"] == op for c in cases.cases))
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


# -- Embeddings --

def nearest(train, test, k):
    """The rows of train nearest to each of test; of equally distant ones the earlier."""
    return np.argsort(((test[:, None] - train) ** 2).sum(-1), axis=1, kind="stable")[:, :k]


def knn_accuracy(train, train_labels, test, test_labels, k, ties):
    votes = np.array([np.bincount(train_labels[row]).argmax() for row in nearest(train, test, k)])
    accuracy = np.mean(votes == test_labels)
    if not ties:
        theirs = KNeighborsClassifier(k, algorithm="kd_tree").fit(train, train_labels)
        assert theirs.score(test, test_labels) == accuracy
    return accuracy


def recall_at_k(embeddings, labels, k):
    found = 0
    for i in range(len(labels)):
        others = np.delete(np.arange(len(labels)), i)
        found += labels[i] in labels[others[nearest(embeddings[others], embeddings[i:i + 1], k)[0]]]
    return found / len(labels)


def retrieval():
    for m, n, d, c in ((1, 3, 2, 2), (20, 10, 3, 3), (60, 30, 5, 4), (40, 20, 1, 10)):
        for ties in (False, True):
            draw = (lambda n: rng.integers(0, 3, (n, d)).astype(float)) if ties else \
                (lambda n: rng.normal(size=(n, d)))
            train, test = draw(m), draw(n)
            labels, truth = rng.integers(0, c, m), rng.integers(0, c, n)
            for k in sorted({1, min(3, m), min(4, m), m}):
                add("knn_accuracy", {"train": train, "train_labels": labels, "test": test,
                                     "test_labels": truth},
                    lambda *x: knn_accuracy(*x, k, ties), k=k)
            for k in (1, 2, n - 1):
                add("recall_at_k", {"embeddings": test, "labels": truth},
                    lambda e, t: recall_at_k(e, t, k), k=k)


# -- Sequences --

def text(symbols):
    return "".join(chr(100 + s) for s in symbols)


def sequences():
    for s, t in ((0, 0), (0, 3), (4, 0), (1, 1), (5, 5), (8, 3), (3, 9), (30, 25)):
        for symbols in (2, 5):
            a, b = rng.integers(-1, symbols, s), rng.integers(-1, symbols, t)
            add("edit_distance", {"pred": a, "target": b},
                lambda a, b: float(edit_distance(text(a), text(b), reduction="sum")) if t else float(s))
    same = np.array([7, 0, 7, 1])
    add("edit_distance", {"pred": same, "target": same}, lambda a, b: 0.0)

    def rate(p, pl, t, tl):
        p, t = [text(x[:n]) for x, n in zip(p, pl)], [text(x[:n]) for x, n in zip(t, tl)]
        errors = float(edit_distance(p, t, reduction="sum"))
        value = np.float64(errors) / sum(len(x) for x in t)  # torchmetrics divides in float
        np.testing.assert_allclose(value, float(char_error_rate(p, t)), rtol=1e-6)
        return value
    for n, s, t in ((1, 4, 4), (3, 6, 5), (10, 12, 9), (2, 0, 3), (4, 3, 0)):
        for least in (0, 1):
            operands = {"pred": rng.integers(0, 3, (n, s)), "target": rng.integers(0, 3, (n, t))}
            pl = rng.integers(min(least, s), s + 1, n)
            tl = rng.integers(min(least, t), t + 1, n)
            add("character_error_rate",
                {"pred": operands["pred"], "pred_lengths": pl, "target": operands["target"],
                 "target_lengths": tl}, rate)
    zeros = np.zeros(2, int)
    add("character_error_rate", {"pred": np.zeros((2, 1), int), "pred_lengths": zeros,
                                 "target": np.zeros((2, 1), int), "target_lengths": zeros}, rate)


# -- Boxes --

COCO_IOU = np.linspace(0.5, 0.95, 10)


def coco_map(boxes, scores, classes, images, true_boxes, true_classes, true_images, iou, most):
    if len(true_boxes) == 0:
        return np.nan
    if len(boxes) == 0:
        return 0.0

    def annotations(boxes, classes, images):
        return [{"id": i + 1, "image_id": int(images[i]), "category_id": int(classes[i]), "iscrowd": 0,
                 "bbox": [b[0], b[1], b[2] - b[0], b[3] - b[1]],
                 "area": (b[2] - b[0]) * (b[3] - b[1])} for i, b in enumerate(boxes.tolist())]
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = {"images": [{"id": int(i)} for i in np.union1d(images, true_images)],
                         "categories": [{"id": int(c)} for c in np.union1d(classes, true_classes)],
                         "annotations": annotations(true_boxes, true_classes, true_images)}
        truth.createIndex()
        found = annotations(boxes, classes, images)
        for a, score in zip(found, scores.tolist()):
            a["score"] = score
        e = COCOeval(truth, truth.loadRes(found), "bbox")
        e.params.iouThrs, e.params.maxDets = np.asarray(iou), [most]
        e.params.areaRng, e.params.areaRngLbl = [[0, 1e10]], ["all"]
        e.evaluate()
        e.accumulate()
    p = e.eval["precision"]
    return p[p > -1].mean()


def detection():
    def add_map(found, truth, iou=None, most=100):
        params = {"max_detections": most}
        if iou is not None:
            params["iou"] = iou
        add("mean_average_precision", {**found, **truth}, lambda *x: coco_map(
            *x, COCO_IOU if iou is None else iou, most), **params)

    def boxes(n, whole):
        corner, size = rng.uniform(0, 20, (n, 2)), rng.uniform(0, 12, (n, 2))
        b = np.concatenate([corner, corner + size], 1)
        return np.round(b) if whole else b.astype(np.float32).astype(float)

    def some(n, m, c, k, whole):
        """n detections, of which half are near true boxes, and m true boxes."""
        truth = {"true_boxes": boxes(m, whole), "true_classes": rng.integers(0, c, m),
                 "true_images": rng.integers(0, k, m)}
        found = {"boxes": boxes(n, whole), "scores": rng.uniform(size=n),
                 "classes": rng.integers(0, c, n), "images": rng.integers(0, k, n)}
        if whole:
            found["scores"] = np.round(found["scores"] * 4) / 4
        for i in range(0, n if m > 0 else 0, 2):
            j = rng.integers(0, m)
            shift = rng.integers(0, 2, 4) if whole else rng.normal(size=4) * 0.5
            moved = truth["true_boxes"][j] + shift
            found["boxes"][i] = np.concatenate([np.minimum(moved[:2], moved[2:]),
                                                np.maximum(moved[:2], moved[2:])])
            found["classes"][i] = truth["true_classes"][j]
            found["images"][i] = truth["true_images"][j]
        return found, truth

    for n, m, c, k in ((1, 1, 1, 1), (5, 3, 1, 1), (20, 10, 2, 3), (60, 30, 4, 6), (200, 100, 3, 5)):
        for whole in (False, True):
            found, truth = some(n, m, c, k, whole)
            add_map(found, truth)
            add_map(found, truth, [0.5])
            add_map(found, truth, [0.25, 0.75], 2)
    found, truth = some(6, 6, 2, 2, True)
    same = {"boxes": truth["true_boxes"] + [0, 0, 1, 1], "scores": np.full(6, 0.5),
            "classes": truth["true_classes"], "images": truth["true_images"]}
    add_map(same, {**truth, "true_boxes": same["boxes"]})
    add_map(same, {**truth, "true_boxes": same["boxes"]}, [1.0])
    add_map({n: x[:0] for n, x in found.items()}, truth)
    add_map(found, {n: x[:0] for n, x in truth.items()})
    add_map(found, {n: x[:1] for n, x in truth.items()})


def main():
    check_against_torchmetrics()
    for family in (classification, ranking, calibration, regression, overlap, retrieval,
                   sequences, detection):
        family()
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "metrics.json.gz")
    lines = [json.dumps(c, separators=(",", ":")) for c in cases.cases]
    text = '{"generator": "tests/oracle/metrics.py", "cases": [\n' + ",\n".join(lines) + "\n]}\n"
    with open(path, "wb") as f, gzip.GzipFile("", "wb", compresslevel=9, fileobj=f, mtime=0) as z:
        z.write(text.encode())
    print(f"{os.path.relpath(path)}: {len(lines)} cases, {os.path.getsize(path) / 1000:.0f} kB")


if __name__ == "__main__":
    main()
