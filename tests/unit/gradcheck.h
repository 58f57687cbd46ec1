/* Checks derivatives by central differences, first and second order.
 *
 *     static gr_tensor *f(void *context, gr_tensor **x) { return gr_mul(x[0], gr_exp(x[1])); }
 *     gradcheck_report report;
 *     ck_assert_msg(gradcheck(f, NULL, GR_LIST(a, b), (gradcheck_options){0}, &report), "%s",
 *                   report.message);
 *
 * First order: the gradients of sum(v y) with respect to each real operand, with v of either sign
 * and not uniform. Second order: the gradients of the sum of w times those gradients, with respect
 * to each operand and to v. Only in double (GR_DOUBLE) do differences say enough.
 */
#ifndef GRADCHECK_H
#define GRADCHECK_H

#include "core/graph/graph.h"

/* Computes a result from the operands; called again and again. It must depend on nothing else that
 * changes: whoever draws random numbers sets the generator's state first. */
typedef gr_tensor *gradcheck_function(void *context, gr_tensor **x);

typedef struct gradcheck_options {
    double tolerance; /* 1e-7 where 0: |a - d| <= tolerance max(1, |a|, |d|) */
    double step;      /* of the differences; 1e-4 where 0. No kink may be within twice the step */
    bool first_order_only;
} gradcheck_options;

typedef struct gradcheck_report {
    int compared, not_zero; /* numbers */
    double largest;         /* error */
    char message[512];
} gradcheck_report;

enum { GRADCHECK_OPERANDS = 24 };

/* The operands are leaves; those that require a gradient are checked. False, with a message, if a
 * derivative is off, if f fails, or if all that was compared at an order was 0. */
bool gradcheck(gradcheck_function *f, void *context, gr_list operands, gradcheck_options options,
               gradcheck_report *report);

#endif
