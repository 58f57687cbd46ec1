/* The losses on the command line: a catalogue, values and gradients, pictures. man/gradus.1 is the
 * manual; the commands are in examples/cli/. */
#include <string.h>

#include "examples/cli/commands.h"
#include "examples/cli/names.h"

#ifndef GRADUS_VERSION
#define GRADUS_VERSION "unknown"
#endif

static const char help[] =
    "Usage: gradus COMMAND ...\n"
    "\n"
    "  gradus losses [FAMILY]  the catalogue of losses; --json: all that is known of them\n"
    "  gradus losses NAME      one loss: formula, operands, parameters, when to use it\n"
    "  gradus eval NAME ...    computes a loss, its gradient (--grad) and the gradient of that "
    "(--grad2)\n"
    "  gradus plot NAME...     draws value and gradient over the prediction\n"
    "  gradus choose [DATA]    which loss to train with: asks, or looks at data\n"
    "  gradus help COMMAND     more about a command\n"
    "  gradus --version\n"
    "\n"
    "Exit status: 0; 1 if a computation failed; 2 if the command line was wrong.\n";

static const struct command {
    const char *name, *help;
    int (*run)(int n, char **words);
} commands[] = {{"losses", help_losses, command_losses},
                {"eval", help_eval, command_eval},
                {"plot", help_plot, command_plot},
                {"choose", help_choose, command_choose}};
enum { COMMANDS = sizeof commands / sizeof *commands };

static const struct command *find_command(const char *word) {
    names known = {.n = 0};
    for (int i = 0; i < COMMANDS; i++) {
        if (strcmp(commands[i].name, word) == 0) return &commands[i];
        names_add(&known, commands[i].name);
    }
    names_add(&known, "help");
    names_add(&known, "--help");
    names_add(&known, "--version");
    misuse_unknown("", "command", word, &known, "");
}

int report_error(const gr_graph *g) {
    const char *error = g == NULL ? "no memory" : gr_error(g);
    fprintf(stderr, "gradus: %s\n", error[0] == '\0' ? "no result" : error);
    return 1;
}

int finish_output(void) {
    bool written = !ferror(stdout);
    if (fflush(stdout) != 0) written = false;
    if (!written) fprintf(stderr, "gradus: can't write all of the output\n");
    return written ? 0 : 1;
}

static int show(const char *text) {
    fputs(text, stdout);
    return finish_output();
}

static int show_version(void) {
    printf("gradus %s (%s)\n", GRADUS_VERSION,
           sizeof(gr_real) == sizeof(double) ? "double" : "float");
    return finish_output();
}

static bool is_help(const char *word) {
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

int main(int argc, char **argv) {
    if (argc < 2) misuse("expected a command: losses, eval, plot, choose or help (gradus --help)");
    if (is_help(argv[1])) return show(help);
    if (strcmp(argv[1], "--version") == 0) return show_version();
    if (strcmp(argv[1], "help") == 0) return show(argc < 3 ? help : find_command(argv[2])->help);
    const struct command *command = find_command(argv[1]);
    if (argc > 2 && is_help(argv[2])) return show(command->help);
    return command->run(argc - 2, argv + 2);
}
