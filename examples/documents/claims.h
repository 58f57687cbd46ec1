/* What the documents state beside what the library computes: rows, a verdict each.
 *
 *     static void errors_of_ten(claims *c) {
 *         gr_tensor *error = VECTOR(c, 1, 2, 10);
 *         claim_numbers(c, "squares of the errors", "1, 4, 100", gr_square(error));
 *         claim_why(c, "...");     // of the row above; what shows why it differs
 *     }
 *     static const claim_check checks[] = {{"guide-1", errors_of_ten}, {0}};
 *
 * What claim_numbers and claim_number are told as stated is what the document prints, and nothing
 * is compared with any other literal. Agreement is agreement to the digits printed: the distance is
 * at most half a unit of the last digit.
 */
#ifndef DOCUMENTS_CLAIMS_H
#define DOCUMENTS_CLAIMS_H

#include "gradus.h"

typedef enum claim_verdict { CLAIM_AGREES, CLAIM_DIFFERS } claim_verdict;

/* Stated where a document shows how to compute something but not what comes out. */
extern const char NO_NUMBER[];

typedef struct claim_row {
    const char *id; /* "guide-3"; several rows may have one */
    char document[16];
    char claim[128], stated[128], computed[192], why[640];
    claim_verdict verdict;
} claim_row;

typedef struct claims {
    gr_graph *g;
    const char *only_document, *only_id; /* NULL: all */
    const char *data;                    /* examples/data/practice/practice.safetensors */
    const char *id;                      /* of the check that runs */
    claim_row *rows;
    int n, room;
    bool failed; /* no memory */
} claims;

typedef struct claim_check {
    const char *id;
    void (*run)(claims *c);
} claim_check;

/* Runs the checks that are wanted, up to a row of zeros, each in a step of the graph of its own.
 * False after an error, of the graph or, for memory, of the rows. */
bool claims_run(claims *c, const claim_check *checks);
void claims_free(claims *c);
int claims_count(const claims *c, const char *document, claim_verdict verdict);

/* -- Rows -- */

/* `stated` holds a number for each element of `ours`, separated by anything: "0.105", "5e-5",
 * "10^-7" (the order of magnitude alone), "99%". */
void claim_numbers(claims *c, const char *claim, const char *stated, gr_tensor *ours);
void claim_number(claims *c, const char *claim, const char *stated, double ours);
/* What the document's formula or code gives, built from operations, beside the library's loss:
 * agrees if claim_close. */
void claim_equal(claims *c, const char *claim, const char *stated, gr_tensor *theirs,
                 gr_tensor *ours);
/* A statement that is no number; the text says what was computed. */
#if defined(__GNUC__)
__attribute__((format(printf, 5, 6)))
#endif
void claim_holds(claims *c, const char *claim, const char *stated, bool holds, const char *format,
                 ...);

/* Adds a sentence to the row that was made last. */
#if defined(__GNUC__)
__attribute__((format(printf, 2, 3)))
#endif
void claim_why(claims *c, const char *format, ...);
/* The same if that row differs. */
#define claim_why_not(c, ...)                                                                      \
    ((c)->n > 0 && (c)->rows[(c)->n - 1].verdict == CLAIM_DIFFERS ? claim_why(c, __VA_ARGS__)      \
                                                                  : (void)0)

/* "0.105, 0.001": the tensor's elements with so many significant digits. */
typedef struct claim_text {
    char text[192];
} claim_text;
claim_text claim_list(const gr_tensor *t, int digits);
/* Whether all elements are equal to 1e-5 of the largest, which float's rounding stays below. */
bool claim_close(const gr_tensor *a, const gr_tensor *b);

/* -- Tensors of the step -- */

gr_tensor *claim_vector(claims *c, int n, const double *x);
gr_tensor *claim_classes(claims *c, int n, const int32_t *x);
#define VECTOR(c, ...)                                                                             \
    claim_vector(c, (int)(sizeof((double[]){__VA_ARGS__}) / sizeof(double)),                       \
                 (double[]){__VA_ARGS__})
#define MATRIX(c, rows, columns, ...) gr_reshape(VECTOR(c, __VA_ARGS__), GR_SHAPE(rows, columns))
#define CLASSES(c, ...)                                                                            \
    claim_classes(c, (int)(sizeof((int32_t[]){__VA_ARGS__}) / sizeof(int32_t)),                    \
                  (int32_t[]){__VA_ARGS__})
/* A copy whose gradient can be asked for. */
gr_tensor *claim_variable(gr_tensor *x);

/* PyTorch's distance of the rows of a and b (N,D), 1e-6 added to each difference: (N). */
gr_tensor *torch_distance(gr_tensor *a, gr_tensor *b);

/* Of probabilities p of the true class: the logit, the cross-entropy -log p, the focal loss
 * -(1 - p)^gamma log p, one for each. */
gr_tensor *logit_of(gr_tensor *p);
gr_tensor *cross_entropy_at(gr_tensor *p);
gr_tensor *focal_at(gr_tensor *p, double gamma);

/* -- The documents, one a file -- */

extern const claim_check guide_checks[], practice_checks[], families_checks[], theory_checks[];
/* families-30, the table of properties. */
void families_properties(claims *c);

#endif
