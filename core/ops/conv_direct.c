/* Convolutions with steps of 1 without a matrix of patches.
 *
 * In an image that is framed by zeros, what a tap sees at all positions is the image itself,
 * shifted (core/kernels/direct.c): the rows of the matrix of patches are at offsets in the frame.
 * The convolution is a product with that matrix; the gradient to x is one, too, of y's frame and
 * the weight with its taps turned round; the gradient to the weight correlates the frames of both.
 *
 * Work is done in bands of an image's rows that fit the second cache.
 */
#include <string.h>

#include "core/ops/conv_internal.h"

/* Numbers in the frames of a band, if it has at least LEAST_ROWS; positions that are correlated at
 * once, whose frames of CHANNELS of y stay in the first cache. */
enum { BAND = 1 << 16, LEAST_ROWS = 4, POSITIONS = 1 << 10 };
/* Channels of y that are framed at once, and in one item of a correlation. */
enum { CHANNELS = 8, ITEM_CHANNELS = 64 };
/* Positions below which an image is too small for vectors along it; how often a row may be framed,
 * since bands that are neighbours see the same rows. */
enum { LEAST_POSITIONS = 32, MOST_FRAMED = 16 };

/* How images are framed so that taps shifted by lowest ... lowest + span see zeros outside. */
typedef struct layout {
    gr_frame frame;
    int64_t channels, out_height, out_width; /* of the image; of the positions */
    int64_t lowest[2], span[2];
    int64_t unit;             /* rows of positions that stay together */
    int64_t bands, band_rows; /* of positions; the most in a band */
    int64_t *offset;          /* of each channel's taps, in the frame */
} layout;

static layout lay_out(int64_t channels, int64_t height, int64_t width, int64_t out_height,
                      int64_t out_width, const int64_t lowest[2], const int64_t span[2]) {
    layout l = {.frame = {.height = height, .width = width},
                .channels = channels,
                .out_height = out_height,
                .out_width = out_width,
                .unit = 1};
    memcpy(l.lowest, lowest, sizeof l.lowest);
    memcpy(l.span, span, sizeof l.span);
    /* The zeros that end a row begin the next one as well. */
    int64_t beside = out_width + lowest[1] + span[1];
    l.frame.left = -lowest[1];
    l.frame.pitch = l.frame.left + width > beside ? l.frame.left + width : beside;
    return l;
}

/* Of y's positions in x, and of x's elements in y, which see it with the opposite shifts. */
static layout layout_of_x(const gr_conv_geometry *s) {
    const gr_patches *p = &s->patches;
    int64_t lowest[2], span[2];
    for (int i = 0; i < 2; i++) {
        span[i] = (int64_t)p->dilation[i] * (p->kernel[i] - 1);
        lowest[i] = -p->padding[i];
    }
    return lay_out(s->x_channels, p->height, p->width, s->out_height, p->out_width, lowest, span);
}
static layout layout_of_y(const gr_conv_geometry *s) {
    const gr_patches *p = &s->patches;
    int64_t lowest[2], span[2];
    for (int i = 0; i < 2; i++) {
        span[i] = (int64_t)p->dilation[i] * (p->kernel[i] - 1);
        lowest[i] = p->padding[i] - span[i];
    }
    return lay_out(s->y_channels, s->out_height, p->out_width, p->height, p->width, lowest, span);
}

/* Rows of positions are cut into bands of at most so many numbers in the frames. */
static void cut_bands(layout *l, int64_t channels, int64_t numbers) {
    int64_t rows = numbers / (channels * l->frame.pitch) - l->span[0];
    l->bands = gr_pieces_of(l->out_height, rows < LEAST_ROWS ? LEAST_ROWS : rows);
    l->band_rows = l->unit * gr_pieces_of(l->out_height / l->unit, l->bands);
    /* A vector may begin at the last position. */
    int64_t rows_seen = l->band_rows + l->span[0];
    l->frame.plane = gr_aligned(rows_seen * l->frame.pitch + l->frame.left + GR_DIRECT_LANES - 1);
}

/* sign: 1 if the taps move as in the convolution, -1 if they are turned round. */
static void set_offsets(layout *l, const gr_patches *p, int sign) {
    int64_t *offset = l->offset;
    for (int64_t c = 0; c < l->channels; c++)
        for (int i = 0; i < p->kernel[0]; i++)
            for (int j = 0; j < p->kernel[1]; j++) {
                int64_t row = (int64_t)i * p->dilation[0], column = (int64_t)j * p->dilation[1];
                if (sign < 0) row = l->span[0] - row, column = l->span[1] - column;
                *offset++ = c * l->frame.plane + row * l->frame.pitch + column;
            }
}

/* The rows of positions [*begin, *end) of a band; their number with the gaps between rows. */
static int64_t band_positions(const layout *l, int64_t band, int64_t *begin, int64_t *end) {
    *begin = l->unit * gr_cut(l->out_height / l->unit, l->bands, band);
    *end = l->unit * gr_cut(l->out_height / l->unit, l->bands, band + 1);
    return (*end - *begin - 1) * l->frame.pitch + l->out_width;
}

/* The frames of images, `channel` of all the tensor's counted. With places, x is what pooling left
 * of them. */
static void frame_images(const gr_kernels *k, const gr_frame *f, int64_t channels, const gr_real *x,
                         const int32_t *place, int64_t channel, int64_t first, int64_t rows,
                         gr_real *planes) {
    int64_t image = f->height * f->width, windows = f->height / 2 * (f->width / 2);
    if (place == NULL)
        k->direct->frame(f, channels, x + channel * image, first, rows, planes);
    else
        k->pool->frame_put(f, channels, x + channel * windows, place + channel * windows, first,
                           rows, planes);
}

/* What rows begin ... end-1 of positions see in the set of channels. */
static void frame_seen(const gr_kernels *k, const layout *l, const gr_real *x, const int32_t *place,
                       int64_t set, int64_t begin, int64_t end, gr_real *planes) {
    frame_images(k, &l->frame, l->channels, x, place, set * l->channels, begin + l->lowest[0],
                 end - begin + l->span[0], planes);
}

/* Whether bands are high enough for what they see: a far dilated kernel sees many rows more. */
static bool high_bands(layout l, int64_t channels, int64_t numbers) {
    cut_bands(&l, channels, numbers);
    return l.bands * l.span[0] <= MOST_FRAMED * (l.out_height + l.span[0]);
}

bool gr_conv_direct(const gr_conv_geometry *s) {
    const gr_patches *p = &s->patches;
    if (s->plain || s->rows == 0 || s->y_channels == 0) return false;
    for (int i = 0; i < 2; i++) {
        int64_t span = (int64_t)p->dilation[i] * (p->kernel[i] - 1);
        if (p->stride[i] != 1 || p->padding[i] > span) return false;
    }
    layout x = layout_of_x(s), y = layout_of_y(s);
    int64_t channels = s->x_channels + s->y_channels;
    return gr_least(s->image, s->positions) >= LEAST_POSITIONS &&
           x.frame.pitch <= 2 * x.out_width && y.frame.pitch <= 2 * y.out_width &&
           high_bands(x, channels, BAND) && high_bands(y, channels, BAND) &&
           high_bands(x, 1, POSITIONS);
}

bool gr_conv_direct_pool(const gr_kernels *k, const gr_conv_geometry *s) {
    return k->pool->finish != NULL && s->out_height % 2 == 0 && s->patches.out_width % 2 == 0 &&
           s->patches.out_width >= 4 && gr_conv_direct(s);
}

/* -- To y and to x: products -- */

typedef struct product_work {
    const gr_kernels *kernels;
    layout l;
    int64_t groups, terms;             /* of a position: channels and taps */
    int64_t out_channels;              /* in a group */
    const gr_real *in, *weight, *bias; /* weight (groups,out_channels,terms) */
    const int32_t *in_place;           /* NULL, as out_place, if there are none */
    gr_real *out;
    int32_t *out_place;
} product_work;

/* Hands over rows begin ... end-1 of the result. */
static void finish(const product_work *w, const gr_frame *f, int64_t set, int64_t begin,
                   int64_t end, const gr_real *planes) {
    int64_t channels = w->out_channels, channel = set * channels;
    const gr_real *bias = w->bias != NULL ? w->bias + set % w->groups * channels : NULL;
    if (w->out_place == NULL) {
        gr_real *to = w->out + channel * f->height * f->width + begin * f->width;
        w->kernels->direct->unframe(f, channels, planes, end - begin, bias, to);
    } else {
        int64_t to = channel * (f->height / 2) * (f->width / 2);
        w->kernels->pool->finish(f, channels, planes, begin, end - begin, bias, w->out + to,
                                 w->out_place + to);
    }
}

/* An item is a sample, a group and a band of rows. */
static void product_item(const void *context, int64_t i, gr_real *scratch) {
    const product_work *w = context;
    const layout *l = &w->l;
    int64_t band = i % l->bands, set = i / l->bands, group = set % w->groups, begin, end;
    int64_t positions = band_positions(l, band, &begin, &end);
    gr_frame out = {.height = l->out_height, .width = l->out_width, .pitch = l->frame.pitch};
    out.plane = gr_aligned(l->band_rows * out.pitch);
    gr_real *planes = scratch, *result = scratch + l->channels * l->frame.plane;
    frame_seen(w->kernels, l, w->in, w->in_place, set, begin, end, planes);
    gr_product p = {.m = w->out_channels,
                    .n = positions,
                    .k = w->terms,
                    .a = w->weight + group * w->out_channels * w->terms,
                    .a_row = w->terms,
                    .a_col = 1,
                    .b = planes,
                    .b_col = 1,
                    .b_offset = l->offset,
                    .c = result,
                    .c_row = out.plane};
    w->kernels->gemm->multiply(&p);
    finish(w, &out, set, begin, end, result);
}

static void run_products(const gr_node *n, const gr_conv_geometry *s, product_work *w, int sign) {
    layout *l = &w->l;
    w->kernels = n->graph->kernels;
    w->groups = s->groups;
    w->terms = l->channels * s->taps;
    cut_bands(l, l->channels + w->out_channels, BAND);
    size_t bytes = (size_t)w->terms * sizeof *l->offset;
    l->offset = gr_conv_memory(n, bytes);
    if (l->offset == NULL) return;
    set_offsets(l, &s->patches, sign);
    int64_t scratch =
        l->channels * l->frame.plane + w->out_channels * gr_aligned(l->band_rows * l->frame.pitch);
    gr_conv_run(n, s, s->batch * s->groups * l->bands, scratch, product_item, w);
    gr_conv_release(n, l->offset, bytes);
}

void gr_conv_direct_y(const gr_node *n, const gr_conv_geometry *s, const gr_conv_data *d) {
    product_work w = {.l = layout_of_x(s),
                      .out_channels = s->y_channels,
                      .in = d->x,
                      .weight = d->w,
                      .bias = d->bias,
                      .out = d->y,
                      .out_place = d->place};
    if (d->place != NULL) w.l.unit = 2;
    run_products(n, s, &w, 1);
}

/* (groups,y_channels,x_channels,taps) to (groups,x_channels,y_channels,taps) */
static void exchange_channels(const gr_conv_geometry *s, const gr_real *from, gr_real *to) {
    size_t bytes = (size_t)s->taps * sizeof *to;
    for (int64_t group = 0; group < s->groups; group++)
        for (int64_t c = 0; c < s->x_channels; c++)
            for (int64_t o = 0; o < s->y_channels; o++, to += s->taps)
                memcpy(to, from + ((group * s->y_channels + o) * s->x_channels + c) * s->taps,
                       bytes);
}

void gr_conv_direct_x(const gr_node *n, const gr_conv_geometry *s, const gr_conv_data *d) {
    size_t bytes = (size_t)(s->groups * s->y_channels * s->rows) * sizeof(gr_real);
    gr_real *weight = gr_conv_memory(n, bytes);
    if (weight == NULL) return;
    exchange_channels(s, d->w, weight);
    product_work w = {.l = layout_of_y(s),
                      .out_channels = s->x_channels,
                      .in = d->y,
                      .in_place = d->place,
                      .weight = weight,
                      .bias = d->bias,
                      .out = d->x};
    run_products(n, s, &w, -1);
    gr_conv_release(n, weight, bytes);
}

/* -- To the weight: correlations, summed over the samples -- */

typedef struct sum_work {
    const gr_kernels *kernels;
    const gr_conv_geometry *s;
    const gr_conv_data *d;
    layout l;
    int64_t images;         /* correlated at once */
    int64_t channel_blocks; /* of y */
    int64_t pieces;         /* of the batch */
    gr_real *partial;       /* their sums, (pieces,groups,y_channels,rows) */
} sum_work;

static gr_frame frame_of_y(const sum_work *w) {
    const layout *l = &w->l;
    return (gr_frame){.height = l->out_height,
                      .width = l->out_width,
                      .pitch = l->frame.pitch,
                      .plane = gr_aligned(l->band_rows * l->frame.pitch)};
}

/* Frames of a band of some images, all their channels in x and channels of y from `from` on. */
static void frame_x(const sum_work *w, int64_t group, int64_t image, int64_t images, int64_t begin,
                    int64_t end, gr_real *to) {
    const gr_conv_geometry *s = w->s;
    for (int64_t k = image; k < image + images; k++, to += s->x_channels * w->l.frame.plane)
        frame_seen(w->kernels, &w->l, w->d->x, NULL, k * s->groups + group, begin, end, to);
}
static void frame_y(const sum_work *w, const gr_frame *f, int64_t group, int64_t image,
                    int64_t images, int64_t begin, int64_t end, int64_t from, int64_t channels,
                    gr_real *to) {
    const gr_conv_geometry *s = w->s;
    for (int64_t k = image; k < image + images; k++, to += channels * f->plane) {
        int64_t channel = (k * s->groups + group) * s->y_channels + from;
        frame_images(w->kernels, f, channels, w->d->y, w->d->place, channel, begin, end - begin,
                     to);
    }
}

/* A band of some images, and the channels of y from `from` to `to`, a few at a time, so that their
 * frames are correlated while they are in the first cache. */
static void correlate_band(const sum_work *w, int64_t group, int64_t image, int64_t images,
                           int64_t band, int64_t from, int64_t to, gr_real *scratch, gr_real *sum) {
    const gr_conv_geometry *s = w->s;
    gr_frame of_y = frame_of_y(w);
    int64_t begin, end, positions = band_positions(&w->l, band, &begin, &end);
    int64_t x_image = s->x_channels * w->l.frame.plane;
    gr_real *x = scratch, *y = scratch + w->images * x_image;
    frame_x(w, group, image, images, begin, end, x);
    for (; from < to; from += CHANNELS, sum += CHANNELS * s->rows) {
        int64_t channels = gr_least(CHANNELS, to - from);
        frame_y(w, &of_y, group, image, images, begin, end, from, channels, y);
        w->kernels->direct->correlate(channels, s->rows, images, gr_aligned(positions), y,
                                      of_y.plane, channels * of_y.plane, x, w->l.offset, x_image,
                                      sum);
    }
}

/* An item is a piece of the batch, a group and a block of y's channels. */
static void sum_item(const void *context, int64_t i, gr_real *scratch) {
    const sum_work *w = context;
    const gr_conv_geometry *s = w->s;
    int64_t block = i % w->channel_blocks, group = i / w->channel_blocks % s->groups;
    int64_t piece = i / w->channel_blocks / s->groups;
    int64_t from = gr_cut(s->y_channels, w->channel_blocks, block);
    int64_t to = gr_cut(s->y_channels, w->channel_blocks, block + 1);
    int64_t end = gr_cut(s->batch, w->pieces, piece + 1);
    gr_real *sum = w->partial + ((piece * s->groups + group) * s->y_channels + from) * s->rows;
    memset(sum, 0, (size_t)((to - from) * s->rows) * sizeof *sum);
    for (int64_t k = gr_cut(s->batch, w->pieces, piece); k < end; k += w->images)
        for (int64_t band = 0; band < w->l.bands; band++)
            correlate_band(w, group, k, gr_least(w->images, end - k), band, from, to, scratch, sum);
}

/* The pieces' sums, added in order. */
static void add_pieces(void *context, int64_t begin, int64_t end) {
    const sum_work *w = context;
    int64_t numbers = w->s->groups * w->s->y_channels * w->s->rows;
    const gr_elementwise_kernels *k = w->kernels->elementwise;
    gr_real *sum = w->d->w + begin;
    memcpy(sum, w->partial + begin, (size_t)(end - begin) * sizeof *sum);
    for (int64_t piece = 1; piece < w->pieces; piece++)
        k->add(end - begin, sum, 1, w->partial + piece * numbers + begin, 1, sum);
}

void gr_conv_direct_w(const gr_node *n, const gr_conv_geometry *s, const gr_conv_data *d) {
    sum_work w = {.kernels = n->graph->kernels,
                  .s = s,
                  .d = d,
                  .l = layout_of_x(s),
                  .pieces = gr_conv_pieces(s),
                  .channel_blocks = gr_pieces_of(s->y_channels, ITEM_CHANNELS)};
    if (d->place != NULL) w.l.unit = 2;
    cut_bands(&w.l, 1, POSITIONS);
    int64_t positions = w.l.band_rows * w.l.frame.pitch;
    w.images = w.l.bands > 1 || positions > POSITIONS ? 1 : POSITIONS / positions;
    int64_t numbers = s->groups * s->y_channels * s->rows;
    size_t bytes = (size_t)(w.pieces * numbers) * sizeof(gr_real);
    size_t offset_bytes = (size_t)s->rows * sizeof *w.l.offset;
    w.partial = gr_conv_memory(n, bytes);
    w.l.offset = w.partial == NULL ? NULL : gr_conv_memory(n, offset_bytes);
    if (w.l.offset != NULL) {
        set_offsets(&w.l, &s->patches, 1);
        int64_t scratch =
            w.images * (s->x_channels * w.l.frame.plane + CHANNELS * frame_of_y(&w).plane);
        gr_conv_run(n, s, w.pieces * s->groups * w.channel_blocks, scratch, sum_item, &w);
        if (!gr_failed(n->graph)) gr_for_each(n->graph, numbers, GR_SHARE, add_pieces, &w);
        gr_conv_release(n, w.l.offset, offset_bytes);
    }
    gr_conv_release(n, w.partial, bytes);
}
