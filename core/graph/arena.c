#include "core/graph/arena_internal.h"

#include "core/graph/poison_internal.h"

#include <stdlib.h>
#include <string.h>

struct gr_chunk {
    gr_chunk *older;
    size_t size, used; /* of the bytes that follow this header */
};

enum { HEADER = GR_ALIGN_DATA }; /* keeps what follows aligned */

static char *chunk_bytes(gr_chunk *c) { return (char *)c + HEADER; }

static size_t round_up(size_t n, size_t align) { return (n + align - 1) & ~(align - 1); }

void *gr_budget_alloc(gr_budget *b, size_t bytes) {
    if (bytes > SIZE_MAX - GR_ALIGN_DATA || bytes > SIZE_MAX - b->reserved) return NULL;
    if (b->limit > 0 && b->reserved + bytes > b->limit) return NULL;
    void *p = aligned_alloc(GR_ALIGN_DATA, round_up(bytes, GR_ALIGN_DATA));
    if (p == NULL) return NULL;
    b->reserved += bytes;
    b->requests++;
    return p;
}

void gr_budget_free(gr_budget *b, void *p, size_t bytes) {
    if (p == NULL) return;
    free(p);
    b->reserved -= bytes;
}

static bool add_chunk(gr_arena *a, size_t size) {
    if (size > SIZE_MAX - HEADER) return false;
    gr_chunk *c = gr_budget_alloc(a->budget, HEADER + size);
    if (c == NULL) return false;
    *c = (gr_chunk){.older = a->chunks, .size = size};
    ASAN_POISON_MEMORY_REGION(chunk_bytes(c), size);
    a->chunks = c;
    return true;
}

static void *take(gr_chunk *c, size_t bytes, size_t align) {
    if (c == NULL) return NULL;
    size_t begin = round_up(c->used, align);
    if (begin > c->size || bytes > c->size - begin) return NULL;
    c->used = begin + bytes;
    ASAN_UNPOISON_MEMORY_REGION(chunk_bytes(c) + begin, bytes);
    return chunk_bytes(c) + begin;
}

void *gr_arena_alloc(gr_arena *a, size_t bytes, size_t align) {
    void *p = take(a->chunks, bytes, align);
    if (p == NULL) {
        size_t size = a->chunks ? 2 * a->chunks->size : a->first_chunk;
        bool grown = (size >= bytes && add_chunk(a, size)) || add_chunk(a, bytes);
        if (!grown) return NULL;
        p = take(a->chunks, bytes, align);
    }
    a->used += bytes + align;
    if (a->used > a->peak) a->peak = a->used;
    return p;
}

void *gr_arena_alloc_zeroed(gr_arena *a, size_t bytes, size_t align) {
    void *p = gr_arena_alloc(a, bytes, align);
    return p == NULL ? NULL : memset(p, 0, bytes);
}

void gr_arena_give_back(gr_arena *a, void *last, size_t bytes, size_t align) {
    if (last == NULL) return;
    a->used -= bytes + align;
    char *begin = chunk_bytes(a->chunks);
    /* What lies in an older chunk stays taken until the reset. */
    if ((char *)last >= begin && (char *)last < begin + a->chunks->size)
        a->chunks->used = (size_t)((char *)last - begin);
    ASAN_POISON_MEMORY_REGION(last, bytes);
}

void gr_arena_reset(gr_arena *a) {
    a->used = 0;
    if (a->chunks == NULL) return;
    if (a->chunks->older != NULL) {
        size_t total = 0;
        for (gr_chunk *c = a->chunks; c != NULL; c = c->older) total += c->size;
        size_t peak = a->peak;
        gr_arena_free(a);
        a->peak = peak;
        if (!add_chunk(a, total)) return;
    }
    a->chunks->used = 0;
    ASAN_POISON_MEMORY_REGION(chunk_bytes(a->chunks), a->chunks->size);
}

void gr_arena_free(gr_arena *a) {
    while (a->chunks != NULL) {
        gr_chunk *c = a->chunks;
        a->chunks = c->older;
        ASAN_UNPOISON_MEMORY_REGION(chunk_bytes(c), c->size);
        gr_budget_free(a->budget, c, HEADER + c->size);
    }
    a->used = a->peak = 0;
}
