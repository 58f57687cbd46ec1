#include "examples/common/small_objects.h"

#include <math.h>
#include <string.h>

enum { SIDE = SMALL_OBJECTS_SIDE, PIXELS = SIDE * SIDE, STAMP = 28, STAMP_PIXELS = STAMP * STAMP };
enum { LARGEST_CROP = 160, MOST_TRIES = 100 };
static const double LEAST_SHARE = 0.02, LARGEST_SHARE = 0.10, TURN = 0.785, NOISE = 0.03;
static const double LEAST_CONTRAST = 0.15, LARGEST_CONTRAST = 0.4, TEXTURE = 0.3;

/* -- Photographs -- */

bool photographs_read(gr_graph *g, const char *directory, const char *const *names, int n,
                      gr_tensor **photographs) {
    for (int i = 0; i < n; i++) {
        char path[4096];
        snprintf(path, sizeof path, "%s/%s.jpg", directory, names[i]);
        gr_tensor *p = photographs[i] = gr_image_read(g, path, .channels = 1);
        if (p == NULL) return false;
        if (p->shape.dim[1] < SIDE || p->shape.dim[2] < SIDE)
            return gr_fail(g, "%s: expected a picture of at least %d x %d", path, SIDE, SIDE);
    }
    return true;
}

/* -- Random choices -- */

static double between(gr_graph *g, double low, double high) {
    return low + (high - low) * gr_random_uniform(g);
}

static bool coin(gr_graph *g) { return gr_random_below(g, 2) == 1; }

/* -- The background -- */

/* A grey picture, by rows. */
typedef struct grey {
    const gr_real *value;
    int height, width;
} grey;

static int limit(int i, int n) { return i < 0 ? 0 : i >= n ? n - 1 : i; }

/* Between the four nearest pixels; pixel i has its centre at i + 1/2. */
static double sample(grey p, double y, double x) {
    int i = (int)floor(y - 0.5), j = (int)floor(x - 0.5);
    double v = y - 0.5 - i, u = x - 0.5 - j;
    const gr_real *upper = p.value + (size_t)limit(i, p.height) * (size_t)p.width;
    const gr_real *lower = p.value + (size_t)limit(i + 1, p.height) * (size_t)p.width;
    int left = limit(j, p.width), right = limit(j + 1, p.width);
    return (1 - v) * ((1 - u) * upper[left] + u * upper[right]) +
           v * ((1 - u) * lower[left] + u * lower[right]);
}

/* A square of a photograph, `least` to `largest` pixels wide, as `side` x `side` pixels. Each is
 * the mean of four samples, enough for what shrinks to 2/5. */
static void draw_crop(gr_graph *g, const small_objects_args *a, double least, double largest,
                      int side, gr_real *to) {
    const gr_tensor *photograph = a->photographs[gr_random_below(g, (uint32_t)a->n_photographs)];
    grey from = {photograph->data, photograph->shape.dim[1], photograph->shape.dim[2]};
    double crop = between(g, least, fmin(largest, fmin(from.height, from.width)));
    double top = between(g, 0, from.height - crop), left = between(g, 0, from.width - crop);
    bool mirrored = coin(g), lying = coin(g);
    for (int i = 0; i < side; i++)
        for (int j = 0; j < side; j++) {
            double sum = 0;
            for (int k = 0; k < 4; k++) {
                double y = (i + 0.25 + k / 2 * 0.5) / side, x = (j + 0.25 + k % 2 * 0.5) / side;
                if (mirrored) x = 1 - x;
                sum += sample(from, top + (lying ? x : y) * crop, left + (lying ? y : x) * crop);
            }
            to[i * side + j] = (gr_real)(sum / 4);
        }
}

/* -- What is pasted -- */

typedef struct stamp {
    gr_real shape[STAMP_PIXELS]; /* 1 on the thing, 0 beside it */
    gr_real texture[STAMP_PIXELS];
} stamp;

/* Whether ground reaches pixel i from a neighbour or the edge. */
static bool is_reached(const gr_real *shape, int i) {
    int y = i / STAMP, x = i % STAMP;
    return y == 0 || x == 0 || y == STAMP - 1 || x == STAMP - 1 || shape[i - 1] == 0 ||
           shape[i + 1] == 0 || shape[i - STAMP] == 0 || shape[i + STAMP] == 0;
}

/* All but what can be reached from the edge over black pixels. */
static void fill_outline(stamp *s) {
    for (int i = 0; i < STAMP_PIXELS; i++) s->shape[i] = 1;
    for (bool changed = true; changed;) {
        changed = false;
        for (int i = 0; i < STAMP_PIXELS; i++) {
            if (s->shape[i] == 0 || s->texture[i] > 0.04 || !is_reached(s->shape, i)) continue;
            s->shape[i] = 0;
            changed = true;
        }
    }
}

static void draw_garment(gr_graph *g, const small_objects_args *a, stamp *s) {
    size_t row = (size_t)a->begin + gr_random_below(g, (uint32_t)(a->end - a->begin));
    memcpy(s->texture, a->garments->data + row * STAMP_PIXELS, sizeof s->texture);
    fill_outline(s);
}

/* An ellipse or a rectangle, up to three times as long as wide. */
static void draw_distractor(gr_graph *g, const small_objects_args *a, stamp *s) {
    double height = STAMP / 2.0, width = height * between(g, 1.0 / 3, 1);
    bool ellipse = coin(g);
    for (int i = 0; i < STAMP_PIXELS; i++) {
        double y = (i / STAMP + 0.5 - STAMP / 2.0) / height;
        double x = (i % STAMP + 0.5 - STAMP / 2.0) / width;
        s->shape[i] = ellipse ? y * y + x * x <= 1 : fabs(x) <= 1;
    }
    draw_crop(g, a, STAMP, 2 * STAMP, STAMP, s->texture);
}

/* -- Pasting -- */

/* A stamp as it lies in the scene: how much of each pixel it covers, and its texture there. */
typedef struct print {
    double cover[PIXELS], texture[PIXELS];
} print;

static double area(const stamp *s) {
    double sum = 0;
    for (int i = 0; i < STAMP_PIXELS; i++) sum += s->shape[i];
    return sum;
}

/* Adds what the stamp has at (y,x), in its own pixels from its middle. */
static void add_sample(const stamp *s, double y, double x, double *cover, double *texture) {
    y += STAMP / 2.0;
    x += STAMP / 2.0;
    if (y < 0 || x < 0 || y >= STAMP || x >= STAMP) return;
    double shape = sample((grey){s->shape, STAMP, STAMP}, y, x);
    *cover += shape;
    *texture += shape * sample((grey){s->texture, STAMP, STAMP}, y, x);
}

static void place(gr_graph *g, const stamp *s, print *p) {
    double share = between(g, LEAST_SHARE, LARGEST_SHARE);
    double scale = sqrt(share * PIXELS / area(s)), turn = between(g, -TURN, TURN);
    double along = cos(turn) / scale, across = sin(turn) / scale, mirror = coin(g) ? -1 : 1;
    double middle_y = between(g, SIDE / 8.0, SIDE * 7 / 8.0);
    double middle_x = between(g, SIDE / 8.0, SIDE * 7 / 8.0);
    for (int i = 0; i < PIXELS; i++) {
        p->cover[i] = p->texture[i] = 0;
        for (int k = 0; k < 4; k++) {
            double y = i / SIDE + 0.25 + k / 2 * 0.5 - middle_y;
            double x = i % SIDE + 0.25 + k % 2 * 0.5 - middle_x;
            add_sample(s, along * y - across * x, mirror * (across * y + along * x), &p->cover[i],
                       &p->texture[i]);
        }
        if (p->cover[i] > 0) p->texture[i] /= p->cover[i];
        p->cover[i] /= 4;
    }
}

static double covered_share(const print *p) {
    int n = 0;
    for (int i = 0; i < PIXELS; i++) n += p->cover[i] >= 0.5;
    return (double)n / PIXELS;
}

/* The mean of values where the print covers. */
static double mean_under(const print *p, const double *texture, const gr_real *scene) {
    double sum = 0, weight = 1e-9;
    for (int i = 0; i < PIXELS; i++) {
        sum += p->cover[i] * (texture != NULL ? texture[i] : (double)scene[i]);
        weight += p->cover[i];
    }
    return sum / weight;
}

static void paste(gr_graph *g, const print *p, gr_real *scene) {
    double ground = mean_under(p, NULL, scene), mean = mean_under(p, p->texture, NULL);
    double contrast = between(g, LEAST_CONTRAST, LARGEST_CONTRAST);
    for (int i = 0; i < PIXELS; i++) {
        double value = ground + contrast + TEXTURE * (p->texture[i] - mean);
        scene[i] = (gr_real)((1 - p->cover[i]) * scene[i] + p->cover[i] * value);
    }
}

/* Draws garments until one has the size that is wanted: an outline that the scene's edge cuts may
 * be too small. */
static bool place_garment(gr_graph *g, const small_objects_args *a, print *p) {
    for (int i = 0; i < MOST_TRIES; i++) {
        stamp s;
        draw_garment(g, a, &s);
        if (area(&s) == 0) continue;
        place(g, &s, p);
        double share = covered_share(p);
        if (share >= LEAST_SHARE && share <= LARGEST_SHARE) return true;
    }
    return gr_fail(g, "small_objects_compose: garments %d to %d are empty", a->begin, a->end - 1);
}

static bool compose(gr_graph *g, const small_objects_args *a, gr_real *scene, int32_t *mask) {
    print p;
    draw_crop(g, a, SIDE, LARGEST_CROP, SIDE, scene);
    if (coin(g)) {
        stamp s;
        draw_distractor(g, a, &s);
        place(g, &s, &p);
        paste(g, &p, scene);
    }
    if (!place_garment(g, a, &p)) return false;
    paste(g, &p, scene);
    gr_real noise[PIXELS];
    gr_fill_normal(g, noise, PIXELS, 0, NOISE);
    for (int i = 0; i < PIXELS; i++) {
        scene[i] = (gr_real)fmin(fmax(scene[i] + noise[i], 0), 1);
        mask[i] = p.cover[i] >= 0.5;
    }
    return true;
}

static bool is_valid(gr_graph *g, const small_objects_args *a) {
    if (gr_failed(g)) return false;
    const gr_tensor *x = a->garments;
    if (x->shape.ndim != 4 || x->shape.dim[2] != STAMP || x->shape.dim[3] != STAMP)
        return gr_fail(g, "small_objects_compose: garments %s, expected (N,1,%d,%d)",
                       gr_shape_text(x->shape).text, STAMP, STAMP);
    if (a->n_photographs < 1 || a->begin < 0 || a->begin >= a->end || a->end > x->shape.dim[0])
        return gr_fail(g,
                       "small_objects_compose: %d photographs and garments %d to %d of %d, "
                       "expected at least one of each",
                       a->n_photographs, a->begin, a->end - 1, x->shape.dim[0]);
    return true;
}

small_objects small_objects_compose_(small_objects_args a) {
    gr_graph *g = a.graph;
    if (!is_valid(g, &a)) return (small_objects){0};
    gr_tensor *x = gr_keep(gr_zeros(g, GR_SHAPE(a.count, 1, SIDE, SIDE)));
    int32_t *masks = gr_alloc_lasting(g, (size_t)a.count * PIXELS * sizeof *masks);
    for (size_t i = 0; x != NULL && masks != NULL && i < (size_t)a.count; i++)
        if (!compose(g, &a, x->data + i * PIXELS, masks + i * PIXELS)) break;
    gr_tensor *y =
        gr_failed(g) ? NULL : gr_keep(gr_from_index(g, GR_SHAPE(a.count, SIDE, SIDE), masks));
    gr_graph_reset(g);
    return y == NULL ? (small_objects){0} : (small_objects){x, y};
}
