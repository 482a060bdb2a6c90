/*
 * The names of allocation wrappers.  See call_site.h.  Called by
 * query/heap/call_tree.c once per stack in a report.
 */
#include "symbols/call_site.h"

#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reader/xalloc.h"
#include "symbols/wrapper_names.h"

static const char *const names[] = {
#define W(name) #name,
    WRAPPER_NAMES(W)
#undef W
};

/* What a demangled name begins with: namespaces and classes that allocate for others. */
static const char *const prefixes[] = {
    "operator new",
    "std::",
    "__gnu_cxx::",
    "__rust_alloc",
    "__rust_realloc",
    "__rustc::",
    "__rg_",
    "__rdl_",
    /* the JVM */
    "os::malloc",
    "os::realloc",
    "os::strdup",
    "AllocateHeap(",
    "ReallocateHeap(",
    "resource_allocate_bytes(",
    "resource_reallocate_bytes(",
    "Arena::Arena(",
    "Arena::grow(",
    "Arena::Amalloc",
    "Arena::Arealloc",
    "Chunk::operator new",
    "ChunkPool::allocate",
    "AnyObj::operator new",
    "ResourceObj::operator new",
    "CHeapObjBase::operator new",
    "CHeapObj<",
    "StackObj::operator new",
    "ArrayAllocator<",
    "GrowableArrayCHeapAllocator::allocate",
    "GrowableArrayMetadata::",
    /* others */
    "QArrayData::allocate",
    "QArrayData::reallocate",
    "QListData::",
    "QHashData::allocate",
    "node::Malloc",
    "node::Calloc",
    "node::Realloc",
    "node::UncheckedMalloc",
    "node::UncheckedCalloc",
    "node::UncheckedRealloc",
    "v8::internal::Malloced::",
    "v8::internal::AllocWithRetry(",
    "v8::internal::AlignedAlloc",
    "v8::internal::AccountingAllocator::",
    "llvm::allocate_buffer(",
    "llvm::safe_malloc(",
    "llvm::safe_calloc(",
    "llvm::safe_realloc(",
    "boost::container::",
    "absl::container_internal::Allocate<",
};

/* Patterns of the user's. */
struct pattern {
  struct pattern *next;
  regex_t regex;
};

static struct pattern *patterns;

bool call_site_skip(const char *regex, char *error, size_t size)
{
  struct pattern *pattern = xcalloc(1, sizeof *pattern);
  int code;

  code = regcomp(&pattern->regex, regex, REG_EXTENDED | REG_NOSUB);
  if (code) {
    regerror(code, &pattern->regex, error, size);
    free(pattern);
    return false;
  }
  pattern->next = patterns;
  patterns = pattern;
  return true;
}

static bool is_skipped(const char *name)
{
  for (const struct pattern *p = patterns; p; p = p->next) {
    if (regexec(&p->regex, name, 0, NULL, 0) == 0)
      return true;
  }
  return false;
}

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

/* ---- Rust ---- */

/* What the compiler's own types look like: they have methods and traits of the library, and a program's traits. */
static bool is_primitive(const char *type, size_t length)
{
  static const char *const all[] = {"u8",  "u16",  "u32",   "u64", "u128", "usize", "i8",   "i16", "i32",
                                    "i64", "i128", "isize", "f32", "f64",  "bool",  "char", "str", "_"};

  for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
    if (strlen(all[i]) == length && memcmp(type, all[i], length) == 0)
      return true;
  }
  return false;
}

/* Whether a path of Rust's, a type or a trait, is one of the library's: references, slices and tuples are what they
 * consist of first. */
static bool is_rust_library(const char *path)
{
  static const char *const crates[] = {"core::", "alloc::", "std::", "hashbrown::"};

  for (;;) {
    if (begins(path, "mut ") || begins(path, "dyn "))
      path += 4;
    else if (begins(path, "*const "))
      path += 7;
    else if (*path && strchr("&[(<*", *path))
      path++;
    else
      break;
  }
  for (size_t i = 0; i < sizeof crates / sizeof *crates; i++) {
    if (begins(path, crates[i]))
      return true;
  }
  return is_primitive(path, strcspn(path, ">], );:"));
}

/* The trait in "<TYPE as TRAIT>::f"; NULL in "<TYPE>::f". */
static const char *find_trait(const char *name)
{
  int depth = 0;

  for (const char *p = name; *p; p++) {
    if (*p == '<' || *p == '(' || *p == '[')
      depth++;
    else if ((*p == '>' && p[-1] != '-') || *p == ')' || *p == ']')
      depth--;
    else if (depth == 1 && begins(p, " as "))
      return p + 4;
    if (depth == 0)
      return NULL;
  }
  return NULL;
}

/* "core::..." may be a namespace of C++, too: its functions have their parameters in the name. */
static bool is_rust_path(const char *name)
{
  size_t length = strlen(name);

  return name[0] != '<' && is_rust_library(name) && strstr(name, "::") && name[length - 1] != ')' &&
         !strstr(name, ") const");
}

/* "<TYPE as TRAIT>::f" is the program's if either is: a library cannot implement what it does not know. */
static bool is_rust_method(const char *name)
{
  const char *trait;

  if (name[0] != '<')
    return false;
  trait = find_trait(name);
  return is_rust_library(name + 1) && (!trait || is_rust_library(trait));
}

/* ---- all ---- */

static int compare_names(const void *key, const void *item)
{
  return strcmp(key, *(const char *const *)item);
}

/* C's, and a compiler's copies of one: "xmalloc.part.0". */
static bool is_named(const char *name)
{
  char plain[64];
  size_t length = strcspn(name, ".@");

  if (length >= sizeof plain)
    return false;
  memcpy(plain, name, length);
  plain[length] = '\0';
  return bsearch(plain, names, sizeof names / sizeof *names, sizeof *names, compare_names) != NULL;
}

bool call_site_is_wrapper(const struct symbol *frame)
{
  const char *name = frame->function;

  if (!name)
    return false;
  if (is_named(name) || is_rust_path(name) || is_rust_method(name) || is_skipped(name))
    return true;
  name = declared_name(name);
  for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
    if (begins(name, prefixes[i]))
      return true;
  }
  return false;
}
