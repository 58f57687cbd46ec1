#include "examples/cli/questions.h"

#include <stdlib.h>
#include <string.h>

#include "examples/cli/commands.h"

/* A question has answers, an end has losses. */
typedef struct question question;
typedef struct answer {
    const char *text;
    const question *next;
} answer;
enum { MOST_ANSWERS = 8 };
struct question {
    const char *text;   /* the question; of an end, the advice */
    const char *losses; /* of an end, with blanks between them */
    answer answers[MOST_ANSWERS];
};

#define END(name, names, advice) static const question name = {.losses = names, .text = advice}

END(clean, "mse huber", "mse estimates the mean. huber costs little and is a safeguard.");
END(outliers, "huber l1 log_cosh smooth_l1",
    "huber, if large errors should still count; l1 for the median, if they are mistakes.");
END(positive, "msle gaussian_nll",
    "msle compares ratios: let the network predict the logarithm. mape favours low predictions.");
END(counts, "poisson_nll", "The network predicts the logarithm of the rate.");
END(interval, "quantile gaussian_nll",
    "quantile at tau 0.05 and 0.95 gives an interval of 90 %; gaussian_nll a mean and a variance.");
END(boxes, "giou ciou diou smooth_l1",
    "giou has a gradient for boxes that do not touch, which iou_box has not.");
static const question regression = {
    .text = "What are the numbers like?",
    .answers = {{"No outliers, errors about normal", &clean},
                {"Some targets are far off", &outliers},
                {"Positive, over orders of magnitude", &positive},
                {"Counts", &counts},
                {"An interval or its uncertainty is wanted, too", &interval},
                {"Corners of boxes", &boxes}}};

END(binary, "bce_with_logits", "On logits: bce wants probabilities and loses digits.");
END(binary_rare, "bce_with_logits focal dice",
    "Begin with the plain loss and move the threshold; then pos_weight or class_balanced_weights, "
    "then focal.");
END(binary_margin, "hinge squared_hinge soft_margin", "They have no probabilities to show.");
static const question two_classes = {.text = "How large is the smaller class?",
                                     .answers = {{"A fifth or more", &binary},
                                                 {"Less", &binary_rare},
                                                 {"Only the decision matters", &binary_margin}}};

END(multi, "cross_entropy",
    "On logits and class indices, with no softmax before it; label_smoothing 0.1 against "
    "overfitting.");
END(multi_unequal, "cross_entropy softmax_focal",
    "With class_weight from inverse_frequency_weights or, over orders of magnitude, "
    "class_balanced_weights.");
END(multi_margins, "multi_margin multiclass_hinge", "They have no probabilities to show.");
static const question several_classes = {
    .text = "Are the classes of similar size?",
    .answers = {
        {"Yes", &multi}, {"No", &multi_unequal}, {"Only the decision matters", &multi_margins}}};

END(multi_label, "bce_with_logits multilabel_soft_margin",
    "One output for each label; pos_weight of the shape (C) for rare ones.");
END(ordered_pairs, "margin_ranking", "It needs pairs of which one should score higher.");
static const question classification = {
    .text = "Which classes?",
    .answers = {{"Two", &two_classes},
                {"Several, each example has one", &several_classes},
                {"Several, each example may have many", &multi_label},
                {"An order, not a class", &ordered_pairs}}};

END(pixels, "cross_entropy", "Each pixel is an example; bce_with_logits for one object.");
END(small_objects, "dice_ce tversky focal",
    "Dice and cross-entropy together; tversky if misses cost more than false alarms, or less.");
static const question segmentation = {
    .text = "How much of a picture are the objects?",
    .answers = {{"A tenth of the pixels or more", &pixels}, {"Less", &small_objects}}};

END(pairs, "contrastive cosine_embedding", "Contrastive for distances, cosine for directions.");
END(triplets, "triplet semi_hard batch_hard",
    "Mine them from labelled batches: most triplets soon teach nothing.");
END(views, "nt_xent info_nce", "Large batches, and a temperature that was tried out.");
END(two_kinds, "clip", "As pictures and their captions.");
static const question embedding = {.text = "What says which examples belong together?",
                                   .answers = {{"Pairs, alike or not", &pairs},
                                               {"Class labels, or triplets", &triplets},
                                               {"Nothing: two views of each example", &views},
                                               {"Matching examples of two kinds", &two_kinds}}};

END(aligned, "cross_entropy", "One class for each position; ignore_index for padding.");
END(unaligned, "ctc", "The input must be at least as long as the labels and their repetitions.");
static const question sequences = {.text = "Is it known which position has which label?",
                                   .answers = {{"Yes", &aligned}, {"No", &unaligned}}};

END(vae, "elbo",
    "beta weighs the KL term: less keeps more of the picture, more makes smoother samples.");
END(gan, "gan_discriminator gan_generator gradient_penalty",
    "nonsaturating or hinge to begin with; wasserstein with gradient_penalty, never with "
    "clipping.");
END(denoise, "mse l1", "The noise is the target.");
END(style, "perceptual gram", "Features of a trained network, not pixels.");
static const question generation = {.text = "How is it generated?",
                                    .answers = {{"From a latent code (VAE)", &vae},
                                                {"Against a critic (GAN)", &gan},
                                                {"By taking noise away (diffusion)", &denoise},
                                                {"In the style of a picture", &style}}};

END(distribution, "kl_div",
    "Logarithms of probabilities against probabilities; reduction batchmean is the divergence.");
END(tasks, "uncertainty_weighting gradnorm weighted_sum",
    "Weigh the losses of several tasks by fixed numbers first, then let them be learned.");

static const question start = {.text = "What is predicted?",
                               .answers = {{"Numbers", &regression},
                                           {"Classes", &classification},
                                           {"A class for each pixel", &segmentation},
                                           {"Which examples are alike (embeddings)", &embedding},
                                           {"A sequence of labels", &sequences},
                                           {"New pictures or other samples", &generation},
                                           {"A distribution, as a teacher's", &distribution},
                                           {"Several things at once", &tasks}}};

static void print_end(const question *end) {
    char words[256];
    printf("\n%s\n\n", end->text);
    snprintf(words, sizeof words, "%s", end->losses);
    for (char *name = strtok(words, " "); name != NULL; name = strtok(NULL, " ")) {
        const gr_loss_info *loss = get_loss(name);
        printf("  %-22s %s\n", loss->name, loss->use);
    }
    printf("\ngradus losses NAME says all about one of them.\n");
}

/* The number of the answer, from 0; -1 if the input ends. */
static int read_answer(int n, FILE *from) {
    char line[256];
    for (;;) {
        printf("> ");
        fflush(stdout);
        if (fgets(line, sizeof line, from) == NULL) return -1;
        char *end;
        long answer = strtol(line, &end, 10);
        if (end != line && answer >= 1 && answer <= n) return (int)answer - 1;
        printf("Expected a number from 1 to %d.\n", n);
    }
}

int questions_ask(FILE *from) {
    const question *q = &start;
    while (q->losses == NULL) {
        int n = 0;
        printf("%s\n", q->text);
        for (; n < MOST_ANSWERS && q->answers[n].text != NULL; n++)
            printf("  %d  %s\n", n + 1, q->answers[n].text);
        int chosen = read_answer(n, from);
        if (chosen < 0) {
            fprintf(stderr, "gradus: choose: the answers end before the questions\n");
            return 1;
        }
        q = q->answers[chosen].next;
        printf("\n");
    }
    print_end(q);
    return 0;
}
