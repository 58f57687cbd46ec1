/* Pictures of how well several methods find a rare class. */
#ifndef EXAMPLES_RANKING_PLOTS_H
#define EXAMPLES_RANKING_PLOTS_H

#include "gradus.h"

typedef struct ranked_scores {
    gr_tensor *scores, *labels; /* (n), logits and 0 or 1; both NULL if there are none */
} ranked_scores;

enum { RANKING_ALL_COLUMNS = -1 };

typedef struct ranking_plots {
    const char *directory;
    int columns; /* panels side by side */
    const char *const *titles;
    int methods, seeds;
    const char *const *labels;
    const int *column;         /* of each method, where it is drawn */
    const bool *probabilities; /* of each method, whether s(score) is one; NULL: all */
    const ranked_scores *each; /* seed after seed, in it method after method */
} ranking_plots;

/* directory/name.png and .svg: precision against recall, the mean over the seeds. False if there is
 * no picture; a line on stderr has then said why. */
bool plot_pr_curves(gr_graph *g, const ranking_plots *plots, const char *name);
/* The share of positives against the mean of s(score), in tenths of all seeds' predictions in the
 * order of their scores, with the line of probabilities that are right. */
bool plot_reliability(const ranking_plots *plots, const char *name);

#endif
