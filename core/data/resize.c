#include "core/data/picture_internal.h"

#include <math.h>

/* One side's element `i` of `size`, made from `in` elements, is a weighted mean of elements begin
 * ... end-1 of theirs. Where the side shrinks, its weights are the lengths that [i, i+1) in / size
 * has in common with each, the mean over an area; where it grows, they interpolate between the two
 * centres nearest to (i + 1/2) in / size, and beyond the last centre its value stands. */
typedef struct span {
    double from, to; /* shrinking: the interval; growing: `from` is the place among the centres */
    int begin, end;
    bool shrinks;
} span;

static int clamp(int value, int most) { return value < 0 ? 0 : value > most ? most : value; }

static span span_of(int i, int size, int in) {
    double scale = (double)in / size;
    if (size < in) {
        span s = {.from = i * scale, .to = (i + 1) * scale, .shrinks = true};
        s.begin = clamp((int)floor(s.from), in - 1);
        s.end = clamp((int)ceil(s.to) - 1, in - 1) + 1;
        return s;
    }
    double place = fmin(fmax((i + 0.5) * scale - 0.5, 0), in - 1);
    span s = {.from = place, .begin = (int)place};
    s.end = clamp(s.begin + 1, in - 1) + 1;
    return s;
}

static double weight(span s, int k) {
    if (s.shrinks) return (fmin(k + 1, s.to) - fmax(k, s.from)) / (s.to - s.from);
    double second = s.from - s.begin;
    return k == s.begin ? 1 - second : second;
}

/* `n` rows of `in` elements become rows of `size`; elements of a row are `step` apart, and rows
 * `row` and `to_row`. */
static void resize_side(const gr_real *from, int in, gr_real *to, int size, int n, size_t step,
                        size_t row, size_t to_row) {
    for (int i = 0; i < size; i++) {
        span s = span_of(i, size, in);
        for (int j = 0; j < n; j++) {
            double sum = 0;
            const gr_real *x = from + (size_t)j * row;
            for (int k = s.begin; k < s.end; k++) sum += weight(s, k) * (double)x[(size_t)k * step];
            to[(size_t)j * to_row + (size_t)i * step] = (gr_real)sum;
        }
    }
}

void gr_resize_plane(const gr_real *from, int in_height, int in_width, gr_real *to, int height,
                     int width, gr_real *rows) {
    resize_side(from, in_width, rows, width, in_height, 1, (size_t)in_width, (size_t)width);
    resize_side(rows, in_height, to, height, width, (size_t)width, 1, 1);
}
