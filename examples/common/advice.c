#include "examples/common/advice.h"

#include <string.h>

const tested_advice tested_advices[] = {
    {"guide-a", "outliers", "outliers: MAE or Huber, not MSE"},
    {"families-a", "outliers", "outliers: MAE or Huber; clean data: MSE"},
    {"guide-b", "imbalance", "a rare class: focal loss or weights, not plain cross-entropy"},
    {"quickref-b", "imbalance", "focal loss: only for a rare class, and with a moderate gamma"},
    {"guide-c", "segmentation", "small objects: Dice and cross-entropy together"},
    {"quickref-c", "segmentation",
     "Dice alone has poor gradients at boundaries; Tversky trades recall for precision"},
    {"guide-d", "siamese", "triplets: semi-hard ones, since easy ones teach nothing"},
    {"quickref-d", "simclr",
     "InfoNCE: batches of at least 32, normalised embeddings, the right temperature"},
    {"families-d", "vae", "beta weighs the KL term of the ELBO"},
    {"quickref-e", "wgan",
     "Wasserstein: a gradient penalty, not clipping; more stable than minimax"},
    {"quickref-f", "classify", "no softmax before cross-entropy; label smoothing 0.1 regularises"}};
const int n_tested_advices = sizeof tested_advices / sizeof *tested_advices;

const char *advice_in_words(const char *id) {
    for (int i = 0; i < n_tested_advices; i++)
        if (strcmp(tested_advices[i].id, id) == 0) return tested_advices[i].words;
    return "";
}
