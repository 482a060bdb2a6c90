/*
 * The accessors that libunwind asks; see unwind_source.h.  Called by frame_probe.c.
 *
 * Unwind information is searched for by libunwind's own function, in the table
 * that a module's .eh_frame_hdr is.  No file is opened: where a module was linked without that table, its code counts
 * as not described.
 */
#include "unwind/unwind_source.h"

#include <elf.h>
#include <errno.h>
#include <link.h>
#include <stddef.h>
#include <string.h>

#include "unwind/libunwind_image.h"
#include "unwind/machine.h"

/* In libunwind's library, and in no header of it. */
#define SEARCH_TABLE UNW_OBJ(dwarf_search_unwind_table)
extern int SEARCH_TABLE(unw_addr_space_t space, unw_word_t ip, unw_dyn_info_t *table, unw_proc_info_t *info, int whole,
                        void *arg);

/* Many times what the longest of procedures needs. */
#define QUESTIONS_PER_STEP (1u << 20)

/* .eh_frame_hdr: four bytes, a pointer to .eh_frame and the number of entries, by the usual encodings. */
#define HEADER_VERSION 1
#define ENCODED_PCREL_SDATA4 0x1b
#define ENCODED_UDATA4 0x03
#define ENCODED_DATAREL_SDATA4 0x3b
#define DYNAMIC_MAX 256

struct eh_frame_header {
  uint8_t version, frame_encoding, count_encoding, table_encoding;
  int32_t frame;
  uint32_t count;
};

static unw_addr_space_t space;

/* ---- memory and registers ---- */

/* As far from one of the state's pointers as a frame may be large. */
#define STACK_NEAR (UINT64_C(1) << 20)

static bool is_near(uint64_t addr, uint64_t place, uint64_t reach)
{
  return addr - (place - reach) < 2 * reach;
}

/* A word of the stack that an invented state leads to. */
static bool invent(const struct unwind_source *source, uint64_t addr, uint64_t *value)
{
  if (!source->invents || (!is_near(addr, source->frame, STACK_NEAR) &&
                           !is_near(addr, source->registers[MACHINE_STACK_POINTER], STACK_NEAR)))
    return false;
  *value = 0;
  return true;
}

static int access_mem(unw_addr_space_t of, unw_word_t addr, unw_word_t *value, int write, void *arg)
{
  struct unwind_source *source = arg;

  (void)of;
  if (unlikely(write) || unlikely(!source->questions))
    return -UNW_EUNSPEC;
  source->questions--;
  if (unlikely(source->invents) && addr == source->invented.addr)
    *value = source->invented.value;
  else if (!peek_word(source->peek, addr, value) && !invent(source, addr, value))
    return -UNW_EUNSPEC;
  if (is_near(addr, source->frame, SOURCE_NEAR) && source->reads < SOURCE_READS)
    source->read[source->reads++] = (struct source_read){addr, *value};
  return 0;
}

static int access_reg(unw_addr_space_t of, unw_regnum_t number, unw_word_t *value, int write, void *arg)
{
  const struct unwind_source *source = arg;

  (void)of;
  if (write || number < 0 || number >= SOURCE_REGISTERS || !(source->known >> number & 1))
    return -UNW_EBADREG;
  *value = source->registers[number];
  return 0;
}

static int access_fpreg(unw_addr_space_t of, unw_regnum_t number, unw_fpreg_t *value, int write, void *arg)
{
  (void)of;
  (void)number;
  (void)value;
  (void)write;
  (void)arg;
  return -UNW_EBADREG;
}

/* ---- unwind information ---- */

/* What data-relative addresses of the module are relative to. */
static uint64_t data_base(struct peek *peek, uint64_t dynamic)
{
  uint64_t tag, value;

  for (unsigned i = 0; dynamic && i < DYNAMIC_MAX; i++) {
    uint64_t at = dynamic + i * sizeof(ElfW(Dyn));

    if (!peek_word(peek, at, &tag) || tag == DT_NULL)
      break;
    if (tag == DT_PLTGOT)
      return peek_word(peek, at + offsetof(ElfW(Dyn), d_un), &value) ? value : 0;
  }
  return 0;
}

static bool read_header(struct peek *peek, uint64_t addr, struct eh_frame_header *header)
{
  uint64_t first, second;

  if (!peek_word(peek, addr, &first) || !peek_word(peek, addr + 4, &second))
    return false;
  memcpy(header, &first, sizeof first);
  memcpy((char *)header + 4, &second, sizeof second);
  return header->version == HEADER_VERSION && header->frame_encoding == ENCODED_PCREL_SDATA4 &&
         header->count_encoding == ENCODED_UDATA4 && header->table_encoding == ENCODED_DATAREL_SDATA4;
}

static int find_proc_info(unw_addr_space_t of, unw_word_t ip, unw_proc_info_t *info, int whole, void *arg)
{
  struct unwind_source *source = arg;
  struct eh_frame_header header;
  struct unwind_info module;
  unw_dyn_info_t table;
  int rc;

  if (!unwind_info_find(ip, &module) || !read_header(source->peek, module.header, &header))
    return -UNW_ENOINFO;
  memset(&table, 0, sizeof table);
  table.format = UNW_INFO_FORMAT_REMOTE_TABLE;
  table.start_ip = module.start;
  table.end_ip = module.end;
  table.gp = info->gp = data_base(source->peek, module.dynamic);
  table.u.rti.segbase = module.header;
  table.u.rti.table_data = module.header + sizeof header;
  table.u.rti.table_len = header.count;
  rc = SEARCH_TABLE(of, ip, &table, info, whole, arg);
  if (rc >= 0)
    source->described = true;
  return rc;
}

/* libunwind takes back itself what its search gave. */
static void put_unwind_info(unw_addr_space_t of, unw_proc_info_t *info, void *arg)
{
  (void)of;
  (void)info;
  (void)arg;
}

static int get_dyn_info_list_addr(unw_addr_space_t of, unw_word_t *addr, void *arg)
{
  (void)of;
  (void)addr;
  (void)arg;
  return -UNW_ENOINFO;
}

static int resume(unw_addr_space_t of, unw_cursor_t *cursor, void *arg)
{
  (void)of;
  (void)cursor;
  (void)arg;
  return -UNW_EINVAL;
}

static int get_proc_name(unw_addr_space_t of, unw_word_t ip, char *name, size_t size, unw_word_t *offset, void *arg)
{
  (void)of;
  (void)ip;
  (void)name;
  (void)size;
  (void)offset;
  (void)arg;
  return -UNW_EUNSPEC;
}

/* ---- walks ---- */

int unwind_source_start(void)
{
  unw_accessors_t accessors = {
      .find_proc_info = find_proc_info,
      .put_unwind_info = put_unwind_info,
      .get_dyn_info_list_addr = get_dyn_info_list_addr,
      .access_mem = access_mem,
      .access_reg = access_reg,
      .access_fpreg = access_fpreg,
      .resume = resume,
      .get_proc_name = get_proc_name,
  };
  int rc = libunwind_image_start();

  if (rc != 0)
    return rc;
  space = unw_create_addr_space(&accessors, 0);
  /* Rules make its cache unnecessary, which takes a lock. */
  return space && unw_set_caching_policy(space, UNW_CACHE_NONE) == 0 ? 0 : -ENOMEM;
}

void unwind_source_init(struct unwind_source *source, struct peek *peek)
{
  memset(source, 0, sizeof *source);
  source->peek = peek;
}

int unwind_source_begin(struct unwind_source *source, unw_cursor_t *cursor)
{
  source->questions = QUESTIONS_PER_STEP;
  return unw_init_remote(cursor, space, source);
}

int unwind_source_step(struct unwind_source *source, unw_cursor_t *cursor)
{
  source->questions = QUESTIONS_PER_STEP;
  source->described = false;
  source->reads = 0;
  return unw_step(cursor);
}
