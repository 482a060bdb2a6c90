/*
 * The names of allocation wrappers.  See call_site.h.  Called by
 * model/call_tree.c once per stack in a report.
 */
#include "model/call_site.h"

#include <stdlib.h>
#include <string.h>

/* Ascending.  Functions of widely used programs and libraries whose one job is to return memory. */
static const char *const names[] = {
    "CRYPTO_malloc",
    "CRYPTO_realloc",
    "CRYPTO_strdup",
    "CRYPTO_zalloc",
    "PyMem_Calloc",
    "PyMem_Malloc",
    "PyMem_RawCalloc",
    "PyMem_RawMalloc",
    "PyMem_RawRealloc",
    "PyMem_Realloc",
    "PyObject_Calloc",
    "PyObject_Malloc",
    "PyObject_Realloc",
    "_PyMem_RawCalloc",
    "_PyMem_RawMalloc",
    "_PyMem_RawRealloc",
    "__libc_calloc",
    "__libc_malloc",
    "__libc_realloc",
    "__strdup",
    "__strndup",
    "_xmalloc",
    "aligned_alloc",
    "calloc",
    "do_xmalloc",
    "emalloc",
    "erealloc",
    "g_malloc",
    "g_malloc0",
    "g_malloc0_n",
    "g_malloc_n",
    "g_realloc",
    "g_realloc_n",
    "g_slice_alloc",
    "g_slice_alloc0",
    "g_strdup",
    "g_strndup",
    "g_try_malloc",
    "g_try_realloc",
    "ggc_internal_alloc",
    "malloc",
    "memalign",
    "posix_memalign",
    "pvalloc",
    "realloc",
    "reallocarray",
    "safe_malloc",
    "sqlite3MemMalloc",
    "sqlite3MemRealloc",
    "sqlite3Malloc",
    "sqlite3_malloc",
    "sqlite3_malloc64",
    "sqlite3_realloc",
    "sqlite3_realloc64",
    "strdup",
    "strndup",
    "valloc",
    "xcalloc",
    "xmalloc",
    "xmemdup",
    "xrealloc",
    "xreallocarray",
    "xstrdup",
    "xstrndup",
    "xzalloc",
    "zcalloc",
    "zmalloc",
    "zmalloc_usable",
    "zrealloc",
    "zrealloc_usable",
    "ztrycalloc_usable",
    "ztrymalloc_usable",
    "ztryrealloc_usable",
};

static bool begins(const char *text, const char *with)
{
  return strncmp(text, with, strlen(with)) == 0;
}

/*
 * Where the name begins in a demangled C++ declaration: templates have their
 * result in front ("void std::vector<int>::push_back(int)").
 */
static const char *declared_name(const char *text)
{
  const char *name = text;
  int depth = 0;

  for (const char *p = text; *p; p++) {
    if (*p == '<')
      depth++;
    else if (*p == '>' && p > text && p[-1] != '-')
      depth--;
    else if (*p == '(' && depth == 0)
      break;
    else if (*p == ' ' && depth == 0 && !begins(name, "operator"))
      name = p + 1;
    if (depth == 0 && begins(p, "operator") && (p == text || p[-1] == ' ' || p[-1] == ':'))
      break; /* what follows may hold any sign */
  }
  return name;
}

bool call_site_is_wrapper(const struct symbol *frame)
{
  const char *name = frame->function;

  if (!name)
    return false;
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    if (strcmp(name, names[i]) == 0)
      return true;
  }
  name = declared_name(name);
  return begins(name, "operator new") || begins(name, "std::") || begins(name, "__gnu_cxx::") ||
         begins(name, "alloc::") || begins(name, "<alloc::") || begins(name, "__rust_alloc") ||
         begins(name, "__rust_realloc") || begins(name, "__rg_") || begins(name, "__rdl_");
}
