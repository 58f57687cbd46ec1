"""Expected values and derivatives of core/ops/normalize.h, trainings of the layers of nn/norm.h, and
gradient penalties of critics that normalise, computed by PyTorch in double.

Run from the repository root: python tests/oracle/norm.py. See README.md here.
"""
import os
import sys

import torch
import torch.nn.functional as F
from torch import nn

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cases import Cases, draw, real, tensor, to_float  # noqa: E402

cases = Cases()


def affine(ident, shape, which):
    """weight and bias, as far as `which` names them: "wb", "w", "b", ""."""
    named = {}
    if "w" in which:
        named["weight"] = draw(ident + "/weight", shape, -2, 2)
    if "b" in which:
        named["bias"] = draw(ident + "/bias", shape, -1, 1)
    return named


def with_weights(norm, operands, x, wb, shape):
    """norm(x, weight, bias). PyTorch fails at second derivatives with a bias and no weight, so that
    the weight 1 stands there."""
    named = dict(zip(list(operands)[1:], wb))
    if "bias" in named and "weight" not in named:
        named["weight"] = torch.ones(shape)
    return norm(x, named.get("weight"), named.get("bias"))


def numbers(ident, x):
    """x is a shape, or the numbers themselves."""
    return draw(ident + "/x", x, -2, 2) if isinstance(x, tuple) else x


def batch(ident, x, which="wb", running=False, smooth=True, float_orders=2, **options):
    """In training, or with `running` in evaluation: the buffers stand in the parameters."""
    x = numbers("batch_norm/" + ident, x)
    c = (x.shape[1],)
    operands = {"x": x} | affine("batch_norm/" + ident, c, which)
    params = dict(options)
    mean = var = None
    if running:
        mean = draw(f"batch_norm/{ident}/mean", c, -1, 1)
        var = draw(f"batch_norm/{ident}/var", c, 0.1, 2)
        params |= {"running_mean": mean.tolist(), "running_var": var.tolist()}

    def f(x, *wb):
        return with_weights(lambda x, w, b: F.batch_norm(x, mean, var, w, b, training=not running,
                                                         **options), operands, x, wb, c)
    cases.add("batch_norm", ident, f, operands, params, smooth=smooth, float_orders=float_orders)


def layer(ident, x, dims, which="wb", smooth=True, float_orders=2, **options):
    x = numbers("layer_norm/" + ident, x)
    shape = tuple(x.shape[-dims:])
    operands = {"x": x} | affine("layer_norm/" + ident, shape, which)

    def f(x, *wb):
        return with_weights(lambda x, w, b: F.layer_norm(x, shape, w, b, **options), operands, x,
                            wb, shape)
    cases.add("layer_norm", ident, f, operands, {"dims": dims, **options}, smooth=smooth,
              float_orders=float_orders)


def group(ident, x, groups, which="wb", smooth=True, float_orders=2, **options):
    x = numbers("group_norm/" + ident, x)
    operands = {"x": x} | affine("group_norm/" + ident, (x.shape[1],), which)

    def f(x, *wb):
        return with_weights(lambda x, w, b: F.group_norm(x, groups, w, b, **options), operands, x,
                            wb, x.shape[1:2])
    cases.add("group_norm", ident, f, operands, {"groups": groups, **options}, smooth=smooth,
              float_orders=float_orders)


def shifted(name, shape, mean, deviation):
    """Of each channel: numbers about a mean that is large beside their deviation."""
    return to_float(mean + deviation * draw(name, shape, -1.5, 1.5))


def with_constant_channel(name, shape):
    """Channel 1 is constant: its variance is 0."""
    x = draw(name, shape, -1, 1)
    x[:, 1] = 0.7
    return to_float(x)


for which in ("wb", "w", "b", ""):
    name = {"wb": "affine", "w": "weight", "b": "bias", "": "plain"}[which]
    batch(f"rows_{name}", (5, 3), which)
    batch(f"lines_{name}", (3, 2, 4), which)
    batch(f"images_{name}", (2, 3, 3, 2), which)
    batch(f"evaluation_{name}", (2, 3, 2, 2), which, running=True)
    layer(f"rows_{name}", (4, 5), 1, which)
    group(f"images_{name}", (2, 4, 2, 3), 2, which)
    group(f"rows_{name}", (2, 6), 2, which)
batch("evaluation_rows", (3, 4), running=True, eps=1e-3)
batch("evaluation_lines", (2, 3, 4), running=True)
batch("one_sample", (1, 3, 2, 2))
batch("one_pixel", (4, 3, 1, 1))
batch("one_channel", (3, 1, 2, 2))
batch("volumes", (2, 2, 2, 3, 2))
batch("large_eps", (4, 3), eps=0.5)
batch("large_mean", shifted("batch/large_mean", (6, 2, 3, 2), 1e4, 1), smooth=False)
batch("large_mean_rows", shifted("batch/large_mean_rows", (9, 3), -1e4, 1), smooth=False)
batch("small_deviation", shifted("batch/small_deviation", (6, 2, 3), 0.001, 1e-5), smooth=False)
batch("tiny_numbers", shifted("batch/tiny", (5, 2), 0, 1e-20), smooth=False)
batch("large_numbers", shifted("batch/large", (5, 2, 2), 0, 1e12), smooth=False)
batch("constant_channel", with_constant_channel("batch/constant", (3, 3, 2, 2)), smooth=False)
batch("constant_column", with_constant_channel("batch/constant_column", (5, 3)), smooth=False)

layer("lines", (2, 3, 4), 1)
layer("two_dimensions", (2, 3, 4), 2)
layer("images", (2, 2, 3, 2), 3)
layer("one_sample", (6,), 1)
layer("all_dimensions", (3, 4), 2)
cases.add("layer_norm", "one_element", lambda x, w, b: (x - x) * w + b,
          {"x": numbers("layer_norm/one_element", (4, 1))} | affine("layer_norm/one", (1,), "wb"),
          {"dims": 1}, note="the gradient to x is 0; PyTorch leaves its rounding")
layer("large_eps", (3, 4), 1, eps=0.5)
layer("no_eps", (3, 4), 1, eps=0.0)
layer("large_mean", shifted("layer/large_mean", (3, 9), 1e4, 1), 1, smooth=False)
layer("small_deviation", shifted("layer/small_deviation", (2, 7), 0.001, 1e-5), 1, smooth=False)
layer("large_numbers", shifted("layer/large", (2, 5), 0, 1e12), 1, smooth=False)
layer("constant_row", real([[3.0] * 5, [1, -2, 0.5, 4, 1]]), 1, smooth=False)

group("one_group", (3, 4, 2), 1)
group("instance", (2, 3, 4, 2), 3)
group("lines", (3, 4, 5), 2)
group("one_pixel", (3, 6, 1, 1), 2)
group("one_sample", (1, 4, 3, 3), 2)
group("volumes", (2, 4, 2, 1, 3), 2)
group("large_eps", (2, 4, 3), 2, eps=0.5)
group("large_mean", shifted("group/large_mean", (2, 4, 5), 1e4, 1), 2, smooth=False)
group("constant_channels", real([[[1.0] * 3] * 2 + [[0, 1, 2], [5, 3, 1]]] * 2), 2, smooth=False)


def layer_steps(ident, kind, shapes, args=(), after=(), **options):
    """A layer through several steps in training, then twice in evaluation: the outputs, the
    gradients and the buffers after each. `after` are shapes that it sees in evaluation only."""
    m = getattr(nn, kind)(*args, **options)
    operands, expected = {}, {}
    for name, p in m.named_parameters():
        p.data = draw(f"{kind}/{ident}/{name}", tuple(p.shape), -2, 2)
        operands[name] = p.clone()
    for i, shape in enumerate(list(shapes) + list(after)):
        if i == len(shapes):
            m.eval()
        x = draw(f"{kind}/{ident}/x{i}", shape, -2 + i, 3 + 2 * i).requires_grad_()
        upstream = draw(f"{kind}/{ident}/upstream{i}", shape, -1, 1)
        y = m(x)
        leaves = {"x": x} | dict(m.named_parameters())
        found = torch.autograd.grad((y * upstream).sum(), list(leaves.values()))
        operands |= {f"x{i}": x, f"upstream{i}": upstream}
        expected |= {f"y{i}": y} | {f"{i} grad {n}": g for n, g in zip(leaves, found)}
        expected |= {f"{i} {n}": b.clone() for n, b in m.named_buffers()}
    params = {"module": kind, "steps": len(shapes), "evaluations": len(after)}
    params |= {"args": list(args)} | options
    cases.cases.append({"op": "layer", "id": f"{kind}_{ident}", "params": params,
                        "in": [tensor(n, t) for n, t in operands.items()],
                        "expected": [tensor(n, t) for n, t in expected.items()]})


vectors, lines, images = (6, 3), (3, 3, 4), (2, 3, 4, 3)
layer_steps("rows", "BatchNorm1d", [vectors, (2, 3), vectors], (3,), [vectors, (1, 3)])
layer_steps("lines", "BatchNorm1d", [lines, lines], (3,), [lines])
layer_steps("plain", "BatchNorm2d", [images] * 3, (3,), [images, (1, 3, 1, 1)])
layer_steps("options", "BatchNorm2d", [images] * 3, (3,), [images], eps=1e-2, momentum=0.3)
layer_steps("cumulative", "BatchNorm2d", [images] * 4, (3,), [images], momentum=None)
layer_steps("never", "BatchNorm2d", [images] * 2, (3,), [images], momentum=0.0)
layer_steps("no_affine", "BatchNorm2d", [images] * 2, (3,), [images], affine=False)
layer_steps("untracked", "BatchNorm2d", [images] * 2, (3,), [images], track_running_stats=False)
layer_steps("plain", "LayerNorm", [(4, 5)], ([5],), [(2, 5)])
layer_steps("two_dimensions", "LayerNorm", [(2, 3, 4)], ([3, 4],), [(2, 3, 4)], eps=1e-2)
layer_steps("no_bias", "LayerNorm", [(4, 5)], ([5],), [(2, 5)], bias=False)
layer_steps("no_affine", "LayerNorm", [(4, 5)], ([5],), [(2, 5)], elementwise_affine=False)
layer_steps("plain", "GroupNorm", [(2, 4, 3, 2)], (2, 4), [(1, 4, 3, 2)])
layer_steps("no_affine", "GroupNorm", [(2, 4, 3)], (2, 4), [(2, 4, 3)], eps=1e-2, affine=False)


def critic(norm):
    """(N,2,5,6) to (N,1) through a normalisation, and mean 10 (||d sum critic / d x_n|| - 1)^2 at x
    with its gradients."""
    modules = {"batch": lambda: nn.BatchNorm2d(4), "group": lambda: nn.GroupNorm(2, 4),
               "layer": lambda: nn.LayerNorm([4, 3, 3])}
    net = nn.Sequential(nn.Conv2d(2, 4, 3, stride=2, padding=1), modules[norm](), nn.ReLU(),
                        nn.Conv2d(4, 3, 2), nn.ReLU(), nn.Flatten(), nn.Linear(12, 1))
    for n, t in net.named_parameters():
        t.data = draw(f"critic/{norm}/{n}", tuple(t.shape), -0.5, 0.5)
    x = draw(f"critic/{norm}/x", (3, 2, 5, 6), -1, 1).requires_grad_()
    parameters = dict(net.named_parameters())
    operands = {"x": x} | {n: t.clone() for n, t in parameters.items()}
    y = net(x)
    to_x, = torch.autograd.grad(y.sum(), x, create_graph=True)
    penalty = 10 * ((to_x.flatten(1).norm(dim=1) - 1) ** 2).mean()
    found = torch.autograd.grad(penalty, list(parameters.values()), allow_unused=True,
                                materialize_grads=True)
    expected = {"y": y, "penalty": penalty} | {"grad " + n: g for n, g in zip(parameters, found)}
    cases.cases.append({"op": "critic", "id": norm,
                        "in": [tensor(n, t) for n, t in operands.items()],
                        "expected": [tensor(n, t) for n, t in expected.items()]})


if __name__ == "__main__":
    for norm in ("batch", "group", "layer"):
        critic(norm)
    cases.write(os.path.join(os.path.dirname(os.path.abspath(__file__)), "norm.json.gz"),
                "tests/oracle/norm.py")
