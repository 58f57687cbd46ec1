/* IDX files, whole and damaged, and data sets in MNIST's layout. */
#include "core/data/idx.h"
#include "core/data/mnist.h"
#include "tests/unit/files.h"
#include "tests/unit/oracle.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

static gr_graph *g;

static void setup(void) { g = gr_graph_new(.seed = 7); }
static void teardown(void) {
    gr_graph_free(g);
    g = NULL;
    scratch_remove();
}

static gr_tensor *parse(const void *bytes, size_t size) {
    return gr_idx_parse(g, bytes, size, (gr_idx_options){.path = "t.idx"});
}

/* The whole message of the parse that just failed. */
static void says(const gr_tensor *t, const char *message) {
    ck_assert_ptr_null(t);
    ck_assert_str_eq(gr_error(g), message);
    gr_clear_error(g);
}

/* -- Whole files -- */

START_TEST(agrees_with_numpy) {
    cJSON *file = oracle_read("tests/oracle/files.json.gz");
    oracle_stats stats = {.tolerance = ORACLE_TOLERANCE};
    oracle_message message;
    const cJSON *c;
    cJSON_ArrayForEach(c, oracle_cases(file)) {
        if (strncmp(oracle_name(c).text, "idx/", 4) != 0) continue;
        const char *name = cJSON_GetObjectItem(c, "id")->valuestring;
        char path[128];
        snprintf(path, sizeof path, "tests/data/%s", name);
        double divisor = oracle_param(c, "divisor", 0);
        gr_tensor *t = gr_idx_read(g, path, .divisor = divisor);
        ck_assert_msg(t != NULL, "%s", gr_error(g));
        ck_assert(t->lasting);
        gr_tensor *expected = oracle_member(g, c, "expected", "x");
        ck_assert_str_eq(gr_shape_text(t->shape).text, gr_shape_text(expected->shape).text);
        bool real = divisor != 0 || name[0] == 'f' || name[0] == 'd';
        ck_assert_int_eq(t->kind, real ? GR_REAL : GR_INDEX);
        const cJSON *x = cJSON_GetArrayItem(cJSON_GetObjectItem(c, "expected"), 0);
        ck_assert_msg(oracle_compare(t, cJSON_GetObjectItem(x, "data"), path, &stats, &message),
                      "%s", message.text);
        stats.values++;
    }
    cJSON_Delete(file);
    ck_assert_int_eq(stats.values, 22);
    oracle_report("idx", &stats);
}
END_TEST

/* -- Damaged files -- */

START_TEST(says_what_is_wrong_with_the_header) {
    says(parse("", 0), "gr_idx_read: t.idx: the file is empty");
    says(parse("\0\0\x08", 3), "gr_idx_read: t.idx: the file ends within its header");
    says(parse("\x93NUMPY\1", 8),
         "gr_idx_read: t.idx: this is no IDX file: it begins with 93 4e, expected 00 00");
    says(parse("\0\0\x0a\1\0\0\0\0", 8),
         "gr_idx_read: t.idx: elements of type 0a, expected 08, 09, 0b, 0c, 0d or 0e");
    says(parse("\0\0\x08\7", 4), "gr_idx_read: t.idx: 7 dimensions, expected at most 6");
    says(parse("\0\0\x08\2\0\0\0\1\0\0", 10),
         "gr_idx_read: t.idx: the file ends within its header");
    says(parse("\0\0\x08\1\xff\xff\xff\xff", 8),
         "gr_idx_read: t.idx: dimension 0 is 4294967295, expected at most 2147483647");
    says(parse("\0\0\x08\2\x7f\xff\xff\xff\x7f\xff\xff\xff", 12),
         "gr_idx_read: t.idx: no tensor has the shape (2147483647,2147483647)");
    says(parse("\0\0\x0b\1\0\0\0\2abc", 11),
         "gr_idx_read: t.idx: 3 bytes of elements, expected the 4 of shape (2) and type 0b");
    says(parse("\0\0\x0b\1\0\0\0\1abc", 11),
         "gr_idx_read: t.idx: 3 bytes of elements, expected the 2 of shape (1) and type 0b");
    says(gr_idx_parse(g, "a", 1, (gr_idx_options){.path = "t.idx", .divisor = NAN}),
         "gr_idx_read: t.idx: divisor is nan, expected a finite number");
    says(parse(NULL, 0), "gr_idx_parse: bytes is NULL");
    says(gr_idx_read(g, NULL), "gr_idx_read: path is NULL");
    says(gr_idx_read(g, "/nowhere/x.idx"),
         "gr_idx_read: can't open /nowhere/x.idx: No such file or directory");
    ck_assert_ptr_null(gr_idx_read(NULL, "x.idx"));
}
END_TEST

START_TEST(a_promise_takes_no_memory) {
    gr_graph_free(g);
    g = gr_graph_new(.memory_limit = 1 << 20);
    says(parse("\0\0\x08\1\x7f\xff\xff\xff", 8),
         "gr_idx_read: t.idx: 0 bytes of elements, expected the 2147483647 of shape (2147483647) "
         "and type 08");
    ck_assert_uint_lt(gr_memory_use(g).reserved, 1 << 20);
    unsigned char big[300008] = "\0\0\x08\1\0\4\x93\xe0";
    says(parse(big, sizeof big),
         "gr_idx_read: no memory for a tensor of shape (300000), 1200000 bytes");
}
END_TEST

/* Compresses `size` bytes as gzip does; returns how many it became. */
static size_t compressed(const void *bytes, size_t size, unsigned char *to, size_t room) {
    z_stream z = {.next_in = (unsigned char *)bytes,
                  .avail_in = (uInt)size,
                  .next_out = to,
                  .avail_out = (uInt)room};
    ck_assert_int_eq(deflateInit2(&z, 9, Z_DEFLATED, 16 + MAX_WBITS, 9, Z_DEFAULT_STRATEGY), Z_OK);
    ck_assert_int_eq(deflate(&z, Z_FINISH), Z_STREAM_END);
    deflateEnd(&z);
    return z.total_out;
}

START_TEST(says_what_is_wrong_with_compressed_files) {
    unsigned char bytes[2008] = "\0\0\x08\1\0\0\7\xd0", gz[4000];
    for (int i = 8; i < 2008; i++) bytes[i] = (unsigned char)(i * i);
    size_t n = compressed(bytes, sizeof bytes, gz, sizeof gz);
    ck_assert_ptr_nonnull(parse(gz, n));
    says(parse(gz, n - 9), "gr_idx_read: t.idx: the compressed data ends too early");
    says(parse(gz, n - 1), "gr_idx_read: t.idx: the compressed data ends too early");
    gz[n] = 'x';
    says(parse(gz, n + 1), "gr_idx_read: t.idx: something follows the compressed data");
    gz[n - 5] ^= 1;
    says(parse(gz, n), "gr_idx_read: t.idx: incorrect data check");
    n = compressed(bytes, 2000, gz, sizeof gz);
    says(parse(gz, n), "gr_idx_read: t.idx: the file ends within its elements");
    bytes[7] = 0xcf;
    n = compressed(bytes, sizeof bytes, gz, sizeof gz);
    says(parse(gz, n), "gr_idx_read: t.idx: more bytes follow than its header promises");
    says(parse("\x1f\x8b", 2), "gr_idx_read: t.idx: the compressed data ends too early");
    says(parse("\x1f\x8b\x09garbage", 10), "gr_idx_read: t.idx: unknown compression method");
}
END_TEST

/* A megabyte of zeros in a thousand bytes, behind a header that promises ten: one byte beyond the
 * ten tells that something is wrong, and no more is unpacked. The other way round, a promise that
 * the file can't keep takes no memory. */
START_TEST(unpacks_no_more_than_was_promised) {
    size_t size = 1 << 20, room = 1 << 16;
    unsigned char *zeros = calloc(size, 1), *gz = malloc(room);
    memcpy(zeros, "\0\0\x08\1\0\0\0\xa", 8);
    size_t n = compressed(zeros, size, gz, room);
    ck_assert_uint_lt(n, 2000);
    says(parse(gz, n), "gr_idx_read: t.idx: more bytes follow than its header promises");
    memcpy(zeros, "\0\0\x08\1\x7f\xff\xff\xff", 8);
    n = compressed(zeros, size, gz, room);
    says(parse(gz, n),
         "gr_idx_read: t.idx: fewer bytes of elements than can be compressed so far, expected the "
         "2147483647 of shape (2147483647) and type 08");
    ck_assert_uint_lt(gr_memory_use(g).reserved, 4 << 20);
    free(zeros);
    free(gz);
}
END_TEST

static const char *const files[] = {"ubyte.idx", "byte.idx",     "short.idx",     "int.idx",
                                    "float.idx", "double.idx",   "scalar.idx",    "empty.idx",
                                    "six.idx",   "ubyte.idx.gz", "members.idx.gz"};
enum { FILES = sizeof files / sizeof *files };

static test_file data_file(const char *name) {
    char path[128];
    snprintf(path, sizeof path, "tests/data/%s", name);
    return file_read(path);
}

/* A copy of exactly so many bytes, so that reads beyond them are seen. */
static gr_tensor *parse_exactly(const unsigned char *bytes, size_t size) {
    unsigned char *exact = calloc(size > 0 ? size : 1, 1);
    memcpy(exact, bytes, size);
    gr_tensor *t = parse(exact, size);
    free(exact);
    return t;
}

START_TEST(a_cut_file_is_an_error) {
    for (int i = 0; i < FILES; i++) {
        test_file f = data_file(files[i]);
        for (size_t n = 0; n < f.size; n++) {
            ck_assert_msg(parse_exactly(f.bytes, n) == NULL, "%s cut at %zu", files[i], n);
            ck_assert_msg(strncmp(gr_error(g), "gr_idx_read: t.idx: ", 20) == 0, "%s", gr_error(g));
            gr_clear_error(g);
        }
        free(f.bytes);
    }
}
END_TEST

START_TEST(a_damaged_file_is_an_error_or_a_tensor) {
    unsigned state = 1;
    for (int i = 0; i < FILES; i++) {
        test_file f = data_file(files[i]);
        for (int k = 0; k < 1000; k++) {
            unsigned char *copy = malloc(f.size);
            memcpy(copy, f.bytes, f.size);
            for (unsigned flips = 1 + next_random(&state) % 4; flips > 0; flips--) {
                unsigned place = next_random(&state) % f.size;
                copy[place] ^= (unsigned char)(1u << next_random(&state) % 8);
            }
            gr_tensor *t = parse_exactly(copy, f.size);
            ck_assert((t == NULL) == gr_failed(g));
            gr_clear_error(g);
            free(copy);
        }
        free(f.bytes);
    }
    ck_assert_uint_lt(gr_memory_use(g).reserved, 64 << 20);
}
END_TEST

/* -- MNIST's layout -- */

static void write_pictures(const char *name, int n, int height, int width) {
    unsigned char bytes[16 + 4096] = {0, 0, 8, 3,
                                      0, 0, 0, (unsigned char)n,
                                      0, 0, 0, (unsigned char)height,
                                      0, 0, 0, (unsigned char)width};
    int size = n * height * width;
    for (int i = 0; i < size; i++) bytes[16 + i] = (unsigned char)i;
    file_write(scratch_path(name), bytes, 16 + (size_t)size);
}

static void write_labels(const char *name, int n, int first) {
    unsigned char bytes[8 + 256] = {0, 0, 8, 1, 0, 0, 0, (unsigned char)n};
    for (int i = 0; i < n; i++) bytes[8 + i] = (unsigned char)(first + i);
    file_write(scratch_path(name), bytes, 8 + (size_t)n);
}

static const char *small_set(void) {
    const char *directory = scratch_make();
    write_pictures("train-images-idx3-ubyte", 3, 4, 5);
    write_labels("train-labels-idx1-ubyte", 3, 7);
    write_pictures("t10k-images-idx3-ubyte.gz", 2, 4, 5); /* told by content, not by name */
    write_labels("t10k-labels-idx1-ubyte", 2, 0);
    return directory;
}

START_TEST(mnist_reads_four_files) {
    gr_mnist *m = gr_mnist_read(g, small_set());
    ck_assert_msg(m != NULL, "%s", gr_error(g));
    ck_assert_str_eq(gr_shape_text(m->train_x->shape).text, "(3,1,4,5)");
    ck_assert_str_eq(gr_shape_text(m->test_x->shape).text, "(2,1,4,5)");
    ck_assert_str_eq(gr_shape_text(m->train_y->shape).text, "(3)");
    ck_assert_int_eq(m->train_y->index[2], 9);
    ck_assert_int_eq(m->test_y->index[1], 1);
    ck_assert_int_eq(m->train_x->kind, GR_REAL);
    ck_assert(m->train_x->lasting && m->test_y->lasting);
    for (int i = 0; i < 60; i++) ck_assert(m->train_x->data[i] == (gr_real)(i / 255.0));
}
END_TEST

/* Fails with `format` where %s is the directory. */
static void mnist_says(const gr_mnist *m, const char *directory, const char *format) {
    char message[1024], *place = strstr((char *)format, "%s");
    ck_assert_ptr_null(m);
    snprintf(message, sizeof message, "%.*s%s%s", (int)(place - format), format, directory,
             place + 2);
    ck_assert_str_eq(gr_error(g), message);
    gr_clear_error(g);
}

START_TEST(mnist_says_what_is_wrong) {
    const char *d = small_set();
    write_labels("train-labels-idx1-ubyte", 4, 0);
    mnist_says(gr_mnist_read(g, d), d,
               "gr_mnist_read: %s: 3 pictures in train-images-idx3-ubyte and 4 labels in "
               "train-labels-idx1-ubyte");
    write_labels("train-labels-idx1-ubyte", 3, 8);
    mnist_says(gr_mnist_read(g, d), d,
               "gr_mnist_read: %s/train-labels-idx1-ubyte: label 2 is 10, expected 0 to 9");
    write_pictures("train-labels-idx1-ubyte", 3, 1, 1);
    mnist_says(gr_mnist_read(g, d), d,
               "gr_mnist_read: %s/train-labels-idx1-ubyte: shape (3,1,1), expected labels (N)");
    write_labels("train-labels-idx1-ubyte", 3, 0);
    write_labels("train-images-idx3-ubyte", 3, 0);
    mnist_says(gr_mnist_read(g, d), d,
               "gr_mnist_read: %s/train-images-idx3-ubyte: shape (3), expected pictures (N,H,W)");
    write_pictures("train-images-idx3-ubyte", 3, 5, 5);
    mnist_says(gr_mnist_read(g, d), d,
               "gr_mnist_read: %s: pictures of 5 x 5 to train on and of 4 x 5 to test");
    file_write(scratch_path("t10k-labels-idx1-ubyte"), "\0\0\x0d\1\0\0\0\1\0\0\0\0", 12);
    mnist_says(gr_mnist_read(g, d), d,
               "gr_mnist_read: %s/t10k-labels-idx1-ubyte: labels are no integers");
    file_write(scratch_path("t10k-labels-idx1-ubyte"), "\0\0\x08\1\0\0\0\2", 8);
    mnist_says(gr_mnist_read(g, d), d,
               "gr_idx_read: %s/t10k-labels-idx1-ubyte: 0 bytes of elements, expected the 2 of "
               "shape (2) and type 08");
    mnist_says(gr_mnist_read(g, "/nowhere"), "/nowhere",
               "gr_mnist_read: can't read %s/train-labels-idx1-ubyte or "
               "train-labels-idx1-ubyte.gz: No such file or directory");
    mnist_says(gr_fashion_mnist_read(g, "/nowhere"), "/nowhere",
               "gr_fashion_mnist_read: can't read %s/train-labels-idx1-ubyte or "
               "train-labels-idx1-ubyte.gz: No such file or directory; apt-get install "
               "dataset-fashion-mnist, or get the four files from "
               "https://github.com/zalandoresearch/fashion-mnist");
    ck_assert_ptr_null(gr_mnist_read(g, NULL));
    ck_assert_str_eq(gr_error(g), "gr_mnist_read: directory is NULL");
    ck_assert_ptr_null(gr_mnist_read(NULL, d));
    ck_assert_ptr_null(gr_fashion_mnist_read(NULL, d));
}
END_TEST

static int64_t sum_of_bytes(const gr_tensor *t, int64_t begin, int64_t n) {
    int64_t sum = 0;
    for (int64_t i = begin; i < begin + n; i++) sum += llround(255 * gr_at(t, i));
    return sum;
}

/* Numbers of numpy's. */
START_TEST(fashion_mnist_is_what_numpy_reads) {
    if (!file_exists(GR_FASHION_MNIST_DIRECTORY "/train-labels-idx1-ubyte.gz")) {
        fprintf(stderr, "idx: dataset-fashion-mnist is not installed, its test is left out\n");
        return;
    }
    gr_mnist *m = gr_fashion_mnist_read(g, NULL);
    ck_assert_msg(m != NULL, "%s", gr_error(g));
    ck_assert_str_eq(gr_shape_text(m->train_x->shape).text, "(60000,1,28,28)");
    ck_assert_str_eq(gr_shape_text(m->test_x->shape).text, "(10000,1,28,28)");
    const int64_t sums[] = {76247, 84598, 28662, 46649, 61187}, picture = 28 * 28;
    for (int i = 0; i < 5; i++)
        ck_assert_int_eq(sum_of_bytes(m->train_x, i * picture, picture), sums[i]);
    ck_assert_int_eq(sum_of_bytes(m->train_x, 0, m->train_x->size), 3431114169);
    ck_assert_int_eq(sum_of_bytes(m->test_x, 0, m->test_x->size), 573469082);
    int counts[2][GR_MNIST_CLASSES] = {{0}};
    for (int i = 0; i < 60000; i++) counts[0][m->train_y->index[i]]++;
    for (int i = 0; i < 10000; i++) counts[1][m->test_y->index[i]]++;
    for (int c = 0; c < GR_MNIST_CLASSES; c++) {
        ck_assert_int_eq(counts[0][c], 6000);
        ck_assert_int_eq(counts[1][c], 1000);
    }
    ck_assert_str_eq(gr_fashion_mnist_classes[m->train_y->index[0]], "Ankle boot");
    ck_assert_str_eq(gr_fashion_mnist_classes[m->test_y->index[2]], "Trouser");
}
END_TEST

Suite *idx_suite(void) {
    Suite *s = suite_create("idx");
    TCase *c = tcase_create("idx"), *slow = tcase_create("slow");
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_checked_fixture(slow, setup, teardown);
    tcase_set_tags(slow, "slow");
    tcase_add_test(c, agrees_with_numpy);
    tcase_add_test(c, says_what_is_wrong_with_the_header);
    tcase_add_test(c, a_promise_takes_no_memory);
    tcase_add_test(c, says_what_is_wrong_with_compressed_files);
    tcase_add_test(c, unpacks_no_more_than_was_promised);
    tcase_add_test(c, a_cut_file_is_an_error);
    tcase_add_test(c, a_damaged_file_is_an_error_or_a_tensor);
    tcase_add_test(c, mnist_reads_four_files);
    tcase_add_test(c, mnist_says_what_is_wrong);
    tcase_add_test(slow, fashion_mnist_is_what_numpy_reads);
    suite_add_tcase(s, c);
    suite_add_tcase(s, slow);
    return s;
}
