/* Augmentations that change what a picture looks like: noise, blur, brightness and contrast. */
#include "core/data/augment_internal.h"

#include <math.h>
#include <string.h>

gr_tensor *gr_random_noise(gr_tensor *x, double deviation) {
    if (x == NULL) return NULL;
    if (x->kind != GR_REAL)
        return gr_fail(x->graph, "gr_random_noise: %s holds integers, expected real numbers",
                       gr_describe(x, "x").text);
    if (!(deviation >= 0 && isfinite(deviation)))
        return gr_fail(x->graph, "gr_random_noise: deviation is %g, expected 0 or more", deviation);
    gr_tensor *y = gr_tensor_new(x->graph, "gr_random_noise", GR_REAL, x->shape, false);
    if (y == NULL) return NULL;
    gr_fill_normal(x->graph, y->data, y->size, 0, deviation);
    for (int64_t i = 0; i < y->size; i++) y->data[i] += x->data[i];
    return y;
}

/* -- Blur -- */

typedef struct blur {
    int radius;
    gr_real *weights; /* w[0] ... w[radius] */
    gr_real *row;     /* room for one of the picture with `radius` more on each side */
} blur;

/* The pixel of 0 ... n-1 that is seen at i if the picture is continued by its mirror images. */
static int mirrored(int64_t i, int n) {
    if (i >= 0 && i < n) return (int)i;
    int64_t period = 2 * (int64_t)n, at = i % period;
    if (at < 0) at += period;
    return (int)(at < n ? at : period - 1 - at);
}

/* y += w (a + b), where a + b alone could overflow. */
static void add_pair(int n, gr_real w, const gr_real *a, const gr_real *b, gr_real *y) {
    for (int j = 0; j < n; j++) y[j] += w * a[j] + w * b[j];
}

static void scale(int n, gr_real w, const gr_real *a, gr_real *y) {
    for (int j = 0; j < n; j++) y[j] = w * a[j];
}

static void blur_columns(const blur *b, int height, int width, const gr_real *x, gr_real *y) {
    for (int i = 0; i < height; i++, y += width) {
        scale(width, b->weights[0], x + (int64_t)i * width, y);
        for (int t = 1; t <= b->radius; t++)
            add_pair(width, b->weights[t], x + (int64_t)mirrored(i - t, height) * width,
                     x + (int64_t)mirrored(i + t, height) * width, y);
    }
}

static void blur_row(const blur *b, int width, gr_real *y) {
    int r = b->radius;
    memcpy(b->row + r, y, (size_t)width * sizeof *y);
    for (int t = 1; t <= r; t++) {
        b->row[r - t] = y[mirrored(-t, width)];
        b->row[r + width - 1 + t] = y[mirrored((int64_t)width - 1 + t, width)];
    }
    scale(width, b->weights[0], b->row + r, y);
    for (int t = 1; t <= r; t++) add_pair(width, b->weights[t], b->row + r - t, b->row + r + t, y);
}

static void blur_range(void *context, int64_t begin, int64_t end) {
    const gr_pictures *p = context;
    for (int64_t n = begin; n < end; n++) {
        const blur *b = (const blur *)p->draws + n;
        const gr_real *x = gr_picture_in(p, n);
        gr_real *y = gr_picture_out(p, n);
        if (b->radius == 0) {
            memcpy(y, x, (size_t)gr_picture_size(p) * sizeof *y);
            continue;
        }
        for (int c = 0; c < p->channels; c++, x += (int64_t)p->height * p->width) {
            blur_columns(b, p->height, p->width, x, y);
            for (int i = 0; i < p->height; i++, y += p->width) blur_row(b, p->width, y);
        }
    }
}

static int radius_of(double sigma) { return (int)(4 * sigma + 0.5); }

/* `room` is for a row and weights. */
static blur make_blur(double sigma, gr_real *room) {
    int r = radius_of(sigma);
    blur b = {.radius = r, .weights = room, .row = room + r + 1};
    double sum = 1;
    for (int i = 1; i <= r; i++) sum += 2 * exp(-0.5 * i * i / (sigma * sigma));
    for (int i = 0; r > 0 && i <= r; i++)
        b.weights[i] = (gr_real)(exp(-0.5 * i * i / (sigma * sigma)) / sum);
    return b;
}

/* As much for each picture as the strongest blur needs, so that every step takes the same; NULL
 * after an error. */
static gr_real *room_for_blurs(const gr_pictures *p, double sigma_high, int64_t *each) {
    *each = p->width + 3 * (int64_t)radius_of(sigma_high) + 1;
    size_t bytes = (size_t)(p->n * *each) * sizeof(gr_real);
    gr_real *room = gr_arena_alloc(&p->graph->step, bytes, GR_ALIGN_DATA);
    return room != NULL ? room : gr_fail(p->graph, "%s: no memory for %zu bytes", p->who, bytes);
}

gr_tensor *gr_random_blur_(gr_random_blur_args a) {
    const char *who = "gr_random_blur";
    if (!gr_pictures_check(who, a.x) || !gr_check_probability(a.x->graph, who, a.p)) return NULL;
    if (!(a.sigma_low >= 0 && a.sigma_low <= a.sigma_high && a.sigma_high <= 1000))
        return gr_fail(a.x->graph,
                       "%s: sigma_low is %g and sigma_high %g, expected 0 <= low <= high <= 1000",
                       who, a.sigma_low, a.sigma_high);
    gr_pictures p;
    if (!gr_pictures_begin(&p, who, a.x, a.x->shape.dim[2], a.x->shape.dim[3], sizeof(blur)))
        return NULL;
    int64_t each;
    gr_real *room = room_for_blurs(&p, a.sigma_high, &each);
    if (room == NULL) return NULL;
    blur *blurs = p.draws;
    for (int n = 0; n < p.n; n++) {
        bool blurred = gr_random_uniform(p.graph) < a.p;
        double sigma = gr_random_between(p.graph, a.sigma_low, a.sigma_high);
        blurs[n] = make_blur(blurred ? sigma : 0, room + n * each);
    }
    return gr_pictures_run(&p, blur_range, 16);
}

/* -- Brightness and contrast -- */

typedef struct jitter {
    double brightness, contrast;
} jitter;

static void jitter_range(void *context, int64_t begin, int64_t end) {
    const gr_pictures *p = context;
    int64_t size = gr_picture_size(p);
    for (int64_t n = begin; n < end; n++) {
        jitter f = ((const jitter *)p->draws)[n];
        const gr_real *x = gr_picture_in(p, n);
        gr_real *y = gr_picture_out(p, n);
        double mean = 0;
        for (int64_t i = 0; i < size; i++) mean += x[i] / (double)size;
        double shift = f.contrast == 1 ? 0 : (1 - f.contrast) * mean; /* not 0 times infinity */
        for (int64_t i = 0; i < size; i++)
            y[i] = (gr_real)(f.brightness * (f.contrast * x[i] + shift));
    }
}

static bool check_strength(gr_graph *g, const char *option, double strength) {
    return (strength >= 0 && strength <= 1) ||
           gr_fail(g, "gr_random_jitter: %s is %g, expected 0 to 1", option, strength);
}

gr_tensor *gr_random_jitter_(gr_random_jitter_args a) {
    const char *who = "gr_random_jitter";
    gr_pictures p;
    if (!gr_pictures_check(who, a.x) || !gr_check_probability(a.x->graph, who, a.p) ||
        !check_strength(a.x->graph, "brightness", a.brightness) ||
        !check_strength(a.x->graph, "contrast", a.contrast) ||
        !gr_pictures_begin(&p, who, a.x, a.x->shape.dim[2], a.x->shape.dim[3], sizeof(jitter)))
        return NULL;
    jitter *factors = p.draws;
    for (int n = 0; n < p.n; n++) {
        bool changed = gr_random_uniform(p.graph) < a.p;
        double b = gr_random_between(p.graph, 1 - a.brightness, 1 + a.brightness);
        double c = gr_random_between(p.graph, 1 - a.contrast, 1 + a.contrast);
        factors[n] = changed ? (jitter){b, c} : (jitter){1, 1};
    }
    return gr_pictures_run(&p, jitter_range, 2);
}
