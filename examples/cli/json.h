/* Writing JSON as Python's json module reads it: NaN, Infinity and -Infinity stand for themselves.
 */
#ifndef CLI_JSON_H
#define CLI_JSON_H

#include "gradus.h"

/* A double with as few digits as say exactly it. */
void json_number(FILE *to, double value);
/* In quotes, or null for NULL. */
void json_text(FILE *to, const char *text);
/* Nested arrays, or one number. Reals have 17 digits in double, in float as few of 9 as say exactly
 * the same float. */
void json_tensor(FILE *to, const gr_tensor *t);

#endif
