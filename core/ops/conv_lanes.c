/* Convolutions of small images and convolutions with steps: a sample in each lane of a vector.
 *
 * With GR_LANES samples interleaved (core/kernels/lanes.c) a number of the image becomes a vector,
 * and what a tap sees at the positions of a row is a row of vectors, whatever the step. So that
 * these are neighbours, the columns of a row are sorted: those at which column mod step is 0 first,
 * then 1, and so on. As in conv_direct.c the image is framed by zeros, and the rows of the matrix
 * of patches are at offsets in the frame: for a row of positions the convolution is a product with
 * them, the gradient to the weight a correlation. The gradient to x is the product of the weight
 * and a row of y, whose rows are added to the frame at the same offsets.
 */
#include <string.h>

#include "core/kernels/product.h"
#include "core/ops/conv_internal.h"

/* Numbers in the frame of x and in y for which the second cache is large enough; MOST_FULL where
 * there are several blocks of samples, which threads can share, with nearly all lanes used, and
 * patches, of FEWEST_TAPS or more, would cost many copies. */
enum { MOST = 1 << 18, MOST_FULL = 1 << 20, FEWEST_TAPS = 4 };
/* Numbers that are added to x at a time, and positions correlated at once, which stay in the first
 * cache. */
enum { PATCHES = 1 << 13, POSITIONS = 1 << 10 };
enum { LEAST_SAMPLES = GR_LANES / 2 };

typedef struct lanes_work {
    const gr_kernels *kernels;
    const gr_conv_geometry *s;
    const gr_conv_data *d;
    int64_t rows, columns, pitch; /* of x's frame; from row to row */
    int64_t step;                 /* numbers from a row of positions to the next one in the frame */
    int64_t blank;                /* numbers of the frame that are none of the image's */
    int32_t *place;               /* in the frame, of x's numbers, then of the blank ones */
    int32_t *in_row;              /* the place of each column in its row */
    int64_t *offset;              /* in the frame, of each channel's taps */
    int64_t x_numbers, y_numbers; /* of GR_LANES samples and a group */
    int64_t blocks;               /* of samples */
    int64_t pieces;               /* of the blocks, where they are summed over */
    gr_real *partial;             /* their sums but for the first's, (pieces-1,groups,O,rows) */
} lanes_work;

/* The frame alone: products of its sizes may leave int64_t's range. */
static lanes_work frame_of(const gr_conv_geometry *s) {
    const gr_patches *p = &s->patches;
    int64_t seen[2], size[2] = {p->height, p->width}, out[2] = {s->out_height, p->out_width};
    for (int i = 0; i < 2; i++) {
        /* Zeros behind the image are framed as far as a tap sees them. */
        int64_t taps = (out[i] - 1) * p->stride[i] + (int64_t)p->dilation[i] * (p->kernel[i] - 1);
        seen[i] = taps + 1 > size[i] + p->padding[i] ? taps + 1 : size[i] + p->padding[i];
    }
    lanes_work w = {.s = s, .rows = seen[0]};
    w.columns = (seen[1] + p->stride[1] - 1) / p->stride[1]; /* of each remainder */
    w.pitch = w.columns * p->stride[1];
    return w;
}

bool gr_conv_lanes(const gr_conv_geometry *s) {
    if (s->plain || s->rows == 0 || s->y_channels == 0 || s->batch < LEAST_SAMPLES) return false;
    lanes_work w = frame_of(s);
    int64_t blocks = gr_pieces_of(s->batch, GR_LANES);
    bool full = s->taps >= FEWEST_TAPS && blocks > 1 && 4 * s->batch >= 3 * blocks * GR_LANES;
    double x = (double)s->x_channels * (double)w.rows * (double)w.pitch;
    double numbers = (x + (double)s->y_channels * (double)s->positions) * GR_LANES;
    return numbers <= (full ? MOST_FULL : MOST);
}

static lanes_work work_of(const gr_node *n, const gr_conv_geometry *s, const gr_conv_data *d) {
    lanes_work w = frame_of(s);
    w.kernels = n->graph->kernels;
    w.d = d;
    w.step = s->patches.stride[0] * w.pitch * GR_LANES;
    w.blank = s->x_channels * (w.rows * w.pitch - s->image);
    w.x_numbers = s->x_channels * w.rows * w.pitch * GR_LANES;
    w.y_numbers = s->y_channels * s->positions * GR_LANES;
    w.blocks = gr_pieces_of(s->batch, GR_LANES);
    return w;
}

/* -- The frame -- */

/* Appends the places of some columns of the row that begins at `at`. */
static void add_places(const int32_t *in_row, int64_t begin, int64_t end, int32_t at,
                       int32_t **places) {
    for (int64_t k = begin; k < end; k++) *(*places)++ = at + in_row[k];
}

/* Places in order of the image's numbers, those of the blank ones behind them. */
static void set_places(lanes_work *w) {
    const gr_patches *p = &w->s->patches;
    const int64_t first = p->padding[1], end = first + p->width;
    int32_t *inside = w->place, *blank = w->place + w->s->x_channels * w->s->image, at = 0;
    for (int64_t k = 0; k < w->pitch; k++)
        w->in_row[k] = (int32_t)(k % p->stride[1] * w->columns + k / p->stride[1]);
    for (int64_t c = 0; c < w->s->x_channels; c++)
        for (int64_t row = -p->padding[0]; row < w->rows - p->padding[0]; row++, at += w->pitch) {
            bool in = row >= 0 && row < p->height;
            add_places(w->in_row, 0, first, at, &blank);
            add_places(w->in_row, first, end, at, in ? &inside : &blank);
            add_places(w->in_row, end, w->pitch, at, &blank);
        }
}

static void set_offsets(lanes_work *w) {
    const gr_patches *p = &w->s->patches;
    int64_t *offset = w->offset;
    for (int64_t c = 0; c < w->s->x_channels; c++)
        for (int i = 0; i < p->kernel[0]; i++)
            for (int j = 0; j < p->kernel[1]; j++) {
                int64_t row = c * w->rows + (int64_t)i * p->dilation[0];
                int64_t column = (int64_t)j * p->dilation[1], step = p->stride[1];
                *offset++ =
                    (row * w->pitch + column % step * w->columns + column / step) * GR_LANES;
            }
}

/* Runs the items, each with memory for a frame of x, for y and so many numbers more. */
static void run_items(const gr_node *n, lanes_work *w, int64_t items, int64_t more,
                      gr_conv_item *f) {
    int64_t numbers = w->x_numbers / GR_LANES;
    size_t places = (size_t)(numbers + w->pitch) * sizeof *w->place;
    size_t offsets = (size_t)w->s->rows * sizeof *w->offset;
    w->place = gr_conv_memory(n, places);
    w->offset = w->place == NULL ? NULL : gr_conv_memory(n, offsets);
    if (w->offset != NULL) {
        w->in_row = w->place + numbers;
        set_places(w);
        set_offsets(w);
        gr_conv_run(n, w->s, items, w->x_numbers + w->y_numbers + more, f, w);
        gr_conv_release(n, w->offset, offsets);
    }
    if (w->place != NULL) gr_conv_release(n, w->place, places);
}

/* A block of samples, and their number. */
static int64_t samples_of(const lanes_work *w, int64_t block) {
    return gr_least(GR_LANES, w->s->batch - block * GR_LANES);
}

/* The numbers of x or y of a block's first sample and a group. */
static gr_real *first_of(const lanes_work *w, gr_real *numbers, int64_t sample, int64_t block,
                         int64_t group) {
    return numbers + (block * GR_LANES * w->s->groups + group) * sample;
}

static void frame_x(const lanes_work *w, int64_t block, int64_t group, gr_real *frame) {
    int64_t sample = w->s->x_channels * w->s->image;
    w->kernels->lane->interleave(samples_of(w, block), sample,
                                 first_of(w, w->d->x, sample, block, group), w->s->groups * sample,
                                 w->place, frame);
    for (int64_t i = 0; i < w->blank; i++)
        memset(frame + (int64_t)w->place[sample + i] * GR_LANES, 0, GR_LANES * sizeof *frame);
}

static void interleave_y(const lanes_work *w, int64_t block, int64_t group, gr_real *y) {
    int64_t sample = w->s->y_channels * w->s->positions;
    w->kernels->lane->interleave(samples_of(w, block), sample,
                                 first_of(w, w->d->y, sample, block, group), w->s->groups * sample,
                                 NULL, y);
}

static void fill(int64_t n, gr_real value, gr_real *to) {
    for (int64_t i = 0; i < n; i++) to[i] = value;
}

/* -- To y: the convolution -- */

/* An item is a block of samples and a group. */
static void convolve_item(const void *context, int64_t i, gr_real *x) {
    const lanes_work *w = context;
    const gr_conv_geometry *s = w->s;
    int64_t block = i / s->groups, group = i % s->groups;
    int64_t row = s->patches.out_width * GR_LANES, plane = s->positions * GR_LANES;
    gr_real *y = x + w->x_numbers;
    frame_x(w, block, group, x);
    for (int64_t p = 0; p < s->out_height; p++) {
        for (int64_t o = 0; w->d->bias != NULL && o < s->y_channels; o++)
            fill(row, w->d->bias[group * s->y_channels + o], y + o * plane + p * row);
        gr_product product = {.m = s->y_channels,
                              .n = row,
                              .k = s->rows,
                              .a = w->d->w + group * s->y_channels * s->rows,
                              .a_row = s->rows,
                              .a_col = 1,
                              .b = x + p * w->step,
                              .b_col = 1,
                              .b_offset = w->offset,
                              .start = w->d->bias != NULL ? y + p * row : NULL,
                              .start_row = plane,
                              .c = y + p * row,
                              .c_row = plane};
        w->kernels->gemm->multiply(&product);
    }
    int64_t sample = s->y_channels * s->positions;
    w->kernels->lane->separate(samples_of(w, block), sample, y, NULL,
                               first_of(w, w->d->y, sample, block, group), s->groups * sample);
}

void gr_conv_lanes_y(const gr_node *n, const gr_conv_geometry *s, const gr_conv_data *d) {
    lanes_work w = work_of(n, s, d);
    run_items(n, &w, w.blocks * s->groups, 0, convolve_item);
}

/* -- To x: the transposed convolution -- */

/* Rows of patches that are computed before they are added. */
static int64_t rows_at_once(const gr_conv_geometry *s) {
    int64_t rows = PATCHES / (s->patches.out_width * GR_LANES) / 8 * 8;
    return gr_least(s->rows, rows < 8 ? 8 : rows);
}

/* What the positions of row p give to x. */
static void spread_row(const lanes_work *w, int64_t group, int64_t p, const gr_real *y, gr_real *x,
                       gr_real *patches) {
    const gr_conv_geometry *s = w->s;
    int64_t row = s->patches.out_width * GR_LANES, rows = rows_at_once(s);
    for (int64_t r = 0; r < s->rows; r += rows) {
        gr_product product = {.m = gr_least(rows, s->rows - r),
                              .n = row,
                              .k = s->y_channels,
                              .a = w->d->w + group * s->y_channels * s->rows + r,
                              .a_row = 1,
                              .a_col = s->rows,
                              .b = y + p * row,
                              .b_row = s->positions * GR_LANES,
                              .b_col = 1,
                              .c = patches,
                              .c_row = row};
        w->kernels->gemm->multiply(&product);
        w->kernels->lane->add_rows(product.m, row, patches, w->offset + r, x + p * w->step);
    }
}

/* An item is a block of samples and a group. */
static void spread_item(const void *context, int64_t i, gr_real *x) {
    const lanes_work *w = context;
    const gr_conv_geometry *s = w->s;
    int64_t block = i / s->groups, group = i % s->groups;
    int64_t plane = w->rows * w->pitch * GR_LANES, sample = s->x_channels * s->image;
    gr_real *y = x + w->x_numbers, *patches = y + w->y_numbers;
    interleave_y(w, block, group, y);
    for (int64_t c = 0; c < s->x_channels; c++)
        fill(plane, w->d->bias == NULL ? 0 : w->d->bias[group * s->x_channels + c], x + c * plane);
    for (int64_t p = 0; p < s->out_height; p++) spread_row(w, group, p, y, x, patches);
    w->kernels->lane->separate(samples_of(w, block), sample, x, w->place,
                               first_of(w, w->d->x, sample, block, group), s->groups * sample);
}

void gr_conv_lanes_x(const gr_node *n, const gr_conv_geometry *s, const gr_conv_data *d) {
    lanes_work w = work_of(n, s, d);
    int64_t patches = rows_at_once(s) * s->patches.out_width * GR_LANES;
    run_items(n, &w, w.blocks * s->groups, patches, spread_item);
}

/* -- To the weight: correlations, summed over the samples -- */

/* An item is a piece of the blocks and a group. */
static void correlate_item(const void *context, int64_t i, gr_real *x) {
    const lanes_work *w = context;
    const gr_conv_geometry *s = w->s;
    int64_t piece = i / s->groups, group = i % s->groups, numbers = s->y_channels * s->rows;
    int64_t row = s->patches.out_width * GR_LANES, band = 1 + (POSITIONS - 1) / row;
    gr_real *y = x + w->x_numbers;
    gr_real *sum =
        (piece == 0 ? w->d->w : w->partial + (piece - 1) * s->groups * numbers) + group * numbers;
    memset(sum, 0, (size_t)numbers * sizeof *sum);
    for (int64_t block = gr_cut(w->blocks, w->pieces, piece);
         block < gr_cut(w->blocks, w->pieces, piece + 1); block++) {
        frame_x(w, block, group, x);
        interleave_y(w, block, group, y);
        for (int64_t p = 0; p < s->out_height; p += band)
            w->kernels->direct->correlate(s->y_channels, s->rows, gr_least(band, s->out_height - p),
                                          row, y + p * row, s->positions * GR_LANES, row,
                                          x + p * w->step, w->offset, w->step, sum);
    }
}

/* The pieces' sums, added in order. */
static void add_pieces(void *context, int64_t begin, int64_t end) {
    const lanes_work *w = context;
    int64_t numbers = w->s->groups * w->s->y_channels * w->s->rows;
    gr_real *sum = w->d->w + begin;
    for (int64_t piece = 1; piece < w->pieces; piece++)
        w->kernels->elementwise->add(end - begin, sum, 1,
                                     w->partial + (piece - 1) * numbers + begin, 1, sum);
}

void gr_conv_lanes_w(const gr_node *n, const gr_conv_geometry *s, const gr_conv_data *d) {
    lanes_work w = work_of(n, s, d);
    w.pieces = gr_least(gr_conv_pieces(s), w.blocks);
    int64_t numbers = s->groups * s->y_channels * s->rows;
    size_t bytes = (size_t)((w.pieces - 1) * numbers) * sizeof(gr_real);
    w.partial = gr_conv_memory(n, bytes);
    if (w.partial == NULL) return;
    run_items(n, &w, w.pieces * s->groups, 0, correlate_item);
    if (!gr_failed(n->graph)) gr_for_each(n->graph, numbers, GR_SHARE, add_pieces, &w);
    gr_conv_release(n, w.partial, bytes);
}
