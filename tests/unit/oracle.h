/* Expected values from tests/oracle: reading them, and comparing a function of the library, its
 * gradient and the gradient of its gradient with them. The format is described in
 * tests/oracle/README.md.
 */
#ifndef ORACLE_H
#define ORACLE_H

#include <cjson/cJSON.h>

#include "core/graph/graph.h"

/* The JSON of a file (NAME.json or NAME.json.gz); fails the running test if it can't be read. Free
 * it with cJSON_Delete. */
cJSON *oracle_read(const char *path);
/* The cases of a file, to be walked with cJSON_ArrayForEach. */
const cJSON *oracle_cases(const cJSON *file);
/* The case with this name: fails the running test if there is none. */
const cJSON *oracle_find(const cJSON *file, const char *op, const char *id);
/* "pow/zero_base", for messages. */
gr_text oracle_name(const cJSON *c);

/* A number; NaN and infinities stand as strings in the file. */
double oracle_number(const cJSON *item);

/* Parameters of a case, with what stands for one that is missing. */
double oracle_param(const cJSON *c, const char *name, double otherwise);
int oracle_int(const cJSON *c, const char *name, int otherwise);
bool oracle_flag(const cJSON *c, const char *name);
/* A parameter that is a list of integers: their number (0 if missing). */
int oracle_ints(const cJSON *c, const char *name, int *values, int room);
gr_shape oracle_shape(const cJSON *c, const char *name);

/* A tensor of the file ({"shape": .., "data": ..}) as a leaf of the step, with its name. */
gr_tensor *oracle_tensor(gr_graph *g, const cJSON *t);
/* The operand or expected tensor of that name in a list of them ("in", "expected"). */
gr_tensor *oracle_member(gr_graph *g, const cJSON *c, const char *list, const char *name);

/* What was compared, and how far it was off. Begin with {.tolerance = ORACLE_TOLERANCE}. */
typedef struct oracle_stats {
    double tolerance;
    double floor;                  /* added to that of rounding in oracle_compare */
    bool floor_alone;              /* large numbers don't excuse small ones in oracle_compare */
    int values, gradients, second; /* cases compared at each order */
    int64_t numbers;
    double largest; /* relative error */
    gr_text worst;  /* the case that had it */
} oracle_stats;

#ifdef GR_DOUBLE
#define ORACLE_TOLERANCE 1e-9
#else
#define ORACLE_TOLERANCE 1e-5
#endif

typedef struct oracle_message {
    char text[512];
} oracle_message;

/* Compares t's elements with the numbers of `expected`. False, and a message that says where, if
 * one is too far off: |a - b| <= tolerance max(|a|, |b|) + floor. NaN equals NaN. */
bool oracle_compare(const gr_tensor *t, const cJSON *expected, const char *what,
                    oracle_stats *stats, oracle_message *message);

/* Builds the result from the case's parameters and operands. */
typedef gr_tensor *oracle_function(const cJSON *c, gr_tensor **in);

/* Compares the value, the gradient (by gr_backward and by gr_grads) and the second derivatives, as
 * far as the case has them. Resets the graph first. */
bool oracle_check(gr_graph *g, const cJSON *c, oracle_function *f, oracle_stats *stats,
                  oracle_message *message);

/* The case's operands as leaves; the real ones ask for gradients. Their number. */
enum { ORACLE_OPERANDS = 8 };
int oracle_operands(gr_graph *g, const cJSON *c, gr_tensor *in[ORACLE_OPERANDS]);

/* One line: how much was compared and the largest error. */
void oracle_report(const char *family, const oracle_stats *stats);

#endif
