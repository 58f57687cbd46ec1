/* Which regression loss, when some of the training targets are wrong?
 *
 * Predicts the price of a house from what it is, with one small network and one loss after the
 * other, and judges all of them by the same measures, in dollars, on sales that they have not seen.
 * The data are real (examples/data/README.md), in three states:
 *
 *   clean    training on ordinary sales: condition Normal, at most 4,000 square feet
 *   real     training on all sales: also unfinished houses, foreclosures, sales within the family,
 *            and five very large houses, three of which went for a third of what their size suggests
 *   shifted  clean, but 5 % of the training prices are too high by five standard deviations: the
 *            truth is known, and the outliers are all on one side
 *
 * The test sales are ordinary ones and never changed. A seed decides the split, which prices are
 * shifted, the network's beginning and the order of the batches; all losses get the same seeds, so
 * that they can be compared pair by pair.
 *
 * Prices are standardised with the training part's mean and deviation, and not taken as logarithms,
 * which would tame the outliers before the loss sees them. A loss's delta or beta is in these
 * units: 1 is a deviation of the price, about 70,000 dollars. At their defaults huber and smooth_l1
 * are the same function, so smooth_l1 runs with a smaller beta; quantile at tau = 0.5 is half of
 * l1.
 *
 * The number of epochs is the same for all, and about where the losses are at their best on clean
 * data: who trains longer learns the outliers by heart, with mse first.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "examples/common/files.h"
#include "examples/common/interrupt.h"
#include "examples/common/loss_option.h"
#include "examples/common/options.h"
#include "examples/common/progress.h"
#include "examples/common/regression_plots.h"
#include "examples/common/stats.h"
#include "examples/common/table.h"
#include "gradus.h"

static const char PROGRAM[] = "outliers";
static const char ALL_LOSSES[] = "mse,l1,huber,smooth_l1:beta=0.2,log_cosh,quantile";
static const double TEST_SHARE = 0.25, SHIFTED_SHARE = 0.05, SHIFT = 5, LARGEST_ORDINARY = 4000;

enum { CLEAN, REAL, SHIFTED, STATES, MOST_LOSSES = 12, MOST_SEEDS = 1000 };
static const char *const state_names[STATES] = {"clean", "real", "shifted"};
static const char *const state_titles[STATES] = {"clean training data", "real outliers",
                                                 "5% of the prices shifted"};

static struct settings {
    const char *loss, *data, *out;
    int seeds, epochs, batch, seed, threads;
    double lr;
    bool quick;
} settings = {.loss = "all",
              .data = "examples/data/ames.csv",
              .out = "build/outliers-out",
              .seeds = 10,
              .epochs = 25,
              .batch = 32,
              .seed = 1,
              .lr = 1e-3};

static const option_row options[] = {
    {"loss", "NAME", OPTION_TEXT, &settings.loss,
     .about = "all, or some of mse,l1,huber,smooth_l1,log_cosh,quantile; huber:delta=0.5"},
    {"seeds", "N", OPTION_INTEGER, &settings.seeds, 1, MOST_SEEDS, 3,
     "trainings of each loss on each state"},
    {"epochs", "N", OPTION_INTEGER, &settings.epochs, 1, 100000, 10,
     "passes over the training data"},
    {"batch", "N", OPTION_INTEGER, &settings.batch, 1, 100000, 0, "sales in a batch"},
    {"lr", "X", OPTION_NUMBER, &settings.lr, 1e-9, 10, 0,
     "Adam's learning rate; falls to 0 in a line"},
    {"seed", "N", OPTION_INTEGER, &settings.seed, 0, 1000000000, 0, "the first seed"},
    {"threads", "N", OPTION_INTEGER, &settings.threads, 0, 1024, 0,
     "trainings at a time, which change no result; 0: one for each processor"},
    {"data", "FILE", OPTION_TEXT, &settings.data, .about = "the sales"},
    {"out", "DIR", OPTION_TEXT, &settings.out, .about = "where tables and pictures are written"},
    {"quick", NULL, OPTION_FLAG, &settings.quick, .about = "a short run, to see that it works"},
    {0}};

static loss_choice losses[MOST_LOSSES];
static int n_losses;

/* -- The sales -- */

/* Everything known before the sale but its condition, which tells the outliers. */
#define INPUTS                                                                                     \
    GR_NAMES("Gr_Liv_Area", "First_Flr_SF", "Second_Flr_SF", "Total_Bsmt_SF", "Bsmt_Unf_SF",       \
             "Garage_Area", "Garage_Cars", "Lot_Area", "Lot_Frontage", "Mas_Vnr_Area",             \
             "Wood_Deck_SF", "Open_Porch_SF", "Screen_Porch", "Year_Built", "Year_Remod_Add",      \
             "Overall_Cond", "Bsmt_Full_Bath", "Full_Bath", "Half_Bath", "Bedroom_AbvGr",          \
             "Kitchen_AbvGr", "TotRms_AbvGrd", "Fireplaces", "Year_Sold", "Central_Air",           \
             "Bldg_Type", "Foundation", "Neighborhood")

typedef struct sales {
    gr_tensor *x, *price; /* (rows, inputs), (rows, 1) */
    const bool *ordinary;
} sales;

static bool read_sales(gr_graph *g, sales *s) {
    gr_csv *csv = gr_csv_read(g, settings.data);
    const gr_csv_column *condition = gr_csv_get(csv, "Sale_Condition");
    const double *area = gr_csv_numbers(csv, "Gr_Liv_Area");
    *s = (sales){.x = gr_csv_tensor(csv, INPUTS),
                 .price = gr_csv_tensor(csv, GR_NAMES("Sale_Price"))};
    if (gr_failed(g)) return false;
    if (condition->number != NULL || csv->rows < 40)
        return gr_fail(g, "%s: expected words in Sale_Condition and at least 40 rows",
                       settings.data);
    bool *ordinary = gr_alloc_lasting(g, (size_t)csv->rows * sizeof *ordinary);
    for (int i = 0; i < csv->rows && ordinary != NULL; i++) {
        int32_t c = condition->category[i];
        ordinary[i] = c >= 0 && strcmp(condition->categories[c], "Normal") == 0 &&
                      area[i] <= LARGEST_ORDINARY;
    }
    s->ordinary = ordinary;
    return !gr_failed(g);
}

/* The rows that are ordinary sales. */
static gr_tensor *only_ordinary(const sales *s, const gr_tensor *rows) {
    gr_tensor *chosen = gr_keep((gr_tensor *)rows);
    if (chosen == NULL) return NULL;
    int n = 0;
    for (int i = 0; i < rows->size; i++)
        if (s->ordinary[rows->index[i]]) chosen->index[n++] = rows->index[i];
    return gr_from_index(rows->graph, GR_SHAPE(n), chosen->index);
}

/* Makes the first 5 % of a random order of the prices too high. The order is drawn for every state
 * of the data, so that what is drawn afterwards is the same for all. */
static void shift_prices(gr_tensor *price, int state) {
    gr_tensor *order = price == NULL ? NULL : gr_permutation(price->graph, (int)price->size);
    gr_scaler *scaler = gr_scaler_fit(price);
    if (order == NULL || scaler == NULL || state != SHIFTED) return;
    for (int i = 0; i < (int)(SHIFTED_SHARE * (double)price->size); i++)
        price->data[order->index[i]] += (gr_real)(SHIFT * gr_at(scaler->deviation, 0));
}

/* -- One training -- */

typedef struct run {
    bool done;
    predictions test; /* dollars */
    double mae, median, rmse, bias;
    char error[256];
} run;

typedef struct job {
    int state, loss, seed;
} job;

/* Counts epochs for the progress line, in whatever thread. */
typedef struct counter {
    progress line;
    int done;
} counter;

static void count_epoch(counter *c, const job *j) {
#ifdef _OPENMP
#pragma omp critical(count_epoch)
#endif
    {
        char detail[128];
        snprintf(detail, sizeof detail, "%s, %s, seed %d", state_names[j->state],
                 losses[j->loss].label, settings.seed + j->seed);
        progress_show(&c->line, ++c->done, detail);
    }
}

static void measure(run *r) {
    const predictions *t = &r->test;
    double *wrong = malloc((size_t)t->n * sizeof *wrong);
    if (wrong == NULL) return;
    for (int i = 0; i < t->n; i++) {
        double d = t->predicted[i] - t->truth[i];
        r->bias += d / t->n;
        r->rmse += d * d / t->n;
        wrong[i] = fabs(d);
    }
    r->rmse = sqrt(r->rmse);
    r->mae = stats_mean(wrong, t->n);
    r->median = stats_median(wrong, t->n);
    free(wrong);
    r->done = true;
}

/* Keeps what the network says of the test sales, and how far off it is. */
static void judge(run *r, gr_tensor *predicted, gr_tensor *truth) {
    if (predicted == NULL || truth == NULL) return;
    predictions *t = &r->test;
    t->n = (int)truth->size;
    t->truth = malloc((size_t)t->n * sizeof *t->truth);
    t->predicted = malloc((size_t)t->n * sizeof *t->predicted);
    if (t->truth == NULL || t->predicted == NULL) return;
    for (int i = 0; i < t->n; i++) {
        t->truth[i] = gr_at(truth, i);
        t->predicted[i] = gr_at(predicted, i);
    }
    measure(r);
}

/* True if it came to its end. */
static bool fit(gr_module *net, gr_batches *batches, const job *j, counter *c) {
    gr_optimizer *opt = gr_adam(net, .lr = settings.lr);
    for (int epoch = 0; epoch < settings.epochs && opt != NULL && !interrupted(); epoch++) {
        gr_tensor *x, *y;
        opt->lr = settings.lr * (settings.epochs - epoch) / settings.epochs;
        while (gr_batch_next(batches, &x, &y)) {
            gr_backward(loss_option_apply(&losses[j->loss], gr_forward(net, x), y));
            gr_step(opt);
            gr_graph_reset(opt->graph);
        }
        count_epoch(c, j);
    }
    return opt != NULL && !interrupted();
}

static void train(gr_graph *g, const sales *s, const job *j, counter *c, run *r) {
    gr_tensor *x = gr_keep(gr_from(g, s->x->shape, s->x->data));
    gr_tensor *price = gr_keep(gr_from(g, s->price->shape, s->price->data));
    gr_parts parts = gr_split_rows(g, s->x->shape.dim[0], .test = TEST_SHARE);
    gr_tensor *rows = j->state == REAL ? parts.train : only_ordinary(s, parts.train);
    gr_tensor *test = only_ordinary(s, parts.test);
    gr_tensor *train_x = gr_take_rows(x, rows), *train_price = gr_take_rows(price, rows);
    gr_tensor *test_x = gr_take_rows(x, test), *test_price = gr_take_rows(price, test);
    shift_prices(train_price, j->state);

    gr_scaler *scale_x = gr_scaler_fit(train_x, .fill_missing = true);
    gr_scaler *scale_y = gr_scaler_fit(train_price);
    gr_batches *batches = gr_batches_new(gr_keep(gr_scaler_apply(scale_x, train_x)),
                                         gr_keep(gr_scaler_apply(scale_y, train_price)),
                                         .batch = settings.batch, .shuffle = true);
    gr_module *net = gr_sequential(g, gr_linear(g, s->x->shape.dim[1], 64), gr_relu_layer(g),
                                   gr_linear(g, 64, 32), gr_relu_layer(g), gr_linear(g, 32, 1));
    gr_graph_reset(g);
    if (!fit(net, batches, j, c)) return;
    gr_no_grad_begin(g);
    gr_tensor *predicted = gr_forward(net, gr_scaler_apply(scale_x, test_x));
    judge(r, gr_scaler_invert(scale_y, predicted), test_price);
    gr_no_grad_end(g);
}

/* -- All trainings -- */

static run *runs; /* seed after seed, in it state after state, in it loss after loss */

static run *run_of(int state, int loss, int seed) {
    return &runs[(seed * STATES + state) * n_losses + loss];
}

static void train_one(const sales *s, int i, counter *c) {
    job j = {.loss = i % n_losses, .state = i / n_losses % STATES, .seed = i / n_losses / STATES};
    gr_graph *g = gr_graph_new(.seed = (uint64_t)(settings.seed + j.seed), .threads = 1);
    train(g, s, &j, c, &runs[i]);
    if (gr_failed(g)) snprintf(runs[i].error, sizeof runs[i].error, "%s", gr_error(g));
    gr_graph_free(g);
}

/* Returns the seconds that it took. */
static double train_all(const sales *s) {
    int n = settings.seeds * STATES * n_losses;
    int threads = settings.threads > 0 ? settings.threads : gr_threads(s->x->graph);
    counter c = {.line = progress_begin("training", (double)n * settings.epochs)};
#ifdef _OPENMP
#pragma omp parallel for schedule(dynamic) num_threads(threads)
#endif
    for (int i = 0; i < n; i++)
        if (!interrupted()) train_one(s, i, &c);
    (void)threads;
    return progress_end(&c.line);
}

/* How many seeds are complete, from the first on. A training that failed ends the program. */
static int complete_seeds(void) {
    int per_seed = STATES * n_losses;
    for (int i = 0; i < settings.seeds * per_seed; i++) {
        if (runs[i].error[0] != '\0') {
            fprintf(stderr, "%s: %s\n", PROGRAM, runs[i].error);
            exit(1);
        }
        if (!runs[i].done) return i / per_seed;
    }
    return settings.seeds;
}

/* -- Numbers -- */

typedef enum measure_kind { MAE, MEDIAN, RMSE, BIAS } measure_kind;

static double measured(const run *r, measure_kind kind) {
    return kind == MAE ? r->mae : kind == MEDIAN ? r->median : kind == RMSE ? r->rmse : r->bias;
}

/* One number for each seed. */
static void collect(int state, int loss, measure_kind kind, int seeds, double *x) {
    for (int seed = 0; seed < seeds; seed++) x[seed] = measured(run_of(state, loss, seed), kind);
}

static double mean_of(int state, int loss, measure_kind kind, int seeds) {
    double x[MOST_SEEDS];
    collect(state, loss, kind, seeds, x);
    return stats_mean(x, seeds);
}

static difference compare(int state, int loss, int other, measure_kind kind, int seeds) {
    double a[MOST_SEEDS], b[MOST_SEEDS];
    collect(state, loss, kind, seeds, a);
    collect(state, other, kind, seeds, b);
    return stats_difference(a, b, seeds);
}

static const column columns[] = {{"training on", "data"},
                                 {"loss", "loss"},
                                 {"MAE", "mae"},
                                 {"+-", "mae_spread"},
                                 {"median error", "median_absolute_error"},
                                 {"+-", "median_absolute_error_spread"},
                                 {"RMSE", "rmse"},
                                 {"+-", "rmse_spread"},
                                 {"bias", "bias"},
                                 {"+-", "bias_spread"}};

static void tabulate(table *t, int seeds) {
    table_init(t, columns, (int)(sizeof columns / sizeof *columns));
    for (int state = 0; state < STATES; state++)
        for (int loss = 0; loss < n_losses; loss++) {
            table_text(t, state_names[state]);
            table_text(t, losses[loss].label);
            for (measure_kind kind = MAE; kind <= BIAS; kind++) {
                double x[MOST_SEEDS];
                collect(state, loss, kind, seeds, x);
                table_number(t, stats_mean(x, seeds), 0);
                table_number(t, stats_deviation(x, seeds), 0);
            }
        }
}

static bool write_runs(int seeds) {
    static const column each[] = {
        {"", "data"}, {"", "loss"}, {"", "seed"}, {"", "mae"}, {"", "median_absolute_error"},
        {"", "rmse"}, {"", "bias"}};
    table t;
    table_init(&t, each, (int)(sizeof each / sizeof *each));
    for (int seed = 0; seed < seeds; seed++)
        for (int state = 0; state < STATES; state++)
            for (int loss = 0; loss < n_losses; loss++) {
                table_text(&t, state_names[state]);
                table_text(&t, losses[loss].label);
                table_number(&t, settings.seed + seed, 0);
                for (measure_kind kind = MAE; kind <= BIAS; kind++)
                    table_number(&t, measured(run_of(state, loss, seed), kind), 0);
            }
    bool written = table_write(&t, settings.out, "runs.csv");
    table_free(&t);
    return written;
}

/* -- The verdict -- */

/* A loss that has come to no number is never the best, unless all have. */
static int best_loss(int state, int seeds) {
    int best = 0;
    for (int loss = 1; loss < n_losses; loss++) {
        double mae = mean_of(state, loss, MAE, seeds), least = mean_of(state, best, MAE, seeds);
        if (mae < least || isnan(least)) best = loss;
    }
    return best;
}

/* How far a loss's MAE is above that of the state's best, as a share. */
static double regret(int state, int loss, int seeds) {
    return mean_of(state, loss, MAE, seeds) / mean_of(state, best_loss(state, seeds), MAE, seeds) -
           1;
}

static double worst_regret(int loss, int seeds) {
    double worst = 0;
    for (int state = 0; state < STATES; state++) {
        double share = regret(state, loss, seeds);
        worst = isnan(share) ? INFINITY : fmax(worst, share);
    }
    return worst;
}

static int find_choice(const char *name) {
    for (int loss = 0; loss < n_losses; loss++)
        if (strcmp(losses[loss].info->name, name) == 0) return loss;
    return -1;
}

static const char *in_words(difference d) {
    int sign = stats_sign(d);
    if (isnan(d.mean)) return "not a number";
    return sign < 0 ? "clearly better" : sign > 0 ? "clearly worse" : "no clear difference";
}

static void print_state_verdict(int state, int seeds) {
    int best = best_loss(state, seeds);
    printf("%s: %s has the lowest MAE, %.0f dollars.\n", state_titles[state], losses[best].label,
           mean_of(state, best, MAE, seeds));
    for (int loss = 0; loss < n_losses; loss++) {
        difference d = compare(state, loss, best, MAE, seeds);
        if (loss != best)
            printf("    %-20s %+8.0f +- %-6.0f %s\n", losses[loss].label, d.mean, d.half_width,
                   in_words(d));
    }
}

static void print_against_mse(int mse, const int *robust, int seeds) {
    printf("\nAgainst mse, by MAE and by RMSE:\n");
    for (int state = 0; state < STATES; state++)
        for (int i = 0; i < 2; i++) {
            if (robust[i] < 0) continue;
            difference mae = compare(state, robust[i], mse, MAE, seeds);
            difference rmse = compare(state, robust[i], mse, RMSE, seeds);
            printf("    %-25s %-6s MAE %+8.0f +- %-6.0f %-20s RMSE %+8.0f +- %-6.0f %s\n",
                   state_titles[state], losses[robust[i]].info->name, mae.mean, mae.half_width,
                   in_words(mae), rmse.mean, rmse.half_width, in_words(rmse));
        }
}

/* Names the losses that are clearly better than mse. */
static void print_better(int state, measure_kind kind, int mse, const int *robust, int seeds) {
    int better = 0;
    printf("    %s, by %s: ", state_titles[state], kind == MAE ? "MAE" : "RMSE");
    for (int i = 0; i < 2; i++)
        if (robust[i] >= 0 && stats_sign(compare(state, robust[i], mse, kind, seeds)) < 0)
            printf("%s%s", better++ > 0 ? " and " : "", losses[robust[i]].label);
    printf("%s clearly better than mse\n", better == 0   ? "neither is"
                                           : better == 1 ? " is"
                                                         : " are");
}

/* The advice that is put to the test. */
static void print_advice(int seeds) {
    int mse = find_choice("mse");
    const int robust[] = {find_choice("l1"), find_choice("huber")};
    if (mse < 0 || (robust[0] < 0 && robust[1] < 0)) return;
    print_against_mse(mse, robust, seeds);
    printf("\nThe advice \"with outliers l1 or huber beats mse; on clean data mse is fine\":\n");
    for (int state = STATES - 1; state >= 0; state--) {
        print_better(state, MAE, mse, robust, seeds);
        print_better(state, RMSE, mse, robust, seeds);
    }
}

/* Whether no state shows a clear difference. */
static bool as_good(int loss, int chosen, int seeds) {
    for (int state = 0; state < STATES; state++) {
        difference d = compare(state, loss, chosen, MAE, seeds);
        if (isnan(d.mean) || stats_sign(d) > 0) return false;
    }
    return true;
}

static void print_choice(int seeds) {
    int chosen = 0;
    for (int loss = 1; loss < n_losses; loss++)
        if (worst_regret(loss, seeds) < worst_regret(chosen, seeds)) chosen = loss;
    printf("\nMAE above the best of each state:\n");
    for (int loss = 0; loss < n_losses; loss++) {
        printf("    %-20s", losses[loss].label);
        for (int state = 0; state < STATES; state++)
            printf("  %s %+6.1f%%", state_names[state], 100 * regret(state, loss, seeds));
        printf("\n");
    }
    double worst = worst_regret(chosen, seeds);
    printf("\nIf you don't know whether your data have outliers, choose %s: ",
           losses[chosen].label);
    if (worst == 0)
        printf("its MAE is the lowest in every state.");
    else
        printf("in no state is its MAE\nmore than %.2f%% above the best.", 100 * worst);
    int same = 0;
    for (int loss = 0; loss < n_losses; loss++)
        if (loss != chosen && as_good(loss, chosen, seeds))
            printf("%s%s", same++ == 0 ? "\nNever clearly worse than that: " : ", ",
                   losses[loss].label);
    printf("%s\n", same == 0 ? "\nAll others are clearly worse in some state." : ".");
}

static void print_verdict(int seeds) {
    if (n_losses < 2) return;
    printf("\nDifferences are means over %d seed%s, taken pair by pair, with their 95%% interval; "
           "one is "
           "clear\nif the interval does not hold 0.%s\n\n",
           seeds, seeds == 1 ? "" : "s", seeds == 1 ? " One seed can't show any." : "");
    for (int state = 0; state < STATES; state++) print_state_verdict(state, seeds);
    print_advice(seeds);
    print_choice(seeds);
}

/* -- Pictures -- */

static bool draw(int seeds) {
    const char *labels[MOST_LOSSES];
    for (int loss = 0; loss < n_losses; loss++) labels[loss] = losses[loss].label;
    int n = seeds * STATES * n_losses;
    predictions *each = malloc((size_t)n * sizeof *each);
    if (each == NULL) return false;
    for (int i = 0; i < n; i++) each[i] = runs[i].test;
    regression_plots plots = {.directory = settings.out,
                              .unit = "$1000",
                              .scale = 1e-3,
                              .low = 0,
                              .high = 500,
                              .rows = STATES,
                              .methods = n_losses,
                              .seeds = seeds,
                              .row_titles = state_titles,
                              .labels = labels,
                              .each = each};
    bool predicted = plot_predictions(&plots, "predicted");
    bool errors = plot_errors(&plots, "errors");
    free(each);
    return predicted && errors;
}

/* -- The program -- */

static bool report(int seeds, double seconds) {
    table t;
    printf(
        "Prices of houses in Ames, %d losses on %d states of the data, %d seeds, %d epochs: %.0f "
        "s\n"
        "Errors on ordinary test sales in dollars: mean and spread (standard deviation) over the "
        "seeds;\nbias is the mean of predicted - true.\n\n",
        n_losses, STATES, seeds, settings.epochs, seconds);
    tabulate(&t, seeds);
    table_print(&t, stdout);
    bool written = table_write(&t, settings.out, "results.csv");
    table_free(&t);
    print_verdict(seeds);
    written = write_runs(seeds) && written;
    bool drawn = draw(seeds);
    if (written) printf("\nTables: %s/results.csv, %s/runs.csv\n", settings.out, settings.out);
    if (drawn)
        printf("Pictures: %s/predicted.png, %s/errors.png (and .svg)\n", settings.out,
               settings.out);
    return written;
}

static void free_runs(void) {
    for (int i = 0; i < settings.seeds * STATES * n_losses; i++) {
        free(runs[i].test.truth);
        free(runs[i].test.predicted);
    }
    free(runs);
}

int main(int argc, char **argv) {
    options_parse(PROGRAM,
                  "Trains one network under each regression loss on house prices with outliers, "
                  "and says\nwhich loss to choose.",
                  options, argc, argv);
    const char *names = strcmp(settings.loss, "all") == 0 ? ALL_LOSSES : settings.loss;
    n_losses = loss_option_parse(PROGRAM, names, ALL_LOSSES, losses, MOST_LOSSES);
    interrupt_catch();
    gr_graph *g = gr_graph_new(.threads = 0);
    sales s;
    if (!files_make_directory(settings.out)) return 1;
    if (!read_sales(g, &s)) {
        fprintf(stderr, "%s: %s (--data FILE says where the sales are)\n", PROGRAM, gr_error(g));
        gr_graph_free(g);
        return 1;
    }
    runs = calloc((size_t)(settings.seeds * STATES * n_losses), sizeof *runs);
    if (runs == NULL) return 1;
    double seconds = train_all(&s);
    int seeds = complete_seeds();
    if (interrupted())
        fprintf(stderr, "%s: interrupted, %d of %d seeds are complete\n", PROGRAM, seeds,
                settings.seeds);
    bool good = seeds > 0 && report(seeds, seconds);
    free_runs();
    gr_graph_free(g);
    return interrupted() ? 130 : !good;
}
