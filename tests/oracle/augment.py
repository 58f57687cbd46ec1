"""Expected values of what core/data/augment.h computes once it has drawn: blurred pictures by scipy, and
stretched ones by PyTorch, both in double.

Run from the repository root: python tests/oracle/augment.py. See README.md here.
"""
import os
import sys

import scipy.ndimage
import torch
import torch.nn.functional as F

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cases import Cases, draw  # noqa: E402

cases = Cases()


def blur(ident, shape, sigma):
    def blurred(x):
        deviations = (0, 0, sigma, sigma)
        return torch.as_tensor(scipy.ndimage.gaussian_filter(x.detach().numpy(), deviations))
    cases.add("blur", ident, blurred, {"x": draw("blur/" + ident, shape, -1, 1)}, {"sigma": sigma},
              orders=0)


def stretch(ident, shape, height, width):
    """The whole picture as a box, in another size."""
    cases.add("stretch", ident,
              lambda x: F.interpolate(x.detach(), (height, width), mode="bilinear"),
              {"x": draw("stretch/" + ident, shape, -1, 1)}, {"height": height, "width": width},
              orders=0)


blur("half", (2, 2, 6, 7), 0.5)
blur("one", (2, 1, 9, 8), 1.0)
blur("two", (1, 1, 18, 17), 2.0)
blur("two_and_a_bit", (1, 2, 7, 13), 2.37)
blur("radius_beyond_picture", (2, 1, 5, 3), 1.75)  # 7 pixels
blur("radius_far_beyond_picture", (1, 2, 2, 3), 6.0)  # 24 pixels
blur("least_that_blurs", (1, 1, 4, 5), 0.125)  # 1 pixel
blur("too_little_to_blur", (1, 1, 4, 5), 0.1)  # 0 pixels
blur("none", (1, 1, 4, 5), 0.0)
blur("one_row", (1, 2, 1, 9), 1.5)
blur("one_column", (1, 1, 9, 1), 1.5)
blur("one_pixel", (2, 2, 1, 1), 1.0)

stretch("same", (2, 2, 5, 5), 5, 5)
stretch("double", (1, 2, 4, 4), 8, 8)
stretch("larger", (1, 2, 5, 5), 7, 11)
stretch("smaller", (1, 1, 9, 9), 4, 5)
stretch("wide", (2, 1, 4, 8), 9, 3)
stretch("high", (1, 2, 9, 3), 5, 10)
stretch("one_pixel", (1, 2, 1, 1), 3, 4)
stretch("to_one_pixel", (1, 2, 6, 6), 1, 1)

if __name__ == "__main__":
    cases.write(os.path.join(os.path.dirname(os.path.abspath(__file__)), "augment.json.gz"),
                "tests/oracle/augment.py")
