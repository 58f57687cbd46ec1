#include "examples/documents/claims.h"

#include <ctype.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

const char NO_NUMBER[] = "no number printed";

/* -- Checks -- */

static bool wanted(const claims *c, const char *id) {
    size_t document = c->only_document == NULL ? 0 : strlen(c->only_document);
    if (c->only_id != NULL && strcmp(id, c->only_id) != 0) return false;
    return document == 0 || (strncmp(id, c->only_document, document) == 0 && id[document] == '-');
}

bool claims_run(claims *c, const claim_check *checks) {
    gr_random_state start = gr_random_get(c->g);
    start.counter = 0;
    for (; checks->id != NULL && !gr_failed(c->g) && !c->failed; checks++) {
        if (!wanted(c, checks->id)) continue;
        c->id = checks->id;
        gr_random_set(c->g, start); /* what a check draws depends on no other check */
        checks->run(c);
        gr_graph_reset(c->g);
    }
    return !gr_failed(c->g) && !c->failed;
}

void claims_free(claims *c) { free(c->rows); }

int claims_count(const claims *c, const char *document, claim_verdict verdict) {
    int n = 0;
    for (int i = 0; i < c->n; i++)
        n += c->rows[i].verdict == verdict && strcmp(c->rows[i].document, document) == 0;
    return n;
}

/* -- The numbers in a text -- */

typedef struct printed_number {
    double value, half; /* half a unit of the last digit */
    int digits;         /* that are significant */
    bool power;         /* 10^-7: no digits, an order of magnitude */
    bool percent;
} printed_number;

/* Reads the next number and moves `text` behind it; false at the end of the text. */
static bool next_number(const char **text, printed_number *number) {
    const char *at = *text;
    while (*at != '\0' && !isdigit((unsigned char)*at)) at++;
    if (*at == '\0') return false;
    const char *begin = at > *text && at[-1] == '-' ? at - 1 : at;
    char *end;
    *number = (printed_number){.value = strtod(begin, &end)};
    int decimals = 0, digits = 0;
    bool point = false;
    for (; at < end && *at != 'e'; at++) {
        if (*at == '.') point = true;
        if (!isdigit((unsigned char)*at)) continue;
        decimals += point;
        digits += digits > 0 || *at != '0';
    }
    int exponent = at < end ? atoi(at + 1) : 0;
    if (*end == '^') {
        number->power = true;
        number->value = pow(number->value, strtod(end + 1, &end));
    }
    number->percent = *end == '%';
    number->half = 0.5 * pow(10, exponent - decimals);
    number->digits = digits;
    *text = end;
    return true;
}

static bool agrees(const printed_number *stated, double ours) {
    if (stated->power) return fabs(log10(ours) - log10(stated->value)) < 0.5;
    /* float's rounding is not the document's mistake */
    return fabs(ours - stated->value) <= stated->half + 1e-6 * fabs(stated->value);
}

/* -- Rows -- */

static claim_row *add(claims *c, const char *claim, const char *stated) {
    if (c->n == c->room) {
        int room = c->room == 0 ? 64 : 2 * c->room;
        claim_row *rows = realloc(c->rows, (size_t)room * sizeof *rows);
        if (rows == NULL) {
            c->failed = true;
            return NULL;
        }
        c->rows = rows;
        c->room = room;
    }
    claim_row *row = &c->rows[c->n++];
    *row = (claim_row){.id = c->id};
    snprintf(row->document, sizeof row->document, "%.*s", (int)strcspn(c->id, "-"), c->id);
    snprintf(row->claim, sizeof row->claim, "%s", claim);
    snprintf(row->stated, sizeof row->stated, "%s", stated);
    return row;
}

static void append(char *text, size_t size, const char *format, ...) {
    size_t used = strlen(text);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text + used, size - used, format, arguments);
    va_end(arguments);
}

/* No sign of zero, and none of NaN. */
static void append_number(char *text, size_t size, const char *between, int digits, double value) {
    if (isnan(value))
        append(text, size, "%sNaN", between);
    else
        append(text, size, "%s%.*g", between, digits, value == 0 ? 0 : value);
}

void claim_numbers(claims *c, const char *claim, const char *stated, gr_tensor *ours) {
    claim_row *row = add(c, claim, stated);
    if (row == NULL || ours == NULL) return;
    const char *text = stated;
    for (int64_t i = 0; i < ours->size; i++) {
        printed_number number;
        double value = gr_at(ours, i);
        if (!next_number(&text, &number)) {
            gr_fail(c->g, "%s: %s has fewer numbers than there are computed", c->id, stated);
            return;
        }
        if (!agrees(&number, value)) row->verdict = CLAIM_DIFFERS;
        int digits = number.digits < 3 ? 4 : number.digits > 5 ? 6 : number.digits + 1;
        append_number(row->computed, sizeof row->computed, i > 0 ? ", " : "", digits, value);
        if (number.percent) append(row->computed, sizeof row->computed, "%%");
    }
}

void claim_number(claims *c, const char *claim, const char *stated, double ours) {
    claim_numbers(c, claim, stated, gr_scalar(c->g, ours));
}

void claim_equal(claims *c, const char *claim, const char *stated, gr_tensor *theirs,
                 gr_tensor *ours) {
    claim_row *row = add(c, claim, stated);
    if (row == NULL || theirs == NULL || ours == NULL) return;
    bool same = claim_close(theirs, ours);
    row->verdict = same ? CLAIM_AGREES : CLAIM_DIFFERS;
    append(row->computed, sizeof row->computed, "%s", claim_list(ours, 5).text);
    if (!same)
        append(row->computed, sizeof row->computed, "; theirs %s", claim_list(theirs, 5).text);
}

void claim_holds(claims *c, const char *claim, const char *stated, bool holds, const char *format,
                 ...) {
    claim_row *row = add(c, claim, stated);
    if (row == NULL) return;
    row->verdict = holds ? CLAIM_AGREES : CLAIM_DIFFERS;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(row->computed, sizeof row->computed, format, arguments);
    va_end(arguments);
}

void claim_why(claims *c, const char *format, ...) {
    if (c->n == 0 || c->failed) return;
    char *why = c->rows[c->n - 1].why;
    size_t used = strlen(why), size = sizeof c->rows->why;
    if (used > 0 && used + 1 < size) {
        why[used++] = ' ';
        why[used] = '\0';
    }
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(why + used, size - used, format, arguments);
    va_end(arguments);
}

claim_text claim_list(const gr_tensor *t, int digits) {
    claim_text list = {""};
    for (int64_t i = 0; t != NULL && i < t->size; i++)
        append_number(list.text, sizeof list.text, i > 0 ? ", " : "", digits, gr_at(t, i));
    return list;
}

bool claim_close(const gr_tensor *a, const gr_tensor *b) {
    double largest = 0, distance = 0;
    if (a == NULL || b == NULL || a->size != b->size) return false;
    for (int64_t i = 0; i < a->size; i++) {
        double x = gr_at(a, i), y = gr_at(b, i);
        if (isnan(x) || isnan(y)) return false;
        if (x == y && isinf(x)) continue;
        if (isinf(x) || isinf(y)) return false;
        largest = fmax(largest, fmax(fabs(x), fabs(y)));
        distance = fmax(distance, fabs(x - y));
    }
    return distance == 0 || distance <= 1e-5 * largest;
}

/* -- Tensors -- */

gr_tensor *claim_vector(claims *c, int n, const double *x) {
    gr_tensor *t = gr_zeros(c->g, GR_SHAPE(n));
    for (int i = 0; t != NULL && i < n; i++) t->data[i] = (gr_real)x[i];
    return t;
}

gr_tensor *claim_classes(claims *c, int n, const int32_t *x) {
    return gr_from_index(c->g, GR_SHAPE(n), x);
}

gr_tensor *claim_variable(gr_tensor *x) { return gr_requires_grad(gr_detach(x)); }

gr_tensor *torch_distance(gr_tensor *a, gr_tensor *b) {
    return gr_norm(gr_shift(gr_sub(a, b), 1e-6), .axes = GR_AXES(1));
}

gr_tensor *logit_of(gr_tensor *p) { return gr_sub(gr_log(p), gr_log1p(gr_neg(p))); }

static gr_tensor *ones_like(gr_tensor *x) {
    return x == NULL ? NULL : gr_full(x->graph, x->shape, 1);
}

gr_tensor *cross_entropy_at(gr_tensor *p) {
    return gr_bce_with_logits(logit_of(p), ones_like(p), .reduction = GR_NONE);
}

gr_tensor *focal_at(gr_tensor *p, double gamma) {
    return gr_focal(logit_of(p), ones_like(p), .alpha = -1, .gamma = gamma, .reduction = GR_NONE);
}
