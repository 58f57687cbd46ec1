/* Augmentation: pictures changed at random, so that a network sees each in many forms.
 *
 *     while (gr_batch_next(train, &x, &y)) {
 *         x = gr_random_flip(gr_random_crop(x, .padding = 2), 0.5);
 *         gr_tensor *loss = gr_cross_entropy(gr_forward(net, x), y);
 *         ...
 *
 * Pictures x are reals (N,C,H,W). What is drawn is drawn for each of the N anew, from the graph's
 * generator, and is the same for all channels of a picture: a picture and its mask that belong
 * together are channels of one tensor. The result is a new tensor of the step without gradient, and
 * has the same bits for any number of threads. Margins and blanks are 0, which is the mean where
 * pictures were standardised (gr_scaler_apply).
 */
#ifndef GR_AUGMENT_H
#define GR_AUGMENT_H

#include "core/graph/graph.h"

/* -- Where things are -- */

typedef struct gr_random_crop_args {
    gr_tensor *x;
    int padding, height, width;
} gr_random_crop_args;
/* gr_random_crop(x, .padding = 4, .height = H, .width = W): a piece of that size,
 * (N,C,height,width), from any place, each equally likely, of the picture with `padding` zeros on
 * each side. The piece is at most as large as that. */
#define gr_random_crop(...) gr_random_crop_((gr_random_crop_args){.padding = 4, .x = __VA_ARGS__})
gr_tensor *gr_random_crop_(gr_random_crop_args args);

/* Moved by -most ... most pixels in each direction, each number equally likely; zeros come in. The
 * same as gr_random_crop(x, .padding = most). */
gr_tensor *gr_random_shift(gr_tensor *x, int most);

typedef struct gr_random_resized_crop_args {
    gr_tensor *x;
    int height, width;
    double scale_low, scale_high, ratio_low, ratio_high;
} gr_random_resized_crop_args;
/* gr_random_resized_crop(x, .height = H, .width = W, .scale_low = 0.08, .scale_high = 1,
 * .ratio_low = 3.0 / 4, .ratio_high = 4.0 / 3): a box from within the picture, stretched to
 * (N,C,height,width). The box has the area s H W and the shape r = width / height with s uniform in
 * [scale_low, scale_high] and log r uniform between the logarithms of the ratios, both rounded to
 * whole pixels, and is anywhere, each place equally likely. Ten boxes are tried; if none is within
 * the picture, it is the largest one in the middle whose shape is within the ratios. Stretching is
 * bilinear as in gr_upsample2d without align_corners; pictures made much smaller this way get
 * jagged. 0 < scale_low <= scale_high <= 1 and 0 < ratio_low <= ratio_high. (torchvision's
 * RandomResizedCrop without antialiasing; Szegedy et al., "Going deeper with convolutions", CVPR
 * 2015, section 6. SimCLR's first augmentation: Chen et al., "A simple framework for contrastive
 * learning of visual representations", ICML 2020, appendix A.) */
#define gr_random_resized_crop(...)                                                                \
    gr_random_resized_crop_((gr_random_resized_crop_args){.scale_low = 0.08,                       \
                                                          .scale_high = 1,                         \
                                                          .ratio_low = 3.0 / 4,                    \
                                                          .ratio_high = 4.0 / 3,                   \
                                                          .x = __VA_ARGS__})
gr_tensor *gr_random_resized_crop_(gr_random_resized_crop_args args);

typedef struct gr_random_flip_args {
    gr_tensor *x;
    double p;
    bool vertical;
} gr_random_flip_args;
/* gr_random_flip(x, .p = 0.5, .vertical = false), or gr_random_flip(x, p): with probability p left
 * and right are exchanged, or top and bottom. */
#define gr_random_flip(...) gr_random_flip_((gr_random_flip_args){.p = 0.5, .x = __VA_ARGS__})
gr_tensor *gr_random_flip_(gr_random_flip_args args);

/* A square of size x size pixels is 0, in all channels. Its middle, pixel size/2 of it, is any
 * pixel of the picture, each equally likely, so that a part of the square may be outside. size is 1
 * or more. DeVries and Taylor, "Improved regularization of convolutional neural networks with
 * cutout", arXiv:1708.04552 (2017). */
gr_tensor *gr_random_cutout(gr_tensor *x, int size);

/* -- What things look like -- */

/* x + normal numbers of that deviation (0 or more), one for each element; x may have any shape. */
gr_tensor *gr_random_noise(gr_tensor *x, double deviation);

typedef struct gr_random_blur_args {
    gr_tensor *x;
    double sigma_low, sigma_high, p;
} gr_random_blur_args;
/* gr_random_blur(x, .sigma_low = 0.1, .sigma_high = 2, .p = 0.5): with probability p each channel
 * is convolved with a Gaussian of the deviation sigma, in pixels, uniform in
 * [sigma_low, sigma_high],
 *
 *     w[i] w[j],   w[i] = exp(-i^2 / (2 sigma^2)) / sum over k of exp(-k^2 / (2 sigma^2)),
 *
 * for |i|, |j|, |k| <= floor(4 sigma + 1/2). Beyond its edges the picture goes on as its mirror
 * image, the edge itself repeated: b a | a b c | c b. 0 <= sigma_low <= sigma_high <= 1000.
 * (scipy.ndimage.gaussian_filter. The default deviations and p are SimCLR's for pictures of 224
 * pixels; on 28, a deviation of 1 is strong.) */
#define gr_random_blur(...)                                                                        \
    gr_random_blur_(                                                                               \
        (gr_random_blur_args){.sigma_low = 0.1, .sigma_high = 2, .p = 0.5, .x = __VA_ARGS__})
gr_tensor *gr_random_blur_(gr_random_blur_args args);

typedef struct gr_random_jitter_args {
    gr_tensor *x;
    double brightness, contrast, p;
} gr_random_jitter_args;
/* gr_random_jitter(x, .brightness = 0.4, .contrast = 0.4, .p = 0.8): with probability p
 *
 *     y = b (m + c (x - m)),   m the mean of the picture's elements,
 *
 * with b uniform in [1 - brightness, 1 + brightness] and c in [1 - contrast, 1 + contrast], both
 * options in [0,1]. Nothing is cut off at black and white: gr_clamp does that. (SimCLR's colour
 * jitter for grey pictures.) */
#define gr_random_jitter(...)                                                                      \
    gr_random_jitter_(                                                                             \
        (gr_random_jitter_args){.brightness = 0.4, .contrast = 0.4, .p = 0.8, .x = __VA_ARGS__})
gr_tensor *gr_random_jitter_(gr_random_jitter_args args);

#endif
