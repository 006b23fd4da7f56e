// The heap for secrets. It cuts blocks of a few sizes, one after the other, from a reserved address range, and keeps a
// free list for each size. It never returns memory to the system: what one TLS connection needs is bounded, and its
// process exits with it.
#define _GNU_SOURCE
#include "secret_heap.h"

#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

enum { room = 64 << 20, fine_step = 16, fine_sizes = 64, sizes = fine_sizes + 4 * 12 };

// Precedes each block. As large as the strictest alignment, so that blocks are aligned, too.
struct header {
  _Alignas(16) size_t size_index;
  struct header *next_free;
};

// Stored at the start of the range itself. On a page of its own it would be one more page that is written on every
// allocation, and that each fork must copy.
struct heap {
  _Alignas(struct header) char *next;
  struct header *free_blocks[sizes];
};

static struct heap *heap;

// Block sizes: 16, 32 ... 1024, then four steps per doubling, up to 4 MiB.
static size_t block_size(size_t index) {
  if (index < fine_sizes) return (index + 1) * fine_step;
  size_t step = index - fine_sizes, base = (size_t)1024 << step / 4;
  return base + base / 4 * (step % 4 + 1);
}

static size_t index_for(size_t size) {
  if (size <= fine_sizes * fine_step) return size ? (size - 1) / fine_step : 0;
  size_t index = fine_sizes;
  while (index < sizes && block_size(index) < size) index++;
  return index;
}

void *secret_allocate(size_t size, const char *file, int line) {
  (void)file, (void)line;
  size_t index = index_for(size);
  if (index == sizes) return NULL;
  if (!heap) {
    void *range = mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (range == MAP_FAILED) return NULL;
    heap = range;
    heap->next = (char *)range + sizeof *heap;
  }
  struct header *block = heap->free_blocks[index];
  if (block) {
    heap->free_blocks[index] = block->next_free;
    return block + 1;
  }
  size_t whole = sizeof(struct header) + block_size(index);
  if (whole > (size_t)((char *)heap + room - heap->next)) return NULL;
  block = (struct header *)heap->next;
  heap->next += whole;
  block->size_index = index;
  return block + 1;
}

void *secret_reallocate(void *memory, size_t size, const char *file, int line) {
  if (!memory) return secret_allocate(size, file, line);
  size_t old = block_size(((struct header *)memory - 1)->size_index);
  if (size && size <= old) return memory;
  void *larger = size ? secret_allocate(size, file, line) : NULL;
  if (size && !larger) return NULL;
  if (larger) memcpy(larger, memory, old);
  secret_free(memory, file, line);
  return larger;
}

void secret_free(void *memory, const char *file, int line) {
  (void)file, (void)line;
  if (!memory) return;
  struct header *block = (struct header *)memory - 1;
  explicit_bzero(memory, block_size(block->size_index));
  block->next_free = heap->free_blocks[block->size_index];
  heap->free_blocks[block->size_index] = block;
}

void secret_abandon_free_blocks(void) {
  if (heap) memset(heap->free_blocks, 0, sizeof heap->free_blocks);
}

int secret_exclude_from_forks(void) { return heap ? madvise(heap, room, MADV_DONTFORK) : 0; }

void secret_unmap(void) {
  if (heap) munmap(heap, room);
}
