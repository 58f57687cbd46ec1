"""Expected values and derivatives of core/ops/*.h, computed by PyTorch in double.

Run from the repository root: python tests/oracle/ops.py. See README.md here.
"""
import math
import os
import sys

import torch
import torch.nn.functional as F

sys.path.insert(0, os.path.dirname(__file__))
from cases import Cases, apart, draw, index, real  # noqa: E402

INF, NAN = math.inf, math.nan
cases = Cases()
add = cases.add

# -- Functions whose derivatives PyTorch computes with a loss of digits, or by another convention ----


class Sigmoid(torch.autograd.Function):
    """s' = s(x) s(-x), where PyTorch's s (1 - s) is 0 for large x."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return torch.sigmoid(x)

    @staticmethod
    def backward(ctx, grad):
        x, = ctx.saved_tensors
        return grad * Sigmoid.apply(x) * Sigmoid.apply(-x)


class SechSquared(torch.autograd.Function):
    """4 s(2x) s(-2x), whose derivative is -2 tanh(x) sech(x)^2"""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return 4 * torch.sigmoid(2 * x) * torch.sigmoid(-2 * x)

    @staticmethod
    def backward(ctx, grad):
        x, = ctx.saved_tensors
        return grad * -2 * Tanh.apply(x) * SechSquared.apply(x)


class Tanh(torch.autograd.Function):
    """tanh' = sech^2, where PyTorch's 1 - tanh^2 loses its digits for large x."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return torch.tanh(x)

    @staticmethod
    def backward(ctx, grad):
        x, = ctx.saved_tensors
        return grad * SechSquared.apply(x)


class Softplus(torch.autograd.Function):
    """Without PyTorch's threshold of 20."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return torch.clamp(x, min=0) + torch.log1p(torch.exp(-x.abs()))

    @staticmethod
    def backward(ctx, grad):
        x, = ctx.saved_tensors
        return grad * Sigmoid.apply(x)


class NormalCdf(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return 0.5 * torch.special.erfc(-x / math.sqrt(2))

    @staticmethod
    def backward(ctx, grad):
        x, = ctx.saved_tensors
        return grad * torch.exp(-x * x / 2) / math.sqrt(2 * math.pi)


class LogSumExp(torch.autograd.Function):
    """Along the last axis; the gradient is softmax, where PyTorch's e^(x - y) is 1 for each of several
    equal numbers so large that adding log n to them changes nothing."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return torch.logsumexp(x, -1)

    @staticmethod
    def backward(ctx, grad):
        x, = ctx.saved_tensors
        return grad[..., None] * torch.softmax(x, -1)


class Pow(torch.autograd.Function):
    """core/ops/elementwise.h: to a: b a^(b-1), 0 where b = 0; to b: a^b log a, 0 where a = 0."""

    @staticmethod
    def forward(ctx, a, b):
        ctx.save_for_backward(a, b)
        return torch.pow(a, b)

    @staticmethod
    def backward(ctx, grad):
        a, b = ctx.saved_tensors
        b0, a0 = b == 0, a == 0
        one, zero = torch.ones(()), torch.zeros(())
        to_a = torch.where(b0, zero, grad * b * Pow.apply(a, torch.where(b0, one, b - 1)))
        to_b = torch.where(a0, zero, grad * Pow.apply(a, b) * torch.log(torch.where(a0, one, a)))
        return to_a.sum_to_size(a.shape), to_b.sum_to_size(b.shape)


def sqrt_zero(x):
    """sqrt with derivatives of 0 at 0"""
    at0 = x == 0
    return torch.where(at0, torch.zeros(()), torch.sqrt(torch.where(at0, torch.ones(()), x)))


def reciprocal_or_zero(x):
    at0 = x == 0
    return torch.where(at0, torch.zeros(()), 1 / torch.where(at0, torch.ones(()), x))


class Expm1(torch.autograd.Function):
    """The derivative is e^x, where PyTorch's y + 1 loses its digits if that is small."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return torch.expm1(x)

    @staticmethod
    def backward(ctx, grad):
        x, = ctx.saved_tensors
        return grad * torch.exp(x)


class LogOfCosh(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        a = x.abs()
        near = torch.log1p(2 * torch.sinh(torch.clamp(a, max=1) / 2) ** 2)
        return torch.where(a < 1, near, a + torch.log1p(torch.exp(-2 * a)) - math.log(2))

    @staticmethod
    def backward(ctx, grad):
        x, = ctx.saved_tensors
        return grad * Tanh.apply(x)


def elu_left(x, alpha):
    """At 0 the derivatives of the left side, in every order."""
    left = alpha * Expm1.apply(torch.where(x > 0, torch.zeros(()), x))
    return torch.where(x > 0, x, left)


def dims(x, axes):
    return tuple(axes) if axes else tuple(range(x.dim()))


# -- elementwise.h: two operands --------------------------------------------------------------------

SHAPES = {
    "same": ((2, 3), (2, 3)),
    "row": ((3, 4), (4,)),
    "column": ((3, 1), (3, 4)),
    "scalar_left": ((), (2, 3)),
    "scalar_right": ((2, 3), ()),
    "scalars": ((), ()),
    "both": ((2, 1, 4), (3, 1)),
    "middle": ((2, 3, 2), (2, 1, 2)),
    "six": ((2, 1, 2, 1, 2, 1), (1, 2, 1, 2, 1, 2)),
    "empty": ((0, 3), (1, 3)),
    "empty_row": ((0, 3), (3,)),
    "empty_both": ((2, 0), (2, 0)),
}
BINARY = {
    "add": torch.add, "sub": torch.sub, "mul": torch.mul, "div": torch.div, "pow": torch.pow,
    "minimum": torch.minimum, "maximum": torch.maximum,
}
COMPARE = {"eq": torch.eq, "ne": torch.ne, "lt": torch.lt, "le": torch.le, "gt": torch.gt,
           "ge": torch.ge}


def pair(op, ident, sa, sb):
    a = apart(f"{op}/{ident}/a", sa)
    b = apart(f"{op}/{ident}/b", sb) + 0.03125
    if op == "div":
        b = torch.where(b < 0, b - 0.5, b + 0.5)
    if op == "pow":
        a = draw(f"{op}/{ident}/a", sa, 0.25, 2.5)
    return {"a": real(a), "b": real(b)}


for op, f in BINARY.items():
    for ident, (sa, sb) in SHAPES.items():
        add(op, ident, f, pair(op, ident, sa, sb))
for op, f in COMPARE.items():
    with_ties = {"a": real([[1, 2, 3], [-1, 0, NAN]]), "b": real([[1, 3, 2], [-1, -0.0, NAN]])}
    add(op, "ties", lambda a, b, f=f: f(a, b).double(), with_ties)
    add(op, "infinite", lambda a, b, f=f: f(a, b).double(),
        {"a": real([INF, -INF, INF, 1, 3e38]), "b": real([INF, INF, 3e38, NAN, -3e38])})
    for ident in ("row", "both", "empty"):
        add(op, ident, lambda a, b, f=f: f(a, b).double(), pair(op, ident, *SHAPES[ident]))

add("add", "large", torch.add, {"a": real([3e38, -3e38, 1e30]), "b": real([-3e38, 1e38, 1])},
    smooth=False, independent=True)
add("add", "infinite", torch.add, {"a": real([INF, -INF, INF]), "b": real([1, 1, -INF])},
    smooth=False)
add("sub", "large", torch.sub, {"a": real([3e38, -1e38, 1e30]), "b": real([3e38, 1e38, 1])},
    smooth=False, independent=True)
add("mul", "large", torch.mul, {"a": real([1e19, 1e-30, 0, 1e38]), "b": real([1e19, 1e-7, 3e38, 3])},
    smooth=False, independent=True)
add("mul", "infinite", torch.mul, {"a": real([INF, 0, NAN]), "b": real([2, INF, 1])}, smooth=False)
add("div", "by_zero", torch.div, {"a": real([1, -1, 0]), "b": real([0, 0, 0])}, smooth=False,
    orders=1)
add("div", "large", torch.div, {"a": real([3e38, 1e-30, 1e30]), "b": real([3e38, 1e-30, 1e25])},
    smooth=False, independent=True, float_orders=1)
add("div", "small_denominator", torch.div, {"a": real([1e-20, 2e-18]), "b": real([1e-20, 1e-19])},
    smooth=False, independent=True, float_orders=0)
for op in ("minimum", "maximum"):
    add(op, "ties", BINARY[op], {"a": real([1, 2, 3, 0]), "b": real([1, 3, 2, -0.0])}, smooth=False)
    add(op, "nan", BINARY[op], {"a": real([NAN, 1, NAN]), "b": real([1, NAN, NAN])}, orders=0)
    add(op, "infinite", BINARY[op], {"a": real([INF, -INF, 3e38]), "b": real([1, 1, INF])},
        smooth=False, independent=True)

CONVENTION = "gradients at a = 0 and b = 0 by the header's convention"
add("pow", "zero_base", Pow.apply, {"a": real([0, 0, 0, 0]), "b": real([2, 3, 1, 2.5])},
    note=CONVENTION, smooth=False)
add("pow", "zero_exponent", Pow.apply, {"a": real([0, 2, 0.5, 3]), "b": real([0, 0, 0, 0])},
    note=CONVENTION, smooth=False, orders=1)
add("pow", "zero_exponent_column", Pow.apply,
    {"a": real([[0.0, 2, 3]]), "b": real([[0.0], [1], [2]])}, note=CONVENTION, smooth=False,
    orders=1)
add("pow", "negative_exponent_of_zero", Pow.apply, {"a": real([0, 0]), "b": real([-1, -2.5])},
    note=CONVENTION, smooth=False, orders=1)
add("pow", "negative_base", Pow.apply, {"a": real([-2, -1.5, -3]), "b": real([2, 3, -1])},
    note="gradient to b is NaN: the logarithm of a negative base", smooth=False, orders=1)
add("pow", "root_of_negative", Pow.apply, {"a": real([-2, 2]), "b": real([0.5, 0.5])}, orders=0)
add("pow", "large", Pow.apply, {"a": real([1e19, 1e-19, 1.001, 10]),
                                "b": real([2, 2, 1000, -37])}, smooth=False, independent=True, float_orders=1)

CONDITION = real([[1, 0, -2], [0, 0.5, 0]])


def where_only(c, a, b):
    return torch.where(c.detach() != 0, a, b)


add("where", "same", where_only, {"condition": CONDITION, "a": draw("where/a", (2, 3), -2, 2),
                                  "b": draw("where/b", (2, 3), -2, 2)})
add("where", "scalars", where_only, {"condition": CONDITION, "a": real(1.5), "b": real(-0.5)})
add("where", "row_column", where_only, {"condition": CONDITION, "a": draw("where/r", (3,), -2, 2),
                                        "b": draw("where/c", (2, 1), -2, 2)})
add("where", "condition_row", where_only, {"condition": real([0, 1, 0]),
                                           "a": draw("where/d", (2, 3), -2, 2),
                                           "b": draw("where/e", (2, 3), -2, 2)})
add("where", "condition_scalar", where_only, {"condition": real(1), "a": draw("where/f", (3,), -2, 2),
                                              "b": draw("where/g", (2, 1), -2, 2)})
add("where", "deep", where_only, {"condition": real([[[1], [0]]]), "a": draw("where/h", (2, 1, 3), -2, 2),
                                  "b": draw("where/i", (2, 3), -2, 2)})
add("where", "hidden_nan", where_only, {"condition": real([1, 0, NAN]), "a": real([1, NAN, 2]),
                                        "b": real([NAN, 2, INF])}, smooth=False)
add("where", "empty", where_only, {"condition": real([1]), "a": real([[], []]), "b": real(2)})

# -- elementwise.h: a tensor and a number -----------------------------------------------------------

for ident, x in {"plain": apart("number/x", (3, 4)), "scalar": real(0.75), "empty": real([[], []]),
                 "long": apart("number/long", (37,))}.items():
    for factor in (2.5, 0.0, -1.0):
        add("scale", f"{ident}_{factor:g}", lambda x: x * factor, {"x": x}, {"factor": factor})
    add("shift", ident, lambda x: x + 1.25, {"x": x}, {"term": 1.25})
    add("clamp", ident, lambda x: torch.clamp(x, -0.25, 0.5), {"x": x}, {"low": -0.25, "high": 0.5})
    add("clamp", ident + "_low", lambda x: torch.clamp(x, min=-0.125), {"x": x},
        {"low": -0.125, "high": INF})
    add("clamp", ident + "_high", lambda x: torch.clamp(x, max=0.125), {"x": x},
        {"low": -INF, "high": 0.125})
    add("leaky_relu", ident, lambda x: F.leaky_relu(x, 0.01), {"x": x})
    add("leaky_relu", ident + "_slope", lambda x: F.leaky_relu(x, 0.25), {"x": x}, {"slope": 0.25})
    add("elu", ident, lambda x: F.elu(x), {"x": x})
    add("elu", ident + "_alpha", lambda x: F.elu(x, 1.5), {"x": x}, {"alpha": 1.5})
    for p in (2.0, 3.0, -1.0, -2.0, 1.0):
        add("power", f"{ident}_{p:g}", lambda x: torch.pow(x, p), {"x": x}, {"exponent": p})
    positive = real(x.abs() + 0.25)
    for p in (0.5, -0.5, 2.5):
        add("power", f"{ident}_{p:g}", lambda x: torch.pow(x, p), {"x": positive}, {"exponent": p})
add("power", "0", lambda x: torch.pow(x, 0.0), {"x": real([0, 1, -2, 1e30])}, {"exponent": 0.0},
    smooth=False)
for p in (1.0, 2.0, 3.0, 4.0):
    add("power", f"zero_{p:g}", lambda x: torch.pow(x, p), {"x": real([0, -0.0, 1])},
        {"exponent": p}, smooth=False)
add("power", "zero_0.5", lambda x: torch.pow(x, 0.5), {"x": real([0, 4])}, {"exponent": 0.5},
    smooth=False, orders=1)
add("power", "zero_-1", lambda x: torch.pow(x, -1.0), {"x": real([0, 4])}, {"exponent": -1.0},
    smooth=False, orders=1)
add("power", "large", lambda x: torch.pow(x, 2.0), {"x": real([1e19, 1e-19, -1e18, 1e25])},
    {"exponent": 2.0}, smooth=False, independent=True)
add("clamp", "bounds", lambda x: torch.clamp(x, -1.0, 2.0), {"x": real([-1, 2, -1.5, 2.5, 0])},
    {"low": -1.0, "high": 2.0}, smooth=False)
add("clamp", "point", lambda x: torch.clamp(x, 1.0, 1.0), {"x": real([0, 1, 2])},
    {"low": 1.0, "high": 1.0}, smooth=False)
add("clamp", "infinite", lambda x: torch.clamp(x, -1.0, 1.0), {"x": real([INF, -INF, 3e38])},
    {"low": -1.0, "high": 1.0}, smooth=False)
add("clamp", "nan", lambda x: torch.clamp(x, -1.0, 1.0), {"x": real([NAN, 5])},
    {"low": -1.0, "high": 1.0}, orders=0)
add("leaky_relu", "kink", lambda x: F.leaky_relu(x, 0.25), {"x": real([0, -0.0, 1e30, -1e30])},
    {"slope": 0.25}, smooth=False, independent=True)
add("leaky_relu", "nan", lambda x: F.leaky_relu(x, 0.25), {"x": real([NAN, INF, -INF])},
    {"slope": 0.25}, orders=0)
add("elu", "kink", lambda x: elu_left(x, 1.5),
    {"x": real([0, 200, -200, 3e38, -3e38, 1e-6, -1e-6])}, {"alpha": 1.5}, smooth=False,
    note="at 0 the left side's derivatives", independent=True)
add("elu", "nan", lambda x: F.elu(x, 1.5), {"x": real([NAN, INF, -INF])}, {"alpha": 1.5}, orders=0)

# -- elementwise.h: one tensor ----------------------------------------------------------------------

UNARY = {
    # name: (function, range of ordinary inputs, extreme inputs, orders that floats hold there)
    "neg": (torch.neg, (-2, 2), [3e38, -3e38, 0, INF, NAN], 2),
    "abs": (torch.abs, (-2, 2), [3e38, -3e38, 0, -0.0, 1e-38], 2),
    "square": (torch.square, (-2, 2), [1e19, -1e19, 0, 1e-19], 2),
    "sqrt": (sqrt_zero, (0.25, 4), [0, 1e-20, 3e38, 1e20], 1),
    "rsqrt": (torch.rsqrt, (0.25, 4), [1e-8, 3e38, 1e20], 1),
    "reciprocal": (torch.reciprocal, (0.25, 4), [1e-10, -1e-10, 1e18, -1e18], 2),
    "reciprocal_or_zero": (reciprocal_or_zero, (0.25, 4), [0, -0.0, 1e-10, -1e18], 2),
    "exp": (torch.exp, (-2, 2), [0, -80, 88, 20, -0.5, -1e30, -INF], 2),
    "log": (torch.log, (0.25, 4), [1e-18, 1, 1e18, 1.0000001], 2),
    "log1p": (torch.log1p, (-0.5, 3), [1e-20, 0, 1e18, -0.99, 1e-6], 2),
    "expm1": (Expm1.apply, (-2, 2), [1e-20, 0, -80, 80, -1e30, 1e-6], 2),
    "sin": (torch.sin, (-4, 4), [0, 100, -1000, 1e-20], 2),
    "cos": (torch.cos, (-4, 4), [0, 100, -1000, 1e-20], 2),
    "tanh": (Tanh.apply, (-2, 2), [0, 1e-20, 20, -20, 1e30, -1e30, INF], 2),
    "log_of_cosh": (LogOfCosh.apply, (-2, 2), [0, 1e-18, 1e-3, -1e-4, 20, -20, 3e38, -3e38], 2),
    "erf": (torch.erf, (-2, 2), [0, 1e-20, 5, -5, 1e18, -1e18], 2),
    "normal_cdf": (NormalCdf.apply, (-2, 2), [0, 8, -8, 10, -10, 1e18, -1e18], 2),
    "sigmoid": (Sigmoid.apply, (-3, 3), [0, 40, -40, 80, -80, 3e38, -3e38, INF, -INF], 2),
    "softplus": (Softplus.apply, (-3, 3), [0, 40, -40, 80, -80, 3e38, -3e38], 2),
    "relu": (torch.relu, (-2, 2), [0, -0.0, 3e38, -3e38, 1e-38], 2),
    "gelu": (lambda x: x * NormalCdf.apply(x), (-3, 3), [0, 8, -8, 10, -10, 1e18, -1e18], 2),
    "silu": (lambda x: x * Sigmoid.apply(x), (-3, 3), [0, 40, -40, 80, -80, 1e30, -1e30], 2),
}
BY_TORCH = {"tanh": torch.tanh, "sigmoid": torch.sigmoid, "softplus": F.softplus, "gelu": F.gelu,
            "silu": F.silu, "expm1": torch.expm1,
            "log_of_cosh": lambda x: torch.log(torch.cosh(x)),
             "normal_cdf": torch.special.ndtr, "sqrt": torch.sqrt}
for op, (f, (low, high), extreme, float_orders) in UNARY.items():
    ordinary = BY_TORCH.get(op, f)
    kinked = op in ("abs", "relu")
    for ident, shape in {"vector": (5,), "cube": (2, 3, 2), "scalar": (), "empty": (3, 0),
                         "long": (37,)}.items():
        x = apart(f"{op}/{ident}", shape) if kinked else draw(f"{op}/{ident}", shape, low, high)
        add(op, ident, ordinary, {"x": x})
    note = "gradient 0 at 0" if op == "sqrt" else None
    add(op, "extreme", f, {"x": real(extreme)}, smooth=False, float_orders=float_orders, note=note,
        independent=True)
    if op not in ("neg", "reciprocal_or_zero"):
        add(op, "nan", f, {"x": real([NAN, 1])}, orders=0)


def gelu_tanh(x):
    """x s(2 u), where PyTorch's 1 + tanh(u) loses its digits for negative x; s is 0 or 1 beyond +-64."""
    c = torch.clamp(x, -64, 64)
    return x * Sigmoid.apply(math.sqrt(8 / math.pi) * (c + 0.044715 * c ** 3))


def softplus(beta, threshold):
    def f(x):
        return torch.where(beta * x > threshold, x, Softplus.apply(beta * x) / beta)
    return f


for ident, shape in {"vector": (5,), "scalar": (), "empty": (3, 0), "long": (37,)}.items():
    add("gelu", "tanh_" + ident, lambda x: F.gelu(x, approximate="tanh"),
        {"x": draw(f"gelu/tanh_{ident}", shape, -3, 3)}, {"tanh": True})
    x = draw(f"softplus/options_{ident}", shape, -3, 3)
    add("softplus", f"beta_{ident}", softplus(2.5, INF), {"x": x}, {"beta": 2.5})
    add("softplus", f"threshold_{ident}", lambda x: F.softplus(x, 0.5, 0.75),
        {"x": real(torch.where((x - 1.5).abs() < 0.01, x + 0.02, x))}, {"beta": 0.5, "threshold": 0.75})
add("gelu", "tanh_extreme", gelu_tanh, {"x": real([0, 6, -6, 8, 63, -65, 1e18, -1e18, 3e38, -3e38])},
    {"tanh": True}, smooth=False, independent=True)
add("gelu", "tanh_nan", gelu_tanh, {"x": real([NAN, 1])}, {"tanh": True}, orders=0)
add("softplus", "beta_extreme", softplus(4.0, INF), {"x": real([0, 20, -20, 3e38, -3e38])},
    {"beta": 4.0}, smooth=False, independent=True)
add("softplus", "threshold_extreme", softplus(4.0, 20.0),
    {"x": real([0, 5, 5.0000005, 4.9999995, -20, 3e38, -3e38])}, {"beta": 4.0, "threshold": 20.0},
    smooth=False, independent=True)
add("softplus", "threshold_nan", softplus(4.0, 20.0), {"x": real([NAN, INF, -INF])},
    {"beta": 4.0, "threshold": 20.0}, orders=0)
add("silu", "largest", lambda x: x * Sigmoid.apply(x), {"x": real([3e38, -3e38])}, smooth=False,
    independent=True, float_orders=1)
add("sqrt", "negative", torch.sqrt, {"x": real([-1, 4, INF])}, orders=0)
add("log", "outside", torch.log, {"x": real([0, -1, INF])}, orders=0)
add("log1p", "outside", torch.log1p, {"x": real([-1, -2, INF])}, orders=0)
add("exp", "overflow", torch.exp, {"x": real([89, 100, 1e30, INF, -104])}, orders=0)
add("exp", "infinite", torch.exp, {"x": real([-INF, INF])}, smooth=False, orders=1)
add("reciprocal", "zero", torch.reciprocal, {"x": real([0, -0.0, INF])}, orders=0)
add("rsqrt", "zero", torch.rsqrt, {"x": real([0, INF, -1])}, orders=0)
add("sign", "plain", torch.sign, {"x": real([-2, 0, -0.0, 3, 1e-38, INF, -INF])}, orders=0)
add("sign", "empty", torch.sign, {"x": real([])}, orders=0)


def relu_grad(grad, x):
    return torch.where(x.detach() > 0, grad, torch.zeros(()))


def tanh_grad(grad, x):
    return grad * SechSquared.apply(x)


def sigmoid_grad(grad, x):
    return grad * Sigmoid.apply(x) * Sigmoid.apply(-x)


for op, f in {"relu_grad": relu_grad, "tanh_grad": tanh_grad, "sigmoid_grad": sigmoid_grad}.items():
    for ident in ("same", "row", "column", "scalar_left", "empty"):
        add(op, ident, f, {"grad": apart(f"{op}/{ident}/g", SHAPES[ident][0]),
                           "x": apart(f"{op}/{ident}/x", SHAPES[ident][1])})
    add(op, "extreme", f, {"grad": real([1, -2, 3, 0.5, 1]), "x": real([0, 20, -20, 1e30, -1e30])},
        smooth=False, independent=True)

# -- reduce.h ---------------------------------------------------------------------------------------

AXES = {
    "all": ((2, 3), []),
    "all_keepdim": ((2, 3), []),
    "first": ((3, 4), [0]),
    "last": ((3, 4), [1]),
    "last_keepdim": ((3, 4), [-1]),
    "middle": ((2, 3, 4), [1]),
    "outer": ((2, 3, 4), [0, -1]),
    "outer_keepdim": ((2, 3, 4), [2, 0]),
    "inner": ((2, 3, 2), [1, 2]),
    "scalar": ((), []),
    "one": ((1,), [0]),
    "six": ((2, 1, 2, 2, 1, 2), [0, 2, 5]),
    "long": ((2, 35), [1]),
    "long_first": ((35, 2), [0]),
}


def vector_norm(p):
    def f(x, d, k):
        return torch.linalg.vector_norm(x, p, dim=d, keepdim=k)
    return f


def norm_zero(x, d, k):
    return sqrt_zero((x * x).sum(d, keepdim=k))


def variance(correction):
    def f(x, d, k):
        return torch.var(x, dim=d, correction=correction, keepdim=k)
    return f


def reduce_case(op, ident, f, x, axes, keepdim=False, params=None, **options):
    p = dict(params or {})
    if axes:
        p["axes"] = axes
    if keepdim:
        p["keepdim"] = True
    add(op, ident, lambda x: f(x, dims(x, axes), keepdim), {"x": x}, p, **options)


def total(x, d, k):
    return x.sum(d, keepdim=k) if d else x.clone()


def average(x, d, k):
    return x.mean(d, keepdim=k) if d else x.clone()


REDUCE = {
    "sum": (total, None),
    "mean": (average, None),
    "max": (lambda x, d, k: torch.amax(x, d, keepdim=k), None),
    "min": (lambda x, d, k: torch.amin(x, d, keepdim=k), None),
    "logsumexp": (lambda x, d, k: torch.logsumexp(x, d, keepdim=k), None),
    "norm": (vector_norm(2), None),
    "norm_1": (vector_norm(1), {"p": 1.0}),
    "norm_3": (vector_norm(3), {"p": 3.0}),
    "norm_half": (vector_norm(0.5), {"p": 0.5}),
    "norm_1.5": (vector_norm(1.5), {"p": 1.5}),
    "norm_inf": (vector_norm(INF), {"p": INF}),
    "var": (variance(1), None),
    "var_0": (variance(0), {"correction": 0}),
}
for label, (f, params) in REDUCE.items():
    op = label.split("_")[0]
    suffix = label[len(op):]
    for ident, (shape, axes) in AXES.items():
        if op == "var" and (ident in ("scalar", "one") or not suffix and ident == "six"):
            continue
        x = apart(f"{label}/{ident}", shape)
        if op == "norm" and ident == "scalar":
            x = real(-0.75)
        if op == "norm" and "half" in suffix and ident not in ("first", "last", "outer_keepdim"):
            continue
        # The norm of a single number has the second derivative 0, of which rounding leaves something.
        orders = 1 if op == "norm" and ident in ("scalar", "one") else 2
        reduce_case(op, ident + suffix, f, x, axes, "keepdim" in ident, params, orders=orders)


def softmax(x, d):
    if not d:
        return torch.exp(x - x)
    return torch.exp(x - torch.logsumexp(x, d, keepdim=True))


def log_softmax(x, d):
    return x - torch.logsumexp(x, d, keepdim=True) if d else x - x


for ident, (shape, axes) in AXES.items():
    if "keepdim" in ident:
        continue
    x = apart(f"softmax/{ident}", shape, gap=0.2)
    params = {"axes": axes} if axes else None
    one_axis = len(axes) == 1
    soft = (lambda x: torch.softmax(x, axes[0])) if one_axis else (lambda x: softmax(x, dims(x, axes)))
    log = ((lambda x: torch.log_softmax(x, axes[0])) if one_axis
           else (lambda x: log_softmax(x, dims(x, axes))))
    if ident == "scalar" or ident == "one":
        # The derivative of a constant: central differences would compare zeros.
        add("softmax", ident, soft, {"x": x}, params, smooth=False)
        add("log_softmax", ident, log, {"x": x}, params, smooth=False)
        continue
    add("softmax", ident, soft, {"x": x}, params)
    add("log_softmax", ident, log, {"x": x}, params)

ROWS = real([[1e30, -1e30, 3e38], [-3e38, -3e38, -3e38], [0, 0, 0], [88, 89, 90], [1000, 1001, 999]])
for op, f in {"softmax": torch.softmax, "log_softmax": torch.log_softmax}.items():
    add(op, "large", lambda x: f(x, 1), {"x": ROWS}, {"axes": [1]}, smooth=False, independent=True)
    add(op, "large_two_axes", lambda x: f(x.transpose(0, 1).reshape(2, -1), 1)
        .reshape(2, 2, 2).transpose(0, 1), {"x": real([[[1e30, 999], [-3e38, 1000]],
                                                      [[1e30, 1001], [3e38, 998]]])},
        {"axes": [0, 2]}, smooth=False, orders=1)
    add(op, "minus_infinity", lambda x: f(x, 1), {"x": real([[0, -INF, 1], [-INF, 2, -INF]])},
        {"axes": [1]}, smooth=False, orders=1 if op == "softmax" else 0)
    add(op, "nan", lambda x: f(x, 1), {"x": real([[0, NAN, 1], [0, 1, 2]])}, {"axes": [1]}, orders=0)
    add(op, "empty_axis", lambda x: f(x, 1), {"x": real([[], []])}, {"axes": [1]})
    add(op, "empty_other", lambda x: f(x, 0), {"x": real([[], []])}, {"axes": [0]})
reduce_case("logsumexp", "large", lambda x, d, k: LogSumExp.apply(x), ROWS, [1], smooth=False,
            independent=True)
reduce_case("logsumexp", "minus_infinity", REDUCE["logsumexp"][0],
            real([[0, -INF, 1], [-INF, 2, -INF]]), [1], smooth=False, orders=1)
reduce_case("logsumexp", "infinite", REDUCE["logsumexp"][0],
            real([[-INF, -INF], [INF, 1], [INF, -INF], [NAN, 1]]), [1], orders=0)
for op in ("max", "min"):
    f = REDUCE[op][0]
    reduce_case(op, "ties", f, real([[1, 3, 3, 3], [2, 2, 0, 0], [-1, -1, -1, -1]]), [1],
                smooth=False)
    reduce_case(op, "ties_all", f, real([[1, 3], [3, 1]]), [], smooth=False)
    reduce_case(op, "nan", f, real([[1, NAN, 3], [NAN, NAN, NAN], [1, 2, 3]]), [1], orders=0)
    reduce_case(op, "infinite", f, real([[INF, -INF, 3], [1, 3e38, -3e38]]), [1], smooth=False)
    reduce_case(op, "empty_other", f, real([[], [], []]), [0])
for op in ("sum", "mean"):
    f = REDUCE[op][0]
    reduce_case(op, "infinite", f, real([[INF, 1], [INF, -INF], [NAN, 1]]), [1], smooth=False)
    reduce_case(op, "cancel", f, real([[1e8, 1, -1e8], [3, 1e-8, -3]]), [1], smooth=False,
                float_orders=-1)
    reduce_case(op, "empty_other", f, real([[], []]), [0])
reduce_case("mean", "large", average, real([[3e38, 3e38], [-3e38, -2e38]]), [1], smooth=False,
            orders=1)
for label in ("sum", "logsumexp", "norm", "norm_1", "norm_3"):
    f, params = REDUCE[label]
    op = label.split("_")[0]
    suffix = label[len(op):]
    if op == "logsumexp":
        def f(x, d, k):
            return x.sum(d, keepdim=k) - INF
    if op == "norm":
        f = total  # 0, as the sum over nothing
    reduce_case(op, "empty_all" + suffix, f, real([[], []]), [], params=params, orders=0)
    reduce_case(op, "empty_axis" + suffix, f, real([[], []]), [1], params=params, orders=0)
for label in ("mean", "var"):
    f, params = REDUCE[label]
    reduce_case(label, "empty_axis", f, real([[], []]), [1], orders=0)
    reduce_case(label, "empty_all", f, real([[], []]), [], orders=0)
reduce_case("var", "one_element", variance(1), real([[2], [3]]), [1], orders=0)
reduce_case("var", "one_element_0", variance(0), real([[2], [3]]), [1], params={"correction": 0},
            smooth=False)
reduce_case("var", "constant", variance(1), real([[2, 2, 2], [5, 5, 5]]), [1], smooth=False)
reduce_case("var", "offset", variance(1), real([[10001, 10002, 10004], [4096, 4097, 4098]]), [1],
            smooth=False)
reduce_case("norm", "zero_row", norm_zero, real([[0, 0, 0], [1, -2, 2]]), [1],
            note="gradient 0 at 0", smooth=False)
reduce_case("norm", "large", norm_zero, real([[3e30, 4e30], [3e-30, -4e-30]]), [1], smooth=False, independent=True,
            orders=1)
reduce_case("norm", "large_3", vector_norm(3), real([[3e30, 4e30], [3e-30, -4e-30]]), [1],
            params={"p": 3.0}, smooth=False, independent=True, orders=1)
reduce_case("norm", "zeros_1", vector_norm(1), real([[0, -1, 2], [0, 0, 0]]), [1],
            params={"p": 1.0}, smooth=False)
reduce_case("norm", "zeros_3", vector_norm(3), real([[0, -1, 2], [3, 0, 0]]), [1],
            params={"p": 3.0}, smooth=False, orders=1)
reduce_case("norm", "zero_row_3", lambda x, d, k: total(0 * x, d, k), real([[0, 0, 0]]), [1],
            params={"p": 3.0}, smooth=False, orders=1, note="gradient 0 at 0")
reduce_case("norm", "ties_inf", vector_norm(INF), real([[2, -2, 1], [3, 3, 3]]), [1],
            params={"p": INF}, smooth=False)
reduce_case("norm", "infinite", vector_norm(2), real([[INF, 1], [NAN, 1]]), [1], orders=0)

for ident, (shape, axis) in {"vector": ((5,), 0), "first": ((3, 2), 0), "last": ((2, 3), -1),
                             "middle": ((2, 3, 2), 1), "long": ((2, 35), 1), "one": ((3, 1), 1),
                             "empty": ((2, 0), 1), "empty_other": ((2, 0), 0)}.items():
    add("cumsum", ident, lambda x: torch.cumsum(x, axis), {"x": apart(f"cumsum/{ident}", shape)},
        {"axis": axis})
add("cumsum", "nan", lambda x: torch.cumsum(x, 0), {"x": real([1, INF, 2, NAN, 3])}, {"axis": 0},
    orders=0)


def arg(x, axis, largest):
    """The first of the largest (smallest) where a NaN is the largest of all."""
    key = torch.where(torch.isnan(x), torch.full((), INF), x)
    nan_last = torch.argsort(torch.isnan(x).long(), dim=axis, stable=True)
    key = torch.gather(key, axis, nan_last) if not largest else key
    if largest:
        has_nan = torch.isnan(x).any(axis, keepdim=True)
        key = torch.where(has_nan, torch.isnan(x).double(), x.detach())
        best = key == torch.amax(key, axis, keepdim=True)
        return torch.argmax(best.long(), axis)
    best = key == torch.amin(key, axis, keepdim=True)
    first = torch.argmax(best.long(), axis, keepdim=True)
    return torch.gather(nan_last, axis, first).squeeze(axis)


for op, largest in {"argmax": True, "argmin": False}.items():
    for ident, x, axis in (("last", apart("arg/1", (3, 4)), 1), ("first", apart("arg/2", (3, 4)), 0),
                           ("middle", apart("arg/3", (2, 3, 2)), -2), ("vector", apart("arg/4", (7,)), 0),
                           ("ties", real([[1, 2, 2], [0, 0, 0], [3, 1, 1]]), 1),
                           ("ties_first", real([[1, 2, 2], [1, 2, 0], [3, 1, 1]]), 0),
                           ("nan", real([[1, NAN, 2], [NAN, NAN, NAN], [NAN, 1, NAN]]), 1),
                           ("infinite", real([[INF, NAN, INF], [-INF, -INF, 3], [INF, INF, INF]]), 1),
                           ("long", apart("arg/5", (2, 70)), 1)):
        add(op, ident, lambda x: arg(x.detach(), axis, largest), {"x": x}, {"axis": axis})

for ident, (shape, to) in {"row": ((3, 4), [4]), "column": ((3, 4), [3, 1]), "scalar": ((2, 3), []),
                           "both": ((2, 3, 4), [3, 1]), "same": ((2, 3), [2, 3]),
                           "ones": ((2, 1, 3), [1, 1, 1]), "middle": ((2, 3, 2), [2, 1, 2]),
                           "empty": ((0, 3), [1, 3])}.items():
    add("sum_to", ident, lambda x: x.sum_to_size(to).clone(), {"x": apart(f"sum_to/{ident}", shape)},
        {"shape": to})

# -- shape.h ----------------------------------------------------------------------------------------


def plain(name, shape):
    return {"x": draw(name, shape, -2, 2)}


for ident, (shape, to) in {"plain": ((2, 6), [3, 4]), "inferred": ((2, 6), [4, -1]),
                           "inferred_first": ((2, 6), [-1, 2, 3]), "to_scalar": ((1, 1), []),
                           "from_scalar": ((), [1, 1]), "six": ((8, 8), [2, 2, 2, 2, 2, 2]),
                           "empty": ((0, 4), [2, 0]), "empty_inferred": ((0, 4), [-1, 4]),
                           "same": ((3,), [3])}.items():
    add("reshape", ident, lambda x: x.reshape(to).clone(), plain(f"reshape/{ident}", shape),
        {"shape": to})
add("reshape", "index", lambda x: x.reshape(3, 2), {"x": index([[1, 2, 3], [4, 5, 6]])},
    {"shape": [3, 2]})
for ident, shape in {"matrix": (2, 3), "cube": (2, 3, 2), "vector": (4,), "scalar": (),
                     "empty": (2, 0)}.items():
    add("flatten", ident, lambda x: x.reshape(-1).clone(), plain(f"flatten/{ident}", shape))
for ident, (shape, a, b) in {"matrix": ((2, 3), 0, 1), "negative": ((2, 3), -1, -2),
                             "outer": ((2, 3, 4), 0, 2), "inner": ((2, 3, 4), 1, 2),
                             "same": ((2, 3), 1, 1), "empty": ((0, 3), 0, 1),
                             "wide": ((9, 17), 0, 1)}.items():
    add("transpose", ident, lambda x: x.transpose(a, b).clone(), plain(f"transpose/{ident}", shape),
        {"a": a, "b": b})
for ident, (shape, order) in {"nhwc": ((2, 3, 2, 2), [0, 2, 3, 1]), "reverse": ((2, 3, 4), [2, 1, 0]),
                              "cycle": ((2, 3, 4), [1, 2, 0]), "negative": ((2, 3, 4), [-1, 0, 1]),
                              "identity": ((2, 3), [0, 1]), "scalar": ((), []),
                              "six": ((1, 2, 3, 2, 1, 2), [5, 2, 0, 4, 3, 1]),
                              "empty": ((2, 0, 3), [1, 2, 0])}.items():
    add("permute", ident, lambda x: x.permute(order).clone(), plain(f"permute/{ident}", shape),
        {"order": order})

INT_MAX = 2**31 - 1
for ident, (shape, axis, begin, end, step) in {
        "plain": ((5, 2), 0, 1, 4, 1), "last": ((2, 5), 1, 1, 4, 1), "middle": ((2, 5, 2), 1, 2, 5, 1),
        "stride": ((7, 2), 0, 1, 7, 2), "stride_last": ((2, 8), -1, 0, INT_MAX, 3),
        "to_end": ((5,), 0, 2, INT_MAX, 1), "from_end": ((5,), 0, -3, -1, 1),
        "beyond": ((5,), 0, -9, 9, 1), "nothing": ((5, 2), 0, 3, 2, 1), "past": ((5,), 0, 7, 9, 1),
        "all": ((2, 3), 1, 0, 3, 1), "empty": ((0, 3), 1, 0, 2, 1)}.items():
    def cut(x):
        which = [slice(None)] * x.dim()
        which[axis] = slice(begin, end, step)
        return x[tuple(which)].clone()
    add("slice", ident, cut, plain(f"slice/{ident}", shape),
        {"axis": axis, "begin": begin, "end": end, "step": step})
for ident, (shape, axis, position) in {"row": ((3, 4), 0, 1), "column": ((3, 4), 1, 2),
                                       "negative": ((3, 4), -1, -1), "middle": ((2, 3, 2), 1, 0),
                                       "vector": ((4,), 0, 3), "empty": ((2, 0), 0, 1)}.items():
    add("select", ident, lambda x: x.select(axis, position).clone(), plain(f"select/{ident}", shape),
        {"axis": axis, "position": position})
for ident, (shapes, axis) in {"first": (((2, 3), (1, 3), (3, 3)), 0), "last": (((2, 3), (2, 1)), -1),
                              "middle": (((2, 1, 2), (2, 3, 2)), 1), "single": (((2, 3),), 0),
                              "with_empty": (((2, 3), (0, 3)), 0), "all_empty": (((0, 3), (0, 3)), 1),
                              "five": (((1,), (2,), (1,), (3,), (1,)), 0)}.items():
    operands = {f"x{i}": draw(f"concat/{ident}{i}", s, -2, 2) for i, s in enumerate(shapes)}
    add("concat", ident, lambda *xs: torch.cat(xs, axis), operands, {"axis": axis})
for ident, (shape, count, axis) in {"first": ((2, 3), 2, 0), "middle": ((2, 3), 3, 1),
                                    "last": ((2, 3), 2, -1), "last_positive": ((2, 3), 2, 2),
                                    "scalars": ((), 4, 0), "single": ((3,), 1, 0),
                                    "empty": ((2, 0), 2, 0)}.items():
    operands = {f"x{i}": draw(f"stack/{ident}{i}", shape, -2, 2) for i in range(count)}
    add("stack", ident, lambda *xs: torch.stack(xs, axis), operands, {"axis": axis})
for ident, (shape, axis, lengths) in {"first": ((6, 2), 0, [1, 2, 3]), "last": ((2, 5), 1, [2, 3]),
                                      "negative": ((2, 5), -1, [4, 1]), "whole": ((3, 2), 0, [3]),
                                      "with_empty": ((3, 2), 0, [0, 3, 0])}.items():
    for part in range(len(lengths)):
        add("split", f"{ident}_{part}", lambda x: torch.split(x, lengths, axis)[part].clone(),
            plain(f"split/{ident}", shape), {"axis": axis, "lengths": lengths, "part": part})
for ident, (shape, to) in {"row": ((3,), [2, 3]), "column": ((2, 1), [2, 3]), "scalar": ((), [2, 2]),
                           "middle": ((2, 1, 3), [2, 4, 3]), "both": ((1, 2, 1), [2, 3, 2, 2]),
                           "same": ((2, 3), [2, 3]), "to_empty": ((1, 3), [0, 3]),
                           "ones": ((1, 1), [3, 2])}.items():
    add("expand", ident, lambda x: x.expand(to).clone(), plain(f"expand/{ident}", shape), {"shape": to})
for ident, (shape, axis) in {"first": ((2, 3), 0), "middle": ((2, 3), 1), "last": ((2, 3), -1),
                             "scalar": ((), 0), "empty": ((0,), 1)}.items():
    add("unsqueeze", ident, lambda x: x.unsqueeze(axis).clone(), plain(f"unsqueeze/{ident}", shape),
        {"axis": axis})
for ident, (shape, axis) in {"first": ((1, 3), 0), "last": ((3, 1), -1), "middle": ((2, 1, 3), 1),
                             "to_scalar": ((1,), 0), "empty": ((0, 1), 1)}.items():
    add("squeeze", ident, lambda x: x.squeeze(axis).clone(), plain(f"squeeze/{ident}", shape),
        {"axis": axis})
for ident, (shape, axis) in {"vector": ((5,), 0), "first": ((3, 2), 0), "last": ((2, 3), -1),
                             "middle": ((2, 3, 2), 1), "one": ((1, 3), 0), "empty": ((0, 2), 0)}.items():
    add("flip", ident, lambda x: x.flip(axis), plain(f"flip/{ident}", shape), {"axis": axis})


def pad(x, axis, before, after, value):
    parts = []
    shape = list(x.shape)
    if before > 0:
        parts.append(torch.full(shape[:axis] + [before] + shape[axis + 1:], value))
    kept = x.narrow(axis, max(-before, 0), shape[axis] + min(before, 0) + min(after, 0))
    parts.append(kept)
    if after > 0:
        parts.append(torch.full(shape[:axis] + [after] + shape[axis + 1:], value))
    return torch.cat(parts, axis)


for ident, (shape, axis, before, after, value) in {
        "both": ((3,), 0, 2, 1, 0.0), "value": ((2, 3), 1, 1, 2, -1.5), "first": ((2, 3), 0, 1, 0, 0.5),
        "middle": ((2, 2, 2), 1, 0, 2, 0.0), "cut": ((2, 5), 1, -1, -2, 0.0),
        "cut_and_add": ((2, 4), 1, -2, 3, 0.25), "nothing": ((2, 3), 0, 0, 0, 1.0),
        "empty": ((0, 2), 0, 1, 2, 3.0), "cut_all": ((3, 2), 0, -1, -2, 0.0)}.items():
    options = {"orders": 0} if ident == "empty" else {}
    add("pad", ident, lambda x: pad(x, axis, before, after, value), plain(f"pad/{ident}", shape),
        {"axis": axis, "before": before, "after": after, "value": value}, **options)
add("pad", "infinite", lambda x: pad(x, 0, 1, 1, -INF), {"x": real([1, 2])},
    {"axis": 0, "before": 1, "after": 1, "value": -INF}, smooth=False)

NUMBERED = index([[1, 2, 3], [4, 5, 6]])
for op, f, params in (
        ("flatten", lambda x: x.reshape(-1), {}),
        ("transpose", lambda x: x.T, {"a": 0, "b": 1}),
        ("permute", lambda x: x.permute(1, 0), {"order": [1, 0]}),
        ("slice", lambda x: x[:, ::2], {"axis": 1, "begin": 0, "end": INT_MAX, "step": 2}),
        ("select", lambda x: x[1], {"axis": 0, "position": 1}),
        ("concat", lambda x: torch.cat((x,), 0), {"axis": 0}),
        ("stack", lambda x: x[None], {"axis": 0}),
        ("split", lambda x: x[:, 1:], {"axis": 1, "lengths": [1, 2], "part": 1}),
        ("expand", lambda x: x.expand(2, 2, 3), {"shape": [2, 2, 3]}),
        ("unsqueeze", lambda x: x[:, None], {"axis": 1}),
        ("flip", lambda x: x.flip(1), {"axis": 1})):
    add(op, "index", lambda x: f(x).clone(), {"x": NUMBERED}, params)
add("squeeze", "index", lambda x: x[:, 0], {"x": index([[1], [2]])}, {"axis": 1})
add("concat", "index_two", lambda a, b: torch.cat((a, b), 1),
    {"a": NUMBERED, "b": index([[7], [8]])}, {"axis": 1})

# -- index.h ----------------------------------------------------------------------------------------

GATHER = {
    "last": ((3, 4), 1, [[0, 3], [1, 1], [2, 0]]),
    "first": ((3, 4), 0, [[0, 2, 1, 0], [2, 2, 2, 2]]),
    "negative": ((3, 4), -1, [[3], [2], [0]]),
    "vector": ((5,), 0, [4, 0, 4, 2, 4, 1]),
    "middle": ((2, 3, 2), 1, [[[0, 2]], [[1, 1]]]),
    "shorter": ((3, 4), 1, [[0, 3, 2, 1, 1], [1, 1, 2, 2, 0]]),
    "shorter_other": ((3, 4, 2), 0, [[[2], [0]], [[1], [1]]]),
    "none": ((3, 4), 1, [[], [], []]),
}
for ident, (shape, axis, where_) in GATHER.items():
    i = index(where_)
    add("gather", ident, lambda x, i: torch.gather(x, axis, i),
        {"x": draw(f"gather/{ident}", shape, -2, 2), "index": i}, {"axis": axis})
    add("scatter_add", ident, lambda x, i, s: torch.scatter_add(x, axis, i, s),
        {"x": draw(f"scatter/{ident}", shape, -2, 2), "index": i,
         "source": draw(f"scatter/{ident}/s", tuple(i.shape), -2, 2)}, {"axis": axis})
for ident, (shape, axis, where_) in {"rows": ((4, 3), 0, [3, 0, 0, 2]), "columns": ((2, 4), 1, [1, 3]),
                                     "middle": ((2, 3, 2), 1, [2, 2, 1, 0]),
                                     "negative": ((2, 3), -1, [0, 0, 0]), "vector": ((4,), 0, [3]),
                                     "none": ((4, 3), 0, []), "empty_rows": ((3, 0), 0, [1, 2])}.items():
    add("index_select", ident, lambda x, i: torch.index_select(x, axis, i),
        {"x": draw(f"index_select/{ident}", shape, -2, 2), "index": index(where_)}, {"axis": axis})
add("index_select", "index", lambda x, i: torch.index_select(x, 0, i),
    {"x": NUMBERED, "index": index([1, 0, 1])}, {"axis": 0})
for ident, where_, classes in (("vector", [2, 0, 1], 3), ("matrix", [[0, 3], [1, 1]], 4),
                               ("scalar", 1, 3), ("one_class", [0, 0], 1), ("empty", [], 3)):
    add("one_hot", ident, lambda i: F.one_hot(i, classes).double(), {"index": index(where_)},
        {"classes": classes})

SORT = {
    "vector": (apart("sort/1", (9,)), 0), "last": (apart("sort/2", (3, 4)), -1),
    "first": (apart("sort/3", (4, 3)), 0), "middle": (apart("sort/4", (2, 5, 2)), 1),
    "one": (apart("sort/5", (3, 1)), 1), "long": (apart("sort/6", (70,)), 0),
    "empty": (real([[], []]), 1), "ties": (real([[2, 1, 2, 1, 2], [0, -0.0, 0, 1, -1]]), 1),
    "infinite": (real([INF, 1, -INF, 3e38, -3e38]), 0),
}
for descending in (False, True):
    suffix = "_descending" if descending else ""
    for ident, (x, axis) in SORT.items():
        smooth = ident not in ("ties", "infinite")
        params = {"axis": axis, "descending": descending}
        add("sort", ident + suffix,
            lambda x: torch.sort(x, dim=axis, descending=descending, stable=True)[0], {"x": x},
            params, smooth=smooth)
        for op in ("argsort", "sort_indices"):
            add(op, ident + suffix,
                lambda x: torch.sort(x.detach(), dim=axis, descending=descending, stable=True)[1],
                {"x": x}, params)
    with_nan = real([[NAN, 2, 1, NAN], [3, NAN, -INF, INF]])
    for op, part in (("sort", 0), ("argsort", 1), ("sort_indices", 1)):
        add(op, "nan" + suffix,
            lambda x: torch.sort(x.detach(), dim=1, descending=descending, stable=True)[part],
            {"x": with_nan}, {"axis": 1, "descending": descending}, orders=0)
    for ident, (x, axis) in SORT.items():
        length = x.shape[axis]
        for k in sorted({0, 1, min(3, length), length}) if length > 0 else [0]:
            if ident in ("infinite", "one") and k > 1:
                continue
            params = {"axis": axis, "k": k, "smallest": not descending}

            def best(x, part):
                y = torch.sort(x, dim=axis, descending=descending, stable=True)[part]
                return y.narrow(axis, 0, k)
            smooth = ident not in ("ties", "infinite")
            add("topk", f"{ident}_{k}{suffix}", lambda x: best(x, 0), {"x": x}, params, smooth=smooth)
            add("topk_indices", f"{ident}_{k}{suffix}", lambda x: best(x.detach(), 1), {"x": x}, params)

# -- linalg.h ---------------------------------------------------------------------------------------

MATMUL = {
    "square": ((2, 2), (2, 2)), "plain": ((2, 3), (3, 4)), "row": ((1, 5), (5, 3)),
    "column": ((4, 3), (3, 1)), "outer": ((3, 1), (1, 4)), "inner": ((1, 7), (7, 1)),
    "batch": ((2, 2, 3), (2, 3, 2)), "batch_left": ((2, 2, 3), (3, 2)),
    "batch_right": ((2, 3), (2, 3, 2)), "batch_both": ((2, 1, 2, 3), (2, 3, 2)),
    "batch_one": ((1, 2, 2), (3, 2, 2)), "odd": ((7, 9), (9, 5)), "wide": ((3, 17), (17, 18)),
    "no_inner": ((2, 0), (0, 3)), "no_rows": ((0, 3), (3, 2)), "no_batch": ((0, 2, 3), (3, 2)),
}
for ident, (sa, sb) in MATMUL.items():
    for ta in (False, True):
        for tb in (False, True):
            if (ta or tb) and ident in ("row", "inner", "batch_one"):
                continue
            params = {k: True for k, on in (("transpose_a", ta), ("transpose_b", tb)) if on}
            a, b = draw(f"matmul/{ident}/a", sa, -2, 2), draw(f"matmul/{ident}/b", sb, -2, 2)
            a, b = (a.mT.contiguous() if ta else a), (b.mT.contiguous() if tb else b)
            options = {"orders": 1} if ident in ("wide", "odd") and (ta or tb) else {}
            add("matmul", ident + "_ta" * ta + "_tb" * tb,
                lambda a, b: torch.matmul(a.mT if ta else a, b.mT if tb else b), {"a": a, "b": b},
                params, **options)
add("matmul", "infinite", torch.matmul, {"a": real([[INF, 1], [0, 1]]), "b": real([[1, 0], [1, 1]])},
    orders=0)
add("matmul", "zero_times_nan", torch.matmul, {"a": real([[0, 1]]), "b": real([[NAN], [1]])}, orders=0)

for ident, (sx, sw) in {"matrix": ((3, 4), (2, 4)), "vector": ((4,), (2, 4)),
                        "batch": ((2, 2, 3), (4, 3)), "one": ((2, 1), (1, 1)),
                        "empty": ((0, 3), (2, 3)), "no_features": ((2, 0), (3, 0))}.items():
    x, w = draw(f"affine/{ident}/x", sx, -2, 2), draw(f"affine/{ident}/w", sw, -2, 2)
    b = draw(f"affine/{ident}/b", (sw[0],), -2, 2)
    add("affine", ident, lambda x, w, b: F.linear(x, w, b), {"x": x, "weight": w, "bias": b})
    add("affine", ident + "_no_bias", lambda x, w: F.linear(x, w), {"x": x, "weight": w})


def distances(p, squared=False):
    def f(a, b):
        d = a[:, None, :] - b[None, :, :]
        if squared:
            return (d * d).sum(2)
        return torch.linalg.vector_norm(d, p, dim=2)
    return f


def distances_zero(a, b):
    d = a[:, None, :] - b[None, :, :]
    return sqrt_zero((d * d).sum(2))


for ident, (m, n, d) in {"plain": (3, 2, 3), "pair": (1, 1, 2), "thin": (4, 3, 1),
                         "wide": (2, 2, 19)}.items():
    a = apart(f"distances/{ident}/a", (m, d), gap=0.3)
    b = real(apart(f"distances/{ident}/b", (n, d), gap=0.3) + 0.125)
    for p in (2.0, 1.0, 3.0, 1.5, INF):
        params = {} if p == 2.0 else {"p": p}
        # Between numbers the second derivative is 0, of which rounding leaves something.
        add("distances", f"{ident}_{p:g}", distances(p), {"a": a, "b": b}, params,
            orders=1 if ident == "thin" else 2)
    add("distances", f"{ident}_squared", distances(2, True), {"a": a, "b": b}, {"squared": True})
for ident, (m, n, d) in {"no_rows": (0, 2, 3), "no_columns": (2, 0, 3)}.items():
    add("distances", ident, distances(2), {"a": real(torch.ones(m, d)), "b": real(torch.ones(n, d))})
add("distances", "equal", distances_zero, {"a": real([[1, 2], [3, 4]]), "b": real([[1, 2], [0, 0]])},
    note="gradient 0 at distance 0", smooth=False)
add("distances", "equal_squared", distances(2, True),
    {"a": real([[1, 2], [3, 4]]), "b": real([[1, 2], [0, 0]])}, {"squared": True}, smooth=False)
add("distances", "equal_1", distances(1), {"a": real([[1, 2], [3, 4]]), "b": real([[1, 2], [0, 4]])},
    {"p": 1.0}, smooth=False)
add("distances", "near", distances(2), {"a": real([[10000, 1]]), "b": real([[10000.0078125, 1]])},
    smooth=False, independent=True, orders=1)
add("distances", "far", distances(2), {"a": real([[4e30, 1e30]]), "b": real([[1e30, 5e30]])},
    smooth=False, independent=True, orders=1)


def cosine(axis, eps):
    def f(a, b):
        a, b = torch.broadcast_tensors(a, b)
        dot = (a * b).sum(axis)
        size = sqrt_zero((a * a).sum(axis)) * sqrt_zero((b * b).sum(axis))
        return dot / torch.where(size > eps, size, torch.full((), eps))
    return f


for ident, (sa, sb, axis) in {"rows": ((3, 4), (3, 4), -1), "columns": ((3, 4), (3, 4), 0),
                              "vectors": ((5,), (5,), 0), "pairs": ((3, 1, 4), (1, 2, 4), -1),
                              "one_to_many": ((4,), (3, 4), -1),
                              "one_element": ((2, 1), (2, 3), -1),
                              "no_axis": ((4,), (3, 4), 0), "no_axis_of_one": ((3,), (1, 2, 3), 0),
                              "empty": ((0, 4), (0, 4), 1)}.items():
    params = {} if axis == -1 else {"axis": axis}
    a, b = draw(f"cosine/{ident}/a", sa, -2, 2), draw(f"cosine/{ident}/b", sb, -2, 2)
    # A repeated number has no direction: its gradient is 0, of which floats' rounding leaves too much.
    repeated = ident in ("one_element", "no_axis")
    single = ident == "no_axis_of_one"  # the angle of single numbers: in double, too
    add("cosine_similarity", ident, cosine(axis, 1e-8), {"a": a, "b": b}, params,
        **({"orders": 0} if single else {"float_orders": 0} if repeated else {}))
NOTE = "a.b / max(|a| |b|, eps); PyTorch bounds each length"
add("cosine_similarity", "eps", cosine(-1, 100.0), {"a": real([[1, 2, 3]]), "b": real([[3, -1, 2]])},
    {"eps": 100.0}, note=NOTE)
add("cosine_similarity", "zero", cosine(-1, 0.5), {"a": real([[0, 0], [0, 0]]),
                                                   "b": real([[3, -1], [0, 0]])},
    {"eps": 0.5}, note=NOTE, smooth=False)
add("cosine_similarity", "parallel", cosine(-1, 1e-8), {"a": real([[1, 2], [1, 2]]),
                                                        "b": real([[2, 4], [-2, -4]])}, orders=0)
add("cosine_similarity", "large", cosine(-1, 1e-8), {"a": real([[1e15, 2e15]]), "b": real([[3e15, 1e15]])},
    smooth=False, orders=1)

if __name__ == "__main__":
    cases.write(os.path.join(os.path.dirname(__file__), "ops.json.gz"), "tests/oracle/ops.py")
