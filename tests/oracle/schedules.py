"""Expected results of learning rate schedules: the rate in each of 60 epochs, by
torch.optim.lr_scheduler.

Run from the repository root: python tests/oracle/schedules.py. See README.md here.
"""
import gzip
import json
import math
import os
import sys
import warnings

import torch
from torch.optim import lr_scheduler as schedulers

sys.path.insert(0, os.path.dirname(__file__))
from cases import number, tensor  # noqa: E402

EPOCHS = 60
warnings.filterwarnings("ignore", message=".*lr_scheduler.step.*")  # nothing is trained here


def optimizer(*lrs):
    groups = [{"params": [torch.nn.Parameter(torch.zeros(1))], "lr": lr} for lr in lrs]
    return torch.optim.SGD(groups, lr=1.0)


def case(op, ident, params, rates, **more):
    params = {k: number(v) if isinstance(v, float) else v for k, v in params.items()}
    expected = [tensor(n, torch.tensor(v)) for n, v in {"lr": rates, **more}.items()]
    return {"op": op, "id": ident, "params": params, "expected": expected}


def schedule(op, ident, make, lr=0.3, epochs=EPOCHS, **params):
    """make(opt, **params): the scheduler."""
    opt = optimizer(lr)
    scheduler = make(opt, **params)
    rates = []
    for _ in range(epochs):
        rates.append(opt.param_groups[0]["lr"])
        scheduler.step()
    return case(op, ident, {"lr": lr, **params}, rates)


def warm_cosine(opt, warmup, total_iters, T_max):
    first = schedulers.LinearLR(opt, start_factor=warmup, total_iters=total_iters)
    return schedulers.SequentialLR(opt, [first, schedulers.CosineAnnealingLR(opt, T_max)],
                                   [total_iters])


def one_cycle(ident, **params):
    strategy = "linear" if params.get("linear") else "cos"
    more = {k: v for k, v in params.items() if k != "linear"}
    opt = optimizer(0.3)
    scheduler = schedulers.OneCycleLR(opt, 0.3, total_steps=EPOCHS, anneal_strategy=strategy,
                                      cycle_momentum=False, **more)
    rates = []
    for epoch in range(EPOCHS):
        rates.append(opt.param_groups[0]["lr"])
        if epoch < EPOCHS - 1:
            scheduler.step()
    return case("one_cycle", ident, {"lr": 0.3, "total": EPOCHS, **params}, rates)


def metrics(kind):
    falling = [math.exp(-0.2 * e) + 0.02 * math.sin(2.5 * e) + 0.1 for e in range(EPOCHS)]
    return {"falling": falling, "rising": [1.5 - m for m in falling],
            "constant": [0.5] * EPOCHS,
            "negative": [m - 1.3 for m in falling],
            "holes": [math.nan if e % 4 == 1 else math.inf if e % 7 == 3 else m
                      for e, m in enumerate(falling)]}[kind]


def plateau(ident, kind, **params):
    lrs, watched = (0.3, 0.002), metrics(kind)
    opt = optimizer(*lrs)
    more = {k: v for k, v in params.items() if k not in ("maximize", "absolute")}
    scheduler = schedulers.ReduceLROnPlateau(
        opt, mode="max" if params.get("maximize") else "min",
        threshold_mode="abs" if params.get("absolute") else "rel", **more)
    rates = ([], [])
    for metric in watched:
        scheduler.step(metric)
        for i in range(2):
            rates[i].append(opt.param_groups[i]["lr"])
    return case("plateau", ident, {"lr": lrs[0], "group_lr": lrs[1], **params}, rates[0],
                group_lr=rates[1], metric=watched)


def all_cases():
    s = schedulers
    return [
        schedule("step", "plain", s.StepLR, step_size=7, gamma=0.4),
        schedule("step", "each", s.StepLR, step_size=1, gamma=0.9),
        schedule("step", "default_gamma", s.StepLR, step_size=30, gamma=0.1),
        schedule("multi_step", "plain", s.MultiStepLR, milestones=[3, 11, 40], gamma=0.2),
        schedule("multi_step", "twice_and_late", s.MultiStepLR, milestones=[5, 5, 20, 90],
                 gamma=0.5),
        schedule("exponential", "plain", s.ExponentialLR, gamma=0.93),
        schedule("exponential", "growing", s.ExponentialLR, lr=1e-5, gamma=1.2),
        schedule("cosine", "plain", s.CosineAnnealingLR, T_max=60, eta_min=0.0),
        schedule("cosine", "to_and_fro", s.CosineAnnealingLR, T_max=7, eta_min=0.02),
        schedule("cosine", "upwards", s.CosineAnnealingLR, lr=0.01, T_max=25, eta_min=0.1),
        schedule("cosine", "jumps", s.CosineAnnealingLR, T_max=1, eta_min=0.1),
        schedule("warmup", "defaults", s.LinearLR, start_factor=1 / 3, end_factor=1.0,
                 total_iters=5),
        schedule("warmup", "long", s.LinearLR, start_factor=0.01, end_factor=1.0, total_iters=50),
        schedule("warmup", "down", s.LinearLR, start_factor=1.0, end_factor=0.1, total_iters=20),
        schedule("warm_cosine", "plain", warm_cosine, warmup=0.05, total_iters=10, T_max=50),
        one_cycle("plain"),
        one_cycle("linear", linear=True),
        one_cycle("three_phases", three_phase=True, pct_start=0.4),
        one_cycle("three_phases_linear", three_phase=True, linear=True, pct_start=0.25),
        one_cycle("three_phases_cut", three_phase=True, pct_start=0.7),
        one_cycle("numbers", pct_start=0.17, div_factor=10.0, final_div_factor=100.0),
        one_cycle("only_down", pct_start=0.0),
        one_cycle("only_up", pct_start=1.0),
        plateau("plain", "falling", patience=3),
        plateau("defaults", "constant"),
        plateau("impatient", "falling", patience=0, factor=0.8),
        plateau("cooldown", "falling", patience=1, cooldown=4, factor=0.5),
        plateau("threshold", "falling", patience=4, factor=0.5, threshold=0.05),
        plateau("absolute", "falling", patience=2, factor=0.5, threshold=0.02, absolute=True),
        plateau("largest", "rising", patience=2, factor=0.5, threshold=0.001, maximize=True),
        plateau("largest_absolute", "rising", patience=2, factor=0.5, threshold=0.01, maximize=True,
                absolute=True),
        plateau("negative", "negative", patience=2, factor=0.5, threshold=0.01),
        plateau("least", "constant", patience=1, factor=0.5, min_lr=0.001),
        plateau("small_steps", "constant", patience=0, factor=0.5, eps=1e-3),
        plateau("holes", "holes", patience=2, factor=0.5),
    ]


if __name__ == "__main__":
    lines = [json.dumps(c, separators=(",", ":")) for c in all_cases()]
    head = json.dumps({"generator": "tests/oracle/schedules.py",
                       "torch": torch.__version__.split("+")[0]})[:-1]
    text = head + ', "cases": [\n' + ",\n".join(lines) + "\n]}\n"
    path = os.path.join(os.path.dirname(__file__), "schedules.json.gz")
    with open(path, "wb") as f, gzip.GzipFile("", "wb", compresslevel=9, fileobj=f, mtime=0) as z:
        z.write(text.encode())
    print(f"{path}: {len(lines)} cases, {os.path.getsize(path) / 1000:.0f} kB")
