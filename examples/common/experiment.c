#include "examples/common/experiment.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "examples/common/files.h"
#include "examples/common/interrupt.h"
#include "examples/common/progress.h"
#include "examples/common/table.h"

#ifdef _OPENMP
#include <omp.h>
#endif

enum { PATH_SIZE = 4096 };

/* -- Places -- */

static int count(const experiment *e) {
    return e->settings->seeds * e->n_conditions * e->n_methods;
}

experiment_run *experiment_run_at(const experiment *e, int condition, int method, int seed) {
    return &e->runs[(seed * e->n_conditions + condition) * e->n_methods + method];
}

static int find(const char *const *names, int n, const char *name) {
    for (int i = 0; i < n; i++)
        if (strcmp(names[i], name) == 0) return i;
    return -1;
}

int experiment_method(const experiment *e, const char *name) {
    return find(e->methods, e->n_methods, name);
}

static bool make_runs(experiment *e) {
    int n = count(e);
    e->runs = calloc((size_t)n, sizeof *e->runs);
    for (int i = 0; e->runs != NULL && i < n; i++) {
        experiment_run *r = &e->runs[i];
        *r = (experiment_run){.of = e,
                              .method = i % e->n_methods,
                              .condition = i / e->n_methods % e->n_conditions,
                              .seed = e->settings->seed + i / e->n_methods / e->n_conditions,
                              .values = malloc((size_t)e->n_measures * sizeof *r->values)};
        if (r->values == NULL) return false;
        r->untrained = NAN;
        for (int k = 0; k < e->n_measures; k++) r->values[k] = NAN;
    }
    return e->runs != NULL;
}

/* -- Files of a training -- */

typedef struct path {
    char text[PATH_SIZE];
} path;

static path directory_of(const experiment *e, int condition, int method, int seed) {
    path p;
    snprintf(p.text, sizeof p.text, "%s/runs/%s/%s/%d", e->settings->out, e->conditions[condition],
             e->methods[method], seed);
    for (char *c = p.text + strlen(e->settings->out); *c != '\0'; c++)
        if (*c == ' ') *c = '_';
    return p;
}

const char *experiment_directory(experiment_run *run) {
    path p = directory_of(run->of, run->condition, run->method, run->seed);
    if (!files_make_directory(p.text))
        return gr_fail(run->graph, "can't make the directory %s", p.text);
    return gr_copy_string(run->graph, p.text);
}

bool experiment_keep(experiment_run *run, const char *name, gr_tensor *t) {
    const char *directory = experiment_directory(run);
    path p;
    if (directory == NULL || t == NULL) return false;
    snprintf(p.text, sizeof p.text, "%s/%s.npy", directory, name);
    return gr_npy_write(t, p.text);
}

gr_tensor *experiment_kept(const experiment *e, gr_graph *g, int condition, int method, int seed,
                           const char *name) {
    path directory = directory_of(e, condition, method, e->settings->seed + seed), p;
    int length = snprintf(p.text, sizeof p.text, "%s/%s.npy", directory.text, name);
    if (length >= (int)sizeof p.text || access(p.text, R_OK) != 0) return NULL;
    return gr_npy_read(g, p.text);
}

/* -- What is done already -- */

static bool write_runs(const experiment *e) {
    enum { PLACE = 4 }; /* of the first measure */
    column columns[PLACE + EXPERIMENT_MOST_MEASURES] = {
        {"", "condition"}, {"", "method"}, {"", "seed"}, {"", "untrained"}};
    for (int k = 0; k < e->n_measures; k++) columns[PLACE + k].key = e->measures[k].key;
    table t;
    table_init(&t, columns, PLACE + e->n_measures);
    for (int i = 0; i < count(e); i++) {
        const experiment_run *r = &e->runs[i];
        if (r->done < 1) continue;
        table_text(&t, e->conditions[r->condition]);
        table_text(&t, e->methods[r->method]);
        table_number(&t, r->seed, 0);
        table_number(&t, r->untrained, 0);
        for (int k = 0; k < e->n_measures; k++) table_number(&t, r->values[k], 0);
    }
    bool written = table_write(&t, e->settings->out, "runs.csv");
    table_free(&t);
    return written;
}

/* Takes row i of runs.csv for the training that it is of, if there is one. */
static void take_row(experiment *e, const gr_csv *csv, int i) {
    const gr_csv_column *condition = gr_csv_get(csv, "condition"),
                        *method = gr_csv_get(csv, "method");
    int seed = (int)gr_csv_numbers(csv, "seed")[i] - e->settings->seed;
    int c = find(e->conditions, e->n_conditions, condition->categories[condition->category[i]]);
    int m = find(e->methods, e->n_methods, method->categories[method->category[i]]);
    if (c < 0 || m < 0 || seed < 0 || seed >= e->settings->seeds) return;
    experiment_run *r = experiment_run_at(e, c, m, seed);
    r->untrained = gr_csv_numbers(csv, "untrained")[i];
    for (int k = 0; k < e->n_measures; k++)
        r->values[k] = gr_csv_numbers(csv, e->measures[k].key)[i];
    r->done = 1;
}

static bool usable(const experiment *e, const gr_csv *csv) {
    const char *const texts[] = {"condition", "method"};
    for (int i = 0; i < 2; i++) {
        const gr_csv_column *column = gr_csv_get(csv, texts[i]);
        for (int row = 0; column != NULL && row < csv->rows; row++)
            if (column->category == NULL || column->category[row] < 0) return false;
    }
    bool numbers = gr_csv_numbers(csv, "seed") != NULL && gr_csv_numbers(csv, "untrained") != NULL;
    for (int k = 0; k < e->n_measures; k++)
        numbers = gr_csv_numbers(csv, e->measures[k].key) != NULL && numbers;
    return numbers;
}

static bool read_runs(experiment *e) {
    path p;
    snprintf(p.text, sizeof p.text, "%s/runs.csv", e->settings->out);
    if (access(p.text, R_OK) != 0) return true;
    gr_graph *g = gr_graph_new();
    const gr_csv *csv = gr_csv_read(g, p.text);
    bool good = csv != NULL && usable(e, csv);
    for (int i = 0; good && i < csv->rows; i++) take_row(e, csv, i);
    if (!good)
        fprintf(stderr, "%s: can't resume from %s%s%s\n", e->program, p.text,
                gr_failed(g) ? ": " : "", gr_error(g));
    gr_graph_free(g);
    return good;
}

/* What decides the numbers: all options but these. */
static void print_settings(const experiment *e, FILE *to) {
    static const char *const others[] = {"out", "resume", "quick", "threads", "seeds", "seed"};
    for (const option_row *o = e->options; o->name != NULL; o++)
        if (find(others, (int)(sizeof others / sizeof *others), o->name) < 0)
            options_print_value(o, to);
}

/* The settings in OUT/settings.txt are those of the trainings in OUT/runs.csv. */
static bool check_settings(const experiment *e) {
    char *now = NULL, before[PATH_SIZE] = "";
    size_t size = 0;
    FILE *memory = open_memstream(&now, &size);
    if (memory == NULL) return false;
    print_settings(e, memory);
    fclose(memory);
    path p;
    snprintf(p.text, sizeof p.text, "%s/settings.txt", e->settings->out);
    FILE *from = e->settings->resume ? fopen(p.text, "r") : NULL;
    if (from != NULL) {
        before[fread(before, 1, sizeof before - 1, from)] = '\0';
        fclose(from);
    }
    bool same = from == NULL || strcmp(now, before) == 0;
    if (!same)
        fprintf(stderr, "%s: can't resume: the trainings in %s had other settings:\n%s", e->program,
                e->settings->out, before);
    FILE *to = same ? files_create(e->settings->out, "settings.txt") : NULL;
    if (to != NULL) fputs(now, to);
    free(now);
    return to != NULL && files_close(to, "settings.txt");
}

/* -- Trainings -- */

typedef struct shared {
    experiment *e;
    progress line;
    bool written;
} shared;

static shared *now_training; /* one experiment at a time */

static double part_done(const experiment *e) {
    double sum = 0;
    for (int i = 0; i < count(e); i++) sum += e->runs[i].done;
    return sum;
}

void experiment_progress(experiment_run *run, double part) {
#ifdef _OPENMP
#pragma omp critical(experiment)
#endif
    {
        const experiment *e = run->of;
        char detail[160];
        run->done = fmin(part, 0.999); /* until its values are there */
        snprintf(detail, sizeof detail, "%s%s%s, seed %d",
                 e->n_conditions > 1 ? e->conditions[run->condition] : "",
                 e->n_conditions > 1 ? ", " : "", e->methods[run->method], run->seed);
        progress_show(&now_training->line, part_done(e), detail);
    }
}

static void finish(experiment_run *run, shared *s) {
#ifdef _OPENMP
#pragma omp critical(experiment)
#endif
    {
        if (gr_failed(run->graph))
            snprintf(run->error, sizeof run->error, "%s", gr_error(run->graph));
        else if (!interrupted())
            run->done = 1;
        if (run->done == 1 && !write_runs(s->e)) s->written = false;
    }
}

static void train_one(experiment_run *run, shared *s) {
    run->graph = gr_graph_new(.seed = (uint64_t)run->seed, .threads = 1);
    s->e->train(run, s->e->context);
    finish(run, s);
    gr_graph_free(run->graph);
    run->graph = NULL;
}

static int default_threads(void) {
#ifdef _OPENMP
    return omp_get_max_threads();
#else
    return 1;
#endif
}

static void train_all(experiment *e, shared *s) {
    int n = count(e), threads = e->settings->threads;
    if (threads == 0) threads = default_threads();
#ifdef _OPENMP
#pragma omp parallel for schedule(dynamic) num_threads(threads)
#endif
    for (int i = 0; i < n; i++)
        if (e->runs[i].done < 1 && s->written && !interrupted()) train_one(&e->runs[i], s);
    (void)threads;
}

/* The number of seeds, from the first on, of which all is done; -1 if a training failed. */
static int complete_seeds(const experiment *e) {
    int per_seed = e->n_conditions * e->n_methods, complete = e->settings->seeds;
    for (int i = count(e) - 1; i >= 0; i--) {
        const experiment_run *r = &e->runs[i];
        if (r->error[0] != '\0') {
            fprintf(stderr, "%s: %s, seed %d: %s\n", e->program, e->methods[r->method], r->seed,
                    r->error);
            return -1;
        }
        if (r->done < 1) complete = i / per_seed;
    }
    return complete;
}

bool experiment_train(experiment *e) {
    interrupt_catch();
    if (!files_make_directory(e->settings->out) || !check_settings(e) || !make_runs(e))
        return false;
    if (e->settings->resume && !read_runs(e)) return false;
    shared s = {.e = e, .written = true};
    s.line = progress_begin("training", count(e));
    now_training = &s;
    train_all(e, &s);
    now_training = NULL;
    e->seconds = progress_end(&s.line);
    e->complete = complete_seeds(e);
    if (interrupted())
        fprintf(stderr, "%s: interrupted; %d of %d seeds are complete (--resume goes on)\n",
                e->program, e->complete, e->settings->seeds);
    return s.written && e->complete > 0;
}

int experiment_end(experiment *e) {
    bool failed = e->complete <= 0, written = fflush(stdout) == 0 && !ferror(stdout);
    if (!written) fprintf(stderr, "%s: can't write all of the output\n", e->program);
    for (int i = 0; e->runs != NULL && i < count(e); i++) free(e->runs[i].values);
    free(e->runs);
    e->runs = NULL;
    return interrupted() ? 130 : failed || !written;
}
