/*
 * Where separate debug files are.  See debug_file.h.  Called by
 * symbols/symbol_file.c and, through libdwfl, by itself.
 */
#include "symbols/debug_file.h"

#include <elfutils/libdwelf.h>
#include <libgen.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "reader/xalloc.h"
#include "symbols/debuginfod.h"
#include "symbols/regular_file.h"

#define SYSTEM_ROOT "/usr/lib/debug"
#define ID_MAX 64 /* bytes of a build id */

static char *user_root;
static bool local_only;

void debug_file_root(const char *directory)
{
  char *absolute = realpath(directory, NULL);

  free(user_root);
  user_root = absolute ? absolute : xstrdup(directory);
}

const char *debug_file_directory(unsigned i)
{
  if (i == 0)
    return user_root ? user_root : SYSTEM_ROOT;
  return i == 1 && user_root ? SYSTEM_ROOT : NULL;
}

void debug_file_stay_local(void)
{
  local_only = true;
}

bool debug_file_is_build(Elf *elf, const char *build_id)
{
  const void *bits;
  ssize_t n = dwelf_elf_gnu_build_id(elf, &bits);

  if (n <= 0 || strlen(build_id) != 2 * (size_t)n)
    return false;
  for (ssize_t i = 0; i < n; i++) {
    char hex[3];

    snprintf(hex, sizeof hex, "%02x", ((const uint8_t *)bits)[i]);
    if (memcmp(hex, build_id + 2 * i, 2) != 0)
      return false;
  }
  return true;
}

static bool to_hex(const void *bits, size_t n, char hex[2 * ID_MAX + 1])
{
  if (n < 2 || n > ID_MAX)
    return false;
  for (size_t i = 0; i < n; i++)
    snprintf(hex + 2 * i, 3, "%02x", ((const uint8_t *)bits)[i]);
  return true;
}

/* ---- candidates ---- */

/* What a file has to be. */
struct wanted {
  const char *build_id;    /* NULL: not known, then the checksum decides */
  uint32_t crc;            /* of a debug link */
  const struct stat *self; /* not this one; NULL */
};

/* The checksum of a debug link: CRC-32 of the whole file. */
static bool has_crc(int fd, uint32_t wanted)
{
  uint8_t block[65536];
  uint32_t crc = UINT32_MAX;
  off_t at = 0;
  ssize_t n;

  for (; (n = pread(fd, block, sizeof block, at)) > 0; at += n) {
    for (ssize_t i = 0; i < n; i++) {
      crc ^= block[i];
      for (unsigned bit = 0; bit < 8; bit++)
        crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
    }
  }
  return n == 0 && ~crc == wanted;
}

static bool is_wanted(int fd, const struct wanted *w)
{
  Elf *elf;
  bool right;

  if (!w->build_id)
    return has_crc(fd, w->crc);
  elf_version(EV_CURRENT); /* without it libelf does nothing */
  elf = elf_begin(fd, ELF_C_READ_MMAP, NULL);
  right = elf && debug_file_is_build(elf, w->build_id);
  elf_end(elf);
  return right;
}

/* Opens the file of that name if it is the one; takes the name. */
static int try_file(char *path, const struct wanted *w, char **found)
{
  struct stat st;
  int fd = regular_file_open(path, &st);

  if (fd >= 0 && ((w->self && w->self->st_dev == st.st_dev && w->self->st_ino == st.st_ino) || !is_wanted(fd, w))) {
    close(fd);
    fd = -1;
  }
  if (fd >= 0)
    *found = path;
  else
    free(path);
  return fd;
}

static int try_build_id(const char *build_id, const struct wanted *w, char **found)
{
  int fd = -1;

  if (strlen(build_id) < 4 || strspn(build_id, "0123456789abcdef") != strlen(build_id))
    return -1;
  for (unsigned i = 0; fd < 0 && debug_file_directory(i); i++)
    fd = try_file(xasprintf("%s/.build-id/%.2s/%s.debug", debug_file_directory(i), build_id, build_id + 2), w, found);
  return fd;
}

int debug_file_by_build_id(const char *build_id, char **path)
{
  const struct wanted wanted = {.build_id = build_id};
  int fd = try_build_id(build_id, &wanted, path);

  if (fd < 0 && !local_only)
    fd = debuginfod_fetch(build_id, path);
  return fd;
}

/* In the directory of the file, in .debug there, and at the same place below the debug directories. */
static int try_link(const char *file, const char *link, const struct wanted *w, char **found)
{
  char *copy = xstrdup(file);
  const char *directory = dirname(copy);
  int fd = try_file(xasprintf("%s/%s", directory, link), w, found);

  if (fd < 0)
    fd = try_file(xasprintf("%s/.debug/%s", directory, link), w, found);
  for (unsigned i = 0; fd < 0 && debug_file_directory(i); i++) {
    fd = try_file(xasprintf("%s%s/%s", debug_file_directory(i), directory, link), w, found);
    if (fd < 0)
      fd = try_file(xasprintf("%s/%s", debug_file_directory(i), link), w, found);
  }
  free(copy);
  return fd;
}

int debug_file_find(Dwfl_Module *module, void **userdata, const char *name, Dwarf_Addr base, const char *file,
                    const char *link, GElf_Word crc, char **found)
{
  char hex[2 * ID_MAX + 1];
  const unsigned char *bits;
  GElf_Addr where;
  struct stat self;
  struct wanted wanted = {.crc = crc};
  int n = dwfl_module_build_id(module, &bits, &where), fd = -1;

  (void)userdata;
  (void)name;
  (void)base;
  /* A link without a checksum is one to a second debug file: see debug_file_set_alternate. */
  if (!file || (link && crc == 0))
    return -1;
  if (n > 0 && to_hex(bits, (size_t)n, hex))
    wanted.build_id = hex;
  if (stat(file, &self) == 0)
    wanted.self = &self;
  if (wanted.build_id)
    fd = try_build_id(wanted.build_id, &wanted, found);
  if (fd < 0 && link)
    fd = try_link(file, link, &wanted, found);
  if (fd < 0 && wanted.build_id && !local_only)
    fd = debuginfod_fetch(wanted.build_id, found);
  return fd;
}

/* ---- the second debug file ---- */

static Dwarf *open_alternate(const char *link, const char *build_id, const char *path, int *fd)
{
  const struct wanted wanted = {.build_id = build_id};
  char *found = NULL, *copy = xstrdup(path);
  Dwarf *alternate;

  *fd = try_build_id(build_id, &wanted, &found);
  if (*fd < 0 && link[0] == '/')
    *fd = try_file(xasprintf("%s", link), &wanted, &found);
  if (*fd < 0 && link[0] != '/')
    *fd = try_file(xasprintf("%s/%s", dirname(copy), link), &wanted, &found);
  if (*fd < 0 && !local_only)
    *fd = debuginfod_fetch(build_id, &found);
  free(found);
  free(copy);
  if (*fd < 0)
    return NULL;
  alternate = dwarf_begin(*fd, DWARF_C_READ);
  if (!alternate) {
    close(*fd);
    *fd = -1;
  }
  return alternate;
}

/* An ELF file of two sections with nothing in them: a Dwarf in which nothing is found. */
static Dwarf *empty_dwarf(void)
{
  static const char names[] = "\0.shstrtab\0.debug_line\0.debug_str";
  static union {
    struct {
      Elf64_Ehdr head;
      Elf64_Shdr section[4];
      char names[sizeof names];
      char text[1];
    } file;
    char bytes[1];
  } image;
  const size_t names_at = offsetof(__typeof__(image.file), names), text_at = offsetof(__typeof__(image.file), text);
  const uint16_t one = 1;
  Elf *elf;

  memcpy(image.file.head.e_ident, ELFMAG, SELFMAG);
  image.file.head.e_ident[EI_CLASS] = ELFCLASS64;
  image.file.head.e_ident[EI_DATA] = *(const uint8_t *)&one ? ELFDATA2LSB : ELFDATA2MSB;
  image.file.head.e_ident[EI_VERSION] = EV_CURRENT;
  image.file.head.e_type = ET_REL;
  image.file.head.e_version = EV_CURRENT;
  image.file.head.e_ehsize = sizeof(Elf64_Ehdr);
  image.file.head.e_shentsize = sizeof(Elf64_Shdr);
  image.file.head.e_shoff = offsetof(__typeof__(image.file), section);
  image.file.head.e_shnum = 4;
  image.file.head.e_shstrndx = 1;
  image.file.section[1] = (Elf64_Shdr){
      .sh_name = 1, .sh_type = SHT_STRTAB, .sh_offset = names_at, .sh_size = sizeof names, .sh_addralign = 1};
  image.file.section[2] =
      (Elf64_Shdr){.sh_name = 11, .sh_type = SHT_PROGBITS, .sh_offset = text_at, .sh_size = 1, .sh_addralign = 1};
  image.file.section[3] = image.file.section[2];
  image.file.section[3].sh_name = 23;
  memcpy(image.file.names, names, sizeof names);
  elf = elf_memory(image.bytes, sizeof image.file);
  return elf ? dwarf_begin_elf(elf, DWARF_C_READ, NULL) : NULL;
}

bool debug_file_set_alternate(Dwarf *dwarf, const char *path, Dwarf **alternate, int *fd)
{
  static Dwarf *nothing;
  char hex[2 * ID_MAX + 1];
  const char *link;
  const void *bits;
  ssize_t n = dwelf_dwarf_gnu_debugaltlink(dwarf, &link, &bits);

  *alternate = NULL;
  *fd = -1;
  if (n <= 0)
    return true;
  if (to_hex(bits, (size_t)n, hex))
    *alternate = open_alternate(link, hex, path, fd);
  if (!*alternate && !nothing)
    nothing = empty_dwarf();
  if (!*alternate && !nothing)
    return false;
  dwarf_setalt(dwarf, *alternate ? *alternate : nothing);
  return true;
}
