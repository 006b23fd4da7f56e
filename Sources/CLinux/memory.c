// What a server makes of its memory before it forks: each page that is mapped, and each that is written between one fork
// and the next, has its price then.
#define _GNU_SOURCE
#include "CLinux.h"

#include <fcntl.h>
#include <link.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static uintptr_t reserve;

int posix_keep_heap(uintptr_t bytes) {
  if (sbrk((intptr_t)bytes) == (void *)-1) return -1;
  sbrk(-(intptr_t)bytes);
  reserve = bytes;
  mallopt(M_MMAP_MAX, 0);
  mallopt(M_TRIM_THRESHOLD, -1);
  mallopt(M_TOP_PAD, (int)reserve);
  return 0;
}

// Has the heap grow by its reserve where less is left: asking for more than that does it.
static void reserve_heap(void) {
  size_t left = mallinfo2().keepcost;
  if (left >= reserve / 8 * 7) return;
  void *volatile piece = malloc(left);
  free(piece);
}

void posix_trim_heap(void) {
  malloc_trim(0);
  reserve_heap();
}

enum { page = 4096, huge = 2 << 20 };

// Whether huge pages are given to those who ask.
static int has_huge_pages(void) {
  char text[64] = "";
  int file = open("/sys/kernel/mm/transparent_hugepage/enabled", O_RDONLY | O_CLOEXEC);
  if (file < 0) return 0;
  ssize_t length = read(file, text, sizeof text - 1);
  close(file);
  return length > 0 && !strstr(text, "[never]");
}

struct range {
  uintptr_t start, end;
};

static struct range range_of(const struct dl_phdr_info *program, const ElfW(Phdr) *segment) {
  uintptr_t start = program->dlpi_addr + segment->p_vaddr;
  return (struct range){start, start + segment->p_memsz};
}

// Whether a segment is written to by relocation alone, which is over.
static int is_relocated(const struct dl_phdr_info *program, const ElfW(Phdr) *segment) {
  struct range all = range_of(program, segment);
  for (int i = 0; i < program->dlpi_phnum; i++) {
    if (program->dlpi_phdr[i].p_type != PT_GNU_RELRO) continue;
    struct range relocated = range_of(program, &program->dlpi_phdr[i]);
    if (all.start >= relocated.start && all.end <= relocated.end) return 1;
  }
  return 0;
}

// How many huge pages of code reviews need, and of constants; the linker puts the rest behind them (Build/link).
enum { code_pages = 4, constant_pages = 1 };

// Moves the beginning of a segment into huge pages, if the linker gave it pages of that size for itself alone. What the
// segment does not fill becomes zeros.
static void use_huge_pages(struct range all, size_t alignment, size_t pages, int protection) {
  if (alignment < huge || all.start % huge || !has_huge_pages()) return;
  size_t filled = (all.end - all.start + huge - 1) / huge;
  size_t size = (filled < pages ? filled : pages) * huge;
  char *room = mmap(NULL, size + huge, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (room == MAP_FAILED) return;
  char *copy = room + (huge - (uintptr_t)room % huge) % huge;
  madvise(copy, size, MADV_HUGEPAGE);
  memcpy(copy, (void *)all.start, all.end - all.start < size ? all.end - all.start : size);
  if (!mprotect(copy, size, protection)) mremap(copy, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, all.start);
  munmap(room, size + huge);
}

// Drops the pages of the file in a range; those that were written are not the file's any more.
static void drop_file_pages(int pagemap, uintptr_t start, uintptr_t end) {
  uint64_t entries[512];
  for (uintptr_t at = start; at < end;) {
    size_t count = (end - at) / page < 512 ? (end - at) / page : 512;
    if (pread(pagemap, entries, count * 8, (off_t)(at / page * 8)) != (ssize_t)count * 8) return;
    for (size_t i = 0; i < count; i++)
      // Present, and of a file.
      if (entries[i] >> 63 && entries[i] >> 61 & 1) madvise((void *)(at + i * page), page, MADV_DONTNEED);
    at += count * page;
  }
}

static int forget_segments(struct dl_phdr_info *program, size_t size, void *pagemap) {
  (void)size;
  static int done;
  for (int i = 0; i < program->dlpi_phnum; i++) {
    const ElfW(Phdr) *segment = &program->dlpi_phdr[i];
    if (segment->p_type != PT_LOAD) continue;
    struct range all = range_of(program, segment);
    uintptr_t start = all.start / page * page, end = (all.end + page - 1) / page * page;
    if (!done && segment->p_flags == (PF_R | PF_X))
      use_huge_pages(all, segment->p_align, code_pages, PROT_READ | PROT_EXEC);
    if (!done && (segment->p_flags == PF_R || is_relocated(program, segment)))
      use_huge_pages(all, segment->p_align, constant_pages, PROT_READ);
    drop_file_pages(*(int *)pagemap, start, end);
  }
  done = 1;
  return 1;  // the program itself comes first
}

// The pages by which the kernel tells the time without a call, one mapping after the other.
static struct range clock_pages;

static void find_clock(void) {
  FILE *maps = fopen("/proc/self/maps", "re");
  char line[512], name[16];
  unsigned long start, end;
  while (maps && fgets(line, sizeof line, maps)) {
    if (sscanf(line, "%lx-%lx %*s %*s %*s %*s %15s", &start, &end, name) != 3) continue;
    if (strncmp(name, "[vvar", 5) && strcmp(name, "[vdso]")) continue;
    if (clock_pages.end != start) clock_pages.start = start;
    clock_pages.end = end;
  }
  if (maps) fclose(maps);
}

void posix_keep_clock_from_children(void) {
  if (clock_pages.end) madvise((void *)clock_pages.start, clock_pages.end - clock_pages.start, MADV_DONTFORK);
}

static void fill_heap(void) {
  // Where malloc begins to cut from what nobody had yet.
  char *fresh = (char *)sbrk(0) - mallinfo2().keepcost;
  for (size_t size = 64 * 1024; size >= 24; size -= size > 1024 ? size / 4 : 16) {
    char *volatile piece;  // volatile: a compiler knows that what nobody uses need not be allocated
    while ((piece = malloc(size)) && piece < fresh) {}
    free(piece);
  }
  reserve_heap();
}

// What the C library has of the main thread lies at the beginning of the heap, right before malloc's first chunk, and every
// process writes to both: moved by so much, they share a page.
static _Thread_local volatile char shift[3584];

void posix_forget_startup(void) {
  (void)shift[0];  // no program has it but those that call this
  find_clock();
  int pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
  dl_iterate_phdr(forget_segments, &pagemap);
  if (pagemap >= 0) close(pagemap);
  malloc_trim(0);
  fill_heap();
}
