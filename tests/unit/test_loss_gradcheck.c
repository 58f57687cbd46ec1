/* First and second derivatives of every entry of the registry by central differences, with respect
 * to every real operand, at random operands made from its row. In double only. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/graph/autodiff.h"
#include "core/graph/random.h"
#include "tests/unit/gradcheck.h"
#include "tests/unit/loss_samples.h"
#include "tests/unit/suites.h"

#ifdef GR_DOUBLE

enum { SEEDS = 3 };

typedef struct tally {
    int checks, compared, failed;
    double largest;
    unsigned reached; /* operands that got a gradient that is not 0, a bit each */
    unsigned given;
} tally;

typedef struct calling {
    const gr_loss_info *loss;
    loss_call *l;
} calling;

/* gradcheck changes the leaves in place, so the call stays as it is. */
static gr_tensor *apply(void *context, gr_tensor **x) {
    calling *c = context;
    (void)x;
    return gr_loss_apply(c->loss, &c->l->call);
}

/* Whether the loss is defined beside the operand's value: labels of -1 and 1 have no derivative. */
static bool is_discrete(const gr_loss_info *loss, loss_call *l, gr_tensor *leaf) {
    gr_graph *g = l->call.graph;
    gr_real kept = leaf->data[0];
    leaf->data[0] += (gr_real)1e-3;
    bool refused = loss_elements(loss, l) == NULL;
    leaf->data[0] = kept;
    if (refused) gr_clear_error(g);
    return refused;
}

/* Notes which operands have a gradient that is not 0; labels need not have one. */
static void note_gradients(const gr_loss_info *loss, loss_call *l, gr_tensor *y, tally *t) {
    gr_tensor *grads[LOSS_LEAVES];
    if (!gr_grads(GR_LIST(y), (gr_list){l->n, l->leaf}, grads)) return;
    for (int i = 0; i < l->n; i++) {
        unsigned bit = 1u << gr_loss_operand(loss, l->name[i]);
        if (is_discrete(loss, l, l->leaf[i])) continue;
        t->given |= bit;
        for (int64_t k = 0; k < grads[i]->size; k++)
            if (grads[i]->data[k] != 0) t->reached |= bit;
    }
}

static bool is_in(const char *name, const char *const *names) {
    for (; *names != NULL; names++)
        if (strcmp(*names, name) == 0) return true;
    return false;
}

/* The gradient is by definition not that of the value: ciou holds the weight of its third term
 * constant (its paper and torchvision do), gradnorm its second term. */
static const char *const own_gradient[] = {"ciou", "gradnorm", NULL};
/* An operand is a constant by definition: gradnorm's ratios; gan_generator's real samples. */
static const char *const constant_operand[] = {"gradnorm", "gan_generator", NULL};

/* A kink within the difference's reach is left behind by a shorter step. */
static bool differences_agree(calling *c, gr_list leaves, tally *t, gradcheck_report *report) {
    bool fine = gradcheck(apply, c, leaves, (gradcheck_options){0}, report);
    if (!fine)
        fine = gradcheck(apply, c, leaves, (gradcheck_options){.step = 2e-6, .tolerance = 1e-6},
                         report);
    t->checks++;
    t->compared += report->compared;
    t->largest = fmax(t->largest, report->largest);
    return fine;
}

static void check(gr_graph *g, const gr_loss_info *loss, sample_options options,
                  gr_reduction reduction, uint64_t seed, tally *t) {
    loss_call l;
    sample_error error;
    gr_graph_reset(g);
    gr_random_set(g, (gr_random_state){.seed = seed});
    if (!loss_accepted_sample(g, loss, options, &l, &error)) {
        fprintf(stderr, "%s: no operands found: %s\n", loss->name, error.text);
        t->failed++;
        return;
    }
    l.call.reduction = reduction;
    gr_tensor *y = gr_loss_apply(loss, &l.call);
    if (y == NULL || (is_loss(loss) && !y->requires_grad)) {
        fprintf(stderr, "%s: no value, or one without a gradient: %s\n", loss->name, gr_error(g));
        t->failed++;
        gr_clear_error(g);
        return;
    }
    if (!y->requires_grad) return; /* miners, weights */
    gr_tensor *leaves[LOSS_LEAVES];
    int n = 0;
    for (int i = 0; i < l.n; i++)
        if (!is_discrete(loss, &l, l.leaf[i])) leaves[n++] = l.leaf[i];
    l.call.reduction = reduction;
    note_gradients(loss, &l, y, t);
    gradcheck_report report;
    if (n == 0 || is_in(loss->name, own_gradient) ||
        differences_agree(&(calling){loss, &l}, (gr_list){n, leaves}, t, &report))
        return;
    fprintf(stderr, "%s, seed %d, alternative %d%s, reduction %d: %s\n", loss->name, (int)seed,
            options.alternative, options.optional ? ", optional operands" : "", (int)reduction,
            report.message);
    t->failed++;
    gr_clear_error(g);
}

static void check_row(gr_graph *g, const gr_loss_info *loss, tally *t) {
    bool none = loss_word(loss->reductions, "none") >= 0;
    gr_reduction first = gr_loss_defaults(g, loss).reduction;
    t->reached = t->given = 0;
    for (int k = 0; k < loss_alternatives(loss); k++)
        for (uint64_t seed = 1; seed <= SEEDS; seed++) {
            sample_options options = {.alternative = k, .optional = seed % 2 == 0};
            check(g, loss, options, none ? GR_NONE : first, seed, t);
            if (none && k == 0) check(g, loss, options, first, seed + 100, t);
        }
    /* Labels of -1 and 1 may do no more than choose between two formulas. */
    for (int i = 0; i < GR_LOSS_OPERANDS && !is_in(loss->name, constant_operand); i++)
        if (loss->operands[i].domain != GR_SIGNS && (t->given & ~t->reached) >> i & 1) {
            fprintf(stderr, "%s: %s got no gradient\n", loss->name, loss->operands[i].name);
            t->failed++;
        }
}

START_TEST(every_loss_by_differences) {
    gr_graph *g = gr_graph_new(.seed = 1);
    tally t = {0};
    for (int i = 0; i < gr_loss_count(); i++)
        if (loss_selected(gr_loss_at(i)->name)) check_row(g, gr_loss_at(i), &t);
    printf("losses by differences: %d checks, %d derivatives, largest error %.2g\n", t.checks,
           t.compared, t.largest);
    fflush(stdout);
    gr_graph_free(g);
    ck_assert_int_gt(t.compared, 0);
    ck_assert_msg(t.failed == 0, "%d checks failed, see above", t.failed);
}
END_TEST

#endif

Suite *loss_gradcheck_suite(void) {
    Suite *s = suite_create("loss_gradcheck");
    TCase *t = tcase_create("differences");
    tcase_set_timeout(t, 240);
#ifdef GR_DOUBLE
    tcase_add_test(t, every_loss_by_differences);
#endif
    suite_add_tcase(s, t);
    return s;
}
