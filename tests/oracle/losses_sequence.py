"""Cases of losses/ctc.h. See loss_cases.py. Writes besides ctc_log_softmax.json.gz, PyTorch's loss
and gradient through log_softmax, for tests/unit/test_ctc.c.

The reference adds up every alignment of short sequences. Longer ones are added up by dynamic
programming over probabilities, in the order of prefixes of the target."""
import gzip
import itertools
import json
import os
import sys

import numpy as np
import torch
import torch.nn.functional as F

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from loss_cases import REDUCTIONS, _as_json, _numbers, add_case, add_error, main  # noqa: E402

INF = float("inf")


def collapse(path, blank):
    return tuple(k for k, _ in itertools.groupby(path) if k != blank)


def by_enumeration(x, target, blank):
    """x (T,C); None if there is no alignment."""
    steps, classes = x.shape
    paths = [p for p in itertools.product(range(classes), repeat=steps)
             if collapse(p, blank) == target]
    logs = [sum(x[t, k].item() for t, k in enumerate(p)) for p in paths]
    paths = [p for p, y in zip(paths, logs) if y > -INF]
    if not paths:
        return None
    if steps == 0:
        return x.sum()
    index = torch.tensor(paths)
    return -torch.logsumexp(x[torch.arange(steps), index].sum(1), 0)


def by_programming(x, target, blank):
    """ends_blank[i] and ends_label[i]: probability that what was read is target[:i], ending so."""
    p = x.exp()
    n = len(target)
    zero, one = torch.zeros(()), torch.ones(())
    ends_blank, ends_label = [one] + [zero] * n, [zero] * (n + 1)
    for row in p:
        new_blank = [row[blank] * (ends_blank[i] + ends_label[i]) for i in range(n + 1)]
        new_label = [zero]
        for i in range(1, n + 1):
            came = ends_label[i] + ends_blank[i - 1]
            if i == 1 or target[i - 1] != target[i - 2]:
                came = came + ends_label[i - 1]
            new_label.append(row[target[i - 1]] * came)
        ends_blank, ends_label = new_blank, new_label
    total = ends_blank[n] + ends_label[n]
    return None if total.item() == 0 else -total.log()


def split(targets, lengths):
    if targets.ndim == 2:
        return [tuple(row[:n].tolist()) for row, n in zip(targets, lengths)]
    flat, at = targets.tolist(), np.cumsum([0] + lengths)
    return [tuple(flat[at[i]:at[i + 1]]) for i in range(len(lengths))]


def check_with_torch(losses, log_probs, targets, input_lengths, target_lengths, blank,
                     zero_infinity):
    with torch.no_grad():
        theirs = F.ctc_loss(log_probs, targets, input_lengths, target_lengths, blank, "none",
                            bool(zero_infinity))
        assert torch.allclose(losses, theirs, 1e-11, 1e-11), (losses, theirs)


def ctc(log_probs, targets, input_lengths, target_lengths, blank=0, zero_infinity=False,
        reduction="mean"):
    steps, batch, classes = log_probs.shape
    labels = split(targets, target_lengths.tolist())
    losses = []
    for i in range(batch):
        x = log_probs[:input_lengths[i], i]
        short = classes ** x.shape[0] <= 5000
        y = (by_enumeration if short else by_programming)(x, labels[i], blank)
        losses.append(torch.tensor(0.0 if zero_infinity else INF) if y is None else y)
    losses = torch.stack(losses)
    check_with_torch(losses, log_probs, targets, input_lengths, target_lengths, blank,
                     zero_infinity)
    if reduction == "mean":
        return (losses / target_lengths.clamp(min=1)).mean()
    return losses.sum() if reduction == "sum" else losses


def integers(x):
    return np.asarray(x, dtype=np.int64)


def operands(log_probs, targets, input_lengths=None, target_lengths=None):
    """targets: rows of labels, padded here with the symbol -1, which must not be read."""
    steps, batch = np.shape(log_probs)[:2]
    longest = max(map(len, targets))
    rows = np.full((batch, longest), -1, dtype=np.int64)
    for row, labels in zip(rows, targets):
        row[:len(labels)] = labels
    lengths = [len(t) for t in targets] if target_lengths is None else target_lengths
    return {"log_probs": log_probs, "targets": rows,
            "input_lengths": integers([steps] * batch if input_lengths is None else input_lengths),
            "target_lengths": integers(lengths)}


def concatenated(given):
    rows, lengths = given["targets"], given["target_lengths"]
    flat = [k for row, n in zip(rows, lengths) for k in row[:n]]
    return {**given, "targets": integers(flat)}


def log_softmax(x):
    return x - np.log(np.exp(x).sum(-1, keepdims=True))


def draw(rng, shape, scale=1.0):
    return log_softmax(scale * rng.normal(size=shape))


def labels_of(rng, n, classes, blank):
    return [int(k) for k in rng.choice([k for k in range(classes) if k != blank], size=n)]


def add(given, parameters=None, reduction="none", **options):
    add_case("ctc", given, parameters or {}, reduction, ctc, **options)


def ordinary(rng):
    targets = [[1, 2], [2, 2], [3]]
    for reduction in REDUCTIONS:
        given = operands(draw(rng, (5, 3, 4)), targets)
        add(given, {}, reduction)
        add(concatenated(given), {}, reduction)
        add(operands(draw(rng, (5, 3, 4)), targets, [5, 4, 2]), {}, reduction)
        add(operands(rng.normal(size=(5, 3, 4)), targets), {}, reduction)
        add(operands(2 * rng.normal(size=(4, 3, 4)), targets, [3, 4, 4]), {}, reduction)
    for blank in range(4):
        rows = [labels_of(rng, n, 4, blank) for n in (1, 2, 3)]
        given = operands(draw(rng, (6, 3, 4)), rows)
        add(given, {"blank": blank})
        add(concatenated(given), {"blank": blank}, "mean")
    for steps, batch, classes, longest in ((1, 1, 2, 1), (7, 1, 3, 3), (9, 4, 5, 4), (12, 2, 6, 5),
                                           (20, 3, 5, 7), (16, 2, 30, 9)):
        rows = [labels_of(rng, int(rng.integers(1, longest + 1)), classes, 0) for _ in range(batch)]
        rows[-1] = labels_of(rng, min(longest, steps // 2 + 1), classes, 0)
        # The second derivatives are differences of numbers that grow with the steps.
        add(operands(draw(rng, (steps, batch, classes), 1.5), rows),
            float_orders=1 if steps > 15 else 2)
        add(operands(rng.normal(size=(steps, batch, classes)), rows), {}, "mean")


def lengths(rng):
    """Empty targets, no input, just enough and not enough of it."""
    x = draw(rng, (5, 4, 3))
    for zero_infinity in (False, True):
        options = {"zero_infinity": zero_infinity}
        for reduction in REDUCTIONS:
            add(operands(x, [[], [1], [], [2, 1]]), options, reduction)
            add(operands(x, [[], [1], [], [2, 1]], [0, 1, 5, 2]), options, reduction)
            add(operands(x, [[1, 1, 1], [1, 2, 1], [1, 2, 1, 2, 1], [1, 1, 2, 1, 1]],
                         [5, 3, 5, 5]), options, reduction)
            add(operands(x, [[1, 1], [1, 2], [1], []], [2, 1, 0, 0]), options, reduction)
        add(concatenated(operands(x, [[], [1], [], [2, 1]])), options)
        add(operands(x, [[], [], [], []]), options)
        add(concatenated(operands(x, [[], [], [], []])), options, "mean")
        add(operands(x, [[1, 1, 1, 1]] * 4), options)


def extremes(rng):
    x = draw(rng, (5, 2, 3))
    impossible = x.copy()
    impossible[1, 0, 1] = impossible[2, 0, 0] = impossible[3, 1, 2] = -INF
    for reduction in REDUCTIONS:
        add(operands(impossible, [[1, 2], [2]]), {}, reduction)
    none = x.copy()
    none[2, 0, :] = -INF
    none[:, 1, 2] = -INF
    for zero_infinity in (False, True):
        for reduction in REDUCTIONS:
            add(operands(none, [[1], [2]]), {"zero_infinity": zero_infinity}, reduction)
    certain = np.full((5, 1, 3), -INF)
    for t, k in enumerate((1, 1, 0, 2, 0)):
        certain[t, 0, k] = 0
    add(operands(certain, [[1, 2]]))
    add(operands(certain, [[1, 1]]))
    for scale in (50, 1e3, 1e4):
        y = scale * rng.normal(size=(5, 2, 3))
        add(operands(y, [[1, 2], [2, 2]]))
        add(operands(-np.abs(y), [[1, 2], [2, 2]]))
        add(operands(y, [[1], []]), {"blank": 2}, "mean")
    far = np.full((6, 2, 3), -1e4)
    far[:, :, 2] = 0
    add(operands(far, [[1, 1], [1]]))
    far[:, 0, 0], far[:, 1, 0] = -2e4, -INF
    add(operands(far, [[1, 2], [1]]))
    add(operands(np.full((5, 1, 3), 1e30), [[1]]), orders=0)
    add(operands(np.full((5, 1, 3), -1e30), [[1]]), orders=0)


def errors():
    x = np.full((5, 2, 4), -1.4)
    good = operands(x, [[1, 2], [3, 1]])

    def refuse(mentions, parameters=None, **changed):
        add_error("ctc", {**good, **changed}, parameters, mentions=mentions)

    for name in good:
        refuse([name], **{name: None})
    refuse(["log_probs (0,2,4)"], log_probs=np.ones((0, 2, 4)))
    refuse(["log_probs (5,0,4)"], log_probs=np.ones((5, 0, 4)))
    refuse(["log_probs (4)"], log_probs=np.ones(4))
    refuse(["log_probs"], log_probs=np.ones((5, 2, 4), dtype=np.int64))
    refuse(["targets"], targets=np.ones((2, 2)) + 0.5)
    refuse(["targets (2,2)", "4 at (1,0)", "0 to 3"], targets=integers([[1, 2], [4, 1]]))
    refuse(["targets (2,2)", "-1 at (0,1)"], targets=integers([[1, -1], [3, 1]]))
    refuse(["targets (2,2)", "0 at (1,1)", "blank"], targets=integers([[1, 2], [3, 0]]))
    refuse(["targets (2,2)", "3 at (1,0)", "blank 3"], {"blank": 3})
    refuse(["targets (4)", "9 at (2)"], targets=integers([1, 2, 9, 1]))
    refuse(["targets (3,2)", "log_probs (5,2,4)"], targets=integers([[1, 2]] * 3))
    refuse(["targets (3)", "add up to 4"], targets=integers([1, 2, 3]))
    refuse(["targets (5)", "add up to 4"], targets=integers([1, 2, 3, 1, 1]))
    refuse(["input_lengths (2)", "6 at (1)", "0 to 5"], input_lengths=integers([5, 6]))
    refuse(["input_lengths (2)", "-1 at (0)"], input_lengths=integers([-1, 5]))
    refuse(["input_lengths (3)", "log_probs (5,2,4)"], input_lengths=integers([5, 5, 5]))
    refuse(["input_lengths (2,1)"], input_lengths=integers([[5], [5]]))
    refuse(["target_lengths (2)", "3 at (0)", "0 to 2"], target_lengths=integers([3, 2]))
    refuse(["target_lengths (2)", "-2 at (1)"], target_lengths=integers([2, -2]))
    refuse(["target_lengths (1)"], target_lengths=integers([2]))
    refuse(["blank", "4", "0 to 3"], {"blank": 4})
    refuse(["blank"], {"blank": -1})
    refuse(["blank"], {"blank": 0.5})
    refuse(["zero_infinity"], {"zero_infinity": 2})


def cases(rng):
    ordinary(rng)
    lengths(rng)
    extremes(rng)
    errors()


def through_log_softmax():
    """PyTorch's losses and gradients with respect to logits, for which its gradient is right."""
    rng, out = np.random.default_rng(1), []
    for i, (steps, batch, classes, longest, scale) in enumerate(
            ((6, 3, 4, 3, 1), (30, 4, 8, 10, 1), (50, 2, 12, 20, 5), (60, 3, 5, 25, 30),
             (40, 2, 6, 12, 300))):
        rows = [labels_of(rng, int(rng.integers(1, longest + 1)), classes, 0) for _ in range(batch)]
        logits = scale * rng.normal(size=(steps, batch, classes))
        given = operands(logits.astype(np.float32), rows)
        tensors = {k: torch.as_tensor(v) for k, v in given.items()}
        logits = tensors["log_probs"].double().requires_grad_()
        loss = F.ctc_loss(logits.log_softmax(2), tensors["targets"], tensors["input_lengths"],
                          tensors["target_lengths"], reduction="sum")
        loss.backward()
        inputs = [{"name": k, **_as_json(logits if k == "log_probs" else v)}
                  for k, v in tensors.items()]
        out.append({"op": "ctc", "id": f"softmax{i}", "in": inputs, "value": _numbers(loss),
                    "grad": _numbers(logits.grad)})
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "ctc_log_softmax.json.gz")
    text = json.dumps({"generator": "tests/oracle/losses_sequence.py", "cases": out})
    with open(path, "wb") as f, gzip.GzipFile("", "wb", compresslevel=9, fileobj=f, mtime=0) as z:
        z.write(text.encode())


if __name__ == "__main__":
    main("sequence", cases)
    through_log_softmax()
