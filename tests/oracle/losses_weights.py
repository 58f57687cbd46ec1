"""Cases of losses/class_weights.h. See loss_cases.py.

inverse_frequency_weights is compared with scikit-learn's "balanced" class weights' formula,
class_balanced_weights is equation 2 of Cui et al., CVPR 2019, as in the authors' code. The latter
add up to C whatever the counts, so that the gradient of their sum is 0: values alone are compared."""
import os
import sys

import numpy as np

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from loss_cases import add_case, add_error, main  # noqa: E402


def inverse_frequency_weights(counts):
    counts = counts.double()
    return counts.sum() / (len(counts) * counts)


def class_balanced_weights(counts, beta=0.999):
    weights = (1 - beta) / (1 - beta ** counts.double())
    return weights / weights.sum() * len(counts)


def cases(rng):
    lists = ([100, 900], [1], [7, 7, 7], [1, 10, 1000, 100000], [0.5, 2.5, 3], [1, 1e9], [1e30, 3e30])
    for counts in lists:
        counts = np.array(counts, dtype=float)
        add_case("inverse_frequency_weights", {"counts": counts}, {}, None, inverse_frequency_weights,
                 float_orders=2 if counts.max() < 1e5 else 0)
        for beta in (0, 0.5, 0.9, 0.999, 0.9999):
            add_case("class_balanced_weights", {"counts": counts}, {"beta": beta}, None,
                     class_balanced_weights, orders=0)
        add_case("class_balanced_weights", {"counts": counts}, {}, None, class_balanced_weights,
                 orders=0)
    whole = np.array([100, 900, 3])
    add_case("inverse_frequency_weights", {"counts": whole}, {}, None, inverse_frequency_weights,
             orders=0)
    add_case("class_balanced_weights", {"counts": whole}, {}, None, class_balanced_weights, orders=0)
    for name in ("inverse_frequency_weights", "class_balanced_weights"):
        for bad in (0, -3, float("nan"), float("inf")):
            add_error(name, {"counts": [5, bad, 2.0]}, {}, None, ["counts (3)", "%g" % bad, "class 1"])
        add_error(name, {"counts": np.array([5, 0])}, {}, None, ["counts (2)", "class 1"])
        add_error(name, {"counts": np.ones((2, 2))}, {}, None, ["counts (2,2)"])
        add_error(name, {"counts": np.ones(0)}, {}, None, ["counts (0)"])
    for beta in (1, -0.1, 2):
        add_error("class_balanced_weights", {"counts": [1.0, 2]}, {"beta": beta}, None, ["beta"])


if __name__ == "__main__":
    main("weights", cases)
