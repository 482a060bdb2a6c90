/*
 * Frames in words.  See stack_text.h.  Names are as the trace has them: the code that shows them cleans them
 * (plain_text.h).
 */
#include "query/stack_text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "reader/xalloc.h"
#include "symbols/symbols.h"

char *frame_function(const struct symbol *f)
{
  if (f->function)
    return xstrdup(f->function);
  if (f->module)
    return xasprintf("%s+0x%" PRIx64, f->module, f->address);
  return xasprintf("0x%" PRIx64, f->address);
}

char *frame_text(const struct symbol *f)
{
  const char *slash = f->file ? strrchr(f->file, '/') : NULL, *file = slash ? slash + 1 : f->file;
  const char *in = f->module ? " in " : "", *module = f->module ? f->module : "";

  if (!f->function)
    return frame_function(f);
  if (!file)
    return xasprintf("%s%s%s", f->function, in, module);
  if (!f->line)
    return xasprintf("%s (%s)%s%s", f->function, file, in, module);
  return xasprintf("%s (%s:%u)%s%s", f->function, file, f->line, in, module);
}

char *stack_site(const struct stack_names *names, int64_t stack)
{
  const struct symbol **frames = xcalloc(STACK_FRAMES_MAX, sizeof *frames);
  unsigned count = names ? names->frames(names->arg, stack, frames, STACK_FRAMES_MAX) : 0;
  unsigned site = count ? names->site(names->arg, stack) : 0;
  char *text;

  if (count > STACK_FRAMES_MAX)
    count = STACK_FRAMES_MAX;
  text = site < count ? frame_text(frames[site]) : xstrdup("[unknown]");
  free(frames);
  return text;
}

char *stack_folded(const struct stack_names *names, int64_t stack)
{
  const struct symbol **frames = xcalloc(STACK_FRAMES_MAX, sizeof *frames);
  unsigned count = names ? names->frames(names->arg, stack, frames, STACK_FRAMES_MAX) : 0;
  size_t used = 0, room = 256;
  char *text = xmalloc(room);

  if (count > STACK_FRAMES_MAX)
    count = STACK_FRAMES_MAX;
  for (unsigned i = count; i-- > 0;) {
    char *name = frame_function(frames[i]);
    size_t length = strlen(name);

    for (char *p = name; (p = strchr(p, ';'));)
      *p = ':';
    if (used + length + 2 > room)
      text = xrealloc(text, room = (used + length) * 2 + 2);
    memcpy(text + used, name, length);
    used += length;
    text[used++] = i ? ';' : '\0';
    free(name);
  }
  free(frames);
  if (count)
    return text;
  free(text);
  return xstrdup("[unknown]");
}
