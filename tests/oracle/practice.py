"""The three trainings of the document "practice" (build/documents): data, first weights, order of the
rows in each epoch, and the loss curves that PyTorch gets from them, in double.

Run from the repository root: python tests/oracle/practice.py. Writes
examples/data/practice/practice.safetensors. Inputs are rounded to half precision and weights to
float, so that every program computes from the same numbers.
"""
import os

import numpy as np
import torch
from safetensors.numpy import save_file

ROWS, INPUTS, HIDDEN, BATCH, EPOCHS, OUTLIERS = 1000, 10, 20, 32, 10, 50
torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)
PATH = os.path.join("examples", "data", "practice", "practice.safetensors")


def half(x):
    return x.to(torch.float16)


def network(outputs):
    return torch.nn.Sequential(torch.nn.Linear(INPUTS, HIDDEN), torch.nn.ReLU(),
                               torch.nn.Linear(HIDDEN, HIDDEN), torch.nn.ReLU(),
                               torch.nn.Linear(HIDDEN, outputs))


def train(net, x, y, order, criterion):
    """The mean over the batches of each epoch, as the document prints it."""
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3, foreach=False)
    curve = []
    for rows in order:
        losses = []
        for first in range(0, ROWS, BATCH):
            batch = rows[first:first + BATCH]
            loss = criterion(net(x[batch]), y[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        curve.append(sum(losses) / len(losses))
    return curve


def data(task):
    x = half(torch.randn(ROWS, INPUTS))
    wide = x.double()
    if task == "binary":
        return x, (wide.sum(dim=1, keepdim=True) > 0).to(torch.float16)
    if task == "multiclass":
        above = (wide.sum(dim=1) > 0).long() + (wide.mean(dim=1) > 0).long()
        return x, above.clamp(0, 2).to(torch.int16)
    y = wide.mean(dim=1, keepdim=True) + torch.randn(ROWS, 1) * 0.5
    y[torch.randperm(ROWS)[:OUTLIERS]] += torch.randn(OUTLIERS, 1) * 5
    return x, half(y)


def main():
    torch.manual_seed(42)
    tensors = {}
    order = torch.stack([torch.randperm(ROWS) for _ in range(EPOCHS)])
    tensors["order"] = order.to(torch.int16).numpy()
    tasks = {"binary": (1, torch.nn.BCEWithLogitsLoss()),
             "multiclass": (3, torch.nn.CrossEntropyLoss()),
             "regression": (1, torch.nn.SmoothL1Loss())}
    for task, (outputs, criterion) in tasks.items():
        x, y = data(task)
        net = network(outputs)
        with torch.no_grad():
            for name, parameter in net.named_parameters():
                parameter.copy_(parameter.float().double())
                tensors[f"{task}.{name}"] = parameter.numpy().astype(np.float32)
        tensors[f"{task}.x"], tensors[f"{task}.y"] = x.numpy(), y.numpy()
        target = y.long() if task == "multiclass" else y.double()
        curve = train(net, x.double(), target, order, criterion)
        tensors[f"{task}.curve"] = np.array(curve)
        print(task, " ".join(f"{loss:.4f}" for loss in curve))
    os.makedirs(os.path.dirname(PATH), exist_ok=True)
    save_file(tensors, PATH, metadata={"generator": "tests/oracle/practice.py",
                                       "torch": torch.__version__.split("+")[0]})
    print(f"{PATH}: {os.path.getsize(PATH) / 1000:.0f} kB")


if __name__ == "__main__":
    main()
