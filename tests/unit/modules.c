#include "tests/unit/modules.h"

#include <check.h>
#include <float.h>
#include <string.h>

#include "core/graph/autodiff.h"
#include "core/ops/elementwise.h"
#include "core/ops/reduce.h"

gr_tensor *modules_operand(gr_graph *g, const cJSON *c, const char *name) {
    return oracle_member(g, c, "in", name);
}

void modules_copy(const cJSON *c, const char *name, gr_tensor *to) {
    ck_assert_ptr_nonnull(to);
    const gr_tensor *from = oracle_member(to->graph, c, "in", name);
    ck_assert_msg(gr_shape_equal(from->shape, to->shape), "%s: %s has the shape %s",
                  oracle_name(c).text, name, gr_shape_text(to->shape).text);
    memcpy(to->data, from->data, (size_t)to->size * sizeof *to->data);
}

void modules_load(const cJSON *c, gr_module *m) {
    ck_assert_ptr_nonnull(m);
    gr_list parameters = gr_parameters(m);
    for (int i = 0; i < parameters.n; i++)
        modules_copy(c, parameters.items[i]->name, parameters.items[i]);
}

void modules_compare(const cJSON *c, const char *name, const gr_tensor *t) {
    ck_assert_msg(t != NULL, "%s: %s is NULL", oracle_name(c).text, name);
    oracle_stats stats = {.tolerance = ORACLE_TOLERANCE,
                          .floor =
                              sizeof(gr_real) == sizeof(float) ? 4 * FLT_EPSILON : 4 * DBL_EPSILON};
    oracle_message message;
    const cJSON *member;
    cJSON_ArrayForEach(member, cJSON_GetObjectItem(c, "expected")) {
        if (strcmp(cJSON_GetObjectItem(member, "name")->valuestring, name) != 0) continue;
        gr_text what;
        snprintf(what.text, sizeof what.text, "%.60s: %.60s", oracle_name(c).text, name);
        ck_assert_msg(
            oracle_compare(t, cJSON_GetObjectItem(member, "data"), what.text, &stats, &message),
            "%s", message.text);
        return;
    }
    ck_abort_msg("%s: nothing is expected of %s", oracle_name(c).text, name);
}

void modules_compare_grads(const cJSON *c, const char *prefix, gr_module *m) {
    gr_list parameters = gr_parameters(m);
    for (int i = 0; i < parameters.n; i++) {
        gr_tensor *p = parameters.items[i];
        gr_text name;
        snprintf(name.text, sizeof name.text, "%.20sgrad %.80s", prefix, p->name);
        modules_compare(c, name.text, p->grad != NULL ? p->grad : gr_zeros(p->graph, p->shape));
    }
}

/* -- Cases with gradients -- */

static void expect(const cJSON *c, const char *key, int i, const gr_tensor *t,
                   oracle_stats *stats) {
    const cJSON *list = cJSON_GetObjectItem(c, key);
    const cJSON *numbers = i < 0 ? cJSON_GetObjectItem(list, "data") : cJSON_GetArrayItem(list, i);
    gr_text what;
    oracle_message message;
    snprintf(what.text, sizeof what.text, "%.60s %s %d", oracle_name(c).text, key, i);
    ck_assert_msg(oracle_compare(t, numbers, what.text, stats, &message), "%s", message.text);
}

static gr_tensor *like(gr_tensor *t, const cJSON *numbers) {
    gr_tensor *copy = gr_zeros(t->graph, t->shape);
    ck_assert_int_eq(copy->size, cJSON_GetArraySize(numbers));
    int64_t i = 0;
    const cJSON *item;
    cJSON_ArrayForEach(item, numbers) copy->data[i++] = (gr_real)oracle_number(item);
    return copy;
}

/* What has gradients: x, if it is real, and m's parameters with the case's numbers. */
static int leaves_of(const cJSON *c, gr_module *m, gr_tensor *x, gr_tensor **in) {
    const cJSON *operands = cJSON_GetObjectItem(c, "in");
    int n = 0, given = cJSON_GetArraySize(operands);
    ck_assert_int_eq(gr_parameters(m).n, given - 1);
    if (x->kind == GR_REAL) in[n++] = gr_requires_grad(x);
    for (int i = 1; i < given; i++) {
        ck_assert_int_lt(n, ORACLE_OPERANDS);
        const cJSON *operand = cJSON_GetArrayItem(operands, i);
        const char *name = cJSON_GetStringValue(cJSON_GetObjectItem(operand, "name"));
        in[n] = gr_parameter_named(m, name);
        ck_assert_msg(in[n] != NULL, "%s: no parameter %s", oracle_name(c).text, name);
        modules_copy(c, name, in[n++]);
    }
    return n;
}

void modules_check(const cJSON *c, gr_module *m, oracle_stats *stats) {
    gr_tensor *in[ORACLE_OPERANDS + 1], *grads[ORACLE_OPERANDS], *w[ORACLE_OPERANDS],
        *second[ORACLE_OPERANDS + 1];
    ck_assert_msg(m != NULL, "%s: no module", oracle_name(c).text);
    gr_tensor *x = modules_operand(m->graph, c, "x");
    int n = leaves_of(c, m, x, in);
    gr_tensor *y = gr_forward(m, x);
    ck_assert_msg(y != NULL, "%s", gr_error(m->graph));
    expect(c, "value", -1, y, stats);
    in[n] = gr_requires_grad(like(y, cJSON_GetObjectItem(c, "v")));
    ck_assert(gr_backward(gr_sum(gr_mul(gr_detach(in[n]), y))));
    for (int i = 0; i < n; i++) expect(c, "grad", i, in[i]->grad, stats);
    ck_assert(gr_grads(GR_LIST(y), ((gr_list){n, in}), grads, .grad_output = &in[n],
                       .create_graph = true));
    for (int i = 0; i < n; i++) {
        expect(c, "grad", i, grads[i], stats);
        w[i] = like(in[i], cJSON_GetArrayItem(cJSON_GetObjectItem(c, "w"), i));
    }
    ck_assert(gr_grads(((gr_list){n, grads}), ((gr_list){n + 1, in}), second, .grad_output = w));
    for (int i = 0; i <= n; i++) expect(c, "second", i, second[i], stats);
    stats->values++;
    stats->gradients++;
    stats->second++;
}
