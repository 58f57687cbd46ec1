/* Weights from PyTorch and back; files that don't fit and change nothing. The environment variable
 * WEIGHTS_DIR names a directory in which the written files are kept, for weights.py --check. */
#include "nn/weights.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "core/data/safetensors.h"
#include "core/graph/random.h"
#include "core/ops/elementwise.h"
#include "nn/activation.h"
#include "nn/conv.h"
#include "nn/linear.h"
#include "nn/norm.h"
#include "nn/sequential.h"
#include "nn/spectral_norm.h"
#include "tests/unit/files.h"
#include "tests/unit/modules.h"
#include "tests/unit/suites.h"

static gr_graph *g;
static cJSON *file;
static file_bytes bytes, changed;

static void setup(void) {
    g = gr_graph_new(.seed = 7);
    file = oracle_read("tests/oracle/weights.json");
    scratch_make();
}

static void teardown(void) {
    scratch_remove();
    cJSON_Delete(file);
    gr_graph_free(g);
    g = NULL;
}

static void expect_error(const char *call, const char *format, const char *path) {
    char message[512];
    snprintf(message, sizeof message, format, path);
    ck_assert_msg(strcmp(gr_error(g), message) == 0, "%s:\n  said     \"%s\"\n  expected \"%s\"",
                  call, gr_error(g), message);
    gr_clear_error(g);
}
/* `message` has %s for the path where it is in it. */
#define FAILS(call, message, path)                                                                 \
    do {                                                                                           \
        ck_assert_msg(!(call), "%s", #call);                                                       \
        expect_error(#call, message, path);                                                        \
    } while (0)

/* -- Networks that weights.py has, too -- */

static gr_module *mlp(void) {
    return gr_sequential(g, gr_linear(g, 5, 7), gr_relu_layer(g), gr_linear(g, 7, 3));
}

static gr_module *cnn(void) {
    return gr_sequential(g, gr_conv2d_layer(g, 2, 3, 3, .padding = 1), gr_relu_layer(g),
                         gr_max_pool2d_layer(g, 2),
                         gr_conv2d_layer(g, 3, 4, GR_PAIR(2, 3), .bias = false),
                         gr_flatten_layer(g), gr_linear(g, 12, 2));
}

static gr_module *norm(void) {
    return gr_sequential(g, gr_linear(g, 4, 6), gr_batch_norm1d_layer(g, 6), gr_relu_layer(g),
                         gr_linear(g, 6, 2));
}

static gr_module *spectral(void) {
    return gr_sequential(g, gr_spectral_linear(g, 4, 3), gr_relu_layer(g));
}

static const struct network {
    const char *name;
    gr_module *(*make)(void);
} networks[] = {{"mlp", mlp}, {"cnn", cnn}, {"spectral", spectral}, {"norm", norm}};
enum { NETWORKS = sizeof networks / sizeof *networks };

/* -- Bits -- */

static void copy_bits(const gr_tensor *t, unsigned char *to, size_t *size) {
    size_t n = (size_t)t->size * (t->kind == GR_REAL ? sizeof(gr_real) : sizeof(int32_t));
    memcpy(to + *size, t->kind == GR_REAL ? (void *)t->data : (void *)t->index, n);
    *size += n;
}

static file_bytes bits_of(const gr_module *m) {
    file_bytes bits = {.size = 0};
    for (int i = 0; i < gr_parameters(m).n; i++)
        copy_bits(gr_parameters(m).items[i], bits.at, &bits.size);
    for (int i = 0; i < gr_buffers(m).n; i++)
        copy_bits(gr_buffers(m).items[i], bits.at, &bits.size);
    return bits;
}

static bool same_bits(const gr_module *m, const file_bytes *before) {
    file_bytes now = bits_of(m);
    return now.size == before->size && memcmp(now.at, before->at, now.size) == 0;
}

/* -- PyTorch -- */

START_TEST(files_of_torch_give_its_outputs) {
    const struct network *n = &networks[_i % NETWORKS];
    char path[100];
    snprintf(path, sizeof path, "tests/oracle/weights/%s.%s.safetensors", n->name,
             _i < NETWORKS ? "f32" : "f64");
    const cJSON *c = oracle_find(file, "weights", n->name);
    gr_module *m = n->make();
    ck_assert_msg(gr_weights_load(m, path), "%s", gr_error(g));
    gr_set_training(m, false);
    modules_compare(c, "y", gr_forward(m, modules_operand(g, c, "x")));
    for (int i = 0; i < gr_buffers(m).n; i++)
        if (gr_buffers(m).items[i]->kind == GR_INDEX)
            ck_assert_int_eq(gr_buffers(m).items[i]->index[0], 1234567);
}
END_TEST

START_TEST(what_is_saved_is_loaded) {
    const struct network *n = &networks[_i];
    char path[300], name[80];
    const char *kept = getenv("WEIGHTS_DIR");
    snprintf(path, sizeof path, "tests/oracle/weights/%s.f64.safetensors", n->name);
    gr_module *from = n->make(), *to = n->make();
    ck_assert(gr_weights_load(from, path));
    snprintf(name, sizeof name, "%s.%s.safetensors", n->name, sizeof(gr_real) == 4 ? "f32" : "f64");
    snprintf(path, sizeof path, "%s/%s", kept == NULL ? "" : kept, name);
    if (kept == NULL) snprintf(path, sizeof path, "%s", scratch_path(name));
    ck_assert_msg(gr_weights_save(from, path), "%s", gr_error(g));
    ck_assert_msg(gr_weights_load(to, path), "%s", gr_error(g));
    file_bytes bits = bits_of(from);
    ck_assert(same_bits(to, &bits));
    gr_safetensors *s = gr_safetensors_read(g, path);
    ck_assert_str_eq(gr_safetensors_metadata(s, "format"), "pt");
    ck_assert_int_eq(s->tensors.n, gr_parameters(from).n + gr_buffers(from).n);
}
END_TEST

START_TEST(part_of_a_network_has_names_of_its_own) {
    gr_module *inner = mlp(), *outer = gr_sequential(g, gr_relu_layer(g), inner), *alone = mlp();
    ck_assert_str_eq(gr_parameters(outer).items[0]->name, "1.0.weight");
    const char *path = scratch_path("inner");
    ck_assert(gr_weights_save(inner, path));
    ck_assert_msg(gr_weights_load(alone, path), "%s", gr_error(g));
    file_bytes bits = bits_of(inner);
    ck_assert(same_bits(alone, &bits));
    gr_initialise(gr_parameters(inner).items[0], GR_INIT_ZEROS);
    ck_assert_msg(gr_weights_load(inner, path), "%s", gr_error(g));
    ck_assert(same_bits(outer, &bits));
    FAILS(gr_weights_load(outer, path), "gr_weights_load: %s: there is no 1.0.weight (7,5)", path);
}
END_TEST

/* -- Files that don't fit -- */

static void write_linear(const char *path, gr_tensor *weight, gr_tensor *bias, gr_tensor *more) {
    gr_tensor *all[] = {gr_name(weight, "weight"), bias, more};
    int n = bias == NULL ? 1 : more == NULL ? 2 : 3;
    ck_assert_msg(gr_safetensors_write(g, path, (gr_list){n, all}), "%s", gr_error(g));
}

START_TEST(what_does_not_fit_changes_nothing) {
    gr_module *m = gr_linear(g, 3, 2);
    file_bytes before = bits_of(m);
    const char *path = scratch_path("linear");
    gr_tensor *w = gr_zeros(g, GR_SHAPE(2, 3)), *b = gr_name(gr_zeros(g, GR_SHAPE(2)), "bias");
    write_linear(path, w, NULL, NULL);
    FAILS(gr_weights_load(m, path), "gr_weights_load: %s: there is no bias (2)", path);
    write_linear(path, w, b, gr_name(gr_zeros(g, GR_SHAPE(4)), "scale"));
    FAILS(gr_weights_load(m, path),
          sizeof(gr_real) == 4
              ? "gr_weights_load: %s: it holds scale F32 (4), which the linear has not"
              : "gr_weights_load: %s: it holds scale F64 (4), which the linear has not",
          path);
    write_linear(path, gr_zeros(g, GR_SHAPE(3, 2)), b, NULL);
    FAILS(gr_weights_load(m, path), "gr_weights_load: %s: weight is (3,2), expected (2,3)", path);
    write_linear(path, w, gr_name(gr_zeros(g, GR_SHAPE(2, 1)), "bias"), NULL);
    FAILS(gr_weights_load(m, path), "gr_weights_load: %s: bias is (2,1), expected (2)", path);
    write_linear(path, w, gr_name(gr_from_index(g, GR_SHAPE(2), (int32_t[]){1, 2}), "bias"), NULL);
    FAILS(gr_weights_load(m, path),
          "gr_weights_load: %s: bias holds integers (I32), expected reals", path);
    ck_assert(same_bits(m, &before));
    write_linear(path, w, b, NULL);
    ck_assert_msg(gr_weights_load(m, path), "%s", gr_error(g));
    ck_assert_double_eq(gr_at(gr_parameters(m).items[0], 0), 0);
}
END_TEST

START_TEST(buffers_must_fit) {
    static const char header[] =
        "{\"n\":{\"dtype\":\"I64\",\"shape\":[],\"data_offsets\":[0,8]}}    ";
    static const gr_module_type type = {"counter", NULL};
    gr_module *m = gr_module_new(g, &type, sizeof *m);
    gr_tensor *n = gr_add_buffer(m, "n", gr_from_index(g, GR_SCALAR, (int32_t[]){5}));
    const char *path = scratch_path("counter");
    memcpy(bytes.at, (unsigned char[8]){sizeof header - 1}, 8);
    memcpy(bytes.at + 8, header, sizeof header - 1);
    bytes.size = 8 + sizeof header - 1 + 8;
    memcpy(bytes.at + bytes.size - 8, (unsigned char[8]){0, 0, 0, 0x80}, 8);
    file_write(path, bytes.at, bytes.size);
    FAILS(gr_weights_load(m, path), "gr_weights_load: %s: n: element () does not fit into 32 bits",
          path);
    ck_assert_int_eq(n->index[0], 5);
    memcpy(bytes.at + bytes.size - 8, (unsigned char[8]){7}, 8);
    file_write(path, bytes.at, bytes.size);
    ck_assert_msg(gr_weights_load(m, path), "%s", gr_error(g));
    ck_assert_int_eq(n->index[0], 7);
    FAILS(gr_weights_load(m, "tests/oracle/weights/mlp.f32.safetensors"),
          "gr_weights_load: tests/oracle/weights/mlp.f32.safetensors: there is no n ()", "");
}
END_TEST

START_TEST(damaged_files_change_nothing) {
    gr_module *m = norm(), *other = norm();
    const char *path = scratch_path("norm"), *damaged = scratch_path("damaged");
    ck_assert(gr_weights_save(m, path));
    file_load(path, &bytes);
    file_bytes saved = bits_of(m), before = bits_of(other);
    int harmless = 0, tries = 0;
    for (size_t n = 0; n < bytes.size; n++, tries++) {
        file_write(damaged, bytes.at, n);
        ck_assert(!gr_weights_load(other, damaged));
        ck_assert(gr_failed(g) && same_bits(other, &before));
        gr_clear_error(g);
    }
    for (int i = 0; i < 4000; i++, tries++) {
        changed = bytes;
        size_t at = gr_random_below(g, (uint32_t)bytes.size);
        changed.at[at] ^= (unsigned char)(1 + gr_random_below(g, 255));
        file_write(damaged, changed.at, changed.size);
        if (gr_weights_load(other, damaged)) {
            /* the padding, or metadata that say nothing */
            ck_assert_uint_lt(at, safetensors_data_begin(&bytes));
            ck_assert(same_bits(other, &saved));
            gr_parameters(other).items[0]->data[0] += 1;
            before = bits_of(other);
            harmless++;
            continue;
        }
        ck_assert(gr_failed(g) && same_bits(other, &before));
        gr_clear_error(g);
    }
    printf("weights: %d damaged files are errors, %d are not and hold the same\n", tries - harmless,
           harmless);
    ck_assert_int_lt(harmless, tries / 20);
}
END_TEST

START_TEST(nothing_happens_in_a_failed_graph) {
    gr_module *m = mlp();
    file_bytes before = bits_of(m);
    const char *path = scratch_path("mlp");
    gr_fail(g, "before");
    FAILS(gr_weights_save(m, path), "before", "");
    ck_assert(!file_exists(path));
    ck_assert(gr_weights_save(m, path));
    gr_parameters(m).items[0]->data[0] = 3;
    before = bits_of(m);
    gr_fail(g, "before");
    FAILS(gr_weights_load(m, path), "before", "");
    ck_assert(same_bits(m, &before));
    ck_assert(!gr_weights_save(NULL, path) && !gr_weights_load(NULL, path) && !gr_failed(g));
    FAILS(gr_weights_save(m, NULL), "gr_weights_save: path is NULL", "");
    FAILS(gr_weights_load(m, NULL), "gr_weights_load: path is NULL", "");
    FAILS(gr_weights_load(m, "/nowhere/x"),
          "gr_weights_load: can't open /nowhere/x: No such file or directory", "");
    gr_name(gr_parameters(m).items[1], NULL);
    FAILS(gr_weights_save(m, path),
          sizeof(gr_real) == 4 ? "gr_weights_save: tensor 1, F32 (7), has no name"
                               : "gr_weights_save: tensor 1, F64 (7), has no name",
          "");
    FAILS(gr_weights_load(m, path), "gr_weights_load: %s: a parameter (7) has no name", path);
}
END_TEST

Suite *weights_suite(void) {
    Suite *s = suite_create("weights");
    TCase *t = tcase_create("weights");
    tcase_set_timeout(t, 120);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_loop_test(t, files_of_torch_give_its_outputs, 0, 2 * NETWORKS);
    tcase_add_loop_test(t, what_is_saved_is_loaded, 0, NETWORKS);
    tcase_add_test(t, part_of_a_network_has_names_of_its_own);
    tcase_add_test(t, what_does_not_fit_changes_nothing);
    tcase_add_test(t, buffers_must_fit);
    tcase_add_test(t, damaged_files_change_nothing);
    tcase_add_test(t, nothing_happens_in_a_failed_graph);
    suite_add_tcase(s, t);
    return s;
}
