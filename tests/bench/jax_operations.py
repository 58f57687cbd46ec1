"""Operations and losses in JAX, as far as they are one line there: some of operations.c and of
losses.c."""
import jax
import jax.numpy as jnp
import optax

from jax_trainings import batch_norm, classes, cross_entropy, normal, nt_xent
from peer import workload

MILLION = 1000000


def coins(k, shape, p=0.5):
    return jax.random.bernoulli(jax.random.key(k), p, shape).astype(jnp.zeros(0).dtype)


def plain(name, f, operands):
    """operands() makes what the compiled f gets."""
    @workload(name)
    def start():
        g, given = jax.jit(f), operands()
        return lambda: jax.block_until_ready(g(*given))


def with_gradient(name, f, operands):
    """Values of f and the gradients of all operands."""
    def both(v, *operands):
        y, back = jax.vjp(f, *operands)
        return y, back(v)

    def start():
        given = operands()
        return (normal(9, jax.eval_shape(f, *given).shape), *given)
    plain(name, both, start)


def loss(name, f, operands):
    """The value and the gradient of the first operand."""
    plain(name, jax.value_and_grad(f), operands)


def products():
    shapes = [(str(n), n, n, n) for n in (16, 32, 64, 128, 256, 512, 1024)]
    shapes += [("x".join(map(str, s)), *s)
               for s in ((64, 784, 128), (128, 784, 512), (128, 512, 512))]

    def product(name, m, k, n, a, b):
        plain(f"matmul-{name}-{'nt'[a]}{'nt'[b]}",
              lambda x, y: (x.T if a else x) @ (y.T if b else y),
              lambda: (normal(1, (k, m) if a else (m, k)), normal(2, (n, k) if b else (k, n))))
    for shape in shapes:
        for a in (0, 1):
            for b in (0, 1):
                product(*shape, a, b)


def layer_norm(x, w, b, eps=1e-5):
    mean, var = x.mean(1, keepdims=True), x.var(1, keepdims=True)
    return (x - mean) * jax.lax.rsqrt(var + eps) * w + b


def operations():
    rows, images = (4096, 256), (64, 16, 28, 28)

    def normalised(shape):
        return lambda: (normal(1, shape), jnp.ones(shape[1]), jnp.zeros(shape[1]))
    with_gradient("relu-64x16x28x28", jax.nn.relu, lambda: (normal(1, images),))
    with_gradient("softmax-4096x256", jax.nn.softmax, lambda: (normal(1, rows),))
    with_gradient("layer_norm-4096x256", layer_norm, normalised(rows))
    with_gradient("batch_norm-4096x256", batch_norm, normalised(rows))
    with_gradient("batch_norm-64x16x28x28", batch_norm, normalised(images))
    for axis in range(3):
        plain(f"sum-64x128x128-axis-{axis}", lambda x, axis=axis: x.sum(axis),
              lambda: (normal(1, (64, 128, 128)),))
    plain("sum-512x16x7x7-channels", lambda x: x.sum((0, 2, 3)),
          lambda: (normal(1, (512, 16, 7, 7)),))
    plain("transpose-1024x1024", jnp.transpose, lambda: (normal(1, (1024, 1024)),))
    plain("add-1024x1024-row", jnp.add, lambda: (normal(1, (1024, 1024)), normal(2, (1024,))))
    plain("add-1024x1024-column", jnp.add,
          lambda: (normal(1, (1024, 1024)), normal(2, (1024, 1))))


def bce(p, y):
    return -(y * jnp.maximum(jnp.log(p), -100)
             + (1 - y) * jnp.maximum(jnp.log1p(-p), -100)).mean()


def dice(p, t):
    both, total = (p * t).sum((2, 3)), p.sum((2, 3)) + t.sum((2, 3))
    return (1 - (2 * both + 1) / (total + 1)).mean()


def losses():
    n = (MILLION,)

    def pair():
        return normal(1, n), normal(2, n)

    def signed():
        return normal(1, n), 2 * coins(2, n) - 1
    loss("mse-1M", lambda x, y: ((x - y) ** 2).mean(), pair)
    loss("l1-1M", lambda x, y: jnp.abs(x - y).mean(), pair)
    for name in ("huber-1M", "smooth_l1-1M"):
        loss(name, lambda x, y: optax.huber_loss(x, y, delta=1.0).mean(), pair)
    loss("bce-1M", bce,
         lambda: (0.01 + 0.98 * jax.random.uniform(jax.random.key(1), n), coins(2, n)))
    loss("bce_with_logits-1M", lambda x, y: optax.sigmoid_binary_cross_entropy(x, y).mean(),
         lambda: (normal(1, n), coins(2, n)))
    loss("focal-1M",
         lambda x, y: optax.sigmoid_focal_loss(x, y, alpha=0.25, gamma=2.0).mean(),
         lambda: (normal(1, n), coins(2, n)))
    loss("hinge-1M", lambda s, y: jnp.maximum(0, 1 - y * s).mean(), signed)
    loss("soft_margin-1M", lambda s, y: jnp.logaddexp(0, -y * s).mean(), signed)
    loss("cross_entropy-4096x1000", cross_entropy,
         lambda: (normal(1, (4096, 1000)), classes((4096,), 1000)))
    masks = (16, 4, 128, 128)
    loss("dice-16x4x128x128", dice,
         lambda: (jax.random.uniform(jax.random.key(1), masks), coins(2, masks, 0.3)))
    loss("nt_xent-512x128", lambda x: nt_xent(x, 0.5), lambda: (normal(1, (512, 128)),))


def register():
    products()
    operations()
    losses()
