#include "examples/common/cosine_knn.h"

#include <math.h>

enum { CHUNK = 250, MOST_NEIGHBOURS = 32, LABELS = 256 };

gr_tensor *unit_rows(gr_tensor *x) {
    gr_tensor *squares = gr_sum(gr_square(x), .axes = GR_AXES(1), .keepdim = true);
    return gr_mul(x, gr_rsqrt(gr_shift(squares, 1e-12)));
}

/* The places of the k largest of n numbers, the largest first. */
static void find_largest(const gr_real *x, int n, int k, int *places) {
    int found = 0;
    for (int i = 0; i < n; i++) {
        if (found == k && !(x[i] > x[places[k - 1]])) continue;
        int to = found < k ? found++ : k - 1;
        for (; to > 0 && x[i] > x[places[to - 1]]; to--) places[to] = places[to - 1];
        places[to] = i;
    }
}

static int vote(const gr_tensor *labels, const int *rows, int k) {
    int votes[LABELS] = {0}, winner = 0;
    for (int i = 0; i < k; i++) votes[labels->index[rows[i]]]++;
    for (int label = 1; label < LABELS; label++)
        if (votes[label] > votes[winner]) winner = label;
    return winner;
}

double cosine_knn_accuracy(gr_tensor *train, const gr_tensor *train_labels, gr_tensor *test,
                           const gr_tensor *test_labels, int k) {
    if (train == NULL || train_labels == NULL || test == NULL || test_labels == NULL) return NAN;
    gr_graph *g = train->graph;
    int n = train->shape.dim[0], m = test->shape.dim[0], right = 0, nearest[MOST_NEIGHBOURS];
    if (k < 1 || k > MOST_NEIGHBOURS || k > n) {
        gr_fail(g, "cosine_knn_accuracy: k is %d, expected 1 to %d", k,
                n < MOST_NEIGHBOURS ? n : MOST_NEIGHBOURS);
        return NAN;
    }
    gr_no_grad_begin(g);
    gr_tensor *unit_train = gr_keep(unit_rows(train));
    for (int from = 0; from < m && !gr_failed(g); from += CHUNK) {
        int chunk = m - from < CHUNK ? m - from : CHUNK;
        gr_tensor *queries = unit_rows(gr_slice(test, 0, from, from + chunk, 1));
        gr_tensor *cosines = gr_matmul(queries, unit_train, .transpose_b = true);
        for (int i = 0; cosines != NULL && i < chunk; i++) {
            find_largest(cosines->data + (int64_t)i * n, n, k, nearest);
            right += vote(train_labels, nearest, k) == test_labels->index[from + i];
        }
        gr_graph_reset(g);
    }
    gr_no_grad_end(g);
    return gr_failed(g) ? NAN : (double)right / m;
}
