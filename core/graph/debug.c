#include "core/graph/debug.h"

#include "core/graph/graph_internal.h"

#include <math.h>

/* -- Printing -- */

enum { EDGE = 3, LONGEST = 10 }; /* a dimension beyond LONGEST shows EDGE elements at each end */

static void print_elements(const gr_tensor *t, FILE *file, int dim, int64_t offset,
                           int64_t stride) {
    if (dim == t->shape.ndim) {
        fprintf(file, "%g", gr_at(t, offset));
        return;
    }
    int length = t->shape.dim[dim];
    bool innermost = dim == t->shape.ndim - 1;
    stride = length > 0 ? stride / length : 0;
    fputc('[', file);
    for (int i = 0; i < length; i++) {
        if (i > 0) innermost ? fprintf(file, ", ") : fprintf(file, ",\n%*s", dim + 1, "");
        if (length > LONGEST && i == EDGE) {
            fprintf(file, "...");
            i = length - EDGE - 1;
            continue;
        }
        print_elements(t, file, dim + 1, offset + i * stride, stride);
    }
    fputc(']', file);
}

void gr_print(const gr_tensor *t, FILE *file) {
    if (t == NULL) {
        fprintf(file, "NULL\n");
        return;
    }
    const char *made_by = t->node != NULL ? t->node->op->name : "tensor";
    fprintf(file, "%s =\n", gr_describe(t, made_by).text);
    print_elements(t, file, 0, 0, t->size);
    fputc('\n', file);
}

/* -- The tape as a picture -- */

/* Where on the tape a leaf is used first: it is drawn there, once. */
static bool first_use(const gr_graph *g, int node, int operand) {
    const gr_tensor *t = g->tape[node]->in[operand];
    for (int i = 0; i <= node; i++)
        for (int k = 0; k < g->tape[i]->n_in && (i < node || k < operand); k++)
            if (g->tape[i]->in[k] == t) return false;
    return true;
}

static int tape_index(const gr_graph *g, const gr_node *n) {
    int i = 0;
    while (i < g->tape_length && g->tape[i] != n) i++;
    return i;
}

/* A label's text; quotes and backslashes would end it. */
static void write_label(FILE *file, const char *text) {
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\') fputc('\\', file);
        fputc(*text, file);
    }
}

static void write_leaf(const gr_tensor *t, FILE *file) {
    fprintf(file, "  leaf%p [shape=box, style=filled, fillcolor=\"%s\", label=\"", (const void *)t,
            t->requires_grad ? "#cfe8cf" : "#eeeeee");
    write_label(file, gr_describe(t, t->kind == GR_INDEX ? "integers" : "constant").text);
    fprintf(file, "\"];\n");
}

bool gr_write_dot(const gr_graph *g, FILE *file) {
    if (g == NULL) return false;
    fprintf(file, "digraph tape {\n  node [fontname=\"sans-serif\"];\n");
    for (int i = 0; i < g->tape_length; i++) {
        const gr_node *n = g->tape[i];
        fprintf(file, "  op%d [label=\"%s\\n", i, n->op->name);
        write_label(file, gr_describe(n->out, "").text);
        fprintf(file, "\"];\n");
        for (int k = 0; k < n->n_in; k++) {
            const gr_tensor *t = n->in[k];
            if (t->node == NULL && first_use(g, i, k)) write_leaf(t, file);
            if (t->node == NULL)
                fprintf(file, "  leaf%p -> op%d;\n", (const void *)t, i);
            else
                fprintf(file, "  op%d -> op%d;\n", tape_index(g, t->node), i);
        }
    }
    fprintf(file, "}\n");
    return !ferror(file);
}

/* -- Anomalies -- */

void gr_set_anomaly(gr_graph *g, bool on) {
    if (g != NULL) g->anomaly = on;
}

gr_range gr_range_of(const gr_tensor *t) {
    gr_range r = {.min = NAN, .max = NAN};
    for (int64_t i = 0; t != NULL && i < t->size; i++) {
        double x = gr_at(t, i);
        r.nans += isnan(x) != 0;
        r.infinities += isinf(x) != 0;
        if (!isfinite(x)) continue;
        if (!(r.min <= x)) r.min = x;
        if (!(r.max >= x)) r.max = x;
    }
    return r;
}

/* The position of element i as "(1,0)". */
static gr_text position_text(gr_shape shape, int64_t i) {
    gr_shape position = {.ndim = shape.ndim};
    for (int d = shape.ndim - 1; d >= 0; d--) {
        position.dim[d] = (int)(i % shape.dim[d]);
        i /= shape.dim[d];
    }
    return gr_shape_text(position);
}

/* "x (3) is in [-1, 2] with 1 NaN" */
static gr_text range_text(const gr_node *n, int k) {
    gr_range r = gr_range_of(n->in[k]);
    gr_text text = gr_operand(n, k);
    size_t at = 0;
    while (text.text[at] != '\0') at++;
    at += (size_t)snprintf(text.text + at, sizeof text.text - at, " is in [%.4g, %.4g]", r.min,
                           r.max);
    if ((r.nans > 0 || r.infinities > 0) && at < sizeof text.text)
        snprintf(text.text + at, sizeof text.text - at, " with %lld NaN and %lld infinite",
                 (long long)r.nans, (long long)r.infinities);
    return text;
}

bool gr_check_finite(const gr_node *n) {
    const gr_tensor *y = n->out;
    int64_t i = 0;
    while (i < y->size && isfinite(gr_at(y, i))) i++;
    if (i == y->size) return true;
    const gr_op *outer = n->graph->gradient_of;
    char ranges[GR_ERROR_SIZE / 2] = "";
    size_t at = 0;
    for (int k = 0; k < n->n_in && at < sizeof ranges; k++)
        at += (size_t)snprintf(ranges + at, sizeof ranges - at, "; %s", range_text(n, k).text);
    return gr_fail(n->graph, "%s%s%s: the result %s is %g at %s%s", n->op->name,
                   outer != NULL ? ", in the gradient of " : "", outer != NULL ? outer->name : "",
                   gr_describe(y, "y").text, gr_at(y, i), position_text(y->shape, i).text, ranges);
}
