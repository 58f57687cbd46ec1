"""The workloads in PyTorch (eager, one thread, default settings), for bench.c, which starts this and
says what to measure: see bench.h. Run by hand: echo mlp-10-20-20-1-huber-adam 100 | python3 step.py
"""
import sys
import time

try:
    import torch
except ImportError:
    print("missing PyTorch: pip install torch==2.13.0, and PYTHON=python3 names the interpreter "
          "that has it", flush=True)
    sys.exit(0)

from torch import nn

WORKLOADS = {}


def workload(name):
    """Registers a function that sets up and returns one step."""
    def register(setup):
        WORKLOADS[name] = setup
        return setup
    return register


@workload("mlp-10-20-20-1-huber-adam")
def mlp():
    net = nn.Sequential(nn.Linear(10, 20), nn.ReLU(), nn.Linear(20, 20), nn.ReLU(),
                        nn.Linear(20, 1))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
    x, y = torch.randn(32, 10), torch.randn(32, 1)
    criterion = nn.HuberLoss(delta=1.0)

    def step():
        optimizer.zero_grad()
        criterion(net(x), y).backward()
        optimizer.step()
    return step


def matmul(n):
    @workload(f"matmul-{n}")
    def setup():
        a, b = torch.randn(n, n), torch.randn(n, n)
        return lambda: torch.mm(a, b)


for n in (16, 64, 128, 256, 512):
    matmul(n)


def microseconds(step, milliseconds):
    """Average of a step over about so long."""
    steps = 1
    while True:
        begin = time.perf_counter()
        for _ in range(steps):
            step()
        took = time.perf_counter() - begin
        if took * 1e3 > milliseconds * 0.7:
            return took / steps * 1e6
        steps = max(steps + 1, int(steps * milliseconds / max(took * 1e3, 0.01)))


def main():
    torch.manual_seed(42)
    torch.set_num_threads(1)
    torch.set_default_dtype(getattr(torch, sys.argv[1] if len(sys.argv) > 1 else "float32"))
    print("ready PyTorch", torch.__version__.split("+")[0], flush=True)
    steps = {}
    for line in sys.stdin:
        name, milliseconds = line.split()
        if name not in WORKLOADS:
            print("unknown", flush=True)
            continue
        if name not in steps:
            steps[name] = WORKLOADS[name]()
            for _ in range(10):
                steps[name]()
        print(microseconds(steps[name], float(milliseconds)), flush=True)


main()
