#include "core/graph/graph_internal.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { LASTING_CHUNK = 16 << 10, STEP_CHUNK = 64 << 10 };

/* OpenMP ends the program if the system refuses it a thread. */
enum { MOST_THREADS = 256 };

gr_graph *gr_graph_new_(gr_graph_options options) {
    gr_graph *g = calloc(1, sizeof *g);
    if (g == NULL) return NULL;
    g->budget = (gr_budget){.limit = options.memory_limit, .reserved = sizeof *g, .requests = 1};
    g->lasting = (gr_arena){.budget = &g->budget, .first_chunk = LASTING_CHUNK};
    g->step = (gr_arena){.budget = &g->budget, .first_chunk = STEP_CHUNK};
    g->random.seed = options.seed;
    g->threads = options.threads > 0 ? options.threads : gr_parallel_threads();
    if (g->threads > MOST_THREADS) g->threads = MOST_THREADS;
    g->anomaly = options.anomaly;
    g->on_error = options.on_error;
    g->on_error_context = options.on_error_context;
    g->kernels = gr_kernels_find(options.isa);
    if (g->kernels == NULL) {
        g->kernels = gr_kernels_find(NULL);
        gr_fail(g,
                "gr_graph_new: isa \"%s\" is not one of this processor's: \"avx512\", \"avx2\" or "
                "\"base\" were expected",
                options.isa);
    }
    if (options.threads < 0)
        gr_fail(g, "gr_graph_new: threads is %d, expected 0 (all) or more", options.threads);
    if (options.real_size != sizeof(gr_real))
        gr_fail(g,
                "gr_graph_new: the program computes in numbers of %zu bytes, the library in %zu: "
                "compile both with -DGR_DOUBLE, or neither",
                options.real_size, sizeof(gr_real));
    return g;
}

void gr_graph_free(gr_graph *g) {
    if (g == NULL) return;
    gr_arena_free(&g->lasting);
    gr_arena_free(&g->step);
    free(g->tape);
    free(g);
}

void gr_graph_reset(gr_graph *g) {
    if (g == NULL) return;
    g->tape_length = 0;
    g->reuse = (gr_reuse){0};
    gr_arena_reset(&g->step);
}

bool gr_failed(const gr_graph *g) { return g == NULL || g->failed; }

const char *gr_error(const gr_graph *g) {
    return g == NULL ? "gr_graph_new: no memory for a graph" : g->error;
}

void gr_clear_error(gr_graph *g) {
    if (g == NULL) return;
    g->failed = false;
    g->error[0] = '\0';
}

void *gr_fail(gr_graph *g, const char *format, ...) {
    if (g == NULL) return NULL;
    g->failures++;
    if (g->failed) return NULL;
    g->failed = true;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(g->error, sizeof g->error, format, arguments);
    va_end(arguments);
    if (g->on_error != NULL) g->on_error(g->error, g->on_error_context);
    return NULL;
}

void gr_no_grad_begin(gr_graph *g) {
    if (g != NULL) g->no_grad++;
}

void gr_no_grad_end(gr_graph *g) {
    if (g == NULL) return;
    if (g->no_grad == 0)
        gr_fail(g, "gr_no_grad_end: without a gr_no_grad_begin");
    else
        g->no_grad--;
}

int gr_tape_length(const gr_graph *g) { return g == NULL ? 0 : g->tape_length; }

int gr_threads(const gr_graph *g) { return g == NULL ? 0 : g->threads; }

const char *gr_isa(const gr_graph *g) { return g == NULL ? "" : g->kernels->isa; }

gr_memory gr_memory_use(const gr_graph *g) {
    if (g == NULL) return (gr_memory){0};
    return (gr_memory){.lasting = g->lasting.used,
                       .step = g->step.used,
                       .step_peak = g->step.peak,
                       .reserved = g->budget.reserved,
                       .system_requests = g->budget.requests};
}

void *gr_alloc_lasting(gr_graph *g, size_t bytes) {
    if (g == NULL) return NULL;
    void *p = gr_arena_alloc(&g->lasting, bytes, GR_ALIGN_DATA);
    if (p == NULL) return gr_fail(g, "gr_alloc_lasting: no memory for %zu bytes", bytes);
    return memset(p, 0, bytes);
}

char *gr_copy_string(gr_graph *g, const char *text) {
    if (text == NULL) return NULL;
    char *copy = gr_alloc_lasting(g, strlen(text) + 1);
    return copy == NULL ? NULL : strcpy(copy, text);
}
