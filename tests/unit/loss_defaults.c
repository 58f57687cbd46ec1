#include "tests/unit/loss_defaults.h"

#include <string.h>

#include "gradus.h"

/* clang-format off */
/* Every entry of the registry by the number of its required operands. */
#define OF_ONE(X)                                                                                  \
    X(nt_xent) X(inverse_frequency_weights) X(class_balanced_weights) X(gan_generator) X(gram)     \
    X(ohem)
#define OF_TWO(X)                                                                                  \
    X(mse) X(l1) X(huber) X(smooth_l1) X(log_cosh) X(quantile) X(mape) X(msle) X(poisson_nll)      \
    X(bce) X(bce_with_logits) X(cross_entropy) X(nll) X(categorical_cross_entropy)                 \
    X(sparse_categorical_cross_entropy) X(kl_div) X(soft_margin) X(multilabel_soft_margin)         \
    X(focal) X(softmax_focal) X(hinge) X(squared_hinge) X(multiclass_hinge) X(multi_margin)        \
    X(multilabel_margin) X(hinge_embedding)                                                        \
    X(dice) X(dice_ce) X(iou) X(tversky) X(iou_box) X(giou) X(diou) X(ciou)                        \
    X(contrastive_distance) X(batch_all) X(batch_hard) X(semi_hard) X(easy)                        \
    X(gaussian_kl) X(gan_discriminator) X(wasserstein_1d)
#define OF_THREE(X)                                                                                \
    X(gaussian_nll) X(contrastive) X(cosine_embedding) X(margin_ranking) X(triplet) X(info_nce)    \
    X(clip)
#define OF_FOUR(X) X(elbo) X(ctc)
/* Of lists, and of operands that the function itself computes. */
#define OTHERS(X)                                                                                  \
    X(perceptual) X(weighted_sum) X(uncertainty_weighting) X(gradient_penalty) X(gradnorm)
/* clang-format on */

#define DEFINE_ONE(name)                                                                           \
    static gr_tensor *name##_(const gr_loss_call *c) { return gr_##name(c->operand[0]); }
#define DEFINE_TWO(name)                                                                           \
    static gr_tensor *name##_(const gr_loss_call *c) {                                             \
        return gr_##name(c->operand[0], c->operand[1]);                                            \
    }
#define DEFINE_THREE(name)                                                                         \
    static gr_tensor *name##_(const gr_loss_call *c) {                                             \
        return gr_##name(c->operand[0], c->operand[1], c->operand[2]);                             \
    }
#define DEFINE_FOUR(name)                                                                          \
    static gr_tensor *name##_(const gr_loss_call *c) {                                             \
        return gr_##name(c->operand[0], c->operand[1], c->operand[2], c->operand[3]);              \
    }
OF_ONE(DEFINE_ONE)
OF_TWO(DEFINE_TWO)
OF_THREE(DEFINE_THREE)
OF_FOUR(DEFINE_FOUR)

static gr_tensor *perceptual_(const gr_loss_call *c) {
    return gr_perceptual(c->list[0], c->list[1]);
}
static gr_tensor *weighted_sum_(const gr_loss_call *c) { return gr_weighted_sum(c->list[0]); }
static gr_tensor *uncertainty_weighting_(const gr_loss_call *c) {
    return gr_uncertainty_weighting(c->list[0], c->operand[1]);
}
static gr_tensor *gradient_penalty_(const gr_loss_call *c) {
    return gr_gradient_penalty_of(c->operand[0]);
}
static gr_tensor *gradnorm_(const gr_loss_call *c) {
    return gr_gradnorm_of(c->operand[0], c->operand[1]);
}

loss_default *loss_default_call(const char *name) {
    static const struct {
        const char *name;
        loss_default *call;
    } table[] = {
#define ENTRY(name) {#name, name##_},
        OF_ONE(ENTRY) OF_TWO(ENTRY) OF_THREE(ENTRY) OF_FOUR(ENTRY) OTHERS(ENTRY)};
    for (int i = 0; i < (int)(sizeof table / sizeof *table); i++)
        if (strcmp(table[i].name, name) == 0) return table[i].call;
    return NULL;
}
