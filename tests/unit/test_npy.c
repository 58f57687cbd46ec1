/* .npy files, whole and damaged. */
#include "core/data/npy.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static gr_graph *g;

static void setup(void) { g = gr_graph_new(.seed = 7); }
static void teardown(void) {
    gr_graph_free(g);
    g = NULL;
}

/* A file in memory: version 1.0 with this header, then the elements. */
typedef struct bytes {
    unsigned char at[512];
    size_t size;
} bytes;

static bytes make(const char *header, const void *elements, size_t size) {
    bytes b = {.size = 0};
    size_t length = strlen(header);
    memcpy(b.at, "\x93NUMPY\x01\x00", 8);
    b.at[8] = (unsigned char)length;
    memcpy(b.at + 10, header, length);
    if (size > 0) memcpy(b.at + 10 + length, elements, size);
    b.size = 10 + length + size;
    return b;
}

static gr_tensor *parse(bytes b) { return gr_npy_parse(g, b.at, b.size, "t.npy"); }

static void fails(bytes b, const char *message) {
    gr_clear_error(g);
    ck_assert_ptr_null(parse(b));
    ck_assert_msg(strstr(gr_error(g), message) != NULL, "%s: expected %s", gr_error(g), message);
    ck_assert_ptr_nonnull(strstr(gr_error(g), "t.npy"));
}

#define HEADER(type, order, shape)                                                                 \
    "{'descr': '" type "', 'fortran_order': " order ", 'shape': (" shape "), }   \n"

START_TEST(reads_every_type) {
    const double wide[] = {0.1, -INFINITY};
    gr_tensor *t = parse(make(HEADER("<f8", "False", "2,"), wide, sizeof wide));
    ck_assert_msg(t != NULL, "%s", gr_error(g));
    ck_assert_int_eq(t->shape.ndim, 1);
    ck_assert_double_eq(gr_at(t, 0), (gr_real)0.1);
    ck_assert_double_eq(gr_at(t, 1), -INFINITY);
    const float narrow[] = {1.5f};
    t = parse(make(HEADER("<f4", "False", ""), narrow, sizeof narrow));
    ck_assert_int_eq(t->shape.ndim, 0);
    ck_assert_double_eq(gr_item(t), 1.5);
    const char *const headers[] = {HEADER("<i8", "False", "1,"), HEADER("<i4", "False", "1"),
                                   HEADER("<i2", "False", "1,"), HEADER("|i1", "False", "1,")};
    const int64_t minus_two = -2;
    for (int i = 0; i < 4; i++) {
        t = parse(make(headers[i], &minus_two, (size_t)8 >> i));
        ck_assert_msg(t != NULL, "%s", gr_error(g));
        ck_assert_int_eq(t->kind, GR_INDEX);
        ck_assert_int_eq(t->index[0], -2);
    }
    t = parse(make(HEADER("|u1", "False", "2"), "\xff\x01", 2));
    ck_assert_int_eq(t->index[0], 255);
    t = parse(make(HEADER("|b1", "False", "2"), "\x00\x01", 2));
    ck_assert_int_eq(t->index[1], 1);
    ck_assert(!gr_failed(g));
}
END_TEST

START_TEST(reads_both_orders) {
    const float x[] = {1, 2, 3, 4, 5, 6}, by_rows[] = {1, 3, 5, 2, 4, 6};
    gr_tensor *t = parse(make(HEADER("<f4", "True", "2, 3"), x, sizeof x));
    ck_assert_msg(t != NULL, "%s", gr_error(g));
    for (int i = 0; i < 6; i++) ck_assert_double_eq(gr_at(t, i), by_rows[i]);
    t = parse(make(HEADER("<f4", "False", "2, 3"), x, sizeof x));
    for (int i = 0; i < 6; i++) ck_assert_double_eq(gr_at(t, i), x[i]);
    t = parse(make(HEADER("<f4", "True", "0, 3"), x, 0));
    ck_assert_int_eq(t->size, 0);
}
END_TEST

START_TEST(damaged_files_are_errors) {
    const int64_t big = INT64_C(1) << 31, small = -(INT64_C(1) << 31) - 1;
    const float x[] = {1, 2};
    bytes good = make(HEADER("<f4", "False", "2,"), x, sizeof x);
    for (size_t n = 0; n < good.size; n++) {
        bytes cut = good;
        cut.size = n;
        fails(cut, "gr_npy_read");
    }
    fails(make(HEADER("<f4", "False", "1,"), x, sizeof x), "8 bytes of elements");
    fails(make(HEADER(">f4", "False", "2,"), x, sizeof x), ">f4");
    fails(make(HEADER("<c8", "False", "1,"), x, sizeof x), "<c8");
    fails(make(HEADER("<i8", "False", "1,"), &big, 8), "does not fit");
    fails(make(HEADER("<i8", "False", "1,"), &small, 8), "does not fit");
    fails(make(HEADER("<f4", "Maybe", "2,"), x, sizeof x), "fortran_order");
    fails(make(HEADER("<f4", "False", "-2,"), x, sizeof x), "dimension");
    fails(make(HEADER("<f4", "False", "99999999999,"), x, sizeof x), "dimension");
    fails(make(HEADER("<f4", "False", "2147483647, 2147483647, 2147483647, 2147483647"), x, 0),
          "bytes of elements");
    fails(make(HEADER("<f4", "False", "1,1,1,1,1,1,2"), x, sizeof x), "6 dimensions");
    fails(make("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2,), }", x, 8),
          "records");
    fails(make("{'fortran_order': False, 'shape': (2,), }", x, 8), "missing");
    fails(make("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), 'more': 1}", x, 8),
          "unknown");
    fails(make("{'descr': '<f4', 'fortran_order': False, 'shape': (2,) ", x, 8), "}");
    bytes other = good;
    other.at[6] = 9;
    fails(other, "not known");
    gr_clear_error(g);
    ck_assert_ptr_null(gr_npy_read(g, "/nowhere/x.npy"));
    ck_assert_ptr_nonnull(strstr(gr_error(g), "/nowhere/x.npy"));
}
END_TEST

START_TEST(what_is_written_can_be_read) {
    char path[] = "/tmp/gradus-npy-XXXXXX";
    int file = mkstemp(path);
    ck_assert_int_ge(file, 0);
    const gr_real x[] = {(gr_real)0.1, -2, NAN, INFINITY, 0, 1};
    const int32_t n[] = {INT32_MIN, INT32_MAX, -1};
    gr_tensor *t = gr_from(g, GR_SHAPE(1, 3, 2), x);
    ck_assert(gr_npy_write(t, path));
    gr_tensor *read = gr_npy_read(g, path);
    ck_assert_msg(read != NULL, "%s", gr_error(g));
    ck_assert(gr_shape_equal(read->shape, t->shape));
    ck_assert_int_eq(read->kind, GR_REAL);
    ck_assert_int_eq(memcmp(read->data, t->data, sizeof x), 0);
    ck_assert(gr_npy_write(gr_from_index(g, GR_SHAPE(3), n), path));
    read = gr_npy_read(g, path);
    ck_assert_int_eq(memcmp(read->index, n, sizeof n), 0);
    ck_assert(gr_npy_write(gr_scalar(g, 3), path));
    ck_assert_int_eq(gr_npy_read(g, path)->shape.ndim, 0);
    remove(path);
    ck_assert(!gr_npy_write(t, "/nowhere/x.npy"));
    ck_assert(gr_failed(g));
}
END_TEST

Suite *npy_suite(void) {
    Suite *s = suite_create("npy");
    TCase *c = tcase_create("npy");
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, reads_every_type);
    tcase_add_test(c, reads_both_orders);
    tcase_add_test(c, damaged_files_are_errors);
    tcase_add_test(c, what_is_written_can_be_read);
    suite_add_tcase(s, c);
    return s;
}
