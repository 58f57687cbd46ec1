#include "core/graph/reuse_internal.h"

#include "core/graph/graph_internal.h"
#include "core/graph/poison_internal.h"

static void put_aside(gr_graph *g, gr_storage *m) {
    ASAN_POISON_MEMORY_REGION(m->elements, m->bytes);
    m->next = g->reuse.spare;
    g->reuse.spare = m;
}

/* The last one put aside that is large enough, and not so large that much of it would be lost. */
static gr_storage *take_spare(gr_graph *g, size_t bytes) {
    for (gr_storage **m = &g->reuse.spare; *m != NULL; m = &(*m)->next) {
        gr_storage *found = *m;
        if (found->bytes < bytes || found->bytes / 2 > bytes) continue;
        *m = found->next;
        ASAN_UNPOISON_MEMORY_REGION(found->elements, bytes);
        return found;
    }
    return NULL;
}

gr_storage *gr_reuse_new(gr_graph *g, size_t bytes) {
    gr_storage *m = take_spare(g, bytes);
    if (m == NULL) {
        m = gr_arena_alloc(&g->step, sizeof *m, GR_ALIGN_STRUCT);
        if (m == NULL) return NULL;
        *m = (gr_storage){.bytes = bytes,
                          .elements = gr_arena_alloc(&g->step, bytes, GR_ALIGN_DATA)};
        if (m->elements == NULL) return NULL;
    }
    m->fresh = true;
    m->next = g->reuse.fresh;
    g->reuse.fresh = m;
    return m;
}

void gr_reuse_hold(const gr_tensor *t) {
    if (t->storage != NULL) t->storage->holders++;
}

void gr_reuse_release(const gr_tensor *t) {
    gr_storage *m = t->storage;
    if (m != NULL && --m->holders == 0 && !m->fresh) put_aside(t->graph, m);
}

bool gr_reuse_single(const gr_tensor *t) {
    return t->storage != NULL && t->storage->holders == 1 && !t->storage->fresh;
}

void gr_reuse_collect(gr_graph *g) {
    gr_storage *m = g->reuse.fresh;
    g->reuse.fresh = NULL;
    while (m != NULL) {
        gr_storage *next = m->next;
        m->fresh = false;
        if (m->holders == 0) put_aside(g, m);
        m = next;
    }
}
