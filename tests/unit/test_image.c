/* Pictures: reading each format, whole and damaged, sizes and channels, folders, writing, grids. */
#include "core/data/image.h"
#include "core/data/npy.h"
#include "core/graph/random.h"
#include "tests/unit/files.h"
#include "tests/unit/oracle.h"

#include <check.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include <zlib.h>

static gr_graph *g;

static void setup(void) { g = gr_graph_new(.seed = 7); }
static void teardown(void) {
    gr_graph_free(g);
    g = NULL;
    scratch_remove();
}

/* The whole message of what just failed, in which %s stands for `name`. */
static void says(bool succeeded, const char *format, const char *name) {
    char message[1024];
    const char *place = strstr(format, "%s");
    ck_assert(!succeeded);
    if (place == NULL)
        snprintf(message, sizeof message, "%s", format);
    else
        snprintf(message, sizeof message, "%.*s%s%s", (int)(place - format), format, name,
                 place + 2);
    ck_assert_str_eq(gr_error(g), message);
    gr_clear_error(g);
}

static void same_elements(const gr_tensor *a, const gr_tensor *b) {
    ck_assert_msg(a != NULL && b != NULL, "%s", gr_error(g));
    ck_assert_str_eq(gr_shape_text(a->shape).text, gr_shape_text(b->shape).text);
    for (int64_t i = 0; i < a->size; i++) /* a call of Check's for each would take a second */
        if (a->data[i] != b->data[i])
            ck_abort_msg("element %lld: %.9g and %.9g", (long long)i, gr_at(a, i), gr_at(b, i));
}

/* -- Whole files -- */

static void compare_case(const cJSON *c, oracle_stats *exact, oracle_stats *lossy) {
    oracle_message message;
    char path[128];
    snprintf(path, sizeof path, "tests/data/%s", cJSON_GetObjectItem(c, "id")->valuestring);
    double tolerance = oracle_param(c, "tolerance", 0);
    gr_tensor *t =
        gr_image_read(g, path, .channels = oracle_int(c, "channels", 0),
                      .height = oracle_int(c, "height", 0), .width = oracle_int(c, "width", 0));
    ck_assert_msg(t != NULL, "%s", gr_error(g));
    ck_assert(t->lasting && !t->requires_grad);
    gr_tensor *expected = oracle_member(g, c, "expected", "x");
    ck_assert_str_eq(gr_shape_text(t->shape).text, gr_shape_text(expected->shape).text);
    oracle_stats *stats = tolerance > 0 ? lossy : exact;
    stats->floor = tolerance;
    const cJSON *x = cJSON_GetArrayItem(cJSON_GetObjectItem(c, "expected"), 0);
    ck_assert_msg(oracle_compare(t, cJSON_GetObjectItem(x, "data"), path, stats, &message), "%s",
                  message.text);
    stats->values++;
}

START_TEST(agrees_with_pillow) {
    cJSON *file = oracle_read("tests/oracle/files.json.gz");
    oracle_stats exact = {.tolerance = ORACLE_TOLERANCE}, lossy = exact;
    const cJSON *c;
    cJSON_ArrayForEach(c, oracle_cases(file)) {
        if (strncmp(oracle_name(c).text, "image/", 6) == 0) compare_case(c, &exact, &lossy);
    }
    cJSON_Delete(file);
    ck_assert_int_eq(exact.values, 40);
    ck_assert_int_eq(lossy.values, 4);
    oracle_report("image", &exact);
}
END_TEST

START_TEST(options_must_make_sense) {
    const char *path = "tests/data/rgb.png";
    says(gr_image_read(g, path, .channels = 5), "gr_image_read: channels is 5, expected 0 to 4",
         "");
    says(gr_image_read(g, path, .channels = -1), "gr_image_read: channels is -1, expected 0 to 4",
         "");
    says(gr_image_read(g, path, .height = -2),
         "gr_image_read: height -2 and width 0, expected 0 to 65536", "");
    says(gr_image_read(g, path, .width = 1 << 20),
         "gr_image_read: height 0 and width 1048576, expected 0 to 65536", "");
    says(gr_image_read(g, NULL), "gr_image_read: path is NULL", "");
    says(gr_image_parse(g, NULL, 3, (gr_image_options){.path = "x"}),
         "gr_image_parse: bytes is NULL", "");
    says(gr_image_read(g, "/nowhere/x.png"),
         "gr_image_read: can't open /nowhere/x.png: No such file or directory", "");
    ck_assert_ptr_null(gr_image_read(NULL, path));
    ck_assert_ptr_null(gr_image_parse(NULL, "x", 1, (gr_image_options){.path = "x"}));
}
END_TEST

/* -- Damaged files -- */

static const char *const files[] = {
    "bits.png",     "grey-alpha.png", "grey.png",       "grey16.png",      "palette.png",
    "rgb.png",      "rgba.png",       "grey.bmp",       "rgb.bmp",         "rgba.bmp",
    "grey.jpg",     "rgb.jpg",        "subsampled.jpg", "progressive.jpg", "rgb.tga",
    "rgba-rle.tga", "palette.gif",    "grey.pgm",       "grey16.pgm",      "maximum100.ppm"};
enum { FILES = sizeof files / sizeof *files, FLIPS = 400 };

static test_file data_file(const char *name) {
    char path[128];
    snprintf(path, sizeof path, "tests/data/%s", name);
    return file_read(path);
}

/* From a copy of exactly so many bytes, so that reads beyond them are seen. */
static gr_tensor *parse(gr_graph *graph, const void *bytes, size_t size) {
    unsigned char *exact = calloc(size > 0 ? size : 1, 1);
    memcpy(exact, bytes, size);
    gr_tensor *t = gr_image_parse(graph, exact, size, (gr_image_options){.path = "t"});
    free(exact);
    return t;
}

#define PARSE(bytes, size) (parse(g, bytes, size) != NULL)

START_TEST(says_what_is_wrong) {
    says(PARSE("", 0), "gr_image_read: t: the file is empty", "");
    says(PARSE("hello", 5), "gr_image_read: t: this is no PNG, JPEG, BMP, PNM, TGA or GIF file",
         "");
    test_file f = data_file("rgb.png");
    says(PARSE(f.bytes, f.size - 1), "gr_image_read: t: the file ends before its picture does", "");
    f.bytes[f.size - 20] ^= 1;
    says(PARSE(f.bytes, f.size), "gr_image_read: t: a chunk's checksum is wrong", "");
    free(f.bytes);
    f = data_file("rgb.jpg");
    enum { CODES = 300, SEGMENT = 2 + 2 + 17 + CODES };
    unsigned char more[SEGMENT + 2000] = {
        0xff, 0xd8,      0xff,      0xc4, (2 + 17 + CODES) / 256, (2 + 17 + CODES) % 256,
        0,    [21] = 45, [22] = 255};
    memcpy(more + 2 + SEGMENT, f.bytes + 2, f.size - 2); /* one table too long before all others */
    says(PARSE(more, SEGMENT + f.size), "gr_image_read: t: a Huffman table is damaged", "");
    free(f.bytes);
    f = data_file("rgb.jpg");
    says(PARSE(f.bytes, f.size - 2), "gr_image_read: t: the file ends before its picture does", "");
    f.bytes[3] = 0xe5;
    f.bytes[2] = 0;
    says(PARSE(f.bytes, f.size), "gr_image_read: t: Corrupt JPEG", "");
    free(f.bytes);
    says(PARSE("P5\n0 3\n255\n", 11),
         "gr_image_read: t: its header promises a picture without pixels", "");
    says(PARSE("P5\n1 3\n65536\n123", 16),
         "gr_image_read: t: damaged header: expected width and height up to 65536 and a maximum of "
         "1 to 65535",
         "");
    says(PARSE("P6\n1 1\n255\n12", 13), "gr_image_read: t: the file ends before its picture does",
         "");
    says(PARSE("P5\n40000 40000\n255\n12", 21),
         "gr_image_read: t: its header promises a picture larger than the file can hold", "");
}
END_TEST

/* A PNG of one chunk of pixels, whose header says what it likes. */
static size_t make_png(unsigned char *to, unsigned width, unsigned height, const void *pixels,
                       size_t size) {
    static const unsigned char head[] = "\x89PNG\r\n\x1a\n\0\0\0\rIHDR";
    memcpy(to, head, 16);
    for (int i = 0; i < 4; i++) {
        to[16 + i] = (unsigned char)(width >> (24 - 8 * i));
        to[20 + i] = (unsigned char)(height >> (24 - 8 * i));
    }
    memcpy(to + 24, "\10\0\0\0\0", 5); /* grey, 8 bits */
    uLongf packed = compressBound((uLong)size);
    compress2(to + 41, &packed, pixels, (uLong)size, 9);
    memcpy(to + 33, (unsigned char[]){0, 0, (unsigned char)(packed >> 8), (unsigned char)packed},
           4);
    memcpy(to + 37, "IDAT", 4);
    memcpy(to + 41 + packed + 4, "\0\0\0\0IEND", 8);
    return 41 + packed + 4 + 12;
}

/* Gives each chunk the checksum of what it is. */
static void mend_png(unsigned char *bytes, size_t size) {
    for (size_t at = 8; size - at >= 12;) {
        size_t length = (size_t)bytes[at] << 24 | (size_t)bytes[at + 1] << 16 |
                        (size_t)bytes[at + 2] << 8 | bytes[at + 3];
        if (length > size - at - 12) return;
        uLong sum = crc32(0, bytes + at + 4, (uInt)(4 + length));
        for (int i = 0; i < 4; i++)
            bytes[at + 8 + length + (size_t)i] = (unsigned char)(sum >> (24 - 8 * i));
        at += length + 12;
    }
}

START_TEST(a_promise_takes_no_memory) {
    unsigned char png[5000], *zeros = calloc(1 << 20, 1);
    size_t n = make_png(png, 1 << 24, 1 << 24, zeros, 100);
    mend_png(png, n);
    gr_graph *small = gr_graph_new(.memory_limit = 8 << 20);
    ck_assert_ptr_null(parse(small, png, n));
    ck_assert_str_eq(gr_error(small), "gr_image_read: t: Very large image (corrupt?)");
    gr_clear_error(small);
    n = make_png(png, 1 << 15, 1 << 15, zeros, 100);
    mend_png(png, n);
    ck_assert_ptr_null(parse(small, png, n));
    ck_assert_str_eq(gr_error(small), "gr_image_read: t: its header promises a picture larger than "
                                      "the file can hold");
    gr_clear_error(small);
    n = make_png(png, 1 << 10, 1 << 10, zeros, 100); /* could be true, but for the limit */
    mend_png(png, n);
    ck_assert_ptr_null(parse(small, png, n));
    ck_assert(gr_failed(small));
    gr_clear_error(small);
    n = make_png(png, 1, 1, zeros, 1 << 20); /* a megabyte for one pixel */
    ck_assert_uint_lt(n, sizeof png);
    mend_png(png, n);
    ck_assert((parse(small, png, n) == NULL) == gr_failed(small));
    ck_assert_uint_lt(gr_memory_use(small).reserved, 1 << 20);
    gr_graph_free(small);
    free(zeros);
}
END_TEST

/* Whatever the limit is, a picture is there or the error is, and nothing is kept of what failed. */
START_TEST(a_small_memory_is_an_error) {
    for (int i = 0; i < FILES; i++) {
        test_file f = data_file(files[i]);
        int failed = 0, read = 0;
        for (size_t limit = 1 << 10; limit < 300 << 10; limit += 3 << 10) {
            gr_graph *small = gr_graph_new(.memory_limit = limit);
            if (small == NULL || gr_failed(small)) {
                gr_graph_free(small);
                continue;
            }
            gr_memory before = gr_memory_use(small);
            gr_tensor *t = parse(small, f.bytes, f.size);
            ck_assert((t == NULL) == gr_failed(small));
            if (t == NULL) ck_assert_uint_le(gr_memory_use(small).lasting, before.lasting + 512);
            failed += t == NULL;
            read += t != NULL;
            gr_graph_free(small);
        }
        ck_assert_msg(read > 0, "%s", files[i]);
        if (strstr(files[i], ".jpg") != NULL) ck_assert_int_gt(failed, 0);
        free(f.bytes);
    }
}
END_TEST

START_TEST(a_cut_file_is_an_error) {
    for (int i = 0; i < FILES; i++) {
        test_file f = data_file(files[i]);
        gr_tensor *whole = parse(g, f.bytes, f.size);
        int cuts = 0;
        for (size_t n = 0; n < f.size; n++) {
            gr_tensor *t = parse(g, f.bytes, n);
            ck_assert((t == NULL) == gr_failed(g));
            if (t == NULL)
                cuts++;
            else /* what was cut away belongs to no picture: a GIF's end, a TGA's footer */
                same_elements(t, whole);
            gr_clear_error(g);
        }
        bool footer = strstr(files[i], ".tga") != NULL || strstr(files[i], ".gif") != NULL;
        ck_assert_msg(footer ? cuts > 50 : cuts == (int)f.size, "%s: %d of %zu", files[i], cuts,
                      f.size);
        free(f.bytes);
    }
}
END_TEST

static void flip_bits(unsigned char *bytes, size_t size, unsigned *state) {
    for (unsigned flips = 1 + next_random(state) % 4; flips > 0; flips--)
        bytes[next_random(state) % size] ^= (unsigned char)(1u << next_random(state) % 8);
}

START_TEST(a_damaged_file_is_an_error_or_a_picture) {
    unsigned state = 1;
    for (int i = 0; i < FILES; i++) {
        test_file f = data_file(files[i]);
        unsigned char *copy = malloc(f.size);
        int failed = 0;
        for (int k = 0; k < FLIPS; k++) {
            memcpy(copy, f.bytes, f.size);
            flip_bits(copy, f.size, &state);
            bool png = strstr(files[i], ".png") != NULL;
            if (png && k % 8 != 0) mend_png(copy, f.size); /* to get by the checksums */
            gr_graph *own = gr_graph_new(.threads = 1);
            gr_tensor *t = parse(own, copy, f.size);
            ck_assert((t == NULL) == gr_failed(own));
            if (t == NULL) ck_assert_uint_le(gr_memory_use(own).reserved, 1 << 20);
            for (int64_t n = 0; t != NULL && n < t->size; n++)
                if (!(t->data[n] >= 0 && t->data[n] <= 1)) ck_abort_msg("%s", files[i]);
            failed += t == NULL;
            gr_graph_free(own);
        }
        ck_assert_msg(failed > 0, "%s", files[i]);
        free(copy);
        free(f.bytes);
    }
}
END_TEST

/* -- Writing -- */

/* Bytes as reals, each of 0 ... 255 in some place of each channel. */
static gr_tensor *all_bytes(int channels) {
    gr_tensor *t = gr_zeros(g, GR_SHAPE(channels, 16, 16));
    for (int i = 0; i < channels * 256; i++)
        t->data[i] = (gr_real)((37 * i + 11 * (i / 256)) % 256 / 255.0);
    return t;
}

START_TEST(what_is_written_can_be_read) {
    scratch_make();
    for (int channels = 1; channels <= 4; channels++) {
        gr_tensor *t = all_bytes(channels);
        ck_assert_msg(gr_image_write(t, scratch_path("x.png")), "%s", gr_error(g));
        same_elements(gr_image_read(g, scratch_path("x.png")), t);
        ck_assert(!file_exists(scratch_path("x.png.tmp")));
        if (channels == 2) continue;
        ck_assert_msg(gr_image_write(t, scratch_path("x.BMP")), "%s", gr_error(g));
        same_elements(gr_image_read(g, scratch_path("x.BMP"), .channels = channels), t);
    }
    gr_tensor *plane = gr_full(g, GR_SHAPE(3, 2), 0.2);
    ck_assert(gr_image_write(plane, scratch_path("x.png")));
    ck_assert_str_eq(gr_shape_text(gr_image_read(g, scratch_path("x.png"))->shape).text, "(1,3,2)");
    ck_assert(!gr_failed(g));
}
END_TEST

START_TEST(jpeg_is_close) {
    scratch_make();
    gr_tensor *t = gr_zeros(g, GR_SHAPE(3, 24, 24));
    for (int i = 0; i < 3 * 576; i++)
        t->data[i] = (gr_real)(0.3 + 0.02 * (i % 24) - 0.01 * (i / 24 % 24) + 0.1 * (i / 576));
    ck_assert(gr_image_write(t, scratch_path("x.jpg"), .quality = 98));
    gr_tensor *back = gr_image_read(g, scratch_path("x.jpg"));
    ck_assert_msg(back != NULL, "%s", gr_error(g));
    for (int64_t i = 0; i < t->size; i++)
        ck_assert_double_eq_tol(gr_at(back, i), gr_at(t, i), 0.03);
    test_file fine = file_read(scratch_path("x.jpg"));
    ck_assert(gr_image_write(t, scratch_path("x.jpeg"), .quality = 10));
    test_file coarse = file_read(scratch_path("x.jpeg"));
    ck_assert_uint_lt(coarse.size, fine.size);
    free(fine.bytes);
    free(coarse.bytes);
}
END_TEST

START_TEST(values_are_scaled_rounded_and_cut) {
    scratch_make();
    const gr_real x[] = {-INFINITY, -1.5f, -1, -0.5f, 0, 1, 1.002f, INFINITY};
    const int bytes[] = {0, 0, 0, 64, 128, 255, 255, 255};
    ck_assert(gr_image_write(gr_from(g, GR_SHAPE(2, 4), x), scratch_path("x.png"), .low = -1));
    gr_tensor *t = gr_image_read(g, scratch_path("x.png"));
    for (int i = 0; i < 8; i++) ck_assert_int_eq((int)lround(255 * gr_at(t, i)), bytes[i]);
    ck_assert(
        gr_image_write(gr_from(g, GR_SHAPE(2, 4), x), scratch_path("x.png"), .low = 1, .high = -1));
    t = gr_image_read(g, scratch_path("x.png"));
    for (int i = 0; i < 8; i++)
        ck_assert_int_eq((int)lround(255 * gr_at(t, i)), i == 3   ? 191
                                                         : i == 4 ? 128
                                                                  : 255 - bytes[i]);
    const int32_t n[] = {0, 1, 2, 3};
    ck_assert(
        gr_image_write(gr_from_index(g, GR_SHAPE(2, 2), n), scratch_path("x.png"), .high = 3));
    t = gr_image_read(g, scratch_path("x.png"));
    for (int i = 0; i < 4; i++) ck_assert_int_eq((int)lround(255 * gr_at(t, i)), 85 * i);
}
END_TEST

START_TEST(writing_says_what_is_wrong) {
    const char *d = scratch_make();
    gr_tensor *t = gr_name(gr_zeros(g, GR_SHAPE(2, 2)), "x");
    says(gr_image_write(t, NULL), "gr_image_write: path is NULL", "");
    says(gr_image_write(t, "x.tiff"),
         "gr_image_write: x.tiff: expected a name that ends in .png, .jpg, .jpeg or .bmp", "");
    says(gr_image_write(t, ".png"),
         "gr_image_write: .png: expected a name that ends in .png, .jpg, .jpeg or .bmp", "");
    says(gr_image_write(t, "x.png", .low = 1),
         "gr_image_write: low 1 and high 1, expected two different numbers", "");
    says(gr_image_write(t, "x.png", .high = NAN),
         "gr_image_write: low 0 and high nan, expected two different numbers", "");
    says(gr_image_write(t, "x.png", .quality = 0),
         "gr_image_write: quality is 0, expected 1 to 100", "");
    says(gr_image_write_grid(gr_zeros(g, GR_SHAPE(1, 2, 2)), "x.png", .columns = -1),
         "gr_image_write_grid: columns -1 and padding 2, expected 0 or more", "");
    says(gr_image_write_grid(gr_zeros(g, GR_SHAPE(1, 2, 2)), "x.png", .background = NAN),
         "gr_image_write_grid: background is nan, expected 0 to 1", "");
    says(gr_image_write(gr_zeros(g, GR_SHAPE(5, 2, 2)), "x.png"),
         "gr_image_write: t (5,2,2), expected (H,W) or (C,H,W) with 1 to 4 channels and no "
         "dimension 0",
         "");
    says(gr_image_write(gr_zeros(g, GR_SHAPE(0, 2)), "x.png"),
         "gr_image_write: t (0,2), expected (H,W) or (C,H,W) with 1 to 4 channels and no "
         "dimension 0",
         "");
    says(gr_image_write_grid(t, "x.png"),
         "gr_image_write_grid: x (2,2), expected (N,H,W) or (N,C,H,W) with 1 to 4 channels and no "
         "dimension 0",
         "");
    says(gr_image_write(gr_zeros(g, GR_SHAPE(4, 2, 2)), "x.jpg"),
         "gr_image_write: x.jpg: 4 channels, expected 1 or 3 in a JPEG", "");
    says(gr_image_write(gr_zeros(g, GR_SHAPE(2, 2, 2)), "x.bmp"),
         "gr_image_write: x.bmp: 2 channels, expected 1, 3 or 4 in a BMP", "");
    says(gr_image_write(t, "/nowhere/x.png"),
         "gr_image_write: can't write /nowhere/x.png: No such file or directory", "");
    says(gr_image_write_grid(gr_zeros(g, GR_SHAPE(1, 2, 2)), "x.png", .padding = 40000),
         "gr_image_write_grid: x.png: a picture of 80002 x 80002 pixels is too large", "");
    t->data[2] = NAN;
    char path[300];
    snprintf(path, sizeof path, "%s/x.png", d);
    says(gr_image_write(t, path), "gr_image_write: x (2,2): element (1,0) is NaN", "");
    ck_assert(!file_exists(path));
    ck_assert(!gr_image_write(NULL, path));
    ck_assert(!gr_image_write_grid(NULL, path));
}
END_TEST

/* -- Failures while writing -- */

START_TEST(a_full_disk_is_an_error) {
    scratch_make();
    const char *path = scratch_path("full.png");
    if (!file_exists("/dev/full") || symlink("/dev/full", path) != 0) return;
    says(gr_image_write(all_bytes(3), path),
         "gr_image_write: can't write %s: No space left on device", path);
    const char *npy = scratch_path("full.npy");
    ck_assert_int_eq(symlink("/dev/full", npy), 0);
    says(gr_npy_write(all_bytes(3), npy), "gr_npy_write: can't write %s: No space left on device",
         npy);
    ck_assert(file_exists(path) && file_exists("/dev/full"));
}
END_TEST

START_TEST(a_failure_leaves_the_old_file) {
    scratch_make();
    const char *paths[] = {scratch_path("x.png"), scratch_path("x.npy")},
               *parts[] = {scratch_path("x.png.tmp"), scratch_path("x.npy.tmp")};
    gr_tensor *old = gr_full(g, GR_SHAPE(2, 2), 1);
    ck_assert(gr_image_write(old, paths[0]) && gr_npy_write(old, paths[1]));
    struct rlimit before, little;
    getrlimit(RLIMIT_FSIZE, &before);
    little = (struct rlimit){.rlim_cur = 500, .rlim_max = before.rlim_max};
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &little);
    bool image = gr_image_write(gr_uniform(g, GR_SHAPE(20, 50), 0, 1), paths[0]),
         npy = gr_npy_write(all_bytes(3), paths[1]);
    setrlimit(RLIMIT_FSIZE, &before);
    signal(SIGXFSZ, handler);
    ck_assert(!npy);
    says(image, "gr_image_write: can't write %s: File too large", paths[0]);
    same_elements(gr_image_read(g, paths[0], .channels = 1, .height = 2, .width = 2),
                  gr_full(g, GR_SHAPE(1, 2, 2), 1));
    same_elements(gr_npy_read(g, paths[1]), old);
    ck_assert(!file_exists(parts[0]) && !file_exists(parts[1]));
}
END_TEST

/* -- Grids -- */

/* What must be at a place of a grid: n pictures (H,W) of the element 4 k + 2 c + y + x + 1. */
static int grid_byte(int row, int column, int columns, int n, int height, int width, int padding,
                     int c, int background) {
    int down = row - padding, right = column - padding;
    if (down < 0 || right < 0) return background;
    int y = down % (height + padding), x = right % (width + padding);
    int k = down / (height + padding) * columns + right / (width + padding);
    if (y >= height || x >= width || right / (width + padding) >= columns || k >= n)
        return background;
    return 4 * k + 2 * c + y + x + 1;
}

static void check_grid(int n, int channels, int columns, int given_columns, int padding,
                       int background) {
    enum { HEIGHT = 2, WIDTH = 3 };
    gr_tensor *t = gr_zeros(g, GR_SHAPE(n, channels, HEIGHT, WIDTH));
    for (int i = 0; i < (int)t->size; i++)
        t->data[i] =
            (gr_real)(4 * (i / (6 * channels)) + 2 * (i / 6 % channels) + i / 3 % 2 + i % 3 + 1);
    const char *path = scratch_path("grid.png");
    ck_assert_msg(gr_image_write_grid(t, path, .high = 255, .columns = given_columns,
                                      .padding = padding, .background = background / 255.0),
                  "%s", gr_error(g));
    gr_tensor *grid = gr_image_read(g, path);
    int rows = (n + columns - 1) / columns;
    int height = rows * (HEIGHT + padding) + padding, width = columns * (WIDTH + padding) + padding;
    ck_assert_str_eq(gr_shape_text(grid->shape).text,
                     gr_shape_text(GR_SHAPE(channels, height, width)).text);
    for (int i = 0; i < (int)grid->size; i++) {
        int c = i / (height * width), row = i / width % height, column = i % width;
        int ground = channels % 2 == 0 && c == channels - 1 ? 255 : background;
        int byte = grid_byte(row, column, columns, n, HEIGHT, WIDTH, padding, c, ground);
        ck_assert_int_eq((int)lround(255 * gr_at(grid, i)), byte);
    }
}

START_TEST(grids_have_each_pixel_in_its_place) {
    scratch_make();
    check_grid(5, 3, 3, 0, 2, 0);
    check_grid(5, 3, 2, 2, 1, 128);
    check_grid(4, 1, 2, 0, 0, 255);
    check_grid(4, 1, 7, 7, 3, 200);
    check_grid(1, 4, 1, 0, 2, 100);
    check_grid(3, 2, 1, 1, 5, 9);
}
END_TEST

START_TEST(grids_of_planes_are_grey) {
    scratch_make();
    gr_tensor *t = gr_full(g, GR_SHAPE(10, 2, 2), 1);
    ck_assert(gr_image_write_grid(t, scratch_path("x.png")));
    gr_tensor *grid = gr_image_read(g, scratch_path("x.png"));
    ck_assert_str_eq(gr_shape_text(grid->shape).text, "(1,14,18)"); /* 3 rows of 4 */
}
END_TEST

/* -- Folders -- */

static void put(const char *name, gr_tensor *t) {
    ck_assert_msg(gr_image_write(t, scratch_path(name)), "%s", gr_error(g));
}

static const char *small_folder(void) {
    const char *d = scratch_make();
    scratch_directory("b");
    scratch_directory("a");
    scratch_directory("B");
    scratch_directory(".hidden");
    file_write(scratch_path("README.txt"), "beside", 6);
    file_write(scratch_path("a/.hidden"), "inside", 6);
    put("b/2.png", gr_full(g, GR_SHAPE(3, 2, 4), 0.4));
    put("b/10.png", gr_full(g, GR_SHAPE(3, 2, 4), 0.2));
    put("a/x.bmp", gr_full(g, GR_SHAPE(3, 2, 4), 0.6));
    put("B/z.png", gr_full(g, GR_SHAPE(3, 2, 4), 0.8));
    return d;
}

START_TEST(folders_are_sorted_sets) {
    const char *d = small_folder();
    gr_image_set *set = gr_image_folder(g, d);
    ck_assert_msg(set != NULL, "%s", gr_error(g));
    ck_assert_int_eq(set->n, 4);
    ck_assert_int_eq(set->n_classes, 3);
    ck_assert_str_eq(set->classes[0], "B");
    ck_assert_str_eq(set->classes[1], "a");
    ck_assert_str_eq(set->classes[2], "b");
    ck_assert_str_eq(gr_shape_text(set->x->shape).text, "(4,3,2,4)");
    ck_assert_str_eq(gr_shape_text(set->y->shape).text, "(4)");
    ck_assert(set->x->lasting && set->y->lasting);
    const double values[] = {0.8, 0.6, 0.2, 0.4};
    const int classes[] = {0, 1, 2, 2};
    for (int i = 0; i < 4; i++) {
        ck_assert_int_eq(set->y->index[i], classes[i]);
        for (int k = 0; k < 24; k++)
            ck_assert_double_eq_tol(gr_at(set->x, 24 * i + k), values[i], 1e-6);
    }
    ck_assert_str_eq(set->paths[2], scratch_path("b/10.png"));
    gr_image_set *small = gr_image_folder(g, d, .channels = 1, .height = 1, .width = 3);
    ck_assert_msg(small != NULL, "%s", gr_error(g));
    ck_assert_str_eq(gr_shape_text(small->x->shape).text, "(4,1,1,3)");
    ck_assert_double_eq_tol(gr_at(small->x, 11), 0.4, 1e-6);
}
END_TEST

START_TEST(folders_say_what_is_wrong) {
    const char *d = small_folder();
    says(gr_image_folder(g, "/nowhere"),
         "gr_image_folder: can't open /nowhere: No such file or directory", "");
    says(gr_image_folder(g, NULL), "gr_image_folder: directory is NULL", "");
    says(gr_image_folder(g, d, .channels = 7), "gr_image_folder: channels is 7, expected 0 to 4",
         "");
    says(gr_image_folder(g, scratch_path("a")),
         "gr_image_folder: %s has no directories, expected one for each class", scratch_path("a"));
    put("b/3.png", gr_full(g, GR_SHAPE(2, 4), 0));
    char message[900];
    snprintf(message, sizeof message,
             "gr_image_folder: %%s: a picture (1,2,4), expected (3,2,4) as in %s; give "
             ".channels, .height and .width",
             scratch_path("B/z.png"));
    says(gr_image_folder(g, d), message, scratch_path("b/3.png"));
    ck_assert_ptr_nonnull(gr_image_folder(g, d, .channels = 3));
    file_write(scratch_path("b/3.png"), "text", 4);
    says(gr_image_folder(g, d),
         "gr_image_folder: %s: this is no PNG, JPEG, BMP, PNM, TGA or GIF file",
         scratch_path("b/3.png"));
    remove(scratch_path("b/3.png"));
    scratch_directory("b/3.png");
    says(gr_image_folder(g, d), "gr_image_folder: can't read %s: Is a directory",
         scratch_path("b/3.png"));
    scratch_directory("empty");
    says(gr_image_folder(g, d), "gr_image_folder: %s has no pictures", scratch_path("empty"));
    ck_assert_ptr_null(gr_image_folder(NULL, d));
}
END_TEST

Suite *image_suite(void) {
    Suite *s = suite_create("image");
    TCase *read = tcase_create("read"), *damage = tcase_create("damage"),
          *write = tcase_create("write"), *folder = tcase_create("folder");
    TCase *all[] = {read, damage, write, folder};
    for (int i = 0; i < 4; i++) {
        tcase_add_checked_fixture(all[i], setup, teardown);
        suite_add_tcase(s, all[i]);
    }
    tcase_add_test(read, agrees_with_pillow);
    tcase_add_test(read, options_must_make_sense);
    tcase_add_test(damage, says_what_is_wrong);
    tcase_add_test(damage, a_promise_takes_no_memory);
    tcase_add_test(damage, a_small_memory_is_an_error);
    tcase_add_test(damage, a_cut_file_is_an_error);
    tcase_add_test(damage, a_damaged_file_is_an_error_or_a_picture);
    tcase_add_test(write, what_is_written_can_be_read);
    tcase_add_test(write, jpeg_is_close);
    tcase_add_test(write, values_are_scaled_rounded_and_cut);
    tcase_add_test(write, writing_says_what_is_wrong);
    tcase_add_test(write, a_full_disk_is_an_error);
    tcase_add_test(write, a_failure_leaves_the_old_file);
    tcase_add_test(write, grids_have_each_pixel_in_its_place);
    tcase_add_test(write, grids_of_planes_are_grey);
    tcase_add_test(folder, folders_are_sorted_sets);
    tcase_add_test(folder, folders_say_what_is_wrong);
    return s;
}
