/* The bookkeeping of a training. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/graph/autodiff.h"
#include "core/graph/random.h"
#include "core/ops/reduce.h"
#include "losses/regression.h"
#include "nn/activation.h"
#include "nn/linear.h"
#include "nn/sequential.h"
#include "nn/weights.h"
#include "optim/trainer.h"
#include "tests/unit/suites.h"

static gr_graph *g;
static char directory[] = "/tmp/gradus-trainer-XXXXXX";

static void setup(void) {
    g = gr_graph_new(.seed = 5);
    strcpy(directory, "/tmp/gradus-trainer-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(directory));
}

static const char *file_named(const char *name) {
    static char path[256];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    return path;
}

static void teardown(void) {
    static const char *const names[] = {"log.csv", "best.safetensors", "last.safetensors",
                                        "last.checkpoint"};
    gr_graph_free(g);
    for (int i = 0; i < 4; i++) unlink(file_named(names[i]));
    rmdir(directory);
}

#define FAILS(call, message)                                                                       \
    do {                                                                                           \
        ck_assert(!(call));                                                                        \
        ck_assert_str_eq(gr_error(g), message);                                                    \
        gr_clear_error(g);                                                                         \
    } while (0)

/* -- A small training -- */

typedef struct training {
    gr_module *net;
    gr_optimizer *opt;
    gr_batches *train, *test;
} training;

/* y = sum of x, 22 rows in batches of 8: 8, 8 and 6. */
static training make(gr_graph *graph) {
    gr_tensor *x = gr_keep(gr_normal(graph, GR_SHAPE(22, 3), 0, 1));
    gr_tensor *y = gr_keep(gr_sum(x, .axes = GR_AXES(1), .keepdim = true));
    training t = {.net = gr_sequential(graph, gr_linear(graph, 3, 8), gr_relu_layer(graph),
                                       gr_linear(graph, 8, 1))};
    t.opt = gr_adam(t.net, .lr = 1e-2);
    t.train = gr_batches_new(x, y, .batch = 8, .shuffle = true);
    t.test = gr_batches_new(x, y, .batch = 16);
    gr_graph_reset(graph);
    ck_assert_msg(!gr_failed(graph), "%s", gr_error(graph));
    return t;
}

/* Whole epochs until `last` are done, and then a batch more. */
static void train(const training *t, gr_trainer *run, int last) {
    gr_tensor *x, *y;
    while (gr_trainer_epoch(run)) {
        t->opt->lr = 3e-2 / (1 + 0.1 * run->epoch);
        while (gr_trainer_batch(run, &x, &y)) {
            if (run->epoch == last && run->step % 3 == 2) gr_trainer_stop(run);
            gr_trainer_step(run, gr_mse(gr_forward(t->net, x), y));
        }
        while (gr_trainer_evaluate(run, t->test, &x, &y))
            gr_trainer_log(run, "error", gr_item(gr_l1(gr_forward(t->net, x), y)));
    }
    ck_assert_msg(!gr_failed(run->graph), "%s", gr_error(run->graph));
}

START_TEST(a_run_trains_and_counts) {
    training t = make(g);
    gr_trainer *run = gr_trainer_new(t.net, t.opt, t.train, .epochs = 30, .watch = "error");
    ck_assert_msg(run != NULL, "%s", gr_error(g));
    ck_assert_double_nan(gr_trainer_value(run, "loss"));
    ck_assert_int_eq(run->best_epoch, -1);
    ck_assert(gr_trainer_epoch(run));
    gr_tensor *x, *y;
    while (gr_trainer_batch(run, &x, &y)) gr_trainer_step(run, gr_mse(gr_forward(t.net, x), y));
    gr_trainer_log(run, "error", 100);
    double first = gr_trainer_value(run, "loss");
    train(&t, run, -1);
    ck_assert_int_eq(run->epoch, 30);
    ck_assert_int_eq(run->step, 90);
    ck_assert_int_eq(run->steps, 90);
    ck_assert_double_lt(gr_trainer_value(run, "loss"), first / 4);
    ck_assert_double_lt(run->best, 100);
    ck_assert_int_gt(run->best_epoch, 0);
    ck_assert(!gr_trainer_epoch(run));
    ck_assert_int_eq(access(file_named("log.csv"), F_OK), -1);
}
END_TEST

START_TEST(means_count_rows) {
    training t = make(g);
    gr_trainer *run = gr_trainer_new(t.net, t.opt, t.train, .epochs = 2, .watch = "rows");
    for (int epoch = 0; gr_trainer_epoch(run); epoch++) {
        gr_tensor *x;
        double sum = 0;
        for (int i = 0; gr_trainer_batch(run, &x, NULL); i++) {
            double value = 1 + i + 10 * epoch;
            gr_trainer_log(run, "rows", value);
            sum += x->shape.dim[0] * value;
            ck_assert_int_eq(x->shape.dim[0], i < 2 ? 8 : 6);
        }
        ck_assert_double_eq_tol(gr_trainer_value(run, "rows"), sum / 22, 1e-12);
        gr_trainer_log(run, "once", 3);
        gr_trainer_log(run, "once", 5);
        ck_assert_double_eq(gr_trainer_value(run, "once"), 4);
    }
    ck_assert_double_eq(run->best, (8 * 1 + 8 * 2 + 6 * 3) / 22.0);
    ck_assert_int_eq(run->best_epoch, 0);
    ck_assert_double_nan(gr_trainer_value(run, "nothing"));
    ck_assert(!gr_failed(g));
}
END_TEST

START_TEST(a_step_counts_once_after_an_evaluation_that_was_left) {
    training t = make(g);
    gr_trainer *run = gr_trainer_new(t.net, t.opt, .steps = 4, .epochs = 1);
    ck_assert(gr_trainer_epoch(run));
    for (int i = 0; gr_trainer_batch(run, NULL, NULL); i++) {
        gr_trainer_log(run, "loss", i);
        if (i == 1) ck_assert(gr_trainer_evaluate(run, t.test, NULL, NULL));
    }
    ck_assert_double_eq(gr_trainer_value(run, "loss"), 1.5);
}
END_TEST

START_TEST(evaluation_neither_records_nor_trains) {
    training t = make(g);
    gr_trainer *run = gr_trainer_new(t.net, t.opt, t.train, .epochs = 2);
    gr_tensor *x, *y;
    ck_assert(gr_trainer_epoch(run));
    ck_assert(gr_trainer_batch(run, &x, &y));
    ck_assert(t.net->training);
    ck_assert(gr_trainer_evaluate(run, t.test, &x, &y));
    ck_assert(!t.net->training);
    ck_assert_int_eq(x->shape.dim[0], 16);
    ck_assert(!gr_forward(t.net, x)->requires_grad);
    ck_assert_int_eq(gr_tape_length(g), 0);
    /* left before its end */
    ck_assert(gr_trainer_batch(run, &x, &y));
    ck_assert(t.net->training);
    ck_assert(gr_forward(t.net, x)->requires_grad);
    int rows = 0;
    while (gr_trainer_evaluate(run, t.test, &x, NULL)) rows += x->shape.dim[0];
    ck_assert_int_eq(rows, 22);
    ck_assert(t.net->training);
    ck_assert(gr_trainer_evaluate(run, t.test, NULL, NULL));
    gr_trainer_log(run, "loss", 1);
    ck_assert(gr_trainer_epoch(run));
    ck_assert(t.net->training);
    ck_assert(!gr_failed(g));
}
END_TEST

/* -- When it ends -- */

START_TEST(patience_comes_to_an_end) {
    static const double scores[] = {1, 3, 2, NAN, 2.5, 3, 2, 9, 10};
    training t = make(g);
    gr_trainer *run = gr_trainer_new(t.net, NULL, .steps = 1, .epochs = 9, .watch = "score",
                                     .maximize = true, .patience = 4);
    ck_assert_msg(run != NULL, "%s", gr_error(g));
    while (gr_trainer_epoch(run)) {
        while (gr_trainer_batch(run, NULL, NULL)) {}
        gr_trainer_log(run, "score", scores[run->epoch]);
    }
    ck_assert_int_eq(run->epoch, 6);
    ck_assert_int_eq(run->best_epoch, 1);
    ck_assert_double_eq(run->best, 3);
    ck_assert(!gr_failed(g));
}
END_TEST

START_TEST(an_epoch_that_was_left_is_followed_by_a_whole_one) {
    training t = make(g);
    gr_trainer *run = gr_trainer_new(t.net, t.opt, t.train, .epochs = 3);
    for (int expected = 1; gr_trainer_epoch(run); expected++) {
        int batches = 0;
        while (batches < expected && gr_trainer_batch(run, NULL, NULL)) batches++;
        ck_assert_int_eq(batches, expected);
        gr_trainer_log(run, "loss", 1);
    }
    ck_assert(!gr_failed(g));
}
END_TEST

START_TEST(nothing_is_better_than_nan) {
    training t = make(g);
    gr_trainer *run =
        gr_trainer_new(t.net, NULL, .steps = 1, .epochs = 9, .watch = "score", .patience = 2);
    while (gr_trainer_epoch(run)) gr_trainer_log(run, "score", NAN);
    ck_assert_int_eq(run->epoch, 2);
    ck_assert_int_eq(run->best_epoch, -1);
    ck_assert_double_nan(run->best);
    ck_assert(!gr_failed(g));
}
END_TEST

START_TEST(steps_make_an_epoch) {
    training t = make(g);
    gr_trainer *run = gr_trainer_new(t.net, NULL, .steps = 5, .epochs = 3);
    int batches = 0;
    while (gr_trainer_epoch(run))
        while (gr_trainer_batch(run, NULL, NULL)) {
            ck_assert_int_eq(gr_tape_length(g), 0);
            gr_forward(t.net, gr_zeros(g, GR_SHAPE(1, 3)));
            ck_assert_int_eq(run->step, batches);
            gr_trainer_log(run, "loss", ++batches);
        }
    ck_assert_int_eq(batches, 15);
    ck_assert_int_eq(run->step, 15);
    ck_assert_double_eq(gr_trainer_value(run, "loss"), 13);
}
END_TEST

START_TEST(gradients_are_clipped) {
    training t = make(g);
    t.opt = gr_sgd(t.net, .lr = 1);
    gr_trainer *run = gr_trainer_new(t.net, t.opt, t.train, .epochs = 1, .max_norm = 1e-3);
    gr_list all = gr_parameters(t.net);
    double moved = 0;
    gr_tensor *x, *y, *before[8];
    for (int i = 0; i < all.n; i++) before[i] = gr_keep(all.items[i]);
    ck_assert(gr_trainer_epoch(run) && gr_trainer_batch(run, &x, &y));
    ck_assert(gr_trainer_step(run, gr_mse(gr_forward(t.net, x), y)));
    for (int i = 0; i < all.n; i++)
        for (int64_t k = 0; k < all.items[i]->size; k++)
            moved += pow(gr_at(all.items[i], k) - gr_at(before[i], k), 2);
    ck_assert_double_eq_tol(sqrt(moved), 1e-3, 1e-5);
}
END_TEST

/* -- Files -- */

static char *text_of(const char *name) {
    FILE *from = fopen(file_named(name), "rb");
    ck_assert_msg(from != NULL, "there is no %s", name);
    char *text = calloc(1, 1 << 16);
    ck_assert_uint_lt(fread(text, 1, (1 << 16) - 1, from), (1 << 16) - 1);
    fclose(from);
    return text;
}

START_TEST(the_log_has_a_line_for_each_epoch) {
    training t = make(g);
    gr_trainer *run = gr_trainer_new(t.net, t.opt, .steps = 1, .epochs = 3, .directory = directory);
    while (gr_trainer_epoch(run)) {
        t.opt->lr = 0.5 / (1 + run->epoch);
        while (gr_trainer_batch(run, NULL, NULL)) gr_trainer_log(run, "loss", 7.25 - run->epoch);
        if (run->epoch == 1) gr_trainer_log(run, "seldom", INFINITY);
    }
    ck_assert_msg(!gr_failed(g), "%s", gr_error(g));
    char *log = text_of("log.csv");
    ck_assert_str_eq(log, "epoch,lr,loss,seldom\n1,0.5,7.25,\n2,0.25,6.25,inf\n"
                          "3,0.166666667,5.25,\n");
    free(log);
}
END_TEST

START_TEST(checkpoints_are_saved_every_few_epochs) {
    training t = make(g);
    for (int every = 0; every <= 2; every += 2) {
        gr_trainer *run = gr_trainer_new(t.net, t.opt, .steps = 1, .epochs = 3,
                                         .directory = directory, .save_every = every);
        while (gr_trainer_epoch(run)) {
            bool saved = access(file_named("last.checkpoint"), F_OK) == 0;
            ck_assert_int_eq(saved, every > 0 && run->epoch >= every);
            ck_assert_int_eq(access(file_named("best.safetensors"), F_OK) == 0,
                             every > 0 && run->epoch > 0);
            gr_trainer_log(run, "loss", 1);
        }
        ck_assert_int_eq(access(file_named("log.csv"), F_OK), 0);
    }
    unlink(file_named("last.checkpoint"));
    gr_trainer *run = gr_trainer_new(t.net, t.opt, .steps = 1, .epochs = 3, .directory = directory,
                                     .save_every = 2);
    while (gr_trainer_epoch(run)) gr_trainer_log(run, "loss", 1);
    ck_assert_int_eq(access(file_named("last.checkpoint"), F_OK), 0); /* at the end in any case */
    ck_assert(!gr_failed(g));
}
END_TEST

START_TEST(a_run_out_of_patience_saves_its_last_epoch) {
    training t = make(g);
    gr_trainer *run = gr_trainer_new(t.net, t.opt, .steps = 1, .epochs = 9, .patience = 2,
                                     .directory = directory, .save_every = 5);
    while (gr_trainer_epoch(run)) gr_trainer_log(run, "loss", run->epoch);
    ck_assert_int_eq(run->epoch, 3);
    run = gr_trainer_new(t.net, t.opt, .steps = 1, .epochs = 9, .patience = 2,
                         .directory = directory, .resume = true);
    ck_assert(!gr_trainer_epoch(run));
    ck_assert_int_eq(run->epoch, 3);
    ck_assert_int_eq(access(file_named("last.safetensors"), F_OK), 0);
    ck_assert(!gr_failed(g));
}
END_TEST

START_TEST(the_best_weights_are_kept) {
    static const double scores[] = {5, 2, 3};
    training t = make(g);
    gr_tensor *bias = gr_parameter_named(t.net, "2.bias");
    gr_trainer *run = gr_trainer_new(t.net, t.opt, .steps = 1, .epochs = 3, .directory = directory);
    while (gr_trainer_epoch(run)) {
        bias->data[0] = (gr_real)run->epoch;
        gr_trainer_log(run, "loss", scores[run->epoch]);
    }
    ck_assert_int_eq(run->best_epoch, 1);
    ck_assert_msg(gr_weights_load(t.net, file_named("best.safetensors")), "%s", gr_error(g));
    ck_assert_double_eq(gr_at(bias, 0), 1);
    ck_assert(gr_weights_load(t.net, file_named("last.safetensors")));
    ck_assert_double_eq(gr_at(bias, 0), 2);
}
END_TEST

static gr_trainer *run_in(const training *t, bool resume) {
    return gr_trainer_new(t->net, t->opt, t->train, .epochs = 6, .watch = "error",
                          .directory = directory, .resume = resume);
}

START_TEST(a_run_that_was_stopped_goes_on) {
    training whole = make(g);
    gr_trainer *run = run_in(&whole, false);
    train(&whole, run, -1);
    char *log = text_of("log.csv");
    double best = run->best;

    for (int part = 0; part < 3; part++) {
        /* nothing to resume from at first; stopped in epoch 2, in epoch 4, then to the end */
        gr_graph *other = gr_graph_new(.seed = 5);
        training t = make(other);
        if (part == 0) unlink(file_named("last.checkpoint"));
        gr_trainer *again = run_in(&t, true);
        train(&t, again, part == 0 ? 2 : part == 1 ? 4 : -1);
        ck_assert_int_eq(again->epoch, part == 0 ? 2 : part == 1 ? 4 : 6);
        for (int i = 0; part == 2 && i < gr_parameters(t.net).n; i++) {
            const gr_tensor *a = gr_parameters(t.net).items[i],
                            *b = gr_parameters(whole.net).items[i];
            ck_assert_mem_eq(a->data, b->data, (size_t)a->size * sizeof(gr_real));
        }
        if (part == 2) ck_assert_double_eq(again->best, best);
        if (part == 2) ck_assert_int_eq(again->step, 18);
        gr_graph_free(other);
    }
    char *second = text_of("log.csv");
    ck_assert_str_eq(log, second);
    free(log);
    free(second);
}
END_TEST

START_TEST(a_run_that_is_done_does_no_more) {
    training t = make(g);
    train(&t, run_in(&t, false), -1);
    gr_trainer *again = run_in(&t, true);
    ck_assert(!gr_trainer_epoch(again));
    ck_assert_int_eq(again->epoch, 6);
    ck_assert(!gr_failed(g));
}
END_TEST

START_TEST(a_run_has_room_for_the_epochs_that_are_done) {
    training t = make(g);
    train(&t, run_in(&t, false), -1);
    gr_trainer *shorter = gr_trainer_new(t.net, t.opt, t.train, .epochs = 5, .watch = "error",
                                         .directory = directory, .resume = true);
    char expected[512];
    snprintf(expected, sizeof expected,
             "gr_trainer_epoch: %s: 6 epochs are done, expected at most 5",
             file_named("last.checkpoint"));
    FAILS(gr_trainer_epoch(shorter), expected);
}
END_TEST

START_TEST(a_run_has_more_in_its_checkpoint) {
    double temperature = 3;
    for (int part = 0; part < 2; part++) {
        gr_graph *other = gr_graph_new(.seed = 5);
        training t = make(other);
        gr_trainer *run = gr_trainer_new(t.net, NULL, .steps = 1, .epochs = 2 + part,
                                         .directory = directory, .resume = part == 1);
        ck_assert(
            gr_checkpoint_add_reals(gr_trainer_checkpoint(run), "temperature", &temperature, 1));
        if (part == 1) temperature = 0;
        while (gr_trainer_epoch(run)) {
            if (part == 1) ck_assert_double_eq(temperature, 1.5);
            gr_trainer_log(run, "loss", 1);
            temperature = 1.5;
        }
        ck_assert_msg(!gr_failed(other), "%s", gr_error(other));
        ck_assert_int_eq(run->epoch, 2 + part);
        gr_graph_free(other);
    }
    ck_assert_ptr_null(gr_trainer_checkpoint(NULL));
}
END_TEST

START_TEST(epochs_are_told) {
    training t = make(g);
    FILE *to = tmpfile();
    gr_trainer *run = gr_trainer_new(t.net, NULL, .steps = 2, .epochs = 2, .progress = to);
    while (gr_trainer_epoch(run))
        while (gr_trainer_batch(run, NULL, NULL)) {
            gr_trainer_log(run, "loss", 0.5 + run->epoch);
            gr_trainer_log(run, "kl", 123456);
        }
    char text[512] = "";
    rewind(to);
    ck_assert_uint_gt(fread(text, 1, sizeof text - 1, to), 0);
    fclose(to);
    ck_assert_str_eq(text, "epoch 1/2  loss 0.5  kl 1.235e+05  (best)  0 s\n"
                           "epoch 2/2  loss 1.5  kl 1.235e+05  0 s\n");
}
END_TEST

/* -- Errors -- */

START_TEST(what_makes_no_sense_is_refused) {
    training t = make(g);
    gr_graph *other = gr_graph_new();
    gr_optimizer *far = gr_sgd(gr_linear(other, 1, 1));
    ck_assert_ptr_null(gr_trainer_new(NULL, t.opt, t.train));
    ck_assert(!gr_failed(g));
    FAILS(gr_trainer_new(t.net, t.opt, t.train, .epochs = 0),
          "gr_trainer_new: epochs is 0, patience 0, max_norm inf and save_every 1, expected at "
          "least 1, 0, 0 and 0");
    FAILS(gr_trainer_new(t.net, t.opt, t.train, .patience = -1),
          "gr_trainer_new: epochs is 10, patience -1, max_norm inf and save_every 1, expected at "
          "least 1, 0, 0 and 0");
    FAILS(gr_trainer_new(t.net, t.opt, t.train, .max_norm = NAN),
          "gr_trainer_new: epochs is 10, patience 0, max_norm nan and save_every 1, expected at "
          "least 1, 0, 0 and 0");
    FAILS(gr_trainer_new(t.net, t.opt, t.train, .save_every = -1),
          "gr_trainer_new: epochs is 10, patience 0, max_norm inf and save_every -1, expected at "
          "least 1, 0, 0 and 0");
    FAILS(gr_trainer_new(t.net, t.opt),
          "gr_trainer_new: expected either batches or steps, which is 0");
    FAILS(gr_trainer_new(t.net, t.opt, t.train, .steps = 4),
          "gr_trainer_new: expected either batches or steps, which is 4");
    FAILS(gr_trainer_new(t.net, far, t.train),
          "gr_trainer_new: the optimizer belongs to another graph than the module");
    FAILS(gr_trainer_new(t.net, t.opt, t.train, .watch = NULL), "gr_trainer_new: watch is NULL");
    FAILS(gr_trainer_new(t.net, t.opt, t.train, .resume = true),
          "gr_trainer_new: resume without a directory to resume from");
    gr_graph_free(other);
}
END_TEST

START_TEST(a_run_that_is_misused_says_so) {
    training t = make(g);
    gr_tensor *x, *y;
    gr_trainer *run = gr_trainer_new(t.net, NULL, t.train, .watch = "accuracy");
    FAILS(gr_trainer_batch(run, &x, &y),
          "gr_trainer_batch: outside of an epoch (gr_trainer_epoch)");
    ck_assert_ptr_null(x);
    ck_assert(gr_trainer_epoch(run));
    FAILS(gr_trainer_step(run, gr_scalar(g, 1)),
          "gr_trainer_step: the trainer was made without an optimizer");
    gr_trainer_log(run, "loss", 1);
    FAILS(gr_trainer_epoch(run),
          "gr_trainer_epoch: nothing was logged as accuracy, which is watched, in epoch 1");
    run = gr_trainer_new(t.net, t.opt, t.train);
    ck_assert(gr_trainer_epoch(run));
    FAILS(gr_trainer_step(run, NULL), "gr_trainer_step: the loss is NULL");
    ck_assert(!gr_trainer_epoch(NULL) && !gr_trainer_batch(NULL, &x, &y));
    ck_assert(!gr_trainer_evaluate(NULL, t.test, &x, &y) && !gr_trainer_step(NULL, NULL));
    ck_assert(!gr_trainer_evaluate(run, NULL, &x, &y));
    gr_trainer_log(NULL, "loss", 1);
    gr_trainer_stop(NULL);
    ck_assert(!gr_failed(g));
}
END_TEST

START_TEST(names_are_checked) {
    static const char *const bad[] = {"", "a,b", "a\"b", "a\nb", "epoch", "lr"};
    training t = make(g);
    gr_trainer *run = gr_trainer_new(t.net, t.opt, t.train);
    char expected[256], name[24];
    for (int i = 0; i < 6; i++) {
        gr_trainer_log(run, bad[i], 1);
        snprintf(expected, sizeof expected,
                 "gr_trainer_log: the name \"%s\", expected neither epoch nor lr, and no comma, "
                 "quote or line end",
                 bad[i]);
        ck_assert_str_eq(gr_error(g), expected);
        gr_clear_error(g);
    }
    for (int i = 0; i < 33; i++) {
        snprintf(name, sizeof name, "term %d", i);
        gr_trainer_log(run, name, i);
    }
    ck_assert_str_eq(gr_error(g),
                     "gr_trainer_log: term 32 comes after 32 other names, which is the most");
}
END_TEST

START_TEST(a_directory_that_is_not_there_is_an_error) {
    training t = make(g);
    gr_trainer *run =
        gr_trainer_new(t.net, t.opt, .steps = 1, .directory = "/tmp/gradus-no-such-directory");
    ck_assert(gr_trainer_epoch(run));
    gr_trainer_log(run, "loss", 1);
    ck_assert(!gr_trainer_epoch(run));
    ck_assert_ptr_nonnull(strstr(gr_error(g), "/tmp/gradus-no-such-directory/log.csv"));
}
END_TEST

Suite *trainer_suite(void) {
    Suite *s = suite_create("trainer");
    TCase *t = tcase_create("trainer");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, a_run_trains_and_counts);
    tcase_add_test(t, means_count_rows);
    tcase_add_test(t, a_step_counts_once_after_an_evaluation_that_was_left);
    tcase_add_test(t, evaluation_neither_records_nor_trains);
    tcase_add_test(t, patience_comes_to_an_end);
    tcase_add_test(t, an_epoch_that_was_left_is_followed_by_a_whole_one);
    tcase_add_test(t, nothing_is_better_than_nan);
    tcase_add_test(t, steps_make_an_epoch);
    tcase_add_test(t, gradients_are_clipped);
    tcase_add_test(t, the_log_has_a_line_for_each_epoch);
    tcase_add_test(t, checkpoints_are_saved_every_few_epochs);
    tcase_add_test(t, a_run_out_of_patience_saves_its_last_epoch);
    tcase_add_test(t, the_best_weights_are_kept);
    tcase_add_test(t, a_run_that_was_stopped_goes_on);
    tcase_add_test(t, a_run_that_is_done_does_no_more);
    tcase_add_test(t, a_run_has_room_for_the_epochs_that_are_done);
    tcase_add_test(t, a_run_has_more_in_its_checkpoint);
    tcase_add_test(t, epochs_are_told);
    tcase_add_test(t, what_makes_no_sense_is_refused);
    tcase_add_test(t, a_run_that_is_misused_says_so);
    tcase_add_test(t, names_are_checked);
    tcase_add_test(t, a_directory_that_is_not_there_is_an_error);
    suite_add_tcase(s, t);
    return s;
}
