"""Cases of losses/similarity.h, triplet.h and contrast.h. See loss_cases.py.

PyTorch has cosine_embedding_loss, margin_ranking_loss and triplet_margin_loss; the miners are
compared with those of pytorch-metric-learning (pip install --no-deps pytorch-metric-learning tqdm);
the others are written down from their papers.
"""
import math
import os
import sys

import numpy as np
import torch
import torch.nn.functional as F
from pytorch_metric_learning.distances import LpDistance
from pytorch_metric_learning.miners import BatchEasyHardMiner, TripletMarginMiner
from pytorch_metric_learning.utils import loss_and_miner_utils

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from loss_cases import REDUCTIONS, add_case, add_error, elementwise, main  # noqa: E402

KINK = "the subgradient at a kink is 0; PyTorch's clamp_min has 1"


# -- Pairs -----------------------------------------------------------------------------------------

def euclidean(difference):
    """The norm along the last axis, with gradients of 0 at 0."""
    square = (difference ** 2).sum(-1)
    is_0 = square == 0
    return torch.where(is_0, 0.0, torch.sqrt(torch.where(is_0, 1.0, square)))


def hinge(x):
    """max(0, x) with gradient 0 at 0."""
    return torch.where(x > 0, x, torch.zeros_like(x))


@elementwise
def contrastive(x1, x2, target, margin=1.0, factor=0.5):
    d = x1 - x2
    apart = hinge(margin - euclidean(d)) ** 2
    return factor * (target * (d ** 2).sum(-1) + (1 - target) * apart)


@elementwise
def contrastive_distance(distance, target, margin=1.0, factor=0.5):
    return factor * (target * distance ** 2 + (1 - target) * hinge(margin - distance) ** 2)


@elementwise
def cosine_embedding(x1, x2, target, margin=0.0):
    flat = F.cosine_embedding_loss(x1.reshape(-1, x1.shape[-1]), x2.reshape(-1, x1.shape[-1]),
                                   target.reshape(-1), margin=margin, reduction="none")
    return flat.reshape(target.shape)


@elementwise
def margin_ranking(x1, x2, target, margin=0.0):
    return F.margin_ranking_loss(*torch.broadcast_tensors(x1, x2, target), margin=margin,
                                 reduction="none")


@elementwise
def margin_ranking_at_kinks(x1, x2, target, margin=0.0):
    return hinge(margin - target * (x1 - x2))


def each_reduction(loss, operands, parameters, reference, **others):
    for reduction in REDUCTIONS:
        add_case(loss, operands, parameters, reduction=reduction, reference=reference, **others)


def pair(rng, shape, spread=1.0):
    x1 = rng.normal(size=shape)
    return x1, x1 + spread * rng.normal(size=shape)


def contrastive_cases(rng):
    for shape, spread in (((5, 3), 0.4), ((1, 4), 0.2), ((6, 1), 0.5), ((2, 3, 4), 0.3),
                          ((7,), 0.3)):
        x1, x2 = pair(rng, shape, spread)
        target = rng.integers(0, 2, size=shape[:-1]).astype(float)
        for parameters in ({}, {"margin": 2.0, "factor": 1.0}, {"margin": 0.0}):
            each_reduction("contrastive", {"x1": x1, "x2": x2, "target": target}, parameters,
                           contrastive)
    x1, x2 = pair(rng, (5, 3), 0.3)
    fractions, weight = rng.uniform(size=5), rng.uniform(0.5, 2, size=5)
    operands = {"x1": x1, "x2": x2, "target": fractions, "weight": weight}
    each_reduction("contrastive", operands, {}, contrastive)
    same = {"x1": x1, "x2": x1.copy(), "target": np.array([0, 1, 0.5, 0, 1])}
    each_reduction("contrastive", same, {}, contrastive)
    zeros = {"x1": np.zeros((2, 3)), "x2": np.zeros((2, 3)), "target": np.array([0.0, 1.0])}
    each_reduction("contrastive", zeros, {}, contrastive)
    tiny = {"x1": np.full((2, 3), 1e-20), "x2": np.full((2, 3), 3e-20),
            "target": np.array([1.0, 0])}
    each_reduction("contrastive", tiny, {}, contrastive, orders=1)  # the second is all rounding
    far = {"x1": np.full((1, 3), 1e30), "x2": np.full((1, 3), -1e30), "target": np.array([0.0])}
    each_reduction("contrastive", far, {}, contrastive, float_orders=0)
    ends = {"x1": np.full((1, 3), 3e38), "x2": np.full((1, 3), -3e38), "target": np.array([0.0])}
    each_reduction("contrastive", ends, {}, contrastive, float_orders=0)
    large = {"x1": np.full((2, 3), 1e4), "x2": np.full((2, 3), -1e4), "target": np.array([0.0, 1])}
    each_reduction("contrastive", large, {}, contrastive)

    add_error("contrastive", {"x1": x1, "x2": x2[:4], "target": fractions},
              mentions=["x1 (5,3)", "x2 (4,3)"])
    add_error("contrastive", {"x1": x1, "x2": x2, "target": fractions[:3]},
              mentions=["x1 (5,3)", "target (3)"])
    add_error("contrastive", {"x1": x1, "x2": x2, "target": np.array([0, 1, 1, -1.0, 0])},
              mentions=["target", "-1", "(3)", "0 to 1"])
    add_error("contrastive", {"x1": x1, "x2": x2, "target": fractions}, {"margin": -1.0},
              mentions=["margin", "-1"])
    add_error("contrastive", {"x1": x1, "x2": x2, "target": fractions}, {"factor": 0.0},
              mentions=["factor", "0"])
    add_error("contrastive", {"x1": x1[:0], "x2": x2[:0], "target": fractions[:0]},
              mentions=["x1 (0,3)", "empty"])
    add_error("contrastive", {"x1": np.array(1.0), "x2": np.array(1.0), "target": np.array(1.0)},
              mentions=["x1 ()"])
    add_error("contrastive", {"x1": x1, "x2": x2, "target": np.array([0, 1, 1, 0, 0])},
              mentions=["target (5)", "integers"])


def contrastive_distance_cases(rng):
    for shape in ((7,), (1,), (2, 3), ()):
        distance = rng.uniform(0, 2, size=shape)
        target = np.asarray(rng.integers(0, 2, size=shape), dtype=float)
        for parameters in ({}, {"margin": 1.5, "factor": 2.0}):
            each_reduction("contrastive_distance", {"distance": distance, "target": target},
                           parameters, contrastive_distance)
    operands = {"distance": rng.uniform(0, 2, size=4), "target": rng.uniform(size=4),
                "weight": rng.uniform(size=4)}
    each_reduction("contrastive_distance", operands, {}, contrastive_distance)
    edges = {"distance": np.array([0, 0, 1, 1, 1e30]), "target": np.array([0, 1.0, 0, 1, 0])}
    each_reduction("contrastive_distance", edges, {}, contrastive_distance, float_orders=0)
    add_error("contrastive_distance", {"distance": np.ones(3), "target": np.ones(2)},
              mentions=["distance (3)", "target (2)"])
    add_error("contrastive_distance", {"distance": np.ones(3), "target": np.array([0, 2.0, 1])},
              mentions=["target (3)", "2 at (1)"])
    add_error("contrastive_distance", {"distance": np.ones(0), "target": np.ones(0)},
              mentions=["empty"])


def signs(rng, shape):
    return np.asarray(rng.choice([-1.0, 1.0], size=shape))


def cosine_embedding_cases(rng):
    for shape in ((6, 4), (1, 3), (4, 1), (2, 3, 5), (5,)):
        x1, x2 = pair(rng, shape, 1.5)
        operands = {"x1": x1, "x2": x2, "target": signs(rng, shape[:-1])}
        for margin in (0.0, 0.5, -0.7):
            if shape == (4, 1) and margin == 0:
                continue
            each_reduction("cosine_embedding", operands, {"margin": margin}, cosine_embedding,
                           orders=1 if shape == (4, 1) else 2)
    x1, x2 = pair(rng, (6, 4))
    operands = {"x1": x1, "x2": x2, "target": signs(rng, 6), "weight": rng.uniform(0.5, 2, size=6)}
    each_reduction("cosine_embedding", operands, {}, cosine_embedding)
    zero = {"x1": np.array([[0.0, 0], [0, 0], [1, 2]]), "x2": np.array([[1.0, 2], [0, 0], [0, 0]])}
    each_reduction("cosine_embedding", {**zero, "target": np.ones(3)}, {}, cosine_embedding)
    each_reduction("cosine_embedding", {**zero, "target": -np.ones(3)}, {"margin": -0.5},
                   cosine_embedding)
    each_reduction("cosine_embedding", {**zero, "target": -np.ones(3)}, {}, cosine_embedding,
                   note=KINK, grad={"x1": np.zeros((3, 2)), "x2": np.zeros((3, 2))},
                   grad2={"x1": np.zeros((3, 2)), "x2": np.zeros((3, 2))})
    for scale in (1e-6, 1e-9, 1e6):
        scaled = {"x1": scale * x1, "x2": scale * x2, "target": signs(rng, 6)}
        each_reduction("cosine_embedding", scaled, {"margin": -0.9}, cosine_embedding)
    x = np.array([[3.0, 4], [3, 4], [3, 4]])
    same = {"x1": x, "x2": x * np.array([[1], [1], [-2]]), "target": np.array([1.0, -1, -1])}
    each_reduction("cosine_embedding", same, {}, cosine_embedding)
    add_error("cosine_embedding", {"x1": x, "x2": x, "target": np.array([1.0, 0, -1])},
              mentions=["target (3)", "0 at (1)", "-1 or +1"])
    add_error("cosine_embedding", {"x1": x, "x2": x[:, :1], "target": np.ones(3)},
              mentions=["x1 (3,2)", "x2 (3,1)"])
    add_error("cosine_embedding", {"x1": x, "x2": x, "target": np.ones((3, 1))},
              mentions=["x1 (3,2)", "target (3,1)"])
    for margin in (1.5, -1.5):
        add_error("cosine_embedding", {"x1": x, "x2": x, "target": np.ones(3)}, {"margin": margin},
                  mentions=["margin", "%g" % margin])
    add_error("cosine_embedding", {"x1": x[:0], "x2": x[:0], "target": np.ones(0)},
              mentions=["empty"])


def margin_ranking_cases(rng):
    for shapes in (((6,), (6,), (6,)), ((2, 3), (2, 3), (2, 3)), ((4, 1), (3,), (4, 3)),
                   ((), (), ()), ((2, 3), (2, 3), ())):
        x1, x2 = rng.normal(size=shapes[0]), rng.normal(size=shapes[1])
        operands = {"x1": np.asarray(x1), "x2": np.asarray(x2), "target": signs(rng, shapes[2])}
        for margin in (0.0, 0.5, -0.3):
            each_reduction("margin_ranking", operands, {"margin": margin}, margin_ranking)
    operands = {"x1": rng.normal(size=(2, 3)), "x2": rng.normal(size=(2, 3)),
                "target": signs(rng, (2, 3)), "weight": rng.uniform(0.5, 2, size=3)}
    each_reduction("margin_ranking", operands, {}, margin_ranking)
    equal = {"x1": np.array([1.0, -2]), "x2": np.array([1.0, -2]), "target": np.array([1.0, -1])}
    each_reduction("margin_ranking", equal, {}, margin_ranking_at_kinks)
    large = {"x1": np.array([3e38, 1e4]), "x2": np.array([-3e38, -1e4]),
             "target": np.array([1.0, -1])}
    each_reduction("margin_ranking", large, {}, margin_ranking)
    ones = np.ones(3)
    add_error("margin_ranking", {"x1": ones, "x2": ones, "target": np.array([1.0, 1, 0.5])},
              mentions=["target (3)", "0.5 at (2)"])
    add_error("margin_ranking", {"x1": ones, "x2": ones[:2], "target": ones},
              mentions=["x1 (3)", "x2 (2)"])
    add_error("margin_ranking", {"x1": ones, "x2": ones, "target": ones[:2]},
              mentions=["x1 (3)", "target (2)"])
    add_error("margin_ranking", {"x1": ones[:0], "x2": ones[:0], "target": ones[:0]},
              mentions=["empty"])
    add_error("margin_ranking", {"x1": ones, "x2": ones}, mentions=["target"])


# -- Triplets --------------------------------------------------------------------------------------

@elementwise
def triplet(anchor, positive, negative, margin=1.0, p=2.0, swap=False, squared=False, eps=1e-6):
    if not squared:
        return F.triplet_margin_loss(anchor, positive, negative, margin=margin, p=p, eps=eps,
                                     swap=bool(swap), reduction="none")
    near = ((anchor - positive) ** 2).sum(-1)
    far = ((anchor - negative) ** 2).sum(-1)
    if swap:
        far = torch.minimum(far, ((positive - negative) ** 2).sum(-1))
    return hinge(margin + near - far)


def triplet_operands(rng, shape):
    anchor, positive = pair(rng, shape, 0.7)
    return {"anchor": anchor, "positive": positive, "negative": anchor + rng.normal(size=shape)}


def triplet_cases(rng):
    for shape in ((6, 4), (1, 3), (5, 1), (3,), (2, 3, 4)):
        operands = triplet_operands(rng, shape)
        for parameters in ({}, {"margin": 0.2}, {"swap": True}, {"squared": True},
                           {"squared": True, "swap": True, "margin": 2.5}):
            each_reduction("triplet", operands, parameters, triplet)
    operands = triplet_operands(rng, (6, 4))
    for parameters in ({"p": 1.0}, {"p": 3.0}, {"p": 1.5, "swap": True}, {"p": math.inf},
                       {"eps": 0.0}, {"eps": 0.01}, {"p": 1.0, "eps": 0.0}):
        each_reduction("triplet", operands, parameters, triplet)
    each_reduction("triplet", {**operands, "weight": rng.uniform(0.5, 2, size=6)}, {}, triplet)
    x = operands["anchor"]
    same = {"anchor": x, "positive": x, "negative": x}
    each_reduction("triplet", same, {}, triplet, float_orders=1)
    each_reduction("triplet", same, {"squared": True, "swap": True}, triplet)
    zeros = {name: np.zeros((2, 3)) for name in same}
    each_reduction("triplet", zeros, {"squared": True}, triplet)

    def at_zero_distance(anchor, positive, negative, margin=1.0, eps=0.0, reduction="mean"):
        d = euclidean(anchor - positive) - euclidean(anchor - negative)
        return elementwise(lambda d: hinge(margin + d))(d, reduction=reduction)
    each_reduction("triplet", same, {"eps": 0.0}, at_zero_distance)
    half = {"anchor": x, "positive": x, "negative": operands["negative"]}
    each_reduction("triplet", half, {"eps": 0.0, "margin": 5.0}, at_zero_distance)
    for scale in (1e4, 1e-3):
        scaled = {name: scale * t for name, t in operands.items()}
        each_reduction("triplet", scaled, {}, triplet)
        each_reduction("triplet", scaled, {"squared": True}, triplet)
    ends = {"anchor": x[:1], "positive": x[1:2], "negative": np.full((1, 4), 3e38)}
    each_reduction("triplet", ends, {}, triplet, orders=1)
    each_reduction("triplet", {**ends, "anchor": np.full((1, 4), -3e38), "positive":
                               np.full((1, 4), -3e38)}, {}, triplet, orders=1)
    add_case("triplet", {"anchor": np.array([[3e25, 1.0]]), "positive": np.array([[2.0, 3.0]]),
                         "negative": np.array([[2.0, 4.0]])}, {"squared": True}, "none",
             reference=lambda anchor, positive, negative, squared:
             hinge(1 + ((negative - positive) * (2 * anchor - positive - negative)).sum(-1)))
    add_error("triplet", {**operands, "positive": x[:4]},
              mentions=["anchor (6,4)", "positive (4,4)"])
    add_error("triplet", {**operands, "negative": x[:, :2]},
              mentions=["anchor (6,4)", "negative (6,2)"])
    for parameters in ({"margin": 0.0}, {"margin": -1.0}, {"p": 0.0}, {"p": -2.0}, {"eps": -1.0}):
        name, value = next(iter(parameters.items()))
        add_error("triplet", operands, parameters, mentions=[name, "%g" % value])
    add_error("triplet", operands, {"squared": True, "p": 1.0}, mentions=["p is 1", "squared"])
    add_error("triplet", {name: t[:0] for name, t in operands.items()}, mentions=["empty"])
    add_error("triplet", {"anchor": x, "positive": x}, mentions=["negative"])


# -- Miners ----------------------------------------------------------------------------------------

def distance(squared=False):
    return LpDistance(normalize_embeddings=False, p=2, power=2 if squared else 1)


def as_triplets(*columns):
    rows = sorted(set(zip(*(c.tolist() for c in columns))))
    return torch.tensor(rows, dtype=torch.int64).reshape(len(rows), 3)


def batch_all(embeddings, labels):
    return as_triplets(*loss_and_miner_utils.get_all_triplets_indices(labels))


def batch_hard(embeddings, labels):
    miner = BatchEasyHardMiner(pos_strategy="hard", neg_strategy="hard", distance=distance())
    a, p, _, n = miner(embeddings.detach(), labels)
    return as_triplets(a, p, n)


def margin_miner(kind, embeddings, labels, margin, squared):
    miner = TripletMarginMiner(margin=margin, type_of_triplets=kind, distance=distance(squared))
    return as_triplets(*miner(embeddings.detach(), labels))


def semi_hard(embeddings, labels, margin=1.0, squared=False, all=False):
    triplets = margin_miner("semihard", embeddings, labels, margin, squared)
    if all:
        return triplets
    nearest = {}
    for a, p, n in triplets.tolist():
        d = (embeddings[a] - embeddings[n]).norm().item()
        if (a, p) not in nearest or d < nearest[a, p][0]:
            nearest[a, p] = (d, n)
    rows = sorted((a, p, n) for (a, p), (_, n) in nearest.items())
    return torch.tensor(rows, dtype=torch.int64).reshape(len(rows), 3)


def easy(embeddings, labels, margin=1.0, squared=False):
    return margin_miner("easy", embeddings, labels, margin, squared)


MINERS = {"batch_all": batch_all, "batch_hard": batch_hard, "semi_hard": semi_hard, "easy": easy}


def fixed(*rows):
    """A reference that is typed in, for ties."""
    return lambda **_: torch.tensor(rows, dtype=torch.int64).reshape(len(rows), 3)


def mining_cases(rng):
    for labels in ([0, 0, 1, 1, 2, 2, 0], [0, 0, 0, 0], [0, 1, 2, 3], [5], [-3, 7, 7, -3],
                   rng.integers(0, 4, size=16)):
        labels = np.asarray(labels)
        operands = {"embeddings": rng.normal(size=(len(labels), 3)), "labels": labels}
        for name in ("batch_all", "batch_hard"):
            add_case(name, operands, reduction=None, reference=MINERS[name])
        for name in ("semi_hard", "easy"):
            for parameters in ({}, {"margin": 0.3}, {"margin": 0.7, "squared": True}):
                add_case(name, operands, parameters, None, MINERS[name])
        add_case("semi_hard", operands, {"all": True}, None, semi_hard)
    line = {"embeddings": np.array([[0.0], [1], [-1], [2], [-2]]),
            "labels": np.array([0, 0, 0, 1, 1])}
    note = "of equal distances the first; a gap of 0 is hard, one of the margin is easy"
    add_case("batch_hard", line, None, None, note=note, reference=fixed(
        (0, 1, 3), (1, 2, 3), (2, 1, 4), (3, 4, 1), (4, 3, 2)))
    add_case("semi_hard", line, {"margin": 2.0}, None, note=note, reference=fixed(
        (0, 1, 3), (0, 2, 3), (1, 2, 4), (2, 1, 3)))
    add_case("easy", line, {"margin": 1.0}, None, note=note, reference=fixed(
        (0, 1, 3), (0, 1, 4), (0, 2, 3), (0, 2, 4), (1, 0, 4), (1, 2, 4), (2, 0, 3), (2, 1, 3)))
    same = {"embeddings": np.zeros((4, 2)), "labels": np.array([0, 0, 1, 1])}
    add_case("batch_hard", same, None, None, note=note, reference=fixed(
        (0, 1, 2), (1, 0, 2), (2, 3, 0), (3, 2, 0)))
    add_case("semi_hard", same, None, None, note=note, reference=fixed())
    for name in MINERS:
        e, labels = rng.normal(size=(4, 2)), np.array([0, 0, 1, 1])
        add_error(name, {"embeddings": e, "labels": labels[:3]}, reduction=None,
                  mentions=["embeddings (4,2)", "labels (3)"])
        add_error(name, {"embeddings": e[0], "labels": labels}, reduction=None,
                  mentions=["embeddings (2)"])
        add_error(name, {"embeddings": e, "labels": labels.astype(float)}, reduction=None,
                  mentions=["labels (4)"])
        add_error(name, {"embeddings": e[:0], "labels": labels[:0]}, reduction=None,
                  mentions=["empty"])
    for name in ("semi_hard", "easy"):
        add_error(name, {"embeddings": e, "labels": labels}, {"margin": 0.0}, reduction=None,
                  mentions=["margin", "0"])


# -- Within a batch --------------------------------------------------------------------------------

def unit(x):
    length = euclidean(x).unsqueeze(-1)
    is_0 = length == 0
    return torch.where(is_0, 0.0, x) / torch.where(is_0, 1.0, length)


@elementwise
def info_nce(query, positive, negatives, temperature=0.07, normalize=True):
    if normalize:
        query, positive, negatives = unit(query), unit(positive), unit(negatives)
    if negatives.ndim == 2:
        negatives = negatives.expand(query.shape[0], *negatives.shape)
    candidates = torch.cat([positive.unsqueeze(1), negatives], 1)
    logits = torch.einsum("nd,nkd->nk", query, candidates) / temperature
    return F.cross_entropy(logits, torch.zeros(len(query), dtype=torch.int64), reduction="none")


@elementwise
def nt_xent(embeddings, temperature=0.5):
    z = unit(embeddings)
    n = len(z) // 2
    losses = []
    for i in range(2 * n):  # SimCLR, eq. 1, row by row
        others = [k for k in range(2 * n) if k != i]
        s = (z[others] @ z[i]) / temperature
        losses.append(torch.logsumexp(s, 0) - s[others.index((i + n) % (2 * n))])
    return torch.stack(losses)


@elementwise
def clip(image, text, logit_scale, normalize=True):
    if normalize:
        image, text = unit(image), unit(text)
    logits = logit_scale * image @ text.T
    if len(image) == 1:
        return 0 * logits[0]
    return (one_against_others(logits) + one_against_others(logits.T)) / 2


def one_against_others(logits):
    """Cross-entropy of row i with target i; F.cross_entropy loses the digits of 1 - p near p = 1."""
    n = len(logits)
    others = logits[~torch.eye(n, dtype=torch.bool)].reshape(n, n - 1)
    z = torch.logsumexp(others, 1) - logits.diagonal()
    return torch.logaddexp(torch.zeros(n), z)


def info_nce_cases(rng):
    for n, k, d in ((5, 7, 4), (1, 1, 3), (4, 3, 1), (3, 2, 6)):
        orders = 0 if d == 1 else 2  # directions without derivatives: all rounding
        query, positive = pair(rng, (n, d), 0.8)
        for shape in ((k, d), (n, k, d)):
            operands = {"query": query, "positive": positive, "negatives": rng.normal(size=shape)}
            for parameters in ({}, {"temperature": 1.0}, {"temperature": 0.5, "normalize": False}):
                each_reduction("info_nce", operands, parameters, info_nce, orders=orders)
    zero = np.array([[0.0, 0, 0], [1, 2, 3]])
    for normalize in (True, False):
        operands = {"query": zero, "positive": zero[::-1].copy(), "negatives": zero}
        each_reduction("info_nce", operands, {"normalize": normalize, "temperature": 0.5}, info_nce)
    x = rng.normal(size=(3, 4))
    same = {"query": x, "positive": x, "negatives": x[:1]}
    each_reduction("info_nce", same, {}, info_nce)
    each_reduction("info_nce", {"query": x, "positive": -x, "negatives": x}, {"temperature": 1e-3},
                   info_nce, orders=0)
    for scale in (1e30, 1e-30, 1e-40, 3e38):
        scaled = {"query": scale * np.sign(x) * np.linspace(0.1, 1, 4),
                  "positive": scale * np.sign(x), "negatives": rng.normal(size=(2, 4))}
        each_reduction("info_nce", scaled, {}, info_nce, float_orders=1 if scale > 1 else 0)
    add_error("info_nce", {"query": x, "positive": x[:2], "negatives": x},
              mentions=["query (3,4)", "positive (2,4)"])
    add_error("info_nce", {"query": x, "positive": x, "negatives": x[:, :2]},
              mentions=["query (3,4)", "negatives (3,2)"])
    add_error("info_nce", {"query": x, "positive": x, "negatives": np.ones((2, 5, 4))},
              mentions=["query (3,4)", "negatives (2,5,4)"])
    add_error("info_nce", {"query": x[0], "positive": x[0], "negatives": x}, mentions=["query (4)"])
    add_error("info_nce", {"query": x, "positive": x, "negatives": x[:0]},
              mentions=["negatives (0,4)", "empty"])
    for t in (0.0, -1.0):
        add_error("info_nce", {"query": x, "positive": x, "negatives": x}, {"temperature": t},
                  mentions=["temperature", "%g" % t])


def nt_xent_cases(rng):
    for shape in ((2, 3), (4, 3), (10, 5), (6, 1)):
        for parameters in ({}, {"temperature": 0.1}, {"temperature": 2.0}):
            each_reduction("nt_xent", {"embeddings": rng.normal(size=shape)}, parameters, nt_xent,
                           orders=0 if shape[1] == 1 else 2)
    x = rng.normal(size=(3, 4))
    each_reduction("nt_xent", {"embeddings": np.concatenate([x, x])}, {}, nt_xent)
    each_reduction("nt_xent", {"embeddings": np.ones((4, 3))}, {}, nt_xent)
    each_reduction("nt_xent", {"embeddings": np.zeros((4, 3))}, {}, nt_xent)
    each_reduction("nt_xent", {"embeddings": np.concatenate([x, 0 * x])}, {}, nt_xent)
    each_reduction("nt_xent", {"embeddings": np.concatenate([x, -x])}, {"temperature": 1e-3},
                   nt_xent, float_orders=1)
    each_reduction("nt_xent", {"embeddings": 3e38 * np.sign(rng.normal(size=(4, 3)))}, {}, nt_xent,
                   float_orders=1)
    add_error("nt_xent", {"embeddings": x}, mentions=["embeddings (3,4)", "even"])
    add_error("nt_xent", {"embeddings": x[0]}, mentions=["embeddings (4)"])
    add_error("nt_xent", {"embeddings": x[:0]}, mentions=["empty"])
    add_error("nt_xent", {"embeddings": x[:2]}, {"temperature": 0.0}, mentions=["temperature", "0"])


def clip_cases(rng):
    for n, d in ((5, 4), (1, 3), (4, 1), (2, 6)):
        image, text = pair(rng, (n, d), 1.0)
        for scale in (np.array(1 / 0.07), np.array([2.0])):
            operands = {"image": image, "text": text, "logit_scale": scale}
            each_reduction("clip", operands, {}, clip, orders=0 if d == 1 else 2)
            each_reduction("clip", operands, {"normalize": False}, clip)
    x = rng.normal(size=(3, 4))
    scale = np.array(100.0)
    each_reduction("clip", {"image": x, "text": x, "logit_scale": scale}, {}, clip)
    each_reduction("clip", {"image": x, "text": -x, "logit_scale": np.array(1e4)}, {}, clip)
    ones = np.ones((3, 4))
    each_reduction("clip", {"image": ones, "text": ones, "logit_scale": scale}, {}, clip)
    half = np.concatenate([x[:2], np.zeros((1, 4))])
    each_reduction("clip", {"image": half, "text": 0 * ones, "logit_scale": scale}, {}, clip)
    add_error("clip", {"image": x, "text": x[:2], "logit_scale": scale},
              mentions=["image (3,4)", "text (2,4)"])
    add_error("clip", {"image": x, "text": x, "logit_scale": np.ones(2)},
              mentions=["logit_scale (2)"])
    add_error("clip", {"image": x, "text": x, "logit_scale": np.array(-1.0)},
              mentions=["logit_scale", "-1"])
    add_error("clip", {"image": x[0], "text": x[0], "logit_scale": scale}, mentions=["image (4)"])
    add_error("clip", {"image": x[:0], "text": x[:0], "logit_scale": scale}, mentions=["empty"])


def cases(rng):
    contrastive_cases(rng)
    contrastive_distance_cases(rng)
    cosine_embedding_cases(rng)
    margin_ranking_cases(rng)
    triplet_cases(rng)
    mining_cases(rng)
    info_nce_cases(rng)
    nt_xent_cases(rng)
    clip_cases(rng)


if __name__ == "__main__":
    main("similarity", cases)
