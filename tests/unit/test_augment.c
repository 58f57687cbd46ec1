/* Augmentations: what was drawn is found again by trying all that is possible; blur and stretching
 * against scipy and PyTorch. */
#include "core/data/augment.h"
#include "core/graph/random.h"
#include "core/ops/elementwise.h"
#include "tests/unit/oracle.h"
#include "tests/unit/suites.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static gr_graph *g;

/* The step's memory is used, so that what nobody writes is not 0. */
static void setup(void) {
    g = gr_graph_new(.seed = 21);
    for (int k = 0; k < 2; k++) { /* the first reset joins what the arena grew by */
        gr_full(g, GR_SHAPE(4000000), 7);
        gr_graph_reset(g);
    }
}
static void teardown(void) { gr_graph_free(g); }

static double at(const gr_tensor *x, int n, int c, int i, int j) {
    const int *dim = x->shape.dim;
    return gr_at(x, (((int64_t)n * dim[1] + c) * dim[2] + i) * dim[3] + j);
}

/* The same, and 0 outside. */
static double at_or_0(const gr_tensor *x, int n, int c, int i, int j) {
    bool within = i >= 0 && i < x->shape.dim[2] && j >= 0 && j < x->shape.dim[3];
    return within ? at(x, n, c, i, j) : 0;
}

/* Pictures of which no two pixels are alike, and none is 0. */
static gr_tensor *pictures(int n, int channels, int height, int width) {
    return gr_uniform(g, GR_SHAPE(n, channels, height, width), 1, 2);
}

/* Whether the counts could come from equally likely cells: chi-square, 0.1% on either side, by
 * Wilson and Hilferty's approximation. */
static bool is_uniform(const int *count, int cells, int total) {
    double expected = (double)total / cells, chi = 0, degrees = cells - 1;
    for (int i = 0; i < cells; i++) chi += pow(count[i] - expected, 2) / expected;
    double spread = 2 / (9 * degrees), z = (cbrt(chi / degrees) - (1 - spread)) / sqrt(spread);
    if (fabs(z) >= 3.1) printf("chi-square %g of %d cells\n", chi, cells);
    return fabs(z) < 3.1;
}

/* -- References of other implementations -- */

static gr_tensor *call_blur(const cJSON *c, gr_tensor **in) {
    double sigma = oracle_param(c, "sigma", NAN);
    return gr_random_blur(in[0], .sigma_low = sigma, .sigma_high = sigma, .p = 1);
}

static gr_tensor *call_stretch(const cJSON *c, gr_tensor **in) {
    double shape = (double)in[0]->shape.dim[3] / in[0]->shape.dim[2];
    return gr_random_resized_crop(in[0], .height = oracle_int(c, "height", 0),
                                  .width = oracle_int(c, "width", 0), .scale_low = 1,
                                  .ratio_low = shape, .ratio_high = shape);
}

START_TEST(oracle_cases_hold) {
    cJSON *file = oracle_read("tests/oracle/augment.json.gz");
    oracle_stats stats = {.tolerance = ORACLE_TOLERANCE};
    const cJSON *c;
    cJSON_ArrayForEach(c, oracle_cases(file)) {
        const char *op = cJSON_GetStringValue(cJSON_GetObjectItem(c, "op"));
        oracle_function *call = strcmp(op, "blur") == 0 ? call_blur : call_stretch;
        oracle_message message;
        ck_assert_msg(oracle_check(g, c, call, &stats, &message), "%s", message.text);
    }
    oracle_report("augment", &stats);
    ck_assert_int_gt(stats.values, 15);
    cJSON_Delete(file);
}
END_TEST

/* -- Crops and shifts -- */

static bool is_piece(const gr_tensor *y, const gr_tensor *x, int n, int top, int left) {
    for (int c = 0; c < y->shape.dim[1]; c++)
        for (int i = 0; i < y->shape.dim[2]; i++)
            for (int j = 0; j < y->shape.dim[3]; j++)
                if (at(y, n, c, i, j) != at_or_0(x, n, c, top + i, left + j)) return false;
    return true;
}

/* Every picture is a piece from one place, and all places are as frequent. */
static void check_pieces(const gr_tensor *y, const gr_tensor *x, int padding, int height,
                         int width) {
    ck_assert_msg(y != NULL, "%s", gr_error(g));
    const int *dim = x->shape.dim;
    ck_assert(gr_shape_equal(y->shape, GR_SHAPE(dim[0], dim[1], height, width)));
    int down = dim[2] + 2 * padding - height + 1, right = dim[3] + 2 * padding - width + 1;
    int *count = calloc((size_t)(down * right), sizeof *count);
    for (int n = 0; n < dim[0]; n++) {
        int found = 0;
        for (int k = 0; k < down * right; k++) {
            if (!is_piece(y, x, n, k / right - padding, k % right - padding)) continue;
            count[k]++;
            found++;
        }
        ck_assert_int_eq(found, 1);
    }
    ck_assert(down * right == 1 || is_uniform(count, down * right, dim[0]));
    free(count);
}

START_TEST(crops_are_pieces) {
    gr_tensor *x = pictures(6000, 2, 5, 6);
    check_pieces(gr_random_crop(x, .padding = 2), x, 2, 5, 6);
    check_pieces(gr_random_crop(x, .padding = 0, .height = 3, .width = 2), x, 0, 3, 2);
    check_pieces(gr_random_crop(x, .padding = 1, .height = 7, .width = 5), x, 1, 7, 5);
    check_pieces(gr_random_crop(x, .padding = 0), x, 0, 5, 6);
    check_pieces(gr_random_shift(x, 2), x, 2, 5, 6);
    check_pieces(gr_random_shift(x, 0), x, 0, 5, 6);
    x = pictures(3000, 1, 7, 7);
    check_pieces(gr_random_crop(x), x, 4, 7, 7); /* the default */
}
END_TEST

/* Further than the picture is large: nothing may be left of it. */
START_TEST(shifts_beyond_the_picture) {
    gr_tensor *x = pictures(500, 1, 2, 3), *y = gr_random_shift(x, 50);
    int blank = 0;
    for (int n = 0; n < 500; n++) {
        double sum = 0;
        for (int k = 0; k < 6; k++) sum += gr_at(y, 6 * n + k);
        blank += sum == 0;
    }
    ck_assert_int_gt(blank, 450);
    ck_assert_int_lt(blank, 500);
}
END_TEST

/* -- Crops that are stretched -- */

typedef struct box {
    double top, left, height, width;
} box;

/* Of pictures whose first channel holds the row of each pixel and whose second the column, the box
 * that picture n of y was stretched from: between pixels away from the edges y climbs evenly. */
static box box_of(const gr_tensor *y, int n) {
    int rows = y->shape.dim[2], columns = y->shape.dim[3];
    int i = rows / 2, j = columns / 2;
    double down = at(y, n, 0, i + 1, j) - at(y, n, 0, i, j);
    double right = at(y, n, 1, i, j + 1) - at(y, n, 1, i, j);
    return (box){at(y, n, 0, i, j) - (i + 0.5) * down + 0.5,
                 at(y, n, 1, i, j) - (j + 0.5) * right + 0.5, down * rows, right * columns};
}

static double blend(double a, double b, double share) { return a + share * (b - a); }

/* Pixel (i,j) of the box of x, stretched to (rows,columns). */
static double stretched(const gr_tensor *x, int n, box b, int rows, int columns, int i, int j) {
    double down = fmin(fmax((i + 0.5) * b.height / rows - 0.5, 0), b.height - 1);
    double right = fmin(fmax((j + 0.5) * b.width / columns - 0.5, 0), b.width - 1);
    int i0 = (int)down, j0 = (int)right, i1 = i0 + (i0 + 1 < b.height),
        j1 = j0 + (j0 + 1 < b.width);
    int top = (int)b.top, left = (int)b.left;
    double upper =
        blend(at(x, n, 0, top + i0, left + j0), at(x, n, 0, top + i0, left + j1), right - j0);
    double lower =
        blend(at(x, n, 0, top + i1, left + j0), at(x, n, 0, top + i1, left + j1), right - j0);
    return blend(upper, lower, down - i0);
}

static gr_tensor *ramps(int n, int height, int width) {
    gr_tensor *x = gr_zeros(g, GR_SHAPE(n, 2, height, width));
    for (int64_t k = 0; k < x->size; k++) {
        int64_t pixel = k % (height * width);
        bool first = k / (height * width) % 2 == 0;
        x->data[k] = (gr_real)(first ? pixel / width : pixel % width);
    }
    return x;
}

static double to_whole(double x) {
    ck_assert_double_eq_tol(x, round(x), 1e-3);
    return round(x);
}

/* The box of each picture, by ramps and from whole numbers, and that another picture with the same
 * draws is stretched from there. */
START_TEST(resized_crops_are_stretched_boxes) {
    enum { N = 3000, H = 24, W = 20, ROWS = 30, COLUMNS = 28 };
    gr_random_state state = gr_random_get(g);
    gr_tensor *y = gr_random_resized_crop(ramps(N, H, W), .height = ROWS, .width = COLUMNS,
                                          .scale_low = 0.2, .scale_high = 0.9);
    ck_assert_msg(y != NULL, "%s", gr_error(g));
    gr_random_state after = gr_random_get(g);
    gr_tensor *x = pictures(N, 1, H, W);
    gr_random_set(g, state);
    gr_tensor *z = gr_random_resized_crop(x, .height = ROWS, .width = COLUMNS, .scale_low = 0.2,
                                          .scale_high = 0.9);
    ck_assert_uint_eq(gr_random_get(g).counter, after.counter);
    double shares = 0, shapes = 0;
    int tall = 0, edges[4] = {0};
    for (int n = 0; n < N; n++) {
        box b = box_of(y, n);
        b = (box){to_whole(b.top), to_whole(b.left), to_whole(b.height), to_whole(b.width)};
        ck_assert(b.top >= 0 && b.left >= 0 && b.top + b.height <= H && b.left + b.width <= W);
        double area = b.height * b.width, round_off = (b.height + b.width) / 2 + 0.25;
        ck_assert(area >= 0.2 * H * W - round_off && area <= 0.9 * H * W + round_off);
        ck_assert_double_ge((b.width + 0.5) / (b.height - 0.5), 3.0 / 4);
        ck_assert_double_le((b.width - 0.5) / (b.height + 0.5), 4.0 / 3);
        for (int k = 0; k < ROWS * COLUMNS; k += 7)
            ck_assert_double_eq_tol(at(z, n, 0, k / COLUMNS, k % COLUMNS),
                                    stretched(x, n, b, ROWS, COLUMNS, k / COLUMNS, k % COLUMNS),
                                    sizeof(gr_real) == 4 ? 1e-6 : 1e-13);
        shares += area / (H * W) / N;
        shapes += log(b.width / b.height) / N;
        tall += b.height > b.width;
        edges[0] += b.top == 0;
        edges[1] += b.left == 0;
        edges[2] += b.top + b.height == H;
        edges[3] += b.left + b.width == W;
    }
    ck_assert_double_gt(shares, 0.45); /* less than 0.55, since wide boxes don't fit */
    ck_assert_double_lt(shares, 0.55);
    ck_assert_double_lt(fabs(shapes), 0.06);
    ck_assert_int_gt(tall, N * 4 / 10);
    for (int k = 0; k < 2; k++) {
        ck_assert_int_gt(edges[k], N / 10);
        ck_assert_int_lt(abs(edges[k] - edges[k + 2]), N / 20);
    }
}
END_TEST

/* Small boxes all fit, so that area and shape are uniform in their ranges, and so is the place. */
START_TEST(resized_crops_are_uniform) {
    enum { N = 2000, SIZE = 200, BINS = 8 };
    int areas[BINS] = {0}, shapes[BINS] = {0}, places[BINS] = {0};
    for (int k = 0; k < N / 20; k++) {
        gr_tensor *y =
            gr_random_resized_crop(ramps(20, SIZE, SIZE), .height = 8, .width = 8, .scale_low = 0.1,
                                   .scale_high = 0.2, .ratio_low = 0.5, .ratio_high = 2);
        for (int n = 0; n < 20; n++) {
            box b = box_of(y, n);
            double share = b.height * b.width / SIZE / SIZE, shape = b.width / b.height;
            areas[(int)fmin(fmax((share - 0.1) / 0.1 * BINS, 0), BINS - 1)]++;
            shapes[(int)fmin(fmax((log2(shape) + 1) / 2 * BINS, 0), BINS - 1)]++;
            places[(int)((b.left + 0.5) / (SIZE - b.width + 1) * BINS)]++;
        }
        gr_graph_reset(g);
    }
    ck_assert(is_uniform(areas, BINS, N));
    ck_assert(is_uniform(shapes, BINS, N));
    ck_assert(is_uniform(places, BINS, N));
}
END_TEST

/* Where no box fits: the largest one in the middle that has a shape of the range. */
START_TEST(resized_crops_that_do_not_fit) {
    const struct {
        int height, width;
        double low, high;
        box expected;
    } cases[] = {{32, 6, 0.75, 4.0 / 3, {12, 0, 8, 6}},
                 {6, 33, 0.75, 4.0 / 3, {0, 12, 6, 8}},
                 {8, 8, 2, 3, {2, 0, 4, 8}},
                 {8, 8, 0.25, 0.5, {0, 2, 8, 4}}};
    for (int k = 0; k < 4; k++) {
        gr_tensor *y = gr_random_resized_crop(
            ramps(3, cases[k].height, cases[k].width), .height = 30, .width = 30, .scale_low = 1,
            .ratio_low = cases[k].low, .ratio_high = cases[k].high);
        for (int n = 0; n < 3; n++) {
            box b = box_of(y, n), expected = cases[k].expected;
            ck_assert_double_eq(to_whole(b.top), expected.top);
            ck_assert_double_eq(to_whole(b.left), expected.left);
            ck_assert_double_eq(to_whole(b.height), expected.height);
            ck_assert_double_eq(to_whole(b.width), expected.width);
        }
    }
}
END_TEST

/* -- Flips -- */

static bool is_flipped(const gr_tensor *y, const gr_tensor *x, int n, bool across, bool down) {
    int height = x->shape.dim[2], width = x->shape.dim[3];
    for (int c = 0; c < x->shape.dim[1]; c++)
        for (int i = 0; i < height; i++)
            for (int j = 0; j < width; j++)
                if (at(y, n, c, i, j) !=
                    at(x, n, c, down ? height - 1 - i : i, across ? width - 1 - j : j))
                    return false;
    return true;
}

START_TEST(flips_exchange_sides) {
    enum { N = 4000 };
    gr_tensor *x = pictures(N, 2, 3, 4);
    for (int vertical = 0; vertical < 2; vertical++)
        for (int k = 0; k <= 4; k++) {
            double p = k / 4.0;
            gr_tensor *y = gr_random_flip(x, p, .vertical = vertical);
            int flipped = 0;
            for (int n = 0; n < N; n++) {
                bool now = is_flipped(y, x, n, !vertical, vertical);
                ck_assert(now != is_flipped(y, x, n, false, false));
                flipped += now;
            }
            ck_assert_double_le(fabs(flipped - N * p), 3.5 * sqrt(N * p * (1 - p)));
        }
    gr_random_state state = gr_random_get(g);
    gr_tensor *y = gr_random_flip(x);
    gr_random_set(g, state);
    ck_assert_mem_eq(y->data, gr_random_flip(x, 0.5, .vertical = false)->data,
                     (size_t)y->size * sizeof(gr_real));
}
END_TEST

/* -- Cut-out -- */

static bool has_hole(const gr_tensor *y, const gr_tensor *x, int n, int size, int row, int column) {
    for (int c = 0; c < x->shape.dim[1]; c++)
        for (int i = 0; i < x->shape.dim[2]; i++)
            for (int j = 0; j < x->shape.dim[3]; j++) {
                int down = i - row + size / 2, right = j - column + size / 2;
                bool within = down >= 0 && down < size && right >= 0 && right < size;
                if (at(y, n, c, i, j) != (within ? 0 : at(x, n, c, i, j))) return false;
            }
    return true;
}

static const int hole_sizes[] = {1, 2, 3, 4};

START_TEST(cutouts_are_holes) {
    enum { N = 6000, H = 6, W = 5 };
    int size = hole_sizes[_i], count[H * W] = {0};
    gr_tensor *x = pictures(N, 2, H, W), *y = gr_random_cutout(x, size);
    for (int n = 0; n < N; n++) {
        int found = 0;
        for (int k = 0; k < H * W; k++) {
            if (!has_hole(y, x, n, size, k / W, k % W)) continue;
            count[k]++;
            found++;
        }
        ck_assert_int_eq(found, 1);
    }
    ck_assert(is_uniform(count, H * W, N));
}
END_TEST

START_TEST(large_cutouts_leave_nothing) {
    const int sizes[] = {100, 2147483647};
    for (int k = 0; k < 2; k++) {
        gr_tensor *y = gr_random_cutout(pictures(4, 1, 6, 5), sizes[k]);
        for (int64_t i = 0; i < y->size; i++) ck_assert_double_eq(gr_at(y, i), 0);
    }
}
END_TEST

/* -- Noise, blur, brightness and contrast -- */

START_TEST(noise_is_normal) {
    gr_tensor *x = gr_uniform(g, GR_SHAPE(200, 1, 20, 20), 0, 1), *y = gr_random_noise(x, 0.25);
    double mean = 0, squares = 0, beyond = 0;
    for (int64_t i = 0; i < x->size; i++) {
        double d = gr_at(y, i) - gr_at(x, i);
        mean += d / (double)x->size;
        squares += d * d / (double)x->size;
        beyond += fabs(d) > 0.5;
    }
    ck_assert_double_lt(fabs(mean), 4 * 0.25 / sqrt((double)x->size));
    ck_assert_double_eq_tol(sqrt(squares), 0.25, 0.003);
    ck_assert_double_eq_tol(beyond / (double)x->size, 0.0455, 0.003);
    y = gr_random_noise(x, 0);
    ck_assert_mem_eq(x->data, y->data, (size_t)x->size * sizeof(gr_real));
    ck_assert_double_ne(gr_item(gr_random_noise(gr_scalar(g, 1), 2)), 1);
}
END_TEST

/* Of a dot in the middle, w[0]^2 and w[0] w[1] stand beside each other: sigma is what the ratio
 * says. */
START_TEST(blurs_are_uniform) {
    enum { N = 4000, SIZE = 17, MIDDLE = SIZE / 2, BINS = 10 };
    gr_tensor *x = gr_zeros(g, GR_SHAPE(N, 1, SIZE, SIZE));
    for (int n = 0; n < N; n++) x->data[(n * SIZE + MIDDLE) * SIZE + MIDDLE] = 1;
    gr_tensor *y = gr_random_blur(x, .sigma_low = 0.3, .sigma_high = 1.5, .p = 0.75);
    int count[BINS] = {0}, blurred = 0;
    for (int n = 0; n < N; n++) {
        if (at(y, n, 0, MIDDLE, MIDDLE) == 1) continue;
        double ratio = at(y, n, 0, MIDDLE, MIDDLE) / at(y, n, 0, MIDDLE, MIDDLE + 1), sum = 0;
        double sigma = sqrt(0.5 / log(ratio));
        ck_assert_double_eq_tol(at(y, n, 0, MIDDLE + 1, MIDDLE), at(y, n, 0, MIDDLE, MIDDLE + 1),
                                1e-7);
        for (int k = 0; k < SIZE * SIZE; k++) sum += at(y, n, 0, 0, k);
        ck_assert_double_eq_tol(sum, 1, 1e-5);
        ck_assert(sigma >= 0.3 - 1e-5 && sigma <= 1.5 + 1e-5);
        count[(int)fmin((sigma - 0.3) / 1.2 * BINS, BINS - 1)]++;
        blurred++;
    }
    ck_assert_double_le(fabs(blurred - 0.75 * N), 3.5 * sqrt(N * 0.75 * 0.25));
    ck_assert(is_uniform(count, BINS, blurred));
}
END_TEST

/* y = b (m + c (x - m)): b is the ratio of the means, b c that of differences. */
START_TEST(jitter_changes_brightness_and_contrast) {
    enum { N = 4000, BINS = 10 };
    gr_tensor *x = pictures(N, 2, 3, 3);
    gr_tensor *y = gr_random_jitter(x, .brightness = 0.5, .contrast = 0.3, .p = 0.5);
    int b_count[BINS] = {0}, c_count[BINS] = {0}, changed = 0;
    for (int n = 0; n < N; n++) {
        double from = 0, to = 0, tolerance = sizeof(gr_real) == 4 ? 1e-5 : 1e-12;
        for (int k = 0; k < 18; k++) from += at(x, n, 0, 0, k) / 18;
        for (int k = 0; k < 18; k++) to += at(y, n, 0, 0, k) / 18;
        double b = to / from, c = 0;
        for (int k = 0; k < 18; k++)
            if (fabs(at(x, n, 0, 0, k) - from) > 0.2)
                c = (at(y, n, 0, 0, k) - to) / (at(x, n, 0, 0, k) - from) / b;
        for (int k = 0; k < 18; k++)
            ck_assert_double_eq_tol(at(y, n, 0, 0, k), b * (from + c * (at(x, n, 0, 0, k) - from)),
                                    tolerance);
        if (at(y, n, 0, 0, 0) == at(x, n, 0, 0, 0)) continue;
        b_count[(int)fmin(fmax((b - 0.5) * BINS, 0), BINS - 1)]++;
        c_count[(int)fmin(fmax((c - 0.7) / 0.6 * BINS, 0), BINS - 1)]++;
        changed++;
    }
    ck_assert_double_le(fabs(changed - 0.5 * N), 3.5 * sqrt(N * 0.25));
    ck_assert(is_uniform(b_count, BINS, changed));
    ck_assert(is_uniform(c_count, BINS, changed));
}
END_TEST

/* -- All of them -- */

static gr_tensor *do_crop(gr_tensor *x) { return gr_random_crop(x); }
static gr_tensor *do_shift(gr_tensor *x) { return gr_random_shift(x, 3); }
static gr_tensor *do_resized(gr_tensor *x) { return gr_random_resized_crop(x); }
static gr_tensor *do_flip(gr_tensor *x) { return gr_random_flip(x); }
static gr_tensor *do_vertical(gr_tensor *x) { return gr_random_flip(x, .vertical = true); }
static gr_tensor *do_cutout(gr_tensor *x) { return gr_random_cutout(x, 8); }
static gr_tensor *do_noise(gr_tensor *x) { return gr_random_noise(x, 1); }
static gr_tensor *do_blur(gr_tensor *x) { return gr_random_blur(x); }
static gr_tensor *do_jitter(gr_tensor *x) { return gr_random_jitter(x); }

static const struct {
    const char *name;
    gr_tensor *(*call)(gr_tensor *x);
} all[] = {{"gr_random_crop", do_crop},
           {"gr_random_shift", do_shift},
           {"gr_random_resized_crop", do_resized},
           {"gr_random_flip", do_flip},
           {"gr_random_flip", do_vertical},
           {"gr_random_cutout", do_cutout},
           {"gr_random_noise", do_noise},
           {"gr_random_blur", do_blur},
           {"gr_random_jitter", do_jitter}};
enum { ALL = sizeof all / sizeof *all };

static gr_tensor *augment_in(gr_graph *graph, int i) {
    gr_tensor *x = gr_uniform(graph, GR_SHAPE(96, 3, 28, 28), 0, 1);
    gr_tensor *y = all[i].call(x);
    ck_assert_msg(y != NULL, "%s", gr_error(graph));
    return y;
}

START_TEST(threads_do_not_matter) {
    gr_graph *one = gr_graph_new(.seed = 5, .threads = 1);
    gr_graph *several = gr_graph_new(.seed = 5, .threads = 5);
    gr_graph *other = gr_graph_new(.seed = 6, .threads = 1);
    gr_tensor *a = augment_in(one, _i), *b = augment_in(several, _i), *c = augment_in(other, _i);
    ck_assert_mem_eq(a->data, b->data, (size_t)a->size * sizeof(gr_real));
    ck_assert_mem_ne(a->data, c->data, (size_t)a->size * sizeof(gr_real));
    ck_assert_uint_eq(gr_random_get(one).counter, gr_random_get(several).counter);
    gr_graph_free(one);
    gr_graph_free(several);
    gr_graph_free(other);
}
END_TEST

START_TEST(results_are_leaves_of_the_step) {
    gr_tensor *x = gr_requires_grad(gr_uniform(g, GR_SHAPE(40, 2, 9, 7), 0, 1));
    gr_tensor *before = gr_keep(x), *y = all[_i].call(x);
    ck_assert_msg(y != NULL, "%s", gr_error(g));
    ck_assert(gr_shape_equal(y->shape, x->shape));
    ck_assert(!y->requires_grad && !y->lasting && y->node == NULL && y->data != x->data);
    ck_assert_int_eq(gr_tape_length(g), 0);
    ck_assert_mem_eq(before->data, x->data, (size_t)x->size * sizeof(gr_real));
    ck_assert_mem_ne(y->data, x->data, (size_t)x->size * sizeof(gr_real));
}
END_TEST

START_TEST(steps_need_no_memory) {
    gr_tensor *x = gr_keep(pictures(64, 1, 28, 28));
    uint64_t requests = 0;
    for (int step = 0; step < 50; step++) {
        all[_i].call(x);
        gr_graph_reset(g);
        if (step == 3) requests = gr_memory_use(g).system_requests;
    }
    ck_assert_uint_eq(gr_memory_use(g).system_requests, requests);
}
END_TEST

START_TEST(empty_and_single_pictures) {
    const gr_shape shapes[] = {GR_SHAPE(0, 3, 8, 8), GR_SHAPE(2, 0, 8, 8), GR_SHAPE(1, 1, 1, 1),
                               GR_SHAPE(2, 1, 1, 9), GR_SHAPE(2, 1, 9, 1), GR_SHAPE(2, 1, 0, 9),
                               GR_SHAPE(2, 1, 9, 0)};
    for (int k = 0; k < 7; k++) {
        gr_tensor *y = all[_i].call(gr_full(g, shapes[k], 1));
        if (y == NULL && all[_i].call == do_resized && k >= 5) {
            ck_assert(strstr(gr_error(g), ", expected pictures of one pixel or more") != NULL);
            gr_clear_error(g);
            continue;
        }
        ck_assert_msg(y != NULL, "%s", gr_error(g));
        ck_assert(gr_shape_equal(y->shape, shapes[k]));
    }
}
END_TEST

/* A pixel that is infinite makes no others NaN, except where it is subtracted. */
START_TEST(infinite_pixels) {
    if (all[_i].call == do_jitter) return;
    gr_tensor *x = gr_full(g, GR_SHAPE(50, 1, 9, 9), 1);
    for (int n = 0; n < 50; n++) x->data[81 * n + 40] = (gr_real)INFINITY;
    gr_tensor *y = all[_i].call(x);
    for (int64_t i = 0; i < y->size; i++) ck_assert(!isnan(gr_at(y, i)));
}
END_TEST

START_TEST(largest_pixels) {
    gr_real most = sizeof(gr_real) == 4 ? (gr_real)3e38 : (gr_real)1.5e308;
    gr_tensor *y = gr_random_blur(gr_full(g, GR_SHAPE(4, 1, 9, 9), most), .p = 1);
    for (int64_t i = 0; i < y->size; i++) ck_assert_double_eq_tol(gr_at(y, i) / most, 1, 1e-5);
    y = gr_random_resized_crop(gr_full(g, GR_SHAPE(4, 1, 9, 9), most));
    for (int64_t i = 0; i < y->size; i++) ck_assert_double_eq_tol(gr_at(y, i) / most, 1, 1e-5);
    gr_tensor *x = gr_full(g, GR_SHAPE(4, 1, 9, 9), INFINITY);
    y = gr_random_jitter(x, .contrast = 0, .p = 1);
    for (int64_t i = 0; i < y->size; i++) ck_assert(isinf(gr_at(y, i)));
}
END_TEST

/* -- Messages -- */

static void expect(const void *result, const char *expected) {
    ck_assert_ptr_null(result);
    ck_assert_str_eq(gr_error(g), expected);
    gr_clear_error(g);
}

START_TEST(refuses_what_is_no_picture) {
    gr_tensor *flat = gr_name(gr_zeros(g, GR_SHAPE(3, 5)), "images");
    gr_tensor *integers = gr_from_index(g, GR_SHAPE(1, 1, 1, 1), (int32_t[]){1});
    char expected[200];
    ck_assert_ptr_null(all[_i].call(NULL));
    ck_assert(!gr_failed(g));
    if (all[_i].call == do_noise) {
        expect(do_noise(integers),
               "gr_random_noise: x (1,1,1,1) holds integers, expected real numbers");
        return;
    }
    sprintf(expected, "%s: images (3,5), expected pictures (N,C,H,W)", all[_i].name);
    expect(all[_i].call(flat), expected);
    sprintf(expected, "%s: x (1,1,1,1) of integers, expected pictures (N,C,H,W)", all[_i].name);
    expect(all[_i].call(integers), expected);
    gr_graph *small = gr_graph_new(.memory_limit = 60000 * sizeof(gr_real));
    gr_tensor *x = gr_zeros(small, GR_SHAPE(40, 1, 28, 28));
    ck_assert(x != NULL && all[_i].call(x) == NULL);
    sprintf(expected, "%s: no memory for a tensor of shape (40,1,28,28), ", all[_i].name);
    ck_assert_msg(strstr(gr_error(small), expected) != NULL, "%s", gr_error(small));
    gr_graph_free(small);
}
END_TEST

START_TEST(refuses) {
    gr_tensor *x = gr_zeros(g, GR_SHAPE(2, 3, 5, 6));
    expect(gr_random_crop(x, .padding = -1),
           "gr_random_crop: padding is -1, expected 0 to 1073741820");
    expect(gr_random_crop(x, .padding = 1073741821),
           "gr_random_crop: padding is 1073741821, expected 0 to 1073741820");
    expect(gr_random_crop(x, .padding = 1, .height = 8),
           "gr_random_crop: x (2,3,5,6) with padding 1 has no piece of (8,6)");
    expect(gr_random_crop(x, .padding = 1, .width = -2),
           "gr_random_crop: x (2,3,5,6) with padding 1 has no piece of (5,-2)");
    expect(gr_random_shift(x, -1), "gr_random_shift: most is -1, expected 0 to 1073741820");
    expect(gr_random_flip(x, 1.5), "gr_random_flip: p is 1.5, expected a probability in [0, 1]");
    expect(gr_random_cutout(x, 0), "gr_random_cutout: size is 0, expected 1 or more");
    expect(gr_random_noise(x, -1), "gr_random_noise: deviation is -1, expected 0 or more");
    expect(gr_random_noise(x, NAN), "gr_random_noise: deviation is nan, expected 0 or more");
    expect(gr_random_blur(x, .p = NAN),
           "gr_random_blur: p is nan, expected a probability in [0, 1]");
    expect(gr_random_blur(x, .sigma_low = 3),
           "gr_random_blur: sigma_low is 3 and sigma_high 2, expected 0 <= low <= high <= 1000");
    expect(gr_random_jitter(x, .brightness = 1.5),
           "gr_random_jitter: brightness is 1.5, expected 0 to 1");
    expect(gr_random_jitter(x, .contrast = -0.5),
           "gr_random_jitter: contrast is -0.5, expected 0 to 1");
    expect(gr_random_jitter(x, .p = -1),
           "gr_random_jitter: p is -1, expected a probability in [0, 1]");
}
END_TEST

START_TEST(resized_crop_refuses) {
    gr_tensor *x = gr_zeros(g, GR_SHAPE(2, 3, 5, 6));
    expect(gr_random_resized_crop(x, .scale_low = 0),
           "gr_random_resized_crop: scale_low is 0 and scale_high 1, expected 0 < low <= high <= "
           "1");
    expect(gr_random_resized_crop(x, .ratio_low = 2, .ratio_high = 1),
           "gr_random_resized_crop: ratio_low is 2 and ratio_high 1, expected 0 < low <= high");
    expect(gr_random_resized_crop(x, .height = -1),
           "gr_random_resized_crop: height is -1 and width 0, expected 1 or more");
    expect(gr_random_resized_crop(gr_zeros(g, GR_SHAPE(2, 3, 0, 6))),
           "gr_random_resized_crop: x (2,3,0,6), expected pictures of one pixel or more");
}
END_TEST

Suite *augment_suite(void) {
    Suite *suite = suite_create("augment");
    TCase *t = tcase_create("augment");
    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, oracle_cases_hold);
    tcase_add_test(t, crops_are_pieces);
    tcase_add_test(t, shifts_beyond_the_picture);
    tcase_add_test(t, resized_crops_are_stretched_boxes);
    tcase_add_test(t, resized_crops_are_uniform);
    tcase_add_test(t, resized_crops_that_do_not_fit);
    tcase_add_test(t, flips_exchange_sides);
    tcase_add_loop_test(t, cutouts_are_holes, 0, 4);
    tcase_add_test(t, large_cutouts_leave_nothing);
    tcase_add_test(t, noise_is_normal);
    tcase_add_test(t, blurs_are_uniform);
    tcase_add_test(t, jitter_changes_brightness_and_contrast);
    tcase_add_loop_test(t, threads_do_not_matter, 0, ALL);
    tcase_add_loop_test(t, results_are_leaves_of_the_step, 0, ALL);
    tcase_add_loop_test(t, steps_need_no_memory, 0, ALL);
    tcase_add_loop_test(t, empty_and_single_pictures, 0, ALL);
    tcase_add_loop_test(t, infinite_pixels, 0, ALL);
    tcase_add_test(t, largest_pixels);
    tcase_add_loop_test(t, refuses_what_is_no_picture, 0, ALL);
    tcase_add_test(t, refuses);
    tcase_add_test(t, resized_crop_refuses);
    suite_add_tcase(suite, t);
    return suite;
}
