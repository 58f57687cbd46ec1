"""Cases of losses/regression.h. See loss_cases.py."""
import math
import os
import sys

import numpy as np
import torch
import torch.nn.functional as F

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from loss_cases import FLOAT_MAX, REDUCTIONS, add_case, add_error, elementwise, main  # noqa: E402


@elementwise
def mse(pred, target):
    return (pred - target) ** 2


if __name__ == "__main__":
    main("regression", lambda rng: add_case("mse", {"pred": rng.normal(size=(3, 4)), "target": rng.normal(size=4)}, reference=mse))
