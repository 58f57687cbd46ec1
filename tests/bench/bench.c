/* How long a step takes, beside what the machine could do and beside peers. README.md says how. */
#include "tests/bench/bench.h"
#include "tests/bench/markdown.h"
#include "tests/bench/measure.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { STARTS = 20, PEER_STARTS = 5, MEMORY_STEPS = 50, CHECKED_STEPS = 10 };
static const char FIRST_STEP_OF[] = "mlp-10-20-20-1-huber-adam";

static const char usage[] =
    "usage: bench [--repetitions N] [--threads N]... [--only TEXT]... [--out DIRECTORY]\n"
    "             [--minimal PROGRAM] [--library FILE] [PEER COMMAND]...\n"
    "       bench --check [--only TEXT]... [PEER COMMAND]...\n"
    "       bench [--threads N] --once WORKLOAD STEPS\n";

typedef struct settings {
    int repetitions, n_threads, threads[MAX_THREAD_COUNTS], n_peers, steps;
    const char *peers[MAX_PEERS]; /* commands */
    const char *only[MAX_ONLY], *out, *minimal, *library, *once;
    int n_only;
    bool check;
} settings;

static workload_table tables[3];

static void set_tables(void) {
    tables[0] = (workload_table){"training steps", training_rows, n_training_rows};
    tables[1] = (workload_table){"operations", operation_rows, n_operation_rows};
    tables[2] = (workload_table){"losses", loss_rows, n_loss_rows};
}

static bool chosen(const settings *s, const workload *w) {
    for (int i = 0; i < s->n_only; i++)
        if (strstr(w->name, s->only[i]) != NULL) return true;
    return s->n_only == 0;
}

/* An --only that is in no workload's name; NULL if there is none. */
static const char *find_unmatched(const settings *s) {
    for (int k = 0; k < s->n_only; k++) {
        bool found = false;
        for (int t = 0; t < 3; t++)
            for (int i = 0; i < tables[t].n; i++)
                found = found || strstr(tables[t].rows[i].name, s->only[k]) != NULL;
        if (!found) return s->only[k];
    }
    return NULL;
}

static int count_chosen(const settings *s, const workload_table *t) {
    int n = 0;
    for (int i = 0; i < t->n; i++) n += chosen(s, &t->rows[i]);
    return n;
}

/* -- Times, with one number of threads -- */

static void start_peers(const settings *s, int threads, report *r, peer **peers) {
    for (int p = 0; p < s->n_peers; p++) {
        peers[p] = peer_start(s->peers[p], threads, r->n_limits > 1);
        if (peers[p] != NULL)
            snprintf(r->peers[p], sizeof r->peers[p], "%.63s", peer_name(peers[p]));
    }
}

/* The report so far; called before anything is measured, too, so that no result is lost. */
static bool save(const settings *s, const report *r) {
    if (s->out == NULL) return true;
    mkdir(s->out, 0777);
    bool ok = write_report(r, s->out) && write_markdown(r, s->out);
    if (!ok) fprintf(stderr, "bench: can't write into %s\n", s->out);
    return ok;
}

/* Returns how many workloads failed. */
static int measure_table(const settings *s, const workload_table *t, const limits *l, report *r,
                         peer *const *peers) {
    int failures = 0;
    if (count_chosen(s, t) > 0) print_heading(r, t->title);
    for (int i = 0; i < t->n; i++) {
        result x = {.table = t->title, .name = t->rows[i].name, .threads = l->threads};
        if (!chosen(s, &t->rows[i])) continue;
        if (!measure_time(&t->rows[i], l, s->repetitions, peers, s->n_peers, &x)) {
            failures++;
            continue;
        }
        r->results[r->n_results++] = x;
        print_result(r, &x);
        failures += !save(s, r);
    }
    return failures;
}

static int measure_threads(const settings *s, int threads, report *r) {
    peer *peers[MAX_PEERS] = {NULL};
    limits *l = &r->limits[r->n_limits++];
    int failures = 0;
    *l = measure_limits(r->isa, threads);
    start_peers(s, threads, r, peers);
    print_machine(r, l);
    for (int t = 0; t < 3; t++) failures += measure_table(s, &tables[t], l, r, peers);
    for (int p = 0; p < s->n_peers; p++) peer_stop(peers[p]);
    limits_free(l);
    return failures;
}

/* -- Memory and start, with one thread -- */

/* Each in a process of its own. */
static double resident_of(const char *command, const char *name) {
    peer *p = peer_start(command, 1, true);
    double bytes = p != NULL && peer_run(p, name, MEMORY_STEPS) ? peer_resident(p) : NAN;
    peer_stop(p);
    return bytes;
}

static double start_of(const char *command) {
    double times[PEER_STARTS];
    for (int i = 0; i < PEER_STARTS; i++) {
        double began = now();
        peer *p = peer_start(command, 1, true);
        times[i] = p != NULL && peer_run(p, FIRST_STEP_OF, 1) ? now() - began : NAN;
        peer_stop(p);
    }
    return median(times, PEER_STARTS);
}

static void measure_memory(const settings *s, report *r) {
    if (count_chosen(s, &tables[0]) > 0) print_memory_heading(r);
    for (int i = 0; i < tables[0].n; i++) {
        memory_result m = {.name = tables[0].rows[i].name};
        if (!chosen(s, &tables[0].rows[i])) continue;
        m.own = own_resident(m.name, MEMORY_STEPS);
        for (int p = 0; p < s->n_peers; p++)
            m.peers[p] = r->peers[p][0] != '\0' ? resident_of(s->peers[p], m.name) : NAN;
        r->memory[r->n_memory++] = m;
        print_memory(r, &m);
    }
}

static double file_size(const char *path) {
    struct stat info;
    return path != NULL && stat(path, &info) == 0 ? (double)info.st_size : NAN;
}

static void measure_start(const settings *s, report *r) {
    double times[STARTS];
    for (int i = 0; i < STARTS; i++) times[i] = time_to_first_byte(s->minimal);
    r->start.name = FIRST_STEP_OF;
    r->start.own = median(times, STARTS);
    for (int p = 0; p < s->n_peers; p++)
        r->start.peers[p] = r->peers[p][0] != '\0' ? start_of(s->peers[p]) : NAN;
    r->library_size = file_size(s->library);
    r->program_size = file_size(s->minimal);
    print_start(r);
}

static int run_bench(const settings *s) {
    gr_graph *g = gr_graph_new(.threads = 1);
    size_t rows = (size_t)(tables[0].n + tables[1].n + tables[2].n) * (size_t)s->n_threads;
    report r = {.isa = gr_isa(g),
                .n_peers = s->n_peers,
                .results = calloc(rows, sizeof(result)),
                .memory = calloc((size_t)tables[0].n, sizeof(memory_result))};
    int failures = r.results == NULL || r.memory == NULL || !save(s, &r);
    for (int i = 0; i < s->n_threads && failures == 0; i++)
        failures += measure_threads(s, s->threads[i], &r);
    if (failures == 0) measure_memory(s, &r);
    if (failures == 0 && s->minimal != NULL) measure_start(s, &r);
    if (r.n_limits > 0) failures += !save(s, &r);
    free(r.results);
    free(r.memory);
    gr_graph_free(g);
    return failures > 0;
}

/* -- Do peers compute the same? -- */

/* Where a step draws random numbers, which differ, losses are only of a size. */
static double tolerance(const char *name) {
    return strstr(name, "vae") != NULL || strstr(name, "wgan") != NULL ? 0.2 : 1e-3;
}

static bool same(const double *a, const double *b, double within) {
    double size = fmax(fabs(a[0]), fabs(a[1]));
    return fabs(a[0] - b[0]) <= within * size && fabs(a[1] - b[1]) <= within * size;
}

/* Returns how many trainings of the peer have other losses. */
static int check_peer(const settings *s, const char *command) {
    peer *p = peer_start(command, 1, false);
    int differences = 0;
    for (int i = 0; p != NULL && i < tables[0].n; i++) {
        const workload *w = &tables[0].rows[i];
        double own[2], other[2];
        if (!chosen(s, w) || !own_losses(w, CHECKED_STEPS, own)) continue;
        printf("%-26s %12.6g %12.6g   %-16.16s ", w->name, own[0], own[1], peer_name(p));
        if (!peer_losses(p, w->name, CHECKED_STEPS, other)) {
            printf("%12s %12s\n", "-", "-");
            continue;
        }
        bool agree = same(own, other, tolerance(w->name));
        printf("%12.6g %12.6g%s\n", other[0], other[1], agree ? "" : "   differs");
        fflush(stdout);
        differences += !agree;
    }
    peer_stop(p);
    return differences;
}

static int run_check(const settings *s) {
    int differences = 0;
    printf("%-26s %12s %12s   %-16s %12s %12s\n", "losses of step", "1", "10", "", "1", "10");
    for (int p = 0; p < s->n_peers; p++) differences += check_peer(s, s->peers[p]);
    return differences > 0;
}

static int run_alone(const settings *s) {
    for (int t = 0; t < 3; t++)
        for (int i = 0; i < tables[t].n; i++)
            if (strcmp(tables[t].rows[i].name, s->once) == 0)
                return !run_once(&tables[t].rows[i], s->threads[0], s->steps);
    fprintf(stderr, "bench: there is no workload %s\n", s->once);
    return 2;
}

/* -- The program -- */

static bool in_range(const char *text, int low, int high, int *value) {
    char *end;
    long number = strtol(text, &end, 10);
    if (end == text || *end != '\0' || number < low || number > high) return false;
    *value = (int)number;
    return true;
}

/* Takes the option at *i with its values; false if it is none. */
static bool read_option(settings *s, int argc, char **argv, int *i) {
    const char *name = argv[*i];
    if (strcmp(name, "--check") == 0) return s->check = true;
    const char *value = *i + 1 < argc ? argv[++*i] : NULL;
    if (value == NULL) return false;
    if (strcmp(name, "--repetitions") == 0)
        return in_range(value, 1, MAX_REPETITIONS, &s->repetitions);
    if (strcmp(name, "--threads") == 0)
        return s->n_threads < MAX_THREAD_COUNTS &&
               in_range(value, 1, 256, &s->threads[s->n_threads++]);
    if (strcmp(name, "--once") == 0) {
        s->once = value;
        return *i + 1 < argc && in_range(argv[++*i], 1, 1000000, &s->steps);
    }
    if (strcmp(name, "--only") == 0) {
        if (s->n_only == MAX_ONLY) return false;
        s->only[s->n_only++] = value;
        return true;
    }
    const char **text = strcmp(name, "--out") == 0       ? &s->out
                        : strcmp(name, "--minimal") == 0 ? &s->minimal
                        : strcmp(name, "--library") == 0 ? &s->library
                                                         : NULL;
    if (text != NULL) *text = value;
    return text != NULL;
}

static bool read_settings(settings *s, int argc, char **argv) {
    for (int i = 1; i < argc; i++) {
        if (argv[i][0] == '-') {
            if (!read_option(s, argc, argv, &i)) return false;
        } else if (s->n_peers == MAX_PEERS) {
            return false;
        } else {
            s->peers[s->n_peers++] = argv[i];
        }
    }
    if (s->n_threads == 0) s->threads[s->n_threads++] = 1;
    return true;
}

int main(int argc, char **argv) {
    settings s = {.repetitions = 21};
    set_tables();
    if (!read_settings(&s, argc, argv)) {
        fputs(usage, stderr);
        return 2;
    }
    const char *unmatched = find_unmatched(&s);
    if (unmatched != NULL) {
        fprintf(stderr, "bench: no workload has %s in its name\n", unmatched);
        return 2;
    }
    if (s.once != NULL) return run_alone(&s);
    return s.check ? run_check(&s) : run_bench(&s);
}
