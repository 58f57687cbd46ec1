/* The directory into which a program writes. */
#ifndef EXAMPLES_FILES_H
#define EXAMPLES_FILES_H

#include <stdbool.h>
#include <stdio.h>

/* Makes the directory and those above it. False after a line on stderr. */
bool files_make_directory(const char *path);
/* Opens directory/name for writing; NULL after a line on stderr. */
FILE *files_create(const char *directory, const char *name);
/* Closes it; false after a line on stderr if not all could be written. */
bool files_close(FILE *file, const char *name);

#endif
