"""What peers in Python share: workloads by name, and the conversation with the bench (peer.h)."""
import sys
import time

WORKLOADS = {}


def workload(name):
    """Registers a function that sets up and returns one step."""
    def register(setup):
        WORKLOADS[name] = setup
        return setup
    return register


class Training:
    """A step that can be called, and what decides its loss: `parameters` and `batch` are lists of
    (shape, set) with a function that takes an array; `loss()` is that of the last step."""

    def __init__(self, step, parameters, batch, loss):
        self.step, self.parameters, self.batch, self.loss = step, parameters, batch, loss

    def __call__(self):
        self.step()


def spread_numbers(shape, k):
    """Numbers from -1/2 to 1/2, the same in measure.c."""
    import numpy as np
    i = np.arange(np.prod(shape, dtype=np.int64), dtype=np.uint64)
    bits = (i * np.uint64(2654435761) + np.uint64(k * 40503 + 12345)) & np.uint64(0xFFFFFFFF)
    return (bits.astype(np.float64) / 4294967296 - 0.5).reshape(shape)


def fill(training):
    """As fill in measure.c."""
    for k, (shape, put) in enumerate(training.parameters):
        if len(shape) < 2:
            put(0.5 + 0.1 * spread_numbers(shape, k))
            continue
        fan_in = 1
        for n in shape[1:]:
            fan_in *= n
        put(2 / fan_in ** 0.5 * spread_numbers(shape, k))
    for k, (shape, put) in enumerate(training.batch):
        put(0.5 + spread_numbers(shape, 100 + k))


def losses(training, steps):
    fill(training)
    training()
    first = float(training.loss())
    for _ in range(steps - 1):
        training()
    return f"{first!r} {float(training.loss())!r}"


def microseconds(step, milliseconds):
    """Average of a step over about so long."""
    step()  # what others have put out of the caches comes back
    steps = 1
    while True:
        begin = time.perf_counter()
        for _ in range(steps):
            step()
        took = time.perf_counter() - begin
        if took * 1e3 > milliseconds * 0.7:
            return took / steps * 1e6
        steps = max(steps + 1, int(steps * milliseconds / max(took * 1e3, 0.01)))


def answer(verb, step, number):
    if verb == "time":
        return repr(microseconds(step, number))
    if verb == "losses":
        return losses(step, int(number)) if isinstance(step, Training) else "unknown"
    for _ in range(int(number)):
        step()
    return "done"


def serve(name, forget=lambda: None):
    """Answers until there are no more lines. Holds one workload at a time; forget() drops what is
    kept of the one before."""
    print("ready", name, flush=True)
    current = step = None
    for line in sys.stdin:
        verb, wanted, number = line.split()
        try:
            if verb != "time" or wanted != current:
                step = None
                forget()
                step = WORKLOADS[wanted]() if wanted in WORKLOADS else None
                current = wanted
                for _ in range(10 if step and verb == "time" else 0):
                    step()
            said = answer(verb, step, float(number)) if step else "unknown"
        except Exception as problem:  # a workload that it can't do is one that it doesn't know
            text = str(problem).strip() or type(problem).__name__
            print(f"{name} can't do {wanted}: {text.splitlines()[0][:200]}", file=sys.stderr)
            said, step, current = "unknown", None, wanted
        print(said, flush=True)
