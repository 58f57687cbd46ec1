/* What all losses share: the reduction, and the registry that describes each of them.
 *
 * A loss is called with its operands, then options by name:
 *
 *     gr_huber(pred, target)
 *     gr_huber(pred, target, .delta = 2, .reduction = GR_SUM, .weight = w)
 *
 * Elementwise losses broadcast pred and target to a common shape and multiply by `weight`, which
 * broadcasts to that shape and does not change the divisor of the mean. Every loss is
 * differentiable with respect to each of its real operands, to any order. Bad input (shapes that
 * don't fit, an empty batch, a parameter or an index outside its range) is an error that names the
 * loss and the operand; nothing is computed then.
 */
#ifndef GR_LOSS_H
#define GR_LOSS_H

#include "core/graph/op.h"

/* One number by default, the mean or the sum of all elements; or all the elements. BATCHMEAN is the
 * sum divided by the first dimension (gr_kl_div only). */
typedef enum gr_reduction { GR_MEAN, GR_SUM, GR_NONE, GR_BATCHMEAN } gr_reduction;

/* -- The registry: one row for each loss, weight function, miner and combination -- */

enum { GR_LOSS_OPERANDS = 8, GR_LOSS_PARAMETERS = 8, GR_LOSS_ALIASES = 3 };

typedef enum gr_operand_kind {
    GR_OPERAND_REAL,
    GR_OPERAND_INDEX,         /* class indices, lengths */
    GR_OPERAND_REAL_OR_INDEX, /* class probabilities or class indices */
    GR_OPERAND_LIST           /* several real tensors */
} gr_operand_kind;

/* The values that an operand may have. */
typedef enum gr_domain {
    GR_ANY_VALUE,
    GR_POSITIVE,
    GR_UNIT_INTERVAL,    /* 0 to 1: probabilities, masks */
    GR_BINARY,           /* 0 or 1 */
    GR_SIGNS,            /* -1 or +1 */
    GR_DISTRIBUTION,     /* 0 to 1, adding up to 1 over the classes */
    GR_LOG_DISTRIBUTION, /* the logarithm of such */
    GR_CLASSES,          /* 0 to C - 1 */
    GR_BOXES,            /* corners x1 <= x2, y1 <= y2 */
    GR_LENGTHS           /* 0 to the length of what they measure */
} gr_domain;

typedef struct gr_operand_info {
    const char *name;  /* "pred" */
    const char *shape; /* with letters: "(N,C)"; "any" where all shapes do */
    gr_operand_kind kind;
    bool optional;
    gr_domain domain;
    const char *about; /* in a few words; NULL where the name says it */
} gr_operand_info;

typedef enum gr_parameter_kind { GR_NUMBER, GR_INTEGER, GR_BOOLEAN, GR_CHOICE } gr_parameter_kind;

typedef struct gr_parameter_info {
    const char *name; /* "delta" */
    gr_parameter_kind kind;
    double value;             /* the default; of a choice, its place in `choices` */
    double low, high;         /* the valid range of a number or an integer */
    bool low_open, high_open; /* the end itself is not valid */
    const char *choices;      /* "minimax nonsaturating hinge" */
    const char *about;        /* in a few words */
} gr_parameter_info;

/* The values to compute an entry from, in the order of its row. */
typedef struct gr_loss_call {
    gr_graph *graph;
    gr_tensor *operand[GR_LOSS_OPERANDS]; /* NULL for an optional one that is not given */
    gr_list list[GR_LOSS_OPERANDS];       /* of operands of the kind GR_OPERAND_LIST */
    double parameter[GR_LOSS_PARAMETERS];
    gr_reduction reduction;
} gr_loss_call;

typedef struct gr_loss_info {
    const char *name; /* "huber"; the function is gr_huber */
    const char *aliases[GR_LOSS_ALIASES];
    const char *family;
    const char *purpose; /* what for, in a few words */
    const char *formula;
    gr_operand_info operands[GR_LOSS_OPERANDS];
    gr_parameter_info parameters[GR_LOSS_PARAMETERS];
    const char *reductions; /* "mean sum none", the first is the default; "" for none at all */
    const char *use;        /* when to */
    const char *avoid;      /* when not to */
    /* The operand in which the loss is convex, is differentiable everywhere, and has a bounded
     * gradient as the residual grows; NULL where it is not. */
    const char *convex, *differentiable, *robust;
    double low, high; /* range of an element, for operands as described and any parameters */
    bool
        zero_at_perfect; /* 0 where the prediction equals the target (probabilities being 0 or 1) */
    const char *source;  /* paper or book */
    gr_tensor *(*apply)(const gr_loss_call *call);
} gr_loss_info;

int gr_loss_count(void);
const gr_loss_info *gr_loss_at(int i); /* NULL beyond the end */
/* By name or alias; NULL if there is none. */
const gr_loss_info *gr_loss_find(const char *name);

/* The position of an operand or a parameter in its row, -1 if there is none of the name. */
int gr_loss_operand(const gr_loss_info *loss, const char *name);
int gr_loss_parameter(const gr_loss_info *loss, const char *name);

/* Whether a parameter may have this value: a number within its range, an integer, 0 or 1, the place
 * of a choice. */
bool gr_parameter_allows(const gr_parameter_info *p, double value);

/* A call with the row's defaults and no operands. */
gr_loss_call gr_loss_defaults(gr_graph *g, const gr_loss_info *loss);
/* Computes an entry: a tensor of integers for miners, of real numbers otherwise. An operand that is
 * missing is an error, as is what the entry's own function refuses. */
gr_tensor *gr_loss_apply(const gr_loss_info *loss, const gr_loss_call *call);

#endif
