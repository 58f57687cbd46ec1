/* Runs all suites, or those named as arguments: build/unit ops autodiff. Check's own environment
 * variables (CK_FORK=no, CK_RUN_CASE, ...) hold. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/graph/tensor.h"
#include "tests/unit/suites.h"

static const struct {
    const char *name;
    Suite *(*make)(void);
} suites[] = {
#define LIST_SUITE(name) {#name, name##_suite},
    SUITES(LIST_SUITE)};

enum { N_SUITES = sizeof suites / sizeof *suites };

static int chosen(int i, int argc, char **argv) {
    for (int k = 1; k < argc; k++)
        if (strcmp(argv[k], suites[i].name) == 0) return 1;
    return argc == 1;
}

static int known(const char *name) {
    for (int i = 0; i < N_SUITES; i++)
        if (strcmp(name, suites[i].name) == 0) return 1;
    return 0;
}

int main(int argc, char **argv) {
    for (int k = 1; k < argc; k++) {
        if (known(argv[k])) continue;
        fprintf(stderr, "there is no suite \"%s\"\n", argv[k]);
        return EXIT_FAILURE;
    }
    SRunner *runner = srunner_create(NULL);
    for (int i = 0; i < N_SUITES; i++)
        if (chosen(i, argc, argv)) srunner_add_suite(runner, suites[i].make());
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    printf("%s precision: %d checks, %d failed\n",
           sizeof(gr_real) == sizeof(float) ? "single" : "double", srunner_ntests_run(runner),
           failed);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
