/* The arrays of a safetensors file, for those who compare before they copy. */
#ifndef GR_SAFETENSORS_INTERNAL_H
#define GR_SAFETENSORS_INTERNAL_H

#include <cjson/cJSON.h>

#include "core/data/safetensors.h"
#include "core/graph/graph_internal.h"

#pragma GCC visibility push(hidden)

/* -- Arrays -- */

typedef enum gr_element {
    GR_F64,
    GR_F32,
    GR_F16,
    GR_BF16,
    GR_I64,
    GR_I32,
    GR_I16,
    GR_I8,
    GR_U64,
    GR_U32,
    GR_U16,
    GR_U8,
    GR_BOOL,
    GR_ELEMENTS /* their number */
} gr_element;

#define GR_ELEMENT_OF_REAL (sizeof(gr_real) == sizeof(double) ? GR_F64 : GR_F32)

typedef struct gr_array {
    const char *name;
    gr_element element;
    gr_shape shape;
    int64_t size;
    /* In a file that was read the lowest byte of each element is the first; what is to be written
     * is in the machine's order. */
    void *data;
} gr_array;

const char *gr_element_name(gr_element element);
size_t gr_element_size(gr_element element);
gr_kind gr_element_kind(gr_element element);

/* The tensor's elements under this name. */
gr_array gr_array_of(const gr_tensor *t, const char *name);
size_t gr_array_bytes(const gr_array *a);
/* "F32 (2,3)" */
gr_text gr_array_text(const gr_array *a);

/* An element of an array of integers that was read; false if it does not fit into 32 bits. */
bool gr_array_integer(const gr_array *a, int64_t i, int32_t *value);
/* Copies an array that was read: into a tensor of its kind and size, whose elements may be of
 * another type; or as it is, in the machine's order. Integers have been checked to fit. */
void gr_array_to_tensor(const gr_array *a, gr_tensor *t);
void gr_array_to_memory(const gr_array *a, void *to);
/* Copies n elements of `size` bytes between the machine's order and the file's. */
void gr_swap_order(unsigned char *to, const unsigned char *from, size_t n, size_t size);

/* -- Files -- */

#define GR_CHECKSUM_PREFIX "crc32."

typedef struct gr_safetensors_file {
    gr_graph *graph;
    const char *who, *path; /* what errors begin with */
    gr_arena scratch;       /* what is below */
    const unsigned char *bytes;
    size_t size;
    cJSON *header;
    gr_array *arrays; /* in the header's order */
    int n;
    gr_array **by_name;
    gr_metadata *metadata; /* sorted by key, with the checksums */
    int n_metadata;
} gr_safetensors_file;

/* Reads and checks the file, checksums included. False after an error. Close it in any case. */
bool gr_safetensors_open(gr_safetensors_file *f, gr_graph *g, const char *who, const char *path);
/* The same of bytes in memory, which stay the caller's. */
bool gr_safetensors_open_bytes(gr_safetensors_file *f, gr_graph *g, const char *who,
                               const char *path, const void *bytes, size_t size);
void gr_safetensors_close(gr_safetensors_file *f);

/* NULL if there is none. */
const gr_array *gr_safetensors_array(const gr_safetensors_file *f, const char *name);
const char *gr_safetensors_value(const gr_safetensors_file *f, const char *key);

/* Fails with "who: path: " and the message; returns false. */
#if defined(__GNUC__)
__attribute__((format(printf, 2, 3)))
#endif
bool gr_safetensors_bad(const gr_safetensors_file *f, const char *format, ...);
/* Whether all of the array's integers fit into 32 bits; false after an error. */
bool gr_safetensors_fits(const gr_safetensors_file *f, const gr_array *a);

/* Writes the arrays and their checksums; false after an error that begins with `who`. */
bool gr_safetensors_save(gr_graph *g, const char *who, const char *path, const gr_array *arrays,
                         int n, gr_metadata_list metadata);

#pragma GCC visibility pop

#endif
