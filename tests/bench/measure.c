#include "tests/bench/measure.h"

#include <math.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { WARM_UP = 10, COUNTED_STEPS = 100 };
static const double MILLISECONDS = 20;
/* Threads that have done their work watch for more before they sleep. Nobody's turn begins before
 * those of the one before are asleep. */
static const struct timespec REST = {.tv_nsec = 30000000};

double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return 1e6 * (double)t.tv_sec + 1e-3 * (double)t.tv_nsec;
}

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Of sorted values, by linear interpolation. */
static double quantile(const double *sorted, int n, double q) {
    double place = q * (n - 1);
    int below = (int)place;
    int above = below + 1 < n ? below + 1 : below;
    return sorted[below] + (place - below) * (sorted[above] - sorted[below]);
}

double median(double *values, int n) {
    qsort(values, (size_t)n, sizeof *values, compare);
    return quantile(values, n, 0.5);
}

double quartile_range(double *sorted, int n) {
    return (quantile(sorted, n, 0.75) - quantile(sorted, n, 0.25)) / 2;
}

gr_tensor *classes(gr_graph *g, gr_shape shape, int count) {
    gr_tensor *t = gr_keep(gr_permutation(g, (int)gr_shape_size(shape)));
    for (int64_t i = 0; t != NULL && i < t->size; i++)
        t->index[i] = (int32_t)((7 * i + i / count) % count);
    return gr_keep(gr_reshape(t, shape));
}

/* -- A workload's graph -- */

static bench begin(const workload *w, int threads) {
    bench b = {.of = w, .graph = gr_graph_new(.seed = 42, .threads = threads)};
    w->setup(&b);
    gr_graph_reset(b.graph);
    return b;
}

/* False if something failed, which is printed. */
static bool end(bench *b) {
    bool ok = !gr_failed(b->graph);
    if (!ok) fprintf(stderr, "%s: %s\n", b->of->name, gr_error(b->graph));
    gr_graph_free(b->graph);
    gr_graph_free(b->held);
    return ok;
}

/* -- Time -- */

static double time_steps(bench *b, int64_t steps) {
    double start = now();
    for (int64_t i = 0; i < steps; i++) b->of->step(b);
    return (now() - start) / (double)steps;
}

static int64_t steps_for(bench *b, double milliseconds) {
    int64_t steps = 1;
    double each;
    while ((each = time_steps(b, steps)) * (double)steps < 1e3 * milliseconds / 4) steps *= 2;
    steps = (int64_t)(1e3 * milliseconds / each);
    return steps > 0 ? steps : 1;
}

static void count_memory(bench *b, result *r) {
    time_steps(b, WARM_UP);
    uint64_t allocations = count_allocations();
    uint64_t requests = gr_memory_use(b->graph).system_requests;
    time_steps(b, COUNTED_STEPS);
    r->allocations = (double)(count_allocations() - allocations) / COUNTED_STEPS;
    r->system_requests =
        (double)(gr_memory_use(b->graph).system_requests - requests) / COUNTED_STEPS;
}

bool measure_time(const workload *w, const limits *l, int repetitions, peer *const *peers,
                  int n_peers, result *r) {
    static double own[MAX_REPETITIONS], limit[MAX_REPETITIONS], others[MAX_PEERS][MAX_REPETITIONS];
    bench b = begin(w, l->threads);
    count_memory(&b, r);
    int64_t steps = gr_failed(b.graph) ? 0 : steps_for(&b, MILLISECONDS);
    r->flops = b.flops;
    r->bytes = b.bytes;
    for (int k = 0; k < repetitions && steps > 0; k++) {
        if (n_peers > 0) nanosleep(&REST, NULL);
        time_steps(&b, 1 + steps / 4); /* what others have put out of the caches comes back */
        own[k] = time_steps(&b, steps);
        limit[k] = least_time(l, b.flops, b.bytes, b.in_place);
        for (int p = 0; p < n_peers; p++) {
            nanosleep(&REST, NULL);
            others[p][k] = peers[p] == NULL ? NAN : peer_time(peers[p], w->name, MILLISECONDS);
        }
    }
    if (!end(&b)) return false;
    r->time = median(own, repetitions);
    r->spread = quartile_range(own, repetitions);
    r->limit = median(limit, repetitions);
    for (int p = 0; p < n_peers; p++) r->peers[p] = median(others[p], repetitions);
    return true;
}

/* -- Losses -- */

/* Numbers from -1/2 to 1/2, the same in peer.py. */
static double spread_number(int64_t i, int k) {
    return (double)(uint32_t)((uint64_t)i * 2654435761u + (uint64_t)k * 40503u + 12345u) /
               4294967296.0 -
           0.5;
}

/* Weights of a layer's usual size, and vectors (biases and scales) around 1/2. */
static void fill_parameters(gr_list parameters, int first) {
    for (int p = 0; p < parameters.n; p++) {
        gr_tensor *t = parameters.items[p];
        bool vector = t->shape.ndim < 2;
        double scale = vector ? 0.1 : 2 / sqrt((double)t->size / t->shape.dim[0]);
        for (int64_t i = 0; i < t->size; i++)
            t->data[i] = (gr_real)((vector ? 0.5 : 0) + scale * spread_number(i, first + p));
    }
}

static void fill(bench *b) {
    gr_list own = gr_parameters(b->net);
    fill_parameters(own, 0);
    if (b->critic != NULL) fill_parameters(gr_parameters(b->critic), own.n);
    gr_tensor *batch[] = {b->x, b->y};
    for (int k = 0; k < 2; k++)
        for (int64_t i = 0; batch[k] != NULL && batch[k]->kind == GR_REAL && i < batch[k]->size;
             i++)
            batch[k]->data[i] = (gr_real)(0.5 + spread_number(i, 100 + k));
}

bool own_losses(const workload *w, int steps, double losses[2]) {
    bench b = begin(w, 1);
    b.watched = true;
    if (!gr_failed(b.graph)) fill(&b);
    for (int i = 0; i < steps && !gr_failed(b.graph); i++) {
        w->step(&b);
        if (i == 0) losses[0] = b.loss;
        losses[1] = b.loss;
    }
    return end(&b);
}

/* -- Processes -- */

bool run_once(const workload *w, int threads, int steps) {
    bench b = begin(w, threads);
    for (int i = 0; i < steps; i++) w->step(&b);
    printf("%.0f\n", resident_peak(0));
    return end(&b);
}

extern char **environ;

/* Starts it with its standard output in a pipe, *out; -1 if it does not start. */
static pid_t start(const char *program, char *const *arguments, int *out) {
    int ends[2];
    pid_t pid = -1;
    if (pipe(ends) != 0) return -1;
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    posix_spawn_file_actions_addclose(&actions, ends[0]);
    posix_spawn_file_actions_addclose(&actions, ends[1]);
    if (posix_spawn(&pid, program, &actions, NULL, arguments, environ) != 0) pid = -1;
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    if (pid < 0) close(ends[0]);
    *out = ends[0];
    return pid;
}

double own_resident(const char *name, int steps) {
    char count[16], text[32] = "";
    snprintf(count, sizeof count, "%d", steps);
    char *arguments[] = {"bench", "--once", (char *)name, count, NULL};
    int out;
    pid_t pid = start("/proc/self/exe", arguments, &out);
    if (pid < 0) return NAN;
    ssize_t n = read(out, text, sizeof text - 1);
    close(out);
    waitpid(pid, NULL, 0);
    return n > 0 ? strtod(text, NULL) : NAN;
}

double time_to_first_byte(const char *program) {
    char byte;
    char *arguments[] = {(char *)program, NULL};
    int out;
    double started = now();
    pid_t pid = start(program, arguments, &out);
    if (pid < 0) return NAN;
    bool wrote = read(out, &byte, 1) == 1;
    double took = now() - started;
    close(out);
    waitpid(pid, NULL, 0);
    return wrote ? took : NAN;
}
