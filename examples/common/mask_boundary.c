#include "examples/common/mask_boundary.h"

#include <math.h>
#include <stdlib.h>

void mask_boundary(const int32_t *mask, int height, int width, bool *boundary) {
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            const int32_t *at = mask + y * width + x;
            boundary[y * width + x] =
                at[0] == 1 && ((y > 0 && at[-width] != 1) || (y < height - 1 && at[width] != 1) ||
                               (x > 0 && at[-1] != 1) || (x < width - 1 && at[1] != 1));
        }
}

void mask_edge_zone(const int32_t *mask, int height, int width, bool *zone) {
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            bool differs = false;
            for (int v = y > 0 ? y - 1 : 0; v <= y + 1 && v < height; v++)
                for (int u = x > 0 ? x - 1 : 0; u <= x + 1 && u < width; u++)
                    differs |= mask[v * width + u] != mask[y * width + x];
            zone[y * width + x] = differs;
        }
}

static bool is_near(const bool *boundary, int height, int width, int y, int x) {
    for (int v = y > 0 ? y - 1 : 0; v <= y + 1 && v < height; v++)
        for (int u = x > 0 ? x - 1 : 0; u <= x + 1 && u < width; u++)
            if (boundary[v * width + u]) return true;
    return false;
}

typedef struct counts {
    int all, near;
} counts;

static counts count_near(const bool *boundary, const bool *other, int height, int width) {
    counts n = {0, 0};
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            if (!boundary[y * width + x]) continue;
            n.all++;
            n.near += is_near(other, height, width, y, x);
        }
    return n;
}

double mask_boundary_f1(const int32_t *predicted, const int32_t *truth, int height, int width) {
    size_t pixels = (size_t)height * (size_t)width;
    bool *both = malloc(2 * pixels * sizeof *both + 1);
    if (both == NULL) return NAN;
    mask_boundary(predicted, height, width, both);
    mask_boundary(truth, height, width, both + pixels);
    counts p = count_near(both, both + pixels, height, width);
    counts t = count_near(both + pixels, both, height, width);
    free(both);
    if (p.all == 0 || t.all == 0) return p.all == t.all;
    double precision = (double)p.near / p.all, recall = (double)t.near / t.all;
    return precision + recall > 0 ? 2 * precision * recall / (precision + recall) : 0;
}
