#include "losses/metrics_retrieval.h"

#include "losses/metrics_internal.h"

typedef struct neighbour {
    double distance;
    int64_t row;
} neighbour;

typedef struct search {
    const gr_tensor *rows; /* to be found */
    double scale;          /* of differences, so that their squares can be added */
    int k;
    neighbour *nearest; /* k of them, the nearest first */
} search;

static double largest(const gr_tensor *t) {
    double most = 0;
    for (int64_t i = 0; i < t->size; i++) most = fmax(most, fabs((double)t->data[i]));
    return most;
}

/* The squared distance, or some number of at least `enough` if it is as large. */
static double squared_distance(const search *s, const gr_real *a, const gr_real *b, double enough) {
    enum { BLOCK = 128 };
    int width = s->rows->shape.dim[1];
    double sum = 0, scale = s->scale / 2;
    for (int begin = 0; begin < width && sum < enough; begin += BLOCK) {
        int n = begin + BLOCK < width ? BLOCK : width - begin;
        const gr_real *x = a + begin, *y = b + begin;
        double block = 0;
#ifdef _OPENMP
#pragma omp simd reduction(+ : block)
#endif
        for (int d = 0; d < n; d++) {
            double e = (double)x[d] * scale - (double)y[d] * scale;
            block += e * e;
        }
        sum += block;
    }
    return sum;
}

static void insert(neighbour *list, int filled, int k, neighbour x) {
    int at = filled < k ? filled : k - 1;
    for (; at > 0 && list[at - 1].distance > x.distance; at--) list[at] = list[at - 1];
    list[at] = x;
}

/* Fills s->nearest; row `except` is left out. */
static void find(search *s, const gr_real *query, int64_t except) {
    int filled = 0, width = s->rows->shape.dim[1];
    for (int64_t i = 0; i < s->rows->shape.dim[0]; i++) {
        if (i == except) continue;
        double enough = filled == s->k ? s->nearest[filled - 1].distance : INFINITY;
        neighbour x = {squared_distance(s, query, s->rows->data + i * width, enough), i};
        if (x.distance >= enough) continue;
        insert(s->nearest, filled, s->k, x);
        if (filled < s->k) filled++;
    }
}

/* The label of most of the nearest. */
static int32_t vote(const search *s, const int32_t *labels) {
    int most = 0;
    int32_t winner = 0;
    for (int i = 0; i < s->k; i++) {
        int32_t label = labels[s->nearest[i].row];
        int votes = 0;
        for (int j = 0; j < s->k; j++) votes += labels[s->nearest[j].row] == label;
        if (votes > most || (votes == most && label < winner)) winner = label;
        if (votes > most) most = votes;
    }
    return winner;
}

static bool check_rows(const char *who, const gr_tensor *x, const char *x_name,
                       const gr_tensor *labels, const char *name) {
    if (x->shape.ndim != 2)
        return gr_fail(x->graph, "gr_%s: %s, expected rows (N,D)", who,
                       gr_describe(x, x_name).text);
    return gr_metric_one_each(who, x, x_name, labels, name);
}

static bool check_k(const char *who, const gr_tensor *x, const char *name, int k, int most) {
    return (k >= 1 && k <= most) || gr_fail(x->graph, "gr_%s: k is %d, expected 1 to %d for %s",
                                            who, k, most, gr_describe(x, name).text);
}

double gr_knn_accuracy(const gr_tensor *train, const gr_tensor *train_labels, const gr_tensor *test,
                       const gr_tensor *test_labels, int k) {
    const char *who = "knn_accuracy";
    gr_graph *g =
        GR_METRIC_CHECK(who, {.t = train, .name = "train"},
                        {.t = train_labels, .name = "train_labels", .kind = GR_METRIC_INDEX},
                        {.t = test, .name = "test"},
                        {.t = test_labels, .name = "test_labels", .kind = GR_METRIC_INDEX});
    if (g == NULL || !check_rows(who, train, "train", train_labels, "train_labels") ||
        !check_rows(who, test, "test", test_labels, "test_labels"))
        return NAN;
    int width = train->shape.dim[1];
    if (test->shape.dim[1] != width) {
        gr_metric_misfit(who, train, "train", test, "test", "expected rows of one length");
        return NAN;
    }
    if (!check_k(who, train, "train", k, train->shape.dim[0])) return NAN;
    search s = {train, gr_metric_scale(fmax(largest(train), largest(test))), k, NULL};
    s.nearest = gr_metric_room(g, who, k, sizeof *s.nearest);
    if (s.nearest == NULL) return NAN;
    int64_t n = test->shape.dim[0], right = 0;
    for (int64_t i = 0; i < n; i++) {
        find(&s, test->data + i * width, -1);
        right += vote(&s, train_labels->index) == test_labels->index[i];
    }
    gr_metric_give_back(g, s.nearest, k, sizeof *s.nearest);
    return (double)right / (double)n;
}

double gr_recall_at_k(const gr_tensor *embeddings, const gr_tensor *labels, int k) {
    const char *who = "recall_at_k";
    gr_graph *g = GR_METRIC_CHECK(who, {.t = embeddings, .name = "embeddings"},
                                  {.t = labels, .name = "labels", .kind = GR_METRIC_INDEX});
    if (g == NULL || !check_rows(who, embeddings, "embeddings", labels, "labels") ||
        !check_k(who, embeddings, "embeddings", k, embeddings->shape.dim[0] - 1))
        return NAN;
    search s = {embeddings, gr_metric_scale(largest(embeddings)), k, NULL};
    s.nearest = gr_metric_room(g, who, k, sizeof *s.nearest);
    if (s.nearest == NULL) return NAN;
    int64_t n = embeddings->shape.dim[0], found = 0;
    for (int64_t i = 0; i < n; i++) {
        find(&s, embeddings->data + i * embeddings->shape.dim[1], i);
        bool hit = false;
        for (int j = 0; j < k; j++)
            hit = hit || labels->index[s.nearest[j].row] == labels->index[i];
        found += hit;
    }
    gr_metric_give_back(g, s.nearest, k, sizeof *s.nearest);
    return (double)found / (double)n;
}
