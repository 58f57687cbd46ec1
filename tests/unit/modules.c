#include "tests/unit/modules.h"

#include <check.h>
#include <float.h>
#include <string.h>

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
                          .floor = sizeof(gr_real) == sizeof(float) ? 4 * FLT_EPSILON
                                                                    : 4 * DBL_EPSILON};
    oracle_message message;
    const cJSON *member;
    cJSON_ArrayForEach(member, cJSON_GetObjectItem(c, "expected")) {
        if (strcmp(cJSON_GetObjectItem(member, "name")->valuestring, name) != 0) continue;
        gr_text what;
        snprintf(what.text, sizeof what.text, "%.60s: %.60s", oracle_name(c).text, name);
        ck_assert_msg(oracle_compare(t, cJSON_GetObjectItem(member, "data"), what.text, &stats,
                                     &message),
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
