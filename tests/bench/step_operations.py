"""Single operations in PyTorch: those of operations.c."""
import torch
import torch.nn.functional as F

from peer import workload


def plain(name, setup, compiled):
    """Without gradient; setup returns a function and its operands."""
    def start():
        f, *operands = setup()
        f = torch.compile(f) if compiled else f

        def step():
            with torch.no_grad():
                f(*operands)
        return step
    workload(name)(start)


def with_gradient(name, f, operands, compiled):
    """Values of f and the gradients of all operands, which operands() makes."""
    def start():
        leaves = [t.requires_grad_() for t in operands()]
        g = torch.compile(f) if compiled else f
        v = torch.randn_like(g(*leaves))
        return lambda: torch.autograd.grad(g(*leaves), leaves, v)
    workload(name)(start)


# -- Products, which torch.compile leaves to the same kernels --

def matmul(name, m, k, n, a_transposed, b_transposed):
    @workload(f"matmul-{name}-{'nt'[a_transposed]}{'nt'[b_transposed]}")
    def start():
        a = torch.randn(k, m).T if a_transposed else torch.randn(m, k)
        b = torch.randn(n, k).T if b_transposed else torch.randn(k, n)
        return lambda: torch.mm(a, b)


def products():
    shapes = [(str(n), n, n, n) for n in (16, 32, 64, 128, 256, 512, 1024)]
    shapes += [("x".join(map(str, s)), *s)
               for s in ((64, 784, 128), (128, 784, 512), (128, 512, 512))]
    for shape in shapes:
        for a in (False, True):
            for b in (False, True):
                matmul(*shape, a, b)


def convolution(into, out, side):
    name = f"conv2d-{into}-{out}"

    def operands():
        return (torch.randn(64, into, side, side), torch.randn(out, into, 3, 3),
                torch.randn(64, out, side, side))

    def backward(to_input):
        def start():
            x, w, grad = operands()
            mask = (to_input, not to_input, False)
            return lambda: torch.ops.aten.convolution_backward(
                grad, x, w, None, (1, 1), (1, 1), (1, 1), False, (0, 0), 1, mask)
        return start
    plain(name + "-forward",
          lambda: (lambda x, w: F.conv2d(x, w, padding=1), *operands()[:2]), False)
    workload(name + "-to-input")(backward(True))
    workload(name + "-to-weights")(backward(False))


# -- The others --

def rows():
    return (torch.randn(4096, 256),)


def images():
    return (torch.randn(64, 16, 28, 28),)


def normalised(shape):
    return lambda: (torch.randn(shape), torch.ones(shape[1]), torch.zeros(shape[1]))


def batch_norm(x, w, b):
    return F.batch_norm(x, None, None, w, b, training=True)


def layer_norm(x, w, b):
    return F.layer_norm(x, (256,), w, b)


def element_by_element(compiled):
    with_gradient("max_pool2d-64x16x28x28", lambda x: F.max_pool2d(x, 2), images, compiled)
    with_gradient("relu-64x16x28x28", F.relu, images, compiled)
    with_gradient("softmax-4096x256", lambda x: F.softmax(x, 1), rows, compiled)
    with_gradient("layer_norm-4096x256", layer_norm, normalised((4096, 256)), compiled)
    with_gradient("batch_norm-4096x256", batch_norm, normalised((4096, 256)), compiled)
    with_gradient("batch_norm-64x16x28x28", batch_norm, normalised((64, 16, 28, 28)), compiled)
    for axis in range(3):
        plain(f"sum-64x128x128-axis-{axis}",
              lambda axis=axis: (lambda x: x.sum(axis), torch.randn(64, 128, 128)), compiled)
    plain("sum-512x16x7x7-channels",
          lambda: (lambda x: x.sum((0, 2, 3)), torch.randn(512, 16, 7, 7)), compiled)
    plain("transpose-1024x1024",
          lambda: (lambda x: x.T.contiguous(), torch.randn(1024, 1024)), compiled)
    plain("add-1024x1024-row",
          lambda: (lambda x, y: x + y, torch.randn(1024, 1024), torch.randn(1024)), compiled)
    plain("add-1024x1024-column",
          lambda: (lambda x, y: x + y, torch.randn(1024, 1024), torch.randn(1024, 1)), compiled)


def optimizer(name, make, compiled):
    @workload(f"{name}-1M")
    def start():
        p = torch.zeros(1000000, requires_grad=True)
        p.grad = torch.randn(1000000) * 1e-3
        o = make([p])
        return torch.compile(o.step) if compiled else o.step


def register(compiled):
    if not compiled:
        products()
        convolution(1, 16, 28)
        convolution(16, 32, 14)
    element_by_element(compiled)
    optimizer("sgd", lambda p: torch.optim.SGD(p, lr=1e-3), compiled)
    optimizer("momentum", lambda p: torch.optim.SGD(p, lr=1e-3, momentum=0.9), compiled)
    optimizer("adam", torch.optim.Adam, compiled)
    optimizer("adamw", torch.optim.AdamW, compiled)
    optimizer("rmsprop", torch.optim.RMSprop, compiled)
    optimizer("adagrad", torch.optim.Adagrad, compiled)
