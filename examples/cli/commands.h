/* The commands of the program. Each gets the words behind its name and returns the exit status. */
#ifndef CLI_COMMANDS_H
#define CLI_COMMANDS_H

#include "gradus.h"

int command_losses(int n, char **words);
int command_eval(int n, char **words);
int command_plot(int n, char **words);
int command_choose(int n, char **words);

extern const char help_losses[], help_eval[], help_plot[], help_choose[];

/* The loss of this name or alias; NULL if there is none. */
const gr_loss_info *find_loss(const char *word);
/* The same; a name that there is not ends the program. */
const gr_loss_info *get_loss(const char *word);

/* All about one loss, as text. */
void write_page(FILE *to, const gr_loss_info *loss);
/* The registry, or one family (NULL: all), as JSON. */
void write_registry(FILE *to, const char *family);
void write_registry_row(FILE *to, const gr_loss_info *loss);

/* Says the graph's error and returns 1. */
int report_error(const gr_graph *g);
/* 0, or 1 if not all could be written to stdout. */
int finish_output(void);

#endif
