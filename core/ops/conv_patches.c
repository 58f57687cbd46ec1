/* Convolutions as products with the matrix of x's patches (C/groups kh kw, P Q), a block of its
 * columns at a time, which stays in the cache between its making and its use. Chellapilla, Puri and
 * Simard, "High performance convolutional neural networks for document processing", IWFHR 2006.
 */
#include <string.h>

#include "core/kernels/product.h"
#include "core/ops/conv_internal.h"

/* Numbers in a block of patches, if it has at least LEAST_COLUMNS; a multiple of a tile's. */
enum { BLOCK = 1 << 15, LEAST_COLUMNS = 96 };
/* Rows of patches, at most so many if a channel has not more, that one item of work is about. */
enum { ITEM_ROWS = 512 };
/* Numbers of a row that are transposed together, since they are in one line of the cache. */
enum { LINE = 64 / (int)sizeof(gr_real) };

typedef struct conv_work {
    gr_conv_geometry s;
    gr_conv_data d;
    const gr_kernels *kernels;
    int64_t blocks;         /* of columns */
    int64_t channel_blocks; /* of x's channels in a group */
    int64_t pieces;         /* of the batch, where it is summed over */
    gr_real *partial;       /* their sums, (pieces,groups,rows,y_channels) */
    int64_t patches;        /* numbers in the largest block of them */
} conv_work;

/* Blocks of columns for so many rows of patches. */
static int64_t blocks_of(const gr_conv_geometry *s, int64_t rows) {
    int64_t columns = BLOCK / (rows + 1) / LEAST_COLUMNS * LEAST_COLUMNS;
    return gr_pieces_of(s->positions, columns < LEAST_COLUMNS ? LEAST_COLUMNS : columns);
}

/* Runs the items, whose largest product is given, with memory for it and its patches. */
static void run_items(const gr_node *n, const conv_work *w, int64_t items,
                      const gr_product *largest, gr_conv_item *f) {
    int64_t scratch =
        gr_aligned(w->patches) + (int64_t)gr_product_scratch(w->kernels->gemm, largest);
    gr_conv_run(n, &w->s, items, scratch, f, w);
}

static void multiply(const conv_work *w, const gr_product *p, gr_real *scratch) {
    gr_product_run(w->kernels->gemm, 1, p, scratch + gr_aligned(w->patches));
}

/* Columns [begin, end) of the patches of some channels; *distance receives that of its rows. */
static const gr_real *patches(const conv_work *w, const gr_real *image, int64_t channels,
                              int64_t begin, int64_t end, gr_real *scratch, int64_t *distance) {
    const gr_conv_geometry *s = &w->s;
    *distance = s->plain ? s->positions : end - begin;
    if (s->plain) return image + begin;
    w->kernels->patch->gather(&s->patches, channels, image, begin, end, scratch);
    return scratch;
}

/* -- To y: the convolution -- */

/* An item is a sample, a group and a block of columns. */
static void convolve_item(const void *context, int64_t i, gr_real *scratch) {
    const conv_work *w = context;
    const gr_conv_geometry *s = &w->s;
    int64_t block = i % w->blocks, set = i / w->blocks, group = set % s->groups;
    int64_t begin = gr_cut(s->positions, w->blocks, block);
    int64_t end = gr_cut(s->positions, w->blocks, block + 1), distance;
    const gr_real *image = w->d.x + set * s->x_channels * s->image;
    gr_real *y = w->d.y + set * s->y_channels * s->positions + begin;
    const gr_real *seen = patches(w, image, s->x_channels, begin, end, scratch, &distance);
    for (int64_t o = 0; w->d.bias != NULL && o < s->y_channels; o++)
        for (int64_t k = 0; k < end - begin; k++)
            y[o * s->positions + k] = w->d.bias[group * s->y_channels + o];
    gr_product p = {.m = s->y_channels,
                    .n = end - begin,
                    .k = s->rows,
                    .a = w->d.w + group * s->y_channels * s->rows,
                    .a_row = s->rows,
                    .a_col = 1,
                    .b = seen,
                    .b_row = distance,
                    .b_col = 1,
                    .start = w->d.bias != NULL ? y : NULL,
                    .start_row = s->positions,
                    .c = y,
                    .c_row = s->positions};
    multiply(w, &p, scratch);
}

void gr_conv_patches_y(const gr_node *n, const gr_conv_geometry *s, const gr_conv_data *d) {
    conv_work w = {.s = *s, .d = *d, .kernels = n->graph->kernels, .blocks = blocks_of(s, s->rows)};
    int64_t columns = gr_pieces_of(s->positions, w.blocks);
    gr_product largest = {.m = s->y_channels, .n = columns, .k = s->rows};
    w.patches = s->plain ? 0 : s->rows * columns;
    run_items(n, &w, s->batch * s->groups * w.blocks, &largest, convolve_item);
}

/* -- To x: the transposed convolution -- */

/* An item is a sample, a group and a block of its channels in x, to which it alone adds. */
static void spread_item(const void *context, int64_t i, gr_real *scratch) {
    const conv_work *w = context;
    const gr_conv_geometry *s = &w->s;
    int64_t part = i % w->channel_blocks, set = i / w->channel_blocks, group = set % s->groups;
    int64_t from = gr_cut(s->x_channels, w->channel_blocks, part);
    int64_t channels = gr_cut(s->x_channels, w->channel_blocks, part + 1) - from;
    gr_real *image = w->d.x + (set * s->x_channels + from) * s->image;
    const gr_real *y = w->d.y + set * s->y_channels * s->positions;
    for (int64_t c = 0; c < channels; c++) {
        gr_real first = w->d.bias == NULL ? 0 : w->d.bias[group * s->x_channels + from + c];
        for (int64_t k = 0; k < s->image; k++) image[c * s->image + k] = first;
    }
    for (int64_t block = 0; block < w->blocks; block++) {
        int64_t begin = gr_cut(s->positions, w->blocks, block);
        int64_t end = gr_cut(s->positions, w->blocks, block + 1);
        gr_real *c = s->plain ? image + begin : scratch;
        gr_product p = {.m = channels * s->taps,
                        .n = end - begin,
                        .k = s->y_channels,
                        .a = w->d.w + group * s->y_channels * s->rows + from * s->taps,
                        .a_row = 1,
                        .a_col = s->rows,
                        .b = y + begin,
                        .b_row = s->positions,
                        .b_col = 1,
                        .start = s->plain ? c : NULL,
                        .start_row = s->image,
                        .c = c,
                        .c_row = s->plain ? s->image : end - begin};
        multiply(w, &p, scratch);
        if (!s->plain)
            w->kernels->patch->scatter(&s->patches, channels, scratch, begin, end, image);
    }
}

/* Blocks of x's channels in a group, and the rows of patches of the largest of them. */
static int64_t cut_channels(conv_work *w) {
    int64_t channels = ITEM_ROWS / w->s.taps;
    w->channel_blocks = gr_pieces_of(w->s.x_channels, channels < 1 ? 1 : channels);
    return gr_pieces_of(w->s.x_channels, w->channel_blocks) * w->s.taps;
}

void gr_conv_patches_x(const gr_node *n, const gr_conv_geometry *s, const gr_conv_data *d) {
    conv_work w = {.s = *s, .d = *d, .kernels = n->graph->kernels};
    int64_t rows = cut_channels(&w);
    w.blocks = blocks_of(s, rows);
    int64_t columns = gr_pieces_of(s->positions, w.blocks);
    gr_product largest = {.m = rows, .n = columns, .k = s->y_channels};
    w.patches = s->plain ? 0 : rows * columns;
    run_items(n, &w, s->batch * s->groups * w.channel_blocks, &largest, spread_item);
}

/* -- To the weight: the correlation of x and y, summed over the samples -- */

/* An item is a piece of the batch, a group and a block of its channels in x. Its sum is
 * transposed, (rows,y_channels), so that patches are read row by row. */
static void correlate_item(const void *context, int64_t i, gr_real *scratch) {
    const conv_work *w = context;
    const gr_conv_geometry *s = &w->s;
    int64_t part = i % w->channel_blocks, group = i / w->channel_blocks % s->groups;
    int64_t piece = i / w->channel_blocks / s->groups;
    int64_t from = gr_cut(s->x_channels, w->channel_blocks, part);
    int64_t channels = gr_cut(s->x_channels, w->channel_blocks, part + 1) - from;
    int64_t first = gr_cut(s->batch, w->pieces, piece),
            last = gr_cut(s->batch, w->pieces, piece + 1);
    int64_t row = (piece * s->groups + group) * s->rows + from * s->taps;
    gr_product p = {.m = channels * s->taps,
                    .n = s->y_channels,
                    .a_col = 1,
                    .b_row = 1,
                    .b_col = s->positions,
                    .c = w->partial + row * s->y_channels,
                    .c_row = s->y_channels,
                    .start_row = s->y_channels};
    for (int64_t k = first * w->blocks; k < last * w->blocks; k++) {
        int64_t set = k / w->blocks * s->groups + group, block = k % w->blocks;
        int64_t begin = gr_cut(s->positions, w->blocks, block);
        int64_t end = gr_cut(s->positions, w->blocks, block + 1);
        const gr_real *image = w->d.x + (set * s->x_channels + from) * s->image;
        p.k = end - begin;
        p.a = patches(w, image, channels, begin, end, scratch, &p.a_row);
        p.b = w->d.y + set * s->y_channels * s->positions + begin;
        multiply(w, &p, scratch);
        p.start = p.c;
    }
}

/* The pieces' sums, added in order and transposed; items are rows of the weight. */
static void add_pieces(void *context, int64_t begin, int64_t end) {
    const conv_work *w = context;
    const gr_conv_geometry *s = &w->s;
    int64_t step = s->groups * s->rows * s->y_channels;
    for (int64_t o = begin, last; o < end; o = last) {
        int64_t group = o / s->y_channels;
        last = gr_least(gr_least(o + LINE, end), (group + 1) * s->y_channels);
        const gr_real *from = w->partial + group * s->rows * s->y_channels + o % s->y_channels;
        gr_real *to = w->d.w + o * s->rows;
        for (int64_t r = 0; r < s->rows; r++, from += s->y_channels)
            for (int64_t i = 0; i < last - o; i++) {
                gr_real sum = 0;
                for (int64_t k = 0; k < w->pieces; k++) sum += from[k * step + i];
                to[i * s->rows + r] = sum;
            }
    }
}

void gr_conv_patches_w(const gr_node *n, const gr_conv_geometry *s, const gr_conv_data *d) {
    conv_work w = {.s = *s, .d = *d, .kernels = n->graph->kernels, .pieces = gr_conv_pieces(s)};
    int64_t rows = cut_channels(&w);
    w.blocks = blocks_of(s, rows);
    int64_t columns = gr_pieces_of(s->positions, w.blocks);
    gr_product largest = {.m = rows, .n = s->y_channels, .k = columns};
    w.patches = s->plain ? 0 : rows * columns;
    int64_t outputs = s->groups * s->y_channels;
    size_t bytes = (size_t)(w.pieces * outputs * s->rows) * sizeof(gr_real);
    w.partial = gr_conv_memory(n, bytes);
    if (w.partial == NULL) return;
    run_items(n, &w, w.pieces * s->groups * w.channel_blocks, &largest, correlate_item);
    if (!gr_failed(n->graph))
        gr_for_rows(n->graph, outputs, 1 + GR_SHARE / s->rows, add_pieces, &w);
    gr_conv_release(n, w.partial, bytes);
}
