/* Counts what the linker's --wrap sends here: each call of malloc and its relatives from the
 * library and from this program. */
#include "tests/bench/bench.h"

#include <stdlib.h>

static uint64_t count;

uint64_t count_allocations(void) { return count; }

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
void *__real_aligned_alloc(size_t align, size_t size);
int __real_posix_memalign(void **p, size_t align, size_t size);

void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);
void *__wrap_aligned_alloc(size_t align, size_t size);
int __wrap_posix_memalign(void **p, size_t align, size_t size);

void *__wrap_malloc(size_t size) {
    count++;
    return __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size) {
    count++;
    return __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t size) {
    count++;
    return __real_realloc(p, size);
}

void *__wrap_aligned_alloc(size_t align, size_t size) {
    count++;
    return __real_aligned_alloc(align, size);
}

int __wrap_posix_memalign(void **p, size_t align, size_t size) {
    count++;
    return __real_posix_memalign(p, align, size);
}
