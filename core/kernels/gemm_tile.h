/* The micro-kernel of gemm.c for vectors of LANES numbers; included once for each width. */

#define OF_WIDTH(name) GR_JOIN(name, LANES)
#define vec OF_WIDTH(vec)
#define loose_vec OF_WIDTH(loose_vec)

/* Narrow tiles are not worth twice the code. */
#if LANES == MAX_LANES
#define TWICE UNROLL_2
#define TILES_OF_WIDTH WIDEST_TILES
#else
#define TWICE
#define TILES_OF_WIDTH NARROW_TILES
#endif

#if LANES == 1
typedef gr_real vec;
typedef gr_real loose_vec;
#else
typedef gr_real vec __attribute__((vector_size(LANES * sizeof(gr_real))));
/* the same in memory, at any address of a number */
typedef gr_real loose_vec
    __attribute__((vector_size(LANES * sizeof(gr_real)), aligned(sizeof(gr_real)), may_alias));
#endif

#if LANES > 1
DEFINE_TRANSPOSE(OF_WIDTH(transpose), vec, LANES)
#endif
#if LANES == MAX_LANES
DEFINE_LANE_SUMS(add_lanes, vec, LANES)
#endif

/* to[k][i] = from[k][i] for columns i < n, n >= LANES */
static void OF_WIDTH(copy_rows)(int64_t rows, int64_t n, const gr_real *from, int64_t from_row,
                                gr_real *to, int64_t to_row) {
    int64_t last = n - LANES;
    for (int64_t k = 0; k < rows; k++, from += from_row, to += to_row) {
        for (int64_t i = 0; i < last; i += LANES)
            *(loose_vec *)(to + i) = *(const loose_vec *)(from + i);
        *(loose_vec *)(to + last) = *(const loose_vec *)(from + last);
    }
}

/* to[k][i] = from[i][k] for LANES rows */
static void OF_WIDTH(pack_rows)(int64_t depth, const gr_real *from, int64_t from_row, gr_real *to,
                                int64_t to_row) {
    int64_t k = 0;
#if LANES > 1
    for (; k + LANES <= depth; k += LANES) {
        vec row[LANES];
        UNROLL for (int i = 0; i < LANES; i++) row[i] =
            *(const loose_vec *)(from + i * from_row + k);
        OF_WIDTH(transpose)(row);
        UNROLL for (int i = 0; i < LANES; i++) * (loose_vec *)(to + (k + i) * to_row) = row[i];
    }
#endif
    for (; k < depth; k++)
        for (int i = 0; i < LANES; i++) to[k * to_row + i] = from[i * from_row + k];
}

/* The last three parameters are constants where this is inlined, so that sum stays in registers.
 * `scattered`: B's rows are where b_offset says. */
static inline __attribute__((always_inline)) void OF_WIDTH(tile)(const tile_work *w, int rows,
                                                                 int vectors, bool scattered) {
    vec sum[MAX_ROWS][MAX_VECTORS], b_row[MAX_VECTORS];
    const gr_real *a[MAX_ROWS], *b = w->b;
    int64_t column[MAX_VECTORS];
    UNROLL for (int v = 0; v < vectors; v++) column[v] = v < vectors - 1 ? v * LANES : w->last;
    UNROLL for (int i = 0; i < rows; i++) {
        a[i] = w->a + i * w->a_row;
        UNROLL for (int v = 0; v < vectors; v++) sum[i][v] = (vec){0};
    }
    if (w->start != NULL) {
        const gr_real *start = w->start;
        UNROLL for (int i = 0; i < rows; i++, start += w->start_row)
            UNROLL for (int v = 0; v < vectors; v++) sum[i][v] =
                *(const loose_vec *)(start + column[v]);
    }
    const int64_t *offset = w->b_offset;
    int64_t steps = w->k, a_col = w->a_col, next_b = w->b_row, last = w->last;
    TWICE for (int64_t k = 0; steps > 0; steps--, k += a_col, b += next_b) {
        if (scattered) b = w->b + *offset++;
        UNROLL for (int v = 0; v < vectors - 1; v++) b_row[v] = *(const loose_vec *)(b + v * LANES);
        b_row[vectors - 1] = *(const loose_vec *)(b + last);
        UNROLL for (int i = 0; i < rows; i++) {
            gr_real a_ik = a[i][k];
            UNROLL for (int v = 0; v < vectors; v++) sum[i][v] += a_ik * b_row[v];
        }
    }
    gr_real *c = w->c;
    int64_t c_row = w->c_row;
    UNROLL for (int i = 0; i < rows; i++, c += c_row) UNROLL for (int v = 0; v < vectors; v++) *
        (loose_vec *)(c + column[v]) = sum[i][v];
}

#define TILE(rows, vectors)                                                                        \
    static void OF_WIDTH(tile_##rows##_##vectors##_of)(const tile_work *w) {                       \
        OF_WIDTH(tile)(w, rows, vectors, false);                                                   \
    }                                                                                              \
    static void OF_WIDTH(tile_##rows##_##vectors##_at)(const tile_work *w) {                       \
        OF_WIDTH(tile)(w, rows, vectors, true);                                                    \
    }
TILES_OF_WIDTH(TILE)
#undef TILE

#define TILE(rows, vectors) OF_WIDTH(tile_##rows##_##vectors##_of),
static tile_kernel *const OF_WIDTH(tiles)[] = {TILES_OF_WIDTH(TILE)};
#undef TILE
#define TILE(rows, vectors) OF_WIDTH(tile_##rows##_##vectors##_at),
static tile_kernel *const OF_WIDTH(tiles_at)[] = {TILES_OF_WIDTH(TILE)};
#undef TILE

#undef vec
#undef loose_vec
#undef OF_WIDTH
#undef TWICE
#undef TILES_OF_WIDTH
