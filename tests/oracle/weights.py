"""Files of weights as PyTorch and the safetensors library write them, with the outputs of the networks that
they belong to, and the reverse: what this library wrote, read by PyTorch.

Run from the repository root: python tests/oracle/weights.py writes tests/oracle/weights/*.safetensors and
weights.json. python tests/oracle/weights.py --check FILE.. loads each FILE into the network that its name
begins with (mlp, cnn, spectral or norm), strictly, and compares outputs. See README.md here.
"""
import json
import os
import sys

import torch
from safetensors.torch import load_file, save_file

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
from cases import draw, tensor  # noqa: E402

nn = torch.nn
NETWORKS = {
    "mlp": (lambda: nn.Sequential(nn.Linear(5, 7), nn.ReLU(), nn.Linear(7, 3)), (4, 5)),
    "cnn": (lambda: nn.Sequential(nn.Conv2d(2, 3, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
                                  nn.Conv2d(3, 4, (2, 3), bias=False), nn.Flatten(), nn.Linear(12, 2)),
            (3, 2, 4, 10)),
    "spectral": (lambda: nn.Sequential(nn.utils.spectral_norm(nn.Linear(4, 3)), nn.ReLU()), (5, 4)),
    "norm": (lambda: nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, 2)), (5, 4)),
}


def fill(name, net):
    """Numbers that floats hold, drawn from their names; variances above 0."""
    for key, t in net.state_dict().items():
        if t.is_floating_point():
            t.copy_(draw(f"weights/{name}/{key}", tuple(t.shape), 0.1 if "var" in key else -1, 1))
        else:
            t.fill_(1234567)


def network(name):
    make, shape = NETWORKS[name]
    net = make().double().eval()
    return net, draw(f"weights/{name}/x", shape, -1, 1)


def types():
    """One tensor of each type that is read, and what it holds."""
    reals = [1.0, -0.5, 2.0 ** -24, 0.0, 65504.0, float("inf"), float("-inf"), float("nan")]
    brain = [1.0, -0.5, 2.0 ** -133, 0.0, 3.0 * 2.0 ** 126, float("inf"), float("-inf"), float("nan")]
    out = {n: torch.tensor(reals, dtype=t).reshape(2, 4) for n, t in
           (("f64", torch.float64), ("f32", torch.float32), ("f16", torch.float16))}
    out["bf16"] = torch.tensor(brain, dtype=torch.bfloat16).reshape(2, 4)
    for name, t in (("i64", torch.int64), ("i32", torch.int32), ("i16", torch.int16), ("i8", torch.int8),
                    ("u64", torch.uint64), ("u32", torch.uint32), ("u16", torch.uint16), ("u8", torch.uint8)):
        low, high = max(torch.iinfo(t).min, -2 ** 31), min(torch.iinfo(t).max, 2 ** 31 - 1)
        out[name] = torch.tensor([low, 0, 1, high], dtype=t)
    out["bool"] = torch.tensor([True, False, True])
    out["scalar"] = torch.tensor(0.25)
    out["empty"] = torch.zeros(0, 3)
    out["six"] = torch.arange(12.0).reshape(1, 2, 1, 3, 1, 2)
    return out


def write():
    folder = os.path.join(HERE, "weights")
    os.makedirs(folder, exist_ok=True)
    cases = []
    for name in NETWORKS:
        net, x = network(name)
        fill(name, net)
        for dtype, suffix in ((torch.float32, "f32"), (torch.float64, "f64")):
            state = {k: t.to(dtype) if t.is_floating_point() else t for k, t in net.state_dict().items()}
            save_file(state, f"{folder}/{name}.{suffix}.safetensors")
        cases.append({"op": "weights", "id": name, "in": [tensor("x", x)],
                      "expected": [tensor("y", net(x).detach())]})
    save_file(types(), f"{folder}/types.safetensors", metadata={"made by": "weights.py", "ümlaut": "\"ä\"\n"})
    held = [tensor(n, t.double() if t.is_floating_point() else t.long()) for n, t in types().items()]
    cases.append({"op": "weights", "id": "types", "in": [], "expected": held})
    with open(os.path.join(HERE, "weights.json"), "w") as f:
        lines = [json.dumps(c, separators=(",", ":")) for c in cases]
        head = json.dumps({"generator": "tests/oracle/weights.py", "torch": torch.__version__.split("+")[0]})
        f.write(head[:-1] + ', "cases": [\n' + ",\n".join(lines) + "\n]}\n")
    print(f"{os.path.relpath(folder)}: {len(os.listdir(folder))} files")


def check(path):
    name = os.path.basename(path).split(".")[0]
    net, x = network(name)
    expected_net, _ = network(name)
    fill(name, expected_net)
    state = load_file(path)
    net.load_state_dict(state, strict=True)
    y, expected = net(x), expected_net(x)
    error = ((y - expected).abs().max() / expected.abs().max()).item()
    kinds = sorted({str(t.dtype).removeprefix("torch.") for t in state.values()})
    print(f"{path}: {len(state)} tensors ({', '.join(kinds)}) loaded strictly, outputs {tuple(y.shape)} "
          f"with the largest relative error {error:.2g}")
    return error <= 1e-12


if __name__ == "__main__":
    if sys.argv[1:2] == ["--check"]:
        sys.exit(0 if all([check(path) for path in sys.argv[2:]]) else 1)
    write()
