/* What the losses share in their making. */
#ifndef GR_LOSS_INTERNAL_H
#define GR_LOSS_INTERNAL_H

#include "losses/loss.h"

#pragma GCC visibility push(hidden)

/* The rows of a family, ended by one without a name. */
extern const gr_loss_info gr_regression_losses[];
extern const gr_loss_info gr_classification_losses[];
extern const gr_loss_info gr_focal_losses[];
extern const gr_loss_info gr_margin_losses[];
extern const gr_loss_info gr_class_weights[];
extern const gr_loss_info gr_overlap_losses[];
extern const gr_loss_info gr_box_losses[];
extern const gr_loss_info gr_similarity_losses[];
extern const gr_loss_info gr_triplet_losses[];
extern const gr_loss_info gr_miners[];
extern const gr_loss_info gr_contrast_losses[];
extern const gr_loss_info gr_sequence_losses[];
extern const gr_loss_info gr_generative_losses[];
extern const gr_loss_info gr_perceptual_losses[];
extern const gr_loss_info gr_combination_losses[];

/* Operands of a loss that are required: each present, of the kind that the row says, and not empty.
 * The graph, or NULL after an error. `row` names them, `operands` are in the row's order. */
gr_graph *gr_loss_check(const gr_loss_info *row, gr_list operands);
/* The same of a list operand: at least one tensor. */
gr_graph *gr_loss_check_list(const gr_loss_info *row, const char *name, gr_list list);
/* t, the operand `name`, is real and of shape (n); false after an error. */
bool gr_loss_check_vector(const gr_loss_info *row, const gr_tensor *t, const char *name, int n);
/* Every element of t, the operand `name`, passes; else false after an error with the value and its
 * place: "gr_bce: prob (4) has 1.5 at (3), expected 0 to 1". */
bool gr_loss_check_values(const gr_loss_info *row, const gr_tensor *t, const char *name,
                          bool (*test)(double value), const char *expected);
/* The same for: -1 or +1; 0 to 1; 0 or more. */
bool gr_loss_check_signs(const gr_loss_info *row, const gr_tensor *t, const char *name);
bool gr_loss_check_fractions(const gr_loss_info *row, const gr_tensor *t, const char *name);
bool gr_loss_check_not_negative(const gr_loss_info *row, const gr_tensor *t, const char *name);
/* One of these checks about a loss that is one pointwise sum, `total` times, which is NaN where the
 * check fails: to be asked before and after, it goes over t's elements only if that is needed. */
typedef bool gr_loss_domain(const gr_loss_info *row, const gr_tensor *t, const char *name);
bool gr_loss_check_before(gr_loss_domain *domain, const gr_loss_info *row, const gr_tensor *t,
                          const char *name, double total);
bool gr_loss_check_after(gr_loss_domain *domain, const gr_loss_info *row, const gr_tensor *t,
                         const char *name, double total, const gr_tensor *loss);
/* The two tensors have one shape; false after an error. */
bool gr_loss_check_same_shape(const gr_loss_info *row, const gr_tensor *a, const char *a_name,
                              const gr_tensor *b, const char *b_name);
/* An optional operand, real and not empty; NULL is fine. False after an error. */
bool gr_loss_check_optional(const gr_loss_info *row, const gr_tensor *t, const char *name);
/* The value of the row's parameter `name` lies in its range; false after an error. */
bool gr_loss_check_parameter(gr_graph *g, const gr_loss_info *row, const char *name, double value);
/* Error "gr_huber: pred (3,4) and target (2,4): <expected>". */
void *gr_loss_shape_error(const gr_loss_info *row, const gr_tensor *a, const char *a_name,
                          const gr_tensor *b, const char *b_name, const char *expected);
/* The two tensors broadcast to a common shape; false after an error. */
bool gr_loss_check_broadcast(const gr_loss_info *row, const gr_tensor *a, const char *a_name,
                             const gr_tensor *b, const char *b_name);
/* t broadcasts to x's shape; false after an error. */
bool gr_loss_check_broadcasts_to(const gr_loss_info *row, const gr_tensor *t, const char *name,
                                 const gr_tensor *x, const char *x_name);

/* loss times weight (if any, and then it must broadcast to the loss's shape), reduced. */
gr_tensor *gr_loss_reduce(const gr_loss_info *row, gr_tensor *loss, gr_tensor *weight,
                          gr_reduction reduction);

/* For losses that are one pointwise function: the factor of the sum if that is all that is wanted,
 * and 0 if the values are, which gr_loss_reduce then takes further. */
double gr_loss_total(const gr_tensor *pred, const gr_tensor *target, const gr_tensor *weight,
                     gr_reduction reduction);

#pragma GCC visibility pop

#endif
