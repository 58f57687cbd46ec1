/* gradus choose: from data, or from answers, to a loss. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "examples/cli/commands.h"
#include "examples/cli/names.h"
#include "examples/cli/questions.h"
#include "examples/cli/trial.h"

const char help_choose[] =
    "Usage: gradus choose\n"
    "       gradus choose DATA.csv --target COLUMN [--task TASK] [--try [--folds N] [--steps N]]\n"
    "\n"
    "Which loss to train with. Alone it asks; with data it looks at the column that is to be "
    "predicted\n"
    "(kind, class shares, outliers, skew, zeros, missing values) and says which losses fit, and "
    "why.\n"
    "\n"
    "  --target COLUMN  what is to be predicted\n"
    "  --task TASK      regression, counts or classes, if it is taken for something else\n"
    "  --try            trains a small network under each of them with cross-validation, and ranks "
    "them\n"
    "  --folds N        of the cross-validation; 5\n"
    "  --steps N        of each training; 2000, or those of 40 passes over the rows if they are "
    "fewer\n"
    "  --seed N         of folds and first weights; 1\n";

typedef struct request {
    const char *path, *target, *task;
    bool try;
    trial_options trial;
} request;

static int read_integer(const char *option, const char *text, int low, int high) {
    char *end;
    long n = strtol(text, &end, 10);
    if (end == text || *end != '\0' || n < low || n > high)
        misuse("choose: %s %s: expected a whole number from %d to %d", option, text, low, high);
    return (int)n;
}

static request read_request(int n, char **words) {
    static const char *const options[] = {"target", "task", "try", "folds", "steps", "seed"};
    names known = {.n = 0};
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) names_add(&known, options[i]);
    request r = {.trial = {.folds = 5, .seed = 1}};
    for (int i = 0; i < n; i++) {
        if (strncmp(words[i], "--", 2) != 0) {
            if (r.path != NULL) misuse("choose: %s: expected one file", words[i]);
            r.path = words[i];
            continue;
        }
        const char *name = words[i] + 2;
        int option = names_find(&known, name, strlen(name));
        if (option < 0) misuse_unknown("choose", "option", name, &known, "--");
        if (option == 2) {
            r.try = true;
            continue;
        }
        if (i + 1 == n) misuse("choose: %s: expected a value behind it", words[i]);
        const char *value = words[++i];
        if (option == 0) r.target = value;
        if (option == 1) r.task = value;
        if (option == 3) r.trial.folds = read_integer("--folds", value, 2, 20);
        if (option == 4) r.trial.steps = read_integer("--steps", value, 1, 1000000);
        if (option == 5) r.trial.seed = read_integer("--seed", value, 0, 1000000000);
    }
    if (r.path != NULL && r.target == NULL)
        misuse("choose: %s: expected --target COLUMN, which is to be predicted", r.path);
    if (r.path == NULL && n > 0) misuse("choose: expected a CSV file");
    return r;
}

static void print_suggestions(const suggestion *list, int n) {
    printf("\nLosses that fit, the first one first:\n");
    for (int i = 0; i < n; i++) printf("  %-34s %s\n", list[i].label, list[i].why);
}

static int choose_by_data(const request *r) {
    gr_graph *g = gr_graph_new(.seed = (uint64_t)r->trial.seed);
    gr_csv *csv = gr_csv_read(g, r->path);
    profile p;
    suggestion list[MOST_SUGGESTIONS];
    bool good = csv != NULL && profile_read(csv, r->target, r->task, &p);
    if (good) {
        profile_print(&p);
        int n = suggest(&p, list);
        print_suggestions(list, n);
        if (r->try)
            good = trial_run(g, &p, list, n, r->trial);
        else
            printf("\n--try trains a small network under each of them.\n");
    }
    int status = good ? 0 : report_error(g);
    gr_graph_free(g);
    return status;
}

int command_choose(int n, char **words) {
    request r = read_request(n, words);
    int status = r.path != NULL ? choose_by_data(&r) : questions_ask(stdin);
    return status == 0 ? finish_output() : status;
}
