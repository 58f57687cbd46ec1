/* The most that one thread can do: independent fused multiply-adds in registers, and streams
 * through memory. Compiled for each instruction set, as the kernels are. */
#include "tests/bench/peak.h"

#define JOIN_(name, isa) name##_##isa
#define JOIN(name, isa) JOIN_(name, isa)

#if defined(__AVX512F__)
enum { BYTES = 64 };
#elif defined(__AVX__)
enum { BYTES = 32 };
#else
enum { BYTES = 16 };
#endif
enum { CHAINS = 12, LANES = BYTES / sizeof(gr_real) };

typedef gr_real vector __attribute__((vector_size(BYTES)));

double JOIN(peak, GR_ISA)(long rounds, gr_real *sink) {
    vector acc[CHAINS], a, b;
    for (int l = 0; l < (int)LANES; l++) a[l] = (gr_real)0.999, b[l] = *sink;
    for (int c = 0; c < CHAINS; c++) acc[c] = b + (gr_real)c;
    for (long r = 0; r < rounds; r++) {
        /* 12 chains hide a latency of 4 cycles on two units, and fit 16 registers. */
#define STEP(c) acc[c] = acc[c] * a + b;
        STEP(0)
        STEP(1) STEP(2) STEP(3) STEP(4) STEP(5) STEP(6) STEP(7) STEP(8) STEP(9) STEP(10) STEP(11)
    }
    vector sum = acc[0];
    for (int c = 1; c < CHAINS; c++) sum += acc[c];
    for (int l = 0; l < (int)LANES; l++) *sink += sum[l];
    return 2.0 * CHAINS * LANES * (double)rounds;
}

void JOIN(triad, GR_ISA)(long n, gr_real *restrict a, const gr_real *restrict b,
                         const gr_real *restrict c) {
    for (long i = 0; i < n; i++) a[i] = b[i] + 3 * c[i];
}

void JOIN(update, GR_ISA)(long n, gr_real *restrict a, const gr_real *restrict b) {
    for (long i = 0; i < n; i++) a[i] = a[i] + 3 * b[i];
}
