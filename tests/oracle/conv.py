"""Expected values and derivatives of core/ops/conv.h and pool.h, and the gradient penalty of a critic,
computed by PyTorch in double.

Run from the repository root: python tests/oracle/conv.py. See README.md here.
"""
import math
import os
import sys

import torch
import torch.nn.functional as F

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cases import Cases, apart, draw, real, tensor  # noqa: E402

INF = math.inf
cases = Cases()


def both(options):
    """Options, or one of them, as PyTorch takes them: pairs as tuples, one number for one."""
    if isinstance(options, list):
        return tuple(options) if len(options) > 1 else options[0]
    return {k: both(v) if isinstance(v, list) else v for k, v in options.items()}


def operands(ident, x, weight, bias):
    named = {"x": x, "weight": weight} | ({"bias": bias} if bias else {})
    return {n: draw(f"{ident}/{n}", s, -1, 1) for n, s in named.items()}


def conv(ident, x, weight, bias=True, **options):
    """Options are lists of one number or two; groups is a number."""
    arguments = operands("conv2d/" + ident, x, weight, weight[:1] if bias else None)
    cases.add("conv2d", ident, lambda *t: F.conv2d(*t, **both(options)), arguments, options)


def transposed(ident, x, weight, bias=True, **options):
    channels = (weight[1] * options.get("groups", 1),)
    arguments = operands("conv_transpose2d/" + ident, x, weight, channels if bias else None)
    cases.add("conv_transpose2d", ident, lambda *t: F.conv_transpose2d(*t, **both(options)),
              arguments, options)


conv("plain", (2, 2, 5, 6), (3, 2, 3, 3))
conv("no_bias", (2, 2, 4, 4), (2, 2, 3, 2), bias=False)
conv("one_by_one", (2, 3, 3, 4), (2, 3, 1, 1))
conv("one_by_one_strided", (1, 2, 5, 4), (3, 2, 1, 1), stride=[2])
conv("one_by_one_padded", (1, 2, 3, 2), (2, 2, 1, 1), padding=[1])
conv("one_pixel", (2, 3, 1, 1), (2, 3, 1, 1))
conv("one_pixel_padded", (2, 2, 1, 1), (2, 2, 3, 3), padding=[1])
conv("whole_image", (2, 2, 3, 4), (3, 2, 3, 4))
conv("padding", (1, 2, 4, 5), (2, 2, 3, 3), padding=[1])
conv("padding_pair", (1, 2, 4, 5), (2, 2, 3, 3), padding=[2, 0])
conv("wide_padding", (1, 1, 2, 3), (2, 1, 2, 2), padding=[3, 4])
conv("stride", (2, 2, 7, 6), (2, 2, 3, 3), stride=[2])
conv("stride_pair", (1, 2, 7, 8), (2, 2, 2, 3), stride=[3, 2])
conv("stride_beyond_kernel", (1, 2, 8, 7), (2, 2, 2, 2), stride=[3])
conv("dilation", (1, 2, 7, 6), (2, 2, 3, 2), dilation=[2, 3])
conv("stride_padding_dilation", (2, 2, 7, 9), (2, 2, 3, 3), stride=[2, 3], padding=[2, 1],
     dilation=[1, 2])
conv("groups", (2, 4, 4, 5), (6, 2, 3, 2), groups=2, padding=[1])
conv("depthwise", (2, 3, 5, 4), (6, 1, 3, 3), groups=3, padding=[1], stride=[2, 1])
conv("groups_one_by_one", (2, 4, 3, 3), (4, 2, 1, 1), groups=2)
conv("everything", (2, 4, 9, 7), (4, 2, 3, 2), stride=[2], padding=[1, 2], dilation=[2, 1], groups=2)

transposed("plain", (2, 2, 3, 4), (2, 3, 3, 3))
transposed("no_bias", (2, 2, 4, 3), (2, 2, 2, 3), bias=False)
transposed("one_by_one", (2, 3, 3, 4), (3, 2, 1, 1))
transposed("one_by_one_strided", (1, 2, 3, 2), (2, 3, 1, 1), stride=[2])
transposed("one_pixel", (2, 3, 1, 1), (3, 2, 2, 3))
transposed("padding", (1, 2, 4, 5), (2, 2, 3, 3), padding=[1, 2])
transposed("stride", (2, 2, 3, 3), (2, 2, 3, 3), stride=[2, 3])
transposed("output_padding", (1, 2, 3, 4), (2, 3, 3, 3), stride=[2], padding=[1], output_padding=[1])
transposed("output_padding_pair", (2, 2, 2, 3), (2, 2, 2, 3), stride=[3, 2], output_padding=[2, 0])
transposed("dilation", (1, 2, 3, 4), (2, 2, 3, 2), dilation=[2, 3])
transposed("output_padding_within_dilation", (1, 2, 3, 3), (2, 2, 2, 2), dilation=[3],
           output_padding=[2, 1])
transposed("groups", (2, 4, 3, 2), (4, 3, 2, 3), groups=2, stride=[1, 2])
transposed("everything", (2, 4, 3, 4), (4, 2, 3, 2), stride=[2, 3], padding=[1], output_padding=[1, 2],
           dilation=[1, 2], groups=2)


def max_pool(ident, x, kernel, **options):
    """x is a shape, or the numbers themselves."""
    smooth = isinstance(x, tuple)
    x = apart("max_pool2d/" + ident, x) if smooth else real(x)
    cases.add("max_pool2d", ident, lambda t: F.max_pool2d(t, both(kernel), **both(options)),
              {"x": x}, {"kernel": kernel, **options}, smooth=smooth)


def avg_pool(ident, x, kernel, **options):
    cases.add("avg_pool2d", ident, lambda t: F.avg_pool2d(t, both(kernel), **both(options)),
              {"x": draw("avg_pool2d/" + ident, x, -1, 1)}, {"kernel": kernel, **options})


def upsample(ident, x, scale, mode="nearest", align_corners=False):
    corners = {"align_corners": align_corners} if mode == "bilinear" else {}
    cases.add("upsample2d", ident,
              lambda t: F.interpolate(t, scale_factor=both(scale), mode=mode, **corners),
              {"x": draw("upsample2d/" + ident, x, -1, 1)},
              {"scale": scale, "bilinear": mode == "bilinear", "align_corners": align_corners})


max_pool("plain", (2, 2, 4, 6), [2])
max_pool("odd", (1, 2, 5, 7), [2])
max_pool("rectangle", (1, 2, 5, 6), [3, 2])
max_pool("overlapping", (2, 1, 5, 6), [3], stride=[1, 2])
max_pool("gaps", (1, 2, 7, 8), [2], stride=[3])
max_pool("padding", (1, 2, 4, 5), [3], stride=[2], padding=[1])
max_pool("padding_pair", (1, 2, 4, 5), [3, 4], stride=[2, 1], padding=[0, 2])
max_pool("dilation", (1, 2, 7, 6), [2, 3], stride=[1], dilation=[3, 2])
max_pool("everything", (2, 2, 8, 7), [3, 4], stride=[2, 1], padding=[1, 2], dilation=[1, 2])
max_pool("one_by_one", (2, 2, 3, 2), [1])
max_pool("whole_image", (2, 3, 3, 4), [3, 4])
max_pool("one_pixel", (2, 2, 1, 1), [3], padding=[1])
max_pool("equal_elements", [[[[1., 1, 0, 2], [1, 1, 2, 2], [-1, -1, 0, 0], [-1, -1, 0, 0]]]], [2])
max_pool("infinities", [[[[-INF, -INF, INF, 2], [-INF, -INF, 1, INF]]]], [2])

avg_pool("plain", (2, 2, 4, 6), [2])
avg_pool("odd", (1, 2, 5, 7), [2])
avg_pool("overlapping", (2, 2, 6, 5), [3, 2], stride=[1, 2])
avg_pool("gaps", (1, 2, 7, 8), [2], stride=[3])
avg_pool("padding", (1, 2, 4, 5), [3], stride=[2], padding=[1])
avg_pool("padding_not_counted", (1, 2, 4, 5), [3], stride=[2], padding=[1], count_include_pad=False)
avg_pool("pairs_not_counted", (2, 1, 5, 4), [4, 3], stride=[1, 2], padding=[2, 1],
         count_include_pad=False)
avg_pool("one_by_one", (2, 2, 3, 2), [1])
avg_pool("one_pixel", (2, 2, 1, 1), [3], padding=[1])

for ident, shape in (("plain", (2, 3, 3, 4)), ("one_pixel", (2, 3, 1, 1))):
    cases.add("global_avg_pool2d", ident, lambda t: t.mean((2, 3)),
              {"x": draw("global_avg_pool2d/" + ident, shape, -1, 1)})

upsample("nearest", (2, 2, 3, 4), [2])
upsample("nearest_pair", (1, 2, 3, 2), [3, 1])
upsample("bilinear", (2, 2, 3, 4), [2], "bilinear")
upsample("bilinear_pair", (1, 2, 3, 4), [3, 4], "bilinear")
upsample("bilinear_same", (1, 2, 3, 4), [1], "bilinear")
upsample("bilinear_one_pixel", (2, 2, 1, 1), [3], "bilinear")
upsample("corners", (2, 2, 3, 4), [2], "bilinear", True)
upsample("corners_pair", (1, 2, 4, 3), [3, 5], "bilinear", True)
upsample("corners_one_row", (1, 2, 1, 3), [1, 2], "bilinear", True)


def critic():
    """(N,2,6,7) to (N,1), and mean 10 (||d critic / d x_n|| - 1)^2 at x, with its gradients."""
    shapes = {"0.weight": (4, 2, 3, 3), "0.bias": (4,), "2.weight": (3, 4, 3, 2), "2.bias": (3,),
              "5.weight": (1, 27), "5.bias": (1,)}
    p = {n: draw(f"critic/{n}", s, -0.5, 0.5).requires_grad_() for n, s in shapes.items()}
    x = draw("critic/x", (3, 2, 6, 7), -1, 1).requires_grad_()
    h = F.relu(F.conv2d(x, p["0.weight"], p["0.bias"], stride=2, padding=1))
    h = F.relu(F.conv2d(h, p["2.weight"], p["2.bias"], padding=(1, 0)))
    y = F.linear(h.flatten(1), p["5.weight"], p["5.bias"])
    to_x, = torch.autograd.grad(y.sum(), x, create_graph=True)
    penalty = 10 * ((to_x.flatten(1).norm(dim=1) - 1) ** 2).mean()
    found = torch.autograd.grad(penalty, list(p.values()), allow_unused=True, materialize_grads=True)
    expected = {"y": y, "penalty": penalty} | {"grad " + n: g for n, g in zip(p, found)}
    cases.cases.append({"op": "critic", "id": "penalty",
                        "in": [tensor(n, t) for n, t in ({"x": x} | p).items()],
                        "expected": [tensor(n, t) for n, t in expected.items()]})


if __name__ == "__main__":
    critic()
    cases.write(os.path.join(os.path.dirname(os.path.abspath(__file__)), "conv.json.gz"),
                "tests/oracle/conv.py")
