/* Which regression loss, when some of the training targets are wrong?
 *
 * Predicts the price of a house from what it is, with one small network and one loss after the
 * other, and judges all of them by the same measures, in dollars, on sales that they have not seen.
 * The data are real (examples/data/README.md), in three states:
 *
 *   clean    training on ordinary sales: condition Normal, at most 4,000 square feet
 *   real     training on all sales: also unfinished houses, foreclosures, sales within the family,
 *            and five very large houses, three of which went for a third of what their size
 *            suggests
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
 * One more network has two outputs, under quantile at tau = 0.05 and 0.95: together an interval
 * that should hold 90 % of the prices. The other losses' interval is what one gets without: the
 * prediction and 1.645 deviations of the training errors to both sides, right if errors were
 * normal.
 *
 * The number of epochs is the same for all, and about where the losses are at their best on clean
 * data: who trains longer learns the outliers by heart, with mse first.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "examples/common/experiment_report.h"
#include "examples/common/interrupt.h"
#include "examples/common/loss_option.h"
#include "examples/common/regression_plots.h"
#include "gradus.h"

static const char PROGRAM[] = "outliers";
static const char ALL_LOSSES[] = "mse,l1,huber,smooth_l1:beta=0.2,log_cosh,quantile";
static const double TEST_SHARE = 0.25, SHIFTED_SHARE = 0.05, SHIFT = 5, LARGEST_ORDINARY = 4000;
static const double INTERVAL = 0.9, NORMAL_95 = 1.6448536269514722; /* its 95 % quantile */

enum { CLEAN, REAL, SHIFTED, STATES, MOST_LOSSES = 12 };
static const char *const state_names[STATES] = {"clean", "real", "shifted"};
static const char *const state_titles[STATES] = {"clean training data", "real outliers",
                                                 "5% of the prices shifted"};

enum { MAE, MEDIAN, RMSE, BIAS, COVERAGE, WIDTH, MEASURES };
static const experiment_measure measures[MEASURES] = {
    [MAE] = {.title = "MAE", .key = "mae"},
    [MEDIAN] = {.title = "median error", .key = "median_absolute_error"},
    [RMSE] = {.title = "RMSE", .key = "rmse"},
    [BIAS] = {.title = "bias", .key = "bias"},
    [COVERAGE] = {.title = "in 90% interval",
                  .key = "interval_coverage",
                  .decimals = 3,
                  .maximize = true},
    [WIDTH] = {.title = "its width", .key = "interval_width"}};

static experiment_settings settings = {.loss = "all",
                                       .data = "examples/data/ames.csv",
                                       .out = "build/outliers-out",
                                       .seeds = 10,
                                       .epochs = 25,
                                       .batch = 32,
                                       .seed = 1,
                                       .lr = 1e-3};

static const option_row options[] = {
    EXPERIMENT_OPTIONS(settings,
                       "all, or some of mse,l1,huber,smooth_l1,log_cosh,quantile; huber:delta=0.5",
                       "the sales", "Adam's learning rate; falls to 0 in a line", 3, 10),
    {0}};

static loss_choice losses[MOST_LOSSES];
static int n_losses;
static const char *methods[MOST_LOSSES + 1]; /* the losses' labels, and the interval last */
static const char *method_losses[MOST_LOSSES + 1];

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

static gr_tensor *interval_loss(gr_tensor *pred, gr_tensor *y) {
    gr_tensor *low = gr_quantile(gr_slice(pred, 1, 0, 1, 1), y, .tau = (1 - INTERVAL) / 2);
    gr_tensor *high = gr_quantile(gr_slice(pred, 1, 1, 2, 1), y, .tau = (1 + INTERVAL) / 2);
    return gr_add(low, high);
}

static bool is_interval(const experiment_run *run) { return run->method == n_losses; }

/* Adam, with a learning rate that falls to 0. */
static bool fit(experiment_run *run, gr_module *net, gr_batches *batches) {
    gr_optimizer *opt = gr_adam(net, .lr = settings.lr);
    for (int epoch = 0; epoch < settings.epochs && !interrupted(); epoch++) {
        gr_tensor *x, *y;
        if (opt != NULL) opt->lr = settings.lr * (settings.epochs - epoch) / settings.epochs;
        while (gr_batch_next(batches, &x, &y)) {
            gr_tensor *pred = gr_forward(net, x);
            gr_backward(is_interval(run) ? interval_loss(pred, y)
                                         : loss_option_apply(&losses[run->method], pred, y));
            gr_step(opt);
            gr_graph_reset(run->graph);
        }
        experiment_progress(run, (epoch + 1.0) / settings.epochs);
    }
    return !gr_failed(run->graph) && !interrupted();
}

/* The MAE in dollars; of an interval, that of its lower end. */
static double absolute_error(gr_module *net, gr_tensor *x, const gr_scaler *scale,
                             gr_tensor *price) {
    gr_no_grad_begin(x->graph);
    gr_tensor *pred = gr_scaler_invert(scale, gr_slice(gr_forward(net, x), 1, 0, 1, 1));
    double error = gr_item(gr_mean(gr_abs(gr_sub(pred, price))));
    gr_no_grad_end(x->graph);
    gr_graph_reset(x->graph);
    return error;
}

/* Errors of predictions in dollars, all (N,1). */
static void judge(experiment_run *run, gr_tensor *predicted, gr_tensor *truth) {
    gr_tensor *wrong = gr_sub(predicted, truth);
    run->values[MAE] = gr_item(gr_mean(gr_abs(wrong)));
    run->values[MEDIAN] = gr_median_absolute_error(predicted, truth);
    run->values[RMSE] = sqrt(gr_item(gr_mean(gr_square(wrong))));
    run->values[BIAS] = gr_item(gr_mean(wrong));
    experiment_keep(run, "predicted", predicted);
    experiment_keep(run, "truth", truth);
}

static void judge_interval(experiment_run *run, gr_tensor *low, gr_tensor *high, gr_tensor *truth) {
    gr_tensor *inside = gr_mul(gr_le(low, truth), gr_le(truth, high));
    run->values[COVERAGE] = gr_item(gr_mean(inside));
    run->values[WIDTH] = gr_item(gr_mean(gr_sub(high, low)));
}

static void train(experiment_run *run, void *context) {
    const sales *s = context;
    gr_graph *g = run->graph;
    gr_tensor *x = gr_keep(gr_from(g, s->x->shape, s->x->data));
    gr_tensor *price = gr_keep(gr_from(g, s->price->shape, s->price->data));
    gr_parts parts = gr_split_rows(g, s->x->shape.dim[0], .test = TEST_SHARE);
    gr_tensor *rows = run->condition == REAL ? parts.train : only_ordinary(s, parts.train);
    gr_tensor *test = only_ordinary(s, parts.test);
    gr_tensor *train_x = gr_take_rows(x, rows), *train_price = gr_take_rows(price, rows);
    gr_tensor *test_x = gr_take_rows(x, test), *test_price = gr_take_rows(price, test);
    shift_prices(train_price, run->condition);

    gr_scaler *scale_x = gr_scaler_fit(train_x, .fill_missing = true);
    gr_scaler *scale_y = gr_scaler_fit(train_price);
    train_x = gr_keep(gr_scaler_apply(scale_x, train_x));
    gr_tensor *train_y = gr_keep(gr_scaler_apply(scale_y, train_price));
    gr_batches *batches =
        gr_batches_new(train_x, train_y, .batch = settings.batch, .shuffle = true);
    gr_module *net = gr_sequential(g, gr_linear(g, s->x->shape.dim[1], 64), gr_relu_layer(g),
                                   gr_linear(g, 64, 32), gr_relu_layer(g),
                                   gr_linear(g, 32, is_interval(run) ? 2 : 1));
    test_x = gr_keep(gr_scaler_apply(scale_x, test_x));
    gr_graph_reset(g);
    run->untrained = absolute_error(net, test_x, scale_y, test_price);
    if (!fit(run, net, batches)) return;

    gr_no_grad_begin(g);
    gr_tensor *pred = gr_scaler_invert(scale_y, gr_forward(net, test_x));
    if (is_interval(run)) {
        judge_interval(run, gr_slice(pred, 1, 0, 1, 1), gr_slice(pred, 1, 1, 2, 1), test_price);
    } else {
        gr_tensor *error = gr_sub(gr_scaler_invert(scale_y, gr_forward(net, train_x)), train_price);
        gr_tensor *half = gr_scale(gr_sqrt(gr_mean(gr_square(error))), NORMAL_95);
        judge(run, pred, test_price);
        judge_interval(run, gr_sub(pred, half), gr_add(pred, half), test_price);
    }
    gr_no_grad_end(g);
}

/* -- The verdict -- */

/* How far a loss's MAE is above that of the state's best, as a share. */
static double regret(const experiment *e, int state, int loss) {
    return experiment_mean(e, state, loss, MAE) /
               experiment_mean(e, state, experiment_best(e, state, MAE), MAE) -
           1;
}

static double worst_regret(const experiment *e, int loss) {
    double worst = 0;
    for (int state = 0; state < STATES; state++) {
        double share = regret(e, state, loss);
        worst = isnan(share) ? INFINITY : fmax(worst, share);
    }
    return worst;
}

static int find_loss(const char *name) {
    for (int loss = 0; loss < n_losses; loss++)
        if (strcmp(losses[loss].info->name, name) == 0) return loss;
    return -1;
}

static const char *against(int better) {
    return better > 0 ? "clearly better" : better < 0 ? "clearly worse" : "no clear difference";
}

/* "With outliers, l1 or huber beat mse; on clean data mse is fine." */
static void say_advice(experiment *e) {
    int mse = find_loss("mse"), robust[] = {find_loss("l1"), find_loss("huber")};
    if (mse < 0 || robust[0] < 0 || robust[1] < 0) return;
    experiment_say(e, "\nAgainst mse:\n");
    for (int state = 0; state < STATES; state++)
        for (int i = 0; i < 2; i++) {
            difference mae = experiment_difference(e, state, robust[i], mse, MAE);
            difference rmse = experiment_difference(e, state, robust[i], mse, RMSE);
            experiment_say(
                e, "    %-25s %-6s MAE %+8.0f +- %-6.0f %-20s RMSE %+8.0f +- %-6.0f %s\n",
                state_titles[state], losses[robust[i]].info->name, mae.mean, mae.half_width,
                against(experiment_better(e, state, robust[i], mse, MAE)), rmse.mean,
                rmse.half_width, against(experiment_better(e, state, robust[i], mse, RMSE)));
        }
    bool wins[STATES], fine = true;
    for (int state = 0; state < STATES; state++)
        wins[state] = experiment_better(e, state, robust[0], mse, MAE) > 0 ||
                      experiment_better(e, state, robust[1], mse, MAE) > 0;
    for (int i = 0; i < 2; i++)
        fine = fine && experiment_better(e, CLEAN, robust[i], mse, MAE) <= 0;
    experiment_say(e, "\n");
    experiment_verdict(e, "guide-a",
                       wins[REAL] && wins[SHIFTED]   ? VERDICT_HELD
                       : wins[REAL] || wins[SHIFTED] ? VERDICT_PARTLY
                                                     : VERDICT_FAILED,
                       "with outliers l1 or huber beat mse by MAE: %s with the real ones, %s with "
                       "shifted prices",
                       wins[REAL] ? "clearly" : "not clearly",
                       wins[SHIFTED] ? "clearly" : "not clearly");
    experiment_verdict(e, "families-a", fine ? VERDICT_HELD : VERDICT_FAILED,
                       "on clean data mse is fine: by MAE l1 or huber are %s, by RMSE %s",
                       fine ? "not clearly better" : "clearly better",
                       experiment_better(e, CLEAN, robust[0], mse, RMSE) > 0 ||
                               experiment_better(e, CLEAN, robust[1], mse, RMSE) > 0
                           ? "also better"
                           : "not");
}

/* Whether no state shows that it is clearly worse. */
static bool as_good(const experiment *e, int loss, int chosen) {
    for (int state = 0; state < STATES; state++)
        if (isnan(experiment_mean(e, state, loss, MAE)) ||
            experiment_better(e, state, loss, chosen, MAE) < 0)
            return false;
    return true;
}

static void say_choice(experiment *e) {
    int chosen = 0, same = 0;
    for (int loss = 1; loss < n_losses; loss++)
        if (worst_regret(e, loss) < worst_regret(e, chosen)) chosen = loss;
    experiment_say(e, "\nMAE above the best of each state:\n");
    for (int loss = 0; loss < n_losses; loss++) {
        experiment_say(e, "    %-20s", losses[loss].label);
        for (int state = 0; state < STATES; state++)
            experiment_say(e, "  %s %+6.1f%%", state_names[state], 100 * regret(e, state, loss));
        experiment_say(e, "\n");
    }
    experiment_say(e, "\nIf you don't know whether your data have outliers, choose %s: ",
                   losses[chosen].label);
    if (worst_regret(e, chosen) == 0)
        experiment_say(e, "its MAE is the lowest in every state.\n");
    else
        experiment_say(e, "in no state is its MAE\nmore than %.2f%% above the best.\n",
                       100 * worst_regret(e, chosen));
    for (int loss = 0; loss < n_losses; loss++)
        if (loss != chosen && as_good(e, loss, chosen))
            experiment_say(e, "%s%s", same++ == 0 ? "Never clearly worse than that: " : ", ",
                           losses[loss].label);
    experiment_say(e, "%s", same == 0 ? "All others are clearly worse in some state.\n" : ".\n");
}

static void say_intervals(experiment *e) {
    int mse = find_loss("mse");
    experiment_say(e, "\nOf the ordinary test prices, the 90%% interval of two quantiles holds");
    for (int state = 0; state < STATES; state++)
        experiment_say(e, "%s %.1f%% (%s)", state > 0 ? "," : "",
                       100 * experiment_mean(e, state, n_losses, COVERAGE), state_names[state]);
    if (mse >= 0) {
        experiment_say(e, ";\nthat of mse and its training errors");
        for (int state = 0; state < STATES; state++)
            experiment_say(e, "%s %.1f%%", state > 0 ? "," : "",
                           100 * experiment_mean(e, state, mse, COVERAGE));
    }
    experiment_say(e, ".\n");
}

/* -- Pictures -- */

static predictions predictions_of(const experiment *e, gr_graph *g, int state, int loss, int seed) {
    gr_tensor *truth = experiment_kept(e, g, state, loss, seed, "truth");
    gr_tensor *predicted = experiment_kept(e, g, state, loss, seed, "predicted");
    predictions p = {0};
    if (truth == NULL || predicted == NULL) return p;
    p.truth = gr_alloc_lasting(g, (size_t)truth->size * sizeof *p.truth);
    p.predicted = gr_alloc_lasting(g, (size_t)truth->size * sizeof *p.predicted);
    if (gr_failed(g)) return (predictions){0};
    p.n = (int)truth->size;
    for (int i = 0; i < p.n; i++) {
        p.truth[i] = gr_at(truth, i);
        p.predicted[i] = gr_at(predicted, i);
    }
    return p;
}

static void draw(experiment *e) {
    gr_graph *g = gr_graph_new();
    int n = e->complete * STATES * n_losses;
    predictions *each = gr_alloc_lasting(g, (size_t)n * sizeof *each);
    for (int i = 0; each != NULL && i < n; i++)
        each[i] = predictions_of(e, g, i / n_losses % STATES, i % n_losses, i / n_losses / STATES);
    regression_plots plots = {.directory = settings.out,
                              .unit = "$1000",
                              .scale = 1e-3,
                              .low = 0,
                              .high = 500,
                              .rows = STATES,
                              .methods = n_losses,
                              .seeds = e->complete,
                              .row_titles = state_titles,
                              .labels = methods,
                              .each = each};
    experiment_say(e, "\n");
    if (each != NULL && plot_predictions(&plots, "predicted"))
        experiment_picture(e, "predicted", "predicted against true prices, of the first seed");
    if (each != NULL && plot_errors(&plots, "errors"))
        experiment_picture(e, "errors", "errors of each seed, and their distribution");
    gr_graph_free(g);
}

/* -- The program -- */

static void report(experiment *e) {
    if (!experiment_report_begin(e)) return;
    experiment_say(e,
                   "House prices in Ames, %d losses on %d states of the data, %d seeds, %d "
                   "epochs.\nErrors on ordinary test sales in dollars: mean and spread (standard "
                   "deviation) over the seeds;\nbias is the mean of predicted - true.\n\n",
                   n_losses, STATES, e->complete, settings.epochs);
    experiment_table(e);
    experiment_say(e,
                   "\nDifferences are taken seed by seed, with their 95%% interval; one is "
                   "clear if that does not hold 0.%s\n\n",
                   e->complete == 1 ? " One seed can't show any." : "");
    if (n_losses > 1) {
        for (int state = 0; state < STATES; state++) experiment_ranking(e, state, MAE);
        say_advice(e);
        say_choice(e);
    }
    say_intervals(e);
    draw(e);
    experiment_report_end(e);
}

int main(int argc, char **argv) {
    options_parse(PROGRAM,
                  "Trains one network under each regression loss on house prices with outliers, "
                  "and says\nwhich loss to choose.",
                  options, argc, argv);
    const char *names = strcmp(settings.loss, "all") == 0 ? ALL_LOSSES : settings.loss;
    n_losses = loss_option_parse(PROGRAM, names, ALL_LOSSES, losses, MOST_LOSSES);
    for (int i = 0; i < n_losses; i++) {
        methods[i] = losses[i].label;
        method_losses[i] = losses[i].info->name;
    }
    methods[n_losses] = "two quantiles";
    gr_graph *g = gr_graph_new(.threads = 1);
    sales s;
    if (!read_sales(g, &s)) {
        fprintf(stderr,
                "%s: %s (Gradus' sources have it: run from their directory, or --data FILE; "
                "examples/data/ames.R makes it anew)\n",
                PROGRAM, gr_error(g));
        gr_graph_free(g);
        return 1;
    }
    experiment e = {.program = PROGRAM,
                    .question =
                        "Which regression loss, when some of the training targets are wrong?",
                    .settings = &settings,
                    .options = options,
                    .conditions = state_names,
                    .n_conditions = STATES,
                    .methods = methods,
                    .n_methods = n_losses + 1,
                    .losses = method_losses,
                    .measures = measures,
                    .n_measures = MEASURES,
                    .train = train,
                    .context = &s};
    if (experiment_train(&e)) report(&e);
    gr_graph_free(g);
    return experiment_end(&e);
}
