"""Expected results of what has parameters or takes functions, and so is no entry of the losses' registry:
the gradient penalty of a critic, GradNorm, spectral normalisation, the adaptive softmax. Computed by
PyTorch in double.

Run from the repository root: python tests/oracle/modules.py. See README.md here.
"""
import json
import os
import sys

import torch
import torch.nn.functional as F
from torch.nn.utils.spectral_norm import SpectralNorm

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cases import draw, index, tensor  # noqa: E402

cases = []


def add(op, ident, operands, expected, **params):
    cases.append({"op": op, "id": ident, "params": params,
                  "in": [tensor(n, t) for n, t in operands.items()],
                  "expected": [tensor(n, t) for n, t in expected.items()]})


def grads(y, leaves):
    found = torch.autograd.grad(y, list(leaves.values()), allow_unused=True, materialize_grads=True)
    return {"grad " + n: g for n, g in zip(leaves, found)}


def draw_all(name, shapes, low=-1, high=1):
    return {n: draw(f"{name}/{n}", s, low, high).requires_grad_() for n, s in shapes.items()}


def network(p, x):
    return F.linear(F.relu(F.linear(x, p["0.weight"], p["0.bias"])), p["2.weight"], p["2.bias"])


def gradient_penalty(ident, rate, target):
    p = draw_all("penalty", {"0.weight": (6, 3), "0.bias": (6,), "2.weight": (1, 6), "2.bias": (1,)})
    x = draw("penalty/x", (5, 3), -1, 1).requires_grad_()
    to_x, = torch.autograd.grad(network(p, x).sum(), x, create_graph=True)
    penalty = rate * ((to_x.norm(dim=1) - target) ** 2).mean()
    add("gradient_penalty", ident, {"x": x, **p}, {"penalty": penalty, **grads(penalty, p)},
        **{"lambda": rate, "target": target})


def gradnorm(alpha):
    """Two losses of a shared layer, as in algorithm 1; initial losses are given."""
    p = draw_all("gradnorm", {"shared": (4, 3), "bias": (4,), "a": (1, 4), "b": (1, 4)})
    x, t = draw("gradnorm/x", (5, 3), -1, 1), draw("gradnorm/t", (5, 1), -1, 1)
    weights = draw("gradnorm/weights", (2,), 0.5, 1.5).requires_grad_()
    initial = draw("gradnorm/initial", (2,), 0.5, 1.5)
    hidden = torch.tanh(F.linear(x, p["shared"], p["bias"]))
    losses = [((hidden @ p["a"].T - t) ** 2).mean(), 3 * ((hidden @ p["b"].T + t) ** 2).mean()]
    norms = []
    for w, loss in zip(weights, losses):
        to_shared = torch.autograd.grad(w * loss, [p["shared"], p["bias"]], create_graph=True)
        norms.append(torch.cat([g.reshape(-1) for g in to_shared]).norm())
    norms = torch.stack(norms)
    ratios = torch.stack(losses).detach() / initial
    aim = (norms.mean() * (ratios / ratios.mean()) ** alpha).detach()
    loss = (norms - aim).abs().sum()
    add("gradnorm", str(alpha), {"x": x, "t": t, "weights": weights, "initial": initial, **p},
        {"loss": loss, **grads(loss, {"weights": weights, **p})}, alpha=alpha)


def spectral_norm(ident, shape, iterations):
    w = draw(f"spectral/{ident}/w", shape, -1, 1).requires_grad_()
    upstream = draw(f"spectral/{ident}/upstream", shape, -1, 1)
    module = torch.nn.Module()
    module.weight = torch.nn.Parameter(w.detach())
    norm = SpectralNorm.apply(module, "weight", n_power_iterations=iterations or 1, dim=0, eps=1e-12)
    before = {"u": F.normalize(draw(f"spectral/{ident}/u", shape[:1], -1, 1), dim=0),
              "v": F.normalize(draw(f"spectral/{ident}/v", (w[0].numel(),), -1, 1), dim=0)}
    before = {n: t.float().double() for n, t in before.items()}
    module.weight_u, module.weight_v = (t.clone() for t in before.values())
    del module.weight_orig
    module.weight_orig = w
    y = norm.compute_weight(module, do_power_iteration=iterations > 0)
    g, = torch.autograd.grad((y * upstream).sum(), w, create_graph=True)
    second, = torch.autograd.grad((g * upstream).sum(), w)
    add("spectral_norm", ident, {"w": w, "upstream": upstream, **before},
        {"y": y, "u": module.weight_u, "v": module.weight_v, "grad": g, "second": second}, iterations=iterations)


def spectral_layer(ident, layer, x_shape):
    """torch.nn.utils.spectral_norm's layer: forwards in training, of which only the first is
    recorded, then in evaluation; buffers after each."""
    m = torch.nn.utils.spectral_norm(layer)
    for n, p in m.named_parameters():
        p.data = draw(f"spectral_layer/{ident}/{n}", tuple(p.shape), -1, 1)
    for n, b in m.named_buffers():
        b.copy_(F.normalize(draw(f"spectral_layer/{ident}/{n}", tuple(b.shape), -1, 1), dim=0)
                .float().double())
    x = draw(f"spectral_layer/{ident}/x", x_shape, -1, 1)
    p = dict(m.named_parameters())
    operands = {"x": x} | {n: t.clone() for n, t in (p | dict(m.named_buffers())).items()}
    expected = {}
    for step in range(3):
        if step == 2:
            m.eval()
        with torch.set_grad_enabled(step != 1):
            y = m(x)
        expected |= {f"y{step}": y} | {f"{step} {n}": b.clone() for n, b in m.named_buffers()}
        if step != 1:
            expected |= {f"{step} {n}": g for n, g in grads((y ** 2).sum(), p).items()}
    add("spectral_layer", ident, operands, expected)


def adaptive_softmax(ident, n_in, classes, cutoffs, div_value, bias, target):
    m = torch.nn.AdaptiveLogSoftmaxWithLoss(n_in, classes, cutoffs, div_value=div_value, head_bias=bias)
    for name, p in m.named_parameters():
        p.data = draw(f"adaptive/{ident}/{name}", tuple(p.shape), -1, 1)
    p = dict(m.named_parameters())
    x = draw(f"adaptive/{ident}/x", (len(target), n_in), -2, 2).requires_grad_()
    target = index(target)
    output, loss = m(x, target)
    every = m.log_prob(x)
    upstream = draw(f"adaptive/{ident}/upstream", tuple(every.shape), -1, 1)
    whole = {"whole " + n: g for n, g in grads((every * upstream).sum(), {"x": x, **p}).items()}
    add("adaptive_softmax", ident, {"x": x, "target": target, "upstream": upstream, **p},
        {"all": every, "chosen": output, "loss": loss, **grads(loss, {"x": x, **p}), **whole},
        classes=classes, cutoffs=cutoffs, div_value=div_value, head_bias=bias)


if __name__ == "__main__":
    gradient_penalty("plain", 10, 1)
    gradient_penalty("other", 0.5, 0.25)
    gradnorm(1.5)
    gradnorm(0.5)
    for iterations in (0, 1, 3):
        spectral_norm(f"matrix_{iterations}", (4, 3), iterations)
    spectral_norm("convolution", (3, 2, 3, 3), 1)
    spectral_layer("linear", torch.nn.Linear(4, 3), (5, 4))
    spectral_layer("convolution", torch.nn.Conv2d(4, 6, 3, stride=2, padding=1, groups=2),
                   (2, 4, 5, 4))
    adaptive_softmax("plain", 16, 12, [4, 8], 4.0, False, [0, 3, 4, 7, 8, 11, 11, 2])
    adaptive_softmax("bias", 9, 7, [1, 2, 5], 1.5, True, [6, 5, 1, 0, 2])
    adaptive_softmax("head_alone", 5, 6, [5], 2.0, False, [0, 4, 1])
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "modules.json")
    head = json.dumps({"generator": "tests/oracle/modules.py",
                       "torch": torch.__version__.split("+")[0]})[:-1]
    with open(path, "w") as f:
        lines = [json.dumps(c, separators=(",", ":")) for c in cases]
        f.write(head + ', "cases": [\n' + ",\n".join(lines) + "\n]}\n")
    print(f"{os.path.relpath(path)}: {len(cases)} cases")
