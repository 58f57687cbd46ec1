/* What every operation says when it can't be done: whole messages, by a table of calls. */
#include <limits.h>
#include <math.h>
#include <string.h>

#include "core/ops/elementwise.h"
#include "core/ops/index.h"
#include "core/ops/linalg.h"
#include "core/ops/odds.h"
#include "core/ops/overlap.h"
#include "core/ops/reduce.h"
#include "core/ops/shape.h"
#include "core/ops/update.h"
#include "tests/unit/suites.h"

static gr_graph *g, *another;
/* Operands that the calls below share, made for each test. */
static gr_tensor *s, *v3, *m23, *m34, *c234, *empty, *six, *index2, *index22, *foreign, *named;
static int checked;

static void setup(void) {
    g = gr_graph_new(.threads = 1);
    another = gr_graph_new(.threads = 1);
    s = gr_scalar(g, 1);
    v3 = gr_zeros(g, GR_SHAPE(3));
    m23 = gr_zeros(g, GR_SHAPE(2, 3));
    m34 = gr_zeros(g, GR_SHAPE(3, 4));
    c234 = gr_zeros(g, GR_SHAPE(2, 3, 4));
    empty = gr_zeros(g, GR_SHAPE(2, 0));
    six = gr_zeros(g, GR_SHAPE(1, 1, 1, 1, 1, 1));
    index2 = gr_from_index(g, GR_SHAPE(2), (int32_t[]){0, 3});
    index22 = gr_from_index(g, GR_SHAPE(2, 2), (int32_t[]){0, 1, -1, 2});
    foreign = gr_zeros(another, GR_SHAPE(3));
    named = gr_name(gr_zeros(g, GR_SHAPE(2, 4)), "0.weight");
    checked = 0;
}
static void teardown(void) {
    gr_graph_free(g);
    gr_graph_free(another);
}

static void expect(const void *result, const char *call, const char *expected) {
    ck_assert_msg(result == NULL, "%s: gave a result, expected \"%s\"", call, expected);
    ck_assert_msg(strcmp(gr_error(g), expected) == 0, "%s:\n  said     \"%s\"\n  expected \"%s\"",
                  call, gr_error(g), expected);
    gr_clear_error(g);
    checked++;
}
#define FAILS(call, expected) expect(call, #call, expected)

/* Given NULL with no error before, a function returns NULL (and complains if it knows the graph).
 */
static void expect_null(const void *result, const char *call) {
    ck_assert_msg(result == NULL, "%s: gave a result", call);
    gr_clear_error(g);
    checked++;
}
#define NULL_OF(call) expect_null(call, #call)

static void report(const char *what) {
    printf("errors of %s: %d calls\n", what, checked);
    fflush(stdout);
}

START_TEST(operands_of_any_operation) {
    FAILS(gr_add(v3, NULL), "gr_add: b is NULL");
    FAILS(gr_add(NULL, v3), "gr_add: a is NULL");
    FAILS(gr_where(v3, v3, NULL), "gr_where: b is NULL");
    FAILS(gr_where(NULL, v3, v3), "gr_where: condition is NULL");
    FAILS(gr_affine(v3, NULL, NULL), "gr_affine: weight is NULL");
    FAILS(gr_add(v3, foreign), "gr_add: b (3) belongs to another graph than a (3)");
    FAILS(gr_concat(GR_LIST(v3, v3, v3, v3, foreign), 0),
          "gr_concat: operand (3) belongs to another graph than tensor 0 (3)");
    FAILS(gr_exp(index2), "gr_exp: x (2) holds integers, expected real numbers");
    FAILS(gr_mul(v3, index2), "gr_mul: b (2) holds integers, expected real numbers");
    FAILS(gr_sum(index2), "gr_sum: x (2) holds integers, expected real numbers");
    FAILS(gr_matmul(index22, m23), "gr_matmul: a (2,2) holds integers, expected real numbers");
    FAILS(gr_one_hot(v3, 3), "gr_one_hot: index (3) holds real numbers, expected integers");
    FAILS(gr_gather(v3, 0, v3), "gr_gather: index (3) holds real numbers, expected integers");
    FAILS(gr_sort(index2), "gr_sort: x (2) holds integers, expected real numbers");
    FAILS(gr_pad(index2, 0, 1, 1, 0), "gr_pad: x (2) holds integers, expected real numbers");
    report("operands");
}
END_TEST

START_TEST(null_gives_null) {
    NULL_OF(gr_exp(NULL));
    NULL_OF(gr_scale(NULL, 2));
    NULL_OF(gr_clamp(NULL, 0, 1));
    NULL_OF(gr_leaky_relu(NULL));
    NULL_OF(gr_elu(NULL));
    NULL_OF(gr_add(NULL, NULL));
    NULL_OF(gr_where(NULL, NULL, NULL));
    NULL_OF(gr_sum(NULL));
    NULL_OF(gr_mean(NULL, .axes = GR_AXES(1)));
    NULL_OF(gr_max(NULL));
    NULL_OF(gr_min(NULL));
    NULL_OF(gr_logsumexp(NULL));
    NULL_OF(gr_norm(NULL));
    NULL_OF(gr_norm(NULL, .p = 1));
    NULL_OF(gr_norm(NULL, .p = 3));
    NULL_OF(gr_norm(NULL, .p = INFINITY));
    NULL_OF(gr_norm(NULL, .p = -1));
    NULL_OF(gr_var(NULL));
    NULL_OF(gr_softmax(NULL));
    NULL_OF(gr_log_softmax(NULL));
    NULL_OF(gr_cumsum(NULL, 0));
    NULL_OF(gr_argmax(NULL, 0));
    NULL_OF(gr_argmin(NULL, 0));
    NULL_OF(gr_sum_to(NULL, GR_SHAPE(2)));
    NULL_OF(gr_reshape(NULL, GR_SHAPE(2)));
    NULL_OF(gr_flatten(NULL));
    NULL_OF(gr_transpose(NULL, 0, 1));
    NULL_OF(gr_permute(NULL, GR_SHAPE(0)));
    NULL_OF(gr_slice(NULL, 0, 0, 1, 1));
    NULL_OF(gr_select(NULL, 0, 0));
    NULL_OF(gr_concat(GR_LIST(NULL, NULL), 0));
    NULL_OF(gr_concat(GR_LIST(v3, NULL), 0));
    NULL_OF(gr_concat(GR_LIST(NULL, v3), 0));
    NULL_OF(gr_concat((gr_list){0, NULL}, 0));
    NULL_OF(gr_stack(GR_LIST(NULL, v3), 0));
    NULL_OF(gr_stack(GR_LIST(v3, NULL), 0));
    NULL_OF(gr_stack((gr_list){0, NULL}, 0));
    NULL_OF(gr_expand(NULL, GR_SHAPE(2)));
    NULL_OF(gr_unsqueeze(NULL, 0));
    NULL_OF(gr_squeeze(NULL, 0));
    NULL_OF(gr_flip(NULL, 0));
    NULL_OF(gr_pad(NULL, 0, 1, 1, 0));
    NULL_OF(gr_gather(NULL, 0, index2));
    NULL_OF(gr_gather(v3, 0, NULL));
    NULL_OF(gr_scatter_add(NULL, 0, index2, v3));
    NULL_OF(gr_scatter_add(v3, 0, index2, NULL));
    NULL_OF(gr_index_select(NULL, 0, index2));
    NULL_OF(gr_index_select(v3, 0, NULL));
    NULL_OF(gr_one_hot(NULL, 3));
    NULL_OF(gr_sort(NULL));
    NULL_OF(gr_argsort(NULL, 0, false));
    NULL_OF(gr_topk(NULL, 1));
    NULL_OF(gr_matmul(NULL, m23));
    NULL_OF(gr_matmul(m23, NULL));
    NULL_OF(gr_affine(NULL, m23, v3));
    NULL_OF(gr_distances(NULL, m23));
    NULL_OF(gr_distances(m23, NULL, .p = 1));
    NULL_OF(gr_distances(NULL, NULL, .p = 3));
    NULL_OF(gr_cosine_similarity(NULL, m23));
    NULL_OF(gr_cosine_similarity(m23, NULL));
    NULL_OF(gr_overlap_sums(NULL, m23, 1));
    NULL_OF(gr_overlap_sums(m23, NULL, 1));
    gr_tensor *parts[2] = {v3, v3}, *indices = v3;
    ck_assert(!gr_split(NULL, 0, (int[]){1, 2}, 2, parts));
    ck_assert(parts[0] == NULL && parts[1] == NULL);
    NULL_OF(gr_sort(NULL, .indices = &indices));
    report("NULL operands");
}
END_TEST

START_TEST(elementwise) {
    FAILS(gr_add(m23, m34), "gr_add: a (2,3) and b (3,4) don't broadcast: 2 and 3 in dimension -2");
    FAILS(gr_mul(named, v3),
          "gr_mul: 0.weight (2,4) and b (3) don't broadcast: 4 and 3 in dimension -1");
    FAILS(gr_maximum(c234, gr_zeros(g, GR_SHAPE(2, 1))),
          "gr_maximum: a (2,3,4) and b (2,1) don't broadcast: 3 and 2 in dimension -2");
    FAILS(gr_where(s, m23, m34),
          "gr_where: a (2,3) and b (3,4) don't broadcast: 2 and 3 in dimension -2");
    FAILS(gr_where(v3, s, m34),
          "gr_where: condition (3) and b (3,4) don't broadcast: 3 and 4 in dimension -1");
    FAILS(gr_eq(v3, empty), "gr_eq: a (3) and b (2,0) don't broadcast: 3 and 0 in dimension -1");
    FAILS(gr_clamp(v3, 2, 1), "gr_clamp: low is 2 and high 1, expected low <= high");
    FAILS(gr_clamp(v3, NAN, 1), "gr_clamp: low is nan and high 1, expected low <= high");
    report("elementwise operations");
}
END_TEST

START_TEST(reductions) {
    FAILS(gr_sum(m23, .axes = GR_AXES(2)), "gr_sum: axis 2 of x (2,3): expected -2 to 1");
    FAILS(gr_mean(m23, .axes = GR_AXES(0, -3)), "gr_mean: axis -3 of x (2,3): expected -2 to 1");
    FAILS(gr_max(s, .axes = GR_AXES(0)), "gr_max: axis 0 of x (), which has no axes");
    FAILS(gr_min(m23, .axes = GR_AXES(1, -1)), "gr_min: axis 1 of x (2,3) is named twice");
    FAILS(gr_var(named, .axes = GR_AXES(5)), "gr_var: axis 5 of 0.weight (2,4): expected -2 to 1");
    FAILS(gr_sum(m23, .axes = {.n = 7}), "gr_sum: 7 axes, expected 0 (all) to 6");
    FAILS(gr_sum(m23, .axes = {.n = -1}), "gr_sum: -1 axes, expected 0 (all) to 6");
    FAILS(gr_max(empty), "gr_max: x (2,0) has no elements along the axes, expected at least one");
    FAILS(gr_min(empty, .axes = GR_AXES(1)),
          "gr_min: x (2,0) has no elements along the axes, expected at least one");
    FAILS(gr_norm(v3, .p = 0), "gr_norm: p is 0, expected more than 0");
    FAILS(gr_norm(v3, .p = NAN), "gr_norm: p is nan, expected more than 0");
    FAILS(gr_norm(v3, .axes = GR_AXES(1)), "gr_norm: axis 1 of x (3): expected -1 to 0");
    FAILS(gr_norm(v3, .p = 1, .axes = GR_AXES(1)), "gr_norm: axis 1 of x (3): expected -1 to 0");
    FAILS(gr_logsumexp(v3, .axes = GR_AXES(0, 0)), "gr_logsumexp: axis 0 of x (3) is named twice");
    FAILS(gr_softmax(v3, .axes = GR_AXES(1)), "gr_softmax: axis 1 of x (3): expected -1 to 0");
    FAILS(gr_log_softmax(v3, .axes = GR_AXES(-2)),
          "gr_log_softmax: axis -2 of x (3): expected -1 to 0");
    FAILS(gr_cumsum(v3, 1), "gr_cumsum: axis 1 of x (3): expected -1 to 0");
    FAILS(gr_argmax(m23, 2), "gr_argmax: axis 2 of x (2,3): expected -2 to 1");
    FAILS(gr_argmax(empty, 1),
          "gr_argmax: axis 1 of x (2,0) has no elements, expected at least one");
    FAILS(gr_argmin(empty, -1),
          "gr_argmin: axis 1 of x (2,0) has no elements, expected at least one");
    FAILS(gr_sum_to(m23, GR_SHAPE(2)),
          "gr_sum_to: x (2,3) to (2): expected a shape that broadcasts to x's");
    FAILS(gr_sum_to(v3, GR_SHAPE(2, 3)),
          "gr_sum_to: x (3) to (2,3): expected a shape that broadcasts to x's");
    FAILS(gr_overlap_sums(m23, m34, 1),
          "gr_overlap_sums: a (2,3) and b (3,4), expected equal shapes");
    FAILS(gr_overlap_sums(m23, m23, 3), "gr_overlap_sums: kept is 3, expected 0 to 2 for a (2,3)");
    FAILS(gr_overlap_sums(m23, m23, -1),
          "gr_overlap_sums: kept is -1, expected 0 to 2 for a (2,3)");
    report("reductions");
}
END_TEST

START_TEST(shapes) {
    FAILS(gr_reshape(m23, GR_SHAPE(5)), "gr_reshape: x (2,3) has 6 elements, (5) has 5");
    FAILS(gr_reshape(m23, GR_SHAPE(-1, -1)),
          "gr_reshape: x (2,3) to (-1,-1): more than one dimension is -1");
    FAILS(gr_reshape(m23, GR_SHAPE(4, -1)),
          "gr_reshape: x (2,3) has 6 elements, no dimension for -1 gives (4,-1) as many");
    FAILS(gr_reshape(empty, GR_SHAPE(0, -1)),
          "gr_reshape: x (2,0) has 0 elements, no dimension for -1 gives (0,-1) as many");
    FAILS(gr_reshape(m23, GR_SHAPE(-2, 3)),
          "gr_reshape: x (2,3) to (-2,3): no tensor has this shape");
    FAILS(gr_reshape(m23, ((gr_shape){.ndim = 7})),
          "gr_reshape: x (2,3) to 7 dimensions, expected 0 to 6");
    FAILS(gr_transpose(m23, 0, 2), "gr_transpose: axis 2 of x (2,3): expected -2 to 1");
    FAILS(gr_transpose(m23, -3, 0), "gr_transpose: axis -3 of x (2,3): expected -2 to 1");
    FAILS(gr_permute(m23, GR_SHAPE(0)), "gr_permute: x (2,3) has 2 axes, the order names 1");
    FAILS(gr_permute(m23, GR_SHAPE(1, -1)),
          "gr_permute: the order (1,-1) names an axis of x (2,3) twice");
    FAILS(gr_permute(m23, GR_SHAPE(0, 2)), "gr_permute: axis 2 of x (2,3): expected -2 to 1");
    FAILS(gr_slice(m23, 2, 0, 1, 1), "gr_slice: axis 2 of x (2,3): expected -2 to 1");
    FAILS(gr_slice(m23, 1, 0, 1, 0),
          "gr_slice: step 0 along axis 1 of x (2,3), expected 1 or more");
    FAILS(gr_select(m23, 1, 3), "gr_select: position 3 is outside axis 1 of x (2,3), which has 3");
    FAILS(gr_select(m23, 0, -3),
          "gr_select: position -3 is outside axis 0 of x (2,3), which has 2");
    FAILS(gr_select(empty, 1, 0),
          "gr_select: position 0 is outside axis 1 of x (2,0), which has 0");
    FAILS(gr_concat(GR_LIST(m23, v3), 0),
          "gr_concat: tensor 1 (3) and tensor 0 (2,3) differ in their number of dimensions");
    FAILS(gr_concat(GR_LIST(m23, m34), 0),
          "gr_concat: tensor 1 (3,4) and tensor 0 (2,3) differ in dimension 1 besides axis 0");
    FAILS(gr_concat(GR_LIST(m23, m23), 2), "gr_concat: axis 2 of x (2,3): expected -2 to 1");
    FAILS(gr_concat(GR_LIST(s, s), 0), "gr_concat: axis 0 of x (), which has no axes");
    FAILS(gr_stack(GR_LIST(m23, m34), 0),
          "gr_stack: tensor 1 (3,4) and tensor 0 (2,3) differ, expected equal shapes");
    FAILS(gr_stack(GR_LIST(v3, v3), 2),
          "gr_stack: axis 2, expected -2 to 1 for a new one of x (3)");
    FAILS(gr_stack(GR_LIST(six, six), 0),
          "gr_stack: x (1,1,1,1,1,1) has 6 dimensions already, the most there can be");
    FAILS(gr_expand(m23, GR_SHAPE(2, 4)),
          "gr_expand: x (2,3) to (2,4): dimension 1 is neither 1 nor 4");
    FAILS(gr_expand(m23, GR_SHAPE(3)), "gr_expand: x (2,3) to 1 dimensions, expected 2 to 6");
    FAILS(gr_expand(v3, GR_SHAPE(-2, 3)), "gr_expand: no tensor has the shape (-2,3)");
    FAILS(gr_unsqueeze(m23, 4), "gr_unsqueeze: axis 4, expected -3 to 2 for a new one of x (2,3)");
    FAILS(gr_unsqueeze(six, 0),
          "gr_unsqueeze: x (1,1,1,1,1,1) has 6 dimensions already, the most there can be");
    FAILS(gr_squeeze(m23, 0), "gr_squeeze: x (2,3) has 2 elements along axis 0, expected 1");
    FAILS(gr_squeeze(m23, 3), "gr_squeeze: axis 3 of x (2,3): expected -2 to 1");
    FAILS(gr_flip(m23, 2), "gr_flip: axis 2 of x (2,3): expected -2 to 1");
    FAILS(gr_pad(m23, 2, 1, 1, 0), "gr_pad: axis 2 of x (2,3): expected -2 to 1");
    FAILS(gr_pad(m23, 1, -2, -2, 0),
          "gr_pad: -2 before and -2 after cut off more than axis 1 of x (2,3) has");
    FAILS(gr_pad(m23, 1, INT_MAX, 1, 0),
          "gr_pad: 2147483647 before and 1 after make axis 1 of x (2,3) too long");
    report("shapes");
}
END_TEST

START_TEST(splitting) {
    gr_tensor *parts[2] = {v3, v3};
    ck_assert(!gr_split(m23, 1, (int[]){1, 1}, 2, parts));
    FAILS(parts[0], "gr_split: the 2 lengths add up to 2, axis 1 of x (2,3) has 3");
    ck_assert(!gr_split(m23, 1, (int[]){4, -1}, 2, parts));
    FAILS(parts[1], "gr_split: the length of part 1 is -1, expected 0 or more");
    ck_assert(!gr_split(m23, 2, (int[]){1, 1}, 2, parts));
    FAILS(parts[1], "gr_split: axis 2 of x (2,3): expected -2 to 1");
    ck_assert(!gr_split(m23, 0, (int[]){INT_MAX, INT_MAX}, 2, parts));
    FAILS(parts[0], "gr_split: the 2 lengths add up to 4294967294, axis 0 of x (2,3) has 2");
}
END_TEST

/* Indices are checked a block at a time. */
START_TEST(the_first_of_many_indices) {
    static int32_t classes[5000];
    for (int i = 0; i < 5000; i++) classes[i] = i % 4;
    ck_assert_ptr_nonnull(gr_one_hot(gr_from_index(g, GR_SHAPE(5000), classes), 4));
    classes[4998] = INT32_MIN;
    FAILS(gr_one_hot(gr_from_index(g, GR_SHAPE(5000), classes), 4),
          "gr_one_hot: index (5000) has -2147483648 at (4998), expected 0 to 3 for 4 classes");
    classes[2050] = 4;
    classes[1023] = -7;
    gr_tensor *many = gr_from_index(g, GR_SHAPE(5000), classes);
    FAILS(gr_one_hot(many, 4),
          "gr_one_hot: index (5000) has -7 at (1023), expected 0 to 3 for 4 classes");
    FAILS(gr_odds_against(gr_zeros(g, GR_SHAPE(5000, 4)), many, -7),
          "gr_odds_against: target (5000) has 4 at (2050), expected 0 to 3");
    report("many indices");
}
END_TEST

START_TEST(indices) {
    FAILS(gr_gather(v3, 0, index2),
          "gr_gather: index (2) has 3 at (1), expected 0 to 2 for axis 0 of x (3)");
    FAILS(gr_gather(m34, 1, index22),
          "gr_gather: index (2,2) has -1 at (1,0), expected 0 to 3 for axis 1 of x (3,4)");
    FAILS(gr_gather(m23, 0, index2),
          "gr_gather: index (2) and x (2,3) differ in their number of dimensions");
    FAILS(gr_gather(gr_zeros(g, GR_SHAPE(1, 5)), 1, index22),
          "gr_gather: index (2,2) is longer than x (1,5) in dimension 0 besides axis 1");
    FAILS(gr_gather(m23, 2, index22), "gr_gather: axis 2 of x (2,3): expected -2 to 1");
    FAILS(gr_gather(empty, 1, index22),
          "gr_gather: index (2,2) has 0 at (0,0), but there are no elements in axis 1 of x (2,0)");
    FAILS(gr_scatter_add(m23, 1, index22, m23),
          "gr_scatter_add: source (2,3) and index (2,2) differ, expected equal shapes");
    FAILS(gr_scatter_add(m23, 1, index22, gr_zeros(g, GR_SHAPE(2, 2))),
          "gr_scatter_add: index (2,2) has -1 at (1,0), expected 0 to 2 for axis 1 of x (2,3)");
    FAILS(gr_index_select(m23, 0, index22), "gr_index_select: index (2,2), expected one dimension");
    FAILS(gr_index_select(m34, 0, index2),
          "gr_index_select: index (2) has 3 at (1), expected 0 to 2 for axis 0 of x (3,4)");
    FAILS(gr_index_select(m34, 2, index2), "gr_index_select: axis 2 of x (3,4): expected -2 to 1");
    FAILS(gr_one_hot(index2, 3),
          "gr_one_hot: index (2) has 3 at (1), expected 0 to 2 for 3 classes");
    FAILS(gr_one_hot(index22, 3),
          "gr_one_hot: index (2,2) has -1 at (1,0), expected 0 to 2 for 3 classes");
    FAILS(gr_one_hot(index2, 0), "gr_one_hot: index (2): 0 classes, expected 1 or more");
    FAILS(gr_one_hot(gr_from_index(g, six->shape, (int32_t[]){0}), 2),
          "gr_one_hot: index (1,1,1,1,1,1) has 6 dimensions already, the most there can be");
    FAILS(gr_sort(m23, .axis = 2), "gr_sort: axis 2 of x (2,3): expected -2 to 1");
    FAILS(gr_sort(s), "gr_sort: axis -1 of x (), which has no axes");
    FAILS(gr_argsort(m23, -3, false), "gr_argsort: axis -3 of x (2,3): expected -2 to 1");
    FAILS(gr_topk(m23, 4), "gr_topk: k is 4, expected 0 to 3, the length of axis 1 of x (2,3)");
    FAILS(gr_topk(m23, -1, .axis = 0),
          "gr_topk: k is -1, expected 0 to 2, the length of axis 0 of x (2,3)");
    FAILS(gr_topk(m23, 1, .axis = 7), "gr_topk: axis 7 of x (2,3): expected -2 to 1");
    report("indices");
}
END_TEST

START_TEST(products) {
    FAILS(gr_matmul(m23, m23), "gr_matmul: a (2,3) times b (2,3): inner dimensions 3 and 2 differ");
    FAILS(gr_matmul(m23, named, .transpose_b = true),
          "gr_matmul: a (2,3) times 0.weight (2,4) transposed: inner dimensions 3 and 4 differ");
    FAILS(gr_matmul(m23, m34, .transpose_a = true),
          "gr_matmul: a (2,3) transposed times b (3,4): inner dimensions 2 and 3 differ");
    FAILS(gr_matmul(v3, m34), "gr_matmul: a (3) has 1 dimensions, expected 2 or more");
    FAILS(gr_matmul(m23, s), "gr_matmul: b () has 0 dimensions, expected 2 or more");
    FAILS(gr_matmul(c234, gr_zeros(g, GR_SHAPE(3, 4, 5))),
          "gr_matmul: a (2,3,4) times b (3,4,5): batch dimensions 2 and 3 differ");
    FAILS(gr_affine(s, m23, NULL), "gr_affine: x () has no dimensions, expected (..,in)");
    FAILS(gr_affine(v3, v3, NULL), "gr_affine: weight (3), expected (out,in)");
    FAILS(gr_affine(m23, named, NULL),
          "gr_affine: x (2,3) times 0.weight (2,4): 3 inputs, expected 4");
    FAILS(gr_affine(v3, m23, v3), "gr_affine: bias (3) for weight (2,3), expected (2)");
    FAILS(gr_distances(m23, m34), "gr_distances: a (2,3) and b (3,4), expected (M,D) and (N,D)");
    FAILS(gr_distances(m23, v3, .p = 1),
          "gr_distances: a (2,3) and b (3), expected (M,D) and (N,D)");
    FAILS(gr_distances(m23, m23, .p = -1), "gr_distances: p is -1, expected p > 0");
    FAILS(gr_distances(m23, m23, .p = NAN), "gr_distances: p is nan, expected p > 0");
    FAILS(gr_distances(m23, m23, .p = 1, .squared = true),
          "gr_distances: p is 1, expected 2 for squared distances");
    FAILS(gr_distances(m23, gr_zeros(another, GR_SHAPE(2, 3))),
          "gr_distances: b (2,3) belongs to another graph than a (2,3)");
    FAILS(gr_distances(v3, foreign, .p = 1),
          "gr_distances: b (3) belongs to another graph than a (3)");
    FAILS(gr_distances(m23, index22, .p = 1),
          "gr_distances: b (2,2) holds integers, expected real numbers");
    FAILS(gr_cosine_similarity(index2, v3),
          "gr_cosine_similarity: a (2) holds integers, expected real numbers");
    FAILS(gr_cosine_similarity(m23, m34),
          "gr_cosine_similarity: a (2,3) and b (3,4) don't broadcast: 2 and 3 in dimension -2");
    FAILS(gr_cosine_similarity(m23, m23, .axis = 2),
          "gr_cosine_similarity: axis 2 of x (2,3): expected -2 to 1");
    FAILS(gr_cosine_similarity(m23, m23, .eps = 0),
          "gr_cosine_similarity: eps is 0, expected eps > 0");
    FAILS(gr_cosine_similarity(v3, foreign),
          "gr_cosine_similarity: b (3) belongs to another graph than a (3)");
    report("products");
}
END_TEST

START_TEST(making_tensors) {
    FAILS(gr_zeros(g, GR_SHAPE(2, -1)), "gr_zeros: no tensor has the shape (2,-1)");
    FAILS(gr_zeros(g, GR_SHAPE(1 << 30, 1 << 30)),
          "gr_zeros: no tensor has the shape (1073741824,1073741824)");
    FAILS(gr_full(g, ((gr_shape){.ndim = 7}), 1), "gr_full: 7 dimensions, expected 0 to 6");
    FAILS(gr_from(g, ((gr_shape){.ndim = -1}), NULL), "gr_from: -1 dimensions, expected 0 to 6");
    FAILS(gr_from_index(g, GR_SHAPE(-5), NULL), "gr_from_index: no tensor has the shape (-5)");
    FAILS(gr_parameter(g, GR_SHAPE(-5), "p"), "gr_parameter: no tensor has the shape (-5)");
    FAILS(gr_arange(g, -1), "gr_arange: no tensor has the shape (-1)");
    report("making tensors");
}
END_TEST

/* A graph that has failed still computes what it can; the first message stays. */
START_TEST(the_first_message_stays) {
    gr_add(m23, m34);
    char first[200];
    snprintf(first, sizeof first, "%s", gr_error(g));
    gr_clamp(v3, 2, 1);
    gr_sum(NULL);
    gr_matmul(m23, m23);
    ck_assert_str_eq(gr_error(g), first);
}
END_TEST

START_TEST(missing_arrays) {
    FAILS(gr_from(g, GR_SHAPE(2), NULL), "gr_from: data is NULL");
    FAILS(gr_from_index(g, GR_SHAPE(2), NULL), "gr_from_index: index is NULL");
    ck_assert_ptr_nonnull(gr_from(g, GR_SHAPE(2, 0), NULL));
    gr_tensor *none = gr_odds_against(empty, gr_from_index(g, GR_SHAPE(2), (int32_t[]){7, 7}), 7);
    ck_assert(gr_at(none, 0) == gr_at(none, 1) && gr_at(none, 1) < -9e29);
    ck_assert_ptr_null(gr_copy_string(g, NULL));
    ck_assert_ptr_eq(gr_name(named, NULL), named);
    ck_assert_ptr_null(named->name);
    ck_assert_str_eq(gr_shape_text((gr_shape){.ndim = 9}).text, "(0,0,0,0,0,0)");
    ck_assert_str_eq(gr_place_text(empty->shape, 0).text, "(0,0)");
    gr_real memory[3] = {0};
    gr_update_sgd(v3, v3, NULL, (gr_sgd_update){.momentum = 0.5});
    FAILS(NULL, "gr_update_sgd: momentum is 0.5 and v NULL");
    gr_update_adam(v3, v3, memory, NULL, (gr_adam_update){.step = 1});
    FAILS(NULL, "gr_update_adam: v is NULL");
    gr_update_adam(index2, index2, memory, memory, (gr_adam_update){.step = 1});
    FAILS(NULL, "gr_update_adam: grad (2) for p (2): expected real numbers");
}
END_TEST

static bool any_shape(const gr_node *n, gr_shape *shape) {
    *shape = n->in[0]->shape;
    return true;
}
static void failing_forward(const gr_node *n) { gr_fail(n->graph, "late: no memory"); }

/* What an operation notices only while it computes is an error too: its result is not handed
 * out. */
START_TEST(an_error_while_computing) {
    static const gr_op late = {
        .name = "late", .operands = {"x"}, .shape = any_shape, .forward = failing_forward};
    FAILS(gr_apply(&late, GR_LIST(v3), NULL, 0), "late: no memory");
    gr_fail(g, "an earlier one");
    ck_assert_ptr_null(gr_apply(&late, GR_LIST(v3), NULL, 0));
    ck_assert_str_eq(gr_error(g), "an earlier one");
}
END_TEST

Suite *errors_suite(void) {
    Suite *suite = suite_create("errors");
    TCase *t = tcase_create("errors");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, operands_of_any_operation);
    tcase_add_test(t, null_gives_null);
    tcase_add_test(t, making_tensors);
    tcase_add_test(t, missing_arrays);
    tcase_add_test(t, an_error_while_computing);
    tcase_add_test(t, elementwise);
    tcase_add_test(t, reductions);
    tcase_add_test(t, shapes);
    tcase_add_test(t, splitting);
    tcase_add_test(t, indices);
    tcase_add_test(t, the_first_of_many_indices);
    tcase_add_test(t, products);
    tcase_add_test(t, the_first_message_stays);
    suite_add_tcase(suite, t);
    return suite;
}
