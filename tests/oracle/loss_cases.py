"""Cases of the losses' oracle: what each generator losses_FAMILY.py shares.

    from loss_cases import add_case, add_error, elementwise, main

    @elementwise                       # adds `weight` and `reduction`
    def mse(pred, target):
        return (pred - target) ** 2

    def cases(rng):
        for reduction in ("none", "mean", "sum"):
            add_case("mse", {"pred": rng.normal(size=(3, 4)), "target": ...}, reduction=reduction,
                     reference=mse)
        add_error("mse", {"pred": [1, 2, 3], "target": [1, 2]}, mentions=["pred (3)", "target (2)"])

    if __name__ == "__main__":
        main("regression", cases)

Run from the repository root: python tests/oracle/losses_regression.py. Real operands are rounded to
float, so that the library computes from the same numbers in both precisions; all the rest is double.
The file, losses_FAMILY.json.gz, depends on nothing but the generator: no time, no order of hashes.

A case holds `value`; `grad`, by operand: the gradient of the sum of all elements of the value; and
`grad2`, by operand: the gradient of the weighted sum of all elements of all those gradients, null where
the reference can't be differentiated twice. Integer operands have neither. The weights of the sum are
weights() below; with all of them 1 the sum would be 0 for every loss of a difference.
"""
import gzip
import inspect
import json
import math
import os
import sys

import numpy as np
import torch

torch.set_num_threads(1)
torch.set_default_dtype(torch.float64)

REDUCTIONS = ("mean", "sum", "none")
FLOAT_MAX = float(np.finfo(np.float32).max)
FLOAT_TINY = float(np.finfo(np.float32).tiny)

_cases = []


def elementwise(function):
    """The reference with `weight` and `reduction` of a function that returns the loss's elements."""
    def reference(*operands, weight=None, reduction="mean", **others):
        return reduce(function(*operands, **others), reduction, weight)
    return reference


def reduce(elements, reduction, weight=None):
    if weight is not None:
        elements = elements * weight
    if reduction == "batchmean":
        return elements.sum() / elements.shape[0]
    return {"mean": elements.mean, "sum": elements.sum, "none": lambda: elements}[reduction]()


def _is_list(x):
    return isinstance(x, (list, tuple)) and len(x) > 0 and isinstance(x[0], (np.ndarray, torch.Tensor))


def _tensor(x):
    """Integers stay integers; real numbers are rounded to float and get a gradient."""
    a = x.detach().numpy() if isinstance(x, torch.Tensor) else np.asarray(x)
    if a.dtype.kind in "iu":
        return torch.as_tensor(a.astype(np.int64))
    with np.errstate(over="ignore"):
        return torch.as_tensor(a.astype(np.float32).astype(np.float64)).requires_grad_()


def _number(x):
    x = float(x)
    if math.isnan(x):
        return "nan"
    if math.isinf(x):
        return "inf" if x > 0 else "-inf"
    return int(x) if x == int(x) and abs(x) < 1e15 else float("%.17g" % x)


def _numbers(x):
    x = torch.zeros(x.shape) if isinstance(x, torch.Tensor) and x._is_zerotensor() else x
    return [_number(v) for v in torch.as_tensor(x).detach().reshape(-1).tolist()]


def _as_json(t):
    out = {"shape": list(t.shape), "data": _numbers(t)}
    if not t.is_floating_point():
        out["index"] = True
    return out


def _operand_json(name, t):
    if isinstance(t, list):
        return {"name": name, "list": [_as_json(x) for x in t]}
    return {"name": name, **_as_json(t)}


def _real_leaves(tensors):
    """(operand's name, its real tensors); for a list operand all of the list's."""
    for name, t in tensors.items():
        real = [x for x in (t if isinstance(t, list) else [t]) if x.is_floating_point()]
        if real:
            yield name, real


def weights(n):
    """1 + ((7 k + 3) mod 11) / 8 for element k, counted through all gradients in the operands' order."""
    return 1 + ((7 * torch.arange(n) + 3) % 11) / 8


def _by_operand(leaves, gradients):
    out, i = {}, 0
    for name, tensors in leaves:
        out[name] = [v for g in gradients[i:i + len(tensors)] for v in _numbers(g)]
        i += len(tensors)
    return out


def _derivatives(value, leaves):
    """grad and grad2; the second None where PyTorch can't."""
    flat = [t for _, tensors in leaves for t in tensors]
    if not value.requires_grad:
        zeros = _by_operand(leaves, [torch.zeros_like(t) for t in flat])
        return zeros, zeros
    options = dict(create_graph=True, allow_unused=True, materialize_grads=True)
    try:
        first = torch.autograd.grad(value.sum(), flat, **options)
    except RuntimeError as error:
        if "not implemented" not in str(error):
            raise
        first = torch.autograd.grad(value.sum(), flat, retain_graph=True, allow_unused=True,
                                    materialize_grads=True)
        return _by_operand(leaves, first), None
    all_elements = torch.cat([g.reshape(-1) for g in first])
    total = (weights(len(all_elements)) * all_elements).sum()
    if not total.requires_grad:
        return _by_operand(leaves, first), _by_operand(leaves, [torch.zeros_like(t) for t in flat])
    try:
        second = torch.autograd.grad(total, flat, allow_unused=True, materialize_grads=True)
    except RuntimeError as error:
        if "not implemented" not in str(error) and "once_differentiable" not in str(error):
            raise
        return _by_operand(leaves, first), None
    return _by_operand(leaves, first), _by_operand(leaves, second)


def _override(computed, expected):
    """Replaces what the reference computed where this library's documented convention differs. A None
    in `expected` means: not compared."""
    if expected is None:
        return computed
    computed = dict(computed or {})
    for name, g in expected.items():
        parts = g if _is_list(g) else [g]
        computed[name] = None if g is None else [v for p in parts for v in _numbers(
            torch.as_tensor(np.asarray(p, dtype=np.float64)))]
    return computed


def add_case(loss, operands, parameters=None, reduction="mean", reference=None, note=None, id=None,
             value=None, grad=None, grad2=None, orders=2, float_orders=2, double_only=False):
    """Adds a case of `loss`.

    operands: by the names of the loss's row; arrays of reals, of integers (class indices, lengths), or
    a list of arrays. NumPy's types decide: [1, 2] is an array of integers, [1, 2.0] one of reals.
    Optional ones may be left out or None.
    parameters: by the names of the row; booleans as bool or 0/1, choices as text. Those left out have
    the row's defaults in the library and the reference's defaults in the reference.
    reduction: mean, sum, none or batchmean; None for entries that have no reduction.
    reference: a function of torch doubles, called with operands and parameters by name, and with
    `reduction` if it has such an argument; returns the value. Integers are int64 tensors.
    note: required if value, grad or grad2 replace what the reference computes (grad and grad2 by
    operand, None: not compared).
    orders: 0 compares the value alone, 1 the gradient, 2 the second. float_orders: the same in single
    precision, where a derivative would overflow on the way; double_only: nothing in single."""
    parameters = dict(parameters or {})
    tensors = {name: [_tensor(t) for t in x] if _is_list(x) else _tensor(x)
               for name, x in operands.items() if x is not None}
    arguments = {**tensors, **parameters}
    if "reduction" in inspect.signature(reference).parameters and reduction is not None:
        arguments["reduction"] = reduction
    y = reference(**arguments)
    assert note or (value is None and grad is None and grad2 is None), f"{loss}: no note"

    case = _head(loss, id, tensors, parameters, reduction)
    case["value"] = _as_json(y)
    if value is not None:
        assert np.shape(value) in ((), tuple(y.shape)), f"{loss}: shape of the value"
        case["value"]["data"] = _numbers(torch.as_tensor(np.broadcast_to(value, y.shape).copy()))
    if y.is_floating_point() and orders > 0:
        leaves = list(_real_leaves(tensors))
        first, second = _derivatives(y, leaves)
        case["grad"] = _override(first, grad)
        if orders > 1:
            case["grad2"] = _override(second, grad2)
    if note:
        case["note"] = note
    if double_only:
        case["float_orders"] = -1
    elif float_orders < 2:
        case["float_orders"] = float_orders
    _cases.append(case)


def add_error(loss, operands, parameters=None, reduction="mean", mentions=(), id=None):
    """Adds a call that must fail with a message that contains the loss's name and all of `mentions`."""
    tensors = {name: [_tensor(t) for t in x] if _is_list(x) else _tensor(x)
               for name, x in operands.items() if x is not None}
    case = _head(loss, id, tensors, parameters or {}, reduction)
    case["error"] = list(mentions)
    _cases.append(case)


def _head(loss, id, tensors, parameters, reduction):
    number = sum(c["op"] == loss for c in _cases)
    case = {"op": loss, "id": id or str(number)}
    assert not any((c["op"], c["id"]) == (case["op"], case["id"]) for c in _cases), case
    case["in"] = [_operand_json(name, t) for name, t in tensors.items()]
    if parameters:
        case["params"] = {k: p if isinstance(p, str) else _number(p) for k, p in parameters.items()}
    if reduction is not None:
        case["reduction"] = reduction
    return case


def main(family, cases, seed=0):
    """Runs cases(rng) and writes losses_FAMILY.json.gz next to this file."""
    _cases.clear()
    cases(np.random.default_rng(seed))
    head = json.dumps({"generator": f"tests/oracle/losses_{family}.py", "family": family,
                       "torch": torch.__version__.split("+")[0]})[:-1]
    lines = [json.dumps(c, separators=(",", ":")) for c in _cases]
    text = head + ', "cases": [\n' + ",\n".join(lines) + "\n]}\n"
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), f"losses_{family}.json.gz")
    with open(path, "wb") as f, gzip.GzipFile("", "wb", compresslevel=9, fileobj=f, mtime=0) as z:
        z.write(text.encode())
    counts = (len(_cases), sum("grad" in c for c in _cases),
              sum(bool(c.get("grad2")) for c in _cases), sum("error" in c for c in _cases),
              os.path.getsize(path) / 1000)
    print(f"{os.path.relpath(path)}: %d cases, %d first-order, %d second-order, %d errors, %.0f kB"
          % counts, file=sys.stderr)
