/* bench [--repetitions N] [--threads N] [--only TEXT] [PEER COMMAND]...: time a step takes, beside
 * peers.
 *
 * Each workload is measured in repetitions of some 20 ms, of this library and of each peer in turn,
 * so that a change of the machine's speed meets all of them; the table has medians. */
#include "tests/bench/bench.h"
#include "tests/bench/peak.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MAX_PEERS = 4, MAX_REPETITIONS = 1000, WARM_UP = 10, COUNTED_STEPS = 100 };
static const double MILLISECONDS = 20;

typedef struct settings {
    int repetitions, threads;
    const char *only;
    int n_peers;
    peer *peers[MAX_PEERS];
} settings;

typedef struct result {
    double own, spread; /* median of microseconds, and half of the interquartile range */
    double peers[MAX_PEERS];
    double allocations, system_requests; /* a step, after the tenth */
} result;

static double now(void) { /* microseconds */
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

double measure_peak(const char *isa) {
    double (*peak)(long, gr_real *) = peak_base;
#ifdef __x86_64__
    if (strcmp(isa, "avx2") == 0) peak = peak_avx2;
    if (strcmp(isa, "avx512") == 0) peak = peak_avx512;
#endif
    (void)isa;
    double best = 0;
    volatile gr_real result;
    for (int i = 0; i < 20; i++) {
        gr_real sink = (gr_real)0.001;
        double begin = now();
        double operations = peak(500000, &sink);
        double rate = operations / (now() - begin) * 1e6;
        result = sink;
        if (rate > best) best = rate;
    }
    (void)result;
    return best;
}

/* -- One workload -- */

static double time_steps(const workload *w, bench *b, int64_t steps) {
    double begin = now();
    for (int64_t i = 0; i < steps; i++) w->step(b);
    return (now() - begin) / (double)steps;
}

static int64_t steps_for(const workload *w, bench *b, double milliseconds) {
    int64_t steps = 1;
    double each;
    while ((each = time_steps(w, b, steps)) * (double)steps < 1e3 * milliseconds / 4) steps *= 2;
    steps = (int64_t)(1e3 * milliseconds / each);
    return steps > 0 ? steps : 1;
}

static void count_memory(const workload *w, bench *b, result *r) {
    time_steps(w, b, WARM_UP);
    uint64_t allocations = count_allocations();
    uint64_t requests = gr_memory_use(b->graph).system_requests;
    time_steps(w, b, COUNTED_STEPS);
    r->allocations = (double)(count_allocations() - allocations) / COUNTED_STEPS;
    r->system_requests =
        (double)(gr_memory_use(b->graph).system_requests - requests) / COUNTED_STEPS;
}

static bool measure(const workload *w, const settings *s, result *r) {
    static double own[MAX_REPETITIONS], peers[MAX_PEERS][MAX_REPETITIONS];
    bench b = {.graph = gr_graph_new(.seed = 42, .threads = s->threads), .size = w->size};
    w->setup(&b);
    count_memory(w, &b, r);
    int64_t steps = gr_failed(b.graph) ? 0 : steps_for(w, &b, MILLISECONDS);

    for (int k = 0; k < s->repetitions && steps > 0; k++) {
        own[k] = time_steps(w, &b, steps);
        for (int p = 0; p < s->n_peers; p++)
            peers[p][k] = peer_measure(s->peers[p], w->name, MILLISECONDS);
    }
    bool ok = !gr_failed(b.graph);
    if (!ok) fprintf(stderr, "%s: %s\n", w->name, gr_error(b.graph));
    gr_graph_free(b.graph);
    if (!ok) return false;

    qsort(own, (size_t)s->repetitions, sizeof *own, compare);
    r->own = quantile(own, s->repetitions, 0.5);
    r->spread = (quantile(own, s->repetitions, 0.75) - quantile(own, s->repetitions, 0.25)) / 2;
    for (int p = 0; p < s->n_peers; p++) {
        qsort(peers[p], (size_t)s->repetitions, sizeof **peers, compare);
        r->peers[p] = quantile(peers[p], s->repetitions, 0.5);
    }
    return true;
}

/* -- The table -- */

static void print_heading(const settings *s) {
    printf("\n%-28s %10s %7s %8s %8s %6s", "", "Gradus", "", "", "malloc", "system");
    for (int p = 0; p < s->n_peers; p++) printf(" %16s %8s", peer_name(s->peers[p]), "times");
    printf("\n%-28s %10s %7s %8s %8s %6s", "workload", "us/step", "+-", "GFLOP/s", "a step",
           "a step");
    for (int p = 0; p < s->n_peers; p++) printf(" %16s %8s", "us/step", "Gradus");
    printf("\n");
}

static void print_result(const workload *w, const settings *s, const result *r) {
    printf("%-28s %10.2f %7.2f", w->name, r->own, r->spread);
    if (w->operations > 0)
        printf(" %8.1f", w->operations / r->own * 1e-3);
    else
        printf(" %8s", "");
    printf(" %8.2f %6.2f", r->allocations, r->system_requests);
    for (int p = 0; p < s->n_peers; p++) {
        if (isnan(r->peers[p]))
            printf(" %16s %8s", "-", "-");
        else
            printf(" %16.2f %8.2f", r->peers[p], r->peers[p] / r->own);
    }
    printf("\n");
    fflush(stdout);
}

static void print_machine(const settings *s) {
    gr_graph *g = gr_graph_new(.threads = 1);
    printf("Threads: %d. %s, kernels for %s; peak of fused multiply-adds of one thread: %.1f "
           "GFLOP/s\n",
           s->threads, sizeof(gr_real) == 8 ? "Double" : "Float", gr_isa(g),
           measure_peak(gr_isa(g)) * 1e-9);
    gr_graph_free(g);
}

static bool read_settings(settings *s, int argc, char **argv) {
    for (int i = 1; i < argc; i++) {
        char command[1024];
        if (strcmp(argv[i], "--repetitions") == 0 && i + 1 < argc) {
            s->repetitions = atoi(argv[++i]);
            if (s->repetitions < 1 || s->repetitions > MAX_REPETITIONS) return false;
        } else if (strcmp(argv[i], "--threads") == 0 && i + 1 < argc && s->n_peers == 0) {
            s->threads = atoi(argv[++i]);
            if (s->threads < 1) return false;
        } else if (strcmp(argv[i], "--only") == 0 && i + 1 < argc) {
            s->only = argv[++i];
        } else if (argv[i][0] == '-' || s->n_peers == MAX_PEERS) {
            return false;
        } else {
            snprintf(command, sizeof command, "exec %s float%d %d", argv[i],
                     (int)sizeof(gr_real) * 8, s->threads);
            peer *p = peer_start(command);
            if (p != NULL) s->peers[s->n_peers++] = p;
        }
    }
    return true;
}

int main(int argc, char **argv) {
    settings s = {.repetitions = 21, .threads = 1};
    if (!read_settings(&s, argc, argv)) {
        fprintf(stderr,
                "usage: bench [--repetitions 1..%d] [--threads N] [--only TEXT] [PEER]...\n",
                MAX_REPETITIONS);
        return 2;
    }
    print_machine(&s);
    print_heading(&s);
    int failures = 0;
    for (int i = 0; i < n_workloads; i++) {
        result r = {0};
        if (s.only != NULL && strstr(workloads[i].name, s.only) == NULL) continue;
        if (measure(&workloads[i], &s, &r))
            print_result(&workloads[i], &s, &r);
        else
            failures++;
    }
    for (int p = 0; p < s.n_peers; p++) peer_stop(s.peers[p]);
    return failures > 0;
}
