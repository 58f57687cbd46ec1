/* CSV files, whole and damaged; splits and scaling. */
#include "core/data/csv.h"
#include "core/data/dataset.h"
#include "core/graph/random.h"
#include "core/ops/elementwise.h"

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
}

static gr_csv *parse(const char *text) {
    return gr_csv_parse(g, text, strlen(text), (gr_csv_options){.path = "t.csv", .separator = ','});
}

/* -- CSV -- */

START_TEST(csv_reads_numbers_and_text) {
    gr_csv *csv = parse("a,b,c\n1,x,1e-3\n-2.5,y,NA\n,x,7\n");
    ck_assert_ptr_nonnull(csv);
    ck_assert_int_eq(csv->rows, 3);
    ck_assert_int_eq(csv->columns, 3);
    const double *a = gr_csv_numbers(csv, "a"), *c = gr_csv_numbers(csv, "c");
    ck_assert_double_eq(a[0], 1);
    ck_assert_double_eq(a[1], -2.5);
    ck_assert(isnan(a[2]));
    ck_assert_double_eq(c[0], 1e-3);
    ck_assert(isnan(c[1]));
    const gr_csv_column *b = gr_csv_get(csv, "b");
    ck_assert_int_eq(b->n_categories, 2);
    ck_assert_str_eq(b->categories[0], "x");
    ck_assert_int_eq(b->category[1], 1);
    ck_assert_int_eq(b->first_text, 0);
    ck_assert_int_eq(csv->line[2], 4);
    ck_assert_int_eq(gr_csv_find(csv, "c"), 2);
    ck_assert_int_eq(gr_csv_find(csv, "d"), -1);
    ck_assert(!gr_failed(g));
}
END_TEST

START_TEST(csv_reads_quotes_marks_and_all_line_ends) {
    gr_csv *csv =
        parse("\xEF\xBB\xBFname,\"n, m\"\r\n\"say \"\"hi\"\"\nthere\",1\r\r\n\n\"\",2\r\nlast,3");
    ck_assert_msg(csv != NULL, "%s", gr_error(g));
    ck_assert_int_eq(csv->rows, 3);
    ck_assert_str_eq(csv->column[0].name, "name");
    ck_assert_str_eq(csv->column[1].name, "n, m");
    const gr_csv_column *name = gr_csv_get(csv, "name");
    ck_assert_int_eq(name->n_categories, 2);
    ck_assert_str_eq(name->categories[1], "say \"hi\"\nthere");
    ck_assert_int_eq(name->category[1], -1);
    ck_assert_double_eq(gr_csv_numbers(csv, "n, m")[2], 3);
    ck_assert_int_eq(csv->line[0], 2);
    ck_assert_int_eq(csv->line[1], 6);
    ck_assert_int_eq(csv->line[2], 7);
}
END_TEST

START_TEST(csv_takes_other_separators) {
    const char *text = "a;b\n1,5;2\n";
    gr_csv *csv = gr_csv_parse(g, text, strlen(text), (gr_csv_options){.separator = ';'});
    ck_assert_int_eq(csv->columns, 2);
    ck_assert_str_eq(gr_csv_get(csv, "a")->categories[0], "1,5");
    ck_assert_ptr_null(gr_csv_parse(g, text, strlen(text), (gr_csv_options){.separator = '"'}));
    ck_assert(gr_failed(g));
}
END_TEST

/* What is wrong with a file, and a part of the message that must say so. */
static const struct {
    const char *text, *message;
} damaged[] = {
    {"", "t.csv is empty"},
    {"\n\r\n", "t.csv is empty"},
    {"a,b\n1,2\n3\n", "t.csv:3: 1 field, expected 2"},
    {"a,b\n1,2,3\n", "t.csv:2: more than 2 fields"},
    {"a,,b\n", "t.csv:1: column 2 has no name"},
    {"a,b,a\n1,2,3\n", "t.csv:1: columns 1 and 3 are both called \"a\""},
    {"a,b\n1,\"2\n3,4\n", "t.csv:2: column 2: the quote that begins here is never closed"},
    {"a,b\n1,\"2\"x\n", "t.csv:2: column 2: 'x' after a closing quote"},
    {"\xFF\xFE"
     "a",
     "UTF-16"},
};

START_TEST(csv_says_what_is_wrong) {
    ck_assert_ptr_null(parse(damaged[_i].text));
    ck_assert_msg(strstr(gr_error(g), damaged[_i].message) != NULL, "%s", gr_error(g));
}
END_TEST

START_TEST(csv_refuses_zero_bytes) {
    ck_assert_ptr_null(
        gr_csv_parse(g, "a\n1\n\0", 5, (gr_csv_options){.path = "t", .separator = ','}));
    ck_assert_ptr_nonnull(strstr(gr_error(g), "t:3: a zero byte"));
}
END_TEST

START_TEST(csv_names_the_line_that_is_no_number) {
    gr_csv *csv = parse("a,b\n1,2\n\n3,12x\n");
    ck_assert_ptr_nonnull(csv);
    ck_assert_ptr_null(gr_csv_numbers(csv, "b"));
    ck_assert_str_eq(gr_error(g), "gr_csv_numbers: t.csv:4: column b: \"12x\", expected a number");
}
END_TEST

START_TEST(csv_names_the_column_that_is_not_there) {
    gr_csv *csv = parse("a\n1\n");
    ck_assert_ptr_null(gr_csv_tensor(csv, GR_NAMES("a", "z")));
    ck_assert_ptr_nonnull(strstr(gr_error(g), "t.csv has no column \"z\""));
}
END_TEST

/* Any prefix of a file, and a file with any one byte changed, is read or refused. */
START_TEST(csv_survives_damage) {
    const char text[] = "a,\"b b\",c\r\n1,\"x,\"\"y\"\"\",3\n4,NA,\n";
    size_t n = sizeof text - 1;
    const char bytes[] = {'"', ',', '\n', '\r', '\0', (char)0xFF, 'z'};
    for (size_t length = 0; length <= n; length++) {
        char *exact =
            malloc(length + 1); /* of the right size, so that valgrind sees reads beyond */
        memcpy(exact, text, length);
        gr_csv_parse(g, exact, length, (gr_csv_options){.separator = ','});
        gr_clear_error(g);
        for (size_t i = 0; i < length * sizeof bytes; i++) {
            memcpy(exact, text, length);
            exact[i / sizeof bytes] = bytes[i % sizeof bytes];
            gr_csv *csv = gr_csv_parse(g, exact, length, (gr_csv_options){.separator = ','});
            ck_assert(csv != NULL || gr_failed(g));
            gr_clear_error(g);
        }
        free(exact);
    }
}
END_TEST

START_TEST(csv_reads_huge_lines) {
    enum { FIELDS = 20000, LONG = 1 << 20 };
    char *text = malloc(2 * (FIELDS * 7 + 2) + LONG);
    char *at = text;
    for (int i = 0; i < FIELDS; i++) at += sprintf(at, "%s%d", i == 0 ? "" : ",", i);
    *at++ = '\n';
    for (int i = 0; i < FIELDS - 1; i++) at += sprintf(at, "%d,", i % 10);
    memset(at, 'x', LONG);
    at += LONG;
    gr_csv *csv = gr_csv_parse(g, text, (size_t)(at - text), (gr_csv_options){.separator = ','});
    free(text);
    ck_assert_msg(csv != NULL, "%s", gr_error(g));
    ck_assert_int_eq(csv->columns, FIELDS);
    ck_assert_uint_eq(strlen(gr_csv_get(csv, "19999")->categories[0]), LONG);
}
END_TEST

START_TEST(csv_reads_files) {
    char path[] = "/tmp/gradus-csv-XXXXXX";
    int descriptor = mkstemp(path);
    ck_assert_int_ge(descriptor, 0);
    FILE *file = fdopen(descriptor, "w");
    fputs("n\n", file);
    for (int i = 0; i < 30000; i++) fprintf(file, "%d\n", i);
    fclose(file);
    gr_csv *csv = gr_csv_read(g, path);
    remove(path);
    ck_assert_msg(csv != NULL, "%s", gr_error(g));
    ck_assert_int_eq(csv->rows, 30000);
    ck_assert_double_eq(gr_csv_numbers(csv, "n")[29999], 29999);
    ck_assert_ptr_null(gr_csv_read(g, path));
    ck_assert_ptr_nonnull(strstr(gr_error(g), "No such file"));
    gr_clear_error(g);
    ck_assert_ptr_null(gr_csv_read(g, "/"));
    ck_assert_ptr_nonnull(strstr(gr_error(g), "can't read /"));
}
END_TEST

/* Compresses the text as gzip does; returns how many bytes it became. */
static size_t compress_text(const char *text, char *to, size_t room) {
    z_stream z = {.next_in = (unsigned char *)text,
                  .avail_in = (uInt)strlen(text),
                  .next_out = (unsigned char *)to,
                  .avail_out = (uInt)room};
    ck_assert_int_eq(deflateInit2(&z, 9, Z_DEFLATED, 16 + MAX_WBITS, 9, Z_DEFAULT_STRATEGY), Z_OK);
    ck_assert_int_eq(deflate(&z, Z_FINISH), Z_STREAM_END);
    deflateEnd(&z);
    return z.total_out;
}

START_TEST(csv_reads_compressed_files) {
    static char text[200000] = "n\n", packed[sizeof text + 100];
    for (size_t i = 0, at = 2; i < 30000; i++)
        at += (size_t)snprintf(text + at, sizeof text - at, "%zu\n", i);
    size_t size = compress_text(text, packed, sizeof packed);
    /* A second member: then the size at the end is not that of the whole. */
    size += compress_text("-1\n", packed + size, sizeof packed - size);
    char path[] = "/tmp/gradus-csv-XXXXXX";
    int descriptor = mkstemp(path);
    ck_assert_int_ge(descriptor, 0);
    FILE *file = fdopen(descriptor, "wb");
    ck_assert_uint_eq(fwrite(packed, 1, size, file), size);
    fclose(file);
    gr_csv *csv = gr_csv_read(g, path);
    remove(path);
    ck_assert_msg(csv != NULL, "%s", gr_error(g));
    ck_assert_int_eq(csv->rows, 30001);
    ck_assert_double_eq(gr_csv_numbers(csv, "n")[29999], 29999);
    ck_assert_double_eq(gr_csv_numbers(csv, "n")[30000], -1);
    csv = gr_csv_parse(g, packed, size, (gr_csv_options){.separator = ','});
    ck_assert_msg(csv != NULL, "%s", gr_error(g));
    ck_assert_int_eq(csv->rows, 30001);
}
END_TEST

/* An error of its own for each damage, and none of the bytes behind the end is read. */
START_TEST(csv_refuses_damaged_compressed_files) {
    static const char *const errors[] = {
        "gr_csv_read: t.csv.gz: the compressed data ends too early",
        "gr_csv_read: t.csv.gz: incorrect data check",
        "gr_csv_read: t.csv.gz: something follows the compressed data"};
    for (int kind = 0; kind < 3; kind++) {
        char packed[100] = "";
        size_t size = compress_text("a,b\n1,2\n3,4\n", packed, sizeof packed);
        if (kind == 1) packed[size - 8] ^= 1;
        size = kind == 0 ? size - 9 : kind == 2 ? size + 1 : size;
        char *exact = malloc(size);
        memcpy(exact, packed, size);
        ck_assert_ptr_null(
            gr_csv_parse(g, exact, size, (gr_csv_options){.path = "t.csv.gz", .separator = ','}));
        free(exact);
        ck_assert_str_eq(gr_error(g), errors[kind]);
        gr_clear_error(g);
    }
}
END_TEST

START_TEST(csv_makes_tensors) {
    gr_csv *csv = parse("k,v,n\nb,1,2\na,,3\nNA,3,4\n");
    gr_tensor *t = gr_csv_tensor(csv, GR_NAMES("v", "k"));
    ck_assert(t->lasting);
    ck_assert_str_eq(gr_shape_text(t->shape).text, "(3,3)");
    const double expected[] = {1, 0, 1, NAN, 1, 0, 3, 0, 0};
    for (int i = 0; i < 9; i++) {
        if (isnan(expected[i]))
            ck_assert(isnan(gr_at(t, i)));
        else
            ck_assert_double_eq(gr_at(t, i), expected[i]);
    }
    ck_assert_int_eq(gr_csv_width(csv, "k"), 2);
    gr_tensor *n = gr_csv_labels(csv, "n");
    ck_assert_int_eq(n->kind, GR_INDEX);
    ck_assert_int_eq(n->index[2], 4);
    ck_assert_ptr_null(gr_csv_labels(csv, "k"));
    ck_assert_ptr_nonnull(strstr(gr_error(g), "t.csv:4: column k: a missing value"));
}
END_TEST

START_TEST(csv_of_a_header_alone_has_no_rows) {
    gr_csv *csv = parse("a,b");
    ck_assert_int_eq(csv->rows, 0);
    ck_assert_int_eq((int)gr_csv_tensor(csv, GR_NAMES("a", "b"))->size, 0);
}
END_TEST

START_TEST(csv_of_a_small_memory_fails_with_a_message) {
    for (size_t limit = 32 << 10; limit < 512 << 10; limit += 16 << 10) {
        gr_graph *small = gr_graph_new(.memory_limit = limit);
        char text[40000] = "a,b\n";
        for (int i = 4; i + 4 < (int)sizeof text; i += 4) memcpy(text + i, "1,x\n", 5);
        gr_csv *csv = gr_csv_parse(small, text, strlen(text), (gr_csv_options){.separator = ','});
        ck_assert((csv == NULL) == gr_failed(small));
        gr_graph_free(small);
    }
}
END_TEST

/* -- Splits -- */

START_TEST(split_gives_each_row_to_one_part) {
    gr_parts p = gr_split_rows(g, 103, .validation = 0.1, .test = 0.2);
    ck_assert_int_eq((int)p.train->size, 72);
    ck_assert_int_eq((int)p.validation->size, 10);
    ck_assert_int_eq((int)p.test->size, 21);
    int seen[103] = {0}, in_place = 0;
    gr_tensor *parts[] = {p.train, p.validation, p.test};
    for (int k = 0, at = 0; k < 3; k++)
        for (int i = 0; i < (int)parts[k]->size; i++, at++) {
            seen[parts[k]->index[i]]++;
            in_place += parts[k]->index[i] == at;
        }
    for (int i = 0; i < 103; i++) ck_assert_int_eq(seen[i], 1);
    ck_assert_int_lt(in_place, 20);
    gr_graph *same = gr_graph_new(.seed = 7);
    gr_parts q = gr_split_rows(same, 103, .validation = 0.1, .test = 0.2);
    ck_assert_mem_eq(p.train->index, q.train->index, 72 * sizeof(int32_t));
    gr_graph_free(same);
}
END_TEST

/* Classes of very unequal sizes, the rows mixed; of class k there are sizes[k]. */
enum { CLASSES = 5, LABELLED = 1 + 2 + 7 + 90 + 203 };
static const int sizes[CLASSES] = {1, 2, 7, 90, 203};
static gr_tensor *labelled_rows(void) {
    gr_tensor *order = gr_permutation(g, LABELLED), *labels = gr_permutation(g, LABELLED);
    for (int k = 0, i = 0; k < CLASSES; k++)
        for (int j = 0; j < sizes[k]; j++) labels->index[order->index[i++]] = 10 * k - 10;
    return labels;
}

START_TEST(split_keeps_shares_of_classes) {
    gr_tensor *labels = labelled_rows();
    gr_parts p = gr_split_rows(g, LABELLED, .validation = 0.25, .test = 0.1, .stratify = labels);
    ck_assert_msg(p.train != NULL, "%s", gr_error(g));
    gr_tensor *parts[] = {p.validation, p.test, p.train};
    const int expected[] = {76, 30, 197};
    int seen[LABELLED] = {0};
    for (int part = 0; part < 3; part++) {
        int of_class[CLASSES] = {0}, runs = 0, n = expected[part];
        ck_assert_int_eq((int)parts[part]->size, n);
        for (int i = 0; i < n; i++) {
            int row = parts[part]->index[i];
            seen[row]++;
            of_class[labels->index[row] / 10 + 1]++;
            runs += i > 0 && labels->index[row] != labels->index[parts[part]->index[i - 1]];
        }
        for (int k = 0; k < CLASSES; k++)
            ck_assert_double_lt(fabs(of_class[k] - (double)n * sizes[k] / LABELLED),
                                part == 0 ? 1 : 2);
        ck_assert_int_gt(runs, n / 6); /* no part comes class by class */
    }
    for (int i = 0; i < LABELLED; i++) ck_assert_int_eq(seen[i], 1);
}
END_TEST

START_TEST(split_by_class_of_few_rows) {
    gr_tensor *one = gr_from_index(g, GR_SHAPE(1), (int32_t[]){3});
    gr_parts p = gr_split_rows(g, 1, .test = 1, .stratify = one);
    ck_assert_int_eq((int)p.test->size, 1);
    gr_tensor *none = gr_from_index(g, GR_SHAPE(0), NULL);
    p = gr_split_rows(g, 0, .validation = 0.5, .stratify = none);
    ck_assert_msg(p.train != NULL && p.train->size == 0, "%s", gr_error(g));
    gr_tensor *alike = gr_from_index(g, GR_SHAPE(4), (int32_t[]){2, 2, 2, 2});
    p = gr_split_rows(g, 4, .validation = 0.5, .test = 0.5, .stratify = alike);
    ck_assert_int_eq((int)p.validation->size, 2);
    ck_assert_int_eq((int)p.train->size, 0);
    ck_assert_ptr_null(gr_split_rows(g, 3, .stratify = alike).train);
    ck_assert_str_eq(gr_error(g),
                     "gr_split_rows: stratify (4), expected integers (3), one for each row");
    gr_clear_error(g);
    ck_assert_ptr_null(gr_split_rows(g, 4, .stratify = gr_zeros(g, GR_SHAPE(4))).train);
    ck_assert_str_eq(gr_error(g),
                     "gr_split_rows: stratify (4) holds real numbers, expected integers (N)");
}
END_TEST

START_TEST(split_refuses_impossible_shares) {
    ck_assert_ptr_null(gr_split_rows(g, 10, .validation = 0.7, .test = 0.7).train);
    ck_assert(gr_failed(g));
    gr_clear_error(g);
    ck_assert_ptr_null(gr_split_rows(g, 10, .test = NAN).train);
    ck_assert(gr_failed(g));
    gr_clear_error(g);
    gr_parts p = gr_split_rows(g, 1, .validation = 0.5, .test = 0.5);
    ck_assert_int_eq((int)(p.train->size + p.validation->size + p.test->size), 1);
    ck_assert_int_eq((int)gr_split_rows(g, 0).train->size, 0);
    ck_assert(!gr_failed(g));
}
END_TEST

START_TEST(rows_are_taken_in_order) {
    gr_tensor *x = gr_from(g, GR_SHAPE(3, 2), (gr_real[]){0, 1, 2, 3, 4, 5});
    gr_tensor *rows = gr_from_index(g, GR_SHAPE(4), (int32_t[]){2, 0, 2, 1});
    gr_tensor *t = gr_take_rows(x, rows);
    ck_assert(t->lasting);
    const double expected[] = {4, 5, 0, 1, 4, 5, 2, 3};
    for (int i = 0; i < 8; i++) ck_assert_double_eq(gr_at(t, i), expected[i]);
    gr_tensor *labels = gr_from_index(g, GR_SHAPE(3), (int32_t[]){7, 8, 9});
    ck_assert_int_eq(gr_take_rows(labels, rows)->index[0], 9);
    ck_assert_ptr_null(gr_take_rows(x, gr_from_index(g, GR_SHAPE(1), (int32_t[]){3})));
    ck_assert_ptr_nonnull(strstr(gr_error(g), "rows[0] is 3, expected 0 to 2"));
    gr_clear_error(g);
    ck_assert_ptr_null(gr_take_rows(x, NULL));
    ck_assert_ptr_null(gr_take_rows(NULL, rows));
    ck_assert_ptr_null(gr_take_rows(x, x));
    ck_assert_ptr_nonnull(strstr(gr_error(g), "expected rows, and integers (K)"));
}
END_TEST

/* -- Scaling -- */

START_TEST(scaler_standardises_and_inverts) {
    /* columns: 1 2 3 with a missing one; constant; one far off with little spread */
    gr_tensor *x =
        gr_from(g, GR_SHAPE(4, 3),
                (gr_real[]){1, 0.1f, 5000, 2, 0.1f, 5001, 3, 0.1f, 5002, NAN, 0.1f, 5003});
    gr_scaler *s = gr_scaler_fit(x, .fill_missing = true);
    ck_assert_double_eq(gr_at(s->mean, 0), 2);
    ck_assert_double_eq_tol(gr_at(s->deviation, 0), sqrt(2.0 / 3), 1e-6);
    ck_assert_double_eq(gr_at(s->deviation, 1), 1);
    ck_assert_double_eq_tol(gr_at(s->deviation, 2), sqrt(1.25), 1e-6);
    gr_tensor *scaled = gr_scaler_apply(s, x);
    ck_assert_double_eq_tol(gr_at(scaled, 0), -sqrt(1.5), 1e-6);
    ck_assert_double_eq(gr_at(scaled, 9), 0);
    for (int row = 0; row < 4; row++) ck_assert_double_eq(gr_at(scaled, 3 * row + 1), 0);
    gr_tensor *back = gr_scaler_invert(s, scaled);
    for (int i = 0; i < 12; i++)
        if (i != 9) ck_assert_double_eq_tol(gr_at(back, i), gr_at(x, i), 1e-3);
    ck_assert_double_eq(gr_at(back, 9), 2);
    gr_scaler *plain = gr_scaler_fit(x);
    ck_assert(isnan(gr_at(gr_scaler_apply(plain, x), 9)));
}
END_TEST

START_TEST(scaler_survives_extremes) {
    gr_tensor *x = gr_from(g, GR_SHAPE(2, 3), (gr_real[]){3e38f, 1e-44f, NAN, -3e38f, 0, NAN});
    gr_scaler *s = gr_scaler_fit(x, .fill_missing = true);
    gr_tensor *scaled = gr_scaler_apply(s, x);
    for (int i = 0; i < 6; i++) ck_assert_msg(isfinite(gr_at(scaled, i)), "%d", i);
    ck_assert_double_eq_tol(gr_at(scaled, 0), 1, 1e-6);
    ck_assert_ptr_null(gr_scaler_fit(gr_full(g, GR_SHAPE(2, 1), INFINITY)));
    ck_assert_ptr_nonnull(strstr(gr_error(g), "infinite"));
    gr_clear_error(g);
    ck_assert_ptr_null(gr_scaler_fit(gr_zeros(g, GR_SHAPE(0, 3))));
    ck_assert(gr_failed(g));
}
END_TEST

Suite *data_suite(void) {
    Suite *suite = suite_create("data");
    TCase *csv = tcase_create("csv"), *split = tcase_create("split"),
          *scale = tcase_create("scale");
    TCase *cases[] = {csv, split, scale};
    for (int i = 0; i < 3; i++) {
        tcase_add_checked_fixture(cases[i], setup, teardown);
        suite_add_tcase(suite, cases[i]);
    }
    tcase_add_test(csv, csv_reads_numbers_and_text);
    tcase_add_test(csv, csv_reads_quotes_marks_and_all_line_ends);
    tcase_add_test(csv, csv_takes_other_separators);
    tcase_add_loop_test(csv, csv_says_what_is_wrong, 0, (int)(sizeof damaged / sizeof *damaged));
    tcase_add_test(csv, csv_refuses_zero_bytes);
    tcase_add_test(csv, csv_names_the_line_that_is_no_number);
    tcase_add_test(csv, csv_names_the_column_that_is_not_there);
    tcase_add_test(csv, csv_survives_damage);
    tcase_add_test(csv, csv_reads_huge_lines);
    tcase_add_test(csv, csv_reads_files);
    tcase_add_test(csv, csv_reads_compressed_files);
    tcase_add_test(csv, csv_refuses_damaged_compressed_files);
    tcase_add_test(csv, csv_makes_tensors);
    tcase_add_test(csv, csv_of_a_header_alone_has_no_rows);
    tcase_add_test(csv, csv_of_a_small_memory_fails_with_a_message);
    tcase_add_test(split, split_gives_each_row_to_one_part);
    tcase_add_test(split, split_keeps_shares_of_classes);
    tcase_add_test(split, split_by_class_of_few_rows);
    tcase_add_test(split, split_refuses_impossible_shares);
    tcase_add_test(split, rows_are_taken_in_order);
    tcase_add_test(scale, scaler_standardises_and_inverts);
    tcase_add_test(scale, scaler_survives_extremes);
    return suite;
}
