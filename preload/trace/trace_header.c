/*
 * The header of a new trace.  Reads /proc and asks the kernel; everything that
 * cannot be had is left empty.  See trace_header.h.
 */
#include "trace/trace_header.h"

#include <fcntl.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "base/sys.h"
#include "frames/mapped_path.h"
#include "trace/trace_clock.h"

static int hex_digit(char c)
{
  if (c >= '0' && c <= '9')
    return c - '0';
  return (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
}

/* 36 characters such as "1b4e28ba-2fa1-11d2-883f-0016d3cca427", as 16 bytes. */
static void read_boot_id(uint8_t id[16])
{
  char text[64];
  uint8_t bytes[16];
  ssize_t length = sys_read_file("/proc/sys/kernel/random/boot_id", text, sizeof text);
  int digits = 0;

  for (ssize_t i = 0; i < length && digits < 32; i++) {
    int digit = hex_digit(text[i]);

    if (digit < 0)
      continue;
    if (digits % 2 == 0)
      bytes[digits / 2] = (uint8_t)(digit << 4);
    else
      bytes[digits / 2] |= (uint8_t)digit;
    digits++;
  }
  if (digits == 32)
    memcpy(id, bytes, 16);
}

/* Read once: it is the children's, too. */
static void copy_boot_id(uint8_t id[16])
{
  static uint8_t boot_id[16];
  static bool read;

  if (!read)
    read_boot_id(boot_id);
  read = true;
  memcpy(id, boot_id, sizeof boot_id);
}

/* Without /proc the kernel's note of what was executed is left: it may be a relative path. */
static void read_exe(char *exe, size_t size)
{
  const char *name = (const char *)getauxval(AT_EXECFN);

  if (!mapped_executable(exe, size) && name)
    strncpy(exe, name, size - 1);
}

static void read_cmdline(struct vt_file_header *header)
{
  ssize_t n = sys_read_file("/proc/self/cmdline", header->cmdline, sizeof header->cmdline);

  header->cmdline_len = n > 0 ? (uint32_t)n : 0;
}

void header_fill(struct vt_file_header *header, const struct trace_config *config, const uint8_t id[16],
                 const uint8_t parent[16], int pid)
{
  struct utsname name;

  trace_clock_look();
  header->clock_offset = trace_clock_offset();
  header->start_ns = trace_now();
  header->start_real_ns = sys_clock_ns(CLOCK_REALTIME);
  header->version = VT_VERSION;
  header->header_size = VT_HEADER_SIZE;
  header->page_size = (uint32_t)getauxval(AT_PAGESZ);
  header->addr_shift = config->addr_shift;
  header->flags = config->flags;
  memcpy(header->trace_id, id, 16);
  memcpy(header->parent_id, parent, 16);
  if (config->run_id)
    memcpy(header->run_id, config->run_id, sizeof header->run_id);
  copy_boot_id(header->boot_id);
  header->pid = pid;
  header->ppid = (int32_t)sys_call(SYS_getppid, 0, 0, 0, 0, 0, 0);
  header->sample_ms = config->sample_ms;
  header->stack_frames = config->stack_frames;
  header->own_start = config->own_start;
  header->own_end = config->own_end;
  header->heap_start = config->heap_start;
  header->heap_end = config->heap_end;
  if (sys_call(SYS_uname, (long)&name, 0, 0, 0, 0, 0) == 0)
    memcpy(header->host, name.nodename, strnlen(name.nodename, sizeof header->host - 1));
  read_exe(header->exe, sizeof header->exe);
  if (sys_call(SYS_getcwd, (long)header->cwd, sizeof header->cwd, 0, 0, 0, 0) < 0)
    header->cwd[0] = '\0';
  read_cmdline(header);
  __atomic_signal_fence(__ATOMIC_SEQ_CST);
  memcpy(header->magic, VT_MAGIC, sizeof header->magic);
}
