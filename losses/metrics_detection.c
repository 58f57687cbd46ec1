#include "losses/metrics_detection.h"

#include "losses/metrics_internal.h"

#include <stdlib.h>

static const char who[] = "mean_average_precision";

/* -- Checks -- */

static bool check_boxes(const gr_tensor *boxes, const char *name) {
    if (boxes->shape.ndim != 2 || boxes->shape.dim[1] != 4)
        return gr_fail(boxes->graph, "gr_%s: %s, expected corners (M,4)", who,
                       gr_describe(boxes, name).text);
    for (int64_t i = 0; i < boxes->shape.dim[0]; i++) {
        const gr_real *b = boxes->data + 4 * i;
        if (b[0] > b[2] || b[1] > b[3])
            return gr_fail(boxes->graph,
                           "gr_%s: %s has %g %g %g %g in row %lld, expected corners x1 y1 x2 y2 "
                           "with x1 <= x2 and y1 <= y2",
                           who, gr_describe(boxes, name).text, (double)b[0], (double)b[1],
                           (double)b[2], (double)b[3], (long long)i);
    }
    return true;
}

static bool check_shapes(const gr_detections *f, const gr_true_boxes *t) {
    return check_boxes(f->boxes, "boxes") && check_boxes(t->boxes, "true_boxes") &&
           gr_metric_one_each(who, f->boxes, "boxes", f->scores, "scores") &&
           gr_metric_one_each(who, f->boxes, "boxes", f->classes, "classes") &&
           gr_metric_one_each(who, f->boxes, "boxes", f->images, "images") &&
           gr_metric_one_each(who, t->boxes, "true_boxes", t->classes, "true_classes") &&
           gr_metric_one_each(who, t->boxes, "true_boxes", t->images, "true_images");
}

static bool check_parameters(gr_graph *g, const gr_average_precision_args *a) {
    if (a->max_detections < 1)
        return gr_fail(g, "gr_%s: max_detections is %d, expected 1 or more", who,
                       a->max_detections);
    if (a->iou != NULL && a->n_iou < 1)
        return gr_fail(g, "gr_%s: n_iou is %d, expected 1 or more", who, a->n_iou);
    for (int i = 0; a->iou != NULL && i < a->n_iou; i++)
        if (!(a->iou[i] > 0 && a->iou[i] <= 1))
            return gr_fail(g, "gr_%s: iou has %g at (%d), expected more than 0 and at most 1", who,
                           a->iou[i], i);
    return true;
}

static gr_graph *check(const gr_average_precision_args *a) {
    const gr_detections *f = &a->found;
    const gr_true_boxes *t = &a->truth;
    gr_graph *g = GR_METRIC_CHECK(who, {f->boxes, "boxes", GR_METRIC_REAL, true},
                                  {f->scores, "scores", GR_METRIC_REAL, true},
                                  {f->classes, "classes", GR_METRIC_INDEX, true},
                                  {f->images, "images", GR_METRIC_INDEX, true},
                                  {t->boxes, "true_boxes", GR_METRIC_REAL, true},
                                  {t->classes, "true_classes", GR_METRIC_INDEX, true},
                                  {t->images, "true_images", GR_METRIC_INDEX, true});
    return g != NULL && check_shapes(f, t) && check_parameters(g, a) ? g : NULL;
}

/* -- Boxes in order -- */

typedef struct box {
    const gr_real *corner;
    int32_t class, image, row;
    double score;
    bool hit; /* of a detection: it took a true box; of a true box: it was taken */
} box;

static int compare(double a, double b) { return (a > b) - (a < b); }

static int by_class_image_score(const void *pa, const void *pb) {
    const box *a = pa, *b = pb;
    int order = compare(a->class, b->class);
    if (order == 0) order = compare(a->image, b->image);
    if (order == 0) order = compare(b->score, a->score);
    return order != 0 ? order : compare(a->row, b->row);
}

static int by_score(const void *pa, const void *pb) {
    const box *a = pa, *b = pb;
    int order = compare(b->score, a->score);
    if (order == 0) order = compare(a->image, b->image);
    return order != 0 ? order : compare(a->row, b->row);
}

/* Grouped by class and image, the highest scores first. */
static void collect(box *to, const gr_tensor *boxes, const gr_tensor *scores,
                    const gr_tensor *classes, const gr_tensor *images) {
    int64_t n = boxes->shape.dim[0];
    for (int64_t i = 0; i < n; i++)
        to[i] = (box){.corner = boxes->data + 4 * i,
                      .class = classes->index[i],
                      .image = images->index[i],
                      .row = (int32_t)i,
                      .score = scores != NULL ? (double)scores->data[i] : 0};
    qsort(to, (size_t)n, sizeof *to, by_class_image_score);
}

/* Keeps the first `most` of each class and image; the number that is left. */
static int64_t keep_best(box *b, int64_t n, int most) {
    int64_t kept = 0, in_group = 0;
    for (int64_t i = 0; i < n; i++) {
        bool same = i > 0 && b[i].class == b[kept - 1].class && b[i].image == b[kept - 1].image;
        in_group = same ? in_group + 1 : 1;
        if (in_group <= most) b[kept++] = b[i];
    }
    return kept;
}

typedef struct range {
    box *first;
    int64_t n;
} range;

static range of_class(box *b, int64_t n, int32_t class) {
    int64_t begin = 0, end;
    while (begin < n && b[begin].class < class) begin++;
    for (end = begin; end < n && b[end].class == class; end++) {}
    return (range){b + begin, end - begin};
}

/* -- Matching -- */

/* Sides are halved and scaled so that areas and their sums neither overflow nor vanish. */
static double side(double low, double high, double scale) {
    return low < high ? (high / 2 - low / 2) * scale : 0;
}

static double area(const gr_real *b, double scale) {
    return side((double)b[0], (double)b[2], scale) * side((double)b[1], (double)b[3], scale);
}

static double iou(const gr_real *a, const gr_real *b, double scale) {
    double width = side(fmax((double)a[0], (double)b[0]), fmin((double)a[2], (double)b[2]), scale);
    double height = side(fmax((double)a[1], (double)b[1]), fmin((double)a[3], (double)b[3]), scale);
    double both = width * height;
    return both > 0 ? both / (area(a, scale) + area(b, scale) - both) : 0;
}

/* Lets the detections of one class take their true boxes, image by image. */
static void match(range found, range truth, double threshold, double scale) {
    for (int64_t j = 0; j < truth.n; j++) truth.first[j].hit = false;
    int64_t begin = 0;
    for (int64_t i = 0; i < found.n; i++) {
        box *d = &found.first[i], *taken = NULL;
        double best = fmin(threshold, 1 - 1e-10); /* pycocotools' room for rounding */
        while (begin < truth.n && truth.first[begin].image < d->image) begin++;
        for (box *t = truth.first + begin; t < truth.first + truth.n && t->image == d->image; t++) {
            double overlap = t->hit ? -1 : iou(d->corner, t->corner, scale);
            if (overlap < best) continue;
            best = overlap;
            taken = t;
        }
        d->hit = taken != NULL;
        if (taken != NULL) taken->hit = true;
    }
}

/* -- Precision -- */

/* The mean over the 101 recalls; `ranked` are the n detections from the highest score down,
 * precision is room for n numbers. */
static double area_under(const box *ranked, int64_t n, int64_t truths, double *precision) {
    double hits = 0, sum = 0;
    for (int64_t i = 0; i < n; i++) {
        hits += ranked[i].hit;
        precision[i] = hits / (double)(i + 1);
    }
    for (int64_t i = n - 1; i > 0; i--) precision[i - 1] = fmax(precision[i - 1], precision[i]);
    int r = 0;
    hits = 0;
    for (int64_t i = 0; i < n; i++) {
        hits += ranked[i].hit;
        for (; r <= 100 && hits / (double)truths >= r * 0.01; r++) sum += precision[i];
    }
    return sum / 101;
}

typedef struct work {
    box *found, *truth, *ranked;
    double *precision;
    int64_t n_found, n_truth;
    double scale;
} work;

static double precision_of_class(work *w, int32_t class, double threshold) {
    range found = of_class(w->found, w->n_found, class);
    range truth = of_class(w->truth, w->n_truth, class);
    match(found, truth, threshold, w->scale);
    for (int64_t i = 0; i < found.n; i++) w->ranked[i] = found.first[i];
    qsort(w->ranked, (size_t)found.n, sizeof *w->ranked, by_score);
    return area_under(w->ranked, found.n, truth.n, w->precision);
}

/* The mean over the classes that have a true box, of which there is one. */
static double precision_at(work *w, double threshold) {
    double sum = 0;
    int classes = 0;
    for (int64_t i = 0; i < w->n_truth; i++) {
        if (i > 0 && w->truth[i].class == w->truth[i - 1].class) continue;
        sum += precision_of_class(w, w->truth[i].class, threshold);
        classes++;
    }
    return sum / classes;
}

static double largest(const gr_tensor *t, double most) {
    for (int64_t i = 0; i < t->size; i++) most = fmax(most, fabs((double)t->data[i]));
    return most;
}

static double mean_precision(work *w, const gr_average_precision_args *a) {
    const gr_detections *f = &a->found;
    const gr_true_boxes *t = &a->truth;
    collect(w->found, f->boxes, f->scores, f->classes, f->images);
    collect(w->truth, t->boxes, NULL, t->classes, t->images);
    w->scale = gr_metric_scale(largest(f->boxes, largest(t->boxes, 0)));
    w->n_found = keep_best(w->found, w->n_found, a->max_detections);
    double sum = 0;
    int n = a->iou != NULL ? a->n_iou : 10;
    for (int i = 0; i < n; i++)
        sum += precision_at(w, a->iou != NULL ? a->iou[i] : (50 + 5 * i) / 100.0);
    return sum / n;
}

double gr_mean_average_precision_(gr_average_precision_args a) {
    gr_graph *g = check(&a);
    if (g == NULL || a.truth.boxes->size == 0) return NAN;
    work w = {.n_found = a.found.boxes->shape.dim[0], .n_truth = a.truth.boxes->shape.dim[0]};
    int64_t boxes = 2 * w.n_found + w.n_truth, numbers = w.n_found;
    box *all = gr_metric_room(g, who, boxes, sizeof *all);
    if (all == NULL) return NAN;
    w.precision = gr_metric_room(g, who, numbers, sizeof *w.precision);
    w.found = all;
    w.ranked = all + w.n_found;
    w.truth = w.ranked + w.n_found;
    double mean = w.precision != NULL ? mean_precision(&w, &a) : NAN;
    gr_metric_give_back(g, w.precision, numbers, sizeof *w.precision);
    gr_metric_give_back(g, all, boxes, sizeof *all);
    return mean;
}
