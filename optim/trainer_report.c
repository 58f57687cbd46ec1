#include <math.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/data/csv.h"
#include "core/data/replace_internal.h"
#include "optim/trainer_internal.h"

/* -- Means -- */

static gr_trainer_mean *find_mean(gr_trainer_record *record, const char *name) {
    for (int i = 0; i < record->n_means; i++)
        if (strcmp(record->means[i].name, name) == 0) return &record->means[i];
    return NULL;
}

static gr_trainer_mean *add_mean(gr_trainer *run, const char *name) {
    gr_trainer_record *record = run->record;
    if (*name == '\0' || strpbrk(name, ",\"\r\n") != NULL || strcmp(name, "epoch") == 0 ||
        strcmp(name, "lr") == 0)
        return gr_fail(run->graph,
                       "gr_trainer_log: the name \"%s\", expected neither epoch nor lr, and no "
                       "comma, quote or line end",
                       name);
    if (record->n_means == GR_TRAINER_NAMES)
        return gr_fail(run->graph,
                       "gr_trainer_log: %s comes after %d other names, which is the most", name,
                       GR_TRAINER_NAMES);
    const char *copy = gr_copy_string(run->graph, name);
    if (copy == NULL) return NULL;
    gr_trainer_mean *mean = &record->means[record->n_means++];
    *mean = (gr_trainer_mean){.name = copy, .epoch = -1};
    return mean;
}

void gr_trainer_log(gr_trainer *run, const char *name, double value) {
    if (run == NULL || name == NULL || gr_failed(run->graph)) return;
    gr_trainer_mean *mean = find_mean(run->record, name);
    if (mean == NULL) mean = add_mean(run, name);
    if (mean == NULL) return;
    if (mean->epoch != run->epoch) mean->sum = mean->weight = 0;
    mean->epoch = run->epoch;
    mean->sum += run->record->rows * value;
    mean->weight += run->record->rows;
}

double gr_trainer_value(const gr_trainer *run, const char *name) {
    const gr_trainer_mean *mean = run == NULL || name == NULL ? NULL : find_mean(run->record, name);
    return mean == NULL ? NAN : mean->sum / mean->weight;
}

static double mean_in(const gr_trainer_mean *mean, int epoch) {
    return mean->epoch == epoch ? mean->sum / mean->weight : NAN;
}

double gr_trainer_mean_now(const gr_trainer *run, const char *name) {
    const gr_trainer_mean *mean = find_mean(run->record, name);
    return mean == NULL ? NAN : mean_in(mean, run->epoch);
}

/* -- The log -- */

static gr_trainer_line *new_line(gr_trainer *run, int epoch) {
    gr_trainer_line *line = gr_alloc_lasting(run->graph, sizeof *line);
    if (line == NULL) return NULL;
    for (int i = 0; i < GR_TRAINER_NAMES; i++) line->values[i] = NAN;
    return run->record->lines[epoch] = line;
}

bool gr_trainer_add_line(gr_trainer *run) {
    gr_trainer_line *line = new_line(run, run->epoch);
    if (line == NULL) return false;
    line->lr = run->args.optimizer == NULL ? NAN : run->args.optimizer->lr;
    for (int i = 0; i < run->record->n_means; i++)
        line->values[i] = mean_in(&run->record->means[i], run->epoch);
    return true;
}

static void print_cell(FILE *to, double value) {
    if (isnan(value))
        fprintf(to, ",");
    else
        fprintf(to, ",%.9g", value);
}

static bool print_log(FILE *to, void *context) {
    const gr_trainer *run = context;
    const gr_trainer_record *record = run->record;
    fprintf(to, "epoch,lr");
    for (int i = 0; i < record->n_means; i++) fprintf(to, ",%s", record->means[i].name);
    fprintf(to, "\n");
    for (int epoch = 0; epoch < run->epoch; epoch++) {
        fprintf(to, "%d", epoch + 1);
        print_cell(to, record->lines[epoch]->lr);
        for (int i = 0; i < record->n_means; i++) print_cell(to, record->lines[epoch]->values[i]);
        fprintf(to, "\n");
    }
    return !ferror(to);
}

bool gr_trainer_write_log(const gr_trainer *run) {
    return gr_replace_file(run->graph, "gr_trainer_epoch", gr_trainer_file(run, "log.csv").text,
                           print_log, (void *)run);
}

static double number_at(const gr_csv_column *column, int i) {
    return column->number == NULL ? NAN : column->number[i];
}

bool gr_trainer_read_log(gr_trainer *run) {
    gr_trainer_path log = gr_trainer_file(run, "log.csv");
    const gr_csv *csv = access(log.text, F_OK) == 0 ? gr_csv_read(run->graph, log.text) : NULL;
    if (gr_failed(run->graph)) return false;
    for (int epoch = 0; epoch < run->epoch; epoch++) {
        gr_trainer_line *line = new_line(run, epoch);
        if (line == NULL) return false;
        line->lr = NAN;
    }
    for (int c = 1; csv != NULL && c < csv->columns; c++) {
        const gr_csv_column *column = &csv->column[c];
        bool is_lr = strcmp(column->name, "lr") == 0;
        int place = run->record->n_means;
        if (!is_lr && add_mean(run, column->name) == NULL) return false;
        for (int i = 0; i < csv->rows && i < run->epoch; i++) {
            gr_trainer_line *line = run->record->lines[i];
            *(is_lr ? &line->lr : &line->values[place]) = number_at(column, i);
        }
    }
    return true;
}

/* -- Progress -- */

static double clock_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void print_time(FILE *to, double seconds) {
    if (seconds < 90)
        fprintf(to, "%.0f s", seconds);
    else if (seconds < 90 * 60)
        fprintf(to, "%.0f min", seconds / 60);
    else
        fprintf(to, "%.1f h", seconds / 3600);
}

static void print_means(const gr_trainer *run, FILE *to) {
    for (int i = 0; i < run->record->n_means; i++) {
        double mean = mean_in(&run->record->means[i], run->epoch);
        if (!isnan(mean)) fprintf(to, "  %s %.4g", run->record->means[i].name, mean);
    }
}

static bool on_terminal(const gr_trainer *run) { return isatty(fileno(run->args.progress)); }

/* Epochs done, with the part of the one at hand. */
static double epochs_done(const gr_trainer *run) {
    int64_t batches = run->steps / run->epochs;
    return run->epoch + (batches > 0 ? fmin((double)run->record->batch / (double)batches, 1) : 0);
}

void gr_trainer_start_progress(gr_trainer *run) { run->record->begun_at = clock_now(); }

void gr_trainer_show_progress(gr_trainer *run) {
    static const char bar[] = "====================";
    enum { WIDTH = sizeof bar - 1 };
    gr_trainer_record *record = run->record;
    FILE *to = run->args.progress;
    if (to == NULL || !on_terminal(run)) return;
    double now = clock_now();
    if (now - record->shown_at < 0.1) return;
    record->shown_at = now;
    double done = epochs_done(run), since = done - record->first_epoch;
    int filled = (int)(WIDTH * (done - run->epoch));
    fprintf(to, "\repoch %d/%d [%-*.*s]", run->epoch + 1, run->epochs, WIDTH, filled, bar);
    if (since > 0) {
        fprintf(to, "  ");
        print_time(to, (now - record->begun_at) * (run->epochs - done) / since);
        fprintf(to, " left");
    }
    print_means(run, to);
    fprintf(to, "\033[K");
    fflush(to);
}

void gr_trainer_show_epoch(const gr_trainer *run, bool better) {
    FILE *to = run->args.progress;
    if (to == NULL) return;
    fprintf(to, "%sepoch %d/%d", on_terminal(run) ? "\r\033[K" : "", run->epoch + 1, run->epochs);
    print_means(run, to);
    fprintf(to, "%s  ", better ? "  (best)" : "");
    print_time(to, clock_now() - run->record->begun_at);
    fprintf(to, "\n");
    fflush(to);
}
