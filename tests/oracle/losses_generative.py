"""Cases of losses/generative.h and losses/perceptual.h. See loss_cases.py.

References: torch.distributions for the divergence and the likelihoods, torch.nn.functional for the games,
SciPy for the distance between samples, and torch.einsum for Gram matrices."""
import os
import sys

import numpy as np
import scipy.stats
import torch
import torch.nn.functional as F
from torch.distributions import Normal, kl_divergence

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from loss_cases import REDUCTIONS, add_case, add_error, main, reduce  # noqa: E402

VARIANTS = ("minimax", "nonsaturating", "hinge", "lsgan", "wasserstein")


def gaussian_kl(mu, logvar, prior_mu=None, prior_logvar=None, reduction="mean"):
    """The formula, which agrees with torch.distributions where that does not overflow."""
    pm = torch.zeros(()) if prior_mu is None else prior_mu
    pv = torch.zeros(()) if prior_logvar is None else prior_logvar
    v = logvar - pv
    elements = 0.5 * (torch.expm1(v) - v + ((mu - pm) * torch.exp(-pv / 2)) ** 2)
    with torch.no_grad():
        if max(mu.abs().max(), logvar.abs().max(), pv.abs().max()) < 10:
            q, p = Normal(mu, torch.exp(logvar / 2)), Normal(pm, torch.exp(pv / 2))
            assert torch.allclose(elements, kl_divergence(q, p), 1e-9, 1e-12)
    return reduce(elements.reshape(len(mu), -1).sum(1), reduction)


def elbo(recon, x, mu, logvar, beta=1.0, likelihood="bernoulli", reduction="mean"):
    """PyTorch's value; the gradient is that of the logarithms as they are cut off."""
    n = len(mu)
    if likelihood == "bernoulli":
        def cut(p):
            inside = p > np.exp(-100.0)
            return torch.where(inside, torch.where(inside, p, 1).log(), -100)
        elements = -x * cut(recon) - (1 - x) * cut(1 - recon)
        with torch.no_grad():
            if x.min() >= 0 and x.max() <= 1:
                expected = F.binary_cross_entropy(recon, x, reduction="none")
                assert torch.allclose(elements, expected, 1e-12, 1e-12)
    else:
        elements = 0.5 * (recon - x) ** 2
    reconstruction = elements.reshape(n, -1).sum(1)
    return reduce(reconstruction + beta * gaussian_kl(mu, logvar, reduction="none"), reduction)


def gan_discriminator(real, fake, variant="minimax", reduction="mean"):
    def logits(z, label):
        return F.binary_cross_entropy_with_logits(z, torch.full_like(z, label), reduction="none")
    r, f = {"minimax": lambda: (logits(real, 1), logits(fake, 0)),
            "nonsaturating": lambda: (logits(real, 1), logits(fake, 0)),
            "hinge": lambda: (F.relu(1 - real), F.relu(1 + fake)),
            "lsgan": lambda: ((real - 1) ** 2 / 2, fake ** 2 / 2),
            "wasserstein": lambda: (-real, fake)}[variant]()
    return reduce(r, reduction) + reduce(f, reduction)


def gan_generator(fake, real=None, variant="minimax", reduction="mean"):
    elements = {"minimax": lambda: F.logsigmoid(-fake), "nonsaturating": lambda: -F.logsigmoid(fake),
                "hinge": lambda: -fake, "lsgan": lambda: (fake - 1) ** 2 / 2,
                "wasserstein": lambda: -fake}[variant]()
    return reduce(elements, reduction)


def gradient_penalty(grad, target=1.0, reduction="mean", **others):
    rate = others.get("lambda", 10.0)
    norm = torch.linalg.vector_norm(grad.reshape(len(grad), -1), dim=1)
    zero = norm == 0  # there PyTorch's second derivative is NaN
    norm = torch.where(zero, 0, torch.linalg.vector_norm(
        torch.where(zero[:, None], 1, grad.reshape(len(grad), -1)), dim=1))
    return reduce(rate * (norm - target) ** 2, reduction)


def wasserstein_1d(x, y, reduction="mean"):
    """By the quantile functions on a grid of n m pieces; values are SciPy's."""
    n, m = x.shape[-1], y.shape[-1]
    a = torch.sort(x, dim=-1, stable=True)[0].repeat_interleave(m, dim=-1)
    b = torch.sort(y, dim=-1, stable=True)[0].repeat_interleave(n, dim=-1)
    distance = (a - b).abs().mean(-1)
    with torch.no_grad():
        rows = zip(x.reshape(-1, n), y.reshape(-1, m), distance.reshape(-1))
        for p, q, d in rows:
            expected = scipy.stats.wasserstein_distance(p.numpy(), q.numpy())
            assert abs(float(d) - expected) <= 1e-10 * max(1, abs(expected))
    return reduce(distance, reduction)


def gram(x):
    n, c = x.shape[:2]
    flat = x.reshape(n, c, -1)
    return torch.einsum("nck,ndk->ncd", flat, flat) / flat[0].numel()


def perceptual(x, y, weights=None, style=False, reduction="mean"):
    terms = []
    for a, b in zip(x, y):
        a, b = (gram(a), gram(b)) if style else (a, b)
        terms.append(F.mse_loss(a, b, reduction=reduction))
    terms = torch.stack(terms)
    return (terms if weights is None else terms * weights).sum()


def divergences(rng):
    def latent(shape):
        return {"mu": rng.normal(size=shape), "logvar": rng.normal(size=shape)}
    for shape in ((3, 4), (1, 1), (5, 2), (2, 3, 2)):
        for reduction in REDUCTIONS:
            add_case("gaussian_kl", latent(shape), {}, reduction, gaussian_kl)
    for prior in ((3, 4), (4,), (1,), (), (3, 1)):
        for reduction in REDUCTIONS:
            m, v = rng.normal(size=prior), rng.normal(size=prior)
            add_case("gaussian_kl", {**latent((3, 4)), "prior_mu": m, "prior_logvar": v}, {}, reduction,
                     gaussian_kl)
        add_case("gaussian_kl", {**latent((3, 4)), "prior_mu": m}, {}, "mean", gaussian_kl)
        add_case("gaussian_kl", {**latent((3, 4)), "prior_logvar": v}, {}, "mean", gaussian_kl)
    zeros = np.zeros((2, 3))
    add_case("gaussian_kl", {"mu": zeros, "logvar": zeros}, {}, "none", gaussian_kl)
    one = rng.normal(size=(2, 3))
    add_case("gaussian_kl", {"mu": one, "logvar": one, "prior_mu": one, "prior_logvar": one}, {}, "none",
             gaussian_kl)
    add_case("gaussian_kl", {"mu": [[1e4, -700], [1e-4, 1e-20]], "logvar": [[80, -1e4], [-1e38, 1e-4]]},
             {}, "none", gaussian_kl)
    add_case("gaussian_kl", {"mu": [[1e4, -1e10]], "logvar": [[80, 1.0]], "prior_mu": [[0, 1e10]],
                             "prior_logvar": [[85, 40.0]]}, {}, "none", gaussian_kl)
    add_error("gaussian_kl", {"mu": np.ones((2, 3)), "logvar": np.ones((2, 4))},
              mentions=["mu (2,3)", "logvar (2,4)"])
    add_error("gaussian_kl", {"mu": np.ones(3), "logvar": np.ones(3)}, mentions=["mu (3)", "(N,D)"])
    add_error("gaussian_kl", {"mu": np.ones((2, 3))}, mentions=["logvar"])
    add_error("gaussian_kl", {"mu": np.ones((0, 3)), "logvar": np.ones((0, 3))}, mentions=["mu (0,3)"])
    for shape in ((2,), (2, 2, 3), (0,)):
        add_error("gaussian_kl", {"mu": np.ones((2, 3)), "logvar": np.ones((2, 3)),
                                  "prior_mu": np.ones(shape)}, mentions=["prior_mu", "(2,3)"])


def autoencoders(rng):
    def operands(data, latent, likelihood="bernoulli"):
        recon, x = rng.uniform(0.05, 0.95, size=data), rng.uniform(size=data)
        if likelihood == "gaussian":
            recon, x = 3 * recon - 1, rng.normal(size=data)
        return {"recon": recon, "x": x, "mu": rng.normal(size=latent), "logvar": rng.normal(size=latent)}
    for likelihood in ("bernoulli", "gaussian"):
        for reduction in REDUCTIONS:
            for beta in (1, 0, 4.0, 0.5):
                options = {"likelihood": likelihood, "beta": beta}
                add_case("elbo", operands((3, 5), (3, 2), likelihood), options, reduction, elbo)
            add_case("elbo", operands((2, 1, 3, 2), (2, 4), likelihood), {"likelihood": likelihood},
                     reduction, elbo)
    add_case("elbo", operands((1,), (1, 1)), {}, "mean", elbo)
    latent = {"mu": rng.normal(size=(2, 2)), "logvar": rng.normal(size=(2, 2))}
    add_case("elbo", {"recon": [[0, 1, 0, 1], [1e-44, 1e-30, 0.5, 2 ** -20]],
                      "x": [[0, 1, 1, 0], [1, 1, 1, 1.0]], **latent}, {}, "none", elbo,
             float_orders=0, id="cut_off")
    add_case("elbo", {"recon": [[0, 1], [1, 0.0]], "x": [[0, 1], [0.5, 0.25]], **latent}, {}, "mean", elbo,
             id="certain")
    add_case("elbo", {"recon": [[1e15, 1], [3, 4.0]], "x": [[0, 1], [3, 1e4]], **latent},
             {"likelihood": "gaussian"}, "none", elbo)
    good = operands((2, 3), (2, 2))
    add_error("elbo", {**good, "x": np.ones((2, 4))}, mentions=["recon (2,3)", "x (2,4)"])
    add_error("elbo", {**good, "logvar": np.ones((2, 3))}, mentions=["mu (2,2)", "logvar (2,3)"])
    add_error("elbo", {**good, "mu": np.ones((3, 2)), "logvar": np.ones((3, 2))},
              mentions=["recon (2,3)", "mu (3,2)"])
    add_error("elbo", {**good, "recon": [[0.5, 1.5, 0], [0, 0, 0]]}, mentions=["recon (2,3)", "1.5"])
    add_error("elbo", {**good, "recon": [[0.5, 0.5, 0], [-0.25, 0, 0]]}, mentions=["-0.25"])
    add_error("elbo", good, {"beta": -1}, mentions=["beta", "-1"])
    add_error("elbo", {k: v for k, v in good.items() if k != "mu"}, mentions=["mu"])


def games(rng):
    extreme = np.array([0, 1, -1, 700, -700, 1e4, -1e4, 1e-4, 3e38, -3e38])
    for variant in VARIANTS:
        options = {"variant": variant}
        for reduction in REDUCTIONS:
            for shape in ((4,), (3, 1), (2, 1, 3, 3), ()):
                real, fake = 2 * rng.normal(size=shape), 2 * rng.normal(size=shape)
                add_case("gan_discriminator", {"real": real, "fake": fake}, options, reduction,
                         gan_discriminator)
                add_case("gan_generator", {"fake": fake}, options, reduction, gan_generator)
            if reduction != "none":
                unlike = {"real": rng.normal(size=(3, 2)), "fake": rng.normal(size=5)}
                add_case("gan_discriminator", unlike, options, reduction, gan_discriminator)
        add_case("gan_generator", {"fake": rng.normal(size=4), "real": rng.normal(size=3)}, options, "mean",
                 gan_generator)
        end = 8 if variant == "lsgan" else 10
        add_case("gan_discriminator", {"real": extreme[:end], "fake": extreme[:end]}, options, "none",
                 gan_discriminator)
        add_case("gan_generator", {"fake": extreme[:end]}, options, "none", gan_generator)
    for name in ("real", "fake"):
        add_error("gan_discriminator", {name: np.ones(3)}, mentions=["real" if name == "fake" else "fake"])
    add_error("gan_discriminator", {"real": np.ones(3), "fake": np.ones(4)}, {}, "none",
              mentions=["real (3)", "fake (4)"])
    add_error("gan_discriminator", {"real": np.ones((0, 1)), "fake": np.ones(4)}, mentions=["real (0,1)"])
    add_error("gan_generator", {"real": np.ones(3)}, mentions=["fake"])
    add_error("gan_generator", {"fake": np.ones(0)}, mentions=["fake (0)"])
    add_error("gan_generator", {"fake": np.ones(2, dtype=np.int64)}, mentions=["fake (2)"])


def penalties(rng):
    for shape in ((3, 4), (2, 1, 3, 2), (4,), (1, 1)):
        for options in ({}, {"lambda": 0.5, "target": 0}, {"lambda": 2, "target": 3}, {"lambda": 0}):
            for reduction in REDUCTIONS:
                # In float the second derivative of a norm of one number is rounding alone.
                add_case("gradient_penalty", {"grad": rng.normal(size=shape)}, options, reduction,
                         gradient_penalty, float_orders=1 if np.prod(shape[1:]) == 1 else 2)
    flat = np.array([[0, 0, 0], [1, 0, 0], [1e-20, 0, 0], [3, 4, 0], [1e4, -1e4, 700]])
    add_case("gradient_penalty", {"grad": flat}, {"target": 0}, "none", gradient_penalty, float_orders=1)
    add_case("gradient_penalty", {"grad": flat[[0, 1, 3, 4]]}, {}, "none", gradient_penalty)
    add_case("gradient_penalty", {"grad": np.zeros((2, 3))}, {}, "mean", gradient_penalty)
    add_error("gradient_penalty", {"grad": np.ones(())}, mentions=["grad", "(N,..)"])
    add_error("gradient_penalty", {"grad": np.ones((0, 2))}, mentions=["grad (0,2)"])
    add_error("gradient_penalty", {"grad": np.ones((2, 2))}, {"lambda": -1}, mentions=["lambda", "-1"])
    add_error("gradient_penalty", {"grad": np.ones((2, 2))}, {"target": -1}, mentions=["target", "-1"])


def distances(rng):
    for n, m in ((5, 5), (1, 1), (1, 4), (3, 7), (6, 4), (8, 12), (10, 3)):
        x, y = rng.normal(size=n), rng.normal(size=m) + 0.5
        for reduction in REDUCTIONS:
            add_case("wasserstein_1d", {"x": x, "y": y}, {}, reduction, wasserstein_1d)
    for reduction in REDUCTIONS:
        for n, m in ((4, 4), (4, 6)):
            add_case("wasserstein_1d", {"x": rng.normal(size=(2, 3, n)), "y": rng.normal(size=(2, 3, m))},
                     {}, reduction, wasserstein_1d)
    same = rng.normal(size=6)
    add_case("wasserstein_1d", {"x": same, "y": same[::-1].copy()}, {}, "mean", wasserstein_1d)
    add_case("wasserstein_1d", {"x": same, "y": np.repeat(same, 2)}, {}, "mean", wasserstein_1d)
    add_case("wasserstein_1d", {"x": [1, 1, 2, 2, 1.0], "y": [2, 0, 1, 1, 5, 5.0]}, {}, "mean",
             wasserstein_1d)
    add_case("wasserstein_1d", {"x": [3e38, 1, -1e4], "y": [0, 1.0]}, {}, "mean", wasserstein_1d)
    add_case("wasserstein_1d", {"x": [3e38, 3e38, 2e38], "y": [0, 1, 2.0]}, {}, "mean", wasserstein_1d)
    add_error("wasserstein_1d", {"x": np.ones((2, 3)), "y": np.ones((3, 3))},
              mentions=["x (2,3)", "y (3,3)"])
    add_error("wasserstein_1d", {"x": np.ones((2, 3)), "y": np.ones(3)}, mentions=["x (2,3)", "y (3)"])
    add_error("wasserstein_1d", {"x": np.ones(()), "y": np.ones(())}, mentions=["x"])
    add_error("wasserstein_1d", {"x": np.ones(0), "y": np.ones(3)}, mentions=["x (0)"])
    add_error("wasserstein_1d", {"x": np.ones(3)}, mentions=["y"])


def pictures(rng):
    for shape in ((2, 3, 4, 5), (1, 1, 1, 1), (1, 4, 2), (3, 2), (2, 2, 2, 2, 2)):
        add_case("gram", {"x": rng.normal(size=shape)}, {}, None, gram)
    add_case("gram", {"x": np.zeros((1, 2, 2, 2))}, {}, None, gram)
    add_case("gram", {"x": np.full((1, 2, 3, 3), 1.5e19)}, {}, None, gram)
    add_error("gram", {"x": np.ones(3)}, reduction=None, mentions=["x (3)", "(N,C,d1..)"])
    add_error("gram", {"x": np.ones((2, 0, 3))}, reduction=None, mentions=["x (2,0,3)"])
    layers = [(2, 3, 4, 4), (2, 5, 2, 2), (2, 2, 3)]
    for style in (False, True):
        for reduction in ("mean", "sum"):
            for n in (1, 2, 3):
                x = [rng.normal(size=s) for s in layers[:n]]
                y = [rng.normal(size=s) for s in layers[:n]]
                add_case("perceptual", {"x": x, "y": y}, {"style": style}, reduction, perceptual)
                add_case("perceptual", {"x": x, "y": y, "weights": rng.normal(size=n)}, {"style": style},
                         reduction, perceptual)
        same = [rng.normal(size=s) for s in layers]
        add_case("perceptual", {"x": same, "y": same}, {"style": style}, "mean", perceptual)
    x = [np.ones((1, 2, 2, 2)), np.ones((1, 3, 2, 2))]
    add_error("perceptual", {"x": x, "y": x[:1]}, mentions=["2", "1"])
    add_error("perceptual", {"x": x, "y": x[::-1]}, mentions=["(1,2,2,2)", "(1,3,2,2)"])
    add_error("perceptual", {"x": x, "y": x, "weights": np.ones(3)}, mentions=["weights (3)", "(2)"])
    add_error("perceptual", {"x": [np.ones(3)], "y": [np.ones(3)]}, {"style": True}, mentions=["(3)"])
    add_error("perceptual", {"x": x}, mentions=["y"])


def cases(rng):
    divergences(rng)
    autoencoders(rng)
    games(rng)
    penalties(rng)
    distances(rng)
    pictures(rng)


if __name__ == "__main__":
    main("generative", cases)
