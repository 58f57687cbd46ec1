"""The workloads in PyTorch (eager, default settings), for bench.c, which starts this and
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

import torch.nn.functional as F
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


def cnn(c):
    @workload(f"cnn-{c}-{2 * c}")
    def setup():
        net = nn.Sequential(nn.Conv2d(1, c, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
                            nn.Conv2d(c, 2 * c, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
                            nn.Flatten(), nn.Linear(2 * c * 7 * 7, 10))
        optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
        x, y = torch.randn(64, 1, 28, 28), torch.randint(10, (64,))

        def step():
            optimizer.zero_grad()
            F.cross_entropy(net(x), y).backward()
            optimizer.step()
        return step


cnn(8)
cnn(16)


def matmul(n):
    @workload(f"matmul-{n}")
    def setup():
        a, b = torch.randn(n, n), torch.randn(n, n)
        return lambda: torch.mm(a, b)


for n in (16, 64, 128, 256, 512):
    matmul(n)


@workload("conv2d-16-32-forward")
def conv2d_forward():
    x, w = torch.randn(64, 16, 14, 14), torch.randn(32, 16, 3, 3)

    def step():
        with torch.no_grad():
            F.conv2d(x, w, padding=1)
    return step


def gradient_workload(name, f, *shapes, wanted):
    """Values of f and the gradients to the operands of these shapes, the last `wanted` of them."""
    @workload(name)
    def setup():
        operands = [torch.randn(s) for s in shapes]
        leaves = [t.requires_grad_() for t in operands[-wanted:]]
        grad = torch.randn_like(f(*operands))
        return lambda: torch.autograd.grad(f(*operands), leaves, grad)


def conv2d(x, w):
    return F.conv2d(x, w, padding=1)


gradient_workload("conv2d-16-32", conv2d, (64, 16, 14, 14), (32, 16, 3, 3), wanted=2)
gradient_workload("conv2d-1-16", conv2d, (64, 1, 28, 28), (16, 1, 3, 3), wanted=1)
gradient_workload("max_pool2d-16", lambda x: F.max_pool2d(x, 2), (64, 16, 28, 28), wanted=1)
gradient_workload("relu-64x16x28x28", F.relu, (64, 16, 28, 28), wanted=1)


def loss_workload(name, make):
    """Forward and backward of a loss: make() returns its first operand and a function of it."""
    @workload(name)
    def setup():
        x, loss = make()
        x.requires_grad_()

        def step():
            x.grad = None
            loss(x).backward()
        return step


MILLION = 1000000


def pair(loss, binary=False):
    def make():
        y = (torch.rand(MILLION) < 0.5).to(torch.get_default_dtype()) if binary else torch.randn(MILLION)
        return torch.randn(MILLION), lambda x: loss(x, y)
    return make


def focal(z, y, alpha=0.25, gamma=2):
    """As torchvision's sigmoid_focal_loss, with the mean."""
    p = torch.sigmoid(z)
    ce = F.binary_cross_entropy_with_logits(z, y, reduction="none")
    p_t = p * y + (1 - p) * (1 - y)
    return ((alpha * y + (1 - alpha) * (1 - y)) * ce * (1 - p_t) ** gamma).mean()


def cross_entropy():
    y = torch.randint(1000, (4096,))
    return torch.randn(4096, 1000), lambda x: F.cross_entropy(x, y)


def dice():
    shape = (16, 4, 128, 128)
    t = (torch.rand(shape) < 0.3).to(torch.get_default_dtype())

    def loss(p):
        both, total = (p * t).sum((2, 3)), p.sum((2, 3)) + t.sum((2, 3))
        return (1 - (2 * both + 1) / (total + 1)).mean()
    return torch.rand(shape), loss


def ctc():
    T, N, C, S = 100, 32, 40, 20
    targets = 1 + torch.randint(C - 1, (N, S))
    inputs, lengths = torch.full((N,), T), torch.full((N,), S)
    x = torch.randn(T, N, C).log_softmax(-1)
    return x, lambda x: F.ctc_loss(x, targets, inputs, lengths)


def nt_xent(temperature=0.5):
    pairs = (torch.arange(512) + 256) % 512
    mask = torch.eye(512, dtype=torch.bool)

    def loss(x):
        z = F.normalize(x, dim=1)
        return F.cross_entropy((z @ z.T / temperature).masked_fill(mask, float("-inf")), pairs)
    return torch.randn(512, 128), loss


loss_workload("huber-1M", pair(F.huber_loss))
loss_workload("bce_with_logits-1M", pair(F.binary_cross_entropy_with_logits, binary=True))
loss_workload("focal-1M", pair(focal, binary=True))
loss_workload("cross_entropy-4096x1000", cross_entropy)
loss_workload("dice-16x4x128x128", dice)
loss_workload("ctc-T100-N32-C40-S20", ctc)
loss_workload("nt_xent-512x128", nt_xent)


def norm_workload(name, shape, norm):
    """Normalisation in training: forward, and the gradients to x, weight and bias."""
    @workload(name)
    def setup():
        x, v = torch.randn(shape, requires_grad=True), torch.randn(shape)
        w, b = torch.ones(shape[1], requires_grad=True), torch.zeros(shape[1], requires_grad=True)

        def step():
            x.grad = w.grad = b.grad = None
            norm(x, w, b).backward(v)
        return step


def batch_norm(x, w, b):
    return F.batch_norm(x, None, None, w, b, training=True)


norm_workload("batch_norm-64x16x28x28", (64, 16, 28, 28), batch_norm)
norm_workload("batch_norm-4096x256", (4096, 256), batch_norm)
norm_workload("layer_norm-4096x256", (4096, 256), lambda x, w, b: F.layer_norm(x, (256,), w, b))


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
    torch.set_num_threads(int(sys.argv[2]) if len(sys.argv) > 2 else 1)
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
