"""The workloads in JAX, for bench.c, which starts this and says what to measure (peer.h):
trainings, products and what has a natural counterpart in jax.numpy and Optax, each step compiled
by jit.

    jax_step.py float32|float64 THREADS

XLA takes as many threads as it may use processors, so that this process binds itself to THREADS of
them.
"""
import os
import sys

import peer

ARGUMENTS = sys.argv[1:]
THREADS = int(ARGUMENTS[1]) if len(ARGUMENTS) > 1 else 1
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-THREADS:])

try:
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    import jax
    import optax
except ImportError:
    print("missing JAX: pip install jax optax, and PYTHON=python3 names the interpreter that has "
          "them", flush=True)
    sys.exit(0)


def main():
    jax.config.update("jax_enable_x64", bool(ARGUMENTS) and ARGUMENTS[0] == "float64")
    import jax_operations
    import jax_trainings
    jax_trainings.register()
    jax_operations.register()
    peer.serve(f"JAX {jax.__version__}")


main()
