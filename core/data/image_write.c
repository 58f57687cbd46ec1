#include "core/data/image.h"
#include "core/data/picture_internal.h"
#include "core/data/replace_internal.h"
#include "core/graph/graph_internal.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <string.h>
#include <strings.h>

/* What both functions write: n pictures in a grid, which is one without padding for one picture. */
typedef struct job {
    gr_graph *g;
    const gr_tensor *t;
    const char *who;
    gr_image_grid_options o;
    gr_picture_format format;
    int n, channels, height, width; /* of the pictures */
} job;

/* -- Checks -- */

static bool has_ending(const char *path, const char *ending) {
    size_t length = strlen(path), n = strlen(ending);
    return length > n && strcasecmp(path + length - n, ending) == 0;
}

static bool find_format(job *j) {
    static const struct {
        const char *ending;
        gr_picture_format format;
    } endings[] = {{".png", GR_PNG}, {".jpg", GR_JPEG}, {".jpeg", GR_JPEG}, {".bmp", GR_BMP}};
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        if (!has_ending(j->o.path, endings[i].ending)) continue;
        j->format = endings[i].format;
        return true;
    }
    gr_fail(j->g, "%s: %s: expected a name that ends in .png, .jpg, .jpeg or .bmp", j->who,
            j->o.path);
    return false;
}

static bool takes_channels(const job *j) {
    bool taken = j->format == GR_JPEG  ? j->channels == 1 || j->channels == 3
                 : j->format == GR_BMP ? j->channels != 2
                                       : true;
    if (taken) return true;
    gr_fail(j->g, "%s: %s: %d channels, expected %s", j->who, j->o.path, j->channels,
            j->format == GR_JPEG ? "1 or 3 in a JPEG" : "1, 3 or 4 in a BMP");
    return false;
}

static bool check_options(const job *j) {
    const gr_image_grid_options *o = &j->o;
    if (!isfinite(o->low) || !isfinite(o->high) || o->low == o->high)
        return gr_fail(j->g, "%s: low %g and high %g, expected two different numbers", j->who,
                       o->low, o->high);
    if (o->quality < 1 || o->quality > 100)
        return gr_fail(j->g, "%s: quality is %d, expected 1 to 100", j->who, o->quality);
    if (o->columns < 0 || o->padding < 0)
        return gr_fail(j->g, "%s: columns %d and padding %d, expected 0 or more", j->who,
                       o->columns, o->padding);
    if (!(o->background >= 0 && o->background <= 1))
        return gr_fail(j->g, "%s: background is %g, expected 0 to 1", j->who, o->background);
    return true;
}

/* Reads the shape, whose last `3 + with_n` or, without channels, `2 + with_n` dimensions those are.
 */
static bool find_shape(job *j, int with_n) {
    const gr_shape *s = &j->t->shape;
    bool has_channels = s->ndim == 3 + with_n;
    if (has_channels || s->ndim == 2 + with_n) {
        j->n = with_n ? s->dim[0] : 1;
        j->channels = has_channels ? s->dim[with_n] : 1;
        j->height = s->dim[s->ndim - 2];
        j->width = s->dim[s->ndim - 1];
        if (j->t->size > 0 && j->channels <= 4) return true;
    }
    gr_fail(j->g, "%s: %s, expected %s with 1 to 4 channels and no dimension 0", j->who,
            gr_describe(j->t, "t").text, with_n ? "(N,H,W) or (N,C,H,W)" : "(H,W) or (C,H,W)");
    return false;
}

static bool has_no_nan(const job *j) {
    for (int64_t i = 0; i < j->t->size; i++) {
        if (!isnan(gr_at(j->t, i))) continue;
        gr_fail(j->g, "%s: %s: element %s is NaN", j->who, gr_describe(j->t, "t").text,
                gr_place_text(j->t->shape, i).text);
        return false;
    }
    return true;
}

/* -- Pixels -- */

/* The grid's size and memory; false after an error. */
static bool make_pixels(const job *j, int columns, gr_pixels *p) {
    int64_t rows = (j->n + (int64_t)columns - 1) / columns, padding = j->o.padding;
    int64_t height = rows * (j->height + padding) + padding;
    int64_t width = columns * (j->width + padding) + padding;
    if (height > GR_LARGEST_SIDE || width > GR_LARGEST_SIDE || 4 * height * width > INT_MAX / 2)
        return gr_fail(j->g, "%s: %s: a picture of %lld x %lld pixels is too large", j->who,
                       j->o.path, (long long)height, (long long)width);
    *p = (gr_pixels){
        .height = (int)height, .width = (int)width, .channels = j->channels, .maximum = UINT8_MAX};
    return gr_pixels_alloc(&j->g->budget, p) ||
           gr_fail(j->g, "%s: no memory for a picture of %lld x %lld pixels", j->who,
                   (long long)height, (long long)width);
}

static uint8_t byte_of(double brightness) {
    return (uint8_t)floor(255 * fmin(fmax(brightness, 0), 1) + 0.5);
}

static void fill_background(const job *j, gr_pixels *p) {
    size_t n = (size_t)p->height * (size_t)p->width, channels = (size_t)p->channels;
    memset(p->narrow, byte_of(j->o.background), n * channels);
    if (channels % 2 != 0) return;
    for (size_t i = 0; i < n; i++) p->narrow[i * channels + channels - 1] = UINT8_MAX;
}

/* Picture k, with its first pixel at row `top` and column `left`. */
static void put_picture(const job *j, int k, gr_pixels *p, int top, int left) {
    int64_t at = (int64_t)k * j->channels * j->height * j->width;
    for (int c = 0; c < j->channels; c++)
        for (int y = 0; y < j->height; y++)
            for (int x = 0; x < j->width; x++, at++) {
                size_t pixel = (size_t)(top + y) * (size_t)p->width + (size_t)(left + x);
                double brightness = (gr_at(j->t, at) - j->o.low) / (j->o.high - j->o.low);
                p->narrow[pixel * (size_t)p->channels + (size_t)c] = byte_of(brightness);
            }
}

/* -- The whole -- */

typedef struct encoding {
    const job *job;
    const gr_pixels *pixels;
} encoding;

static bool encode(FILE *file, void *context) {
    const encoding *e = context;
    const job *j = e->job;
    errno = ENOMEM;
    return gr_stb_write(&j->g->budget, file, j->format, e->pixels, j->o.quality) && !ferror(file);
}

static bool write_job(job *j, int with_n) {
    if (j->o.path == NULL) return gr_fail(j->g, "%s: path is NULL", j->who);
    if (!find_format(j) || !check_options(j) || !find_shape(j, with_n) || !takes_channels(j) ||
        !has_no_nan(j))
        return false;
    int columns = j->o.columns > 0 ? j->o.columns : (int)ceil(sqrt(j->n));
    gr_pixels p;
    if (!make_pixels(j, columns, &p)) return false;
    fill_background(j, &p);
    for (int k = 0; k < j->n; k++)
        put_picture(j, k, &p, j->o.padding + k / columns * (j->height + j->o.padding),
                    j->o.padding + k % columns * (j->width + j->o.padding));
    encoding e = {j, &p};
    bool written = gr_replace_file(j->g, j->who, j->o.path, encode, &e);
    gr_pixels_free(&j->g->budget, &p);
    return written;
}

bool gr_image_write_(const gr_tensor *t, gr_image_write_options options) {
    if (t == NULL) return false;
    job j = {.g = t->graph,
             .t = t,
             .who = "gr_image_write",
             .o = {.path = options.path,
                   .low = options.low,
                   .high = options.high,
                   .quality = options.quality}};
    return write_job(&j, 0);
}

bool gr_image_write_grid_(const gr_tensor *t, gr_image_grid_options options) {
    if (t == NULL) return false;
    job j = {.g = t->graph, .t = t, .who = "gr_image_write_grid", .o = options};
    return write_job(&j, 1);
}
