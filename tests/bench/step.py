"""The workloads in PyTorch, for bench.c, which starts this and says what to measure (peer.h).

    step.py [--compile] float32|float64 THREADS

Eager with its defaults, or what torch.compile makes of it, where that has something to compile: a
step's loss and optimizer, losses, normalisations and what goes element by element. By hand:

    echo time mlp-10-20-20-1-huber-adam 100 | python3 tests/bench/step.py float32 1
"""
import logging
import sys

import peer

COMPILE = "--compile" in sys.argv
ARGUMENTS = [a for a in sys.argv[1:] if not a.startswith("-")]
THREADS = int(ARGUMENTS[1]) if len(ARGUMENTS) > 1 else 1

try:
    import torch
except ImportError:
    print("missing PyTorch: pip install torch==2.13.0, and PYTHON=python3 names the interpreter "
          "that has it", flush=True)
    sys.exit(0)


def why_not_compiled():
    """None if torch.compile works here."""
    from torch._inductor import exc
    try:
        torch.compile(lambda x: torch.sin(x) + 1)(torch.ones(64))
    except exc.InductorError as problem:
        text = str(problem).strip().splitlines()
        return text[0][:160] if text else "it fails"
    except Exception as problem:
        return f"{type(problem).__name__}, is there a C++ compiler (g++)?"


def main():
    torch.manual_seed(42)
    torch.set_num_threads(THREADS)
    torch.set_default_dtype(getattr(torch, ARGUMENTS[0] if ARGUMENTS else "float32"))
    logging.getLogger("torch").setLevel(logging.ERROR)
    why = why_not_compiled() if COMPILE else None
    if why:
        print("missing torch.compile:", why, flush=True)
        return
    import step_losses
    import step_operations
    import step_trainings
    for part in (step_trainings, step_operations, step_losses):
        part.register(COMPILE)
    if COMPILE:
        peer.serve("torch.compile", forget=torch.compiler.reset)
    else:
        peer.serve(f"PyTorch {torch.__version__.split('+')[0]}")


main()
