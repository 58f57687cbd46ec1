#include "core/graph/debug.h"

#include "core/graph/graph_internal.h"

#include <math.h>

/* -- Printing -- */

enum { EDGE = 3, LONGEST = 10 }; /* a dimension beyond LONGEST shows EDGE elements at each end */

/* printf writes the sign of a NaN, which means nothing. */
static double printable(double x) { return isnan(x) ? copysign(x, 1) : x; }

static void print_elements(const gr_tensor *t, FILE *file, int dim, int64_t offset,
                           int64_t stride) {
    if (dim == t->shape.ndim) {
        fprintf(file, "%g", printable(gr_at(t, offset)));
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
    if (file == NULL) return;
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

/* A leaf is called after its first use: operand `operand` of operation `node`. */
typedef struct leaf {
    int node, operand;
} leaf;

static leaf leaf_of(const gr_graph *g, const gr_tensor *t) {
    for (int i = 0; i < g->tape_length; i++)
        for (int k = 0; k < g->tape[i]->n_in; k++)
            if (g->tape[i]->in[k] == t) return (leaf){i, k};
    return (leaf){0};
}

static bool is_used(const gr_graph *g, const gr_node *n) {
    for (int i = n->position + 1; i < g->tape_length; i++)
        for (int k = 0; k < g->tape[i]->n_in; k++)
            if (g->tape[i]->in[k] == n->out) return true;
    return false;
}

/* A label's text; quotes and backslashes would end it. */
static void write_label(FILE *file, const char *text) {
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\') fputc('\\', file);
        fputc(*text, file);
    }
}

static void write_node(const gr_graph *g, const gr_node *n, FILE *file) {
    fprintf(file, "  op%d [label=\"", n->position);
    write_label(file, n->op->name);
    fprintf(file, "\\n");
    write_label(file, n->out->name == NULL ? gr_shape_text(n->out->shape).text
                                           : gr_describe(n->out, "").text);
    fprintf(file, "\"%s];\n", is_used(g, n) ? "" : ", fillcolor=\"#ffe3b3\"");
}

static void write_operand(const gr_graph *g, const gr_node *n, int operand, FILE *file) {
    const gr_tensor *t = n->in[operand];
    if (t->node != NULL) {
        fprintf(file, "  op%d -> op%d;\n", t->node->position, n->position);
        return;
    }
    leaf l = leaf_of(g, t);
    if (l.node == n->position && l.operand == operand) {
        fprintf(file, "  leaf%d_%d [shape=box, fillcolor=\"%s\", label=\"", l.node, l.operand,
                t->requires_grad ? "#cfe8cf" : "#eeeeee");
        write_label(file, gr_operand(n, operand).text);
        fprintf(file, "\"];\n");
    }
    fprintf(file, "  leaf%d_%d -> op%d;\n", l.node, l.operand, n->position);
}

bool gr_write_dot(const gr_graph *g, FILE *file) {
    if (g == NULL || file == NULL) return false;
    fprintf(file,
            "digraph tape {\n"
            "  graph [ranksep=0.3, nodesep=0.2];\n"
            "  node [fontname=\"sans-serif\", fontsize=11, height=0.3, margin=\"0.08,0.04\",\n"
            "    style=filled, fillcolor=white, color=\"#888888\"];\n"
            "  edge [color=\"#888888\", arrowsize=0.6];\n");
    for (int i = 0; i < g->tape_length; i++) {
        const gr_node *n = g->tape[i];
        write_node(g, n, file);
        for (int k = 0; k < n->n_in; k++) write_operand(g, n, k, file);
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

/* The first element that is not finite; t's size if all are. */
static int64_t first_anomaly(const gr_tensor *t) {
    int64_t i = 0;
    while (i < t->size && isfinite(gr_at(t, i))) i++;
    return i;
}

/* "x (3) is in [-1, 2] with 1 NaN" */
static gr_text range_text(const gr_node *n, int k) {
    gr_range r = gr_range_of(n->in[k]);
    gr_text text = gr_operand(n, k);
    size_t at = 0;
    while (text.text[at] != '\0') at++;
    at += (size_t)snprintf(text.text + at, sizeof text.text - at, " is in [%.4g, %.4g]",
                           printable(r.min), printable(r.max));
    if ((r.nans > 0 || r.infinities > 0) && at < sizeof text.text)
        snprintf(text.text + at, sizeof text.text - at, " with %lld NaN and %lld infinite",
                 (long long)r.nans, (long long)r.infinities);
    return text;
}

bool gr_check_finite(const gr_node *n) {
    const gr_tensor *y = n->out;
    if (y->kind != GR_REAL) return true; /* and may be filled by the operation that comes next */
    int64_t i = first_anomaly(y);
    if (i == y->size) return true;
    const gr_op *outer = n->graph->gradient_of;
    char ranges[GR_ERROR_SIZE / 2] = "";
    size_t at = 0;
    for (int k = 0; k < n->n_in && at < sizeof ranges; k++)
        at += (size_t)snprintf(ranges + at, sizeof ranges - at, "; %s", range_text(n, k).text);
    return gr_fail(n->graph, "%s%s%s: the result %s is %g at %s%s", n->op->name,
                   outer != NULL ? ", in the gradient of " : "", outer != NULL ? outer->name : "",
                   gr_describe(y, "y").text, printable(gr_at(y, i)),
                   gr_place_text(y->shape, i).text, ranges);
}

bool gr_check_sum(const gr_tensor *leaf) {
    const gr_tensor *sum = leaf->gradient;
    int64_t i = first_anomaly(sum);
    if (i == sum->size) return true;
    const gr_op *outer = leaf->graph->gradient_of;
    return gr_fail(leaf->graph, "gr_backward, in the gradient of %s: the sum for %s is %g at %s",
                   outer != NULL ? outer->name : "the loss", gr_describe(leaf, "a leaf").text,
                   printable(gr_at(sum, i)), gr_place_text(sum->shape, i).text);
}
