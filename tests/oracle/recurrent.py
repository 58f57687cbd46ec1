"""Expected values and derivatives of nn/recurrent.h: PyTorch's RNN, LSTM and GRU in double.

A case's value is the output, then the final states, all in one row. Its operands are x, h0 and c0
as far as they are given, and the parameters.

Run from the repository root: python tests/oracle/recurrent.py. See README.md here.
"""
import os
import sys

import torch
from torch.func import functional_call
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cases import Cases, draw  # noqa: E402

CELLS = {"rnn": (torch.nn.RNN, {}), "rnn_relu": (torch.nn.RNN, {"nonlinearity": "relu"}),
         "lstm": (torch.nn.LSTM, {}), "gru": (torch.nn.GRU, {})}
cases = Cases()


class Packed(torch.nn.Module):
    """The module on a packed sequence; the output is padded with zeros again."""

    def __init__(self, module, lengths):
        super().__init__()
        self.module, self.lengths = module, torch.tensor(lengths)

    def forward(self, x, state):
        first, steps = self.module.batch_first, x.shape[self.module.batch_first]
        packed = pack_padded_sequence(x, self.lengths, batch_first=first, enforce_sorted=False)
        y, last = self.module(packed, state)
        return pad_packed_sequence(y, batch_first=first, total_length=steps)[0], last


def add(cell, ident, steps=4, samples=2, n_in=2, hidden=3, state=True, lengths=None, size=1.0,
        one=False, **options):
    """state: whether h0 (and c0) are given; one: a sequence without the dimension of samples."""
    kind, more = CELLS[cell]
    module = kind(n_in, hidden, **options, **more)
    rows = options.get("num_layers", 1) * (2 if options.get("bidirectional") else 1)
    shape = (samples, steps, n_in) if options.get("batch_first") else (steps, samples, n_in)
    states = (rows, samples, hidden)
    if one:
        shape, states = (steps, n_in), (rows, hidden)
    operands = {"x": shape}
    if state:
        operands |= {"h0": states} | ({"c0": states} if cell == "lstm" else {})
    given = len(operands)
    operands |= {n: tuple(p.shape) for n, p in module.named_parameters()}
    operands = {n: draw(f"recurrent/{cell}/{ident}/{n}", s, -1, 1) for n, s in operands.items()}
    operands["x"] = operands["x"] * size
    names = list(operands)[given:]
    net = module if lengths is None else Packed(module, lengths)
    prefix = "" if lengths is None else "module."

    def function(x, *rest):
        start = rest[:given - 1]
        start = None if not start else start[0] if len(start) == 1 else tuple(start)
        parameters = {prefix + n: p for n, p in zip(names, rest[given - 1:])}
        y, last = functional_call(net, parameters, (x, start))
        last = last if isinstance(last, tuple) else (last,)
        return torch.cat([t.reshape(-1) for t in (y, *last)])

    params = {"in": n_in, "hidden": hidden, "layers": options.get("num_layers", 1)}
    params |= {n: True for n in ("bidirectional", "batch_first") if options.get(n)}
    params |= {} if options.get("bias", True) else {"no_bias": True}
    params |= {} if lengths is None else {"lengths": lengths}
    cases.add(cell, ident, function, operands, params)


for name in CELLS:
    add(name, "plain")
    add(name, "zero_state", state=False)
    add(name, "no_bias", bias=False)
    add(name, "batch_first", samples=3, batch_first=True)
    add(name, "one_step", steps=1)
    add(name, "one_sample", samples=1)
    add(name, "one_number", n_in=1, hidden=1, samples=1)
    add(name, "one_sequence", one=True)
    add(name, "bidirectional", bidirectional=True)
    add(name, "two_layers", num_layers=2)
    add(name, "three_layers_of_one_sequence", num_layers=3, bidirectional=True, one=True, hidden=2)
    add(name, "two_layers_bidirectional", num_layers=2, bidirectional=True)
    add(name, "two_layers_bidirectional_batch_first", num_layers=2, bidirectional=True,
        batch_first=True, bias=False, state=False)
    add(name, "lengths", samples=3, lengths=[2, 4, 1])
    add(name, "lengths_bidirectional", samples=3, lengths=[3, 1, 4], bidirectional=True)
    add(name, "lengths_two_layers_bidirectional", samples=3, lengths=[1, 3, 2], bidirectional=True,
        num_layers=2, batch_first=True)
    add(name, "saturated", size=100.0)
    add(name, "saturated_bidirectional", size=100.0, bidirectional=True, state=False)

if __name__ == "__main__":
    cases.write(os.path.join(os.path.dirname(os.path.abspath(__file__)), "recurrent.json.gz"),
                "tests/oracle/recurrent.py")
