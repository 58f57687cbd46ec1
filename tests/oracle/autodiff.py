"""Expected results of whole programs of differentiation: derivatives of fourth order, a Hessian times
a vector, a penalty on the gradient's norm. Computed by PyTorch in double.

Run from the repository root: python tests/oracle/autodiff.py. See README.md here.
"""
import json
import os
import sys

import torch

sys.path.insert(0, os.path.dirname(__file__))
from cases import draw, tensor  # noqa: E402

cases = []


def add(op, operands, expected):
    cases.append({"op": op, "id": "plain",
                  "in": [tensor(n, t) for n, t in operands.items()],
                  "expected": [tensor(n, t) for n, t in expected.items()]})


def fourth_order():
    x = draw("fourth_order/x", (6,), -1.25, 1.25).requires_grad_()
    y = torch.tanh(x) * torch.exp(x * x)
    expected = {"d0": y}
    for order in range(1, 5):
        y, = torch.autograd.grad(y.sum(), x, create_graph=True)
        expected[f"d{order}"] = y
    add("tanh_exp_square", {"x": x}, expected)


def network():
    """mean((W2 tanh(W1 x + b1) + b2 - t)^2)"""
    sizes = {"x": (5, 3), "t": (5, 2), "w1": (4, 3), "b1": (4,), "w2": (2, 4), "b2": (2,)}
    operands = {n: draw(f"network/{n}", s, -1, 1) for n, s in sizes.items()}
    parameters = [operands[n].requires_grad_() for n in ("w1", "b1", "w2", "b2")]
    x, t = operands["x"].requires_grad_(), operands["t"]
    w1, b1, w2, b2 = parameters
    y = torch.tanh(x @ w1.T + b1) @ w2.T + b2
    return operands, parameters, x, y, ((y - t) ** 2).mean()


def hessian_vector_product():
    operands, parameters, _, _, loss = network()
    directions = {f"u_{n}": draw(f"network/u_{n}", tuple(p.shape), -1, 1)
                  for n, p in zip(("w1", "b1", "w2", "b2"), parameters)}
    grads = torch.autograd.grad(loss, parameters, create_graph=True)
    along = sum((g * u).sum() for g, u in zip(grads, directions.values()))
    products = torch.autograd.grad(along, parameters)
    expected = {"loss": loss}
    for n, g, h in zip(("w1", "b1", "w2", "b2"), grads, products):
        expected[f"g_{n}"], expected[f"h_{n}"] = g, h
    add("hessian_vector_product", {**operands, **directions}, expected)


def gradient_penalty():
    """mean over the rows of (||d sum(y) / d x|| - 1)^2, differentiated by the weights."""
    operands, parameters, x, y, _ = network()
    to_x, = torch.autograd.grad(y.sum(), x, create_graph=True)
    penalty = ((torch.linalg.vector_norm(to_x, dim=1) - 1) ** 2).mean()
    grads = torch.autograd.grad(penalty, parameters, allow_unused=True, materialize_grads=True)
    expected = {"to_x": to_x, "penalty": penalty}
    for n, g in zip(("w1", "b1", "w2", "b2"), grads):
        expected[f"g_{n}"] = g
    add("gradient_penalty", operands, expected)


if __name__ == "__main__":
    fourth_order()
    hessian_vector_product()
    gradient_penalty()
    path = os.path.join(os.path.dirname(__file__), "autodiff.json")
    head = json.dumps({"generator": "tests/oracle/autodiff.py",
                       "torch": torch.__version__.split("+")[0]})[:-1]
    with open(path, "w") as f:
        lines = [json.dumps(c, separators=(",", ":")) for c in cases]
        f.write(head + ', "cases": [\n' + ",\n".join(lines) + "\n]}\n")
    print(f"{path}: {len(cases)} cases")
