/* The rows of pool.c's windows of 2 by 2 for vectors of LANES windows; included for each width.
 * With PUTS, vectors of twice as many numbers are at hand, too. */

#define OF_WIDTH(name) GR_JOIN(name, LANES)
#define vec OF_WIDTH(vec)
#define loose_vec OF_WIDTH(loose_vec)
#define mask OF_WIDTH(mask)
#define loose_places OF_WIDTH(loose_places)

typedef gr_real vec __attribute__((vector_size(LANES * sizeof(gr_real))));
typedef whole mask __attribute__((vector_size(LANES * sizeof(whole))));
/* in memory, at any address of a number */
typedef gr_real loose_vec
    __attribute__((vector_size(LANES * sizeof(gr_real)), aligned(sizeof(gr_real)), may_alias));
typedef int32_t loose_places
    __attribute__((vector_size(LANES * sizeof(int32_t)), aligned(sizeof(int32_t)), may_alias));

/* All bits of a lane are set where v is chosen instead of an element before it. */
INLINE mask OF_WIDTH(beats)(vec v, vec best) { return ~(v <= best) & (best == best); }

INLINE vec OF_WIDTH(choose)(mask m, vec yes, vec no) {
    return (vec)((m & (mask)yes) | (~m & (mask)no));
}

/* Numbers 2 k, and 2 k + 1, of two vectors. */
INLINE void OF_WIDTH(part)(const gr_real *x, vec *even, vec *odd) {
    vec a = *(const loose_vec *)x, b = *(const loose_vec *)(x + LANES);
    *even = __builtin_shufflevector(a, b, OF_WIDTH(EVEN));
    *odd = __builtin_shufflevector(a, b, OF_WIDTH(ODD));
}

/* The upper left elements' places in windows j, j+1, ... */
INLINE mask OF_WIDTH(corners)(const row_pair *r, int64_t j) {
    return (mask){OF_WIDTH(EVEN)} + (whole)(r->first + 2 * j);
}

/* With `finish`, of x + bias, and then relu. */
INLINE void OF_WIDTH(largest_of_four)(const row_pair *r, int64_t j, const gr_real *upper,
                                      gr_real *y, int32_t *place, bool finish) {
    vec a, b, c, d;
    OF_WIDTH(part)(upper + 2 * j, &a, &b);
    OF_WIDTH(part)(upper + r->pitch + 2 * j, &c, &d);
    if (finish) a += r->bias, b += r->bias, c += r->bias, d += r->bias;
    mask b_wins = OF_WIDTH(beats)(b, a), d_wins = OF_WIDTH(beats)(d, c);
    vec high = OF_WIDTH(choose)(b_wins, b, a), low = OF_WIDTH(choose)(d_wins, d, c);
    mask down = OF_WIDTH(beats)(low, high), right = (down & d_wins) | (~down & b_wins);
    vec best = OF_WIDTH(choose)(down, low, high);
    if (finish) best = (vec)((mask)best & ~(best < 0)); /* a NaN stays one */
    *(loose_vec *)(y + j) = best;
    /* A lane of a mask is -1 where it is set. */
    mask at = OF_WIDTH(corners)(r, j) - right + (down & (whole)r->width);
    *(loose_places *)(place + j) = __builtin_convertvector(at, loose_places);
}

/* All windows of `pairs` pairs of rows: the last vector of a row is moved back so that it ends with
 * the row. */
INLINE void OF_WIDTH(largest)(row_pair r, int64_t pairs, const gr_real *upper, gr_real *y,
                              int32_t *place, bool finish) {
    for (; pairs > 0; pairs--, next_pair(&r), upper += 2 * r.pitch) {
        for (int64_t j = 0; j + LANES < r.columns; j += LANES)
            OF_WIDTH(largest_of_four)(&r, j, upper, y, place, finish);
        OF_WIDTH(largest_of_four)(&r, r.columns - LANES, upper, y, place, finish);
        y += r.columns, place += r.columns;
    }
}
static void OF_WIDTH(largest_rows)(const row_pair *r, int64_t pairs, const gr_real *upper,
                                   gr_real *y, int32_t *place) {
    OF_WIDTH(largest)(*r, pairs, upper, y, place, false);
}
static void OF_WIDTH(finished_rows)(const row_pair *r, int64_t pairs, const gr_real *upper,
                                    gr_real *y, int32_t *place) {
    OF_WIDTH(largest)(*r, pairs, upper, y, place, true);
}

#ifdef PUTS
#define wide OF_WIDTH(wide)
#define loose_wide OF_WIDTH(loose_wide)
#define wide_mask OF_WIDTH(wide_mask)

/* Twice as many elements as windows: those of one row. */
typedef gr_real wide __attribute__((vector_size(2 * LANES * sizeof(gr_real))));
typedef whole wide_mask __attribute__((vector_size(2 * LANES * sizeof(whole))));
typedef gr_real loose_wide
    __attribute__((vector_size(2 * LANES * sizeof(gr_real)), aligned(sizeof(gr_real)), may_alias));

/* Each element is its window's number, if it stands at the window's place, or 0. */
INLINE void OF_WIDTH(put_windows)(const row_pair *r, int64_t j, const gr_real *y,
                                  const int32_t *place, gr_real *upper) {
    mask value = (mask) * (const loose_vec *)(y + j);
    mask at = __builtin_convertvector(*(const loose_places *)(place + j), mask);
    at -= (whole)(r->first + 2 * j);
    wide_mask values = __builtin_shufflevector(value, value, OF_WIDTH(TWICE));
    wide_mask places = __builtin_shufflevector(at, at, OF_WIDTH(TWICE));
    wide_mask here = {OF_WIDTH(COUNT)}, below = here + (whole)r->width;
    *(loose_wide *)(upper + 2 * j) = (wide)(values & (places == here));
    *(loose_wide *)(upper + r->pitch + 2 * j) = (wide)(values & (places == below));
}

static void OF_WIDTH(put_rows)(const row_pair *pair, int64_t pairs, const gr_real *y,
                               const int32_t *place, gr_real *upper) {
    row_pair r = *pair;
    for (; pairs > 0; pairs--, next_pair(&r), upper += 2 * r.pitch) {
        for (int64_t j = 0; j + LANES < r.columns; j += LANES)
            OF_WIDTH(put_windows)(&r, j, y, place, upper);
        OF_WIDTH(put_windows)(&r, r.columns - LANES, y, place, upper);
        y += r.columns, place += r.columns;
    }
}

#undef wide
#undef loose_wide
#undef wide_mask
#endif

#undef vec
#undef loose_vec
#undef mask
#undef loose_places
#undef OF_WIDTH
