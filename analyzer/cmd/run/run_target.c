/*
 * Looks at a program before it is run: LD_PRELOAD is silently ignored by
 * static, foreign and privileged executables, and an empty trace would be a
 * poor way to say so.  Called by cmd/run/run.c.
 */
#include "cmd/run/run_target.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "cmd/command.h"

#define INTERPRETERS_MAX 5 /* a script of a script of ...: the kernel's limit */
#define LINE_SIZE 4096

static bool is_program(const char *path)
{
  struct stat st;

  return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

/* Searches PATH.  Sets errno as execvp would when there is none. */
static bool search_path(const char *program, char path[PATH_MAX])
{
  const char *dirs = getenv("PATH");
  struct stat st;

  errno = ENOENT;
  if (strchr(program, '/')) {
    if (strlen(program) >= PATH_MAX || stat(program, &st) < 0)
      return false;
    strcpy(path, program);
    errno = EACCES;
    return is_program(path);
  }
  for (const char *dir = dirs ? dirs : "/usr/bin:/bin", *next; dir && *program; dir = next) {
    size_t len = strcspn(dir, ":");
    int n = snprintf(path, PATH_MAX, "%.*s%s%s", (int)len, dir, len ? "/" : "", program);

    next = dir[len] ? dir + len + 1 : NULL;
    if (n > 0 && n < PATH_MAX && is_program(path))
      return true;
  }
  errno = ENOENT;
  return false;
}

static int unfit(const char *path, const char *why)
{
  return command_error(TARGET_UNFIT, "%s %s: libvmtrace.so cannot be loaded into it", path, why);
}

/* The kernel clears LD_PRELOAD's power for programs that gain privileges. */
static bool gains_privileges(int fd)
{
  struct stat st;

  if (fstat(fd, &st) < 0)
    return false;
  if ((st.st_mode & S_ISUID && st.st_uid != geteuid()) || (st.st_mode & S_ISGID && st.st_gid != getegid()))
    return true;
  return geteuid() != 0 && fgetxattr(fd, "security.capability", NULL, 0) > 0;
}

/* The machine that this program itself is for. */
static int own_machine(void)
{
  Elf64_Ehdr own = {0};
  int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

  if (fd >= 0) {
    if (pread(fd, &own, sizeof own, 0) != sizeof own)
      own.e_machine = EM_NONE;
    close(fd);
  }
  return own.e_machine;
}

/* Reads the loader's path; false: there is none, the program is static. */
static bool read_loader(int fd, const Elf64_Ehdr *elf, char loader[LINE_SIZE])
{
  for (unsigned i = 0; i < elf->e_phnum; i++) {
    Elf64_Phdr ph;
    size_t size;

    if (pread(fd, &ph, sizeof ph, (off_t)(elf->e_phoff + i * sizeof ph)) != sizeof ph)
      return false;
    if (ph.p_type != PT_INTERP)
      continue;
    size = ph.p_filesz < LINE_SIZE - 1 ? ph.p_filesz : LINE_SIZE - 1;
    memset(loader, 0, LINE_SIZE);
    return pread(fd, loader, size, (off_t)ph.p_offset) > 0;
  }
  return false;
}

/* glibc's loader, told to run a program: it is not linked to anything, and loads what LD_PRELOAD says. */
static bool is_loader(const char *path)
{
  static const char *const names[] = {"ld-linux", "ld-2.", "ld.so", "ld64.so"};
  char real[PATH_MAX];
  const char *name = realpath(path, real) ? strrchr(real, '/') : NULL;

  for (size_t i = 0; name && i < sizeof names / sizeof *names; i++) {
    if (!strncmp(name + 1, names[i], strlen(names[i])))
      return true;
  }
  return false;
}

static int check_elf(int fd, const char *path)
{
  Elf64_Ehdr elf;
  char loader[LINE_SIZE];
  int machine = own_machine();

  if (pread(fd, &elf, sizeof elf, 0) != sizeof elf)
    return unfit(path, "is cut short");
  if (elf.e_ident[EI_CLASS] != ELFCLASS64)
    return unfit(path, "is a 32-bit program");
  if (machine != EM_NONE && elf.e_machine != machine)
    return unfit(path, "is a program for another kind of processor");
  if (elf.e_phentsize != sizeof(Elf64_Phdr) || !read_loader(fd, &elf, loader))
    return is_loader(path) ? 0 : unfit(path, "is statically linked");
  if (strstr(loader, "musl"))
    return unfit(path, "is linked with musl, not with glibc");
  if (gains_privileges(fd))
    return unfit(path, "is setuid, setgid or has file capabilities");
  return 0;
}

/* The first word after "#!". */
static bool read_interpreter(char line[LINE_SIZE], char path[PATH_MAX])
{
  char *start = line + 2;

  line[strcspn(line, "\n")] = '\0';
  start += strspn(start, " \t");
  start[strcspn(start, " \t")] = '\0';
  if (!*start || strlen(start) >= PATH_MAX)
    return false;
  strcpy(path, start);
  return true;
}

/* 0: it can be traced; -1: a script, whose interpreter is now in path; else an exit code. */
static int check_file(char path[PATH_MAX])
{
  char line[LINE_SIZE] = {0};
  int fd = open(path, O_RDONLY | O_CLOEXEC), code;

  if (fd < 0)
    return errno == EACCES ? 0 : command_error(TARGET_UNFIT, "%s: %s", path, strerror(errno));
  if (pread(fd, line, sizeof line - 1, 0) < 0)
    code = command_error(TARGET_UNFIT, "%s: %s", path, strerror(errno));
  else if (!memcmp(line, ELFMAG, SELFMAG))
    code = check_elf(fd, path);
  else if (line[0] == '#' && line[1] == '!' && read_interpreter(line, path))
    code = -1;
  else
    code = command_error(TARGET_UNFIT, "%s: neither a program nor a script that names its interpreter", path);
  close(fd);
  return code;
}

int target_find(const char *program, char path[PATH_MAX])
{
  char file[PATH_MAX];
  int code = -1;

  if (!search_path(program, path))
    return command_error(errno == EACCES ? TARGET_UNFIT : TARGET_NOT_FOUND, "%s: %s", program,
                         errno == EACCES ? "cannot be executed" : "no such program");
  strcpy(file, path);
  for (int i = 0; i < INTERPRETERS_MAX && code < 0; i++)
    code = check_file(file);
  return code < 0 ? command_error(TARGET_UNFIT, "%s: too many interpreters of interpreters", path) : code;
}
