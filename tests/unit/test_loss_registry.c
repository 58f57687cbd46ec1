/* What holds for every row of the registry: it is complete, its names are found, its defaults are
 * those of the function, and bad calls are refused with a message that names what is wrong. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/graph/autodiff.h"
#include "core/graph/random.h"
#include "tests/unit/loss_defaults.h"
#include "tests/unit/loss_samples.h"
#include "tests/unit/suites.h"

static gr_graph *g;
static int failed;

static void setup(void) {
    g = gr_graph_new(.seed = 11);
    failed = 0;
}
static void teardown(void) { gr_graph_free(g); }

/* All rows are looked at before the test fails. */
static void expect(bool holds, const gr_loss_info *loss, const char *what, const char *which) {
    if (holds) return;
    fprintf(stderr, "%s: %s %s\n", loss->name, what, which);
    failed++;
}

#define FOR_EACH_LOSS(loss)                                                                        \
    for (int row_ = 0; row_ < gr_loss_count(); row_++)                                             \
        for (const gr_loss_info *loss = gr_loss_at(row_); loss != NULL; loss = NULL)               \
            if (loss_selected(loss->name))

/* -- The rows -- */

static bool filled(const char *text) { return text != NULL && *text != '\0'; }

static int operand_count(const gr_loss_info *loss) {
    int n = 0;
    while (n < GR_LOSS_OPERANDS && loss->operands[n].name != NULL) n++;
    return n;
}

static void expect_property(const gr_loss_info *loss, const char *operand, const char *property) {
    if (operand == NULL) return;
    int i = gr_loss_operand(loss, operand);
    expect(i >= 0, loss, "no such operand for the property", property);
    expect(i < 0 || loss->operands[i].kind != GR_OPERAND_INDEX, loss,
           "an operand of integers for the property", property);
}

static void expect_parameter(const gr_loss_info *loss, const gr_parameter_info *p) {
    bool choice = p->kind == GR_CHOICE;
    expect(choice == filled(p->choices), loss, "choices of a parameter that has none, or none of",
           p->name);
    expect(filled(p->about), loss, "no word about parameter", p->name);
    expect(p->kind == GR_BOOLEAN || choice || p->low < p->high, loss, "an empty range of", p->name);
    expect(gr_loss_parameter(loss, p->name) == (int)(p - loss->parameters), loss,
           "twice:", p->name);
    if (!gr_parameter_allows(p, p->value)) expect(false, loss, "a default out of range:", p->name);
}

static void expect_reductions(const gr_loss_info *loss) {
    static const char *const known[] = {"mean", "sum", "none", "batchmean"};
    int words = 0;
    for (const char *s = loss->reductions; *s != '\0'; s += strcspn(s, " "), s += strspn(s, " "))
        words++;
    int found = 0;
    for (int i = 0; i < 4; i++) found += loss_word(loss->reductions, known[i]) >= 0;
    expect(found == words, loss, "unknown reductions:", loss->reductions);
}

START_TEST(rows_are_complete) {
    FOR_EACH_LOSS(loss) {
        expect(filled(loss->family), loss, "no", "family");
        expect(filled(loss->purpose), loss, "no", "purpose");
        expect(filled(loss->formula), loss, "no", "formula");
        expect(filled(loss->use), loss, "no", "use");
        expect(filled(loss->avoid), loss, "no", "avoid");
        expect(filled(loss->source), loss, "no", "source");
        expect(loss->reductions != NULL && loss->apply != NULL, loss, "no",
               "reductions or function");
        expect(loss->low <= loss->high, loss, "an empty", "range");
        expect(operand_count(loss) > 0, loss, "no", "operands");
        for (int i = 0; i < operand_count(loss); i++) {
            const gr_operand_info *o = &loss->operands[i];
            expect(filled(o->shape), loss, "no shape of", o->name);
            expect(gr_loss_operand(loss, o->name) == i, loss, "twice:", o->name);
        }
        for (int i = 0; i < GR_LOSS_PARAMETERS && loss->parameters[i].name != NULL; i++)
            expect_parameter(loss, &loss->parameters[i]);
        expect_reductions(loss);
        expect_property(loss, loss->convex, "convex");
        expect_property(loss, loss->differentiable, "differentiable");
        expect_property(loss, loss->robust, "robust");
    }
    ck_assert_int_eq(failed, 0);
}
END_TEST

START_TEST(names_are_found) {
    FOR_EACH_LOSS(loss) {
        expect(gr_loss_find(loss->name) == loss, loss, "not found by", "name");
        for (int i = 0; i < GR_LOSS_ALIASES && loss->aliases[i] != NULL; i++)
            expect(gr_loss_find(loss->aliases[i]) == loss, loss, "not found by alias",
                   loss->aliases[i]);
    }
    ck_assert_int_eq(failed, 0);
    ck_assert_ptr_null(gr_loss_find("no_such_loss"));
    ck_assert_ptr_null(gr_loss_find(""));
    ck_assert_ptr_null(gr_loss_at(-1));
    ck_assert_ptr_null(gr_loss_at(gr_loss_count()));
    ck_assert_int_eq(gr_loss_operand(gr_loss_at(0), "no_such_operand"), -1);
    ck_assert_int_eq(gr_loss_parameter(gr_loss_at(0), "no_such_parameter"), -1);
}
END_TEST

/* -- Defaults -- */

static bool same(const gr_tensor *a, const gr_tensor *b) {
    if (a == NULL || b == NULL || a->kind != b->kind || !gr_shape_equal(a->shape, b->shape))
        return false;
    for (int64_t i = 0; i < a->size; i++) {
        double x = gr_at(a, i), y = gr_at(b, i);
        if (x != y && !(isnan(x) && isnan(y))) return false;
    }
    return true;
}

/* gr_NAME(operands) without options is the row's call with its defaults. */
START_TEST(defaults_are_the_functions) {
    FOR_EACH_LOSS(loss) {
        loss_default *call = loss_default_call(loss->name);
        expect(call != NULL, loss, "is missing in", "tests/unit/loss_defaults.c");
        if (call == NULL) continue;
        for (int tries = 0; tries < 5; tries++) {
            loss_call l;
            sample_error error;
            gr_graph_reset(g);
            bool found =
                loss_accepted_sample(g, loss, (sample_options){.wide = tries > 2}, &l, &error);
            expect(found, loss, "no operands found:", error.text);
            if (!found) break;
            gr_tensor *by_row = gr_loss_apply(loss, &l.call), *by_name = call(&l.call);
            expect(same(by_row, by_name), loss, "defaults of row and function differ", "");
        }
    }
    ck_assert_int_eq(failed, 0);
}
END_TEST

/* -- Bad calls -- */

/* The call has failed with a message that has the loss's name and `mention` in it. */
static void expect_refusal(const gr_loss_info *loss, const gr_tensor *y, const char *what,
                           const char *mention) {
    const char *message = gr_error(g);
    if (y != NULL) {
        expect(false, loss, what, mention);
    } else if (strstr(message, loss->name) == NULL || strstr(message, mention) == NULL) {
        fprintf(stderr, "%s: %s %s: the message is \"%s\"\n", loss->name, what, mention, message);
        failed++;
    }
    gr_clear_error(g);
}

static bool sample(const gr_loss_info *loss, sample_options options, loss_call *l) {
    sample_error error;
    gr_graph_reset(g);
    bool found = loss_accepted_sample(g, loss, options, l, &error);
    expect(found, loss, "no operands found:", error.text);
    return found;
}

/* Beyond both ends, the ends that are open, a NaN; the function refuses them, not only the
 * registry. */
static void expect_range(const gr_loss_info *loss, const loss_call *l, int i) {
    const gr_parameter_info *p = &loss->parameters[i];
    const double wrong[] = {NAN,
                            p->low_open ? p->low : p->low - 1,
                            p->high_open ? p->high : p->high + 1,
                            p->low - 1e-6 * fmax(1, fabs(p->low)),
                            p->high + 1e-6 * fmax(1, fabs(p->high)),
                            p->kind == GR_INTEGER ? p->value + 0.5 : NAN};
    for (int k = 0; k < (int)(sizeof wrong / sizeof *wrong); k++) {
        if (gr_parameter_allows(p, wrong[k])) continue; /* the end is infinite */
        gr_loss_call call = l->call;
        call.parameter[i] = wrong[k];
        expect_refusal(loss, gr_loss_apply(loss, &call), "accepts by the registry", p->name);
        bool is_int = p->kind == GR_INTEGER && wrong[k] != floor(wrong[k]); /* C has no such int */
        if (!is_int) expect_refusal(loss, loss->apply(&call), "accepts", p->name);
    }
}

static void expect_choices(const gr_loss_info *loss, const loss_call *l, int i) {
    const gr_parameter_info *p = &loss->parameters[i];
    int n = 2;
    if (p->kind == GR_CHOICE)
        for (n = 1; p->choices != NULL && n < 99; n++)
            if (!gr_parameter_allows(p, n)) break;
    const double wrong[] = {-1, n, 0.5, NAN};
    for (int k = 0; k < 4; k++) {
        gr_loss_call call = l->call;
        call.parameter[i] = wrong[k];
        expect_refusal(loss, gr_loss_apply(loss, &call), "accepts", p->name);
    }
    for (int k = 0; k < n; k++) {
        gr_loss_call call = l->call;
        call.parameter[i] = k;
        expect(gr_loss_apply(loss, &call) != NULL, loss, "refuses a value of", p->name);
        if (gr_failed(g)) fprintf(stderr, "    %s\n", gr_error(g));
        gr_clear_error(g);
    }
}

START_TEST(parameters_out_of_range_are_refused) {
    FOR_EACH_LOSS(loss) {
        loss_call l;
        if (!sample(loss, (sample_options){0}, &l)) continue;
        for (int i = 0; i < GR_LOSS_PARAMETERS && loss->parameters[i].name != NULL; i++) {
            bool number =
                loss->parameters[i].kind == GR_NUMBER || loss->parameters[i].kind == GR_INTEGER;
            (number ? expect_range : expect_choices)(loss, &l, i);
        }
    }
    ck_assert_int_eq(failed, 0);
}
END_TEST

/* A closed end that is finite is accepted. */
START_TEST(ends_of_ranges_are_accepted) {
    FOR_EACH_LOSS(loss) {
        loss_call l;
        if (!sample(loss, (sample_options){0}, &l)) continue;
        for (int i = 0; i < GR_LOSS_PARAMETERS && loss->parameters[i].name != NULL; i++) {
            const gr_parameter_info *p = &loss->parameters[i];
            const double ends[] = {p->low, p->high};
            for (int k = 0; k < 2 && p->kind == GR_NUMBER; k++) {
                if (!isfinite(ends[k]) || !gr_parameter_allows(p, ends[k])) continue;
                gr_loss_call call = l.call;
                call.parameter[i] = ends[k];
                expect(gr_loss_apply(loss, &call) != NULL, loss, "refuses an end of", p->name);
                gr_clear_error(g);
            }
        }
    }
    ck_assert_int_eq(failed, 0);
}
END_TEST

static gr_tensor *empty_like(const gr_tensor *t) {
    gr_shape shape = t->shape;
    if (shape.ndim == 0) shape = GR_SHAPE(0);
    shape.dim[0] = 0;
    return t->kind == GR_REAL ? gr_zeros(g, shape) : gr_from_index(g, shape, (int32_t[]){0});
}

static gr_tensor *other_kind(const gr_tensor *t) {
    int32_t zeros[256] = {0};
    return t->kind == GR_INDEX ? gr_zeros(g, t->shape) : gr_from_index(g, t->shape, zeros);
}

static int operands_given(const gr_loss_call *call) {
    int n = 0;
    for (int i = 0; i < GR_LOSS_OPERANDS; i++) n += call->operand[i] != NULL || call->list[i].n > 0;
    return n;
}

/* An operand is empty, is of the other kind. */
static void expect_tensor(const gr_loss_info *loss, const loss_call *l, int i) {
    const gr_operand_info *o = &loss->operands[i];
    gr_loss_call call = l->call;
    call.operand[i] = empty_like(l->call.operand[i]);
    expect_refusal(loss, loss->apply(&call), "accepts an empty", o->name);
    if (o->kind == GR_OPERAND_REAL_OR_INDEX || l->call.operand[i]->size > 256) return;
    call.operand[i] = other_kind(l->call.operand[i]);
    expect_refusal(loss, loss->apply(&call), "accepts the wrong kind of", o->name);
}

/* An operand is missing, is NULL to the function itself, is no fitting tensor. */
static void expect_operand(const gr_loss_info *loss, const loss_call *l, int i) {
    const gr_operand_info *o = &loss->operands[i];
    gr_loss_call call = l->call;
    call.operand[i] = NULL;
    call.list[i].n = 0;
    expect_refusal(loss, gr_loss_apply(loss, &call), "accepts no", o->name);
    if (o->kind == GR_OPERAND_LIST) return;
    if (operands_given(&call) > 0) /* else there is no graph that could keep the error */
        expect_refusal(loss, loss->apply(&call), "accepts a NULL for", o->name);
    expect_tensor(loss, l, i);
}

START_TEST(missing_and_empty_operands_are_refused) {
    FOR_EACH_LOSS(loss) {
        loss_call l;
        if (!sample(loss, (sample_options){0}, &l)) continue;
        for (int i = 0; i < operand_count(loss); i++)
            if (!loss->operands[i].optional) expect_operand(loss, &l, i);
    }
    ck_assert_int_eq(failed, 0);
}
END_TEST

/* But for those that are ignored. */
START_TEST(optional_operands_are_checked) {
    int checked = 0;
    FOR_EACH_LOSS(loss) {
        loss_call l;
        if (!sample(loss, (sample_options){.optional = true}, &l)) continue;
        for (int i = 0; i < operand_count(loss); i++) {
            const gr_operand_info *o = &loss->operands[i];
            bool ignored = o->about != NULL && strstr(o->about, "ignored") != NULL;
            if (!o->optional || ignored || l.call.operand[i] == NULL) continue;
            expect_tensor(loss, &l, i);
            checked++;
        }
    }
    ck_assert_int_gt(checked, 0);
    ck_assert_int_eq(failed, 0);
}
END_TEST

/* Without any operand there is no graph that could keep the error: NULL, and no crash. */
START_TEST(no_operands_at_all) {
    FOR_EACH_LOSS(loss) {
        gr_loss_call call = gr_loss_defaults(g, loss);
        call.graph = NULL;
        expect(loss->apply(&call) == NULL, loss, "computes without", "operands");
    }
    ck_assert_int_eq(failed, 0);
}
END_TEST

START_TEST(unknown_reductions_are_refused) {
    FOR_EACH_LOSS(loss) {
        loss_call l;
        if (!is_loss(loss) || !sample(loss, (sample_options){0}, &l)) continue;
        l.call.reduction = (gr_reduction)17;
        expect_refusal(loss, gr_loss_apply(loss, &l.call), "accepts a wrong", "reduction");
        expect_refusal(loss, loss->apply(&l.call), "accepts itself a wrong", "reduction");
        if (loss_word(loss->reductions, "batchmean") >= 0) continue;
        l.call.reduction = GR_BATCHMEAN;
        expect_refusal(loss, loss->apply(&l.call), "accepts batchmean as a", "reduction");
    }
    ck_assert_int_eq(failed, 0);
}
END_TEST

/* -- Sizes -- */

static bool all_finite(const gr_tensor *t) {
    for (int64_t i = 0; i < t->size; i++)
        if (!isfinite(gr_at(t, i))) return false;
    return true;
}

static void expect_finite(const gr_loss_info *loss, loss_call *l, gr_tensor *y, const char *what) {
    expect(all_finite(y), loss, "the value is not finite for", what);
    gr_tensor *grads[LOSS_LEAVES];
    if (y->kind != GR_REAL || !y->requires_grad) return;
    bool computed = gr_grads(GR_LIST(y), (gr_list){l->n, l->leaf}, grads);
    expect(computed, loss, "no gradient for", what);
    for (int i = 0; computed && i < l->n; i++)
        expect(all_finite(grads[i]), loss, "the gradient is not finite for", what);
}

/* One sample is a batch; one class is one or is refused. */
START_TEST(smallest_sizes) {
    static const struct {
        const char *what;
        sample_options options;
        bool may_refuse;
    } sizes[] = {{"one sample", {.n = 1}, false},
                 {"one sample, no further dimensions", {.n = 1, .more = -1}, false},
                 {"one sample with all operands", {.n = 1, .optional = true}, false},
                 {"further dimensions", {.more = 2}, false},
                 {"one class", {.c = 1}, true},
                 {"one sample of one class", {.n = 1, .c = 1}, true}};
    FOR_EACH_LOSS(loss) {
        for (int k = 0; k < (int)(sizeof sizes / sizeof *sizes); k++)
            for (int a = 0; a < loss_alternatives(loss); a++) {
                loss_call l;
                sample_error error;
                sample_options options = sizes[k].options;
                options.alternative = a;
                gr_graph_reset(g);
                bool found = loss_accepted_sample(g, loss, options, &l, &error);
                if (found)
                    expect_finite(loss, &l, gr_loss_apply(loss, &l.call), sizes[k].what);
                else if (!sizes[k].may_refuse && is_loss(loss))
                    fprintf(stderr, "%s: refuses %s: %s\n", loss->name, sizes[k].what, error.text),
                        failed++;
                else
                    expect(strstr(error.text, loss->name) != NULL, loss, "no name in:", error.text);
            }
    }
    ck_assert_int_eq(failed, 0);
}
END_TEST

/* -- Extremes -- */

/* Ends of what an operand may hold, the same number in all places or one here and one there. */
static void to_extremes(const gr_operand_info *o, gr_tensor *t) {
    static const double units[] = {0, 1, 0.5, 1e-30};
    const double most = sizeof(gr_real) == sizeof(float) ? FLT_MAX : DBL_MAX;
    const double any[] = {0, 1, -1, 1e4, -1e4, 1e-30, most, -most};
    bool unit = o->domain == GR_UNIT_INTERVAL, mixed = gr_random_below(g, 2) == 0;
    bool value = o->domain == GR_ANY_VALUE || o->domain == GR_POSITIVE || o->domain == GR_BOXES ||
                 o->domain == GR_LOG_DISTRIBUTION;
    uint32_t k = gr_random_below(g, unit ? 4 : 8);
    for (int64_t i = 0; (unit || value) && i < t->size; i++) {
        if (mixed) k = gr_random_below(g, unit ? 4 : 8);
        double x = unit ? units[k] : o->domain == GR_POSITIVE ? fabs(any[k]) : any[k];
        if (!mixed || gr_random_below(g, 2) == 0) t->data[i] = (gr_real)x;
    }
}

static bool has_nan(const gr_tensor *t) {
    for (int64_t i = 0; i < t->size; i++)
        if (isnan(gr_at(t, i))) return true;
    return false;
}

/* Where a loss is finite its gradient is no NaN. Weights and scales keep their ordinary values:
 * times an extreme a gradient may be beyond all numbers where the loss is not. */
START_TEST(finite_losses_have_no_nan_in_their_gradients) {
    FOR_EACH_LOSS(loss) {
        int finite = 0;
        if (!is_loss(loss)) continue;
        for (int k = 0; k < 400; k++) {
            loss_call l;
            sample_error error;
            gr_graph_reset(g);
            sample_options options = {.optional = k % 4 == 3, .n = k % 8 == 7};
            if (!loss_accepted_sample(g, loss, options, &l, &error)) continue;
            for (int i = 0; i < l.n; i++) {
                const gr_operand_info *o = &loss->operands[gr_loss_operand(loss, l.name[i])];
                bool scales = o->optional || strcmp(o->name, "logit_scale") == 0;
                if (!scales && gr_random_below(g, 3) > 0) to_extremes(o, l.leaf[i]);
            }
            gr_tensor *y = gr_loss_apply(loss, &l.call), *grads[LOSS_LEAVES];
            gr_clear_error(g);
            if (y == NULL || y->kind != GR_REAL || !y->requires_grad || !all_finite(y)) continue;
            finite++;
            if (!gr_grads(GR_LIST(y), (gr_list){l.n, l.leaf}, grads)) continue;
            for (int i = 0; i < l.n; i++)
                if (has_nan(grads[i])) {
                    expect(false, loss, "finite, with a NaN in the gradient to", l.name[i]);
                    k = 400;
                }
        }
        expect(finite >= 10, loss, "too few extremes have a", "finite loss");
    }
    ck_assert_int_eq(failed, 0);
}
END_TEST

/* With bits set that say nothing, as the missing values of other programs have. */
static gr_real not_a_number(uint32_t payload) {
#ifdef GR_DOUBLE
    union {
        uint64_t bits;
        double x;
    } nan = {.bits = (UINT64_C(0x7ff8) << 48) | payload};
#else
    union {
        uint32_t bits;
        float x;
    } nan = {.bits = (UINT32_C(0x7fc0) << 16) | payload};
#endif
    return nan.x;
}

/* What has a gradient has been read, and if it is no number, the loss is none. */
START_TEST(nan_is_not_lost) {
    static const uint32_t payloads[] = {0, 1, 0xff, 0x100, 0x1ff, 1954, 0x3fffff};
    FOR_EACH_LOSS(loss) {
        int tested = 0;
        if (!is_loss(loss)) continue;
        for (int k = 0; k < 140; k++) {
            loss_call l;
            sample_error error;
            gr_graph_reset(g);
            if (!loss_accepted_sample(g, loss, (sample_options){.n = k % 2}, &l, &error)) continue;
            gr_tensor *x = l.leaf[gr_random_below(g, (uint32_t)l.n)];
            int64_t at = gr_random_below(g, (uint32_t)x->size);
            gr_tensor *y = gr_loss_apply(loss, &l.call);
            if (y == NULL || y->kind != GR_REAL || !y->requires_grad) continue;
            if (gr_at(gr_grad(y, x), at) == 0) continue;
            x->data[at] = not_a_number(payloads[k % 7]);
            y = gr_loss_apply(loss, &l.call);
            if (y != NULL && !has_nan(y)) expect(false, loss, "a number for a NaN in", x->name);
            gr_clear_error(g);
            tested++;
        }
        expect(tested >= 10, loss, "too few elements have a", "gradient");
    }
    ck_assert_int_eq(failed, 0);
}
END_TEST

START_TEST(empty_batches_are_refused) {
    static const sample_options empty[] = {{.n = -1},
                                           {.n = -1, .optional = true},
                                           {.c = -1},
                                           {.n = -1, .c = -1},
                                           {.n = -1, .alternative = 1}};
    FOR_EACH_LOSS(loss) {
        for (int k = 0; k < (int)(sizeof empty / sizeof *empty); k++) {
            loss_call l;
            sample_error error;
            gr_graph_reset(g);
            if (!loss_sample(g, loss, empty[k], &l, &error)) continue;
            bool is_empty = false;
            for (int i = 0; i < operand_count(loss); i++)
                is_empty |= l.call.operand[i] != NULL && l.call.operand[i]->size == 0 &&
                            !loss->operands[i].optional;
            if (is_empty)
                expect_refusal(loss, gr_loss_apply(loss, &l.call), "accepts an empty batch", "");
        }
    }
    ck_assert_int_eq(failed, 0);
}
END_TEST

Suite *loss_registry_suite(void) {
    Suite *s = suite_create("loss_registry");
    TCase *t = tcase_create("rows");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 120);
    tcase_add_test(t, rows_are_complete);
    tcase_add_test(t, names_are_found);
    tcase_add_test(t, defaults_are_the_functions);
    tcase_add_test(t, parameters_out_of_range_are_refused);
    tcase_add_test(t, ends_of_ranges_are_accepted);
    tcase_add_test(t, missing_and_empty_operands_are_refused);
    tcase_add_test(t, optional_operands_are_checked);
    tcase_add_test(t, no_operands_at_all);
    tcase_add_test(t, unknown_reductions_are_refused);
    tcase_add_test(t, smallest_sizes);
    tcase_add_test(t, finite_losses_have_no_nan_in_their_gradients);
    tcase_add_test(t, nan_is_not_lost);
    tcase_add_test(t, empty_batches_are_refused);
    suite_add_tcase(s, t);
    return s;
}
