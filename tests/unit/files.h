/* What the tests of file formats share: files of tests/data, scratch directories, damage. */
#ifndef FILES_H
#define FILES_H

#include <stdbool.h>
#include <stddef.h>

typedef struct test_file {
    unsigned char *bytes;
    size_t size;
} test_file;

/* Fails the running test if it can't be read. Free `bytes`. */
test_file file_read(const char *path);
void file_write(const char *path, const void *bytes, size_t size);
bool file_exists(const char *path);

/* A new directory, and a path in it (of static memory, good until the eighth call after). */
const char *scratch_make(void);
const char *scratch_path(const char *name);
/* Makes a directory there. */
void scratch_directory(const char *name);
/* Removes the directory with all that is in it. */
void scratch_remove(void);

/* The next of a row of numbers that is the same in each run. */
unsigned next_random(unsigned *state);

#endif
