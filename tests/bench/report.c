#include "tests/bench/report.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char *precision(void) { return sizeof(gr_real) == 8 ? "double" : "float"; }

const char *report_processor(void) {
    static char name[128];
    char line[256];
    FILE *f = fopen("/proc/cpuinfo", "r");
    while (f != NULL && name[0] == '\0' && fgets(line, sizeof line, f) != NULL) {
        const char *colon = strchr(line, ':');
        if (strncmp(line, "model name", 10) == 0 && colon != NULL)
            snprintf(name, sizeof name, "%.*s", (int)strcspn(colon + 2, "\n"), colon + 2);
    }
    if (f != NULL) fclose(f);
    return name;
}

/* -- On the screen -- */

static const char *bytes_text(double bytes, char text[16]) {
    static const char *const units[] = {"B", "kB", "MB", "GB"};
    int i = 0;
    if (isnan(bytes)) return strcpy(text, "-");
    for (; bytes >= 999.5 && i < 3; i++) bytes /= 1000;
    snprintf(text, 16, "%.*f %s", bytes < 9.95 && i > 0 ? 1 : 0, bytes, units[i]);
    return text;
}

/* Four digits, or as many as it takes. */
static const char *number(double x, char text[16]) {
    int decimals = !(x < 1000) ? 0 : x < 10 ? 3 : x < 100 ? 2 : 1;
    snprintf(text, 16, "%.*f", decimals, x);
    return text;
}

void print_machine(const report *r, const limits *l) {
    printf("\n== %d thread%s. %s, %s, kernels for %s\n", l->threads, l->threads == 1 ? "" : "s",
           report_processor(), precision(), r->isa);
    printf("   peak of fused multiply-adds %.1f GFLOP/s; bandwidth", l->flops * 1e-9);
    for (int i = 2; i < BANDWIDTHS; i += 7) {
        char text[16];
        printf("%s %.0f GB/s at %s", i == 2 ? "" : ",", l->bandwidth[i] * 1e-9,
               bytes_text(SMALLEST_SET * exp2(i), text));
    }
    printf("\n");
}

void print_heading(const report *r, const char *title) {
    printf("\n%-25s %9s %5s %8s %6s %7s %6s", "", "Gradus", "", "limit", "share", "", "malloc");
    for (int p = 0; p < r->n_peers; p++)
        if (r->peers[p][0] != '\0') printf(" %15.15s", r->peers[p]);
    printf("\n%-25s %9s %5s %8s %6s %7s %6s", title, "us", "+-", "us", "of it", "bytes", "a step");
    for (int p = 0; p < r->n_peers; p++)
        if (r->peers[p][0] != '\0') printf(" %9s %5s", "us", "times");
    printf("\n");
}

static void print_peers(const report *r, const double *peers, double own, double unit) {
    char time[16];
    for (int p = 0; p < r->n_peers; p++) {
        if (r->peers[p][0] == '\0') continue;
        if (isnan(peers[p]))
            printf(" %9s %5s", "-", "-");
        else
            printf(" %9s %5.*f", number(peers[p] / unit, time), peers[p] < 99.95 * own ? 1 : 0,
                   peers[p] / own);
    }
    printf("\n");
    fflush(stdout);
}

void print_result(const report *r, const result *x) {
    char time[16], spread[16], limit[16], bytes[16];
    printf("%-25s %9s %5s %8s %5.0f%% %7s %6.2g", x->name, number(x->time, time),
           number(x->spread, spread), number(x->limit, limit), 100 * x->limit / x->time,
           bytes_text(x->bytes, bytes), x->allocations);
    print_peers(r, x->peers, x->time, 1);
}

void print_memory_heading(const report *r) {
    printf("\n%-25s %9s", "", "Gradus");
    for (int p = 0; p < r->n_peers; p++)
        if (r->peers[p][0] != '\0') printf(" %15.15s", r->peers[p]);
    printf("\n%-25s %9s", "most resident memory", "MB");
    for (int p = 0; p < r->n_peers; p++)
        if (r->peers[p][0] != '\0') printf(" %9s %5s", "MB", "times");
    printf("\n");
}

void print_memory(const report *r, const memory_result *m) {
    char own[16];
    printf("%-25s %9s", m->name, number(m->own / 1e6, own));
    print_peers(r, m->peers, m->own, 1e6);
}

void print_start(const report *r) {
    char text[16];
    printf("%-25s %9s", "ms to the first step's end", number(r->start.own / 1e3, text));
    print_peers(r, r->start.peers, r->start.own, 1e3);
    printf("%-25s %9s\n", "the static library", bytes_text(r->library_size, text));
    printf("%-25s %9s\n", "a stripped program with it", bytes_text(r->program_size, text));
}

/* -- In files -- */

static void add_peers(const report *r, cJSON *row, const double *peers) {
    cJSON *of = cJSON_AddObjectToObject(row, "peers");
    for (int p = 0; p < r->n_peers; p++)
        if (r->peers[p][0] != '\0') cJSON_AddNumberToObject(of, r->peers[p], peers[p]);
}

static void add_result(const report *r, cJSON *rows, const result *x) {
    cJSON *row = cJSON_CreateObject();
    cJSON_AddItemToArray(rows, row);
    cJSON_AddStringToObject(row, "name", x->name);
    cJSON_AddStringToObject(row, "table", x->table);
    cJSON_AddNumberToObject(row, "threads", x->threads);
    cJSON_AddNumberToObject(row, "microseconds", x->time);
    cJSON_AddNumberToObject(row, "half_interquartile_range", x->spread);
    cJSON_AddNumberToObject(row, "flops", x->flops);
    cJSON_AddNumberToObject(row, "bytes", x->bytes);
    cJSON_AddNumberToObject(row, "limit_microseconds", x->limit);
    cJSON_AddNumberToObject(row, "share_of_limit", x->limit / x->time);
    cJSON_AddNumberToObject(row, "malloc_calls_a_step", x->allocations);
    cJSON_AddNumberToObject(row, "system_requests_a_step", x->system_requests);
    add_peers(r, row, x->peers);
}

static void add_limits(cJSON *rows, const limits *l) {
    cJSON *row = cJSON_CreateObject();
    cJSON_AddItemToArray(rows, row);
    cJSON_AddNumberToObject(row, "threads", l->threads);
    cJSON_AddNumberToObject(row, "flops_a_second", l->flops);
    cJSON *bandwidths = cJSON_AddArrayToObject(row, "bandwidths");
    for (int i = 0; i < BANDWIDTHS; i++) {
        cJSON *point = cJSON_CreateObject();
        cJSON_AddItemToArray(bandwidths, point);
        cJSON_AddNumberToObject(point, "working_set", SMALLEST_SET * exp2(i));
        cJSON_AddNumberToObject(point, "bytes_a_second", l->bandwidth[i]);
    }
}

static void add_memory(const report *r, cJSON *row, const memory_result *m, const char *unit) {
    cJSON_AddNumberToObject(row, unit, m->own);
    add_peers(r, row, m->peers);
}

static cJSON *as_json(const report *r) {
    cJSON *top = cJSON_CreateObject();
    char date[32];
    time_t t = time(NULL);
    strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%SZ", gmtime(&t));
    cJSON_AddStringToObject(top, "date", date);
    cJSON_AddStringToObject(top, "processor", report_processor());
    cJSON_AddStringToObject(top, "instruction_set", r->isa);
    cJSON_AddStringToObject(top, "precision", precision());
    cJSON *rows = cJSON_AddArrayToObject(top, "limits");
    for (int i = 0; i < r->n_limits; i++) add_limits(rows, &r->limits[i]);
    rows = cJSON_AddArrayToObject(top, "results");
    for (int i = 0; i < r->n_results; i++) add_result(r, rows, &r->results[i]);
    rows = cJSON_AddArrayToObject(top, "resident_memory");
    for (int i = 0; i < r->n_memory; i++) {
        cJSON *row = cJSON_CreateObject();
        cJSON_AddItemToArray(rows, row);
        cJSON_AddStringToObject(row, "name", r->memory[i].name);
        add_memory(r, row, &r->memory[i], "bytes");
    }
    if (r->start.name != NULL)
        add_memory(r, cJSON_AddObjectToObject(top, "first_step"), &r->start, "microseconds");
    cJSON_AddNumberToObject(top, "library_bytes", r->library_size);
    cJSON_AddNumberToObject(top, "minimal_program_bytes", r->program_size);
    return top;
}

static FILE *open_in(const char *directory, const char *name) {
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    return fopen(path, "w");
}

static bool write_json(const report *r, const char *directory) {
    cJSON *top = as_json(r);
    char *text = cJSON_Print(top);
    FILE *f = open_in(directory, "bench.json");
    bool ok = f != NULL && text != NULL && fprintf(f, "%s\n", text) > 0;
    if (f != NULL) ok = fclose(f) == 0 && ok;
    cJSON_free(text);
    cJSON_Delete(top);
    return ok;
}

/* Name, threads, share of the limit, then how many times as long each peer takes. */
static bool write_tsv(const report *r, const char *directory) {
    FILE *f = open_in(directory, "bench.tsv");
    if (f == NULL) return false;
    fprintf(f, "workload\tthreads\tshare");
    for (int p = 0; p < r->n_peers; p++)
        if (r->peers[p][0] != '\0') fprintf(f, "\t%s", r->peers[p]);
    fprintf(f, "\n");
    for (int i = 0; i < r->n_results; i++) {
        const result *x = &r->results[i];
        fprintf(f, "%s\t%d\t%g", x->name, x->threads, x->limit / x->time);
        for (int p = 0; p < r->n_peers; p++)
            if (r->peers[p][0] != '\0') fprintf(f, "\t%g", x->peers[p] / x->time);
        fprintf(f, "\n");
    }
    return fclose(f) == 0;
}

bool write_report(const report *r, const char *directory) {
    return write_json(r, directory) && write_tsv(r, directory);
}
