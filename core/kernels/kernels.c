/* The tables of all instruction sets, and the choice among them. */
#include "core/kernels/kernels.h"

#include <stddef.h>
#include <string.h>

#define KERNELS_OF(isa_)                                                                           \
    extern const gr_elementwise_kernels gr_elementwise_##isa_;                                     \
    extern const gr_pointwise_kernels gr_pointwise_##isa_;                                         \
    extern const gr_update_kernels gr_update_##isa_;                                               \
    extern const gr_gemm_kernels gr_gemm_##isa_;                                                   \
    extern const gr_distance_kernels gr_distance_##isa_;                                           \
    extern const gr_vector_kernels gr_vector_##isa_;                                               \
    extern const gr_reduce_kernels gr_reduce_##isa_;                                               \
    extern const gr_softmax_kernels gr_softmax_##isa_;                                             \
    extern const gr_ctc_kernels gr_ctc_##isa_;                                                     \
    extern const gr_patch_kernels gr_patch_##isa_;                                                 \
    extern const gr_normalize_kernels gr_normalize_##isa_;                                         \
    extern const gr_cell_kernels gr_cell_##isa_;                                                   \
    extern const gr_random_kernels gr_random_##isa_;                                               \
    extern const gr_pool_kernels gr_pool_##isa_;                                                   \
    extern const gr_direct_kernels gr_direct_##isa_;                                               \
    extern const gr_lane_kernels gr_lane_##isa_;                                                   \
    extern const gr_transpose_kernels gr_transpose_##isa_;                                         \
    extern const gr_resample_kernels gr_resample_##isa_;                                           \
    static const gr_kernels isa_##_kernels = {                                                     \
        .isa = #isa_,                                                                              \
        .elementwise = &gr_elementwise_##isa_,                                                     \
        .pointwise = &gr_pointwise_##isa_,                                                         \
        .update = &gr_update_##isa_,                                                               \
        .gemm = &gr_gemm_##isa_,                                                                   \
        .distance = &gr_distance_##isa_,                                                           \
        .vector = &gr_vector_##isa_,                                                               \
        .reduce = &gr_reduce_##isa_,                                                               \
        .softmax = &gr_softmax_##isa_,                                                             \
        .ctc = &gr_ctc_##isa_,                                                                     \
        .patch = &gr_patch_##isa_,                                                                 \
        .normalize = &gr_normalize_##isa_,                                                         \
        .cell = &gr_cell_##isa_,                                                                   \
        .random = &gr_random_##isa_,                                                               \
        .pool = &gr_pool_##isa_,                                                                   \
        .direct = &gr_direct_##isa_,                                                               \
        .lane = &gr_lane_##isa_,                                                                   \
        .transpose = &gr_transpose_##isa_,                                                         \
        .resample = &gr_resample_##isa_,                                                           \
    }

KERNELS_OF(base);
#ifdef __x86_64__
KERNELS_OF(avx2);
KERNELS_OF(avx512);

static bool has_avx2(void) {
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
           __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2");
}

static bool has_avx512(void) {
    return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vl");
}
#endif

const gr_kernels *gr_kernels_find(const char *isa) {
#ifdef __x86_64__
    if ((isa == NULL || strcmp(isa, "avx512") == 0) && has_avx512()) return &avx512_kernels;
    if ((isa == NULL || strcmp(isa, "avx2") == 0) && has_avx2()) return &avx2_kernels;
#endif
    return isa == NULL || strcmp(isa, "base") == 0 ? &base_kernels : NULL;
}
