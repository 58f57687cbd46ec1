"""Training steps in JAX: those of trainings.c. Parameters are a flat list in PyTorch's order and
layouts, so that the same numbers can be put into both."""
import jax
import jax.numpy as jnp
import optax

from peer import Training, workload

REAL = jnp.zeros(0).dtype


def normal(k, shape):
    return jax.random.normal(jax.random.key(k), shape)


def classes(shape, count):
    """0 ... count - 1, as in measure.c."""
    n = 1
    for s in shape:
        n *= s
    i = jnp.arange(n)
    return ((7 * i + i // count) % count).reshape(shape)


# -- Layers, of weight (out,in) or (out,in,kh,kw) and bias --

def linear(x, w, b):
    return x @ w.T + b


def conv(x, w, b=None, stride=1, padding=0):
    y = jax.lax.conv_general_dilated(x, w, (stride, stride), [(padding, padding)] * 2,
                                     dimension_numbers=("NCHW", "OIHW", "NCHW"))
    return y if b is None else y + b[:, None, None]


def max_pool(x):
    return jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID")


def batch_norm(x, w, b, eps=1e-5):
    axes = (0,) + tuple(range(2, x.ndim))
    shape = (-1,) + (1,) * (x.ndim - 2)
    mean, var = x.mean(axes, keepdims=True), x.var(axes, keepdims=True)
    return (x - mean) * jax.lax.rsqrt(var + eps) * w.reshape(shape) + b.reshape(shape)


def cross_entropy(logits, y):
    return optax.softmax_cross_entropy_with_integer_labels(logits, y).mean()


def leaky(x):
    return jax.nn.leaky_relu(x, 0.2)


def linear_shapes(*sizes):
    return [s for i, o in zip(sizes, sizes[1:]) for s in ((o, i), (o,))]


def dense(p, x, activation=jax.nn.relu):
    """Layers p = w0, b0, w1, b1, ... with the activation between them."""
    for k in range(0, len(p), 2):
        x = linear(x, p[k], p[k + 1])
        if k + 2 < len(p):
            x = activation(x)
    return x


# -- Trainings --

class State:
    """What a step works on; arrays can be replaced before the first step."""

    def __init__(self, shapes, batch):
        self.parameters = [0.05 * normal(k, s) for k, s in enumerate(shapes)]
        self.batch = list(batch)
        self.key = jax.random.key(42)
        self.last = None
        self.rest = None  # of the optimizers

    def settable(self, of, wanted=lambda a: True):
        def put_into(k):
            def put(array):
                of[k] = jnp.asarray(array, REAL)
            return put
        return [(a.shape, put_into(k)) for k, a in enumerate(of) if wanted(a)]

    def training(self, step):
        real = self.settable(self.batch, lambda a: jnp.issubdtype(a.dtype, jnp.floating))
        return Training(step, self.settable(self.parameters), real, lambda: self.last)


def simple(shapes, batch, loss):
    """loss(parameters, batch, key); Adam."""
    state, adam = State(shapes, batch), optax.adam(1e-3)
    state.rest = adam.init(state.parameters)

    @jax.jit
    def update(p, rest, batch, key):
        key, mine = jax.random.split(key)
        value, grads = jax.value_and_grad(loss)(p, batch, mine)
        changes, rest = adam.update(grads, rest, p)
        return optax.apply_updates(p, changes), rest, key, value

    def step():
        state.parameters, state.rest, state.key, state.last = update(
            state.parameters, state.rest, state.batch, state.key)
        state.last.block_until_ready()
    return state.training(step)


def mlp():
    def loss(p, batch, key):
        return optax.huber_loss(dense(p, batch[0]), batch[1], delta=1.0).mean()
    return simple(linear_shapes(10, 20, 20, 1), (normal(1, (32, 10)), normal(2, (32, 1))), loss)


def classifier(rows, *sizes):
    def loss(p, batch, key):
        return cross_entropy(dense(p, batch[0]), batch[1])
    return simple(linear_shapes(*sizes), (normal(1, (rows, 784)), classes((rows,), 10)), loss)


def cnn(c):
    def loss(p, batch, key):
        x = max_pool(jax.nn.relu(conv(batch[0], p[0], p[1], padding=1)))
        x = max_pool(jax.nn.relu(conv(x, p[2], p[3], padding=1)))
        return cross_entropy(linear(x.reshape(len(x), -1), p[4], p[5]), batch[1])
    shapes = [(c, 1, 3, 3), (c,), (2 * c, c, 3, 3), (2 * c,), (10, 2 * c * 49), (10,)]
    return simple(shapes, (normal(1, (64, 1, 28, 28)), classes((64,), 10)), loss)


def dice_ce(logits, y, smooth=1):
    p, t = jax.nn.softmax(logits, 1), jax.nn.one_hot(y, 2, axis=1)
    both, total = (p * t).sum((2, 3)), p.sum((2, 3)) + t.sum((2, 3))
    dice = (1 - (2 * both + smooth) / (total + smooth)).mean()
    return 0.5 * cross_entropy(jnp.moveaxis(logits, 1, -1), y) + 0.5 * dice


def unet(c=(4, 8, 16, 16)):
    levels = len(c)
    shapes = []
    for l in range(levels):
        shapes += [(c[l], c[l - 1] if l else 1, 3, 3), (c[l],), (c[l],)]
    for l in range(levels - 1):
        shapes += [(c[l], 2 * c[l], 3, 3), (c[l],), (c[l],)]
    for l in range(levels - 1):
        shapes += [(c[l], c[l + 1], 1, 1), (c[l],)]
    shapes += [(2, c[0], 1, 1), (2,)]
    join, up = 3 * levels, 3 * levels + 3 * (levels - 1)

    def block(x, p):
        return jax.nn.relu(batch_norm(conv(x, p[0], padding=1), p[1], p[2]))

    def loss(p, batch, key):
        x, skip = batch[0], []
        for l in range(levels):
            x = block(x if l == 0 else max_pool(x), p[3 * l:3 * l + 3])
            skip.append(x)
        for l in reversed(range(levels - 1)):
            x = conv(x, *p[up + 2 * l:up + 2 * l + 2])
            x = jax.image.resize(x, (*x.shape[:2], 2 * x.shape[2], 2 * x.shape[3]), "bilinear")
            x = block(jnp.concatenate((skip[l], x), 1), p[join + 3 * l:join + 3 * l + 3])
        return dice_ce(conv(x, *p[-2:]), batch[1])
    return simple(shapes, (normal(1, (16, 1, 64, 64)), classes((16, 64, 64), 2)), loss)


def vae(latent=20):
    def loss(p, batch, key):
        x = batch[0]
        mu, logvar = jnp.split(dense(p[:4], x), 2, 1)
        z = mu + jnp.exp(0.5 * logvar) * jax.random.normal(key, mu.shape)
        r = jax.nn.sigmoid(dense(p[4:], z))
        log_r, log_not = jnp.maximum(jnp.log(r), -100), jnp.maximum(jnp.log1p(-r), -100)
        kl = 0.5 * (jnp.exp(logvar) - 1 - logvar + mu ** 2).sum()
        return (kl - (x * log_r + (1 - x) * log_not).sum()) / len(x)
    shapes = linear_shapes(784, 256, 2 * latent) + linear_shapes(latent, 256, 784)
    return simple(shapes, (jax.random.uniform(jax.random.key(1), (128, 784)),), loss)


def conv_critic(p, x):
    x = leaky(conv(x, p[0], p[1], stride=2, padding=1))
    x = leaky(conv(x, p[2], p[3], stride=2, padding=1))
    return linear(x.reshape(len(x), -1), p[4], p[5])


def wgan(convolutional):
    """A step of examples/wgan.c: five of the critic, one of the generator."""
    made, shape = linear_shapes(32, 64, 128, 784), (64, 784)
    judged, critic = linear_shapes(784, 128, 64, 1), lambda p, x: dense(p, x, leaky)
    if convolutional:
        judged = [(16, 1, 3, 3), (16,), (32, 16, 3, 3), (32,), (1, 32 * 49), (1,)]
        critic, shape = conv_critic, (64, 1, 28, 28)
    state, n = State(made + judged, (normal(1, shape),)), len(made)
    adam = optax.adam(5e-4, b1=0, b2=0.9)
    state.rest = (adam.init(state.parameters[:n]), adam.init(state.parameters[n:]))

    def generate(p, key):
        return jnp.tanh(dense(p, jax.random.normal(key, (64, 32)))).reshape(shape)

    def critic_loss(c, g, real, keys):
        fake = generate(g, keys[0])
        u = jax.random.uniform(keys[1], (64,) + (1,) * (len(shape) - 1))
        slope = jax.grad(lambda x: critic(c, x).sum())(real + u * (fake - real))
        norm = jnp.sqrt((slope.reshape(64, -1) ** 2).sum(1))
        return (critic(c, fake).mean() - critic(c, real).mean()
                + 10 * ((norm - 1) ** 2).mean())

    def generator_loss(g, c, key):
        return -critic(c, generate(g, key)).mean()

    def moved(p, grads, rest):
        changes, rest = adam.update(grads, rest, p)
        return optax.apply_updates(p, changes), rest

    @jax.jit
    def critic_step(p, rest, real, key):
        key, *keys = jax.random.split(key, 3)
        value, grads = jax.value_and_grad(critic_loss)(p[n:], p[:n], real, keys)
        c, of_critic = moved(p[n:], grads, rest[1])
        return p[:n] + c, (rest[0], of_critic), key, value

    @jax.jit
    def generator_step(p, rest, key):
        key, mine = jax.random.split(key)
        g, of_generator = moved(p[:n], jax.grad(generator_loss)(p[:n], p[n:], mine), rest[0])
        return g + p[n:], (of_generator, rest[1]), key

    def step():
        s = state
        for _ in range(5):
            s.parameters, s.rest, s.key, s.last = critic_step(s.parameters, s.rest, s.batch[0],
                                                              s.key)
        s.parameters, s.rest, s.key = generator_step(s.parameters, s.rest, s.key)
        jax.block_until_ready(s.parameters)
    return state.training(step)


def nt_xent(x, temperature):
    n = len(x)
    z = x * jax.lax.rsqrt(jnp.maximum((x ** 2).sum(1, keepdims=True), 1e-24))
    logits = jnp.where(jnp.eye(n, dtype=bool), -jnp.inf, z @ z.T / temperature)
    return cross_entropy(logits, (jnp.arange(n) + n // 2) % n)


def simclr():
    def loss(p, batch, key):
        x = jax.nn.relu(conv(batch[0], p[0], p[1], stride=4))
        x = jax.nn.relu(conv(x, p[2], p[3], stride=2, padding=1))
        return nt_xent(dense(p[4:], x.reshape(len(x), -1)), 0.5)
    shapes = [(16, 1, 4, 4), (16,), (32, 16, 3, 3), (32,)] + linear_shapes(512, 128, 32)
    return simple(shapes, (normal(1, (512, 1, 28, 28)),), loss)


def lstm(T=50, N=32, symbols=28, labels=15, hidden=64):
    def loss(p, batch, key):
        inputs = batch[0] @ p[0].T + p[2] + p[3]

        def cell(state, x):
            h, c = state
            i, f, g, o = jnp.split(x + h @ p[1].T, 4, 1)
            c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
            h = jax.nn.sigmoid(o) * jnp.tanh(c)
            return (h, c), h
        zero = jnp.zeros((N, hidden))
        logits = linear(jax.lax.scan(cell, (zero, zero), inputs)[1], p[4], p[5])
        each = optax.ctc_loss(jnp.moveaxis(logits, 0, 1), jnp.zeros((N, T)), batch[1],
                              jnp.zeros((N, labels)))
        return (each / labels).mean()
    shapes = [(4 * hidden, 40), (4 * hidden, hidden), (4 * hidden,), (4 * hidden,),
              (symbols, hidden), (symbols,)]
    return simple(shapes, (normal(1, (T, N, 40)), 1 + classes((N, labels), symbols - 1)), loss)


def register():
    def put(name, setup, *arguments):
        workload(name)(lambda: setup(*arguments))
    put("mlp-10-20-20-1-huber-adam", mlp)
    put("mlp-784-128-10", classifier, 64, 784, 128, 10)
    put("mlp-784-512-512-10", classifier, 128, 784, 512, 512, 10)
    put("cnn-8-16", cnn, 8)
    put("cnn-16-32", cnn, 16)
    put("unet-64x64", unet)
    put("vae-784-256-20", vae)
    put("wgan-gp-mlp", wgan, False)
    put("wgan-gp-conv", wgan, True)
    put("simclr-256", simclr)
    put("lstm-64-ctc", lstm)
