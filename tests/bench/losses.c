/* Losses: forward, and backward to the first operand. */
#include "tests/bench/bench.h"

/* In a training the operand is a layer's result, whose gradient is handed on; gr_backward would
 * copy that of a leaf to where it is kept. */
static void loss_step(bench *b, gr_tensor *loss) {
    gr_grad(loss, b->x);
    gr_graph_reset(b->graph);
}

/* Read x and whatever else the loss takes, write the gradient of x. */
static void note(bench *b, double others) { add_numbers(b, 2 * (double)b->x->size + others); }

/* -- Element by element -- */

enum { MILLION = 1000000 };

static gr_tensor *coins(gr_graph *g) { return gr_keep(gr_bernoulli(g, GR_SHAPE(MILLION), 0.5)); }
static void pair_setup(bench *b) {
    b->x = leaf(gr_normal(b->graph, GR_SHAPE(MILLION), 0, 1));
    b->y = kept_normal(b->graph, GR_SHAPE(MILLION));
    note(b, MILLION);
}
static void binary_setup(bench *b) { /* logits */
    b->x = leaf(gr_normal(b->graph, GR_SHAPE(MILLION), 0, 1));
    b->y = coins(b->graph);
    note(b, MILLION);
}
static void probability_setup(bench *b) {
    b->x = leaf(gr_uniform(b->graph, GR_SHAPE(MILLION), 0.01, 0.99));
    b->y = coins(b->graph);
    note(b, MILLION);
}
static void sign_setup(bench *b) {
    b->x = leaf(gr_normal(b->graph, GR_SHAPE(MILLION), 0, 1));
    b->y = gr_keep(gr_shift(gr_scale(coins(b->graph), 2), -1));
    note(b, MILLION);
}
static void distributions_setup(bench *b) {
    gr_graph *g = b->graph;
    gr_shape shape = GR_SHAPE(1000, 1000);
    b->x = leaf(gr_log_softmax(gr_normal(g, shape, 0, 1), .axes = GR_AXES(1)));
    b->y = gr_keep(gr_softmax(gr_normal(g, shape, 0, 1), .axes = GR_AXES(1)));
    note(b, MILLION);
}

static void mse_step(bench *b) { loss_step(b, gr_mse(b->x, b->y)); }
static void l1_step(bench *b) { loss_step(b, gr_l1(b->x, b->y)); }
static void smooth_l1_step(bench *b) { loss_step(b, gr_smooth_l1(b->x, b->y)); }
static void huber_step(bench *b) { loss_step(b, gr_huber(b->x, b->y)); }
static void bce_step(bench *b) { loss_step(b, gr_bce(b->x, b->y)); }
static void bce_with_logits_step(bench *b) { loss_step(b, gr_bce_with_logits(b->x, b->y)); }
static void focal_step(bench *b) { loss_step(b, gr_focal(b->x, b->y)); }
static void kl_div_step(bench *b) {
    loss_step(b, gr_kl_div(b->x, b->y, .reduction = GR_BATCHMEAN));
}
static void hinge_step(bench *b) { loss_step(b, gr_hinge(b->x, b->y)); }
static void soft_margin_step(bench *b) { loss_step(b, gr_soft_margin(b->x, b->y)); }

/* -- Rows, masks and sequences -- */

static void cross_entropy_setup(bench *b) {
    b->x = leaf(gr_normal(b->graph, GR_SHAPE(4096, 1000), 0, 1));
    b->y = classes(b->graph, GR_SHAPE(4096), 1000);
    b->bytes += 4096 * sizeof(int32_t);
    note(b, 0);
}
static void dice_setup(bench *b) {
    gr_shape shape = GR_SHAPE(16, 4, 128, 128);
    b->x = leaf(gr_uniform(b->graph, shape, 0, 1));
    b->y = gr_keep(gr_bernoulli(b->graph, shape, 0.3));
    note(b, (double)b->y->size);
}
static void ctc_setup(bench *b) {
    enum { T = 100, N = 32, C = 40, S = 20 };
    int32_t labels[N * S], inputs[N], targets[N];
    for (int i = 0; i < N * S; i++) labels[i] = 1 + (7 * i + i / S) % (C - 1);
    for (int i = 0; i < N; i++) inputs[i] = T, targets[i] = S;
    gr_tensor *logits = gr_normal(b->graph, GR_SHAPE(T, N, C), 0, 1);
    b->x = leaf(gr_log_softmax(logits, .axes = GR_AXES(-1)));
    b->y = gr_keep(gr_from_index(b->graph, GR_SHAPE(N, S), labels));
    b->more[0] = gr_keep(gr_from_index(b->graph, GR_SHAPE(N), inputs));
    b->more[1] = gr_keep(gr_from_index(b->graph, GR_SHAPE(N), targets));
    b->bytes += N * (S + 2) * sizeof(int32_t);
    note(b, 0);
}

static void cross_entropy_step(bench *b) { loss_step(b, gr_cross_entropy(b->x, b->y)); }
static void dice_step(bench *b) { loss_step(b, gr_dice(b->x, b->y)); }
static void ctc_step(bench *b) { loss_step(b, gr_ctc(b->x, b->y, b->more[0], b->more[1])); }

/* -- Vectors -- */

enum { VECTORS = 4096, LENGTH = 256 }; /* a million elements, or so */

static void vectors_setup(bench *b) {
    gr_shape shape = GR_SHAPE(VECTORS, LENGTH);
    b->x = leaf(gr_normal(b->graph, shape, 0, 1));
    b->y = kept_normal(b->graph, shape);
}
static void triplet_setup(bench *b) {
    vectors_setup(b);
    b->more[0] = kept_normal(b->graph, b->x->shape);
    note(b, 2.0 * VECTORS * LENGTH);
}
/* Targets 1, low, 1, low, ... */
static void labelled_pairs_setup(bench *b, double low) {
    vectors_setup(b);
    b->more[0] = gr_keep(gr_zeros(b->graph, GR_SHAPE(VECTORS)));
    for (int i = 0; b->more[0] != NULL && i < VECTORS; i++)
        b->more[0]->data[i] = i % 2 == 0 ? 1 : (gr_real)low;
    note(b, 1.0 * VECTORS * LENGTH + VECTORS);
}
static void cosine_embedding_setup(bench *b) { labelled_pairs_setup(b, -1); }
static void contrastive_setup(bench *b) { labelled_pairs_setup(b, 0); }

/* As MoCo has it, with fewer negatives. */
static void info_nce_setup(bench *b) {
    enum { QUERIES = 256, NEGATIVES = 4096, D = 128 };
    b->x = leaf(gr_normal(b->graph, GR_SHAPE(QUERIES, D), 0, 1));
    b->y = kept_normal(b->graph, GR_SHAPE(QUERIES, D));
    b->more[0] = kept_normal(b->graph, GR_SHAPE(NEGATIVES, D));
    add_products(b, 2.0 * QUERIES * NEGATIVES * D); /* the cosines, and the gradient of x */
    note(b, (QUERIES + NEGATIVES) * D);
}
static void nt_xent_setup(bench *b) {
    b->x = leaf(gr_normal(b->graph, GR_SHAPE(512, 128), 0, 1));
    add_products(b, 3.0 * 512 * 512 * 128); /* the cosines, and the gradients of both sides */
    note(b, 0);
}

static void triplet_step(bench *b) { loss_step(b, gr_triplet(b->x, b->y, b->more[0])); }
static void cosine_embedding_step(bench *b) {
    loss_step(b, gr_cosine_embedding(b->x, b->y, b->more[0]));
}
static void contrastive_step(bench *b) { loss_step(b, gr_contrastive(b->x, b->y, b->more[0])); }
static void info_nce_step(bench *b) { loss_step(b, gr_info_nce(b->x, b->y, b->more[0])); }
static void nt_xent_step(bench *b) { loss_step(b, gr_nt_xent(b->x)); }

const workload loss_rows[] = {
    {.name = "mse-1M", .setup = pair_setup, .step = mse_step},
    {.name = "l1-1M", .setup = pair_setup, .step = l1_step},
    {.name = "smooth_l1-1M", .setup = pair_setup, .step = smooth_l1_step},
    {.name = "huber-1M", .setup = pair_setup, .step = huber_step},
    {.name = "bce-1M", .setup = probability_setup, .step = bce_step},
    {.name = "bce_with_logits-1M", .setup = binary_setup, .step = bce_with_logits_step},
    {.name = "focal-1M", .setup = binary_setup, .step = focal_step},
    {.name = "kl_div-1000x1000", .setup = distributions_setup, .step = kl_div_step},
    {.name = "hinge-1M", .setup = sign_setup, .step = hinge_step},
    {.name = "soft_margin-1M", .setup = sign_setup, .step = soft_margin_step},
    {.name = "cross_entropy-4096x1000", .setup = cross_entropy_setup, .step = cross_entropy_step},
    {.name = "dice-16x4x128x128", .setup = dice_setup, .step = dice_step},
    {.name = "ctc-T100-N32-C40-S20", .setup = ctc_setup, .step = ctc_step},
    {.name = "triplet-4096x256", .setup = triplet_setup, .step = triplet_step},
    {.name = "cosine_embedding-4096x256",
     .setup = cosine_embedding_setup,
     .step = cosine_embedding_step},
    {.name = "contrastive-4096x256", .setup = contrastive_setup, .step = contrastive_step},
    {.name = "info_nce-256x4096x128", .setup = info_nce_setup, .step = info_nce_step},
    {.name = "nt_xent-512x128", .setup = nt_xent_setup, .step = nt_xent_step},
};
const int n_loss_rows = sizeof loss_rows / sizeof *loss_rows;
