#include "examples/common/experiment_report.h"

#include <math.h>
#include <stdarg.h>
#include <sys/resource.h>
#include <unistd.h>

#include "examples/common/files.h"
#include "examples/common/table.h"

enum { PATH_SIZE = 4096 };

/* -- Saying -- */

/* Appends a line of two or more fields to a CSV file in OUT; the last one is quoted. */
static void append(const experiment *e, const char *name, const char *fields, const char *text) {
    char path[PATH_SIZE];
    snprintf(path, sizeof path, "%s/%s", e->settings->out, name);
    FILE *to = fopen(path, "a");
    if (to == NULL) return;
    fprintf(to, "%s,\"", fields);
    for (; *text != '\0'; text++) {
        if (*text == '"') fputc('"', to);
        fputc(*text, to);
    }
    fprintf(to, "\"\n");
    files_close(to, name);
}

static bool begin_file(const experiment *e, const char *name, const char *header) {
    FILE *to = files_create(e->settings->out, name);
    if (to == NULL) return false;
    fprintf(to, "%s\n", header);
    return files_close(to, name);
}

bool experiment_report_begin(experiment *e) {
    if (!begin_file(e, "verdicts.csv", "advice,program,verdict,why") ||
        !begin_file(e, "pictures.csv", "name,caption"))
        return false;
    e->report = files_create(e->settings->out, "report.txt");
    if (e->report == NULL) return false;
    experiment_say(e, "%s\n\n", e->question);
    return true;
}

void experiment_report_end(experiment *e) {
    if (e->report != NULL) files_close(e->report, "report.txt");
    e->report = NULL;
}

static void say(experiment *e, const char *format, va_list arguments) {
    va_list again;
    va_copy(again, arguments);
    vprintf(format, arguments);
    if (e->report != NULL) vfprintf(e->report, format, again);
    va_end(again);
}

void experiment_say(experiment *e, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    say(e, format, arguments);
    va_end(arguments);
}

/* -- Numbers -- */

/* One for each seed. */
static void collect(const experiment *e, int condition, int method, int measure, double *x) {
    for (int seed = 0; seed < e->complete; seed++)
        x[seed] = experiment_run_at(e, condition, method, seed)->values[measure];
}

double experiment_mean(const experiment *e, int condition, int method, int measure) {
    double x[EXPERIMENT_MOST_SEEDS];
    collect(e, condition, method, measure, x);
    return stats_mean(x, e->complete);
}

double experiment_spread(const experiment *e, int condition, int method, int measure) {
    double x[EXPERIMENT_MOST_SEEDS];
    collect(e, condition, method, measure, x);
    return stats_deviation(x, e->complete);
}

difference experiment_difference(const experiment *e, int condition, int a, int b, int measure) {
    double x[EXPERIMENT_MOST_SEEDS], y[EXPERIMENT_MOST_SEEDS];
    collect(e, condition, a, measure, x);
    collect(e, condition, b, measure, y);
    return stats_difference(x, y, e->complete);
}

int experiment_better(const experiment *e, int condition, int a, int b, int measure) {
    int sign = stats_sign(experiment_difference(e, condition, a, b, measure));
    return e->measures[measure].maximize ? sign : -sign;
}

int experiment_best(const experiment *e, int condition, int measure) {
    int best = 0;
    double sign = e->measures[measure].maximize ? -1 : 1;
    for (int method = 1; method < e->n_methods; method++) {
        double now = sign * experiment_mean(e, condition, method, measure);
        double least = sign * experiment_mean(e, condition, best, measure);
        if (now < least || isnan(least)) best = method;
    }
    return best;
}

/* -- The table -- */

static void fill(const experiment *e, table *t) {
    for (int c = 0; c < e->n_conditions; c++)
        for (int m = 0; m < e->n_methods; m++) {
            if (e->n_conditions > 1) table_text(t, e->conditions[c]);
            table_text(t, e->methods[m]);
            for (int k = 0; k < e->n_measures; k++) {
                table_number(t, experiment_mean(e, c, m, k), e->measures[k].decimals);
                table_number(t, experiment_spread(e, c, m, k), e->measures[k].decimals);
            }
        }
}

/* Its place by the main measure, 1 for the best; one without a number comes last. */
static int rank(const experiment *e, int condition, int method) {
    double sign = e->measures[0].maximize ? -1 : 1;
    double its = sign * experiment_mean(e, condition, method, 0);
    int better = 0;
    for (int m = 0; m < e->n_methods; m++) {
        double other = sign * experiment_mean(e, condition, m, 0);
        better += other < its || (isnan(its) && !isnan(other));
    }
    return better + 1;
}

/* The mean over the seeds, of the methods that have said it. */
static double untrained(const experiment *e, int condition) {
    double sum = 0;
    int n = 0;
    for (int i = 0; i < e->complete * e->n_methods; i++) {
        double now = experiment_run_at(e, condition, i % e->n_methods, i / e->n_methods)->untrained;
        if (isnan(now)) continue;
        sum += now;
        n++;
    }
    return sum / n;
}

static bool write_summary(const experiment *e) {
    static const column columns[] = {{"", "condition"}, {"", "method"},   {"", "losses"},
                                     {"", "rank"},      {"", "measure"},  {"", "mean"},
                                     {"", "spread"},    {"", "untrained"}};
    table t;
    table_init(&t, columns, (int)(sizeof columns / sizeof *columns));
    for (int c = 0; c < e->n_conditions; c++)
        for (int m = 0; m < e->n_methods; m++) {
            table_text(&t, e->conditions[c]);
            table_text(&t, e->methods[m]);
            table_text(&t, e->losses != NULL && e->losses[m] != NULL ? e->losses[m] : "");
            table_number(&t, rank(e, c, m), 0);
            table_text(&t, e->measures[0].title);
            table_number(&t, experiment_mean(e, c, m, 0), 0);
            table_number(&t, experiment_spread(e, c, m, 0), 0);
            table_number(&t, untrained(e, c), 0);
        }
    bool written = table_write(&t, e->settings->out, "summary.csv");
    table_free(&t);
    return written;
}

typedef struct cost {
    double seconds, processor_seconds, megabytes;
} cost;

/* Of the run that is resumed; 0 if there is none. */
static cost cost_before(const experiment *e) {
    cost c = {0};
    char path[PATH_SIZE];
    snprintf(path, sizeof path, "%s/cost.csv", e->settings->out);
    if (!e->settings->resume || access(path, R_OK) != 0) return c;
    gr_graph *g = gr_graph_new();
    const gr_csv *csv = gr_csv_read(g, path);
    const double *seconds = csv == NULL ? NULL : gr_csv_numbers(csv, "seconds");
    const double *processor = csv == NULL ? NULL : gr_csv_numbers(csv, "processor_seconds");
    const double *megabytes = csv == NULL ? NULL : gr_csv_numbers(csv, "megabytes");
    if (!gr_failed(g) && csv->rows > 0) c = (cost){*seconds, *processor, *megabytes};
    gr_graph_free(g);
    return c;
}

static double seconds_of(struct timeval t) { return (double)t.tv_sec + (double)t.tv_usec / 1e6; }

static bool write_cost(const experiment *e) {
    static const column columns[] = {
        {"", "seeds"}, {"", "seconds"}, {"", "processor_seconds"}, {"", "megabytes"}};
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    cost before = cost_before(e);
    double processor = seconds_of(used.ru_utime) + seconds_of(used.ru_stime);
    table t;
    table_init(&t, columns, 4);
    table_number(&t, e->complete, 0);
    table_number(&t, before.seconds + e->seconds, 0);
    table_number(&t, before.processor_seconds + processor, 0);
    table_number(&t, fmax(before.megabytes, (double)used.ru_maxrss / 1024), 0);
    bool written = table_write(&t, e->settings->out, "cost.csv");
    table_free(&t);
    return written;
}

bool experiment_table(experiment *e) {
    column columns[2 + 2 * EXPERIMENT_MOST_MEASURES];
    char spread_keys[EXPERIMENT_MOST_MEASURES][64];
    int n = 0;
    if (e->n_conditions > 1) columns[n++] = (column){"on", "condition"};
    columns[n++] = (column){"method", "method"};
    for (int k = 0; k < e->n_measures; k++) {
        snprintf(spread_keys[k], sizeof spread_keys[k], "%s_spread", e->measures[k].key);
        columns[n++] = (column){e->measures[k].title, e->measures[k].key};
        columns[n++] = (column){"+-", spread_keys[k]};
    }
    table t;
    table_init(&t, columns, n);
    fill(e, &t);
    table_print(&t, stdout);
    if (e->report != NULL) table_print(&t, e->report);
    bool written = table_write(&t, e->settings->out, "results.csv");
    table_free(&t);
    return written && write_summary(e) && write_cost(e);
}

/* -- The verdict -- */

static const char *in_words(const experiment *e, difference d, int measure) {
    int sign = stats_sign(d);
    if (sign == 0) return "no clear difference";
    return (sign > 0) == e->measures[measure].maximize ? "clearly better" : "clearly worse";
}

void experiment_ranking(experiment *e, int condition, int measure) {
    const experiment_measure *m = &e->measures[measure];
    int best = experiment_best(e, condition, measure);
    experiment_say(e, "%s%s%s has the best %s, %.*f.\n",
                   e->n_conditions > 1 ? e->conditions[condition] : "",
                   e->n_conditions > 1 ? ": " : "", e->methods[best], m->title, m->decimals,
                   experiment_mean(e, condition, best, measure));
    for (int method = 0; method < e->n_methods; method++) {
        if (method == best) continue;
        difference d = experiment_difference(e, condition, method, best, measure);
        if (isnan(d.mean))
            experiment_say(e, "    %-28s no number\n", e->methods[method]);
        else
            experiment_say(e, "    %-28s %+9.*f +- %-8.*f %s\n", e->methods[method], m->decimals,
                           d.mean, m->decimals, d.half_width, in_words(e, d, measure));
    }
}

void experiment_verdict(experiment *e, const char *advice, experiment_verdict_kind kind,
                        const char *format, ...) {
    static const char *const names[] = {"held", "failed", "unclear", "partly"};
    char why[1024], fields[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(why, sizeof why, format, arguments);
    va_end(arguments);
    experiment_say(e, "%s: %s\n", names[kind], why);
    snprintf(fields, sizeof fields, "%s,%s,%s", advice, e->program, names[kind]);
    append(e, "verdicts.csv", fields, why);
}

void experiment_picture(experiment *e, const char *name, const char *caption) {
    experiment_say(e, "Picture: %s/%s.png: %s\n", e->settings->out, name, caption);
    append(e, "pictures.csv", name, caption);
}
