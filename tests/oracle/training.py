"""Expected results of layers and of whole trainings: a linear layer with its derivatives, and the
weights of a small network after 50 steps of each optimizer. Computed by PyTorch in double.

Run from the repository root: python tests/oracle/training.py. See README.md here.
"""
import gzip
import json
import os
import sys

import torch
from torch.nn.utils import clip_grad_norm_, clip_grad_value_
from torch.optim.swa_utils import AveragedModel, get_ema_avg_fn

sys.path.insert(0, os.path.dirname(__file__))
from cases import Cases, draw, tensor  # noqa: E402

STEPS, BATCH, ROWS = 50, 8, 32
SIZES = (4, 8, 8, 2)
OPTIMIZERS = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam, "adamw": torch.optim.AdamW,
              "rmsprop": torch.optim.RMSprop, "adagrad": torch.optim.Adagrad}
OWN = ("lr", "weight_decay", "momentum", "dampening", "nesterov", "eps", "alpha", "centered",
       "lr_decay", "initial_accumulator_value")


def linear(cases):
    for ident, shape, out, bias in (("plain", (5, 3), 4, True), ("no_bias", (5, 3), 4, False),
                                    ("one_row", (7,), 2, True), ("one_by_one", (3, 1), 1, True),
                                    ("batches", (2, 3, 6), 5, True), ("empty", (0, 3), 2, True)):
        sizes = {"x": shape, "weight": (out, shape[-1])}
        if bias:
            sizes["bias"] = (out,)
        operands = {n: draw(f"linear/{ident}/{n}", s, -1, 1) for n, s in sizes.items()}
        cases.add("linear", ident, torch.nn.functional.linear, operands)


def network(start):
    layers = []
    for i, (fan_in, fan_out) in enumerate(zip(SIZES, SIZES[1:])):
        layers += [torch.nn.Linear(fan_in, fan_out), torch.nn.ReLU()]
    net = torch.nn.Sequential(*layers[:-1], torch.nn.Softmax(dim=-1))
    net.load_state_dict({n: start[n].clone() for n, _ in net.named_parameters()})
    return net


def beginning():
    """Data set and first weights, the same for all trainings."""
    operands = {"x": draw("training/x", (ROWS, SIZES[0]), -2, 2),
                "t": draw("training/t", (ROWS, SIZES[-1]), 0, 1)}
    for i, (fan_in, fan_out) in enumerate(zip(SIZES, SIZES[1:])):
        bound = fan_in ** -0.5
        operands[f"{2 * i}.weight"] = draw(f"training/weight{i}", (fan_out, fan_in), -bound, bound)
        operands[f"{2 * i}.bias"] = draw(f"training/bias{i}", (fan_out,), -bound, bound)
    return operands


def optimizer(net, p):
    own = {k: v for k, v in p.items() if k in OWN}
    if "beta1" in p:
        own["betas"] = (p["beta1"], p["beta2"])
    make = OPTIMIZERS[p["optimizer"]]
    group = {k[6:]: v for k, v in p.items() if k.startswith("group_")}
    if not group:
        return make(net.parameters(), foreach=False, **own)
    opt = make(net[:-2].parameters(), foreach=False, **own)
    opt.add_param_group({"params": net[-2].parameters(), **group})
    return opt


def train(cases, start, ident, loss="mse", **p):
    """p: optimizer and its numbers; delta of the Huber loss; skip: the middle layer has no gradient
    in each step that this divides; lr_every and lr_factor: lr shrinks by the factor after so many
    steps; accumulate: backward passes before each step; group_lr, group_weight_decay: the last
    layer is a group of its own; max_norm, clip_value: bounds of the gradients; ema_decay: of the
    weights' average."""
    net = network(start)
    opt = optimizer(net, p)
    lrs = [group["lr"] for group in opt.param_groups]
    criterion = torch.nn.MSELoss() if loss == "mse" else torch.nn.HuberLoss(delta=p["delta"])
    curve, norms, position = [], [], 0
    if "ema_decay" in p:
        average = AveragedModel(net, avg_fn=get_ema_avg_fn(p["ema_decay"]))
    for step in range(STEPS):
        if "lr_every" in p:
            for group, lr in zip(opt.param_groups, lrs):
                group["lr"] = lr * p["lr_factor"] ** (step // p["lr_every"])
        opt.zero_grad()
        for _ in range(p.get("accumulate", 1)):
            rows = slice(position % ROWS, position % ROWS + BATCH)
            position += BATCH
            value = criterion(net(start["x"][rows]), start["t"][rows])
            value.backward()
        if "skip" in p and step % p["skip"] == 0:
            for parameter in net[2].parameters():
                parameter.grad = None
        if "max_norm" in p:
            norms.append(clip_grad_norm_(net.parameters(), p["max_norm"]).item())
        if "clip_value" in p:
            clip_grad_value_(net.parameters(), p["clip_value"])
        opt.step()
        if "ema_decay" in p:
            average.update_parameters(net)
        curve.append(value.item())
    expected = [tensor(n, t) for n, t in net.named_parameters()]
    expected.append(tensor("loss", torch.tensor(curve)))
    if norms:
        expected.append(tensor("norms", torch.tensor(norms)))
    if "ema_decay" in p:
        expected += [tensor("ema." + n, t) for n, t in average.module.named_parameters()]
    cases.cases.append({"op": "train", "id": ident, "params": {**p, "loss": loss, "steps": STEPS,
                                                               "batch": BATCH},
                        "expected": expected})


def trainings(cases):
    start = beginning()
    cases.cases.append({"op": "beginning", "id": "plain",
                        "in": [tensor(n, t) for n, t in start.items()]})
    sgd = {"optimizer": "sgd", "lr": 0.1}
    train(cases, start, "sgd", **sgd)
    train(cases, start, "sgd_huber", loss="huber", delta=0.2, **sgd)
    train(cases, start, "sgd_weight_decay", **sgd, weight_decay=0.05)
    train(cases, start, "sgd_momentum", **sgd, momentum=0.9)
    train(cases, start, "sgd_momentum_weight_decay", **sgd, momentum=0.8, weight_decay=0.02)
    train(cases, start, "sgd_dampening", **sgd, momentum=0.9, dampening=0.4)
    train(cases, start, "sgd_dampening_alone", **sgd, dampening=0.4)
    train(cases, start, "sgd_nesterov", **sgd, momentum=0.9, nesterov=True)
    train(cases, start, "sgd_nesterov_weight_decay", loss="huber", delta=0.3, **sgd, momentum=0.7,
          nesterov=True, weight_decay=0.03)
    train(cases, start, "sgd_skips", **sgd, momentum=0.9, dampening=0.3, skip=3)
    train(cases, start, "sgd_lr", **sgd, momentum=0.9, lr_every=7, lr_factor=0.6)
    train(cases, start, "sgd_accumulates", **sgd, momentum=0.5, accumulate=3)
    adam = {"optimizer": "adam", "lr": 1e-3}
    train(cases, start, "adam", **adam)
    train(cases, start, "adam_huber", loss="huber", delta=0.2, eps=1e-5, **adam)
    fast = {"optimizer": "adam", "lr": 0.02}
    train(cases, start, "adam_fast", **fast)
    train(cases, start, "adam_numbers", **fast, beta1=0.7, beta2=0.95, eps=1e-3, weight_decay=0.05)
    train(cases, start, "adam_no_memory", **fast, beta1=0.0, beta2=0.0, eps=0.1)
    train(cases, start, "adam_skips", **fast, skip=3)
    train(cases, start, "adam_skips_weight_decay", loss="huber", delta=0.3, **fast, skip=4,
          weight_decay=0.02)
    train(cases, start, "adam_lr", **fast, lr_every=10, lr_factor=0.5)
    train(cases, start, "adam_accumulates", **fast, accumulate=2)
    train(cases, start, "adamw", optimizer="adamw")
    fast = {"optimizer": "adamw", "lr": 0.02}
    train(cases, start, "adamw_numbers", **fast, beta1=0.7, beta2=0.95, eps=1e-3, weight_decay=0.5)
    train(cases, start, "adamw_lr", **fast, weight_decay=0.3, lr_every=10, lr_factor=0.5)
    train(cases, start, "adamw_skips", loss="huber", delta=0.3, **fast, skip=4)
    train(cases, start, "adamw_accumulates", **fast, accumulate=2)
    train(cases, start, "rmsprop", optimizer="rmsprop")
    numbers = {"optimizer": "rmsprop", "lr": 0.005, "alpha": 0.9, "eps": 1e-3}
    train(cases, start, "rmsprop_numbers", **numbers, weight_decay=0.05)
    train(cases, start, "rmsprop_momentum", **numbers, momentum=0.8)
    train(cases, start, "rmsprop_centered", **numbers, centered=True)
    train(cases, start, "rmsprop_centered_momentum", loss="huber", delta=0.3, **numbers,
          centered=True, momentum=0.6, weight_decay=0.02)
    train(cases, start, "rmsprop_no_memory", optimizer="rmsprop", lr=0.01, alpha=0.0, eps=0.1)
    train(cases, start, "rmsprop_skips", **numbers, centered=True, momentum=0.5, skip=3)
    train(cases, start, "rmsprop_accumulates", **numbers, accumulate=3)
    train(cases, start, "adagrad", optimizer="adagrad")
    fast = {"optimizer": "adagrad", "lr": 0.1}
    train(cases, start, "adagrad_decays", **fast, lr_decay=0.05, weight_decay=0.02)
    train(cases, start, "adagrad_numbers", loss="huber", delta=0.2, **fast, eps=1e-2,
          initial_accumulator_value=0.3)
    train(cases, start, "adagrad_skips", **fast, lr_decay=0.1, initial_accumulator_value=0.01,
          skip=3)
    train(cases, start, "adagrad_accumulates", **fast, lr_every=10, lr_factor=0.7, accumulate=2)
    train(cases, start, "sgd_groups", **sgd, momentum=0.9, weight_decay=0.02, group_lr=0.02,
          group_weight_decay=0.0, lr_every=10, lr_factor=0.5)
    train(cases, start, "adam_groups", optimizer="adam", lr=0.005, group_lr=0.02, accumulate=2)
    train(cases, start, "adamw_groups", optimizer="adamw", lr=0.01, group_weight_decay=0.8)
    train(cases, start, "rmsprop_groups", **numbers, centered=True, momentum=0.5, group_lr=0.001,
          group_weight_decay=0.3, lr_every=7, lr_factor=0.8)
    train(cases, start, "adagrad_groups", **fast, initial_accumulator_value=0.1, group_lr=0.02,
          weight_decay=0.03)
    train(cases, start, "sgd_clip_norm", **sgd, momentum=0.9, max_norm=0.03)
    train(cases, start, "sgd_clip_norm_skips", **sgd, max_norm=0.05, skip=3, accumulate=2)
    train(cases, start, "adam_clip_norm", optimizer="adam", lr=0.02, max_norm=0.02)
    train(cases, start, "sgd_clip_value", **sgd, momentum=0.9, clip_value=0.004)
    train(cases, start, "adam_ema", optimizer="adam", lr=0.02, ema_decay=0.9)
    train(cases, start, "sgd_ema", **sgd, momentum=0.9, ema_decay=0.999)


if __name__ == "__main__":
    all_cases = Cases()
    linear(all_cases)
    trainings(all_cases)
    head = json.dumps({"generator": "tests/oracle/training.py",
                       "torch": torch.__version__.split("+")[0]})[:-1]
    lines = [json.dumps(c, separators=(",", ":")) for c in all_cases.cases]
    text = head + ', "cases": [\n' + ",\n".join(lines) + "\n]}\n"
    path = os.path.join(os.path.dirname(__file__), "training.json.gz")
    with open(path, "wb") as f, gzip.GzipFile("", "wb", compresslevel=9, fileobj=f, mtime=0) as z:
        z.write(text.encode())
    print(f"{path}: {len(lines)} cases, {os.path.getsize(path) / 1000:.0f} kB")
