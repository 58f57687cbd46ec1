#include "core/ops/reduction_internal.h"

/* A tile is some neighbouring results whose states are kept on the stack. Where there are but few
 * tiles, with much to fold into each, that is cut into at most CHUNKS pieces. */
enum { TILE = GR_REDUCE_TILE, GRAIN = 1 << 15, FEW_TILES = 16, CHUNKS = 16 };
/* Where a result has elements in several rows: rows that are at most TILE long, and at least
 * SEVERAL, are folded onto each other before what is left of them is folded along; if there are
 * MANY, all results take their part of each in passing, in the order of memory. */
enum { SEVERAL = 16, MANY = 64 };

gr_reduction gr_reduction_plan(gr_shape shape, unsigned reduced) {
    gr_reduction p = {.length = 1, .kept = 1, .reduced = 1, .kept_dim = {1}, .reduced_dim = {1}};
    int64_t *group = NULL, stride = 1;
    bool group_reduced = false;
    for (int i = shape.ndim - 1; i >= 0; i--) {
        int64_t dim = shape.dim[i];
        bool is_reduced = reduced >> i & 1;
        if (dim == 1) continue;
        if (group != NULL && is_reduced == group_reduced) {
            *group *= dim;
        } else if (group == NULL) {
            p.across = !is_reduced;
            p.length = dim;
            group = &p.length;
        } else if (is_reduced) {
            p.reduced_stride[p.n_reduced] = stride;
            group = &p.reduced_dim[p.n_reduced++];
            *group = dim;
        } else {
            p.kept_stride[p.n_kept] = stride;
            group = &p.kept_dim[p.n_kept++];
            *group = dim;
        }
        group_reduced = is_reduced;
        stride *= dim;
    }
    for (int d = 0; d < p.n_kept; d++) p.kept *= p.kept_dim[d];
    for (int d = 0; d < p.n_reduced; d++) p.reduced *= p.reduced_dim[d];
    return p;
}

typedef struct walk {
    const gr_reduction *plan;
    const gr_fold *fold;
    const gr_real *x, *m;
    gr_real *y;
    gr_fold_finish *finish;
    double parameter;
    bool short_rows;
    int64_t tile;  /* results in a tile */
    int64_t tiles; /* in each row of results if the plan goes across, else in all */
    int64_t items; /* folded into each result: elements, or rows if they are short or the plan goes
                    * across */
    /* The tile whose items are folded in pieces, with the states of the pieces. */
    int64_t first, count, chunk;
    double *partial;
} walk;

static int64_t offset(int dims, const int64_t *dim, const int64_t *stride, int64_t i) {
    int64_t at = 0;
    for (int d = 0; d < dims; d++) {
        at += i % dim[d] * stride[d];
        i /= dim[d];
    }
    return at;
}

static int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }

static void fill(int64_t n, double value, double *acc) {
    for (int64_t j = 0; j < n; j++) acc[j] = value;
}

/* Narrow rows that lie one behind the other are folded as wide ones of several rows each. */
static void fold_narrow(const gr_fold *fold, int64_t rows, int64_t n, const gr_real *x,
                        const gr_real *m, double *acc) {
    double states[TILE];
    gr_real ms[TILE] = {0};
    const int64_t together = TILE / n, wide = together * n;
    fill(wide, fold->start, states);
    for (int64_t j = 0; m != NULL && j < wide; j++) ms[j] = m[j % n];
    fold->across(rows / together, wide, x, wide, m == NULL ? NULL : ms, states);
    for (int64_t j = 0; j < wide; j += n) fold->join(n, states + j, acc);
    fold->across(rows % together, n, x + rows / together * wide, n, m, acc);
}

/* Folds rows [from, to) of n elements onto each other, x the first of all rows. */
static void fold_rows(const walk *w, int64_t n, const gr_real *x, const gr_real *m, int64_t from,
                      int64_t to, double *acc) {
    const gr_reduction *p = w->plan;
    const int64_t stride = p->reduced_stride[0];
    for (int64_t i = from, run; i < to; i += run) {
        run = smaller(p->reduced_dim[0] - i % p->reduced_dim[0], to - i);
        const gr_real *at = x + offset(p->n_reduced, p->reduced_dim, p->reduced_stride, i);
        if (stride == n && n <= TILE / 8 && run >= TILE)
            fold_narrow(w->fold, run, n, at, m, acc);
        else
            w->fold->across(run, n, at, stride, m, acc);
    }
}

/* Folds rows [from, to) onto the results [first, first + count), which lie in one row. */
static void fold_across(const walk *w, int64_t first, int64_t count, int64_t from, int64_t to,
                        double *acc) {
    const gr_reduction *p = w->plan;
    const gr_real *x = w->x + first % p->length +
                       offset(p->n_kept, p->kept_dim, p->kept_stride, first / p->length);
    fold_rows(w, count, x, w->m == NULL ? NULL : w->m + first, from, to, acc);
}

/* Folds n states into one, by halves. */
static void join_row(const gr_fold *fold, int64_t n, double *states, double *acc) {
    for (int64_t half; n > 1; n -= half) {
        half = n / 2;
        fold->join(half, states + n - half, states);
    }
    fold->join(1, states, acc);
}

/* Folds rows [from, to) of those that belong to each of the results [first, first + count). */
static void fold_short(const walk *w, int64_t first, int64_t count, int64_t from, int64_t to,
                       double *acc) {
    const gr_reduction *p = w->plan;
    const int64_t length = p->length, most = TILE / length;
    double states[TILE];
    gr_real ms[TILE];
    for (int64_t k = first, run; k < first + count; k += run) {
        run = smaller(p->kept_dim[0] - k % p->kept_dim[0], smaller(most, first + count - k));
        const gr_real *x = w->x + offset(p->n_kept, p->kept_dim, p->kept_stride, k);
        for (int64_t j = 0; w->m != NULL && j < run * length; j++) ms[j] = w->m[k + j / length];
        fill(run * length, w->fold->start, states);
        fold_rows(w, run * length, x, w->m == NULL ? NULL : ms, from, to, states);
        for (int64_t r = 0; r < run; r++)
            join_row(w->fold, length, states + r * length, acc + (k + r - first));
    }
}

/* Folds elements [from, to) of those that belong to each of the results [first, first + count). */
static void fold_along(const walk *w, int64_t first, int64_t count, int64_t from, int64_t to,
                       double *acc) {
    const gr_reduction *p = w->plan;
    for (int64_t k = first, run; k < first + count; k += run) {
        run = smaller(p->kept_dim[0] - k % p->kept_dim[0], first + count - k);
        const gr_real *x = w->x + offset(p->n_kept, p->kept_dim, p->kept_stride, k);
        const gr_real *m = w->m == NULL ? NULL : w->m + k;
        for (int64_t i = from, n; i < to; i += n) {
            n = smaller(p->length - i % p->length, to - i);
            w->fold->along(
                run, n,
                x + i % p->length +
                    offset(p->n_reduced, p->reduced_dim, p->reduced_stride, i / p->length),
                p->kept_stride[0], m, acc + (k - first));
        }
    }
}

static void fold_items(const walk *w, int64_t first, int64_t count, int64_t from, int64_t to,
                       double *acc) {
    fill(count, w->fold->start, acc);
    (w->plan->across ? fold_across
     : w->short_rows ? fold_short
                     : fold_along)(w, first, count, from, to, acc);
}

/* The results in tile t. */
static void find_tile(const walk *w, int64_t t, int64_t *first, int64_t *count) {
    const gr_reduction *p = w->plan;
    int64_t row = p->across ? t / w->tiles : 0, row_length = p->across ? p->length : p->kept;
    int64_t begin = (t - row * w->tiles) * w->tile;
    *first = row * row_length + begin;
    *count = smaller(w->tile, row_length - begin);
}

static void tiles_range(void *context, int64_t begin, int64_t end) {
    const walk *w = context;
    double acc[TILE];
    for (int64_t t = begin; t < end; t++) {
        int64_t first, count;
        find_tile(w, t, &first, &count);
        fold_items(w, first, count, 0, w->items, acc);
        w->finish(count, acc, w->parameter, w->y + first);
    }
}

static void items_range(void *context, int64_t begin, int64_t end) {
    const walk *w = context;
    fold_items(w, w->first, w->count, begin, end, w->partial + begin / w->chunk * TILE);
}

static void run_in_chunks(const gr_graph *g, walk *w, int64_t tiles) {
    double partial[CHUNKS * TILE], acc[TILE];
    w->partial = partial;
    w->chunk = (w->items + CHUNKS - 1) / CHUNKS;
    for (int64_t t = 0; t < tiles; t++) {
        find_tile(w, t, &w->first, &w->count);
        gr_for(g, w->items, w->chunk, items_range, w);
        fill(w->count, w->fold->start, acc);
        for (int64_t c = 0; c * w->chunk < w->items; c++)
            w->fold->join(w->count, partial + c * TILE, acc);
        w->finish(w->count, acc, w->parameter, w->y + w->first);
    }
}

/* Small work that is one matrix is done by one call of the kernel, without dividing indices. False
 * if it is not such. */
static bool run_matrix(const walk *w) {
    const gr_reduction *p = w->plan;
    double acc[TILE];
    const int64_t results = p->across ? p->length : p->kept;
    if (results > TILE || w->items > GRAIN / TILE * 4) return false;
    if (p->across ? p->n_kept > 0 || p->n_reduced > 1 : p->n_kept > 1 || p->n_reduced > 0)
        return false;
    fill(results, w->fold->start, acc);
    if (p->across)
        w->fold->across(p->reduced, results, w->x, p->reduced_stride[0], w->m, acc);
    else
        w->fold->along(results, p->length, w->x, p->kept_stride[0], w->m, acc);
    w->finish(results, acc, w->parameter, w->y);
    return true;
}

void gr_reduction_run(const gr_graph *g, const gr_reduction *p, const gr_fold *fold,
                      const gr_real *x, const gr_real *m, gr_fold_finish *finish, double parameter,
                      gr_real *y) {
    if (p->kept == 0 || (p->across && p->length == 0)) return;
    walk w = {.plan = p,
              .fold = fold,
              .x = x,
              .m = m,
              .y = y,
              .finish = finish,
              .parameter = parameter,
              .short_rows =
                  !p->across && p->length > 0 && p->length <= TILE && p->reduced >= SEVERAL,
              .tile = TILE,
              .items = p->across ? p->reduced : p->reduced * p->length};
    if (run_matrix(&w)) return;
    if (w.short_rows)
        w.tile = TILE / p->length;
    else if (!p->across && p->reduced < MANY && w.items > GRAIN / TILE)
        w.tile = w.items < GRAIN ? GRAIN / w.items : 1;
    const int64_t row_length = p->across ? p->length : p->kept;
    w.tiles = (row_length + w.tile - 1) / w.tile;
    const int64_t tiles = p->across ? p->kept * w.tiles : w.tiles;
    const int64_t work = w.items * smaller(w.tile, row_length);
    if (w.short_rows) w.items = p->reduced;
    if (tiles <= FEW_TILES && work >= 2 * GRAIN)
        run_in_chunks(g, &w, tiles);
    else
        gr_for_rows(g, tiles, 1 + GRAIN / 2 / (work + 1), tiles_range, &w);
}

bool gr_axis_view_of(gr_shape shape, unsigned axes, gr_axis_view *view) {
    *view = (gr_axis_view){1, 1, 1};
    bool inside = false, behind = false;
    for (int i = 0; i < shape.ndim; i++) {
        bool chosen = axes >> i & 1;
        if (shape.dim[i] == 1) continue;
        if (chosen && behind) return false;
        behind = behind || (inside && !chosen);
        inside = inside || chosen;
        *(chosen ? &view->n : inside ? &view->inner : &view->outer) *= shape.dim[i];
    }
    return true;
}
