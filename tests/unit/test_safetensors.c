/* safetensors files: PyTorch's, our own, damaged ones, and those that can't be written. */
#include "core/data/safetensors.h"

#include <check.h>
#include <fcntl.h>
#include <math.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/graph/random.h"
#include "tests/unit/files.h"
#include "tests/unit/modules.h"
#include "tests/unit/suites.h"

static gr_graph *g;
static file_bytes bytes, changed;

static void setup(void) {
    g = gr_graph_new(.seed = 7);
    scratch_make();
}

static void teardown(void) {
    scratch_remove();
    gr_graph_free(g);
    g = NULL;
}

static void expect_error(const char *call, const char *message) {
    ck_assert_msg(strcmp(gr_error(g), message) == 0, "%s:\n  said     \"%s\"\n  expected \"%s\"",
                  call, gr_error(g), message);
    gr_clear_error(g);
}
#define FAILS(call, message)                                                                       \
    do {                                                                                           \
        ck_assert_msg(!(call), "%s", #call);                                                       \
        expect_error(#call, message);                                                              \
    } while (0)

static const char *said(const char *format, const char *path) {
    static char text[512];
    snprintf(text, sizeof text, format, path);
    return text;
}

/* -- What other programs wrote -- */

static void same_integers(const gr_tensor *t, const cJSON *expected) {
    const cJSON *item;
    int i = 0;
    cJSON_ArrayForEach(item, cJSON_GetObjectItem(expected, "data")) {
        ck_assert_int_eq(t->kind, GR_INDEX);
        ck_assert_msg(t->index[i] == (int32_t)item->valuedouble, "%s: element %d is %d", t->name, i,
                      t->index[i]);
        i++;
    }
    ck_assert_int_eq(i, (int)t->size);
}

static void same_reals(const gr_tensor *t, const cJSON *expected) {
    const cJSON *item;
    int i = 0;
    cJSON_ArrayForEach(item, cJSON_GetObjectItem(expected, "data")) {
        double a = gr_at(t, i), b = (gr_real)oracle_number(item);
        ck_assert_int_eq(t->kind, GR_REAL);
        ck_assert_msg(a == b || (isnan(a) && isnan(b)), "%s: element %d is %g, expected %g",
                      t->name, i, a, b);
        i++;
    }
    ck_assert_int_eq(i, (int)t->size);
}

START_TEST(every_type_is_read) {
    cJSON *file = oracle_read("tests/oracle/weights.json");
    gr_safetensors *s = gr_safetensors_read(g, "tests/oracle/weights/types.safetensors");
    ck_assert_msg(s != NULL, "%s", gr_error(g));
    const cJSON *expected,
        *list = cJSON_GetObjectItem(oracle_find(file, "weights", "types"), "expected");
    cJSON_ArrayForEach(expected, list) {
        const gr_tensor *t =
            gr_safetensors_get(s, cJSON_GetObjectItem(expected, "name")->valuestring);
        ck_assert_msg(t != NULL, "%s", gr_error(g));
        ck_assert(gr_shape_equal(t->shape, oracle_tensor(g, expected)->shape));
        ck_assert(t->lasting);
        if (cJSON_IsTrue(cJSON_GetObjectItem(expected, "index")))
            same_integers(t, expected);
        else
            same_reals(t, expected);
    }
    ck_assert_int_eq(s->tensors.n, cJSON_GetArraySize(list));
    ck_assert_int_eq(s->metadata.n, 2);
    ck_assert_str_eq(gr_safetensors_metadata(s, "made by"), "weights.py");
    ck_assert_str_eq(gr_safetensors_metadata(s, "ümlaut"), "\"ä\"\n");
    ck_assert_ptr_null(gr_safetensors_metadata(s, "made"));
    ck_assert(!gr_failed(g));
    FAILS(gr_safetensors_get(s, "f65"),
          "gr_safetensors_get: tests/oracle/weights/types.safetensors holds no f65");
    cJSON_Delete(file);
}
END_TEST

/* -- Our own -- */

static const gr_real x_data[] = {(gr_real)0.1, -2, NAN, INFINITY, (gr_real)-0.0, 1};
static const int32_t n_data[] = {INT32_MIN, INT32_MAX, -1};

/* Six reals, three integers, a scalar and nothing, with metadata. */
static bool write_some(const char *path) {
    return gr_safetensors_write(g, path,
                                GR_LIST(gr_name(gr_from_index(g, GR_SHAPE(3), n_data), "n"),
                                        gr_name(gr_from(g, GR_SHAPE(3, 2), x_data), "the \"x\""),
                                        gr_name(gr_scalar(g, 3), "scalar"),
                                        gr_name(gr_zeros(g, GR_SHAPE(2, 0)), "empty")),
                                .metadata = GR_METADATA({"b", "2\\"}, {"a", ""}));
}

START_TEST(what_is_written_can_be_read) {
    const char *path = scratch_path("some.safetensors");
    ck_assert_msg(write_some(path), "%s", gr_error(g));
    gr_safetensors *s = gr_safetensors_read(g, path);
    ck_assert_msg(s != NULL, "%s", gr_error(g));
    ck_assert_int_eq(s->tensors.n, 4);
    const gr_tensor *x = gr_safetensors_get(s, "the \"x\""), *n = gr_safetensors_get(s, "n");
    ck_assert_int_eq(memcmp(x->data, x_data, sizeof x_data), 0);
    ck_assert_int_eq(memcmp(n->index, n_data, sizeof n_data), 0);
    ck_assert(gr_shape_equal(x->shape, GR_SHAPE(3, 2)) && gr_shape_equal(n->shape, GR_SHAPE(3)));
    ck_assert_int_eq(gr_safetensors_get(s, "scalar")->shape.ndim, 0);
    ck_assert_double_eq(gr_item(gr_safetensors_get(s, "scalar")), 3);
    ck_assert(gr_shape_equal(gr_safetensors_get(s, "empty")->shape, GR_SHAPE(2, 0)));
    ck_assert_int_eq(s->metadata.n, 2);
    ck_assert_str_eq(s->metadata.items[0].key, "a");
    ck_assert_str_eq(gr_safetensors_metadata(s, "b"), "2\\");
    ck_assert(!file_exists(scratch_path("some.safetensors.tmp")));
    file_load(path, &bytes);
    ck_assert_uint_eq(safetensors_data_begin(&bytes) % 8, 0);
    ck_assert(gr_safetensors_write(g, path, (gr_list){0, NULL}));
    s = gr_safetensors_read(g, path);
    ck_assert_msg(s != NULL && s->tensors.n == 0, "%s", gr_error(g));
}
END_TEST

START_TEST(files_have_the_usual_rights) {
    const char *path = scratch_path("some.safetensors");
    mode_t mask = umask(022);
    ck_assert(write_some(path));
    umask(mask);
    struct stat about;
    ck_assert_int_eq(stat(path, &about), 0);
    ck_assert_int_eq(about.st_mode & 0777, 0644);
}
END_TEST

START_TEST(every_cut_is_an_error) {
    ck_assert(write_some(scratch_path("some.safetensors")));
    file_load(scratch_path("some.safetensors"), &bytes);
    for (size_t n = 0; n < bytes.size; n++) {
        ck_assert_ptr_null(gr_safetensors_parse(g, bytes.at, n, "cut"));
        ck_assert_ptr_nonnull(strstr(gr_error(g), "gr_safetensors_read: cut: "));
        gr_clear_error(g);
    }
    ck_assert_ptr_nonnull(gr_safetensors_parse(g, bytes.at, bytes.size, "whole"));
    FAILS(gr_safetensors_parse(g, bytes.at, bytes.size + 1, "longer"),
          sizeof(gr_real) == 4
              ? "gr_safetensors_read: longer: 41 bytes of data, of which the tensors have 40"
              : "gr_safetensors_read: longer: 69 bytes of data, of which the tensors have 68");
}
END_TEST

/* Every bit of the data, and every byte of the whole replaced by others. */
START_TEST(changed_bytes_are_noticed) {
    ck_assert(write_some(scratch_path("some.safetensors")));
    file_load(scratch_path("some.safetensors"), &bytes);
    size_t data = safetensors_data_begin(&bytes);
    int errors = 0, tries = 0;
    for (size_t i = data; i < bytes.size; i++)
        for (int bit = 0; bit < 8; bit++) {
            changed = bytes;
            changed.at[i] ^= (unsigned char)(1 << bit);
            ck_assert_ptr_null(gr_safetensors_parse(g, changed.at, changed.size, "flipped"));
            ck_assert_ptr_nonnull(strstr(gr_error(g), " is damaged: its checksum is "));
            gr_clear_error(g);
        }
    for (size_t i = 0; i < bytes.size; i++)
        for (int k = 0; k < 8; k++, tries++) {
            changed = bytes;
            changed.at[i] ^= (unsigned char)(1 + gr_random_below(g, 255));
            if (gr_safetensors_parse(g, changed.at, changed.size, "flipped") != NULL) continue;
            ck_assert(gr_failed(g));
            gr_clear_error(g);
            errors++;
        }
    printf("safetensors: %d of %d changed bytes are errors, and all %d bits of the data\n", errors,
           tries, 8 * (int)(bytes.size - data));
    ck_assert_int_gt(errors, tries / 2);
}
END_TEST

START_TEST(checksums) {
    gr_tensor *n = gr_name(gr_from_index(g, GR_SHAPE(3), n_data), "n");
    ck_assert(gr_safetensors_write(g, scratch_path("n"), GR_LIST(n)));
    file_load(scratch_path("n"), &bytes);
    bytes.at[bytes.size - 1] ^= 0x10;
    FAILS(gr_safetensors_parse(g, bytes.at, bytes.size, "f"),
          "gr_safetensors_read: f: n is damaged: its checksum is f5b766a3, expected e80076c7");
}
END_TEST

/* -- Headers made by hand -- */

typedef struct bad_header {
    const char *header;
    size_t data; /* bytes that follow */
    const char *message;
} bad_header;

#define W "{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}"
#define TENSOR(dtype, shape, offsets)                                                              \
    "{\"w\":{\"dtype\":" dtype ",\"shape\":" shape ",\"data_offsets\":" offsets "}}"
#define TYPES ", expected F64, F32, F16, BF16, BOOL, or integers I8 to I64 and U8 to U64"

static const bad_header bad_headers[] = {
    {"", 0, "its header does not begin with {"},
    {" {}", 0, "its header does not begin with {"},
    {"[1]", 0, "its header does not begin with {"},
    {"{\"w\":" W, 4, "its header is no JSON object, filled up with spaces"},
    {"{\"w\":" W "}\n", 4, "its header is no JSON object, filled up with spaces"},
    {"{\"w\":" W "} {}", 4, "its header is no JSON object, filled up with spaces"},
    {"{'w':" W "}", 4, "its header is no JSON object, filled up with spaces"},
    {"{\"w\":" W ",\"w\":" W "}", 4, "w begins at byte 0 of the data, expected 4, where w ends"},
    {"{\"w\":" W ",\"w\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}", 8,
     "w is there twice"},
    {"{\"w\":3}", 0, "w is no object of dtype, shape and data_offsets"},
    {"{\"w\":{\"dtype\":\"F32\",\"shape\":[1]}}", 4,
     "w is no object of dtype, shape and data_offsets"},
    {"{\"w\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4],\"more\":1}}", 4,
     "w is no object of dtype, shape and data_offsets"},
    {"{\"w\":{\"dtype\":\"F32\",\"shape\":[1],\"offsets\":[0,4]}}", 4,
     "w: data_offsets are no integers 0 <= begin <= end <= 4, the bytes of data"},
    {"{\"w\":{\"Dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "w has no dtype"},
    {TENSOR("4", "[1]", "[0,4]"), 4, "w has no dtype"},
    {TENSOR("\"F8_E4M3\"", "[4]", "[0,4]"), 4, "w is of the type F8_E4M3" TYPES},
    {TENSOR("\"f32\"", "[1]", "[0,4]"), 4, "w is of the type f32" TYPES},
    {TENSOR("\"F32\"", "1", "[0,4]"), 4, "w has no shape"},
    {TENSOR("\"F32\"", "[1,1,1,1,1,1,1]", "[0,4]"), 4, "w has 7 dimensions, expected at most 6"},
    {TENSOR("\"F32\"", "[1,-1]", "[0,4]"), 4, "w: dimension 1 is no integer from 0 to 2147483647"},
    {TENSOR("\"F32\"", "[2147483648]", "[0,4]"), 4,
     "w: dimension 0 is no integer from 0 to 2147483647"},
    {TENSOR("\"F32\"", "[0.5]", "[0,4]"), 4, "w: dimension 0 is no integer from 0 to 2147483647"},
    {TENSOR("\"F32\"", "[\"1\"]", "[0,4]"), 4, "w: dimension 0 is no integer from 0 to 2147483647"},
    {TENSOR("\"F32\"", "[2147483647,2147483647,2147483647,2147483647]", "[0,4]"), 4,
     "w (2147483647,2147483647,2147483647,2147483647) has too many elements, expected at most "
     "2^40"},
    {TENSOR("\"F32\"", "[1]", "[0,5]"), 4,
     "w: data_offsets are no integers 0 <= begin <= end <= 4, the bytes of data"},
    {TENSOR("\"F32\"", "[1]", "[4,0]"), 4,
     "w: data_offsets are no integers 0 <= begin <= end <= 4, the bytes of data"},
    {TENSOR("\"F32\"", "[1]", "[-4,0]"), 4,
     "w: data_offsets are no integers 0 <= begin <= end <= 4, the bytes of data"},
    {TENSOR("\"F32\"", "[1]", "[0,1e300]"), 4,
     "w: data_offsets are no integers 0 <= begin <= end <= 4, the bytes of data"},
    {TENSOR("\"F32\"", "[1]", "[0]"), 4,
     "w: data_offsets are no integers 0 <= begin <= end <= 4, the bytes of data"},
    {TENSOR("\"F32\"", "[1]", "[0,4,8]"), 8,
     "w: data_offsets are no integers 0 <= begin <= end <= 8, the bytes of data"},
    {TENSOR("\"F32\"", "[2]", "[0,4]"), 4, "w, F32 (2), has 4 bytes, expected 8"},
    {TENSOR("\"I16\"", "[2,0]", "[0,4]"), 4, "w, I16 (2,0), has 4 bytes, expected 0"},
    {TENSOR("\"F32\"", "[1]", "[4,8]"), 8,
     "w begins at byte 4 of the data, expected 0, where the header ends"},
    {TENSOR("\"F32\"", "[1]", "[0,4]"), 8, "8 bytes of data, of which the tensors have 4"},
    {"{}", 1, "1 bytes of data, of which the tensors have 0"},
    {"{\"w\":" W ",\"v\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[8,12]}}", 12,
     "v begins at byte 8 of the data, expected 4, where w ends"},
    {"{\"w\":" W ",\"v\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[2,6]}}", 6,
     "v begins at byte 2 of the data, expected 4, where w ends"},
    {"{\"__metadata__\":[]}", 0, "__metadata__ is no object"},
    {"{\"__metadata__\":{\"a\":1}}", 0, "__metadata__: a is no string"},
    {"{\"__metadata__\":{\"a\":\"\",\"b\":\"\",\"a\":\"\"}}", 0, "__metadata__: a is there twice"},
    {"{\"__metadata__\":{},\"__metadata__\":{}}", 0, "__metadata__ is there twice"},
    {"{\"__metadata__\":{\"crc32.v\":\"2144df1c\"},\"w\":" W "}", 4,
     "there is a checksum of v, but no such tensor"},
    {"{\"__metadata__\":{\"crc32.w\":\"2144df1c\"},\"w\":" W
     ",\"v\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[4,4]}}",
     4, "v has no checksum, which others have"},
    {"{\"__metadata__\":{\"crc32.w\":\"2144df1d\"},\"w\":" W "}", 4,
     "w is damaged: its checksum is 2144df1c, expected 2144df1d"},
};
enum { BAD_HEADERS = sizeof bad_headers / sizeof *bad_headers };

static void make_file(const char *header, size_t data) {
    size_t length = strlen(header);
    memset(&bytes, 0, sizeof bytes);
    bytes.at[0] = (unsigned char)length;
    bytes.at[1] = (unsigned char)(length >> 8);
    memcpy(bytes.at + 8, header, length);
    bytes.size = 8 + length + data;
}

static gr_safetensors *parse_file(const char *header, size_t data) {
    make_file(header, data);
    return gr_safetensors_parse(g, bytes.at, bytes.size, "t");
}

START_TEST(bad_headers_are_errors) {
    for (int i = 0; i < BAD_HEADERS; i++) {
        const bad_header *bad = &bad_headers[i];
        char message[512];
        snprintf(message, sizeof message, "gr_safetensors_read: t: %s", bad->message);
        ck_assert_msg(parse_file(bad->header, bad->data) == NULL, "%s", bad->header);
        expect_error(bad->header, message);
    }
    printf("safetensors: %d bad headers\n", BAD_HEADERS);
    /* what is right, though unusual */
    ck_assert_ptr_nonnull(parse_file("{}    ", 0));
    ck_assert_ptr_nonnull(parse_file("{\"__metadata__\":{}}", 0));
    ck_assert_ptr_nonnull(
        parse_file("{\"__metadata__\":{\"crc32.w\":\"2144df1c\"},\"w\":" W "}", 4));
    ck_assert_ptr_nonnull(
        parse_file("{\"v\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]},\"w\":" W
                   ",\"u\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[4,4]}}",
                   8));
    ck_assert(!gr_failed(g));
}
END_TEST

START_TEST(lengths) {
    make_file(TENSOR("\"F32\"", "[1]", "[0,4]"), 4);
    bytes.at[0]++; /* the header takes a byte of the data, which is no space */
    FAILS(gr_safetensors_parse(g, bytes.at, bytes.size, "t"),
          "gr_safetensors_read: t: its header is no JSON object, filled up with spaces");
    FAILS(gr_safetensors_parse(g, bytes.at, 7, "t"),
          "gr_safetensors_read: t: 7 bytes, expected at least 8");
    bytes.at[7] = 0xff;
    FAILS(gr_safetensors_parse(g, bytes.at, 20, "t"),
          "gr_safetensors_read: t: a header of 18374686479671623735 bytes, of which 12 are there");
    FAILS(gr_safetensors_parse(g, NULL, 20, "t"), "gr_safetensors_parse: bytes is NULL");
}
END_TEST

START_TEST(integers_must_fit) {
    const int64_t large = INT64_C(1) << 31, small = -large - 1, fits = -large;
    const char *header = "{\"n\":{\"dtype\":\"I64\",\"shape\":[1,2],\"data_offsets\":[0,16]}}";
    make_file(header, 16);
    memcpy(bytes.at + bytes.size - 8, &large, 8);
    FAILS(gr_safetensors_parse(g, bytes.at, bytes.size, "t"),
          "gr_safetensors_read: t: n: element (0,1) does not fit into 32 bits");
    memcpy(bytes.at + bytes.size - 8, &small, 8);
    FAILS(gr_safetensors_parse(g, bytes.at, bytes.size, "t"),
          "gr_safetensors_read: t: n: element (0,1) does not fit into 32 bits");
    memcpy(bytes.at + bytes.size - 8, &fits, 8);
    gr_safetensors *s = gr_safetensors_parse(g, bytes.at, bytes.size, "t");
    ck_assert_msg(s != NULL, "%s", gr_error(g));
    ck_assert_int_eq(s->tensors.items[0]->index[1], INT32_MIN);
}
END_TEST

/* -- What can't be opened or written -- */

START_TEST(files_that_cannot_be_read) {
    FAILS(gr_safetensors_read(g, NULL), "gr_safetensors_read: path is NULL");
    FAILS(gr_safetensors_read(g, "/nowhere/x"),
          "gr_safetensors_read: can't open /nowhere/x: No such file or directory");
    FAILS(gr_safetensors_read(g, "/dev/zero"),
          "gr_safetensors_read: /dev/zero: this is no plain file");
    FAILS(gr_safetensors_read(g, "/tmp"), "gr_safetensors_read: /tmp: this is no plain file");
    file_write(scratch_path("empty"), "", 0);
    FAILS(gr_safetensors_read(g, scratch_path("empty")),
          said("gr_safetensors_read: %s: 0 bytes, expected at least 8", scratch_path("empty")));
}
END_TEST

START_TEST(what_cannot_be_written) {
    gr_tensor *x = gr_name(gr_zeros(g, GR_SHAPE(2)), "x"), *none = gr_zeros(g, GR_SHAPE(2, 3));
    const char *path = scratch_path("x");
    FAILS(gr_safetensors_write(g, NULL, GR_LIST(x)), "gr_safetensors_write: path is NULL");
    FAILS(gr_safetensors_write(g, path, GR_LIST(x, NULL)),
          "gr_safetensors_write: tensor 1 is NULL");
    FAILS(gr_safetensors_write(g, path, GR_LIST(x, none)),
          sizeof(gr_real) == 4 ? "gr_safetensors_write: tensor 1, F32 (2,3), has no name"
                               : "gr_safetensors_write: tensor 1, F64 (2,3), has no name");
    FAILS(gr_safetensors_write(g, path, GR_LIST(x, x)),
          "gr_safetensors_write: two tensors are called x");
    FAILS(gr_safetensors_write(g, path, GR_LIST(gr_name(none, "__metadata__"))),
          "gr_safetensors_write: no tensor can be called __metadata__");
    FAILS(gr_safetensors_write(g, path, GR_LIST(x), .metadata = GR_METADATA({"a", NULL})),
          "gr_safetensors_write: the value of metadata 0 is NULL");
    FAILS(gr_safetensors_write(g, path, GR_LIST(x), .metadata = GR_METADATA({NULL, "a"})),
          "gr_safetensors_write: the key of metadata 0 is NULL");
    FAILS(
        gr_safetensors_write(g, path, GR_LIST(x), .metadata = GR_METADATA({"a", "b"}, {"a", "c"})),
        "gr_safetensors_write: metadata a is there twice");
    FAILS(gr_safetensors_write(g, path, GR_LIST(x), .metadata = GR_METADATA({"crc32.x", "b"})),
          "gr_safetensors_write: metadata crc32.x: keys that begin with crc32. are checksums");
    FAILS(gr_safetensors_write(g, "/nowhere/x", GR_LIST(x)),
          "gr_safetensors_write: can't write /nowhere/x: No such file or directory");
    FAILS(gr_safetensors_write(g, "/dev/full", GR_LIST(x)),
          "gr_safetensors_write: can't write /dev/full: No space left on device");
    ck_assert(!file_exists(path) && !file_exists("/dev/full.tmp"));
    gr_fail(g, "before");
    FAILS(gr_safetensors_write(g, path, GR_LIST(x)), "before");
    ck_assert(!gr_safetensors_write(NULL, path, GR_LIST(x)));
    ck_assert(!file_exists(path));
}
END_TEST

/* The file of write_some stays as it is. */
static void expect_old_file(const char *path) {
    file_load(path, &changed);
    ck_assert_uint_eq(changed.size, bytes.size);
    ck_assert_int_eq(memcmp(changed.at, bytes.at, bytes.size), 0);
}

START_TEST(a_full_disk_leaves_the_old_file) {
    const char *path = scratch_path("some.safetensors");
    ck_assert(write_some(path));
    file_load(path, &bytes);
    gr_tensor *large = gr_name(gr_zeros(g, GR_SHAPE(5000)), "large");
    static const size_t limits[] = {0, 1, 9, 100, 4096, 19000};
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        limit_file_size(limits[i]);
        bool written = gr_safetensors_write(g, path, GR_LIST(large));
        unlimit_file_size();
        ck_assert(!written);
        expect_error("write", said("gr_safetensors_write: can't write %s: File too large", path));
        ck_assert(!file_exists(scratch_path("some.safetensors.tmp")));
        expect_old_file(path);
    }
    ck_assert_msg(gr_safetensors_write(g, path, GR_LIST(large)), "%s", gr_error(g));
    ck_assert_int_eq(gr_safetensors_read(g, path)->tensors.n, 1);
}
END_TEST

START_TEST(one_writer_at_a_time) {
    const char *path = scratch_path("some.safetensors"),
               *temporary = scratch_path("some.safetensors.tmp");
    file_write(temporary, "left by a process that was killed", 33);
    ck_assert_msg(write_some(path), "%s", gr_error(g));
    ck_assert(!file_exists(temporary));
    file_load(path, &bytes);
    int other = open(temporary, O_WRONLY | O_CREAT, 0666);
    ck_assert_int_eq(flock(other, LOCK_EX), 0);
    FAILS(write_some(path),
          said("gr_safetensors_write: can't write %s: another process is writing it", path));
    ck_assert(file_exists(temporary));
    expect_old_file(path);
    close(other);
    ck_assert(write_some(path));
    ck_assert_int_eq(symlink("/dev/null", temporary), 0);
    FAILS(write_some(path), said("gr_safetensors_write: can't write %s: Too many levels of "
                                 "symbolic links",
                                 path));
    expect_old_file(path);
}
END_TEST

/* Whatever the limit at which memory ends. */
START_TEST(no_memory) {
    const char *path = scratch_path("some.safetensors"), *other = scratch_path("x");
    ck_assert(write_some(path));
    gr_graph *empty = gr_graph_new(.threads = 1);
    size_t least = gr_memory_use(empty).reserved;
    gr_graph_free(empty);
    int reads = 0, writes = 0, limits = 0;
    for (size_t limit = least; limit < least + 100000; limit += 1000, limits++) {
        gr_graph *small = gr_graph_new(.threads = 1, .memory_limit = limit);
        if (gr_safetensors_read(small, path) != NULL) reads++;
        ck_assert(!gr_failed(small) || strstr(gr_error(small), ": no memory ") != NULL);
        gr_clear_error(small);
        gr_tensor *x = gr_name(gr_zeros(small, GR_SHAPE(20)), "x");
        bool written = gr_safetensors_write(small, other, GR_LIST(x));
        ck_assert_int_eq(file_exists(other), written);
        if (written) writes++;
        gr_graph_free(small);
        remove(other);
    }
    printf("safetensors: %d reads and %d writes of %d without memory\n", limits - reads,
           limits - writes, limits);
    ck_assert(0 < reads && reads < limits && 0 < writes && writes < limits);
}
END_TEST

Suite *safetensors_suite(void) {
    Suite *s = suite_create("safetensors");
    TCase *t = tcase_create("safetensors");
    tcase_set_timeout(t, 120);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, every_type_is_read);
    tcase_add_test(t, what_is_written_can_be_read);
    tcase_add_test(t, files_have_the_usual_rights);
    tcase_add_test(t, every_cut_is_an_error);
    tcase_add_test(t, changed_bytes_are_noticed);
    tcase_add_test(t, checksums);
    tcase_add_test(t, bad_headers_are_errors);
    tcase_add_test(t, lengths);
    tcase_add_test(t, integers_must_fit);
    tcase_add_test(t, files_that_cannot_be_read);
    tcase_add_test(t, what_cannot_be_written);
    tcase_add_test(t, a_full_disk_leaves_the_old_file);
    tcase_add_test(t, one_writer_at_a_time);
    tcase_add_test(t, no_memory);
    suite_add_tcase(s, t);
    return s;
}
