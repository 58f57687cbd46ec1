/* A training that can be killed: resume.sh does so.
 *
 *     resume CHECKPOINT STEPS    trains from the checkpoint, or from the beginning if there is none,
 *                                up to STEPS, and saves after each step
 *     resume CHECKPOINT          loads it and prints its step
 */
#include <gradus.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { ROWS = 200, INPUTS = 32, HIDDEN = 128 };

typedef struct training {
    gr_graph *g;
    gr_module *net;
    gr_optimizer *opt;
    gr_ema *ema;
    gr_batches *train;
    int64_t step;
    gr_checkpoint *checkpoint;
} training;

static gr_batches *make_batches(gr_graph *g) {
    gr_tensor *x = gr_normal(g, GR_SHAPE(ROWS, INPUTS), 0, 1);
    gr_tensor *y = gr_sin(gr_sum(x, .axes = GR_AXES(1), .keepdim = true));
    return gr_batches_new(gr_keep(x), gr_keep(y), .batch = 16, .shuffle = true);
}

/* The data come from the same seed in each process, before the checkpoint brings its own state. */
static bool make(training *t) {
    gr_graph *g = t->g = gr_graph_new(.seed = 42);
    t->train = make_batches(g);
    t->net = gr_sequential(g, gr_linear(g, INPUTS, HIDDEN), gr_relu_layer(g),
                           gr_linear(g, HIDDEN, HIDDEN), gr_relu_layer(g), gr_linear(g, HIDDEN, 1));
    t->opt = gr_adam(t->net);
    t->ema = gr_ema_new(t->net, 0.99);
    t->checkpoint = gr_checkpoint_new(g);
    gr_graph_reset(g);
    return gr_checkpoint_add_module(t->checkpoint, "model", t->net) &&
           gr_checkpoint_add_optimizer(t->checkpoint, "optimizer", t->opt) &&
           gr_checkpoint_add_ema(t->checkpoint, "ema", t->ema) &&
           gr_checkpoint_add_batches(t->checkpoint, "train", t->train) &&
           gr_checkpoint_add_integers(t->checkpoint, "step", &t->step, 1);
}

static bool step(training *t) {
    gr_tensor *x, *y;
    while (!gr_batch_next(t->train, &x, &y))
        if (gr_failed(t->g)) return false;
    x = gr_mul(x, gr_bernoulli(t->g, x->shape, 0.9));
    t->step++;
    bool stepped =
        gr_backward(gr_huber(gr_forward(t->net, x), y)) && gr_step(t->opt) && gr_ema_update(t->ema);
    gr_graph_reset(t->g);
    return stepped;
}

static bool run(training *t, const char *path, int64_t steps) {
    if (!make(t)) return false;
    bool resumed = access(path, F_OK) == 0;
    if ((resumed || steps == 0) && !gr_checkpoint_load(t->checkpoint, path)) return false;
    if (steps == 0) printf("%lld\n", (long long)t->step);
    while (t->step < steps)
        if (!step(t) || !gr_checkpoint_save(t->checkpoint, path)) return false;
    return true;
}

int main(int argc, char **argv) {
    if (argc != 2 && argc != 3) {
        fprintf(stderr, "resume CHECKPOINT [STEPS]\n");
        return EXIT_FAILURE;
    }
    training t = {.step = 0};
    bool done = run(&t, argv[1], argc == 3 ? atoll(argv[2]) : 0);
    if (!done) fprintf(stderr, "resume: %s\n", gr_error(t.g));
    gr_graph_free(t.g);
    return done ? EXIT_SUCCESS : EXIT_FAILURE;
}
