/*
 * Names of code addresses.  See code_names.h; called by report.c.
 *
 * A file is used only if it still is the one that is mapped (device and
 * inode).  Every offset in it is checked: it may be damaged, or no ELF file at all.
 */
#include "entry/code_names.h"

#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/own.h"
#include "base/sys.h"
#include "frames/vmas.h"

#define MAPS_MAX (UINT64_C(4) << 20)

struct code_names {
  /* The file that the latest answer came from; base NULL: none, or none that can be read. */
  uint64_t dev, inode;
  const uint8_t *base;
  uint64_t size;
  uint64_t used;       /* bytes of maps */
  char maps[MAPS_MAX]; /* lines ended by NUL; pages that are not needed cost nothing */
};

static bool read_maps(struct code_names *names)
{
  int fd = sys_open("/proc/self/maps", O_RDONLY | O_CLOEXEC, 0);
  ssize_t n = 0;

  if (fd < 0)
    return false;
  while (names->used < MAPS_MAX - 1) {
    n = sys_read(fd, names->maps + names->used, MAPS_MAX - 1 - names->used);
    if (n <= 0)
      break;
    names->used += (uint64_t)n;
  }
  sys_close(fd);
  for (uint64_t i = 0; i < names->used; i++)
    if (names->maps[i] == '\n')
      names->maps[i] = '\0';
  return names->used > 0;
}

struct code_names *code_names_open(void)
{
  struct code_names *names = own_map(sizeof *names);

  if (names && !read_maps(names)) {
    own_unmap(names, sizeof *names);
    return NULL;
  }
  return names;
}

static void close_file(struct code_names *names)
{
  if (names->base)
    sys_munmap((void *)(uintptr_t)names->base, names->size);
  names->base = NULL;
  names->dev = names->inode = 0;
}

void code_names_close(struct code_names *names)
{
  if (!names)
    return;
  close_file(names);
  own_unmap(names, sizeof *names);
}

static bool find_mapping(const struct code_names *names, uint64_t pc, struct vma *vma, const char **path)
{
  for (uint64_t at = 0; at < names->used; at += strlen(names->maps + at) + 1)
    if (vmas_parse_line(names->maps + at, vma, path) && pc >= vma->start && pc < vma->end)
      return true;
  return false;
}

/* Maps the file behind vma, if it is still there under that path. */
static bool open_file(struct code_names *names, const struct vma *vma, const char *path)
{
  struct stat st;
  void *base;
  int fd;

  if (names->base && names->dev == vma->dev && names->inode == vma->inode)
    return true;
  close_file(names);
  fd = path[0] == '/' ? sys_open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0) : -1;
  if (fd < 0)
    return false;
  if (sys_fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_ino == vma->inode && st.st_size > 0) {
    base = sys_mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (!sys_failed(base)) {
      names->base = base;
      names->size = (uint64_t)st.st_size;
      names->dev = vma->dev;
      names->inode = vma->inode;
    }
  }
  sys_close(fd);
  return names->base != NULL;
}

/* count entries of entry_size bytes at offset; NULL: they are not in the file. */
static const void *table_at(const struct code_names *names, uint64_t offset, uint64_t count, uint64_t entry_size)
{
  uint64_t bytes;

  if (__builtin_mul_overflow(count, entry_size, &bytes) || offset > names->size || bytes > names->size - offset ||
      offset % 8)
    return NULL;
  return names->base + offset;
}

static const ElfW(Ehdr) * elf_header(const struct code_names *names)
{
  const ElfW(Ehdr) *e = table_at(names, 0, 1, sizeof *e);

  return e && memcmp(e->e_ident, ELFMAG, SELFMAG) == 0 && e->e_ident[EI_CLASS] == ELFCLASS64 ? e : NULL;
}

/* From a place in the file to the address that symbols and addr2line go by. */
static uint64_t file_address(const struct code_names *names, const ElfW(Ehdr) * e, uint64_t offset)
{
  const ElfW(Phdr) *p = table_at(names, e->e_phoff, e->e_phnum, sizeof *p);

  for (unsigned i = 0; p && i < e->e_phnum; i++)
    if (p[i].p_type == PT_LOAD && offset >= p[i].p_offset && offset - p[i].p_offset < p[i].p_filesz)
      return offset - p[i].p_offset + p[i].p_vaddr;
  return offset;
}

static const char *search_symbols(const struct code_names *names, const ElfW(Shdr) * sections, unsigned count,
                                  unsigned type, uint64_t address, uint64_t *distance)
{
  for (unsigned i = 0; i < count; i++) {
    const ElfW(Shdr) *s = &sections[i];
    const ElfW(Sym) *symbols = table_at(names, s->sh_offset, s->sh_size / sizeof *symbols, sizeof *symbols);
    const ElfW(Shdr) *strings = s->sh_link < count ? &sections[s->sh_link] : NULL;

    if (s->sh_type != type || !symbols || !strings || strings->sh_offset > names->size ||
        strings->sh_size > names->size - strings->sh_offset)
      continue;
    for (uint64_t n = s->sh_size / sizeof *symbols, at = 0; at < n; at++) {
      const char *name = (const char *)names->base + strings->sh_offset + symbols[at].st_name;

      if (ELF64_ST_TYPE(symbols[at].st_info) != STT_FUNC || symbols[at].st_shndx == SHN_UNDEF ||
          address - symbols[at].st_value >= symbols[at].st_size || symbols[at].st_name >= strings->sh_size ||
          !memchr(name, 0, strings->sh_size - symbols[at].st_name))
        continue;
      *distance = address - symbols[at].st_value;
      return name;
    }
  }
  return NULL;
}

static const char *find_function(const struct code_names *names, const ElfW(Ehdr) * e, uint64_t address,
                                 uint64_t *distance)
{
  const ElfW(Shdr) *sections = table_at(names, e->e_shoff, e->e_shnum, sizeof *sections);
  const char *name;

  if (!sections)
    return NULL;
  name = search_symbols(names, sections, e->e_shnum, SHT_SYMTAB, address, distance);
  return name ? name : search_symbols(names, sections, e->e_shnum, SHT_DYNSYM, address, distance);
}

const char *code_name(struct code_names *names, uint64_t pc, char *buf, size_t size)
{
  const ElfW(Ehdr) *e = NULL;
  const char *path, *function;
  struct vma vma;
  uint64_t offset, distance;

  if (!names || !find_mapping(names, pc, &vma, &path) || !path[0]) {
    text_format(buf, size, "0x%lx", pc);
    return buf;
  }
  offset = pc - vma.start + vma.offset;
  if (open_file(names, &vma, path))
    e = elf_header(names);
  if (e)
    offset = file_address(names, e, offset);
  function = e ? find_function(names, e, offset, &distance) : NULL;
  if (function)
    text_format(buf, size, "%s+0x%lx (%s+0x%lx)", function, distance, path, offset);
  else
    text_format(buf, size, "%s+0x%lx", path, offset);
  return buf;
}
