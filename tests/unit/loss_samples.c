#include "tests/unit/loss_samples.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/graph/random.h"

/* -- Shapes -- */

/* Of a letter that means nothing in particular, and of lists: a vector (K) has one number for each.
 */
enum { LIST_LENGTH = 3 };

static int given(int value, int otherwise) {
    return value == 0 ? otherwise : value < 0 ? 0 : value;
}

static int size_of(char letter, const sample_options *options) {
    switch (letter) {
    case 'N':
        return given(options->n, 4);
    case 'C':
        return given(options->c, 3);
    case 'D':
        return 5;
    case 'S':
        return 2;
    case 'T':
        return 6;
    default:
        return LIST_LENGTH;
    }
}

/* The text of an alternative, "(N,C)" of "(N) or (N,C)". */
static const char *alternative(const char *text, int which) {
    const char *next;
    while (which-- > 0 && (next = strstr(text, " or ")) != NULL) text = next + 4;
    return text;
}

static int alternatives(const char *text) {
    int n = 1;
    while ((text = strstr(text, " or ")) != NULL) {
        text += 4;
        n++;
    }
    return n;
}

int loss_alternatives(const gr_loss_info *loss) {
    int most = 1;
    for (int i = 0; i < GR_LOSS_OPERANDS && loss->operands[i].name != NULL; i++) {
        int n = alternatives(loss->operands[i].shape);
        if (n > most) most = n;
    }
    return most;
}

/* One dimension, "2N", "4" or "d1..", up to the comma or the end. */
static bool read_dimension(const char **text, const sample_options *options, gr_shape *shape) {
    const char *s = *text;
    size_t length = strcspn(s, ",)");
    *text = s + length;
    if (length >= 2 && strncmp(s + length - 2, "..", 2) == 0) {
        for (int k = given(options->more, 1); k > 0 && shape->ndim < GR_MAX_DIMS; k--)
            shape->dim[shape->ndim++] = 2;
        return true;
    }
    char *end;
    long factor = isdigit((unsigned char)*s) ? strtol(s, &end, 10) : (end = (char *)s, 1);
    bool letter = isalpha((unsigned char)*end);
    if (end + letter != *text || (end == s && !letter) || shape->ndim == GR_MAX_DIMS) return false;
    shape->dim[shape->ndim++] = (int)factor * (letter ? size_of(*end, options) : 1);
    return true;
}

static bool read_shape(const char *text, const sample_options *options, gr_shape *shape) {
    *shape = GR_SCALAR;
    if (strncmp(text, "any", 3) == 0) {
        *shape = GR_SHAPE(size_of('N', options), size_of('C', options));
        return true;
    }
    if (*text++ != '(') return false;
    for (; *text != ')'; text += *text == ',')
        if (!read_dimension(&text, options, shape)) return false;
    return true;
}

/* The axis of the classes: the letter C's, else the last. */
static int class_axis(const gr_operand_info *o, const gr_tensor *t) {
    int axis = 0;
    for (const char *s = alternative(o->shape, 0); *s != '\0' && *s != ')'; s++) {
        if (*s == 'C') return axis < t->shape.ndim ? axis : t->shape.ndim - 1;
        axis += *s == ',';
    }
    return t->shape.ndim - 1;
}

/* -- Values -- */

static double uniform(gr_graph *g) { return gr_random_uniform(g); }

static double normal(gr_graph *g) {
    return sqrt(-2 * log(1 - uniform(g))) * cos(6.283185307179586 * uniform(g));
}

static double value_of(const gr_operand_info *o, gr_graph *g, bool wide, double scale) {
    switch (o->domain) {
    case GR_POSITIVE:
        return wide ? exp(2 * normal(g)) : 0.3 + 2.7 * uniform(g);
    case GR_UNIT_INTERVAL:
        return wide ? uniform(g) : 0.05 + 0.9 * uniform(g);
    case GR_BINARY:
        return gr_random_below(g, 2);
    case GR_SIGNS:
        return 2.0 * gr_random_below(g, 2) - 1;
    default:
        return scale * normal(g);
    }
}

/* Makes what was drawn a distribution, or the logarithm of one, along the axis of the classes. */
static void normalise(const gr_operand_info *o, gr_tensor *t) {
    int axis = class_axis(o, t), classes = axis < 0 ? 1 : t->shape.dim[axis];
    int64_t inner = 1;
    for (int i = axis + 1; i < t->shape.ndim; i++) inner *= t->shape.dim[i];
    for (int64_t i = 0; i < t->size; i++) {
        if (i / inner % classes != 0) continue;
        double sum = 0;
        for (int c = 0; c < classes; c++) sum += exp((double)t->data[i + c * inner]);
        for (int c = 0; c < classes; c++) {
            gr_real *x = &t->data[i + c * inner];
            *x = o->domain == GR_DISTRIBUTION ? (gr_real)(exp((double)*x) / sum)
                                              : (gr_real)((double)*x - log(sum));
        }
    }
}

/* Corners x1 y1 x2 y2; wide: far apart, and of all shapes. */
static void draw_boxes(gr_tensor *t, bool wide, double scale) {
    gr_graph *g = t->graph;
    for (int64_t i = 0; i + 3 < t->size; i += 4)
        for (int k = 0; k < 2; k++) {
            double from = scale * (wide ? normal(g) : uniform(g));
            double side = scale * (wide ? exp(2 * normal(g)) : 0.1 + uniform(g));
            t->data[i + k] = (gr_real)from;
            t->data[i + 2 + k] = (gr_real)(from + side);
        }
}

void loss_draw(const gr_operand_info *o, gr_tensor *t, bool wide) {
    static const double scales[] = {0.1, 1, 3, 10};
    double scale = wide ? scales[gr_random_below(t->graph, 4)] : 1.5;
    for (int64_t i = 0; i < t->size; i++) t->data[i] = (gr_real)value_of(o, t->graph, wide, scale);
    if (o->domain == GR_DISTRIBUTION || o->domain == GR_LOG_DISTRIBUTION) normalise(o, t);
    if (o->domain == GR_BOXES) draw_boxes(t, wide, scale);
}

/* Class indices, or lengths of what the operand's name says: of targets (N,S), else of inputs. */
static gr_tensor *draw_index(gr_graph *g, const gr_operand_info *o, gr_shape shape,
                             const sample_options *options) {
    int32_t values[256] = {0};
    int64_t n = gr_shape_size(shape);
    int classes = size_of('C', options);
    for (int64_t i = 0; i < n && i < 256; i++) {
        if (o->domain != GR_LENGTHS)
            values[i] = (int32_t)gr_random_below(g, (uint32_t)(classes > 0 ? classes : 1));
        else if (strncmp(o->name, "target", 6) == 0)
            values[i] = 1 + (int32_t)gr_random_below(g, (uint32_t)size_of('S', options));
        else
            values[i] = size_of('T', options) - (int32_t)gr_random_below(g, 2);
    }
    return gr_name(gr_from_index(g, shape, values), o->name);
}

/* -- Calls -- */

static gr_tensor *draw_leaf(gr_graph *g, const gr_operand_info *o, gr_shape shape, bool wide,
                            loss_call *to) {
    gr_tensor *t = gr_name(gr_zeros(g, shape), o->name);
    if (t == NULL || to->n == LOSS_LEAVES) return NULL;
    loss_draw(o, t, wide);
    to->name[to->n] = o->name;
    return to->leaf[to->n++] = gr_requires_grad(t);
}

static bool is_index(const gr_operand_info *o, const char *shape) {
    if (o->kind == GR_OPERAND_REAL_OR_INDEX)
        return alternatives(o->shape) > 1 && shape == alternative(o->shape, 0);
    return o->kind == GR_OPERAND_INDEX;
}

static bool draw_operand(gr_graph *g, const gr_loss_info *loss, int i,
                         const sample_options *options, loss_call *to) {
    const gr_operand_info *o = &loss->operands[i];
    const char *text = alternative(o->shape, options->alternative);
    gr_shape shape;
    bool read = read_shape(text, options, &shape);
    if (!read && text != o->shape) /* "the concatenation of ..": the first alternative then */
        read = read_shape(text = o->shape, options, &shape);
    if (!read) return false;
    /* A weight of any shape must broadcast to the loss; one number always does. */
    if (o->optional && strncmp(text, "any", 3) == 0 &&
        strncmp(loss->operands[0].shape, "any", 3) != 0)
        shape = GR_SCALAR;
    if (o->kind == GR_OPERAND_LIST) {
        int used = to->n; /* items stand where the leaves do */
        for (int k = 0; k < LIST_LENGTH; k++)
            to->items[used + k] = draw_leaf(g, o, shape, options->wide, to);
        to->call.list[i] = (gr_list){LIST_LENGTH, to->items + used};
        return true;
    }
    to->call.operand[i] = is_index(o, text) ? draw_index(g, o, shape, options)
                                            : draw_leaf(g, o, shape, options->wide, to);
    return true;
}

bool loss_sample(gr_graph *g, const gr_loss_info *loss, sample_options options, loss_call *to,
                 sample_error *error) {
    *to = (loss_call){.call = gr_loss_defaults(g, loss)};
    for (int i = 0; i < GR_LOSS_OPERANDS && loss->operands[i].name != NULL; i++) {
        if (loss->operands[i].optional && !options.optional) continue;
        if (draw_operand(g, loss, i, &options, to)) continue;
        snprintf(error->text, sizeof error->text, "%s: the shape of %s can't be read: %s",
                 loss->name, loss->operands[i].name, loss->operands[i].shape);
        return false;
    }
    return true;
}

bool loss_accepted_sample(gr_graph *g, const gr_loss_info *loss, sample_options options,
                          loss_call *to, sample_error *error) {
    for (int tries = 0; tries < 300; tries++) {
        if (!loss_sample(g, loss, options, to, error)) return false;
        if (gr_loss_apply(loss, &to->call) != NULL) return true;
        snprintf(error->text, sizeof error->text, "%s", gr_error(g));
        gr_clear_error(g);
    }
    return false;
}

bool is_loss(const gr_loss_info *loss) { return *loss->reductions != '\0'; }

gr_tensor *loss_elements(const gr_loss_info *loss, loss_call *l) {
    if (loss_word(loss->reductions, "none") >= 0) l->call.reduction = GR_NONE;
    gr_no_grad_begin(l->call.graph);
    gr_tensor *y = gr_loss_apply(loss, &l->call);
    gr_no_grad_end(l->call.graph);
    return y;
}
