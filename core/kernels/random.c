/* Random words, many at once, and what drops elements by them. */
#include "core/kernels/kernels.h"

enum { LANES = GR_RANDOM_WORDS / 4 };

/* gr_philox of LANES counters side by side: word w of the block counter + j is out[w LANES + j]. */
static void batch(uint64_t seed, uint64_t counter, uint32_t *out) {
    const uint32_t multiplier0 = 0xD2511F53, multiplier1 = 0xCD9E8D57;
    const uint32_t weyl0 = 0x9E3779B9, weyl1 = 0xBB67AE85;
    uint32_t c0[LANES], c1[LANES], c2[LANES], c3[LANES];
    uint32_t k0 = (uint32_t)seed, k1 = (uint32_t)(seed >> 32);
    for (int j = 0; j < LANES; j++) {
        c0[j] = (uint32_t)(counter + (uint64_t)j);
        c1[j] = (uint32_t)((counter + (uint64_t)j) >> 32);
        c2[j] = c3[j] = 0;
    }
    for (int round = 0; round < 10; round++, k0 += weyl0, k1 += weyl1) {
        for (int j = 0; j < LANES; j++) {
            uint64_t p0 = (uint64_t)multiplier0 * c0[j], p1 = (uint64_t)multiplier1 * c2[j];
            c0[j] = (uint32_t)(p1 >> 32) ^ c1[j] ^ k0;
            c1[j] = (uint32_t)p1;
            c2[j] = (uint32_t)(p0 >> 32) ^ c3[j] ^ k1;
            c3[j] = (uint32_t)p0;
        }
    }
    for (int j = 0; j < LANES; j++) {
        out[j] = c0[j];
        out[LANES + j] = c1[j];
        out[2 * LANES + j] = c2[j];
        out[3 * LANES + j] = c3[j];
    }
}

static void words(uint64_t seed, uint64_t counter, int64_t batches, uint32_t *out) {
    for (int64_t b = 0; b < batches; b++)
        batch(seed, counter + (uint64_t)b * LANES, out + b * GR_RANDOM_WORDS);
}

static void drop(int64_t n, const uint32_t *word, uint32_t threshold, gr_real factor,
                 const gr_real *x, gr_real *y) {
    for (int64_t i = 0; i < n; i++) y[i] = word[i] < threshold ? 0 : factor * x[i];
}

const gr_random_kernels GR_FOR_ISA(gr_random) = {.words = words, .drop = drop};
