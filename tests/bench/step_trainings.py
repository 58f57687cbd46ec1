"""Training steps in PyTorch: those of trainings.c."""
import torch
import torch.nn.functional as F
from torch import nn

from peer import Training, workload


def settable(tensors):
    """(shape, function that writes an array into it) of each tensor of real numbers."""
    def put_into(t):
        def put(array):
            with torch.no_grad():
                t.copy_(torch.from_numpy(array))
        return put
    return [(tuple(t.shape), put_into(t)) for t in tensors if t.is_floating_point()]


def classes(shape, count):
    """0 ... count - 1, as in measure.c."""
    i = torch.arange(torch.Size(shape).numel())
    return ((7 * i + i // count) % count).reshape(shape)


class Step:
    """Forward, backward, optimizer; everything compiled that can be, if asked for."""

    def __init__(self, parameters, loss, compiled, **adam):
        self.optimizer = torch.optim.Adam(parameters, **{"lr": 1e-3, **adam})
        self.make_loss = torch.compile(loss) if compiled else loss
        self.move = torch.compile(self.optimizer.step) if compiled else self.optimizer.step
        self.last = None

    def __call__(self):
        self.optimizer.zero_grad()
        loss = self.make_loss()
        loss.backward()
        self.last = loss.detach()
        self.move()


def simple(net, batch, loss, compiled):
    parameters = list(net.parameters())
    step = Step(parameters, loss, compiled)
    return Training(step, settable(parameters), settable(batch), lambda: step.last)


def mlp(compiled):
    net = nn.Sequential(nn.Linear(10, 20), nn.ReLU(), nn.Linear(20, 20), nn.ReLU(),
                        nn.Linear(20, 1))
    x, y = torch.randn(32, 10), torch.randn(32, 1)
    return simple(net, (x, y), lambda: F.huber_loss(net(x), y, delta=1.0), compiled)


def classifier(net, x, compiled):
    y = classes((x.shape[0],), 10)
    return simple(net, (x, y), lambda: F.cross_entropy(net(x), y), compiled)


def mlp_128(compiled):
    net = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))
    return classifier(net, torch.randn(64, 784), compiled)


def mlp_512(compiled):
    net = nn.Sequential(nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(),
                        nn.Linear(512, 10))
    return classifier(net, torch.randn(128, 784), compiled)


def cnn(c, compiled):
    net = nn.Sequential(nn.Conv2d(1, c, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
                        nn.Conv2d(c, 2 * c, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
                        nn.Flatten(), nn.Linear(2 * c * 7 * 7, 10))
    return classifier(net, torch.randn(64, 1, 28, 28), compiled)


class Unet(nn.Module):
    def __init__(self, channels=(4, 8, 16, 16)):
        super().__init__()
        self.levels = len(channels)
        c = channels

        def block(into, out):
            return nn.Sequential(nn.Conv2d(into, out, 3, padding=1, bias=False),
                                 nn.BatchNorm2d(out), nn.ReLU())
        self.down = nn.ModuleList(block(c[l - 1] if l else 1, c[l]) for l in range(self.levels))
        # In the order of trainings.c, by rising level.
        self.join = nn.ModuleList(block(2 * c[l], c[l]) for l in range(self.levels - 1))
        self.up = nn.ModuleList(
            nn.Sequential(nn.Conv2d(c[l + 1], c[l], 1),
                          nn.Upsample(scale_factor=2, mode="bilinear"))
            for l in range(self.levels - 1))
        self.head = nn.Conv2d(c[0], 2, 1)

    def forward(self, x):
        skip = []
        for l in range(self.levels):
            x = self.down[l](x if l == 0 else F.max_pool2d(x, 2))
            skip.append(x)
        for l in reversed(range(self.levels - 1)):
            x = self.join[l](torch.cat((skip[l], self.up[l](x)), 1))
        return self.head(x)


def dice_ce(logits, y, smooth=1):
    p, t = logits.softmax(1), F.one_hot(y, logits.shape[1]).movedim(-1, 1).to(logits.dtype)
    both, total = (p * t).sum((2, 3)), p.sum((2, 3)) + t.sum((2, 3))
    dice = (1 - (2 * both + smooth) / (total + smooth)).mean()
    return 0.5 * F.cross_entropy(logits, y) + 0.5 * dice


def unet(compiled):
    net, x, y = Unet(), torch.randn(16, 1, 64, 64), classes((16, 64, 64), 2)
    return simple(net, (x, y), lambda: dice_ce(net(x), y), compiled)


def vae(compiled, latent=20):
    encoder = nn.Sequential(nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 2 * latent))
    decoder = nn.Sequential(nn.Linear(latent, 256), nn.ReLU(), nn.Linear(256, 784), nn.Sigmoid())
    x = torch.rand(128, 784)

    def loss():
        mu, logvar = encoder(x).split(latent, 1)
        z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
        likelihood = F.binary_cross_entropy(decoder(z), x, reduction="sum")
        kl = 0.5 * (logvar.exp() - 1 - logvar + mu ** 2).sum()
        return (likelihood + kl) / len(x)
    return simple(nn.ModuleList((encoder, decoder)), (x,), loss, compiled)


def gradient_penalty(critic, real, fake, weight=10):
    u = torch.rand(len(real), *[1] * (real.ndim - 1))
    x = (real + u * (fake - real)).requires_grad_()
    gradient, = torch.autograd.grad(critic(x).sum(), x, create_graph=True)
    return weight * ((gradient.flatten(1).norm(dim=1) - 1) ** 2).mean()


def wgan(convolutional):
    """A step of examples/wgan.c: five of the critic, one of the generator."""
    generator = nn.Sequential(nn.Linear(32, 64), nn.ReLU(), nn.Linear(64, 128), nn.ReLU(),
                              nn.Linear(128, 784), nn.Tanh())
    if convolutional:
        critic = nn.Sequential(nn.Conv2d(1, 16, 3, 2, 1), nn.LeakyReLU(0.2),
                               nn.Conv2d(16, 32, 3, 2, 1), nn.LeakyReLU(0.2),
                               nn.Flatten(), nn.Linear(32 * 7 * 7, 1))
        real = torch.randn(64, 1, 28, 28)
    else:
        critic = nn.Sequential(nn.Linear(784, 128), nn.LeakyReLU(0.2), nn.Linear(128, 64),
                               nn.LeakyReLU(0.2), nn.Linear(64, 1))
        real = torch.randn(64, 784)

    def generate():
        return generator(torch.randn(64, 32)).reshape(real.shape)

    def critic_loss():
        with torch.no_grad():
            fake = generate()
        return (critic(fake).mean() - critic(real).mean()
                + gradient_penalty(critic, real, fake))
    both = {"lr": 5e-4, "betas": (0.0, 0.9)}
    critic_step = Step(critic.parameters(), critic_loss, False, **both)
    generator_step = Step(generator.parameters(), lambda: -critic(generate()).mean(), False, **both)

    def step():
        for _ in range(5):
            critic_step()
        generator_step()
    parameters = [*generator.parameters(), *critic.parameters()]
    return Training(step, settable(parameters), settable([real]), lambda: critic_step.last)


def nt_xent(x, temperature):
    pairs = (torch.arange(len(x)) + len(x) // 2) % len(x)
    z = F.normalize(x, dim=1)
    own = torch.eye(len(x), dtype=torch.bool)
    return F.cross_entropy((z @ z.T / temperature).masked_fill(own, float("-inf")), pairs)


def simclr(compiled):
    net = nn.Sequential(nn.Conv2d(1, 16, 4, stride=4), nn.ReLU(),
                        nn.Conv2d(16, 32, 3, stride=2, padding=1), nn.ReLU(), nn.Flatten(),
                        nn.Linear(512, 128), nn.ReLU(), nn.Linear(128, 32))
    x = torch.randn(512, 1, 28, 28)
    return simple(net, (x,), lambda: nt_xent(net(x), 0.5), compiled)


def lstm(compiled, T=50, N=32, symbols=28, labels=15):
    recurrent, head = nn.LSTM(40, 64), nn.Linear(64, symbols)
    x, y = torch.randn(T, N, 40), 1 + classes((N, labels), symbols - 1)
    inputs, lengths = torch.full((N,), T), torch.full((N,), labels)

    def loss():
        return F.ctc_loss(head(recurrent(x)[0]).log_softmax(2), y, inputs, lengths)
    return simple(nn.ModuleList((recurrent, head)), (x,), loss, compiled)


def register(compiled):
    def put(name, setup, *arguments):
        workload(name)(lambda: setup(*arguments))
    put("mlp-10-20-20-1-huber-adam", mlp, compiled)
    put("mlp-784-128-10", mlp_128, compiled)
    put("mlp-784-512-512-10", mlp_512, compiled)
    put("cnn-8-16", cnn, 8, compiled)
    put("cnn-16-32", cnn, 16, compiled)
    put("unet-64x64", unet, compiled)
    put("vae-784-256-20", vae, compiled)
    if not compiled:  # torch.compile can't differentiate twice
        put("wgan-gp-mlp", wgan, False)
        put("wgan-gp-conv", wgan, True)
    put("simclr-256", simclr, compiled)
    put("lstm-64-ctc", lstm, compiled)
