#include "tests/unit/oracle.h"

#include <check.h>
#include <float.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "core/graph/autodiff.h"
#include "core/ops/elementwise.h"
#include "core/ops/reduce.h"

/* -- Reading -- */

cJSON *oracle_read(const char *path) {
    gzFile file = gzopen(path, "rb"); /* plain files too */
    ck_assert_msg(file != NULL, "%s: can't be read; run the tests from the repository's root",
                  path);
    size_t size = 0, room = 1 << 20;
    char *text = malloc(room + 1);
    int n = 0;
    while (text != NULL && (n = gzread(file, text + size, (unsigned)(room - size))) > 0) {
        size += (size_t)n;
        if (size == room) text = realloc(text, (room *= 2) + 1);
    }
    ck_assert_ptr_nonnull(text);
    ck_assert_msg(gzclose(file) == Z_OK && n == 0, "%s: can't be unpacked", path);
    text[size] = '\0';
    cJSON *json = cJSON_Parse(text);
    free(text);
    ck_assert_msg(json != NULL, "%s: no JSON", path);
    return json;
}

const cJSON *oracle_cases(const cJSON *file) { return cJSON_GetObjectItem(file, "cases"); }

static const char *text_of(const cJSON *c, const char *key) {
    const cJSON *item = cJSON_GetObjectItem(c, key);
    return cJSON_IsString(item) ? item->valuestring : "";
}

const cJSON *oracle_find(const cJSON *file, const char *op, const char *id) {
    const cJSON *c;
    cJSON_ArrayForEach(c, oracle_cases(file)) {
        if (strcmp(text_of(c, "op"), op) == 0 && strcmp(text_of(c, "id"), id) == 0) return c;
    }
    ck_abort_msg("no oracle case %s/%s", op, id);
    return NULL;
}

gr_text oracle_name(const cJSON *c) {
    gr_text name;
    snprintf(name.text, sizeof name.text, "%s/%s", text_of(c, "op"), text_of(c, "id"));
    return name;
}

double oracle_number(const cJSON *item) {
    if (!cJSON_IsString(item)) return item->valuedouble;
    if (strcmp(item->valuestring, "inf") == 0) return INFINITY;
    if (strcmp(item->valuestring, "-inf") == 0) return -INFINITY;
    return NAN;
}

static const cJSON *param(const cJSON *c, const char *name) {
    return cJSON_GetObjectItem(cJSON_GetObjectItem(c, "params"), name);
}

double oracle_param(const cJSON *c, const char *name, double otherwise) {
    const cJSON *p = param(c, name);
    return p == NULL ? otherwise : oracle_number(p);
}

int oracle_int(const cJSON *c, const char *name, int otherwise) {
    return (int)oracle_param(c, name, otherwise);
}

bool oracle_flag(const cJSON *c, const char *name) { return cJSON_IsTrue(param(c, name)); }

int oracle_ints(const cJSON *c, const char *name, int *values, int room) {
    int n = 0;
    const cJSON *item;
    cJSON_ArrayForEach(item, param(c, name)) {
        ck_assert_int_lt(n, room);
        values[n++] = item->valueint;
    }
    return n;
}

gr_shape oracle_shape(const cJSON *c, const char *name) {
    gr_shape shape = {0};
    shape.ndim = oracle_ints(c, name, shape.dim, GR_MAX_DIMS);
    return shape;
}

static gr_shape shape_of(const cJSON *t) {
    gr_shape shape = {0};
    const cJSON *dim;
    cJSON_ArrayForEach(dim, cJSON_GetObjectItem(t, "shape")) shape.dim[shape.ndim++] =
        dim->valueint;
    return shape;
}

/* A leaf of the given shape with the numbers of `data`. */
static gr_tensor *leaf(gr_graph *g, gr_shape shape, const cJSON *data) {
    gr_tensor *t = gr_zeros(g, shape);
    ck_assert_msg(t != NULL, "%s", gr_error(g));
    ck_assert_int_eq(t->size, cJSON_GetArraySize(data));
    int64_t i = 0;
    const cJSON *item;
    cJSON_ArrayForEach(item, data) t->data[i++] = (gr_real)oracle_number(item);
    return t;
}

static gr_tensor *index_leaf(gr_graph *g, gr_shape shape, const cJSON *data) {
    int n = cJSON_GetArraySize(data);
    int32_t *values = calloc((size_t)n + 1, sizeof *values);
    ck_assert_ptr_nonnull(values);
    int i = 0;
    const cJSON *item;
    cJSON_ArrayForEach(item, data) values[i++] = item->valueint;
    gr_tensor *t = gr_from_index(g, shape, values);
    free(values);
    ck_assert_msg(t != NULL, "%s", gr_error(g));
    return t;
}

gr_tensor *oracle_tensor(gr_graph *g, const cJSON *t) {
    const cJSON *data = cJSON_GetObjectItem(t, "data");
    bool is_index = cJSON_IsTrue(cJSON_GetObjectItem(t, "index"));
    return gr_name((is_index ? index_leaf : leaf)(g, shape_of(t), data), text_of(t, "name"));
}

gr_tensor *oracle_member(gr_graph *g, const cJSON *c, const char *list, const char *name) {
    const cJSON *t;
    cJSON_ArrayForEach(t, cJSON_GetObjectItem(c, list)) {
        if (strcmp(text_of(t, "name"), name) == 0) return oracle_tensor(g, t);
    }
    ck_abort_msg("%s: no %s in its %s", oracle_name(c).text, name, list);
    return NULL;
}

/* -- Comparing -- */

static bool complain(oracle_message *message, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message->text, sizeof message->text, format, arguments);
    va_end(arguments);
    return false;
}

/* The largest finite magnitude in nested lists of numbers. */
static double largest_in(const cJSON *numbers) {
    if (numbers == NULL) return 0;
    if (!cJSON_IsArray(numbers)) {
        double x = fabs((double)(gr_real)oracle_number(numbers));
        return isfinite(x) ? x : 0;
    }
    double largest = 0;
    const cJSON *item;
    cJSON_ArrayForEach(item, numbers) largest = fmax(largest, largest_in(item));
    return largest;
}

/* What rounding alone explains: an element that is a small difference of large terms is no better
 * than the rounding of these; the largest number of the same order in the case stands for them
 * (unless the case says that its elements are independent). What lies below the smallest normal
 * number has lost digits already. */
static double floor_of(const cJSON *c, double largest) {
    const double epsilon = sizeof(gr_real) == sizeof(float) ? FLT_EPSILON : DBL_EPSILON;
    const double smallest = sizeof(gr_real) == sizeof(float) ? FLT_MIN : DBL_MIN;
    bool independent = cJSON_IsTrue(cJSON_GetObjectItem(c, "independent"));
    return (independent ? 0 : 4 * epsilon * largest) + smallest;
}

static bool near(double a, double b, double floor, oracle_stats *stats, const char *what) {
    stats->numbers++;
    if (isnan(a) || isnan(b)) return isnan(a) && isnan(b);
    if (a == b) return true;
    if (isinf(a) || isinf(b)) return false;
    /* off <= tolerance max(|a|, |b|) + floor */
    double size = fmax(fabs(a), fabs(b)) + floor / stats->tolerance, off = fabs(a - b) / size;
    if (off > stats->largest) {
        stats->largest = off;
        snprintf(stats->worst.text, sizeof stats->worst.text, "%s", what);
    }
    return off <= stats->tolerance;
}

static bool compare(const gr_tensor *t, const cJSON *expected, double floor, const char *what,
                    oracle_stats *stats, oracle_message *message) {
    if (t == NULL) return complain(message, "%s: nothing was computed", what);
    if (t->size != cJSON_GetArraySize(expected))
        return complain(message, "%s: shape %s, expected %d elements", what,
                        gr_shape_text(t->shape).text, cJSON_GetArraySize(expected));
    int64_t i = 0;
    const cJSON *item;
    cJSON_ArrayForEach(item, expected) {
        double wanted = oracle_number(item);
        if (t->kind == GR_REAL) wanted = (double)(gr_real)wanted;
        if (!near(gr_at(t, i), wanted, floor, stats, what))
            return complain(message, "%s: element %lld of %s is %.17g, expected %.17g", what,
                            (long long)i, gr_shape_text(t->shape).text, gr_at(t, i), wanted);
        i++;
    }
    return true;
}

bool oracle_compare(const gr_tensor *t, const cJSON *expected, const char *what,
                    oracle_stats *stats, oracle_message *message) {
    double largest = stats->floor_alone ? 0 : largest_in(expected);
    double floor = floor_of(NULL, largest) + stats->floor;
    return compare(t, expected, floor, what, stats, message);
}

static bool compare_value(const gr_tensor *y, const cJSON *c, oracle_stats *stats,
                          oracle_message *message) {
    const cJSON *value = cJSON_GetObjectItem(c, "value");
    gr_text name = oracle_name(c);
    if (y == NULL) return complain(message, "%s: nothing was computed", name.text);
    bool is_index = cJSON_IsTrue(cJSON_GetObjectItem(value, "index"));
    if ((y->kind == GR_INDEX) != is_index)
        return complain(message, "%s: %s were expected", name.text,
                        is_index ? "integers" : "reals");
    if (!gr_shape_equal(y->shape, shape_of(value)))
        return complain(message, "%s: shape %s, expected %s", name.text,
                        gr_shape_text(y->shape).text, gr_shape_text(shape_of(value)).text);
    const cJSON *data = cJSON_GetObjectItem(value, "data");
    return compare(y, data, floor_of(c, largest_in(data)), name.text, stats, message);
}

/* Compares the gradients that stand under `key`, each in its operand's shape. */
static bool compare_grads(const cJSON *c, const char *key, gr_tensor **grads, gr_tensor **in, int n,
                          oracle_stats *stats, oracle_message *message) {
    const cJSON *expected = cJSON_GetObjectItem(c, key);
    double floor = floor_of(c, largest_in(expected));
    for (int i = 0; i < n; i++) {
        gr_text what;
        snprintf(what.text, sizeof what.text, "%.80s: %s to %.20s", oracle_name(c).text, key,
                 in[i]->name);
        if (grads[i] != NULL && !gr_shape_equal(grads[i]->shape, in[i]->shape))
            return complain(message, "%s: shape %s", what.text,
                            gr_shape_text(grads[i]->shape).text);
        if (!compare(grads[i], cJSON_GetArrayItem(expected, i), floor, what.text, stats, message))
            return false;
    }
    return true;
}

int oracle_operands(gr_graph *g, const cJSON *c, gr_tensor *in[ORACLE_OPERANDS]) {
    int n = 0;
    const cJSON *t;
    cJSON_ArrayForEach(t, cJSON_GetObjectItem(c, "in")) {
        ck_assert_int_lt(n, ORACLE_OPERANDS);
        in[n] = oracle_tensor(g, t);
        if (in[n]->kind == GR_REAL) gr_requires_grad(in[n]);
        n++;
    }
    return n;
}

/* The operands that have gradients, in their order. */
static int real_operands(gr_tensor **in, int n, gr_tensor **real) {
    int reals = 0;
    for (int i = 0; i < n; i++)
        if (in[i]->kind == GR_REAL && in[i]->requires_grad) real[reals++] = in[i];
    return reals;
}

static bool check_backward(gr_graph *g, const cJSON *c, gr_tensor *y, gr_tensor *v, gr_tensor **in,
                           int n, oracle_stats *stats, oracle_message *message) {
    gr_tensor *grads[ORACLE_OPERANDS];
    if (!y->requires_grad) return complain(message, "%s: has no gradient", oracle_name(c).text);
    if (!gr_backward(gr_sum(gr_mul(v, y)))) return complain(message, "%s", gr_error(g));
    for (int i = 0; i < n; i++)
        grads[i] = in[i]->grad != NULL ? in[i]->grad : gr_zeros(g, in[i]->shape);
    return compare_grads(c, "grad", grads, in, n, stats, message);
}

/* The gradient to one operand, asked for without the others. */
static bool check_alone(gr_graph *g, const cJSON *c, gr_tensor *y, gr_tensor *v, gr_tensor **in,
                        int n, oracle_stats *stats, oracle_message *message) {
    const cJSON *expected = cJSON_GetObjectItem(c, "grad");
    double floor = floor_of(c, largest_in(expected));
    for (int i = 0; i < n; i++) {
        gr_text what;
        snprintf(what.text, sizeof what.text, "%.80s: grad to %.20s alone", oracle_name(c).text,
                 in[i]->name);
        gr_tensor *grad = gr_grad(y, in[i], .grad_output = v);
        if (grad == NULL) return complain(message, "%s: %s", what.text, gr_error(g));
        if (!compare(grad, cJSON_GetArrayItem(expected, i), floor, what.text, stats, message))
            return false;
    }
    return true;
}

static bool check_second(gr_graph *g, const cJSON *c, gr_tensor **grads, gr_tensor **in, int n,
                         gr_tensor *v, oracle_stats *stats, oracle_message *message) {
    gr_tensor *w[ORACLE_OPERANDS], *x[ORACLE_OPERANDS + 1], *second[ORACLE_OPERANDS + 1];
    const cJSON *ws = cJSON_GetObjectItem(c, "w");
    for (int i = 0; i < n; i++) {
        w[i] = leaf(g, in[i]->shape, cJSON_GetArrayItem(ws, i));
        x[i] = in[i];
    }
    x[n] = v;
    if (!gr_grads((gr_list){n, grads}, (gr_list){n + 1, x}, second, .grad_output = w))
        return complain(message, "%s: second: %s", oracle_name(c).text, gr_error(g));
    if (!compare_grads(c, "second", second, x, n + 1, stats, message)) return false;
    const cJSON *expected = cJSON_GetObjectItem(c, "second");
    double floor = floor_of(c, largest_in(expected));
    for (int i = 0; i <= n; i++) {
        gr_text what;
        snprintf(what.text, sizeof what.text, "%.80s: second to %.20s alone", oracle_name(c).text,
                 x[i]->name);
        if (!gr_grads((gr_list){n, grads}, GR_LIST(x[i]), second, .grad_output = w))
            return complain(message, "%s: %s", what.text, gr_error(g));
        if (!compare(second[0], cJSON_GetArrayItem(expected, i), floor, what.text, stats, message))
            return false;
    }
    return true;
}

/* The orders of derivatives that the case has, and that this precision holds. */
static int orders_of(const cJSON *c) {
    int orders = cJSON_HasObjectItem(c, "second") ? 2 : cJSON_HasObjectItem(c, "grad") ? 1 : 0;
    const cJSON *held = cJSON_GetObjectItem(c, "float_orders");
    if (sizeof(gr_real) == sizeof(float) && held != NULL && held->valueint < orders)
        return held->valueint;
    return orders;
}

bool oracle_check(gr_graph *g, const cJSON *c, oracle_function *f, oracle_stats *stats,
                  oracle_message *message) {
    gr_tensor *in[ORACLE_OPERANDS], *real[ORACLE_OPERANDS], *grads[ORACLE_OPERANDS];
    gr_graph_reset(g);
    int orders = orders_of(c);
    if (orders < 0) return true;
    int n = oracle_operands(g, c, in);
    gr_tensor *y = f(c, in);
    if (y == NULL) return complain(message, "%s: %s", oracle_name(c).text, gr_error(g));
    if (!compare_value(y, c, stats, message)) return false;
    stats->values++;
    if (orders < 1) return true;
    n = real_operands(in, n, real);
    gr_tensor *v = gr_name(leaf(g, y->shape, cJSON_GetObjectItem(c, "v")), "v");
    gr_requires_grad(v);
    if (!check_backward(g, c, y, gr_detach(v), real, n, stats, message)) return false;
    if (!gr_grads(GR_LIST(y), (gr_list){n, real}, grads, .grad_output = &v, .create_graph = true))
        return complain(message, "%s: %s", oracle_name(c).text, gr_error(g));
    if (!compare_grads(c, "grad", grads, real, n, stats, message)) return false;
    if (n > 1 && !check_alone(g, c, y, v, real, n, stats, message)) return false;
    stats->gradients++;
    if (orders < 2) return true;
    if (!check_second(g, c, grads, real, n, v, stats, message)) return false;
    stats->second++;
    return true;
}

void oracle_report(const char *family, const oracle_stats *s) {
    printf(
        "oracle %s: %d values, %d gradients, %d second derivatives, %lld numbers, largest relative "
        "error %.2g%s%s\n",
        family, s->values, s->gradients, s->second, (long long)s->numbers, s->largest,
        s->largest > 0 ? " in " : "", s->worst.text);
    fflush(stdout);
}
