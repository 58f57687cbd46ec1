/* Training steps: forward, backward, optimizer, reset, on a batch that is in memory. */
#include "tests/bench/bench.h"

static void finish_step(bench *b, gr_tensor *loss) {
    gr_backward(loss);
    if (b->watched) b->loss = gr_item(loss);
    gr_step(b->optimizer);
    gr_graph_reset(b->graph);
}

/* -- What a step can't do without -- */

/* How often a layer multiplies: once forward, once for the gradient of its weights, and but for the
 * first layer once for that of its input. */
enum { FIRST = 2, LATER = 3 };

/* What a layer gives is written once and read once. */
static void add_layer(bench *b, double multiplications, double results, int products) {
    add_products(b, multiplications * products);
    add_numbers(b, 2 * results);
}
static void add_linear(bench *b, double rows, int in, int out, int products) {
    add_layer(b, rows * in * out, rows * out, products);
}
/* `pixels` of the result, of all pictures. */
static void add_conv(bench *b, double pixels, int in, int out, int kernel, int products) {
    add_layer(b, pixels * kernel * kernel * in * out, pixels * out, products);
}

static double parameter_count(const gr_optimizer *opt) {
    double n = 0;
    for (int i = 0; opt != NULL && i < opt->parameters.n; i++)
        n += (double)opt->parameters.items[i]->size;
    return n;
}

/* Adam reads weight, gradient and two memories, and writes all but the gradient. */
static void add_adam(bench *b, const gr_optimizer *opt, int steps) {
    add_numbers(b, 7.0 * steps * parameter_count(opt));
}

static void set_adam(bench *b) {
    b->optimizer = gr_adam(b->net, .lr = 1e-3);
    add_adam(b, b->optimizer, 1);
}

/* -- Fully connected networks -- */

static void mlp_setup(bench *b) {
    enum { ROWS = 32 };
    gr_graph *g = b->graph;
    b->net = gr_sequential(g, gr_linear(g, 10, 20), gr_relu_layer(g), gr_linear(g, 20, 20),
                           gr_relu_layer(g), gr_linear(g, 20, 1));
    b->x = kept_normal(g, GR_SHAPE(ROWS, 10));
    b->y = kept_normal(g, GR_SHAPE(ROWS, 1));
    add_linear(b, ROWS, 10, 20, FIRST);
    add_linear(b, ROWS, 20, 20, LATER);
    add_linear(b, ROWS, 20, 1, LATER);
    add_numbers(b, ROWS * (10 + 1));
    set_adam(b);
}

static void mlp_step(bench *b) {
    finish_step(b, gr_huber(gr_forward(b->net, b->x), b->y, .delta = 1.0));
}

static void classifier_step(bench *b) {
    finish_step(b, gr_cross_entropy(gr_forward(b->net, b->x), b->y));
}

/* A batch of pictures (rows,1,28,28) or (rows,784), and their classes. */
static void set_pictures(bench *b, int rows, gr_shape shape) {
    b->x = kept_normal(b->graph, shape);
    b->y = classes(b->graph, GR_SHAPE(rows), 10);
    add_numbers(b, rows * 784.0);
    b->bytes += rows * sizeof(int32_t);
}

static void mlp_128_setup(bench *b) {
    enum { ROWS = 64 };
    gr_graph *g = b->graph;
    b->net = gr_sequential(g, gr_linear(g, 784, 128), gr_relu_layer(g), gr_linear(g, 128, 10));
    set_pictures(b, ROWS, GR_SHAPE(ROWS, 784));
    add_linear(b, ROWS, 784, 128, FIRST);
    add_linear(b, ROWS, 128, 10, LATER);
    set_adam(b);
}

static void mlp_512_setup(bench *b) {
    enum { ROWS = 128 };
    gr_graph *g = b->graph;
    b->net = gr_sequential(g, gr_linear(g, 784, 512), gr_relu_layer(g), gr_linear(g, 512, 512),
                           gr_relu_layer(g), gr_linear(g, 512, 10));
    set_pictures(b, ROWS, GR_SHAPE(ROWS, 784));
    add_linear(b, ROWS, 784, 512, FIRST);
    add_linear(b, ROWS, 512, 512, LATER);
    add_linear(b, ROWS, 512, 10, LATER);
    set_adam(b);
}

/* -- Convolutional networks -- */

/* c and 2 c channels, 3 by 3 with padding, pooled twice. */
static void cnn_setup(bench *b) {
    enum { ROWS = 64 };
    gr_graph *g = b->graph;
    int c = b->of->size[0];
    b->net = gr_sequential(g, gr_conv2d_layer(g, 1, c, 3, .padding = 1), gr_relu_layer(g),
                           gr_max_pool2d_layer(g, 2), gr_conv2d_layer(g, c, 2 * c, 3, .padding = 1),
                           gr_relu_layer(g), gr_max_pool2d_layer(g, 2), gr_flatten_layer(g),
                           gr_linear(g, 2 * c * 7 * 7, 10));
    set_pictures(b, ROWS, GR_SHAPE(ROWS, 1, 28, 28));
    add_conv(b, ROWS * 28 * 28, 1, c, 3, FIRST);
    add_layer(b, 0, ROWS * 14.0 * 14 * c, 0); /* what pooling gives */
    add_conv(b, ROWS * 14 * 14, c, 2 * c, 3, LATER);
    add_layer(b, 0, ROWS * 7.0 * 7 * 2 * c, 0);
    add_linear(b, ROWS, 2 * c * 7 * 7, 10, LATER);
    set_adam(b);
}

/* -- Segmentation: the network of examples/segmentation.c -- */

enum { LEVELS = 4, UNET_ROWS = 16, UNET_SIDE = 64, UNET_CLASSES = 2 };
static const int unet_channels[LEVELS] = {4, 8, 16, 16};

/* part[]: where a level's layers stand. */
enum { DOWN = 0, JOIN = LEVELS, UP = 2 * LEVELS - 1, HEAD = 3 * LEVELS - 2, UNET_PARTS };

static double unet_pixels(int level) {
    return (double)UNET_ROWS * (UNET_SIDE >> level) * (UNET_SIDE >> level);
}

/* A 3 x 3 convolution, batch normalisation, ReLU; the normalised numbers are a layer's results,
 * too. */
static gr_module *unet_block(bench *b, int level, int in, int products) {
    gr_graph *g = b->graph;
    int out = unet_channels[level];
    add_conv(b, unet_pixels(level), in, out, 3, products);
    add_layer(b, 0, unet_pixels(level) * out, 0);
    return gr_sequential(g, gr_conv2d_layer(g, in, out, 3, .padding = 1, .bias = false),
                         gr_batch_norm2d_layer(g, out), gr_relu_layer(g));
}

/* A 1 x 1 convolution, then twice the resolution. */
static gr_module *unet_up(bench *b, int level) {
    gr_graph *g = b->graph;
    int in = unet_channels[level + 1], out = unet_channels[level];
    add_conv(b, unet_pixels(level + 1), in, out, 1, LATER);
    add_layer(b, 0, unet_pixels(level) * out, 0);
    return gr_sequential(g, gr_conv2d_layer(g, in, out, 1),
                         gr_upsample2d_layer(g, 2, .mode = GR_UPSAMPLE_BILINEAR));
}

static void unet_setup(bench *b) {
    gr_graph *g = b->graph;
    gr_module **part = b->part;
    const int *channels = unet_channels;
    for (int l = 0; l < LEVELS; l++) {
        part[DOWN + l] = unet_block(b, l, l == 0 ? 1 : channels[l - 1], l == 0 ? FIRST : LATER);
        if (l > 0) add_layer(b, 0, unet_pixels(l) * channels[l - 1], 0); /* what pooling gives */
    }
    for (int l = LEVELS - 2; l >= 0; l--) {
        part[UP + l] = unet_up(b, l);
        part[JOIN + l] = unet_block(b, l, 2 * channels[l], LATER);
    }
    part[HEAD] = gr_conv2d_layer(g, channels[0], UNET_CLASSES, 1);
    add_conv(b, unet_pixels(0), channels[0], UNET_CLASSES, 1, LATER);
    b->net = gr_sequential_(g, part, UNET_PARTS); /* holds the parameters */
    b->x = kept_normal(g, GR_SHAPE(UNET_ROWS, 1, UNET_SIDE, UNET_SIDE));
    b->y = classes(g, GR_SHAPE(UNET_ROWS, UNET_SIDE, UNET_SIDE), UNET_CLASSES);
    add_numbers(b, unet_pixels(0));
    b->bytes += unet_pixels(0) * sizeof(int32_t);
    set_adam(b);
}

static void unet_step(bench *b) {
    gr_module **part = b->part;
    gr_tensor *skip[LEVELS], *x = b->x;
    for (int l = 0; l < LEVELS; l++)
        x = skip[l] = gr_forward(part[DOWN + l], l == 0 ? x : gr_max_pool2d(x, 2));
    for (int l = LEVELS - 2; l >= 0; l--)
        x = gr_forward(part[JOIN + l], gr_concat(GR_LIST(skip[l], gr_forward(part[UP + l], x)), 1));
    finish_step(b, gr_dice_ce(gr_forward(part[HEAD], x), b->y));
}

/* -- Variational autoencoder: the network and the step of examples/vae.c -- */

enum { VAE_ROWS = 128, PIXELS = 784, VAE_HIDDEN = 256, LATENT = 20 };

static void vae_setup(bench *b) {
    gr_graph *g = b->graph;
    b->part[0] = gr_sequential(g, gr_linear(g, PIXELS, VAE_HIDDEN), gr_relu_layer(g),
                               gr_linear(g, VAE_HIDDEN, 2 * LATENT));
    b->part[1] = gr_sequential(g, gr_linear(g, LATENT, VAE_HIDDEN), gr_relu_layer(g),
                               gr_linear(g, VAE_HIDDEN, PIXELS), gr_sigmoid_layer(g));
    b->net = gr_container(g, {"encoder", b->part[0]}, {"decoder", b->part[1]});
    b->x = gr_keep(gr_uniform(g, GR_SHAPE(VAE_ROWS, PIXELS), 0, 1));
    add_linear(b, VAE_ROWS, PIXELS, VAE_HIDDEN, FIRST);
    add_linear(b, VAE_ROWS, VAE_HIDDEN, 2 * LATENT, LATER);
    add_linear(b, VAE_ROWS, LATENT, VAE_HIDDEN, LATER);
    add_linear(b, VAE_ROWS, VAE_HIDDEN, PIXELS, LATER);
    add_numbers(b, VAE_ROWS * PIXELS);
    set_adam(b);
}

static void vae_step(bench *b) {
    gr_tensor *both = gr_forward(b->part[0], b->x);
    gr_tensor *mu = gr_slice(both, 1, 0, LATENT, 1);
    gr_tensor *logvar = gr_slice(both, 1, LATENT, 2 * LATENT, 1);
    gr_tensor *noise = gr_normal(b->graph, GR_SHAPE(VAE_ROWS, LATENT), 0, 1);
    gr_tensor *z = gr_add(mu, gr_mul(gr_exp(gr_scale(logvar, 0.5)), noise));
    finish_step(b, gr_elbo(gr_forward(b->part[1], z), b->x, mu, logvar));
}

/* -- Wasserstein GAN with gradient penalty -- */

/* The step of examples/wgan.c with its networks for pictures, and the same with a convolutional
 * critic. A step is five of the critic and one of the generator, as there. */

enum { GAN_ROWS = 64, NOISE = 32, CRITIC_STEPS = 5 };
enum { MLP_CRITIC, CONV_CRITIC };

/* Multiplications of a sample by each layer, and how many numbers each gives. */
typedef struct chain {
    int layers;
    double products[3], results[3];
} chain;
static const chain generator_chain = {3, {NOISE * 64, 64 * 128, 128 * PIXELS}, {64, 128, PIXELS}};
static const chain critic_chains[] = {
    [MLP_CRITIC] = {3, {PIXELS * 128, 128 * 64, 64}, {128, 64, 1}},
    [CONV_CRITIC] = {
        3, {14 * 14 * 9 * 16, 7 * 7 * 9 * 16 * 32, 7 * 7 * 32}, {14 * 14 * 16, 7 * 7 * 32, 1}}};

static double total(const double *of, int begin, int end) {
    double sum = 0;
    for (int i = begin; i < end; i++) sum += of[i];
    return sum;
}

static void note_gan(bench *b) {
    const chain *g = &generator_chain, *c = &critic_chains[b->of->kind];
    double all = total(c->products, 0, 3), later = total(c->products, 1, 3);
    double generator = total(g->products, 0, 3);
    double outputs = total(c->results, 0, 3), made = total(g->results, 0, 3);
    /* Real and fake through the critic: forward, to the weights, to the inputs of later layers. */
    double both = 2 * (2 * all + later);
    /* The penalty: forward but for the last layer, whose value it does not need; the gradient of
     * the input; and of each of that gradient's products the gradients of both factors. */
    double penalty = all - c->products[2] + all + 2 * all;
    add_products(b, GAN_ROWS * CRITIC_STEPS * (generator + both + penalty));
    /* Its own step: the generator as any network, the critic without its weights' gradient. */
    add_products(b, GAN_ROWS * (2 * generator + total(g->products, 1, 3) + 2 * all));

    add_numbers(b, GAN_ROWS * CRITIC_STEPS * (PIXELS + 2 * (made + 3 * outputs)));
    add_numbers(b, GAN_ROWS * CRITIC_STEPS * 2 * (outputs + PIXELS)); /* the penalty's gradient */
    add_numbers(b, GAN_ROWS * 2 * (made + outputs));
    add_adam(b, b->critic_optimizer, CRITIC_STEPS);
    add_adam(b, b->optimizer, 1);
}

static gr_module *new_critic(gr_graph *g, int kind) {
    if (kind == MLP_CRITIC)
        return gr_sequential(g, gr_linear(g, PIXELS, 128), gr_leaky_relu_layer(g, .slope = 0.2),
                             gr_linear(g, 128, 64), gr_leaky_relu_layer(g, .slope = 0.2),
                             gr_linear(g, 64, 1));
    return gr_sequential(g, gr_conv2d_layer(g, 1, 16, 3, .stride = 2, .padding = 1),
                         gr_leaky_relu_layer(g, .slope = 0.2),
                         gr_conv2d_layer(g, 16, 32, 3, .stride = 2, .padding = 1),
                         gr_leaky_relu_layer(g, .slope = 0.2), gr_flatten_layer(g),
                         gr_linear(g, 32 * 7 * 7, 1));
}

static gr_shape gan_shape(const bench *b) {
    return b->of->kind == CONV_CRITIC ? GR_SHAPE(GAN_ROWS, 1, 28, 28) : GR_SHAPE(GAN_ROWS, PIXELS);
}

static void gan_setup(bench *b) {
    gr_graph *g = b->graph;
    b->net = gr_sequential(g, gr_linear(g, NOISE, 64), gr_relu_layer(g), gr_linear(g, 64, 128),
                           gr_relu_layer(g), gr_linear(g, 128, PIXELS), gr_tanh_layer(g));
    b->critic = new_critic(g, b->of->kind);
    b->optimizer = gr_adam(b->net, .lr = 5e-4, .beta1 = 0, .beta2 = 0.9);
    b->critic_optimizer = gr_adam(b->critic, .lr = 5e-4, .beta1 = 0, .beta2 = 0.9);
    b->x = kept_normal(g, gan_shape(b));
    note_gan(b);
}

static gr_tensor *generate(bench *b) {
    gr_tensor *noise = gr_normal(b->graph, GR_SHAPE(GAN_ROWS, NOISE), 0, 1);
    gr_tensor *made = gr_forward(b->net, noise);
    return b->of->kind == CONV_CRITIC ? gr_reshape(made, gan_shape(b)) : made;
}

static void critic_step(bench *b) {
    gr_no_grad_begin(b->graph);
    gr_tensor *fake = generate(b);
    gr_no_grad_end(b->graph);
    gr_tensor *loss = gr_gan_discriminator(gr_forward(b->critic, b->x), gr_forward(b->critic, fake),
                                           .variant = GR_GAN_WASSERSTEIN);
    loss = gr_add(loss, gr_gradient_penalty(gr_module_function, b->critic, b->x, fake));
    gr_backward(loss);
    if (b->watched) b->loss = gr_item(loss);
    gr_step(b->critic_optimizer);
    gr_graph_reset(b->graph);
}

static void gan_step(bench *b) {
    for (int i = 0; i < CRITIC_STEPS; i++) critic_step(b);
    gr_backward(
        gr_gan_generator(gr_forward(b->critic, generate(b)), .variant = GR_GAN_WASSERSTEIN));
    gr_step(b->optimizer);
    gr_clear_grads(b->critic);
    gr_graph_reset(b->graph);
}

/* -- Contrastive learning: the network of examples/simclr.c, two views each of 256 pictures -- */

static void simclr_setup(bench *b) {
    enum { VIEWS = 512, FEATURES = 32 * 4 * 4, HIDDEN = 128, EMBEDDING = 32 };
    gr_graph *g = b->graph;
    b->net = gr_sequential(g, gr_conv2d_layer(g, 1, 16, 4, .stride = 4), gr_relu_layer(g),
                           gr_conv2d_layer(g, 16, 32, 3, .stride = 2, .padding = 1),
                           gr_relu_layer(g), gr_flatten_layer(g), gr_linear(g, FEATURES, HIDDEN),
                           gr_relu_layer(g), gr_linear(g, HIDDEN, EMBEDDING));
    b->x = kept_normal(g, GR_SHAPE(VIEWS, 1, 28, 28));
    add_numbers(b, VIEWS * 784);
    add_conv(b, VIEWS * 7 * 7, 1, 16, 4, FIRST);
    add_conv(b, VIEWS * 4 * 4, 16, 32, 3, LATER);
    add_linear(b, VIEWS, FEATURES, HIDDEN, LATER);
    add_linear(b, VIEWS, HIDDEN, EMBEDDING, LATER);
    add_linear(b, VIEWS, EMBEDDING, VIEWS, LATER); /* all cosines */
    set_adam(b);
}

static void simclr_step(bench *b) {
    finish_step(b, gr_nt_xent(gr_forward(b->net, b->x), .temperature = 0.5));
}

/* -- Transcribing sequences -- */

enum { T = 50, SEQUENCES = 32, BANDS = 40, LSTM_HIDDEN = 64, SYMBOLS = 28, LABELS = 15 };

static gr_tensor *lengths(gr_graph *g, int length) {
    int32_t all[SEQUENCES];
    for (int i = 0; i < SEQUENCES; i++) all[i] = length;
    return gr_keep(gr_from_index(g, GR_SHAPE(SEQUENCES), all));
}

static void lstm_setup(bench *b) {
    gr_graph *g = b->graph;
    b->net = gr_sequential(g, gr_lstm(g, BANDS, LSTM_HIDDEN), gr_linear(g, LSTM_HIDDEN, SYMBOLS));
    b->x = kept_normal(g, GR_SHAPE(T, SEQUENCES, BANDS));
    b->y = classes(g, GR_SHAPE(SEQUENCES, LABELS), SYMBOLS - 1);
    for (int64_t i = 0; b->y != NULL && i < b->y->size; i++) b->y->index[i]++; /* 0 is the blank */
    b->more[0] = lengths(g, T);
    b->more[1] = lengths(g, LABELS);
    add_numbers(b, T * SEQUENCES * BANDS);
    b->bytes += SEQUENCES * (LABELS + 2) * sizeof(int32_t);
    add_linear(b, T * SEQUENCES, BANDS, 4 * LSTM_HIDDEN, FIRST);
    add_products(b, 3.0 * T * SEQUENCES * LSTM_HIDDEN * 4 * LSTM_HIDDEN); /* the same 4 gates */
    add_layer(b, 0, 2.0 * T * SEQUENCES * LSTM_HIDDEN, 0);                /* h and c */
    add_linear(b, T * SEQUENCES, LSTM_HIDDEN, SYMBOLS, LATER);
    set_adam(b);
}

static void lstm_step(bench *b) {
    gr_tensor *log_probs = gr_log_softmax(gr_forward(b->net, b->x), .axes = GR_AXES(2));
    finish_step(b, gr_ctc(log_probs, b->y, b->more[0], b->more[1]));
}

const workload training_rows[] = {
    {.name = "mlp-10-20-20-1-huber-adam", .setup = mlp_setup, .step = mlp_step},
    {.name = "mlp-784-128-10", .setup = mlp_128_setup, .step = classifier_step},
    {.name = "mlp-784-512-512-10", .setup = mlp_512_setup, .step = classifier_step},
    {.name = "cnn-8-16", .setup = cnn_setup, .step = classifier_step, .size = {8}},
    {.name = "cnn-16-32", .setup = cnn_setup, .step = classifier_step, .size = {16}},
    {.name = "unet-64x64", .setup = unet_setup, .step = unet_step},
    {.name = "vae-784-256-20", .setup = vae_setup, .step = vae_step},
    {.name = "wgan-gp-mlp", .setup = gan_setup, .step = gan_step, .kind = MLP_CRITIC},
    {.name = "wgan-gp-conv", .setup = gan_setup, .step = gan_step, .kind = CONV_CRITIC},
    {.name = "simclr-256", .setup = simclr_setup, .step = simclr_step},
    {.name = "lstm-64-ctc", .setup = lstm_setup, .step = lstm_step},
};
const int n_training_rows = sizeof training_rows / sizeof *training_rows;
