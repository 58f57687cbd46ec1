/* The graph: owner of all memory, recorder of operations, keeper of the first error.
 *
 *     gr_graph *g = gr_graph_new(.seed = 42);
 *     for (...) {
 *         gr_tensor *loss = ...;        // operations run at once and are noted on the tape
 *         gr_backward(loss);
 *         gr_step(optimizer);
 *         gr_graph_reset(g);            // the step's tensors go, parameters stay
 *     }
 *     if (gr_failed(g)) fprintf(stderr, "%s\n", gr_error(g));
 *     gr_graph_free(g);
 *
 * What is made in a graph lies in one of two arenas: what lasts (parameters, buffers, optimizer
 * state, modules) and what belongs to the step. Once the step's arena has reached its size, a
 * training step takes no memory from the system.
 *
 * A graph belongs to one thread at a time; different graphs may work in different threads. Large
 * operations share their work among `threads` threads of OpenMP, and give the same bits for any
 * number of them. Between operations gcc's OpenMP threads watch for work without sleeping, which
 * serves a processor that nobody else uses; beside other busy programs that makes two threads slower
 * than one, unless the environment has OMP_WAIT_POLICY=passive when the program starts.
 */
#ifndef GR_GRAPH_H
#define GR_GRAPH_H

#include "core/graph/tensor.h"

/* Options by name are given as designated initializers over the defaults that stand in each macro.
 * That is an initializer overriding another, on purpose; compilers warn of it. */
#if defined(__clang__)
#pragma clang diagnostic ignored "-Winitializer-overrides"
#elif defined(__GNUC__)
#pragma GCC diagnostic ignored "-Woverride-init"
#endif

typedef struct gr_graph_options {
    uint64_t seed; /* of all random numbers drawn in the graph */
    int threads;   /* at most so many, and never more than 256; 0: as many as OpenMP would use */
    /* The instruction set of the kernels: "avx512", "avx2" or "base"; NULL: the best that this
     * processor has. One that it has not is an error. */
    const char *isa;
    /* Look at every value and gradient, and make the first NaN or infinity an error that names the
     * operation (gr_set_anomaly in debug.h). */
    bool anomaly;
    size_t memory_limit; /* bytes that the graph may take from the system; 0: no limit */
    /* Called once, at the first error, with its message: a place for a breakpoint. */
    void (*on_error)(const char *message, void *context);
    void *on_error_context;
    size_t real_size; /* set by the macro: notices a float program linked with the double library */
} gr_graph_options;

/* Returns NULL only if there is no memory for the graph itself. A bad option gives a graph that has
 * failed. */
#define gr_graph_new(...)                                                                          \
    gr_graph_new_((gr_graph_options){.real_size = sizeof(gr_real), __VA_ARGS__})
gr_graph *gr_graph_new_(gr_graph_options options);

/* Frees the graph and all that was made in it. NULL is fine. */
void gr_graph_free(gr_graph *g);

/* Ends the step: frees the tensors that don't last and empties the tape. Pointers to them dangle.
 */
void gr_graph_reset(gr_graph *g);

/* -- Errors. Nothing in the library aborts, exits or prints. -- */

/* True after the first error (and for NULL, a graph that could not be made). */
bool gr_failed(const gr_graph *g);
/* The first error's message, "" if there is none. It names the operation, the operands with their
 * shapes and what was expected: gr_matmul: x (32,10) times 0.weight (20,1): inner dimensions ... */
const char *gr_error(const gr_graph *g);
/* Forgets the error. An optimizer does not step in a graph that has failed, so whoever mends the
 * cause and wants to go on says so here. */
void gr_clear_error(gr_graph *g);
/* Records an error (the first one stays); always returns NULL, so that a function of yours can end
 * with `return gr_fail(g, ...)`. */
/* clang-format off */
#if defined(__GNUC__)
__attribute__((format(printf, 2, 3)))
#endif
void *gr_fail(gr_graph *g, const char *format, ...);
/* clang-format on */

/* -- Recording -- */

/* Between these two nothing is recorded: results need no gradient and cost no tape. They nest. */
void gr_no_grad_begin(gr_graph *g);
void gr_no_grad_end(gr_graph *g);

/* The number of operations on the tape. */
int gr_tape_length(const gr_graph *g);

/* -- Settings and measurements -- */

int gr_threads(const gr_graph *g);
/* The instruction set in use: "avx512", "avx2" or "base". */
const char *gr_isa(const gr_graph *g);

typedef struct gr_memory {
    size_t lasting, step;     /* bytes in use */
    size_t step_peak;         /* the most that a step has used so far */
    size_t reserved;          /* bytes taken from the system, both arenas and the tape */
    uint64_t system_requests; /* times that the system was asked for memory since the beginning */
} gr_memory;
gr_memory gr_memory_use(const gr_graph *g);

/* Memory of the lasting arena for modules and optimizers of your own: zeroed, aligned to 64 bytes,
 * freed with the graph; NULL and an error if there is none. */
void *gr_alloc_lasting(gr_graph *g, size_t bytes);
/* A copy of the text that lasts; NULL of NULL. */
char *gr_copy_string(gr_graph *g, const char *text);

#endif
