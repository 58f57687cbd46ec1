#include "core/data/augment.h"

#include "core/data/augment_internal.h"

#include <limits.h>
#include <math.h>
#include <string.h>

/* -- What augmentations share -- */

enum { PIECE_WORK = 1 << 16 };

bool gr_pictures_check(const char *who, const gr_tensor *x) {
    if (x == NULL) return false;
    if (x->kind == GR_REAL && x->shape.ndim == 4) return true;
    return gr_fail(x->graph, "%s: %s%s, expected pictures (N,C,H,W)", who, gr_describe(x, "x").text,
                   x->kind == GR_REAL ? "" : " of integers");
}

bool gr_pictures_begin(gr_pictures *p, const char *who, const gr_tensor *x, int rows, int columns,
                       size_t draw_bytes) {
    if (!gr_pictures_check(who, x)) return false;
    const int *dim = x->shape.dim;
    gr_tensor *y =
        gr_tensor_new(x->graph, who, GR_REAL, GR_SHAPE(dim[0], dim[1], rows, columns), false);
    if (y == NULL) return false;
    size_t bytes = (size_t)dim[0] * draw_bytes;
    void *draws = gr_arena_alloc(&x->graph->step, bytes, GR_ALIGN_DATA);
    if (draws == NULL) return gr_fail(x->graph, "%s: no memory for %zu bytes", who, bytes);
    *p = (gr_pictures){.graph = x->graph,
                       .who = who,
                       .result = y,
                       .x = x->data,
                       .y = y->data,
                       .n = dim[0],
                       .channels = dim[1],
                       .height = dim[2],
                       .width = dim[3],
                       .rows = rows,
                       .columns = columns,
                       .draws = draws};
    return true;
}

gr_tensor *gr_pictures_run(gr_pictures *p, gr_range_function *f, int work) {
    int64_t pixels = (int64_t)p->channels * p->rows * p->columns;
    if (pixels > 0) gr_for(p->graph, p->n, 1 + PIECE_WORK / (pixels * work), f, p);
    return p->result;
}

bool gr_check_probability(gr_graph *g, const char *who, double p) {
    return (p >= 0 && p <= 1) ||
           gr_fail(g, "%s: p is %g, expected a probability in [0, 1]", who, p);
}

double gr_random_between(gr_graph *g, double low, double high) {
    return low + (high - low) * gr_random_uniform(g);
}

/* -- Crops and shifts -- */

/* The piece's first row and column in the picture; negative within the margin. */
typedef struct corner {
    int top, left;
} corner;

static void crop_row(const gr_pictures *p, const gr_real *x, int left, gr_real *y) {
    int from = left < 0 ? -left : 0; /* columns [from, to) of y are within the picture */
    int to = p->width - left < p->columns ? p->width - left : p->columns;
    if (from >= to) from = to = p->columns;
    for (int j = 0; j < from; j++) y[j] = 0;
    for (int j = from; j < to; j++) y[j] = x[left + j];
    for (int j = to; j < p->columns; j++) y[j] = 0;
}

static void crop_range(void *context, int64_t begin, int64_t end) {
    const gr_pictures *p = context;
    for (int64_t n = begin; n < end; n++) {
        corner at = ((const corner *)p->draws)[n];
        const gr_real *x = gr_picture_in(p, n);
        gr_real *y = gr_picture_out(p, n);
        for (int c = 0; c < p->channels; c++, x += (int64_t)p->height * p->width)
            for (int i = 0; i < p->rows; i++, y += p->columns) {
                int row = at.top + i;
                if (row >= 0 && row < p->height)
                    crop_row(p, x + (int64_t)row * p->width, at.left, y);
                else
                    memset(y, 0, (size_t)p->columns * sizeof *y);
            }
    }
}

/* `option` is what the caller calls the padding. */
static gr_tensor *crop(const char *who, const char *option, const gr_tensor *x, int padding,
                       int rows, int columns) {
    if (!gr_pictures_check(who, x)) return NULL;
    int height = x->shape.dim[2], width = x->shape.dim[3];
    int most = (INT_MAX - (height > width ? height : width)) / 2;
    if (padding < 0 || padding > most)
        return gr_fail(x->graph, "%s: %s is %d, expected 0 to %d", who, option, padding, most);
    int down = height + 2 * padding - rows, right = width + 2 * padding - columns;
    if (rows < 0 || columns < 0 || down < 0 || right < 0)
        return gr_fail(x->graph, "%s: %s with padding %d has no piece of (%d,%d)", who,
                       gr_describe(x, "x").text, padding, rows, columns);
    gr_pictures p;
    if (!gr_pictures_begin(&p, who, x, rows, columns, sizeof(corner))) return NULL;
    corner *corners = p.draws;
    for (int n = 0; n < p.n; n++) {
        corners[n].top = (int)gr_random_below(p.graph, (uint32_t)down + 1) - padding;
        corners[n].left = (int)gr_random_below(p.graph, (uint32_t)right + 1) - padding;
    }
    return gr_pictures_run(&p, crop_range, 1);
}

gr_tensor *gr_random_crop_(gr_random_crop_args a) {
    if (!gr_pictures_check("gr_random_crop", a.x)) return NULL;
    return crop("gr_random_crop", "padding", a.x, a.padding,
                a.height == 0 ? a.x->shape.dim[2] : a.height,
                a.width == 0 ? a.x->shape.dim[3] : a.width);
}

gr_tensor *gr_random_shift(gr_tensor *x, int most) {
    if (!gr_pictures_check("gr_random_shift", x)) return NULL;
    return crop("gr_random_shift", "most", x, most, x->shape.dim[2], x->shape.dim[3]);
}

/* -- Crops that are stretched -- */

/* Where one coordinate of the result is in the box: between pixels low and high. */
typedef struct between {
    int low, high;
    gr_real share; /* of high */
} between;

typedef struct box {
    int top, left, height, width;
    between *across; /* room for the columns of the result */
} box;

static between source(int i, int size, int pixels) {
    double at = (i + 0.5) * pixels / size - 0.5;
    if (at < 0) at = 0;
    int low = (int)at < pixels - 1 ? (int)at : pixels - 1;
    return (between){low, low < pixels - 1 ? low + 1 : low, (gr_real)(at - low)};
}

/* Without 0 times infinity. */
static gr_real blend(gr_real a, gr_real b, gr_real share) {
    return share == 0 ? a : (1 - share) * a + share * b;
}

static void stretch_rows(const gr_pictures *p, const box *b, const gr_real *x, gr_real *y) {
    for (int i = 0; i < p->rows; i++) {
        between down = source(i, p->rows, b->height);
        const gr_real *top = x + (int64_t)down.low * p->width;
        const gr_real *bottom = x + (int64_t)down.high * p->width;
        for (int j = 0; j < p->columns; j++) {
            between at = b->across[j];
            *y++ = blend(blend(top[at.low], top[at.high], at.share),
                         blend(bottom[at.low], bottom[at.high], at.share), down.share);
        }
    }
}

static void stretch_range(void *context, int64_t begin, int64_t end) {
    const gr_pictures *p = context;
    for (int64_t n = begin; n < end; n++) {
        const box *b = (const box *)p->draws + n;
        const gr_real *x = gr_picture_in(p, n) + (int64_t)b->top * p->width + b->left;
        for (int j = 0; j < p->columns; j++) b->across[j] = source(j, p->columns, b->width);
        for (int c = 0; c < p->channels; c++)
            stretch_rows(p, b, x + (int64_t)c * p->height * p->width,
                         gr_picture_out(p, n) + (int64_t)c * p->rows * p->columns);
    }
}

static box box_in_the_middle(int height, int width, const gr_random_resized_crop_args *a) {
    double ratio = fmin(fmax((double)width / height, a->ratio_low), a->ratio_high);
    double h = fmin(height, width / ratio), w = fmin(width, height * ratio);
    box b = {.height = (int)fmax(round(h), 1), .width = (int)fmax(round(w), 1)};
    b.top = (height - b.height) / 2;
    b.left = (width - b.width) / 2;
    return b;
}

static box draw_box(const gr_pictures *p, const gr_random_resized_crop_args *a) {
    gr_graph *g = p->graph;
    for (int tries = 0; tries < 10; tries++) {
        double area =
            (double)p->height * p->width * gr_random_between(g, a->scale_low, a->scale_high);
        double ratio = exp(gr_random_between(g, log(a->ratio_low), log(a->ratio_high)));
        double h = round(sqrt(area / ratio)), w = round(sqrt(area * ratio));
        if (!(h >= 1 && h <= p->height && w >= 1 && w <= p->width)) continue;
        box b = {.height = (int)h, .width = (int)w};
        b.top = (int)gr_random_below(g, (uint32_t)(p->height - b.height) + 1);
        b.left = (int)gr_random_below(g, (uint32_t)(p->width - b.width) + 1);
        return b;
    }
    return box_in_the_middle(p->height, p->width, a);
}

static bool ranges_are_possible(const gr_random_resized_crop_args *a, const char *who) {
    gr_graph *g = a->x->graph;
    if (!(a->scale_low > 0 && a->scale_low <= a->scale_high && a->scale_high <= 1))
        return gr_fail(g, "%s: scale_low is %g and scale_high %g, expected 0 < low <= high <= 1",
                       who, a->scale_low, a->scale_high);
    if (!(a->ratio_low > 0 && a->ratio_low <= a->ratio_high && isfinite(a->ratio_high)))
        return gr_fail(g, "%s: ratio_low is %g and ratio_high %g, expected 0 < low <= high", who,
                       a->ratio_low, a->ratio_high);
    if (a->height < 0 || a->width < 0)
        return gr_fail(g, "%s: height is %d and width %d, expected 1 or more", who, a->height,
                       a->width);
    return (a->x->shape.dim[2] > 0 && a->x->shape.dim[3] > 0) ||
           gr_fail(g, "%s: %s, expected pictures of one pixel or more", who,
                   gr_describe(a->x, "x").text);
}

gr_tensor *gr_random_resized_crop_(gr_random_resized_crop_args a) {
    const char *who = "gr_random_resized_crop";
    gr_pictures p;
    if (!gr_pictures_check(who, a.x) || !ranges_are_possible(&a, who) ||
        !gr_pictures_begin(&p, who, a.x, a.height == 0 ? a.x->shape.dim[2] : a.height,
                           a.width == 0 ? a.x->shape.dim[3] : a.width, sizeof(box)))
        return NULL;
    size_t bytes = (size_t)p.n * (size_t)p.columns * sizeof(between);
    between *across = gr_arena_alloc(&p.graph->step, bytes, GR_ALIGN_DATA);
    if (across == NULL) return gr_fail(p.graph, "%s: no memory for %zu bytes", who, bytes);
    box *boxes = p.draws;
    for (int n = 0; n < p.n; n++) {
        boxes[n] = draw_box(&p, &a);
        boxes[n].across = across + (int64_t)n * p.columns;
    }
    return gr_pictures_run(&p, stretch_range, 8);
}

/* -- Flips -- */

typedef struct flip {
    bool horizontal, vertical;
} flip;

static void flip_range(void *context, int64_t begin, int64_t end) {
    const gr_pictures *p = context;
    for (int64_t n = begin; n < end; n++) {
        flip f = ((const flip *)p->draws)[n];
        const gr_real *x = gr_picture_in(p, n);
        gr_real *y = gr_picture_out(p, n);
        for (int c = 0; c < p->channels; c++, x += (int64_t)p->height * p->width)
            for (int i = 0; i < p->height; i++, y += p->width) {
                const gr_real *row = x + (int64_t)(f.vertical ? p->height - 1 - i : i) * p->width;
                for (int j = 0; j < p->width; j++) y[j] = row[f.horizontal ? p->width - 1 - j : j];
            }
    }
}

gr_tensor *gr_random_flip_(gr_random_flip_args a) {
    const char *who = "gr_random_flip";
    gr_pictures p;
    if (!gr_pictures_check(who, a.x) || !gr_check_probability(a.x->graph, who, a.p) ||
        !gr_pictures_begin(&p, who, a.x, a.x->shape.dim[2], a.x->shape.dim[3], sizeof(flip)))
        return NULL;
    flip *flips = p.draws;
    for (int n = 0; n < p.n; n++) {
        bool flipped = gr_random_uniform(p.graph) < a.p;
        flips[n] = (flip){.horizontal = flipped && !a.vertical, .vertical = flipped && a.vertical};
    }
    return gr_pictures_run(&p, flip_range, 1);
}

/* -- Cut-out -- */

/* Rows [top, bottom) and columns [left, right) are blank. */
typedef struct hole {
    int top, bottom, left, right;
} hole;

static void cutout_range(void *context, int64_t begin, int64_t end) {
    const gr_pictures *p = context;
    for (int64_t n = begin; n < end; n++) {
        const hole *h = (const hole *)p->draws + n;
        gr_real *y = gr_picture_out(p, n);
        memcpy(y, gr_picture_in(p, n), (size_t)gr_picture_size(p) * sizeof *y);
        for (int c = 0; c < p->channels; c++, y += (int64_t)p->height * p->width)
            for (int i = h->top; i < h->bottom; i++)
                for (int j = h->left; j < h->right; j++) y[(int64_t)i * p->width + j] = 0;
    }
}

/* Draws the place of `size` pixels around one of `pixels`, as far as they are within these. */
static void draw_side(gr_graph *g, int size, int pixels, int *first, int *end) {
    int64_t begin = (int64_t)gr_random_below(g, (uint32_t)pixels) - size / 2, last = begin + size;
    *first = begin < 0 ? 0 : (int)begin;
    *end = last < pixels ? (int)last : pixels;
}

gr_tensor *gr_random_cutout(gr_tensor *x, int size) {
    const char *who = "gr_random_cutout";
    if (!gr_pictures_check(who, x)) return NULL;
    if (size < 1) return gr_fail(x->graph, "%s: size is %d, expected 1 or more", who, size);
    gr_pictures p;
    if (!gr_pictures_begin(&p, who, x, x->shape.dim[2], x->shape.dim[3], sizeof(hole))) return NULL;
    hole *holes = p.draws;
    for (int n = 0; n < p.n; n++) {
        draw_side(p.graph, size, p.height, &holes[n].top, &holes[n].bottom);
        draw_side(p.graph, size, p.width, &holes[n].left, &holes[n].right);
    }
    return gr_pictures_run(&p, cutout_range, 1);
}
