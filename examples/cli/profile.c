#include "examples/cli/profile.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "examples/cli/commands.h"
#include "examples/cli/names.h"
#include "examples/common/stats.h"

/* Iglewicz and Hoaglin, "How to detect and handle outliers", 1993: z = 0.6745 (y - median) / MAD,
 * an outlier beyond 3.5. */
static const double OUTLIER = 3.5, NORMAL = 1.4826, SKEWED = 1;
enum { MOST_LABELS = 20 }; /* different whole numbers that may still be names of classes */

double profile_number(const profile *p, int row) {
    return p->column->number == NULL ? NAN : p->column->number[row];
}

int profile_class(const profile *p, int row) {
    if (p->column->number == NULL) return p->column->category[row];
    for (int c = 0; c < p->classes; c++)
        if (p->value[c] == p->column->number[row]) return c;
    return -1;
}

gr_text profile_class_name(const profile *p, int c) {
    gr_text name;
    if (p->column->number == NULL)
        snprintf(name.text, sizeof name.text, "%s", p->column->categories[c]);
    else
        snprintf(name.text, sizeof name.text, "%g", p->value[c]);
    return name;
}

/* -- Numbers -- */

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double robust_scale(double *y, int n, double median) {
    for (int i = 0; i < n; i++) y[i] = fabs(y[i] - median);
    return NORMAL * stats_median(y, n);
}

/* `work` has room for n. */
static double outlier_share(const double *y, int n, double *work) {
    double median = stats_median(y, n);
    memcpy(work, y, (size_t)n * sizeof *y);
    double scale = robust_scale(work, n, median);
    int outliers = 0;
    for (int i = 0; i < n && scale > 0; i++) outliers += fabs(y[i] - median) > OUTLIER * scale;
    return (double)outliers / n;
}

/* y is sorted. */
static void describe_numbers(profile *p, double *y, double *work) {
    int n = p->rows;
    p->low = y[0];
    p->high = y[n - 1];
    p->mean = stats_mean(y, n);
    p->median = stats_median(y, n);
    double square = 0, cube = 0;
    int zeros = 0;
    for (int i = 0; i < n; i++) {
        double d = y[i] - p->mean;
        square += d * d;
        cube += d * d * d;
        zeros += y[i] == 0;
        p->distinct += i == 0 || y[i] != y[i - 1];
    }
    p->deviation = sqrt(square / n);
    p->skew = p->deviation > 0 ? cube / n / pow(p->deviation, 3) : 0;
    p->zeros = (double)zeros / n;
    memcpy(work, y, (size_t)n * sizeof *y);
    p->scale = robust_scale(work, n, p->median);
    p->of_logarithm = p->low > 0 && p->skew > SKEWED;
    for (int i = 0; i < n && p->of_logarithm; i++) y[i] = log(y[i]);
    p->outliers = outlier_share(y, n, work);
    for (int i = 0; i < n && p->of_logarithm; i++) y[i] = exp(y[i]);
}

/* Whole numbers whose frequencies rise to one top and then fall, from 0 on: how often something
 * happened. Names of classes have no such order. */
static bool looks_like_counts(const profile *p) {
    int top = 0;
    if (p->value[0] != 0 || p->classes < 5) return false;
    for (int c = 1; c < p->classes; c++) {
        if (p->count[c] > p->count[top]) top = c;
    }
    int against = 0;
    for (int c = 1; c < p->classes; c++)
        against += c <= top ? p->count[c] < p->count[c - 1] : p->count[c] > p->count[c - 1];
    return top < p->classes / 2 && against <= p->classes / 4;
}

static bool all_whole(const double *y, int n) {
    for (int i = 0; i < n; i++)
        if (y[i] != floor(y[i])) return false;
    return true;
}

/* y is sorted. */
static void count_values(profile *p, const double *y) {
    p->classes = 0;
    for (int i = 0; i < p->rows; i++) {
        if (i == 0 || y[i] != y[i - 1]) {
            p->value[p->classes] = y[i];
            p->count[p->classes++] = 0;
        }
        p->count[p->classes - 1]++;
    }
}

static target_kind kind_of_numbers(profile *p, const double *y) {
    bool whole = all_whole(y, p->rows);
    if (p->distinct == 2) return p->reason = "two different values", TARGET_BINARY;
    if (!whole) return p->reason = "numbers that are not whole", TARGET_REAL;
    if (p->distinct <= MOST_LABELS && !looks_like_counts(p))
        return p->reason = "few different whole numbers", TARGET_CLASSES;
    if (p->distinct <= MOST_LABELS)
        return p->reason = "whole numbers from 0, larger ones rarer", TARGET_COUNT;
    bool counts = p->low >= 0 && p->distinct <= 200 && p->mean < 100 && p->low <= p->deviation;
    p->reason = counts ? "whole numbers from about 0" : "many different whole numbers";
    return counts ? TARGET_COUNT : TARGET_REAL;
}

static bool read_numbers(profile *p) {
    double *y = malloc(2 * (size_t)(p->csv->rows + 1) * sizeof *y);
    if (y == NULL) return false;
    for (int i = 0; i < p->csv->rows; i++)
        if (isfinite(p->column->number[i])) y[p->rows++] = p->column->number[i];
    qsort(y, (size_t)p->rows, sizeof *y, compare);
    if (p->rows > 0) describe_numbers(p, y, y + p->csv->rows + 1);
    if (p->distinct <= MOST_CLASSES && p->rows > 0) count_values(p, y);
    if (p->rows > 0) p->kind = kind_of_numbers(p, y);
    free(y);
    return true;
}

/* -- Classes -- */

static void read_categories(profile *p) {
    p->distinct = p->classes = p->column->n_categories;
    if (p->classes > MOST_CLASSES)
        misuse("choose: %s has %d different texts, expected at most %d classes", p->column->name,
               p->classes, MOST_CLASSES);
    for (int i = 0; i < p->csv->rows; i++) {
        if (p->column->category[i] < 0) continue;
        p->count[p->column->category[i]]++;
        p->rows++;
    }
    p->kind = p->classes == 2 ? TARGET_BINARY : TARGET_CLASSES;
    p->reason = p->classes == 2 ? "two different texts" : "texts";
}

static void find_extremes(profile *p) {
    for (int c = 1; c < p->classes; c++) {
        if (p->count[c] < p->count[p->smallest]) p->smallest = c;
        if (p->count[c] > p->count[p->largest]) p->largest = c;
    }
}

/* -- All of it -- */

static void set_task(profile *p, const char *task) {
    bool numbers = p->column->number != NULL;
    p->reason = "as --task says";
    if (strcmp(task, "classes") == 0) {
        if (p->distinct > MOST_CLASSES)
            misuse("choose: %s has %d different values, expected at most %d classes",
                   p->column->name, p->distinct, MOST_CLASSES);
        p->kind = p->distinct == 2 ? TARGET_BINARY : TARGET_CLASSES;
    } else if (strcmp(task, "regression") == 0 || strcmp(task, "counts") == 0) {
        bool counts = task[0] == 'c';
        if (!numbers)
            misuse("choose: %s holds texts, expected numbers for --task %s", p->column->name, task);
        if (counts && p->low < 0)
            misuse("choose: %s goes down to %g, expected counts from 0", p->column->name, p->low);
        p->kind = counts ? TARGET_COUNT : TARGET_REAL;
    } else {
        misuse("choose: --task %s: expected regression, counts or classes", task);
    }
}

static void count_features(profile *p) {
    for (int c = 0; c < p->csv->columns; c++) {
        const gr_csv_column *column = &p->csv->column[c];
        if (column == p->column) continue;
        p->features++;
        for (int i = 0; i < p->csv->rows; i++)
            p->features_missing +=
                column->number != NULL ? isnan(column->number[i]) : column->category[i] < 0;
    }
}

bool profile_read(const gr_csv *csv, const char *target, const char *task, profile *p) {
    int found = gr_csv_find(csv, target);
    if (found < 0) {
        names columns = {.n = 0};
        for (int c = 0; c < csv->columns && c < MOST_NAMES; c++)
            names_add(&columns, csv->column[c].name);
        misuse_unknown(csv->path, "column", target, &columns, "");
    }
    *p = (profile){.csv = csv, .column = &csv->column[found]};
    if (p->column->number == NULL)
        read_categories(p);
    else if (!read_numbers(p))
        return false;
    p->missing = csv->rows - p->rows;
    if (p->distinct < 2)
        misuse("choose: %s has %d different values, expected at least 2", target, p->distinct);
    if (task != NULL) set_task(p, task);
    if (p->kind == TARGET_BINARY || p->kind == TARGET_CLASSES) find_extremes(p);
    count_features(p);
    return true;
}

/* -- Saying it -- */

static void print_classes(const profile *p) {
    enum { SHOWN = 8 };
    printf("  %d classes:", p->classes);
    for (int c = 0; c < p->classes && c < SHOWN; c++)
        printf("%s %s %d (%.3g %%)", c > 0 ? "," : "", profile_class_name(p, c).text, p->count[c],
               100.0 * p->count[c] / p->rows);
    printf("%s\n", p->classes > SHOWN ? ", ..." : "");
    if (p->classes > SHOWN)
        printf("  the smallest, %s, has %d rows, the largest, %s, %d\n",
               profile_class_name(p, p->smallest).text, p->count[p->smallest],
               profile_class_name(p, p->largest).text, p->count[p->largest]);
}

static void print_numbers(const profile *p) {
    printf("  %g to %g, mean %.4g, median %.4g, deviation %.4g, skew %.2f\n", p->low, p->high,
           p->mean, p->median, p->deviation, p->skew);
    if (p->scale > 0)
        printf("  outliers: %.2g %% have a robust z-score%s beyond 3.5 (scale %.4g)\n",
               100 * p->outliers, p->of_logarithm ? " of the logarithm" : "", p->scale);
    else
        printf("  more than half of the values are %g\n", p->median);
    if (p->zeros > 0) printf("  zeros: %.3g %%\n", 100 * p->zeros);
    if (p->kind == TARGET_COUNT)
        printf("  variance / mean %.3g; counts of independent events have 1\n",
               p->deviation * p->deviation / p->mean);
}

void profile_print(const profile *p) {
    static const char *const kinds[] = {"a number", "a count", "one of two classes",
                                        "one of several classes"};
    printf("%s: %s (%s)\n", p->column->name, kinds[p->kind], p->reason);
    printf("  %d rows", p->rows);
    if (p->missing > 0) printf(", %d more without a value", p->missing);
    printf("; %d other columns", p->features);
    if (p->features_missing > 0) printf(" with %d missing values", p->features_missing);
    printf("\n");
    if (p->kind == TARGET_REAL || p->kind == TARGET_COUNT)
        print_numbers(p);
    else
        print_classes(p);
}
