#include "examples/documents/conventions.h"

#include <math.h>

typedef struct conventions {
    claims c; /* for its graph: what makes vectors */
    convention *all;
    int n;
    const char *subject;
} conventions;

static void says(conventions *s, const char *who, const char *what, gr_tensor *value) {
    if (s->n == MOST_CONVENTIONS) return;
    s->all[s->n++] = (convention){s->subject, who, what, value == NULL ? NAN : gr_item(value)};
}

static const char LIBRARY[] = "the library";

static gr_tensor *one_minus(gr_tensor *x) { return gr_shift(gr_neg(x), 1); }

/* -- Vectors -- */

static void contrastive(conventions *s) {
    gr_tensor *d = VECTOR(&s->c, 0.6), *near = gr_square(d);
    gr_tensor *far = gr_square(gr_relu(one_minus(d))), *similar = VECTOR(&s->c, 1);
    s->subject = "contrastive loss of a similar pair at D = 0.6, margin 1";
    says(s, "guide", "1/2 of each term; 1 means similar, but takes the dissimilar pairs' term",
         gr_scale(far, 0.5));
    says(s, "practice", "1/2 of each term, 1 means similar", gr_scale(near, 0.5));
    says(s, "families, theory", "no 1/2, 1 means similar", near);
    says(s, LIBRARY, "1/2, 1 means similar, as practice", gr_contrastive_distance(d, similar));
    says(s, LIBRARY, "with factor = 1, as families and theory",
         gr_contrastive_distance(d, similar, .factor = 1));
}

static void triplet(conventions *s) {
    gr_tensor *a = MATRIX(&s->c, 1, 2, 0, 0), *p = MATRIX(&s->c, 1, 2, 1, 0);
    gr_tensor *n = MATRIX(&s->c, 1, 2, 1.5, 0);
    gr_tensor *close = gr_norm(gr_sub(a, p)), *apart = gr_norm(gr_sub(a, n));
    s->subject = "triplet loss at distances 1 and 1.5, margin 1";
    says(s, "guide, families, theory", "Euclidean distances",
         gr_relu(gr_shift(gr_sub(close, apart), 1)));
    says(s, "practice", "their squares",
         gr_relu(gr_shift(gr_sub(gr_square(close), gr_square(apart)), 1)));
    says(s, LIBRARY, "distances", gr_triplet(a, p, n));
    says(s, LIBRARY, "with squared = true, as practice", gr_triplet(a, p, n, .squared = true));
}

static void info_nce(conventions *s) {
    gr_tensor *q = MATRIX(&s->c, 1, 2, 2, 0), *p = MATRIX(&s->c, 1, 2, 1, 1);
    gr_tensor *n = MATRIX(&s->c, 1, 2, 0, 1);
    gr_tensor *lead = gr_sub(gr_sum(gr_mul(q, n)), gr_sum(gr_mul(q, p)));
    s->subject = "InfoNCE of q = (2,0), positive (1,1), negative (0,1), temperature 1";
    says(s, "theory, its definition", "products of the vectors", gr_softplus(lead));
    gr_tensor *cosines = gr_sub(gr_cosine_similarity(q, n), gr_cosine_similarity(q, p));
    says(s, "theory, its code; families", "cosines", gr_softplus(cosines));
    says(s, LIBRARY, "cosines", gr_info_nce(q, p, n, .temperature = 1));
    says(s, LIBRARY, "with normalize = false, as the definition",
         gr_info_nce(q, p, n, .temperature = 1, .normalize = false));
}

static void hard_negative(conventions *s) {
    s->subject = "what a hard negative is";
    says(s, "guide", "any that is nearer than the positive", NULL);
    says(s, "theory", "the nearest of all negatives", NULL);
    says(s, LIBRARY, "gr_batch_hard takes the nearest, as theory", NULL);
}

/* -- Regression -- */

static void smooth_l1(conventions *s) {
    gr_tensor *error = VECTOR(&s->c, 3), *zero = gr_scalar(s->c.g, 0);
    gr_tensor *huber = gr_scale(gr_shift(error, -1), 2);
    s->subject = "smooth L1 at an error of 3, delta or beta 2";
    says(s, "guide", "another name of Huber, in its custom loss too", huber);
    says(s, "practice", "called Huber as well, at beta 1, where they are equal", NULL);
    says(s, "families", "PyTorch's, Huber divided by beta", gr_scale(huber, 0.5));
    says(s, LIBRARY, "gr_smooth_l1, as families", gr_smooth_l1(error, zero, .beta = 2));
    says(s, LIBRARY, "gr_huber, as guide", gr_huber(error, zero, .delta = 2));
}

static void mse_gradient(conventions *s) {
    gr_tensor *x = claim_variable(VECTOR(&s->c, 0.5, 0, 0, 0)), *y = VECTOR(&s->c, 0, 0, 0, 0);
    gr_tensor *error = gr_select(gr_sub(x, y), 0, 0);
    s->subject = "gradient of MSE by the first of 4 predictions, its error 0.5";
    says(s, "guide", "2 (p - y), of one sample", gr_scale(error, 2));
    says(s, "theory", "2 (p - y), though its loss is the mean", gr_scale(error, 2));
    says(s, "practice", "2 (p - y) / n", gr_scale(error, 0.5));
    says(s, LIBRARY, "of the mean, as practice", gr_select(gr_grad(gr_mse(x, y), x), 0, 0));
    says(s, LIBRARY, "with reduction = GR_SUM, as guide",
         gr_select(gr_grad(gr_mse(x, y, .reduction = GR_SUM), x), 0, 0));
}

static void log_cosh(conventions *s) {
    gr_tensor *error = VECTOR(&s->c, 1, 2), *zero = gr_scalar(s->c.g, 0);
    gr_tensor *each = gr_log_of_cosh(error);
    s->subject = "log-cosh of the errors 1 and 2";
    says(s, "guide", "the sum", gr_sum(each));
    says(s, "families", "the mean", gr_mean(each));
    says(s, LIBRARY, "the mean; GR_SUM gives the sum", gr_log_cosh(error, zero));
}

/* -- Classification -- */

static void focal_alpha(conventions *s) {
    gr_tensor *z = logit_of(VECTOR(&s->c, 0.9)), *y = VECTOR(&s->c, 0);
    gr_tensor *plain = gr_focal(z, y, .alpha = -1);
    s->subject = "focal loss of a negative sample at p = 0.9, alpha 0.25, gamma 2";
    says(s, "guide; practice, its formula; theory, its second formula",
         "alpha_t: 1 - alpha for negatives", gr_scale(plain, 0.75));
    says(s, "practice, its code; families; theory, its code", "alpha for both classes",
         gr_scale(plain, 0.25));
    says(s, "theory, definition 2.1", "alpha y: no term for negatives", gr_scale(plain, 0));
    says(s, LIBRARY, "gr_focal: alpha_t", gr_focal(z, y));
    says(s, LIBRARY, "gr_softmax_focal: one number, or one for each class (class_alpha)", NULL);
}

static void smoothing(conventions *s) {
    gr_tensor *z = MATRIX(&s->c, 1, 3, 2, 0.5, -1), *y = CLASSES(&s->c, 0);
    gr_tensor *others = gr_cross_entropy(z, MATRIX(&s->c, 1, 3, 0.9, 0.05, 0.05));
    double all = 0.1 / 3;
    gr_tensor *each = gr_cross_entropy(z, MATRIX(&s->c, 1, 3, 0.9 + all, all, all));
    s->subject = "label smoothing 0.1 of logits 2, 0.5, -1, class 0";
    says(s, "families, its text", "the tenth goes to the other classes", others);
    says(s, "families, its code; theory", "to all classes", each);
    says(s, LIBRARY, "to all classes", gr_cross_entropy(z, y, .label_smoothing = 0.1));
}

static void softmax_first(conventions *s) {
    gr_tensor *z = MATRIX(&s->c, 1, 3, 2, 0.5, -1), *y = CLASSES(&s->c, 0);
    gr_tensor *p = gr_softmax(z, .axes = GR_AXES(1));
    s->subject = "what cross_entropy takes, for logits 2, 0.5, -1, class 0";
    says(s, "guide", "probabilities; logits are a mistake", NULL);
    says(s, "quickref, families", "logits; a softmax before it is a mistake", NULL);
    says(s, LIBRARY, "gr_cross_entropy takes logits", gr_cross_entropy(z, y));
    says(s, LIBRARY, "gr_sparse_categorical_cross_entropy takes probabilities",
         gr_sparse_categorical_cross_entropy(p, y));
    says(s, LIBRARY, "the mistake, gr_cross_entropy after a softmax", gr_cross_entropy(p, y));
}

static void one_hot(conventions *s) {
    gr_tensor *z = MATRIX(&s->c, 1, 3, 2, 0.5, -1), *y = CLASSES(&s->c, 0);
    s->subject = "one-hot targets of a cross-entropy";
    says(s, "quickref", "a mistake", NULL);
    says(s, "guide, practice, theory", "part of its definition", NULL);
    says(s, "families", "indices, unless a variant for soft labels is used", NULL);
    says(s, LIBRARY, "gr_cross_entropy with one-hot rows", gr_cross_entropy(z, gr_one_hot(y, 3)));
    says(s, LIBRARY, "and with indices", gr_cross_entropy(z, y));
}

static void log_of_zero(conventions *s) {
    gr_tensor *p = VECTOR(&s->c, 0), *y = VECTOR(&s->c, 1);
    s->subject = "BCE at p = 0, y = 1, which is infinite";
    says(s, "guide", "-log(p + 1e-7), below 0 at p = 1", gr_neg(gr_log(gr_shift(p, 1e-7))));
    says(s, "practice", "p cut to [1e-7, 1 - 1e-7]", gr_neg(gr_log(gr_clamp(p, 1e-7, 1 - 1e-7))));
    says(s, "quickref, families", "logits instead", NULL);
    says(s, LIBRARY, "gr_bce cuts the logarithm at -100, as PyTorch", gr_bce(p, y));
    says(s, LIBRARY, "gr_bce_with_logits needs no cut", NULL);
}

static void kl_reduction(conventions *s) {
    gr_tensor *p = MATRIX(&s->c, 1, 3, 0.7, 0.2, 0.1), *q = MATRIX(&s->c, 1, 3, 0.6, 0.3, 0.1);
    gr_tensor *sum = gr_sum(gr_mul(p, gr_log(gr_div(p, q))));
    s->subject = "KL of (0.7, 0.2, 0.1) and (0.6, 0.3, 0.1)";
    says(s, "guide, practice, theory", "the sum over the classes", sum);
    says(s, "families", "warns of mean, which is a third of it", gr_scale(sum, 1.0 / 3));
    says(s, LIBRARY, "GR_MEAN is the default, as in PyTorch", gr_kl_div(gr_log(q), p));
    says(s, LIBRARY, "GR_BATCHMEAN is the divergence",
         gr_kl_div(gr_log(q), p, .reduction = GR_BATCHMEAN));
}

/* -- The rest -- */

static void dice_smoothing(conventions *s) {
    gr_tensor *t = VECTOR(&s->c, 1, 1, 0, 0), *p = VECTOR(&s->c, 0.9, 0.8, 0.2, 0.1);
    gr_tensor *both = gr_scale(gr_sum(gr_mul(p, t)), 2), *sizes = gr_add(gr_sum(p), gr_sum(t));
    gr_shape shape = GR_SHAPE(1, 1, 4);
    t = gr_reshape(t, shape), p = gr_reshape(p, shape);
    gr_tensor *with_one = one_minus(gr_div(gr_shift(both, 1), gr_shift(sizes, 1)));
    s->subject = "Dice loss of masks 0.9, 0.8, 0.2, 0.1 and 1, 1, 0, 0";
    says(s, "guide", "an epsilon without a value", NULL);
    says(s, "practice", "smooth 1, all pixels in one sum", with_one);
    says(s, "theory", "smooth 1, a sum for each sample and class, then the mean", with_one);
    says(s, "families", "smooth 1e-6, all in one sum", one_minus(gr_div(both, sizes)));
    says(s, LIBRARY, "smooth 1, over = GR_OVER_SAMPLE, as theory; GR_OVER_ALL as practice",
         gr_dice(p, t));
    says(s, LIBRARY, "with smooth = 1e-6, as families", gr_dice(p, t, .smooth = 1e-6));
}

static void elbo_sign(conventions *s) {
    s->subject = "sign of the VAE's loss";
    says(s, "theory, its definition", "E log p(x|z) - KL, to be maximised", NULL);
    says(s, "theory, its next formula, by the same name", "|x - x'|^2 + beta KL, to be minimised",
         NULL);
    says(s, "families, its code", "reconstruction + KL, called elbo", NULL);
    says(s, LIBRARY, "gr_elbo is the negative ELBO, to be minimised", NULL);
}

int conventions_compute(gr_graph *g, convention *all) {
    conventions s = {.c = {.g = g}, .all = all};
    static void (*const subjects[])(conventions *) = {
        contrastive,  triplet,     info_nce,     hard_negative,  smooth_l1,
        mse_gradient, log_cosh,    focal_alpha,  smoothing,      softmax_first,
        one_hot,      log_of_zero, kl_reduction, dice_smoothing, elbo_sign};
    for (size_t i = 0; i < sizeof subjects / sizeof *subjects; i++) {
        subjects[i](&s);
        gr_graph_reset(g);
    }
    return gr_failed(g) ? 0 : s.n;
}
