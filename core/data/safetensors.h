/* Named tensors from and to safetensors files, which PyTorch, JAX and others read and write.
 *
 *     gr_safetensors *file = gr_safetensors_read(g, "points.safetensors");
 *     gr_tensor *x = gr_safetensors_get(file, "x");
 *     gr_safetensors_write(g, "copy.safetensors", GR_LIST(gr_name(x, "x"), gr_name(y, "y")),
 *                          .metadata = GR_METADATA({"made by", "me"}));
 *
 * For a module's parameters see weights.h, for going on with a training checkpoint.h: both write
 * this format.
 *
 * Reading: F64, F32, F16 and BF16 give tensors of reals, rounded to gr_real (beyond float's range
 * infinite, as in PyTorch); I64, I32, I16, I8, U64, U32, U16, U8 and BOOL give tensors of integers,
 * which must fit into 32 bits. Up to 6 dimensions.
 *
 * Writing: reals are F64 or F32, as gr_real is, integers I32. The file is written beside the old
 * one as PATH.tmp, synced and renamed, so that at any moment the old or the new file is there,
 * whole. A symbolic link is replaced by a file.
 *
 * Beside what the format asks for, files written here hold the CRC-32 of each tensor's bytes, in
 * eight hexadecimal digits in the metadata "crc32.NAME", and reading compares it. A file without
 * any, as other programs write it, is read without.
 *
 * Format: https://github.com/huggingface/safetensors
 */
#ifndef GR_SAFETENSORS_H
#define GR_SAFETENSORS_H

#include "core/graph/graph.h"

typedef struct gr_metadata {
    const char *key, *value;
} gr_metadata;

typedef struct gr_metadata_list {
    int n;
    const gr_metadata *items;
} gr_metadata_list;
#define GR_METADATA(...)                                                                           \
    ((gr_metadata_list){                                                                           \
        .n = (int)(sizeof((const gr_metadata[]){__VA_ARGS__}) / sizeof(gr_metadata)),              \
        .items = (const gr_metadata[]){__VA_ARGS__}})

typedef struct gr_safetensors {
    gr_graph *graph;
    const char *path;
    gr_list tensors;           /* with their names, in the order of the file's header */
    gr_metadata_list metadata; /* sorted by their keys' bytes, checksums left out */
} gr_safetensors;

/* What the file holds; it lasts as long as the graph. NULL and an error that names the file, and
 * the tensor if it is one's fault: a file that can't be read or ends too early, a header that is no
 * JSON or names something twice, another type of elements, more than 6 dimensions, a shape that the
 * bytes don't fit, bytes that belong to no tensor or to two, integers beyond 32 bits, a checksum
 * that is another. */
gr_safetensors *gr_safetensors_read(gr_graph *g, const char *path);
/* The same from memory; `name` is what messages call it. */
gr_safetensors *gr_safetensors_parse(gr_graph *g, const void *bytes, size_t size, const char *name);

/* The tensor; NULL and an error if there is none of that name. */
gr_tensor *gr_safetensors_get(const gr_safetensors *file, const char *name);
/* The metadata's value, or NULL if there is none (which is no error). */
const char *gr_safetensors_metadata(const gr_safetensors *file, const char *key);

typedef struct gr_safetensors_write_args {
    gr_graph *graph;
    const char *path;
    gr_list tensors;
    gr_metadata_list metadata;
} gr_safetensors_write_args;
/* gr_safetensors_write(g, path, tensors, .metadata = GR_METADATA({"key", "value"})). False and an
 * error, and the file that was there stays: no memory, a disk that is full, another process that
 * writes this file, a tensor or key without a name or with one that was there before, or the
 * reserved ones "__metadata__" (a tensor) and "crc32.*" (a key). In a graph that has failed nothing
 * is written. */
#define gr_safetensors_write(...)                                                                  \
    gr_safetensors_write_((gr_safetensors_write_args){.graph = __VA_ARGS__})
bool gr_safetensors_write_(gr_safetensors_write_args args);

#endif
