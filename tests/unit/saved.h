/* Files of a test: a directory of its own, whole files as bytes, disks that are full. */
#ifndef SAVED_H
#define SAVED_H

#include <stdbool.h>
#include <stddef.h>

enum { FILES_ROOM = 1 << 16 };

typedef struct files_bytes {
    unsigned char at[FILES_ROOM];
    size_t size;
} files_bytes;

/* Makes a directory for the test and removes it with the files that were named by files_path, beside
 * which there must be none. */
void files_setup(void);
void files_teardown(void);
/* "DIRECTORY/name". */
const char *files_path(const char *name);

bool files_exist(const char *path);
/* The file's bytes; fails the running test if it can't be read or is too large. */
files_bytes *files_read(const char *path, files_bytes *bytes);
void files_write(const char *path, const void *bytes, size_t size);

/* No file can grow beyond so many bytes until files_unlimit: writing fails with EFBIG. */
void files_limit(size_t bytes);
void files_unlimit(void);

/* Where the data of a safetensors file begin. */
size_t files_data_begin(const files_bytes *bytes);

#endif
