"""Small files in each format that core/data reads, written by Pillow and NumPy into tests/data, and what
they hold, as Pillow and NumPy read them: files.json.gz.

Run from the repository root: python tests/oracle/files.py. See README.md here.
"""
import gzip
import json
import os
import struct
import sys

import numpy as np
import torch
from PIL import Image

sys.path.insert(0, os.path.dirname(__file__))
from cases import number, tensor  # noqa: E402

DATA = os.path.join(os.path.dirname(__file__), "..", "data")
HEIGHT, WIDTH = 5, 7
LUMA = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601
cases = []


def case(op, name, array, **params):
    x = torch.tensor(np.array(array), dtype=torch.float64)
    params = {k: number(v) for k, v in params.items()}
    cases.append({"op": op, "id": name, "params": params, "expected": [tensor("x", x)]})


def path(name):
    return os.path.join(DATA, name)


# -- Pictures --

def planes(array):
    """(H,W) or (H,W,C) to (C,H,W)"""
    return array[None] if array.ndim == 2 else array.transpose(2, 0, 1)


def picture(name, image, as_mode=None, tolerance=0.0, **options):
    """Writes it; expects what Pillow reads, in the mode that stb_image would decode it to."""
    image.save(path(name), **options)
    read = Image.open(path(name))
    largest = 65535 if read.mode.startswith("I") else 255
    array = np.asarray(read.convert(as_mode) if as_mode else read, dtype=np.float64)
    params = {"tolerance": tolerance} if tolerance else {}
    case("image", name, planes(array) / largest, **params)


def noise(channels, bits=8):
    random = np.random.default_rng(channels)
    shape = (HEIGHT, WIDTH) + ((channels,) if channels > 1 else ())
    return random.integers(0, 2**bits, shape).astype(np.uint16 if bits > 8 else np.uint8)


def gradient(height, width):
    """Smooth, since JPEG changes what is not."""
    y, x = np.mgrid[:height, :width]
    return np.stack([8 * x + 20, 6 * y + 60, 200 - 4 * x - 3 * y], -1).astype(np.uint8)


def lossless():
    grey, pair, rgb, rgba = (noise(c) for c in (1, 2, 3, 4))
    picture("grey.png", Image.fromarray(grey))
    picture("grey-alpha.png", Image.fromarray(pair, "LA"))
    picture("rgb.png", Image.fromarray(rgb))
    picture("rgba.png", Image.fromarray(rgba))
    picture("palette.png", Image.fromarray(rgb).quantize(16), "RGB")
    picture("bits.png", Image.fromarray(grey > 127), "L")
    picture("grey16.png", Image.fromarray(noise(1, 16)))
    picture("rgb.bmp", Image.fromarray(rgb))
    Image.fromarray(rgba).save(path("rgba.bmp"))
    case("image", "rgba.bmp", planes(rgba) / 255)  # Pillow does not read back the alpha it wrote
    picture("grey.bmp", Image.fromarray(grey), "RGB")
    picture("rgb.tga", Image.fromarray(rgb))
    picture("rgba-rle.tga", Image.fromarray(np.repeat(rgba[:, :3], 3, 1)), compression="tga_rle")
    picture("grey.pgm", Image.fromarray(grey))
    picture("rgb.ppm", Image.fromarray(rgb))
    picture("palette.gif", Image.fromarray(rgb).quantize(16), "RGBA")


def pnm_of_other_maxima():
    sixteen, hundred = noise(1, 16), noise(3) % 101
    with open(path("grey16.pgm"), "wb") as f:
        f.write(b"P5 # a comment\n%d %d\n65535\n" % (WIDTH, HEIGHT) + sixteen.astype(">u2").tobytes())
    case("image", "grey16.pgm", planes(sixteen) / 65535.0)
    with open(path("maximum100.ppm"), "wb") as f:
        f.write(b"P6\n%d %d 100\n" % (WIDTH, HEIGHT) + hundred.tobytes())
    case("image", "maximum100.ppm", planes(hundred) / 100.0)


def lossy():
    smooth = Image.fromarray(gradient(20, 17))
    picture("rgb.jpg", smooth, tolerance=3 / 255, quality=95, subsampling=0)
    picture("subsampled.jpg", smooth, tolerance=6 / 255, quality=95, subsampling=2)
    picture("progressive.jpg", smooth, tolerance=3 / 255, quality=95, subsampling=0, progressive=True)
    picture("grey.jpg", smooth.convert("L"), tolerance=2 / 255, quality=95)


def read_with(name, channels, array):
    case("image", name, array, channels=channels)


def channels():
    grey, pair, rgb, rgba = (planes(noise(c)) / 255 for c in (1, 2, 3, 4))
    ones = np.ones((1, HEIGHT, WIDTH))
    read_with("grey.png", 3, np.repeat(grey, 3, 0))
    read_with("grey.png", 4, np.concatenate([np.repeat(grey, 3, 0), ones]))
    read_with("grey.png", 2, np.concatenate([grey, ones]))
    read_with("grey-alpha.png", 1, pair[:1])
    read_with("grey-alpha.png", 3, np.repeat(pair[:1], 3, 0))
    read_with("grey-alpha.png", 4, np.concatenate([np.repeat(pair[:1], 3, 0), pair[1:]]))
    read_with("rgb.png", 1, np.tensordot(LUMA, rgb, 1)[None])
    read_with("rgb.png", 2, np.concatenate([np.tensordot(LUMA, rgb, 1)[None], ones]))
    read_with("rgb.png", 4, np.concatenate([rgb, ones]))
    read_with("rgba.png", 1, np.tensordot(LUMA, rgba[:3], 1)[None])
    read_with("rgba.png", 2, np.stack([np.tensordot(LUMA, rgba[:3], 1), rgba[3]]))
    read_with("rgba.png", 3, rgba[:3])


def resized_side(x, size):
    """The last dimension to `size`: PyTorch's interpolation where it grows; where it shrinks, means
    over areas as differences of the integral."""
    n = x.shape[-1]
    if size >= n:
        flat = torch.tensor(x.reshape(1, -1, n))
        y = torch.nn.functional.interpolate(flat, size=size, mode="linear", align_corners=False)
        return y.numpy().reshape(x.shape[:-1] + (size,))
    integral = np.concatenate([np.zeros(x.shape[:-1] + (1,)), np.cumsum(x, -1)], -1)
    bounds = np.arange(size + 1) * n / size
    at_bounds = np.apply_along_axis(lambda row: np.interp(bounds, np.arange(n + 1), row), -1, integral)
    return np.diff(at_bounds) * size / n


def resized(x, height, width):
    across = resized_side(x, width)
    return resized_side(across.swapaxes(-1, -2), height).swapaxes(-1, -2)


def sizes():
    rgb = planes(noise(3)) / 255
    whole = torch.nn.functional.interpolate(torch.tensor(rgb)[None], size=(11, 10), mode="bilinear",
                                            align_corners=False)[0].numpy()
    assert np.allclose(whole, resized(rgb, 11, 10), atol=1e-14)
    for height, width in [(11, 10), (3, 4), (2, 3), (1, 1), (9, 3), (4, 20), (5, 14), (10, 7), (1, 30)]:
        case("image", "rgb.png", resized(rgb, height, width), height=height, width=width)
    case("image", "rgb.png", resized(rgb, HEIGHT, 3), width=3)
    case("image", "rgb.png", resized(rgb, 8, WIDTH), height=8)


# -- IDX --

def idx(name, code, array, pack=lambda b: b):
    header = struct.pack(">BBBB", 0, 0, code, array.ndim) + struct.pack(f">{array.ndim}I", *array.shape)
    with open(path(name), "wb") as f:
        f.write(pack(header + array.astype(array.dtype.newbyteorder(">")).tobytes()))
    case("idx", name, array.astype(np.float64))
    case("idx", name, array.astype(np.float64) / 255, divisor=255.0)


def two_members(data):
    half = len(data) // 2
    return gzip.compress(data[:half], mtime=0) + gzip.compress(data[half:], mtime=0)


def idx_files():
    random = np.random.default_rng(7)
    integers = {"ubyte": (0x08, np.uint8), "byte": (0x09, np.int8), "short": (0x0B, np.int16),
                "int": (0x0C, np.int32)}
    for name, (code, dtype) in integers.items():
        ends = np.iinfo(dtype)
        array = random.integers(ends.min, ends.max, (2, 3, 4), dtype=dtype, endpoint=True)
        array[0, 0, 0], array[1, 2, 3] = ends.min, ends.max
        idx(f"{name}.idx", code, array)
    idx("float.idx", 0x0D, random.normal(size=(3, 2)).astype(np.float32))
    idx("double.idx", 0x0E, np.array([0.5, -1e30, 2.0**-100, -0.0, np.inf, np.nan]))
    array = random.integers(0, 256, (6, 5), dtype=np.uint8)
    idx("ubyte.idx.gz", 0x08, array, lambda b: gzip.compress(b, mtime=0))
    idx("members.idx.gz", 0x08, array, two_members)
    idx("six.idx", 0x08, array.reshape(1, 2, 3, 1, 5, 1))
    idx("empty.idx", 0x08, np.zeros((0, 28, 28), np.uint8))
    idx("scalar.idx", 0x0C, np.array(-5, np.int32))


os.makedirs(DATA, exist_ok=True)
lossless()
pnm_of_other_maxima()
lossy()
channels()
sizes()
idx_files()
target = os.path.join(os.path.dirname(__file__), "files.json.gz")
lines = ",\n".join(json.dumps(c, separators=(",", ":")) for c in cases)
with open(target, "wb") as f:
    head = '{"generator": "files.py", "cases": [\n'
    f.write(gzip.compress((head + lines + "\n]}\n").encode(), 9, mtime=0))
print(f"{target}: {len(cases)} cases")
