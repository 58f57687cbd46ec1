#include <check.h>
Suite *weights_suite(void) { return suite_create("weights"); }
