/* Checkpoints: trainings that go on with the same bits, and files that change nothing. */
#include "optim/checkpoint.h"

#include <check.h>
#include <string.h>

#include "core/data/batches_internal.h"
#include "core/graph/autodiff.h"
#include "core/graph/random.h"
#include "core/ops/elementwise.h"
#include "losses/regression.h"
#include "nn/activation.h"
#include "nn/linear.h"
#include "nn/sequential.h"
#include "nn/spectral_norm.h"
#include "nn/weights.h"
#include "tests/unit/files.h"
#include "tests/unit/suites.h"

/* A training with all that a checkpoint can hold. */
typedef struct run {
    gr_graph *g;
    gr_module *net;
    gr_optimizer *opt;
    gr_ema *ema;
    gr_batches *train;
    gr_plateau plateau;
    double sums[2]; /* of this epoch's losses, and their squares */
    int64_t step, epochs;
    gr_checkpoint *checkpoint;
} run;

static gr_optimizer *sgd(gr_module *m) { return gr_sgd(m, .lr = 0.02); }
static gr_optimizer *momentum(gr_module *m) { return gr_sgd(m, .lr = 0.02, .momentum = 0.9); }
static gr_optimizer *nesterov(gr_module *m) {
    return gr_sgd(m, .lr = 0.02, .momentum = 0.9, .nesterov = true);
}
static gr_optimizer *adam(gr_module *m) { return gr_adam(m, .lr = 0.02); }
static gr_optimizer *adamw(gr_module *m) { return gr_adamw(m, .lr = 0.02); }
static gr_optimizer *rmsprop(gr_module *m) { return gr_rmsprop(m); }
static gr_optimizer *centered(gr_module *m) {
    return gr_rmsprop(m, .centered = true, .momentum = 0.5);
}
static gr_optimizer *adagrad(gr_module *m) {
    return gr_adagrad(m, .lr_decay = 0.1, .initial_accumulator_value = 0.1);
}

static gr_optimizer *(*const optimizers[])(gr_module *) = {sgd,   momentum, nesterov, adam,
                                                           adamw, rmsprop,  centered, adagrad};
enum { OPTIMIZERS = sizeof optimizers / sizeof *optimizers, ROWS = 50, STEPS = 20 };

static gr_batches *make_batches(gr_graph *g) {
    gr_real x[ROWS * 2], y[ROWS];
    for (int i = 0; i < ROWS; i++) {
        x[2 * i] = (gr_real)(i % 7 - 3) / 2;
        x[2 * i + 1] = (gr_real)(i % 11 - 5) / 3;
        y[i] = x[2 * i] * x[2 * i + 1];
    }
    return gr_batches_new(gr_keep(gr_from(g, GR_SHAPE(ROWS, 2), x)),
                          gr_keep(gr_from(g, GR_SHAPE(ROWS, 1), y)), .batch = 8, .shuffle = true);
}

static void make_parts(run *r, gr_optimizer *(*optimizer)(gr_module *)) {
    gr_graph *g = r->g;
    gr_module *body = gr_sequential(g, gr_linear(g, 2, 6), gr_relu_layer(g),
                                    gr_spectral_linear(g, 6, 6)),
              *head = gr_linear(g, 6, 1);
    r->opt = optimizer(body);
    gr_add_group(r->opt, head, .lr = 0.005, .weight_decay = 0.01);
    r->net = gr_sequential(g, body, gr_relu_layer(g), head);
    r->ema = gr_ema_new(r->net, 0.9);
    r->train = make_batches(g);
    r->plateau = GR_PLATEAU(.patience = 0, .factor = 0.5);
}

static void add_parts(run *r) {
    gr_checkpoint *c = r->checkpoint = gr_checkpoint_new(r->g);
    ck_assert(gr_checkpoint_add_module(c, "model", r->net));
    ck_assert(gr_checkpoint_add_optimizer(c, "optimizer", r->opt));
    ck_assert(gr_checkpoint_add_ema(c, "ema", r->ema));
    ck_assert(gr_checkpoint_add_batches(c, "train", r->train));
    ck_assert(gr_checkpoint_add_plateau(c, "plateau", &r->plateau));
    ck_assert(gr_checkpoint_add_reals(c, "sums", r->sums, 2));
    ck_assert(gr_checkpoint_add_integers(c, "step", &r->step, 1));
    ck_assert(gr_checkpoint_add_integers(c, "epochs", &r->epochs, 1));
}

static void run_new(run *r, uint64_t seed, gr_optimizer *(*optimizer)(gr_module *)) {
    *r = (run){.g = gr_graph_new(.seed = seed, .threads = 1)};
    make_parts(r, optimizer);
    add_parts(r);
    ck_assert_msg(!gr_failed(r->g), "%s", gr_error(r->g));
}

static void end_epoch(run *r) {
    gr_lr_on_plateau(&r->plateau, r->opt, r->sums[0]);
    r->sums[0] = r->sums[1] = 0;
    r->epochs++;
}

static void train(run *r, int steps) {
    gr_tensor *x, *y;
    for (int i = 0; i < steps; i++) {
        while (!gr_batch_next(r->train, &x, &y)) {
            ck_assert_msg(!gr_failed(r->g), "%s", gr_error(r->g));
            end_epoch(r);
        }
        x = gr_mul(x, gr_bernoulli(r->g, x->shape, 0.8)); /* dropout */
        gr_tensor *loss = gr_mse(gr_forward(r->net, x), y);
        r->sums[0] += gr_item(loss);
        r->sums[1] += gr_item(loss) * gr_item(loss);
        ck_assert_msg(gr_backward(loss) && gr_step(r->opt) && gr_ema_update(r->ema), "%s",
                      gr_error(r->g));
        r->step++;
        gr_graph_reset(r->g);
    }
}

/* -- The bits of all that changes, without a checkpoint's help -- */

static void put(file_bytes *state, const void *data, size_t size) {
    if (state->size + size > FILE_ROOM) ck_abort_msg("the state is larger than %d", FILE_ROOM);
    memcpy(state->at + state->size, data, size);
    state->size += size;
}

static void put_group(file_bytes *state, const gr_optimizer *group) {
    put(state, &group->lr, sizeof group->lr);
    put(state, &group->weight_decay, sizeof group->weight_decay);
    put(state, &group->initial_lr, sizeof group->initial_lr);
    for (int i = 0; i < group->parameters.n; i++) {
        put(state, &group->steps[i], sizeof *group->steps);
        for (int k = 0; k < group->type->memories; k++)
            put(state, group->memory[k][i],
                (size_t)group->parameters.items[i]->size * sizeof(gr_real));
    }
}

static const file_bytes *state_of(const run *r, file_bytes *state) {
    state->size = 0;
    gr_random_state random = gr_random_get(r->g);
    gr_list parameters = gr_parameters(r->net), buffers = gr_buffers(r->net);
    put(state, &random, sizeof random);
    for (int i = 0; i < parameters.n; i++) {
        size_t size = (size_t)parameters.items[i]->size * sizeof(gr_real);
        put(state, parameters.items[i]->data, size);
        put(state, r->ema->average[i], size);
    }
    for (int i = 0; i < buffers.n; i++)
        put(state, buffers.items[i]->data, (size_t)buffers.items[i]->size * sizeof(gr_real));
    for (const gr_optimizer *o = r->opt; o != NULL; o = o->next) put_group(state, o);
    put(state, &r->ema->decay, sizeof r->ema->decay);
    put(state, &r->ema->updates, sizeof r->ema->updates);
    put(state, &r->ema->swapped, sizeof r->ema->swapped);
    put(state, r->train->order, ROWS * sizeof *r->train->order);
    put(state, &r->train->at, sizeof r->train->at);
    put(state, &r->plateau.best, sizeof r->plateau.best);
    put(state, &r->plateau.watched, sizeof r->plateau.watched);
    put(state, &r->plateau.bad_epochs, sizeof r->plateau.bad_epochs);
    put(state, &r->plateau.cooldown_left, sizeof r->plateau.cooldown_left);
    put(state, r->sums, sizeof r->sums);
    put(state, &r->step, sizeof r->step);
    put(state, &r->epochs, sizeof r->epochs);
    return state;
}

static file_bytes a_bits, b_bits, bytes, changed;

static bool same(const run *a, const run *b) {
    state_of(a, &a_bits);
    state_of(b, &b_bits);
    return a_bits.size == b_bits.size && memcmp(a_bits.at, b_bits.at, a_bits.size) == 0;
}

static file_bytes before;
static bool unchanged(const run *r) {
    state_of(r, &a_bits);
    return a_bits.size == before.size && memcmp(a_bits.at, before.at, before.size) == 0;
}

/* -- Going on -- */

static run a, b; /* what the tests work with */

static void setup(void) {
    scratch_make();
    run_new(&a, 1, adam);
    run_new(&b, 2, adam);
}

static void teardown(void) {
    gr_graph_free(a.g);
    gr_graph_free(b.g);
    scratch_remove();
}

START_TEST(goes_on_with_the_same_bits) {
    const char *path = scratch_path("run");
    run whole, half, rest;
    run_new(&whole, 1, optimizers[_i]);
    run_new(&half, 1, optimizers[_i]);
    run_new(&rest, 99, optimizers[_i]);
    train(&whole, 2 * STEPS);
    train(&half, STEPS);
    ck_assert_msg(gr_checkpoint_save(half.checkpoint, path), "%s", gr_error(half.g));
    ck_assert_msg(gr_checkpoint_load(rest.checkpoint, path), "%s", gr_error(rest.g));
    ck_assert(same(&half, &rest));
    ck_assert(!same(&whole, &rest));
    train(&rest, STEPS);
    ck_assert(same(&whole, &rest));
    ck_assert_int_eq(rest.step, 2 * STEPS);
    ck_assert_int_eq(rest.epochs, 5); /* of seven batches: both halves end within one */
    ck_assert(gr_checkpoint_save(whole.checkpoint, path));
    file_load(path, &bytes);
    ck_assert(gr_checkpoint_save(rest.checkpoint, path));
    file_load(path, &changed);
    ck_assert(bytes.size == changed.size && memcmp(bytes.at, changed.at, bytes.size) == 0);
    gr_graph_free(whole.g);
    gr_graph_free(half.g);
    gr_graph_free(rest.g);
}
END_TEST

/* Numbers that neither a float nor a double, nor a signed integer holds. */
START_TEST(numbers_are_exact) {
    const char *path = scratch_path("run");
    gr_random_set(a.g, (gr_random_state){UINT64_MAX, (UINT64_C(1) << 63) + 1});
    a.opt->lr = 0.1;
    a.opt->steps[0] = (INT64_C(1) << 62) + 1;
    a.step = INT64_MIN;
    a.plateau.best = 1.0 / 3;
    ck_assert(gr_ema_swap(a.ema));
    ck_assert(gr_checkpoint_save(a.checkpoint, path));
    ck_assert_msg(gr_checkpoint_load(b.checkpoint, path), "%s", gr_error(b.g));
    ck_assert(same(&a, &b));
    ck_assert(b.ema->swapped && b.opt->lr == 0.1 && b.step == INT64_MIN);
    ck_assert_uint_eq(gr_random_get(b.g).seed, UINT64_MAX);
}
END_TEST

/* A group that is added later is part of it. */
START_TEST(parts_are_looked_at_when_saved) {
    gr_tensor *more = gr_parameter(a.g, GR_SHAPE(3), "more");
    ck_assert_ptr_nonnull(gr_add_group(a.opt, NULL, .parameters = GR_LIST(more)));
    ck_assert(gr_checkpoint_save(a.checkpoint, scratch_path("run")));
    ck_assert(!gr_checkpoint_load(b.checkpoint, scratch_path("run")));
    ck_assert_ptr_nonnull(strstr(gr_error(b.g), "adam in 3 groups, expected adam in 2 groups"));
}
END_TEST

/* -- Files that don't fit -- */

static void expect_error(gr_graph *g, const char *call, const char *format, const char *path) {
    char message[512];
    snprintf(message, sizeof message, format, path);
    ck_assert_msg(strcmp(gr_error(g), message) == 0, "%s:\n  said     \"%s\"\n  expected \"%s\"",
                  call, gr_error(g), message);
    gr_clear_error(g);
}
/* `message` has %s for the path where it is in it. */
#define FAILS(g, call, message, path)                                                              \
    do {                                                                                           \
        ck_assert_msg(!(call), "%s", #call);                                                       \
        expect_error(g, #call, message, path);                                                     \
    } while (0)

#define REAL (sizeof(gr_real) == 4 ? "F32" : "F64")

static const char *with_real(const char *format) {
    static char text[256];
    snprintf(text, sizeof text, format, REAL, REAL);
    return text;
}

/* Makes the run's checkpoint one of these parts alone. */
static void only(run *r, gr_module *m, gr_optimizer *opt) {
    r->checkpoint = gr_checkpoint_new(r->g);
    if (m != NULL) ck_assert(gr_checkpoint_add_module(r->checkpoint, "model", m));
    if (opt != NULL) ck_assert(gr_checkpoint_add_optimizer(r->checkpoint, "optimizer", opt));
}

/* What a's file says to b, which stays as it is. */
static void refuses(const char *message) {
    ck_assert_msg(gr_checkpoint_save(a.checkpoint, scratch_path("run")), "%s", gr_error(a.g));
    state_of(&b, &before);
    char format[512];
    snprintf(format, sizeof format, "gr_checkpoint_load: %%s: %s", message);
    FAILS(b.g, gr_checkpoint_load(b.checkpoint, scratch_path("run")), format, scratch_path("run"));
    ck_assert(unchanged(&b));
}

START_TEST(other_parts_are_refused) {
    only(&a, a.net, NULL);
    only(&b, b.net, b.opt);
    refuses("there is no part optimizer (adam in 2 groups)");
    only(&a, a.net, a.opt);
    only(&b, b.net, NULL);
    refuses("it has a part optimizer (adam in 2 groups), which is not expected");
    only(&a, a.net, NULL);
    b.checkpoint = gr_checkpoint_new(b.g);
    ck_assert(gr_checkpoint_add_ema(b.checkpoint, "model", b.ema));
    refuses("model is module, expected ema");
}
END_TEST

START_TEST(other_modules_are_refused) {
    only(&a, gr_linear(a.g, 3, 2), NULL);
    only(&b, gr_linear(b.g, 4, 2), NULL);
    refuses(with_real("model.weight is %s (2,3), expected %s (2,4)"));
    only(&b, gr_linear(b.g, 3, 2, .bias = false), NULL);
    refuses(with_real("it holds model.bias %s (2), which is not expected"));
    only(&b, gr_sequential(b.g, gr_linear(b.g, 3, 2)), NULL);
    refuses(with_real("there is no model.0.weight %s (2,3)"));
}
END_TEST

START_TEST(other_optimizers_are_refused) {
    gr_module *m = gr_linear(a.g, 3, 2), *n = gr_linear(b.g, 3, 2);
    only(&a, m, gr_adam(m));
    only(&b, n, gr_adamw(n));
    refuses("optimizer is adam, expected adamw");
    gr_optimizer *two = gr_adam(NULL, .parameters = {1, gr_parameters(n).items});
    gr_add_group(two, NULL, .parameters = {1, gr_parameters(n).items + 1});
    only(&b, n, two);
    refuses("optimizer is adam, expected adam in 2 groups");
    only(&a, m, gr_sgd(m));
    only(&b, n, gr_sgd(n, .momentum = 0.5));
    refuses(with_real("there is no optimizer.weight.momentum_buffer %s (2,3)"));
    only(&a, m, gr_sgd(m, .momentum = 0.5));
    only(&b, n, gr_sgd(n));
    refuses(with_real("it holds optimizer.weight.momentum_buffer %s (2,3), which is not expected"));
}
END_TEST

START_TEST(other_numbers_are_refused) {
    double reals[3] = {1, 2, 3};
    int64_t integers[3] = {1, 2, 3};
    only(&a, NULL, NULL);
    only(&b, NULL, NULL);
    ck_assert(gr_checkpoint_add_reals(a.checkpoint, "n", reals, 3));
    ck_assert(gr_checkpoint_add_reals(b.checkpoint, "n", reals, 2));
    refuses("n is F64 (3), expected F64 (2)");
    only(&b, NULL, NULL);
    ck_assert(gr_checkpoint_add_integers(b.checkpoint, "n", integers, 3));
    refuses("n is reals, expected integers");
}
END_TEST

START_TEST(other_batches_are_refused) {
    a.train->order[3] = ROWS;
    refuses("train.order: element (3) is 50, expected 0 to 49");
    a.train->order[3] = -1;
    refuses("train.order: element (3) is -1, expected 0 to 49");
    a.train->order[3] = 3;
    a.train->at = ROWS + 1;
    refuses("train.at: element () is 51, expected -1 to 50");
    a.train->at = -2;
    refuses("train.at: element () is -2, expected -1 to 50");
    a.train->at = -1;
    only(&a, NULL, NULL);
    only(&b, NULL, NULL);
    gr_tensor *one_row = gr_keep(gr_zeros(b.g, GR_SHAPE(1, 2)));
    gr_batches *one = gr_batches_new(one_row);
    ck_assert(gr_checkpoint_add_batches(a.checkpoint, "train", a.train));
    ck_assert(gr_checkpoint_add_batches(b.checkpoint, "train", one));
    refuses("train.order is I32 (50), expected I32 (1)");
    gr_batches *other = gr_batches_new(gr_keep(gr_zeros(a.g, GR_SHAPE(1, 2))));
    other->order[0] = 1;
    only(&a, NULL, NULL);
    ck_assert(gr_checkpoint_add_batches(a.checkpoint, "train", other));
    refuses("train.order: element (0) is 1, expected 0 to 0");
}
END_TEST

/* More rows are drawn in an epoch than there are. */
START_TEST(batches_are_saved_before_the_first) {
    gr_tensor *x = gr_keep(gr_zeros(a.g, GR_SHAPE(3, 2))), *weights = gr_full(a.g, GR_SHAPE(3), 1);
    gr_batches *drawn = gr_batches_new(x, .weights = weights, .samples = 10);
    only(&a, NULL, NULL);
    ck_assert(gr_checkpoint_add_batches(a.checkpoint, "train", drawn));
    ck_assert(gr_checkpoint_save(a.checkpoint, scratch_path("run")));
    ck_assert_msg(gr_checkpoint_load(a.checkpoint, scratch_path("run")), "%s", gr_error(a.g));
}
END_TEST

static void load_fails(const char *path, const char *format) {
    state_of(&b, &before);
    FAILS(b.g, gr_checkpoint_load(b.checkpoint, path), format, path);
    ck_assert(unchanged(&b));
}

START_TEST(other_files_are_refused) {
    const char *path = scratch_path("weights");
    load_fails("tests/oracle/weights/mlp.f32.safetensors",
               "gr_checkpoint_load: %s: its format is not said, expected \"gradus checkpoint 1\"");
    ck_assert(gr_weights_save(a.net, path));
    load_fails(path,
               "gr_checkpoint_load: %s: its format is \"pt\", expected \"gradus checkpoint 1\"");
    load_fails("/nowhere/x", "gr_checkpoint_load: can't open %s: No such file or directory");
    load_fails(NULL, "gr_checkpoint_load: path is NULL");
    ck_assert(gr_checkpoint_save(a.checkpoint, scratch_path("run")));
    file_load(scratch_path("run"), &bytes);
    char wanted[32];
    snprintf(wanted, sizeof wanted, "\"real\":\"%s\"", REAL);
    char *there = strstr((char *)bytes.at + 8, wanted);
    ck_assert_ptr_nonnull(there);
    memcpy(there + strlen("\"real\":\""), sizeof(gr_real) == 4 ? "F64" : "F32", 3);
    file_write(path, bytes.at, bytes.size);
    load_fails(path, sizeof(gr_real) == 4
                         ? "gr_checkpoint_load: %s: its reals are F64, expected F32: a training "
                           "goes on in the precision in which it began"
                         : "gr_checkpoint_load: %s: its reals are F32, expected F64: a training "
                           "goes on in the precision in which it began");
}
END_TEST

START_TEST(damaged_files_change_nothing) {
    const char *path = scratch_path("run"), *damaged = scratch_path("damaged");
    train(&a, 10);
    ck_assert(gr_checkpoint_save(a.checkpoint, path));
    file_load(path, &bytes);
    state_of(&b, &before);
    int harmless = 0, tries = 0;
    for (size_t n = 0; n < bytes.size; n++, tries++) {
        file_write(damaged, bytes.at, n);
        ck_assert(!gr_checkpoint_load(b.checkpoint, damaged));
        ck_assert(gr_failed(b.g) && unchanged(&b));
        gr_clear_error(b.g);
    }
    size_t data = safetensors_data_begin(&bytes);
    for (size_t i = 0; i < bytes.size; i++, tries++) {
        changed = bytes;
        changed.at[i] ^= (unsigned char)(1 << i % 8);
        file_write(damaged, changed.at, changed.size);
        if (!gr_checkpoint_load(b.checkpoint, damaged)) {
            ck_assert(gr_failed(b.g) && unchanged(&b));
            gr_clear_error(b.g);
            continue;
        }
        ck_assert_msg(i < data && same(&a, &b), "byte %d", (int)i);
        b.step++;
        state_of(&b, &before);
        harmless++;
    }
    printf("checkpoint: %d damaged files are errors, %d are not and hold the same\n",
           tries - harmless, harmless);
    ck_assert_int_lt(harmless, 10); /* the padding */
}
END_TEST

/* -- Files that can't be written, no memory -- */

START_TEST(a_full_disk_leaves_the_old_file) {
    const char *path = scratch_path("run");
    ck_assert(gr_checkpoint_save(a.checkpoint, path));
    file_load(path, &bytes);
    train(&a, 3);
    for (size_t limit = 0; limit < bytes.size; limit += 512) {
        limit_file_size(limit);
        bool saved = gr_checkpoint_save(a.checkpoint, path);
        unlimit_file_size();
        ck_assert(!saved);
        expect_error(a.g, "save", "gr_checkpoint_save: can't write %s: File too large", path);
        file_load(path, &changed);
        ck_assert(changed.size == bytes.size && memcmp(changed.at, bytes.at, bytes.size) == 0);
        ck_assert(!file_exists(scratch_path("run.tmp")));
    }
    ck_assert_msg(gr_checkpoint_load(b.checkpoint, path), "%s", gr_error(b.g));
    ck_assert_int_eq(b.step, 0);
    FAILS(a.g, gr_checkpoint_save(a.checkpoint, "/nowhere/x"),
          "gr_checkpoint_save: can't write /nowhere/x: No such file or directory", "");
    FAILS(a.g, gr_checkpoint_save(a.checkpoint, NULL), "gr_checkpoint_save: path is NULL", "");
}
END_TEST

/* Whatever the limit at which memory ends. */
START_TEST(no_memory) {
    const char *path = scratch_path("run"), *other = scratch_path("other");
    train(&a, 5);
    ck_assert(gr_checkpoint_save(a.checkpoint, path));
    int saves = 0, loads = 0, limits = 0;
    size_t reserved = gr_memory_use(b.g).reserved;
    for (size_t room = 0; room < 40000; room += 250, limits++) {
        run small = {.g = gr_graph_new(.seed = 5, .threads = 1, .memory_limit = reserved + room)};
        make_parts(&small, adam);
        add_parts(&small);
        bool saved = gr_checkpoint_save(small.checkpoint, other);
        ck_assert_int_eq(file_exists(other), saved);
        ck_assert(saved || strstr(gr_error(small.g), "gr_checkpoint_save: no memory") != NULL);
        gr_clear_error(small.g);
        state_of(&small, &before);
        bool loaded = gr_checkpoint_load(small.checkpoint, path);
        ck_assert(loaded || strstr(gr_error(small.g), "no memory") != NULL);
        ck_assert(loaded ? same(&a, &small) : unchanged(&small));
        saves += saved;
        loads += loaded;
        gr_graph_free(small.g);
        remove(other);
    }
    printf("checkpoint: %d saves and %d loads of %d without memory\n", limits - saves,
           limits - loads, limits);
    ck_assert(0 < saves && saves < limits && 0 < loads && loads < limits);
}
END_TEST

/* -- Saying what is in it -- */

START_TEST(parts_that_cannot_be_added) {
    gr_checkpoint *c = gr_checkpoint_new(a.g);
    double x = 0;
    int64_t n = 0;
    FAILS(a.g, gr_checkpoint_add_module(c, NULL, a.net),
          "gr_checkpoint_add_module: the part has no name", "");
    FAILS(a.g, gr_checkpoint_add_module(c, "", a.net),
          "gr_checkpoint_add_module: the part has no name", "");
    FAILS(a.g, gr_checkpoint_add_module(c, "model", NULL),
          "gr_checkpoint_add_module: model is NULL", "");
    FAILS(a.g, gr_checkpoint_add_module(c, "model", b.net),
          "gr_checkpoint_add_module: model belongs to another graph", "");
    FAILS(a.g, gr_checkpoint_add_module(c, "random", a.net),
          "gr_checkpoint_add_module: there is a part random already", "");
    FAILS(a.g, gr_checkpoint_add_optimizer(c, "opt", NULL),
          "gr_checkpoint_add_optimizer: opt is NULL", "");
    FAILS(a.g, gr_checkpoint_add_optimizer(c, "opt", b.opt),
          "gr_checkpoint_add_optimizer: opt belongs to another graph", "");
    FAILS(a.g, gr_checkpoint_add_ema(c, "ema", NULL), "gr_checkpoint_add_ema: ema is NULL", "");
    FAILS(a.g, gr_checkpoint_add_ema(c, "ema", b.ema),
          "gr_checkpoint_add_ema: ema belongs to another graph", "");
    FAILS(a.g, gr_checkpoint_add_batches(c, "train", NULL),
          "gr_checkpoint_add_batches: train is NULL", "");
    FAILS(a.g, gr_checkpoint_add_batches(c, "train", b.train),
          "gr_checkpoint_add_batches: train belongs to another graph", "");
    FAILS(a.g, gr_checkpoint_add_plateau(c, "plateau", NULL),
          "gr_checkpoint_add_plateau: plateau is NULL", "");
    FAILS(a.g, gr_checkpoint_add_reals(c, "x", NULL, 1), "gr_checkpoint_add_reals: x is NULL", "");
    FAILS(a.g, gr_checkpoint_add_reals(c, "x", &x, 0),
          "gr_checkpoint_add_reals: 0 numbers, expected 1 or more", "");
    FAILS(a.g, gr_checkpoint_add_integers(c, "n", &n, -1),
          "gr_checkpoint_add_integers: -1 numbers, expected 1 or more", "");
    ck_assert(gr_checkpoint_add_optimizer(c, "x", a.opt));
    FAILS(a.g, gr_checkpoint_add_optimizer(c, "x", a.opt),
          "gr_checkpoint_add_optimizer: there is a part x already", "");
    FAILS(a.g, gr_checkpoint_add_reals(c, "x", &x, 1),
          "gr_checkpoint_add_reals: there is a part x already", "");
}
END_TEST

START_TEST(names_that_cannot_be_saved) {
    const char *path = scratch_path("run");
    gr_tensor *p = gr_parameter(a.g, GR_SHAPE(2), NULL), *q = gr_parameter(a.g, GR_SHAPE(2), "q"),
              *again = gr_parameter(a.g, GR_SHAPE(2), "q");
    only(&a, NULL, gr_adam(NULL, .parameters = GR_LIST(p, q)));
    FAILS(a.g, gr_checkpoint_save(a.checkpoint, path),
          "gr_checkpoint_save: a parameter of optimizer has no name (gr_name)", "");
    FAILS(a.g, gr_checkpoint_load(a.checkpoint, path),
          "gr_checkpoint_load: a parameter of optimizer has no name (gr_name)", "");
    only(&a, NULL, gr_adam(NULL, .parameters = GR_LIST(q, again)));
    FAILS(a.g, gr_checkpoint_save(a.checkpoint, path),
          "gr_checkpoint_save: two tensors are called optimizer.q.exp_avg", "");
    gr_module *m = gr_linear(a.g, 2, 2);
    gr_ema *ema = gr_ema_new(m, 0.5);
    gr_name(gr_parameters(m).items[1], NULL);
    a.checkpoint = gr_checkpoint_new(a.g);
    ck_assert(gr_checkpoint_add_ema(a.checkpoint, "ema", ema));
    FAILS(a.g, gr_checkpoint_save(a.checkpoint, path),
          "gr_checkpoint_save: a parameter of ema has no name (gr_name)", "");
    ck_assert(!file_exists(path));
}
END_TEST

START_TEST(nothing_happens_in_a_failed_graph) {
    const char *path = scratch_path("run");
    double x = 0;
    gr_fail(a.g, "before");
    ck_assert_ptr_null(gr_checkpoint_new(a.g));
    ck_assert(!gr_checkpoint_add_reals(a.checkpoint, "x", &x, 1));
    ck_assert(!gr_checkpoint_save(a.checkpoint, path) && !file_exists(path));
    ck_assert(gr_checkpoint_save(b.checkpoint, path));
    state_of(&a, &before);
    ck_assert(!gr_checkpoint_load(a.checkpoint, path) && unchanged(&a));
    ck_assert_str_eq(gr_error(a.g), "before");
    ck_assert_ptr_null(gr_checkpoint_new(NULL));
    ck_assert(!gr_checkpoint_save(NULL, path) && !gr_checkpoint_load(NULL, path));
    ck_assert(!gr_checkpoint_add_module(NULL, "model", a.net));
    ck_assert(!gr_checkpoint_add_plateau(NULL, "plateau", &a.plateau));
    ck_assert(!gr_checkpoint_add_reals(NULL, "x", &x, 1));
}
END_TEST

Suite *checkpoint_suite(void) {
    Suite *s = suite_create("checkpoint");
    TCase *t = tcase_create("checkpoint");
    tcase_set_timeout(t, 120);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_loop_test(t, goes_on_with_the_same_bits, 0, OPTIMIZERS);
    tcase_add_test(t, numbers_are_exact);
    tcase_add_test(t, parts_are_looked_at_when_saved);
    tcase_add_test(t, other_parts_are_refused);
    tcase_add_test(t, other_modules_are_refused);
    tcase_add_test(t, other_optimizers_are_refused);
    tcase_add_test(t, other_numbers_are_refused);
    tcase_add_test(t, other_batches_are_refused);
    tcase_add_test(t, batches_are_saved_before_the_first);
    tcase_add_test(t, other_files_are_refused);
    tcase_add_test(t, damaged_files_change_nothing);
    tcase_add_test(t, a_full_disk_leaves_the_old_file);
    tcase_add_test(t, no_memory);
    tcase_add_test(t, parts_that_cannot_be_added);
    tcase_add_test(t, names_that_cannot_be_saved);
    tcase_add_test(t, nothing_happens_in_a_failed_graph);
    suite_add_tcase(s, t);
    return s;
}
