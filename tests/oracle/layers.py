"""Expected values and derivatives of nn/activation.h, embedding.h, sequential.h and container.h, computed by
PyTorch's modules in double. Operands are x and the parameters, by the names that the module gives them.

Run from the repository root: python tests/oracle/layers.py. See README.md here.
"""
import os
import sys
from collections import OrderedDict

import torch
from torch import nn

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cases import Cases, apart, draw, index, real  # noqa: E402

cases = Cases()


def layer(op, ident, module, x, params=None, **options):
    weights = {n: draw(f"{op}/{ident}/{n}", tuple(p.shape), -1, 1)
               for n, p in module.named_parameters()}

    def run(x, *values):
        return torch.func.functional_call(module, dict(zip(weights, values)), (x,))

    cases.add(op, ident, run, {"x": x, **weights}, params, **options)


# -- Activations: without parameters the defaults ---------------------------------------------------

ACTIVATIONS = {
    "relu": [(nn.ReLU, {})],
    "leaky_relu": [(nn.LeakyReLU, {}), (nn.LeakyReLU, {"negative_slope": 0.25})],
    "elu": [(nn.ELU, {}), (nn.ELU, {"alpha": 1.5})],
    "gelu": [(nn.GELU, {}), (nn.GELU, {"approximate": "tanh"})],
    "silu": [(nn.SiLU, {})],
    "sigmoid": [(nn.Sigmoid, {})],
    "tanh": [(nn.Tanh, {})],
    "softplus": [(nn.Softplus, {}), (nn.Softplus, {"beta": 2.5, "threshold": 3.0})],
    "softmax": [(nn.Softmax, {"dim": -1}), (nn.Softmax, {"dim": 1})],
    "log_softmax": [(nn.LogSoftmax, {"dim": -1}), (nn.LogSoftmax, {"dim": 1})],
}
OURS = {"negative_slope": "slope", "approximate": "tanh", "dim": "axis"}
# At the kinks; where functions saturate, as far as PyTorch keeps its digits; about softplus's threshold.
KINKS = [0, -0.0, 1e-3, -1e-3, 1.125, 1.25]
LARGE = {"softplus": [8, 19.5, 20.5, 25, -8, -25]}

for op, variants in ACTIVATIONS.items():
    for module, options in variants:
        ident = "_".join(str(v) for v in options.values()) or "default"
        params = {OURS.get(k, k): True if v == "tanh" else v for k, v in options.items()}
        if params.get("axis") == -1:
            del params["axis"]
        make = module(**options)
        layer(op, f"{ident}_matrix", make, apart(f"{op}/{ident}/matrix", (5, 4), 0.15), params)
        layer(op, f"{ident}_images", make, apart(f"{op}/{ident}/images", (2, 3, 2, 3), 0.1), params)
        layer(op, f"{ident}_empty", make, real(torch.zeros(0, 3)), params)
        # PyTorch's second derivative of ELU at 0 is 0; ours is the left side's (ops.py).
        layer(op, f"{ident}_kinks", make, real([KINKS, LARGE.get(op, [3, 6, 8, -3, -6, -8])]), params, smooth=False,
              orders=1 if op == "elu" else 2)
        if op not in ("softmax", "log_softmax"):
            layer(op, f"{ident}_scalar", make, real(0.75), params)

# -- Embeddings -------------------------------------------------------------------------------------

layer("embedding", "vector", nn.Embedding(5, 3), index([4, 0, 2, 2]))
layer("embedding", "matrix", nn.Embedding(4, 2), index([[3, 1, 1], [1, 0, 3]]))
layer("embedding", "scalar", nn.Embedding(3, 4), index(2))
layer("embedding", "cube", nn.Embedding(6, 1), index([[[5, 5], [0, 1]]]))
layer("embedding", "one_row", nn.Embedding(1, 3), index([0, 0, 0]))
layer("embedding", "padding_0", nn.Embedding(5, 3, padding_idx=0), index([[4, 0, 2], [0, 2, 0]]),
      {"padding_idx": 0})
layer("embedding", "padding_3", nn.Embedding(4, 2, padding_idx=3), index([3, 1, 3, 3]),
      {"padding_idx": 3})

# -- Modules made of modules ------------------------------------------------------------------------


class Residual(nn.Module):
    def __init__(self, body, shortcut=None):
        super().__init__()
        self.body = body
        self.shortcut = shortcut

    def forward(self, x):
        return self.body(x) + (x if self.shortcut is None else self.shortcut(x))


layer("residual", "identity", Residual(nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 3))),
      draw("residual/identity/x", (5, 3), -1, 1))
layer("residual", "shortcut", Residual(nn.Sequential(nn.Linear(3, 4), nn.Tanh()),
                                       nn.Linear(3, 4, bias=False)),
      draw("residual/shortcut/x", (2, 3), -1, 1))
layer("named_sequential", "plain",
      nn.Sequential(OrderedDict([("first", nn.Linear(3, 4)), ("act", nn.SiLU()),
                                 ("last", nn.Linear(4, 2, bias=False))])),
      draw("named_sequential/plain/x", (3, 3), -1, 1))
parts = nn.ModuleDict({"encoder": nn.Sequential(nn.Linear(4, 2), nn.Tanh()),
                       "decoder": nn.Linear(2, 4)})
parts.forward = lambda x: parts["decoder"](parts["encoder"](x))
layer("container", "autoencoder", parts, draw("container/autoencoder/x", (3, 4), -1, 1))

if __name__ == "__main__":
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "layers.json.gz")
    cases.write(path, "tests/oracle/layers.py")
