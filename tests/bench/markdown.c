#include "tests/bench/markdown.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static bool has_peer(const report *r, int p) { return r->peers[p][0] != '\0'; }

/* The row's result and those of the same workload with more threads; how many. */
static int results_of(const report *r, int row, const result **of) {
    int n = 0;
    for (int i = row; i < r->n_results && n < MAX_THREAD_COUNTS; i++)
        if (strcmp(r->results[i].name, r->results[row].name) == 0) of[n++] = &r->results[i];
    return n;
}

/* "8.4 (7.3)": small numbers have so many decimals. */
static void write_cell(FILE *to, const double *values, int n, int decimals) {
    for (int i = 0; i < n; i++) {
        int digits = values[i] < 9.95 ? decimals : 0;
        if (isnan(values[i]))
            fprintf(to, i == 0 ? " -" : "");
        else
            fprintf(to, i == 0 ? " %.*f" : " (%.*f)", digits, values[i]);
    }
    fprintf(to, " |");
}

static void write_row(FILE *to, const report *r, int row) {
    const result *of[MAX_THREAD_COUNTS] = {NULL};
    double values[MAX_THREAD_COUNTS] = {0};
    int n = results_of(r, row, of);
    fprintf(to, "| %s |", of[0]->name);
    for (int i = 0; i < n; i++) values[i] = of[i]->time;
    write_cell(to, values, n, 1);
    for (int i = 0; i < n; i++) values[i] = 100 * of[i]->limit / of[i]->time;
    write_cell(to, values, n, 0);
    for (int p = 0; p < r->n_peers; p++) {
        if (!has_peer(r, p)) continue;
        for (int i = 0; i < n; i++) values[i] = of[i]->peers[p] / of[i]->time;
        write_cell(to, values, n, 1);
    }
    fprintf(to, "\n");
}

static void write_heads(FILE *to, const report *r, const char *own, int own_columns) {
    fprintf(to, "| |%s", own);
    for (int p = 0; p < r->n_peers; p++)
        if (has_peer(r, p)) fprintf(to, " times %s |", r->peers[p]);
    fprintf(to, "\n|---|");
    for (int i = 0; i < own_columns; i++) fprintf(to, "---:|");
    for (int p = 0; p < r->n_peers; p++)
        if (has_peer(r, p)) fprintf(to, "---:|");
    fprintf(to, "\n");
}

static void write_machine(FILE *to, const report *r) {
    char date[16];
    time_t t = time(NULL);
    strftime(date, sizeof date, "%Y-%m-%d", gmtime(&t));
    fprintf(to, "%s, %s, %s, peak ", date, report_processor(), r->isa);
    for (int i = 0; i < r->n_limits; i++)
        fprintf(to, i == 0 ? "%.0f" : " (%.0f)", r->limits[i].flops * 1e-9);
    fprintf(to, " GFLOP/s; %d thread%s", r->limits[0].threads,
            r->limits[0].threads == 1 ? "" : "s");
    for (int i = 1; i < r->n_limits; i++) fprintf(to, " (%d)", r->limits[i].threads);
    fprintf(to, ".\n\n");
}

/* -- The files -- */

static FILE *create(const char *directory, const char *title) {
    char path[1024];
    snprintf(path, sizeof path, "%s/%s.md", directory, title);
    for (char *c = path + strlen(directory) + 1; *c != '\0'; c++)
        if (*c == ' ') *c = '-';
    return fopen(path, "w");
}

static bool write_results(const report *r, int first, const char *directory) {
    const char *table = r->results[first].table;
    FILE *to = create(directory, table);
    if (to == NULL) return false;
    write_machine(to, r);
    write_heads(to, r, " us | % of the limit |", 2);
    for (int i = first; i < r->n_results; i++)
        if (r->results[i].table == table && r->results[i].threads == r->results[first].threads)
            write_row(to, r, i);
    return fclose(to) == 0;
}

static void write_memory_row(FILE *to, const report *r, const memory_result *m, double unit,
                             const char *name) {
    double value = m->own / unit;
    fprintf(to, "| %s |", name);
    write_cell(to, &value, 1, 1);
    for (int p = 0; p < r->n_peers; p++) {
        if (!has_peer(r, p)) continue;
        value = m->peers[p] / m->own;
        write_cell(to, &value, 1, 0);
    }
    fprintf(to, "\n");
}

static bool write_memory(const report *r, const char *directory) {
    FILE *to = create(directory, "memory");
    if (to == NULL) return false;
    write_heads(to, r, " MB |", 1);
    for (int i = 0; i < r->n_memory; i++)
        write_memory_row(to, r, &r->memory[i], 1e6, r->memory[i].name);
    if (r->start.name != NULL)
        write_memory_row(to, r, &r->start, 1e3, "ms to the end of the first step");
    return fclose(to) == 0;
}

bool write_markdown(const report *r, const char *directory) {
    bool ok = r->n_memory == 0 || write_memory(r, directory);
    for (int i = 0; i < r->n_results; i++)
        if (i == 0 || r->results[i].table != r->results[i - 1].table)
            if (r->results[i].threads == r->results[0].threads)
                ok = write_results(r, i, directory) && ok;
    return ok;
}
