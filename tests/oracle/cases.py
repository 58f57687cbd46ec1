"""What the generators share: drawing inputs, differentiating, writing cases as JSON.

Inputs are rounded to float, so that the library computes from the same numbers in both precisions;
everything after that is double.
"""
import gzip
import json
import math
import zlib

import numpy as np
import torch

torch.set_num_threads(1)
torch.set_default_dtype(torch.float64)

ALL_ORDERS = 2


def to_float(x):
    return torch.as_tensor(np.asarray(x, dtype=np.float64).astype(np.float32).astype(np.float64))


def real(data):
    """A real operand with the given elements."""
    return to_float(data)


def index(data):
    """An operand of integers."""
    return torch.as_tensor(np.asarray(data, dtype=np.int64))


def draw(name, shape, low, high):
    """Uniform numbers that depend on the name alone."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    return to_float(rng.uniform(low, high, size=shape))


def apart(name, shape, gap=0.1, scale=1.0):
    """Numbers of which no two are nearer than gap/2, and none nearer to 0: no kink is close."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    n = int(np.prod(shape))
    values = (np.arange(n) - n // 2 + 0.5) * gap + rng.uniform(-gap / 4, gap / 4, size=n)
    return to_float(scale * rng.permutation(values).reshape(shape))


def upstream(name, shape):
    """Weights between 0.25 and 1.75 of either sign: none is 0, and they are not all alike."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    size = rng.uniform(0.25, 1.75, size=shape)
    return to_float(size * rng.choice([-1.0, 1.0], size=shape))


def number(x):
    x = float(x)
    if math.isnan(x):
        return "nan"
    if math.isinf(x):
        return "inf" if x > 0 else "-inf"
    return int(x) if x == int(x) and abs(x) < 1e15 and not (x == 0 and math.copysign(1, x) < 0) else x


def numbers(t):
    if t._is_zerotensor():  # PyTorch's zeros without elements
        t = torch.zeros(t.shape)
    return [number(x) for x in t.detach().reshape(-1).tolist()]


def tensor(name, t):
    out = {"name": name, "shape": list(t.shape), "data": numbers(t)}
    if not t.is_floating_point():
        out["index"] = True
    return out


def differentiate(case, y, operands, orders):
    """Adds v, the gradients of sum(v y), w, and those of the sum of w times the gradients."""
    ident = case["op"] + "/" + case["id"]
    v = upstream(ident + "/v", tuple(y.shape)).requires_grad_()
    inputs = [t for t in operands if t.requires_grad]
    grads = torch.autograd.grad(y, inputs, v, create_graph=True, allow_unused=True,
                                materialize_grads=True)
    case["v"] = numbers(v)
    case["grad"] = [numbers(g) for g in grads]
    if orders < 2:
        return
    ws = [upstream(f"{ident}/w{i}", tuple(g.shape)) for i, g in enumerate(grads)]
    total = sum((w * g).sum() for w, g in zip(ws, grads))
    if not total.requires_grad:  # the gradients are constant zeros
        total = total + 0 * v.sum()
    seconds = torch.autograd.grad(total, inputs + [v], allow_unused=True, materialize_grads=True)
    case["w"] = [numbers(w) for w in ws]
    case["second"] = [numbers(s) for s in seconds]  # the last one is to v


class Cases:
    def __init__(self):
        self.cases = []

    def add(self, op, ident, function, operands, params=None, note=None, smooth=True,
            orders=ALL_ORDERS, float_orders=ALL_ORDERS, independent=False):
        """Evaluates function(*operands) and its derivatives up to `orders`.

        smooth: central differences may be taken here. float_orders: the derivatives that floats can
        hold without overflow on the way. note: where the expected value is this library's documented
        convention and not PyTorch's. independent: no number of the result is a sum in which others
        could cancel, so that small ones beside large ones must be right to all digits."""
        case = {"op": op, "id": ident}
        if note:
            case["note"] = note
        names = list(operands)
        tensors = [operands[n].clone() for n in names]
        for t in tensors:
            if t.is_floating_point():
                t.requires_grad_()
        case["in"] = [tensor(n, t) for n, t in zip(names, tensors)]
        if params:
            case["params"] = {k: number(p) if isinstance(p, float) else p
                              for k, p in params.items()}
        y = function(*tensors)
        case["value"] = tensor("y", y)
        if y.is_floating_point() and y.requires_grad and orders > 0:
            differentiate(case, y, tensors, orders)
            case["smooth"] = bool(smooth)
        if float_orders < ALL_ORDERS:
            case["float_orders"] = float_orders
        if independent:
            case["independent"] = True
        assert not any((c["op"], c["id"]) == (op, ident) for c in self.cases), (op, ident)
        self.cases.append(case)

    def write(self, path, generator):
        lines = [json.dumps(c, separators=(",", ":")) for c in self.cases]
        head = json.dumps({"generator": generator, "torch": torch.__version__.split("+")[0]})[:-1]
        text = head + ', "cases": [\n' + ",\n".join(lines) + "\n]}\n"
        with open(path, "wb") as f:
            f.write(gzip.compress(text.encode(), 9, mtime=0) if path.endswith(".gz")
                    else text.encode())
        counts = (len(lines), sum("grad" in c for c in self.cases),
                  sum("second" in c for c in self.cases))
        print(f"{path}: %d cases, %d with gradients, %d with second derivatives" % counts)
