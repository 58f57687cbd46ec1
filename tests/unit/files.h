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

/* The same into memory of a fixed size, which tests add to and compare as well. */
enum { FILE_ROOM = 1 << 16 };
typedef struct file_bytes {
    unsigned char at[FILE_ROOM];
    size_t size;
} file_bytes;
file_bytes *file_load(const char *path, file_bytes *bytes);

/* A new directory, and a path in it, of static memory. */
const char *scratch_make(void);
const char *scratch_path(const char *name);
/* Makes a directory there. */
void scratch_directory(const char *name);
/* Removes the directory with all that is in it. */
void scratch_remove(void);

/* No file can grow beyond so many bytes until unlimit_file_size: writing fails with EFBIG. */
void limit_file_size(size_t bytes);
void unlimit_file_size(void);

/* Where the data of a safetensors file begin. */
size_t safetensors_data_begin(const file_bytes *bytes);

/* The next of a row of numbers that is the same in each run. */
unsigned next_random(unsigned *state);

#endif
