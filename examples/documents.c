/* What five documents about loss functions state, recomputed with the library's own nodes: each
 * number and formula, the figures, the trainings; and which of it is wrong, and why.
 *
 *     build/documents                      all of it, to build/documents-out
 *     build/documents --id guide-3         one claim; --document theory: one document's
 *     build/documents --json               all claims as JSON
 *     build/documents --markdown FILE      the table of what is wrong into a Markdown file
 *     build/documents --results build/outliers-out build/imbalance-out ...
 *                                          with what the trainers say of the documents' advice
 *
 * The documents' keys: guide (Loss Functions - Complete Guide), quickref (Quick Reference Table),
 * practice (Understanding Loss Functions: A Complete Guide from Theory to Practice), families (an
 * article on loss families) and theory (Loss Functions Theory). Ids count the claims of each;
 * quickref prints no number. Nothing is compared with a literal but what a document prints; how a
 * claim is computed stands in examples/documents/KEY.c.
 */
#include <string.h>

#include "examples/common/experiment_report.h"
#include "examples/common/files.h"
#include "examples/documents/advice.h"
#include "examples/documents/figures.h"
#include "examples/documents/output.h"

static const char PROGRAM[] = "documents";
static const char QUESTION[] = "What do the documents get right, and what do they get wrong?";

static const char *document, *id, *out = "build/documents-out", *markdown;
static const char *data = "examples/data/practice/practice.safetensors";
static bool json, figures, results;

static const option_row options[] = {
    {"document", "KEY", OPTION_TEXT, &document,
     .about = "only the claims of guide, practice, families or theory"},
    {"id", "ID", OPTION_TEXT, &id, .about = "only this claim, guide-3"},
    {"json", NULL, OPTION_FLAG, &json,
     .about = "writes the claims to stdout as JSON, and no files"},
    {"markdown", "FILE", OPTION_TEXT, &markdown,
     .about = "replaces the section between <!-- documents --> and <!-- end of documents -->"},
    {"figures", NULL, OPTION_FLAG, &figures, .about = "draws the pictures, and does nothing else"},
    {"results", NULL, OPTION_FLAG, &results,
     .about = "the words DIR... are trainers' results: quotes their verdicts on the advice"},
    {"out", "DIR", OPTION_TEXT, &out, .about = "where report, tables and pictures are written"},
    {"data", "FILE", OPTION_TEXT, &data, .about = "the data of practice's trainings"},
    {0}};

static const claim_check *const documents[] = {guide_checks, practice_checks, families_checks,
                                               theory_checks};
enum { DOCUMENTS = sizeof documents / sizeof *documents };

/* -- The claims -- */

static bool id_exists(const char *word) {
    for (int d = 0; d < DOCUMENTS; d++)
        for (const claim_check *check = documents[d]; check->id != NULL; check++)
            if (strcmp(check->id, word) == 0) return true;
    return false;
}

static void check_options(void) {
    bool known = document == NULL;
    for (int d = 0; document_keys[d] != NULL && !known; d++)
        known = strcmp(document, document_keys[d]) == 0;
    if (!known)
        options_misuse(PROGRAM, "--document %s: expected guide, practice, families or theory",
                       document);
    if (id != NULL && !id_exists(id))
        options_misuse(PROGRAM,
                       "--id %s: there is no such claim, expected guide-1 to guide-13, "
                       "practice-1 to practice-14, practice-runs, families-1 to "
                       "families-30 or theory-1 to theory-13",
                       id);
}

static bool run_checks(claims *c) {
    for (int d = 0; d < DOCUMENTS; d++)
        if (!claims_run(c, documents[d])) {
            fprintf(stderr, "%s: %s\n", PROGRAM, c->failed ? "no memory" : gr_error(c->g));
            return false;
        }
    return true;
}

/* -- The report -- */

static bool draw(experiment *e, gr_graph *g) {
    picture drawn[MOST_PICTURES];
    int n = 0;
    bool good = figures_draw(g, out, data, drawn, &n);
    if (gr_failed(g)) fprintf(stderr, "%s: %s\n", PROGRAM, gr_error(g));
    for (int i = 0; i < n; i++) experiment_picture(e, drawn[i].name, drawn[i].caption);
    return good;
}

static void write_verdicts(experiment *e, const claims *c) {
    for (int d = 0; document_keys[d] != NULL; d++)
        experiment_verdict(e, document_keys[d], VERDICT_PARTLY, "%s: %d rows agree, %d differ",
                           document_keys[d], claims_count(c, document_keys[d], CLAIM_AGREES),
                           claims_count(c, document_keys[d], CLAIM_DIFFERS));
    for (int i = 0; i < c->n; i++) {
        const claim_row *r = &c->rows[i];
        if (r->verdict == CLAIM_DIFFERS)
            experiment_verdict(e, r->id, VERDICT_FAILED, "%s, %s: stated %s, computed %s. %s",
                               r->id, r->claim, r->stated, r->computed, r->why);
    }
}

static void say_both(experiment *e, const claims *c, const convention *all, int n) {
    FILE *to[] = {stdout, e->report};
    for (int i = 0; i < 2; i++) {
        if (to[i] == NULL) continue;
        output_rows(c, to[i]);
        fprintf(to[i],
                "\nWhere the documents contradict each other, and what the library does:\n\n");
        output_conventions(all, n, to[i]);
        fprintf(to[i], "\n");
    }
}

static void say_advice(experiment *e, const advice_list *advice) {
    experiment_say(e, "What the trainers say of the documents' advice:\n\n");
    for (int i = 0; i < advice->n; i++) {
        const advice_row *r = &advice->rows[i];
        experiment_say(e, "%-12s %-9s %s\n", r->id, r->verdict, r->why);
    }
    experiment_say(e, "\n");
}

static bool report(const claims *c, char *const *directories, int n_directories) {
    experiment_settings settings = {.out = out};
    experiment e = {.program = PROGRAM, .question = QUESTION, .settings = &settings};
    convention all[MOST_CONVENTIONS];
    advice_list advice;
    int n = conventions_compute(c->g, all);
    if (n == 0 || !advice_read(c->g, directories, n_directories, &advice)) return false;
    if (!files_make_directory(out) || !experiment_report_begin(&e)) return false;
    say_both(&e, c, all, n);
    say_advice(&e, &advice);
    write_verdicts(&e, c);
    experiment_say(&e, "\n");
    bool good = output_results(c, out);
    good = draw(&e, c->g) && good;
    experiment_report_end(&e);
    return good;
}

static bool write_markdown(const claims *c) {
    convention all[MOST_CONVENTIONS];
    int n = conventions_compute(c->g, all);
    return n > 0 && output_markdown(c, all, n, markdown);
}

static bool draw_only(void) {
    gr_graph *g = gr_graph_new(.seed = 42, .threads = 1);
    picture drawn[MOST_PICTURES];
    int n = 0;
    bool good = files_make_directory(out) && figures_draw(g, out, data, drawn, &n);
    if (gr_failed(g)) fprintf(stderr, "%s: %s\n", PROGRAM, gr_error(g));
    for (int i = 0; i < n; i++) printf("%s/%s.png: %s\n", out, drawn[i].name, drawn[i].caption);
    gr_graph_free(g);
    return good;
}

/* -- The program -- */

int main(int argc, char **argv) {
    int first = options_parse_some(PROGRAM,
                                   "Recomputes what five documents about loss functions state, and "
                                   "says what is wrong.",
                                   "[--results DIR...]", options, argc, argv);
    check_options();
    if (document != NULL && id != NULL)
        options_misuse(PROGRAM, "--document: expected no --id, which names one claim");
    if (markdown != NULL && (document != NULL || id != NULL))
        options_misuse(PROGRAM,
                       "--markdown: expected no --document and no --id, it has all claims");
    if (first < argc && !results)
        options_misuse(PROGRAM, "%s: directories are read with --results", argv[first]);
    if (figures) return !draw_only();

    claims c = {.g = gr_graph_new(.seed = 42, .threads = 1),
                .only_document = document,
                .only_id = id,
                .data = data};
    bool good = run_checks(&c);
    if (good && json)
        output_json(&c, stdout);
    else if (good && (document != NULL || id != NULL))
        output_rows(&c, stdout);
    else if (good && markdown == NULL)
        good = report(&c, argv + first, argc - first);
    if (good && markdown != NULL) good = write_markdown(&c);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fprintf(stderr, "%s: can't write all of the output\n", PROGRAM);
        good = false;
    }
    claims_free(&c);
    gr_graph_free(c.g);
    return !good;
}
