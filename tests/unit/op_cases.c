#include "tests/unit/op_cases.h"

#include <math.h>
#include <string.h>

#include "core/ops/elementwise.h"
#include "core/ops/index.h"
#include "core/ops/linalg.h"
#include "core/ops/reduce.h"
#include "core/ops/shape.h"

/* -- Calls with parameters -- */

static int operands(const cJSON *c) { return cJSON_GetArraySize(cJSON_GetObjectItem(c, "in")); }

static gr_axes axes_of(const cJSON *c) {
    gr_axes axes = {0};
    axes.n = oracle_ints(c, "axes", axes.axis, GR_MAX_DIMS);
    return axes;
}

#define CALL(name) static gr_tensor *call_##name(const cJSON *c, gr_tensor **in)

CALL(where) { return (void)c, gr_where(in[0], in[1], in[2]); }
CALL(scale) { return gr_scale(in[0], oracle_param(c, "factor", NAN)); }
CALL(shift) { return gr_shift(in[0], oracle_param(c, "term", NAN)); }
CALL(power) { return gr_power(in[0], oracle_param(c, "exponent", NAN)); }
CALL(clamp) { return gr_clamp(in[0], oracle_param(c, "low", NAN), oracle_param(c, "high", NAN)); }
/* Without the parameter the default of the macro is tested. */
CALL(leaky_relu) {
    double slope = oracle_param(c, "slope", NAN);
    return isnan(slope) ? gr_leaky_relu(in[0]) : gr_leaky_relu(in[0], .slope = slope);
}
CALL(elu) {
    double alpha = oracle_param(c, "alpha", NAN);
    return isnan(alpha) ? gr_elu(in[0]) : gr_elu(in[0], .alpha = alpha);
}

CALL(gelu) { return oracle_flag(c, "tanh") ? gr_gelu(in[0], .tanh = true) : gr_gelu(in[0]); }
CALL(softplus) {
    double beta = oracle_param(c, "beta", NAN), threshold = oracle_param(c, "threshold", NAN);
    if (isnan(beta)) return gr_softplus(in[0]);
    return isnan(threshold) ? gr_softplus(in[0], .beta = beta)
                            : gr_softplus(in[0], .beta = beta, .threshold = threshold);
}

#define REDUCTION(name)                                                                            \
    CALL(name) {                                                                                   \
        return gr_##name(in[0], .axes = axes_of(c), .keepdim = oracle_flag(c, "keepdim"));         \
    }
REDUCTION(sum)
REDUCTION(mean)
REDUCTION(max)
REDUCTION(min)
REDUCTION(logsumexp)
CALL(norm) {
    double p = oracle_param(c, "p", NAN);
    bool keepdim = oracle_flag(c, "keepdim");
    return isnan(p) ? gr_norm(in[0], .axes = axes_of(c), .keepdim = keepdim)
                    : gr_norm(in[0], .p = p, .axes = axes_of(c), .keepdim = keepdim);
}
CALL(var) {
    int correction = oracle_int(c, "correction", -1);
    bool keepdim = oracle_flag(c, "keepdim");
    return correction < 0
               ? gr_var(in[0], .axes = axes_of(c), .keepdim = keepdim)
               : gr_var(in[0], .correction = correction, .axes = axes_of(c), .keepdim = keepdim);
}
CALL(softmax) { return gr_softmax(in[0], .axes = axes_of(c)); }
CALL(log_softmax) { return gr_log_softmax(in[0], .axes = axes_of(c)); }
CALL(cumsum) { return gr_cumsum(in[0], oracle_int(c, "axis", 0)); }
CALL(argmax) { return gr_argmax(in[0], oracle_int(c, "axis", 0)); }
CALL(argmin) { return gr_argmin(in[0], oracle_int(c, "axis", 0)); }
CALL(sum_to) { return gr_sum_to(in[0], oracle_shape(c, "shape")); }

CALL(reshape) { return gr_reshape(in[0], oracle_shape(c, "shape")); }
CALL(flatten) { return (void)c, gr_flatten(in[0]); }
CALL(transpose) { return gr_transpose(in[0], oracle_int(c, "a", 0), oracle_int(c, "b", 0)); }
CALL(permute) { return gr_permute(in[0], oracle_shape(c, "order")); }
CALL(slice) {
    return gr_slice(in[0], oracle_int(c, "axis", 0), oracle_int(c, "begin", 0),
                    oracle_int(c, "end", 0), oracle_int(c, "step", 1));
}
CALL(select) { return gr_select(in[0], oracle_int(c, "axis", 0), oracle_int(c, "position", 0)); }
CALL(concat) { return gr_concat((gr_list){operands(c), in}, oracle_int(c, "axis", 0)); }
CALL(stack) { return gr_stack((gr_list){operands(c), in}, oracle_int(c, "axis", 0)); }
CALL(split) {
    int lengths[8], n = oracle_ints(c, "lengths", lengths, 8);
    gr_tensor *parts[8];
    if (!gr_split(in[0], oracle_int(c, "axis", 0), lengths, n, parts)) return NULL;
    return parts[oracle_int(c, "part", 0)];
}
CALL(expand) { return gr_expand(in[0], oracle_shape(c, "shape")); }
CALL(unsqueeze) { return gr_unsqueeze(in[0], oracle_int(c, "axis", 0)); }
CALL(squeeze) { return gr_squeeze(in[0], oracle_int(c, "axis", 0)); }
CALL(flip) { return gr_flip(in[0], oracle_int(c, "axis", 0)); }
CALL(pad) {
    return gr_pad(in[0], oracle_int(c, "axis", 0), oracle_int(c, "before", 0),
                  oracle_int(c, "after", 0), oracle_param(c, "value", 0));
}

CALL(gather) { return gr_gather(in[0], oracle_int(c, "axis", 0), in[1]); }
CALL(scatter_add) { return gr_scatter_add(in[0], oracle_int(c, "axis", 0), in[1], in[2]); }
CALL(index_select) { return gr_index_select(in[0], oracle_int(c, "axis", 0), in[1]); }
CALL(one_hot) { return gr_one_hot(in[0], oracle_int(c, "classes", 0)); }
/* The default axis is the last. */
static gr_tensor *sort(const cJSON *c, gr_tensor *x, gr_tensor **indices) {
    int axis = oracle_int(c, "axis", 0);
    bool descending = oracle_flag(c, "descending");
    return axis == -1 ? gr_sort(x, .descending = descending, .indices = indices)
                      : gr_sort(x, .axis = axis, .descending = descending, .indices = indices);
}
CALL(sort) { return sort(c, in[0], NULL); }
CALL(sort_indices) {
    gr_tensor *indices = NULL;
    return sort(c, in[0], &indices) == NULL ? NULL : indices;
}
CALL(argsort) { return gr_argsort(in[0], oracle_int(c, "axis", 0), oracle_flag(c, "descending")); }
static gr_tensor *topk(const cJSON *c, gr_tensor *x, gr_tensor **indices) {
    int axis = oracle_int(c, "axis", 0), k = oracle_int(c, "k", 0);
    bool smallest = oracle_flag(c, "smallest");
    return axis == -1 ? gr_topk(x, k, .smallest = smallest, .indices = indices)
                      : gr_topk(x, k, .axis = axis, .smallest = smallest, .indices = indices);
}
CALL(topk) { return topk(c, in[0], NULL); }
CALL(topk_indices) {
    gr_tensor *indices = NULL;
    return topk(c, in[0], &indices) == NULL ? NULL : indices;
}

CALL(matmul) {
    return gr_matmul(in[0], in[1], .transpose_a = oracle_flag(c, "transpose_a"),
                     .transpose_b = oracle_flag(c, "transpose_b"));
}
CALL(affine) { return gr_affine(in[0], in[1], operands(c) > 2 ? in[2] : NULL); }
CALL(distances) {
    double p = oracle_param(c, "p", NAN);
    bool squared = oracle_flag(c, "squared");
    return isnan(p) ? gr_distances(in[0], in[1], .squared = squared)
                    : gr_distances(in[0], in[1], .p = p, .squared = squared);
}
CALL(cosine_similarity) {
    int axis = oracle_int(c, "axis", -1);
    double eps = oracle_param(c, "eps", NAN);
    return isnan(eps) ? gr_cosine_similarity(in[0], in[1], .axis = axis)
                      : gr_cosine_similarity(in[0], in[1], .axis = axis, .eps = eps);
}

/* -- The table -- */

typedef struct op_entry {
    const char *family, *name;
    gr_tensor *(*unary)(gr_tensor *); /* one of the three */
    gr_tensor *(*binary)(gr_tensor *, gr_tensor *);
    oracle_function *call;
} op_entry;

#define UNARY(name_)                                                                               \
    { .family = "elementwise", .name = #name_, .unary = gr_##name_ }
#define BINARY(name_)                                                                              \
    { .family = "elementwise", .name = #name_, .binary = gr_##name_ }
#define WITH(family_, name_)                                                                       \
    { .family = family_, .name = #name_, .call = call_##name_ }

static const op_entry ops[] = {
    BINARY(add),
    BINARY(sub),
    BINARY(mul),
    BINARY(div),
    BINARY(pow),
    BINARY(minimum),
    BINARY(maximum),
    BINARY(eq),
    BINARY(ne),
    BINARY(lt),
    BINARY(le),
    BINARY(gt),
    BINARY(ge),
    WITH("elementwise", where),
    WITH("elementwise", scale),
    WITH("elementwise", shift),
    WITH("elementwise", power),
    WITH("elementwise", clamp),
    UNARY(neg),
    UNARY(abs),
    UNARY(sign),
    UNARY(square),
    UNARY(sqrt),
    UNARY(rsqrt),
    UNARY(reciprocal),
    UNARY(reciprocal_or_zero),
    UNARY(exp),
    UNARY(log),
    UNARY(log1p),
    UNARY(expm1),
    UNARY(sin),
    UNARY(cos),
    UNARY(tanh),
    UNARY(log_of_cosh),
    UNARY(erf),
    UNARY(normal_cdf),
    UNARY(sigmoid),
    WITH("elementwise", softplus),
    UNARY(relu),
    WITH("elementwise", gelu),
    UNARY(silu),
    WITH("elementwise", leaky_relu),
    WITH("elementwise", elu),
    BINARY(relu_grad),
    BINARY(tanh_grad),
    BINARY(sigmoid_grad),
    WITH("reduce", sum),
    WITH("reduce", mean),
    WITH("reduce", max),
    WITH("reduce", min),
    WITH("reduce", logsumexp),
    WITH("reduce", norm),
    WITH("reduce", var),
    WITH("reduce", softmax),
    WITH("reduce", log_softmax),
    WITH("reduce", cumsum),
    WITH("reduce", argmax),
    WITH("reduce", argmin),
    WITH("reduce", sum_to),
    WITH("shape", reshape),
    WITH("shape", flatten),
    WITH("shape", transpose),
    WITH("shape", permute),
    WITH("shape", slice),
    WITH("shape", select),
    WITH("shape", concat),
    WITH("shape", stack),
    WITH("shape", split),
    WITH("shape", expand),
    WITH("shape", unsqueeze),
    WITH("shape", squeeze),
    WITH("shape", flip),
    WITH("shape", pad),
    WITH("index", gather),
    WITH("index", scatter_add),
    WITH("index", index_select),
    WITH("index", one_hot),
    WITH("index", sort),
    WITH("index", sort_indices),
    WITH("index", argsort),
    WITH("index", topk),
    WITH("index", topk_indices),
    WITH("linalg", matmul),
    WITH("linalg", affine),
    WITH("linalg", distances),
    WITH("linalg", cosine_similarity),
};

int op_count(void) { return (int)(sizeof ops / sizeof *ops); }
const char *op_name(int i) { return ops[i].name; }
const char *op_family(int i) { return ops[i].family; }

int op_of(const cJSON *c) {
    const char *name = cJSON_GetStringValue(cJSON_GetObjectItem(c, "op"));
    for (int i = 0; i < op_count(); i++)
        if (name != NULL && strcmp(name, ops[i].name) == 0) return i;
    return -1;
}

gr_tensor *op_run(const cJSON *c, gr_tensor **in) {
    int i = op_of(c);
    if (i < 0) return NULL;
    if (ops[i].unary != NULL) return ops[i].unary(in[0]);
    if (ops[i].binary != NULL) return ops[i].binary(in[0], in[1]);
    return ops[i].call(c, in);
}
