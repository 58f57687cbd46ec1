/* Recurrent layers: PyTorch's numbers, differences, the composition of operations over large
 * shapes, threads, lengths, states, dropout, memory, messages, and a training. */
#include <float.h>
#include <limits.h>
#include <math.h>
#include <string.h>

#include "core/graph/autodiff.h"
#include "core/graph/debug.h"
#include "core/graph/random.h"
#include "core/ops/dropout.h"
#include "core/ops/elementwise.h"
#include "core/ops/linalg.h"
#include "core/ops/recurrent_internal.h"
#include "core/ops/reduce.h"
#include "core/ops/shape.h"
#include "losses/classification.h"
#include "losses/regression.h"
#include "nn/linear.h"
#include "nn/recurrent.h"
#include "nn/sequential.h"
#include "optim/optimizer.h"
#include "tests/unit/gradcheck.h"
#include "tests/unit/modules.h"
#include "tests/unit/suites.h"

static cJSON *file;
static gr_graph *g;

static void read_cases(void) { file = oracle_read("tests/oracle/recurrent.json.gz"); }
static void free_cases(void) { cJSON_Delete(file); }
static void setup(void) { g = gr_graph_new(.seed = 5); }
static void teardown(void) { gr_graph_free(g); }

/* -- The oracle's cases -- */

/* x, h0 and c0 (NULL where a case has none), then the parameters. */
enum { LEAVES = 3 + 24 };

typedef struct subject {
    gr_module *module;
    gr_tensor *x, *h0, *c0, *lengths;
    int n;
    gr_tensor *leaves[LEAVES]; /* the case's operands in their order */
} subject;

static gr_module *module_of(gr_graph *graph, const cJSON *c) {
    const char *op = cJSON_GetStringValue(cJSON_GetObjectItem(c, "op"));
    gr_recurrent_layer_args a = {.graph = graph,
                                 .in = oracle_int(c, "in", 0),
                                 .hidden = oracle_int(c, "hidden", 0),
                                 .layers = oracle_int(c, "layers", 0),
                                 .bidirectional = oracle_flag(c, "bidirectional"),
                                 .batch_first = oracle_flag(c, "batch_first"),
                                 .bias = !oracle_flag(c, "no_bias"),
                                 .relu = strcmp(op, "rnn_relu") == 0};
    if (strcmp(op, "lstm") == 0) return gr_lstm_(a);
    return strcmp(op, "gru") == 0 ? gr_gru_(a) : gr_rnn_(a);
}

static gr_tensor *lengths_of(gr_graph *graph, const cJSON *c) {
    int values[8], n = oracle_ints(c, "lengths", values, 8);
    int32_t lengths[8];
    for (int i = 0; i < n; i++) lengths[i] = values[i];
    return n == 0 ? NULL : gr_keep(gr_from_index(graph, GR_SHAPE(n), lengths));
}

static subject subject_of(gr_graph *graph, const cJSON *c) {
    subject s = {.module = module_of(graph, c), .lengths = lengths_of(graph, c)};
    ck_assert_msg(s.module != NULL, "%s", gr_error(graph));
    const cJSON *operand;
    cJSON_ArrayForEach(operand, cJSON_GetObjectItem(c, "in")) {
        const char *name = cJSON_GetStringValue(cJSON_GetObjectItem(operand, "name"));
        gr_tensor *t = gr_parameter_named(s.module, name);
        if (t != NULL)
            modules_copy(c, name, t);
        else
            t = gr_requires_grad(gr_name(gr_keep(oracle_tensor(graph, operand)), name));
        if (strcmp(name, "x") == 0) s.x = t;
        if (strcmp(name, "h0") == 0) s.h0 = t;
        if (strcmp(name, "c0") == 0) s.c0 = t;
        ck_assert_int_lt(s.n, LEAVES);
        s.leaves[s.n++] = t;
    }
    ck_assert_int_eq(s.n, gr_parameters(s.module).n + 1 + (s.h0 != NULL) + (s.c0 != NULL));
    return s;
}

/* The output and the final states in one row. */
static gr_tensor *row_of(const subject *s) {
    bool lstm = strcmp(s->module->type->name, "lstm") == 0;
    gr_tensor *h_n, *c_n = NULL;
    gr_tensor *y = gr_recurrent(s->module, s->x, .h0 = s->h0, .c0 = s->c0, .lengths = s->lengths,
                                .h_n = &h_n, .c_n = lstm ? &c_n : NULL);
    gr_list parts = GR_LIST(gr_flatten(y), gr_flatten(h_n), lstm ? gr_flatten(c_n) : NULL);
    if (!lstm) parts.n--;
    return gr_concat(parts, 0);
}

static gr_tensor *numbers(gr_graph *graph, gr_shape shape, const cJSON *list) {
    gr_tensor *t = gr_zeros(graph, shape);
    ck_assert_int_eq(t->size, cJSON_GetArraySize(list));
    for (int i = 0; i < t->size; i++)
        t->data[i] = (gr_real)oracle_number(cJSON_GetArrayItem(list, i));
    return t;
}

typedef struct comparison {
    const cJSON *c;
    oracle_stats *stats;
    int failures;
} comparison;

static double largest_in(const cJSON *list) {
    if (!cJSON_IsArray(list)) return fabs(oracle_number(list));
    double largest = 0;
    const cJSON *item;
    cJSON_ArrayForEach(item, list) largest = fmax(largest, largest_in(item));
    return largest;
}

/* Rounding alone explains so much in derivatives of an order: an element may be a small difference
 * of terms as large as the largest of all, and states are known to an epsilon, while small
 * differences of them are multiplied by x once for each order. */
static double rounding(const subject *s, const cJSON *list, int order) {
    const double epsilon = sizeof(gr_real) == sizeof(float) ? FLT_EPSILON : DBL_EPSILON;
    double x = 1;
    for (int64_t i = 0; i < s->x->size; i++) x = fmax(x, fabs(gr_at(s->x, i)));
    return 4 * epsilon * fmax(pow(x, order), largest_in(list));
}

static void compare(comparison *k, const gr_tensor *t, const cJSON *expected, const char *what,
                    const char *of) {
    oracle_message message;
    gr_text text;
    snprintf(text.text, sizeof text.text, "%.60s: %s of %.30s", oracle_name(k->c).text, what, of);
    if (oracle_compare(t, expected, text.text, k->stats, &message)) return;
    printf("%s\n", message.text);
    k->failures++;
}

static void compare_all(comparison *k, const subject *s, gr_tensor **found, const char *key,
                        const char *what) {
    const cJSON *list = cJSON_GetObjectItem(k->c, key);
    k->stats->floor = rounding(s, list, strcmp(key, "second") == 0 ? 2 : 1);
    for (int i = 0; i < s->n; i++)
        compare(k, found[i], cJSON_GetArrayItem(list, i), what, s->leaves[i]->name);
}

/* The gradient by the kernels alone, from gr_backward. */
static void check_backward(comparison *k, const subject *s, gr_graph *graph) {
    gr_tensor *y = row_of(s), *found[LEAVES];
    k->stats->floor = 0;
    compare(k, y, cJSON_GetObjectItem(cJSON_GetObjectItem(k->c, "value"), "data"), "the value",
            "all");
    gr_tensor *v = numbers(graph, y->shape, cJSON_GetObjectItem(k->c, "v"));
    ck_assert_msg(gr_backward(gr_sum(gr_mul(y, v))), "%s", gr_error(graph));
    for (int i = 0; i < s->n; i++) found[i] = s->leaves[i]->grad;
    compare_all(k, s, found, "grad", "the gradient");
    for (int i = 0; i < s->n; i++) { /* each alone */
        gr_tensor *alone = gr_grad(y, s->leaves[i], .grad_output = v);
        compare(k, alone, cJSON_GetArrayItem(cJSON_GetObjectItem(k->c, "grad"), i), "grad alone",
                s->leaves[i]->name);
    }
    gr_graph_reset(graph);
}

/* The gradient recorded, and its gradient. */
static void check_second(comparison *k, subject *s, gr_graph *graph) {
    gr_tensor *y = row_of(s), *grads[LEAVES], *w[LEAVES], *x[LEAVES + 1], *second[LEAVES + 1];
    gr_tensor *v = gr_requires_grad(numbers(graph, y->shape, cJSON_GetObjectItem(k->c, "v")));
    ck_assert_msg(gr_grads(GR_LIST(y), (gr_list){s->n, s->leaves}, grads, .grad_output = &v,
                           .create_graph = true),
                  "%s", gr_error(graph));
    compare_all(k, s, grads, "grad", "the recorded gradient");
    const cJSON *ws = cJSON_GetObjectItem(k->c, "w");
    for (int i = 0; i < s->n; i++) {
        w[i] = numbers(graph, s->leaves[i]->shape, cJSON_GetArrayItem(ws, i));
        x[i] = s->leaves[i];
    }
    x[s->n] = v;
    ck_assert_msg(
        gr_grads((gr_list){s->n, grads}, (gr_list){s->n + 1, x}, second, .grad_output = w), "%s",
        gr_error(graph));
    compare_all(k, s, second, "second", "the second derivative");
    const cJSON *to_v = cJSON_GetArrayItem(cJSON_GetObjectItem(k->c, "second"), s->n);
    compare(k, second[s->n], to_v, "the second derivative", "v");
    gr_graph_reset(graph);
}

/* Nothing is kept for a gradient that nobody can ask for; the numbers are the same. */
static void check_unrecorded(const subject *s, gr_graph *graph) {
    const gr_tensor *recorded = row_of(s);
    gr_no_grad_begin(graph);
    const gr_tensor *y = row_of(s);
    gr_no_grad_end(graph);
    ck_assert(memcmp(y->data, recorded->data, (size_t)y->size * sizeof *y->data) == 0);
    gr_graph_reset(graph);
}

START_TEST(oracle_cases_hold) {
    const char *const isas[] = {"base", "avx2", "avx512"};
    oracle_stats stats = {.tolerance = ORACLE_TOLERANCE};
    comparison k = {.stats = &stats};
    int cases = 0;
    cJSON_ArrayForEach(k.c, oracle_cases(file)) {
        gr_graph *graph = gr_graph_new(.isa = isas[_i]);
        if (!gr_failed(graph)) { /* else the processor lacks the instructions */
            subject s = subject_of(graph, k.c);
            check_unrecorded(&s, graph);
            check_backward(&k, &s, graph);
            check_second(&k, &s, graph);
            cases++;
        }
        gr_graph_free(graph);
    }
    stats.values = stats.gradients = stats.second = cases;
    if (cases > 0) oracle_report("recurrent", &stats);
    ck_assert_msg(k.failures == 0, "%d comparisons failed", k.failures);
}
END_TEST

#ifdef GR_DOUBLE
static gr_tensor *run_subject(void *s, gr_tensor **x) { return (void)x, row_of(s); }

START_TEST(cases_by_differences) {
    const char *const ids[] = {"plain", "lengths", "one_number", "saturated",
                               "two_layers_bidirectional_batch_first"};
    const char *const ops[] = {"rnn", "rnn_relu", "lstm", "gru"};
    int compared = 0;
    double largest = 0;
    for (int i = 0; i < 5 * 4; i++) {
        bool large = i / 4 == 4;
        if (large && i % 4 != 3) continue; /* takes long */
        gr_graph *graph = gr_graph_new();
        subject s = subject_of(graph, oracle_find(file, ops[i % 4], ids[i / 4]));
        gradcheck_report report;
        bool fine =
            gradcheck(run_subject, &s, (gr_list){s.n, s.leaves}, (gradcheck_options){0}, &report);
        ck_assert_msg(fine, "%s/%s: %s", ops[i % 4], ids[i / 4], report.message);
        compared += report.compared;
        largest = fmax(largest, report.largest);
        gr_graph_free(graph);
    }
    printf("gradcheck recurrent: %d derivatives, largest error %.2g\n", compared, largest);
}
END_TEST
#endif

/* -- The fused operation and the composition, cut into pieces or not -- */

static const struct {
    gr_cell cell;
    int steps, samples, hidden;
    bool reverse, lengths, bias;
} shapes[] = {
    {GR_CELL_LSTM, 7, 37, 70, false, false, false}, {GR_CELL_LSTM, 6, 21, 33, true, true, false},
    {GR_CELL_GRU, 7, 37, 70, true, false, true},    {GR_CELL_GRU, 6, 21, 33, false, true, false},
    {GR_CELL_GRU, 3, 18, 300, false, true, true},   {GR_CELL_TANH, 7, 37, 70, true, true, false},
    {GR_CELL_RELU, 6, 130, 20, false, true, false}, {GR_CELL_LSTM, 4, 1, 100, false, false, false},
    {GR_CELL_LSTM, 4, 70, 1, true, true, false},    {GR_CELL_TANH, 65, 2, 3, false, true, false},
};
enum { N_SHAPES = sizeof shapes / sizeof *shapes };

typedef struct outcome {
    gr_graph *graph;
    int n; /* operands */
    gr_tensor *y, *grads[4];
} outcome;

static gr_tensor *drawn_lengths(gr_graph *graph, int samples, int steps) {
    int32_t lengths[256];
    for (int i = 0; i < samples; i++)
        lengths[i] = (int32_t)gr_random_below(graph, (uint32_t)steps + 1);
    return gr_from_index(graph, GR_SHAPE(samples), lengths);
}

static outcome run_shape(int i, int threads, gr_tensor *f(gr_recurrence_args args)) {
    outcome r = {.graph = gr_graph_new(.seed = 3, .threads = threads)};
    int h = shapes[i].hidden, n = shapes[i].samples, width = gr_cell_gates(shapes[i].cell) * h;
    double size = 1 / sqrt(h);
    gr_recurrence_args a = {
        .cell = shapes[i].cell,
        .reverse = shapes[i].reverse,
        .gates = gr_normal(r.graph, GR_SHAPE(shapes[i].steps, n, width), 0, 1),
        .weight = gr_normal(r.graph, GR_SHAPE(width, h), 0, size),
        .h0 = gr_normal(r.graph, GR_SHAPE(n, h), 0, 1),
    };
    if (a.cell == GR_CELL_LSTM) a.c0 = gr_normal(r.graph, GR_SHAPE(n, h), 0, 1);
    if (shapes[i].bias) a.bias = gr_normal(r.graph, GR_SHAPE(width), 0, 1);
    if (shapes[i].lengths) a.lengths = drawn_lengths(r.graph, n, shapes[i].steps);
    gr_tensor *leaves[] = {a.gates, a.weight, a.h0, a.c0 != NULL ? a.c0 : a.bias};
    r.n = leaves[3] == NULL ? 3 : 4;
    for (int k = 0; k < r.n; k++) gr_requires_grad(leaves[k]);
    r.y = f(a);
    ck_assert_msg(r.y != NULL, "%s", gr_error(r.graph));
    gr_tensor *v = gr_normal(r.graph, r.y->shape, 0, 1);
    ck_assert_msg(gr_grads(GR_LIST(r.y), (gr_list){r.n, leaves}, r.grads, .grad_output = &v), "%s",
                  gr_error(r.graph));
    return r;
}

static void expect_near(const gr_tensor *a, const gr_tensor *b, const char *what) {
    const double tolerance = sizeof(gr_real) == sizeof(float) ? 1e-5 : 1e-13;
    double size = 0, difference = 0;
    ck_assert(gr_shape_equal(a->shape, b->shape));
    for (int64_t i = 0; i < a->size; i++) {
        size = fmax(size, fabs(gr_at(b, i)));
        double d = fabs(gr_at(a, i) - gr_at(b, i));
        difference = d <= difference ? difference : d; /* a NaN stays */
    }
    ck_assert_msg(difference <= tolerance * size, "%s differs by %g of %g", what, difference, size);
}

START_TEST(fused_as_composed) {
    outcome a = run_shape(_i, 1, gr_recurrence), b = run_shape(_i, 1, gr_recurrence_composed);
    const char *const names[] = {"the gradient to gates", "to the weight", "to h0",
                                 "to c0 or bias"};
    expect_near(a.y, b.y, "the value");
    for (int k = 0; k < a.n; k++) expect_near(a.grads[k], b.grads[k], names[k]);
    gr_graph_free(a.graph);
    gr_graph_free(b.graph);
}
END_TEST

static void expect_same(const gr_tensor *a, const gr_tensor *b) {
    ck_assert(gr_shape_equal(a->shape, b->shape));
    ck_assert(memcmp(a->data, b->data, (size_t)a->size * sizeof *a->data) == 0);
}

START_TEST(threads_do_not_matter) {
    outcome one = run_shape(_i, 1, gr_recurrence);
    for (int threads = 2; threads <= 3; threads++) {
        outcome more = run_shape(_i, threads, gr_recurrence);
        expect_same(one.y, more.y);
        for (int k = 0; k < one.n; k++) expect_same(one.grads[k], more.grads[k]);
        gr_graph_free(more.graph);
    }
    gr_graph_free(one.graph);
}
END_TEST

/* -- Layers -- */

START_TEST(names_and_initial_values_as_in_torch) {
    gr_module *m = gr_gru(g, 5, 16, .layers = 2, .bidirectional = true);
    ck_assert_msg(m != NULL, "%s", gr_error(g));
    const char *const names[] = {"weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"};
    const char *const second[] = {"weight_ih_l1", "weight_hh_l1", "bias_ih_l1", "bias_hh_l1"};
    gr_list p = gr_parameters(m);
    ck_assert_int_eq(p.n, 16);
    for (int i = 0; i < 16; i++) {
        gr_text name;
        snprintf(name.text, sizeof name.text, "%s%s", i < 8 ? names[i % 4] : second[i % 4],
                 i % 8 < 4 ? "" : "_reverse");
        ck_assert_str_eq(p.items[i]->name, name.text);
        double largest = gr_item(gr_max(gr_abs(p.items[i])));
        ck_assert_double_le(largest, 0.25);
        ck_assert_double_gt(largest, 0.2);
    }
    ck_assert(gr_shape_equal(p.items[0]->shape, GR_SHAPE(48, 5)));
    ck_assert(gr_shape_equal(p.items[8]->shape, GR_SHAPE(48, 32)));
    ck_assert(gr_shape_equal(p.items[1]->shape, GR_SHAPE(48, 16)));
    ck_assert(gr_shape_equal(p.items[2]->shape, GR_SHAPE(48)));
    ck_assert_int_eq(gr_parameter_size(gr_lstm(g, 5, 4)), 16 * (5 + 4 + 2));
    ck_assert_int_eq(gr_parameter_size(gr_rnn(g, 5, 4, .bias = false)), 4 * (5 + 4));
}
END_TEST

static gr_module *a_layer(int i) {
    return i == 0   ? gr_lstm(g, 3, 5, .layers = 2)
           : i == 1 ? gr_gru(g, 3, 5, .layers = 2)
                    : gr_rnn(g, 3, 5, .layers = 2, .relu = i == 3);
}

START_TEST(a_sequence_in_pieces) {
    gr_module *m = a_layer(_i);
    gr_tensor *x = gr_normal(g, GR_SHAPE(9, 4, 3), 0, 1), *h, *c = NULL, *all_h;
    gr_tensor *all = gr_recurrent(m, x, .h_n = &all_h);
    gr_tensor **cell = _i == 0 ? &c : NULL;
    gr_tensor *begin = gr_recurrent(m, gr_slice(x, 0, 0, 4, 1), .h_n = &h, .c_n = cell);
    gr_tensor *end =
        gr_recurrent(m, gr_slice(x, 0, 4, 9, 1), .h0 = h, .c0 = c, .h_n = &h, .c_n = cell);
    ck_assert_msg(end != NULL, "%s", gr_error(g));
    expect_near(gr_concat(GR_LIST(begin, end), 0), all, "the output");
    expect_near(h, all_h, "the last state");
    /* The gradient goes back through the states. */
    gr_tensor *w = gr_parameter_named(m, "weight_hh_l0");
    expect_near(gr_grad(end, w), gr_grad(gr_slice(all, 0, 4, 9, 1), w), "the gradient");
}
END_TEST

/* Each sample as if it were alone and as long as its length says. */
START_TEST(lengths_cut_samples) {
    gr_module *m = gr_lstm(g, 2, 3, .layers = 2, .bidirectional = true);
    gr_tensor *x = gr_normal(g, GR_SHAPE(5, 4, 2), 0, 1), *h, *c, *own_h, *own_c;
    gr_tensor *h0 = gr_normal(g, GR_SHAPE(4, 4, 3), 0, 1), *c0 = gr_normal(g, h0->shape, 0, 1);
    const int32_t lengths[4] = {3, 5, 0, 1};
    gr_tensor *y = gr_recurrent(m, x, .h0 = h0, .c0 = c0, .h_n = &h, .c_n = &c,
                                .lengths = gr_from_index(g, GR_SHAPE(4), lengths));
    ck_assert_msg(y != NULL, "%s", gr_error(g));
    for (int i = 0; i < 4; i++) {
        gr_tensor *sample = gr_select(y, 1, i), *last_h = gr_select(h, 1, i);
        gr_tensor *rest = gr_slice(sample, 0, lengths[i], 5, 1);
        for (int64_t k = 0; k < rest->size; k++) ck_assert_double_eq(gr_at(rest, k), 0);
        if (lengths[i] == 0) {
            expect_same(last_h, gr_select(h0, 1, i));
            continue;
        }
        gr_tensor *own = gr_recurrent(m, gr_slice(gr_select(x, 1, i), 0, 0, lengths[i], 1),
                                      .h0 = gr_select(h0, 1, i), .c0 = gr_select(c0, 1, i),
                                      .h_n = &own_h, .c_n = &own_c);
        expect_near(gr_slice(sample, 0, 0, lengths[i], 1), own, "the output");
        expect_near(last_h, own_h, "h_n");
        expect_near(gr_select(c, 1, i), own_c, "c_n");
    }
}
END_TEST

/* No gradient goes to steps that a sample has not, and to the state of one without steps all. */
START_TEST(lengths_cut_gradients) {
    gr_module *m = gr_gru(g, 2, 3);
    gr_tensor *x = gr_requires_grad(gr_normal(g, GR_SHAPE(3, 2, 2), 0, 1)), *h;
    gr_tensor *h0 = gr_requires_grad(gr_normal(g, GR_SHAPE(1, 2, 3), 0, 1)), *grads[2];
    gr_recurrent(m, x, .h0 = h0, .h_n = &h,
                 .lengths = gr_from_index(g, GR_SHAPE(2), (int32_t[]){0, 2}));
    ck_assert_msg(gr_grads(GR_LIST(h), GR_LIST(x, h0), grads), "%s", gr_error(g));
    for (int i = 0; i < 12; i++) /* (L,N,in): sample 1 has the steps 0 and 1 */
        ck_assert_int_eq(gr_at(grads[0], i) != 0, i / 2 == 1 || i / 2 == 3);
    for (int i = 0; i < 3; i++) ck_assert_double_eq(gr_at(grads[1], i), 1);
}
END_TEST

START_TEST(layouts_are_the_same_numbers) {
    gr_module *m = gr_gru(g, 2, 3, .bidirectional = true);
    gr_module *first = gr_gru(g, 2, 3, .bidirectional = true, .batch_first = true);
    for (int i = 0; i < 8; i++) {
        gr_tensor *to = gr_parameters(first).items[i], *from = gr_parameters(m).items[i];
        memcpy(to->data, from->data, (size_t)to->size * sizeof *to->data);
    }
    gr_tensor *x = gr_normal(g, GR_SHAPE(4, 5, 2), 0, 1), *y = gr_forward(m, x);
    ck_assert(gr_shape_equal(y->shape, GR_SHAPE(4, 5, 6)));
    expect_same(gr_transpose(gr_forward(first, gr_transpose(x, 0, 1)), 0, 1), y);
    gr_tensor *one = gr_forward(first, gr_select(x, 1, 3));
    ck_assert(gr_shape_equal(one->shape, GR_SHAPE(4, 6)));
    expect_near(one, gr_select(y, 1, 3), "one sequence");
}
END_TEST

START_TEST(no_samples) {
    for (int i = 0; i < 4; i++) {
        gr_module *m = a_layer(i);
        gr_tensor *h, *y = gr_recurrent(m, gr_zeros(g, GR_SHAPE(4, 0, 3)), .h_n = &h);
        ck_assert_msg(y != NULL && gr_shape_equal(y->shape, GR_SHAPE(4, 0, 5)), "%s", gr_error(g));
        ck_assert(gr_shape_equal(h->shape, GR_SHAPE(2, 0, 5)));
        gr_tensor *grad = gr_grad(y, gr_parameter_named(m, "weight_hh_l1"));
        for (int k = 0; k < grad->size; k++) ck_assert_double_eq(gr_at(grad, k), 0);
    }
}
END_TEST

START_TEST(dropout_between_layers) {
    gr_module *m = gr_lstm(g, 3, 40, .layers = 2, .dropout = 0.25);
    gr_module *plain = gr_lstm(g, 3, 40, .layers = 2);
    for (int i = 0; i < 8; i++)
        memcpy(gr_parameters(plain).items[i]->data, gr_parameters(m).items[i]->data,
               (size_t)gr_parameters(m).items[i]->size * sizeof(gr_real));
    gr_tensor *x = gr_normal(g, GR_SHAPE(6, 4, 3), 0, 1), *expected = gr_forward(plain, x);
    gr_random_state state = gr_random_get(g);
    gr_tensor *y = gr_forward(m, x), *other = gr_forward(m, x);
    ck_assert(memcmp(y->data, other->data, (size_t)y->size * sizeof *y->data) != 0);
    gr_random_set(g, state);
    expect_same(gr_forward(m, x), y);
    /* By hand: the same numbers are drawn in between. */
    gr_module *low = gr_lstm(g, 3, 40), *high = gr_lstm(g, 40, 40);
    for (int i = 0; i < 8; i++) {
        gr_tensor *to = gr_parameters(i < 4 ? low : high).items[i % 4];
        memcpy(to->data, gr_parameters(m).items[i]->data, (size_t)to->size * sizeof *to->data);
    }
    gr_random_set(g, state);
    expect_same(gr_forward(high, gr_dropout(gr_forward(low, x), 0.25)), y);
    gr_set_training(m, false);
    expect_same(gr_forward(m, x), expected);
    gr_module *all = gr_rnn(g, 3, 4, .layers = 2, .bias = false, .dropout = 1);
    y = gr_forward(all, x);
    for (int i = 0; i < y->size; i++) ck_assert_double_eq(gr_at(y, i), 0);
}
END_TEST

/* -- Extreme numbers -- */

/* Gates of +-100 and +-1e30 and states as large: nothing overflows to a NaN. */
START_TEST(saturated_gates) {
    const double sizes[] = {100, 1e30};
    for (int i = 0; i < 8; i++) {
        gr_module *m = a_layer(i / 2);
        if (i / 2 == 3 && i % 2 == 1) continue; /* relu has no bound */
        gr_list p = gr_parameters(m);
        for (int k = 0; k < p.n; k++) gr_init_uniform(p.items[k], -1, 1);
        gr_tensor *x = gr_requires_grad(
            gr_scale(gr_sign(gr_normal(g, GR_SHAPE(5, 4, 3), 0, 1)), sizes[i % 2]));
        x = gr_requires_grad(gr_detach(x));
        gr_tensor *y = gr_forward(m, x);
        ck_assert_msg(gr_backward(gr_sum(gr_square(y))), "%s", gr_error(g));
        ck_assert_int_eq(gr_range_of(y).nans + gr_range_of(y).infinities, 0);
        ck_assert_int_eq(gr_range_of(x->grad).nans + gr_range_of(x->grad).infinities, 0);
        for (int k = 0; k < p.n; k++)
            ck_assert_int_eq(
                gr_range_of(p.items[k]->grad).nans + gr_range_of(p.items[k]->grad).infinities, 0);
    }
}
END_TEST

/* d tanh(a) / da = 4 e^-2a / (1 + e^-2a)^2, where 1 - tanh(a)^2 is 0 in float. */
START_TEST(slopes_keep_their_digits) {
    gr_module *m = gr_rnn(g, 1, 1, .bias = false);
    gr_parameters(m).items[0]->data[0] = 1;
    for (int a = -20; a <= 20; a++) {
        gr_tensor *x = gr_requires_grad(gr_full(g, GR_SHAPE(1, 1, 1), a * 1.25));
        gr_tensor *y = gr_forward(m, x);
        double e = exp(-2.5 * fabs((double)a)), slope = 4 * e / ((1 + e) * (1 + e));
        ck_assert_double_eq_tol(gr_item(gr_grad(y, x)) / slope, 1, ORACLE_TOLERANCE);
        ck_assert_double_le(fabs(gr_item(y) - tanh(1.25 * a)), ORACLE_TOLERANCE);
    }
    const double epsilon = sizeof(gr_real) == sizeof(float) ? FLT_EPSILON : DBL_EPSILON;
    for (double a = 1e-6; a < 1; a *= 1.1) {
        gr_tensor *y = gr_forward(m, gr_full(g, GR_SHAPE(1, 1, 1), a));
        ck_assert_double_eq_tol(gr_item(y) / tanh((double)(gr_real)a), 1, 4 * epsilon);
    }
}
END_TEST

/* -- Training -- */

/* One step on the adding problem (Hochreiter and Schmidhuber 1997, section 5.4): of 12 numbers two
 * are marked, and their sum is wanted. The loss. */
static double adding_step(gr_module *lstm, gr_module *head, gr_optimizer *opt) {
    enum { STEPS = 12, SAMPLES = 32 };
    gr_real x[STEPS][SAMPLES][2] = {{{0}}}, sums[SAMPLES] = {0};
    for (int n = 0; n < SAMPLES; n++) {
        for (int t = 0; t < STEPS; t++) x[t][n][0] = (gr_real)gr_random_uniform(g);
        for (int half = 0; half < 2; half++) {
            int t = half * STEPS / 2 + (int)gr_random_below(g, STEPS / 2);
            x[t][n][1] = 1;
            sums[n] += x[t][n][0];
        }
    }
    gr_tensor *h_n;
    gr_recurrent(lstm, gr_from(g, GR_SHAPE(STEPS, SAMPLES, 2), &x[0][0][0]), .h_n = &h_n);
    gr_tensor *y = gr_forward(head, gr_select(h_n, 0, 0));
    gr_tensor *loss = gr_mse(y, gr_from(g, GR_SHAPE(SAMPLES, 1), sums));
    ck_assert_msg(gr_backward(loss) && gr_step(opt), "%s", gr_error(g));
    double value = gr_item(loss);
    gr_graph_reset(g);
    return value;
}

/* The variance of a sum is 1/6: the loss of who always says 1. */
START_TEST(learns_to_add_without_new_memory) {
    gr_module *m = _i == 0 ? gr_lstm(g, 2, 24) : gr_gru(g, 2, 24), *head = gr_linear(g, 24, 1);
    gr_module *net = gr_sequential(g, m, head);
    gr_optimizer *opt = gr_adam(net, .lr = 0.01);
    double begin = 0, end = 0;
    uint64_t requests = 0;
    for (int i = 0; i < 600; i++) {
        double loss = adding_step(m, head, opt);
        begin += i < 5 ? loss / 5 : 0;
        end += i >= 550 ? loss / 50 : 0;
        if (i == 4) requests = gr_memory_use(g).system_requests;
    }
    ck_assert_uint_eq(gr_memory_use(g).system_requests, requests);
    ck_assert_double_gt(begin, 0.1);
    ck_assert_msg(end < 0.02, "the loss is %g at the end, %g at the beginning", end, begin);
}
END_TEST

/* -- Messages -- */

static void expect(const void *result, const char *message) {
    ck_assert_ptr_null(result);
    ck_assert_str_eq(gr_error(g), message);
    gr_clear_error(g);
}

START_TEST(layers_refuse) {
    expect(gr_lstm(g, 0, 3), "gr_lstm: 0 inputs, 3 hidden, 1 layers, expected at least 1");
    expect(gr_gru(g, 2, -3), "gr_gru: 2 inputs, -3 hidden, 1 layers, expected at least 1");
    expect(gr_rnn(g, 2, 3, .layers = 0),
           "gr_rnn: 2 inputs, 3 hidden, 0 layers, expected at least 1");
    expect(gr_rnn(g, 2, 3, .dropout = 1.5),
           "gr_rnn: dropout is 1.5, expected a probability in [0, 1]");
    expect(gr_lstm(g, 2, 3, .dropout = NAN),
           "gr_lstm: dropout is nan, expected a probability in [0, 1]");
    expect(gr_lstm(g, 2, INT_MAX), "gr_lstm: 2147483647 hidden and 1 layers, expected at most "
                                   "536870911 and 1073741823");
    expect(gr_lstm(g, 2, 3, .relu = true), "gr_lstm: relu is an option of gr_rnn alone");
    expect(gr_gru(g, 2, 3, .relu = true), "gr_gru: relu is an option of gr_rnn alone");
}
END_TEST

START_TEST(calls_refuse) {
    gr_module *m = gr_lstm(g, 2, 3), *first = gr_gru(g, 2, 3, .batch_first = true);
    gr_tensor *x = gr_name(gr_zeros(g, GR_SHAPE(4, 5, 2)), "x");
    gr_tensor *state = gr_zeros(g, GR_SHAPE(1, 4, 3)), *fits = gr_zeros(g, GR_SHAPE(1, 5, 3));
    expect(gr_forward(m, state), "gr_recurrent: x (1,4,3) for lstm (2,3), expected (L,N,2) or "
                                 "(L,2)");
    expect(gr_forward(first, gr_zeros(g, GR_SHAPE(2))),
           "gr_recurrent: x (2) for gru (2,3), expected (N,L,2) or (L,2)");
    expect(gr_forward(m, gr_zeros(g, GR_SHAPE(0, 5, 2))),
           "gr_recurrent: x (0,5,2) has 0 steps, expected 1 to 2147483646");
    expect(gr_forward(first, gr_zeros(g, GR_SHAPE(5, 0, 2))),
           "gr_recurrent: x (5,0,2) has 0 steps, expected 1 to 2147483646");
    expect(gr_forward(m, gr_from_index(g, GR_SHAPE(1, 2), (int32_t[]){0, 1})),
           "gr_recurrent: x (1,2) holds integers, expected real numbers");
    expect(gr_recurrent(m, x, .h0 = state), "gr_recurrent: h0 (1,4,3) for x (4,5,2), expected "
                                            "(1,5,3)");
    expect(gr_recurrent(m, x, .h0 = fits, .c0 = state),
           "gr_recurrent: c0 (1,4,3) for x (4,5,2), expected (1,5,3)");
    expect(gr_recurrent(m, gr_select(x, 1, 0), .h0 = fits),
           "gr_recurrent: h0 (1,5,3) for x (4,2), expected (1,3)");
    expect(gr_recurrent(first, x, .c0 = state),
           "gr_recurrent: c0 of gru (2,3), which has no cell state");
    gr_tensor *h_n = x, *c_n = x;
    expect(gr_recurrent(first, x, .h_n = &h_n, .c_n = &c_n),
           "gr_recurrent: c_n of gru (2,3), which has no cell state");
    ck_assert(h_n == NULL && c_n == NULL);
}
END_TEST

START_TEST(lengths_and_kinds_refuse) {
    gr_module *m = gr_lstm(g, 2, 3);
    gr_tensor *x = gr_name(gr_zeros(g, GR_SHAPE(4, 2, 2)), "x");
    gr_tensor *lengths = gr_from_index(g, GR_SHAPE(2), (int32_t[]){4, 5});
    expect(gr_recurrent(m, x, .lengths = lengths),
           "gr_recurrent: lengths (2) has 5 at (1), expected 0 to 4");
    lengths = gr_from_index(g, GR_SHAPE(2), (int32_t[]){-1, 4});
    expect(gr_recurrent(m, x, .lengths = lengths),
           "gr_recurrent: lengths (2) has -1 at (0), expected 0 to 4");
    lengths = gr_from_index(g, GR_SHAPE(1), (int32_t[]){4});
    expect(gr_recurrent(m, x, .lengths = lengths),
           "gr_recurrent: lengths (1) for x (4,2,2), expected (2)");
    expect(gr_recurrent(m, x, .lengths = gr_zeros(g, GR_SHAPE(2))),
           "gr_recurrent: lengths (2) holds real numbers, expected integers");
    gr_tensor *integers = gr_from_index(g, GR_SHAPE(1, 1, 3), (int32_t[]){0, 1, 2});
    expect(gr_recurrent(m, x, .c0 = integers),
           "gr_recurrent: c0 (1,1,3) holds integers, expected real numbers");
    gr_graph *other = gr_graph_new();
    expect(gr_recurrent(m, x, .h0 = gr_zeros(other, GR_SHAPE(1, 2, 3))),
           "gr_recurrent: h0 (1,2,3) belongs to another graph than x (4,2,2)");
    gr_recurrent(m, gr_zeros(other, GR_SHAPE(4, 2, 2)));
    ck_assert_str_eq(gr_error(other),
                     "gr_recurrent: x (4,2,2) belongs to another graph than the lstm");
    gr_graph_free(other);
    expect(gr_recurrent(gr_linear(g, 2, 3), x),
           "gr_recurrent: the module is a linear, expected an rnn, lstm or gru");
    expect(gr_recurrent(NULL, x), "gr_recurrent: the module is NULL");
    expect(gr_recurrent(m, NULL), "gr_recurrent: x is NULL");
    ck_assert_ptr_null(gr_recurrent(NULL, NULL));
}
END_TEST

START_TEST(memory_that_is_refused) {
    gr_graph *small = gr_graph_new(.memory_limit = 1 << 22);
    gr_module *m = gr_lstm(small, 2, 64);
    gr_tensor *x = gr_zeros(small, GR_SHAPE(100, 64, 2));
    ck_assert_ptr_null(gr_forward(m, x));
    ck_assert(gr_failed(small));
    gr_graph_free(small);
}
END_TEST

Suite *recurrent_suite(void) {
    Suite *s = suite_create("recurrent");
    TCase *t = tcase_create("recurrent");
    tcase_set_timeout(t, 120);
    tcase_add_unchecked_fixture(t, read_cases, free_cases);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_loop_test(t, oracle_cases_hold, 0, 3);
#ifdef GR_DOUBLE
    tcase_add_test(t, cases_by_differences);
#endif
    tcase_add_loop_test(t, fused_as_composed, 0, N_SHAPES);
    tcase_add_loop_test(t, threads_do_not_matter, 0, N_SHAPES);
    tcase_add_test(t, names_and_initial_values_as_in_torch);
    tcase_add_loop_test(t, a_sequence_in_pieces, 0, 4);
    tcase_add_test(t, lengths_cut_samples);
    tcase_add_test(t, lengths_cut_gradients);
    tcase_add_test(t, layouts_are_the_same_numbers);
    tcase_add_test(t, no_samples);
    tcase_add_test(t, dropout_between_layers);
    tcase_add_test(t, saturated_gates);
    tcase_add_test(t, slopes_keep_their_digits);
    tcase_add_loop_test(t, learns_to_add_without_new_memory, 0, 2);
    tcase_add_test(t, layers_refuse);
    tcase_add_test(t, calls_refuse);
    tcase_add_test(t, lengths_and_kinds_refuse);
    tcase_add_test(t, memory_that_is_refused);
    suite_add_tcase(s, t);
    return s;
}
