"""Losses in PyTorch, forward, and backward to the first operand: those of losses.c."""
import torch
import torch.nn.functional as F

from peer import workload
from step_trainings import classes, nt_xent

MILLION = 1000000


def coins(shape, p=0.5):
    return (torch.rand(shape) < p).to(torch.get_default_dtype())


def signs(n):
    return 2 * coins(n) - 1


# -- Losses that PyTorch has not --

def focal(z, y, alpha=0.25, gamma=2):
    """As torchvision's sigmoid_focal_loss, with the mean."""
    p = torch.sigmoid(z)
    ce = F.binary_cross_entropy_with_logits(z, y, reduction="none")
    p_t = p * y + (1 - p) * (1 - y)
    return ((alpha * y + (1 - alpha) * (1 - y)) * ce * (1 - p_t) ** gamma).mean()


def hinge(s, y):
    return F.relu(1 - y * s).mean()


def dice(p, t):
    both, total = (p * t).sum((2, 3)), p.sum((2, 3)) + t.sum((2, 3))
    return (1 - (2 * both + 1) / (total + 1)).mean()


def contrastive(a, b, y, margin=1):
    d = (a - b).norm(dim=1)
    return 0.5 * (y * d ** 2 + (1 - y) * F.relu(margin - d) ** 2).mean()


def info_nce(q, p, negatives, temperature=0.07):
    q, p, negatives = (F.normalize(t, dim=1) for t in (q, p, negatives))
    logits = torch.cat(((q * p).sum(1, keepdim=True), q @ negatives.T), 1) / temperature
    return F.cross_entropy(logits, torch.zeros(len(q), dtype=torch.long))


# -- Operands, the first of which gets the gradient --

def pair():
    return torch.randn(MILLION), torch.randn(MILLION)


def binary():
    return torch.randn(MILLION), coins(MILLION)


def probability():
    return 0.01 + 0.98 * torch.rand(MILLION), coins(MILLION)


def signed():
    return torch.randn(MILLION), signs(MILLION)


def distributions():
    return torch.randn(1000, 1000).log_softmax(1), torch.randn(1000, 1000).softmax(1)


def masks():
    shape = (16, 4, 128, 128)
    return torch.rand(shape), coins(shape, 0.3)


def ctc_operands(T=100, N=32, C=40, S=20):
    targets = 1 + torch.randint(C - 1, (N, S))
    return (torch.randn(T, N, C).log_softmax(-1), targets, torch.full((N,), T),
            torch.full((N,), S))


def vectors(n, low=None):
    x = [torch.randn(4096, 256) for _ in range(n)]
    if low is not None:
        x.append(torch.tensor([1.0, low]).repeat(2048))
    return x


LOSSES = [
    ("mse-1M", F.mse_loss, pair),
    ("l1-1M", F.l1_loss, pair),
    ("smooth_l1-1M", F.smooth_l1_loss, pair),
    ("huber-1M", F.huber_loss, pair),
    ("bce-1M", F.binary_cross_entropy, probability),
    ("bce_with_logits-1M", F.binary_cross_entropy_with_logits, binary),
    ("focal-1M", focal, binary),
    ("kl_div-1000x1000", lambda q, p: F.kl_div(q, p, reduction="batchmean"), distributions),
    ("hinge-1M", hinge, signed),
    ("soft_margin-1M", F.soft_margin_loss, signed),
    ("cross_entropy-4096x1000", F.cross_entropy,
     lambda: (torch.randn(4096, 1000), classes((4096,), 1000))),
    ("dice-16x4x128x128", dice, masks),
    ("ctc-T100-N32-C40-S20", F.ctc_loss, ctc_operands),
    ("triplet-4096x256", F.triplet_margin_loss, lambda: vectors(3)),
    ("cosine_embedding-4096x256", F.cosine_embedding_loss, lambda: vectors(2, -1.0)),
    ("contrastive-4096x256", contrastive, lambda: vectors(2, 0.0)),
    ("info_nce-256x4096x128", info_nce,
     lambda: (torch.randn(256, 128), torch.randn(256, 128), torch.randn(4096, 128))),
    ("nt_xent-512x128", lambda x: nt_xent(x, 0.5), lambda: (torch.randn(512, 128),)),
]


def register(compiled):
    def put(name, loss, operands):
        @workload(name)
        def start():
            x, *others = operands()
            x.requires_grad_()
            f = torch.compile(loss) if compiled else loss

            def step():
                x.grad = None
                f(x, *others).backward()
            return step
    for row in LOSSES:
        put(*row)
