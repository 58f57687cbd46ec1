/* Puts the results of the experiments together: one HTML page with each question, verdict, table
 * and pictures, and the sections of a Markdown file that show them.
 *
 *     build/summarize --html build/report/index.html build/demo/outliers build/demo/imbalance
 *     build/summarize --markdown README.md build/experiments/outliers ...
 *
 * It reads what examples/common/experiment_report.h writes, and computes nothing. The page holds
 * its pictures, so that it can be sent as one file. Of a Markdown file it replaces what stands
 * between the lines <!-- results --> and <!-- end of results --> (each experiment with its table),
 * and in the same way "summary" (a row for each) and "losses" (when to use which, from the registry
 * of losses, with its places in the experiments).
 */
#include <stdlib.h>

#include "examples/common/options.h"
#include "examples/summarize/result.h"

static const char PROGRAM[] = "summarize";

static const char *html_path, *markdown_path, *title = "Gradus: what choosing a loss does";
static const option_row options[] = {
    {"html", "FILE", OPTION_TEXT, &html_path, .about = "writes the page there"},
    {"markdown", "FILE", OPTION_TEXT, &markdown_path,
     .about = "replaces the sections of results in this file"},
    {"title", "TEXT", OPTION_TEXT, &title, .about = "of the page"},
    {0}};

int main(int argc, char **argv) {
    int first = options_parse_some(PROGRAM, "Puts the results of experiments, DIR..., together.",
                                   "DIR...", options, argc, argv);
    int n = 0, given = argc - first;
    if (given == 0) options_misuse(PROGRAM, "expected the directories of results");
    if (html_path == NULL && markdown_path == NULL)
        options_misuse(PROGRAM, "expected --html FILE, or --markdown FILE, or both");
    gr_graph *g = gr_graph_new();
    result *results = calloc((size_t)given, sizeof *results);
    for (int i = 0; results != NULL && i < given; i++)
        if (result_read(g, argv[first + i], &results[n])) n++;
    if (gr_failed(g)) fprintf(stderr, "%s: %s\n", PROGRAM, gr_error(g));
    bool good = !gr_failed(g) && n > 0;
    if (good && html_path != NULL) good = page_write(html_path, title, results, n);
    if (good && markdown_path != NULL) good = markdown_replace(markdown_path, results, n);
    for (int i = 0; i < n; i++) result_free(&results[i]);
    free(results);
    gr_graph_free(g);
    return !good;
}
