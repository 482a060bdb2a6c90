/*
 * SVG: figures that any browser shows, without a script and without anything from elsewhere.
 */
#include "output/svg.h"

#include <stdlib.h>
#include <string.h>

#include "output/formats.h"
#include "output/text_width.h"
#include "reader/plain_text.h"
#include "reader/xalloc.h"

static void svg_escape(FILE *out, const char *clean, size_t n)
{
  for (size_t i = 0; i < n; i++) {
    switch (clean[i]) {
    case '&':
      fputs("&amp;", out);
      break;
    case '<':
      fputs("&lt;", out);
      break;
    case '>':
      fputs("&gt;", out);
      break;
    case '"':
      fputs("&quot;", out);
      break;
    default:
      putc(clean[i], out);
    }
  }
}

/* XML 1.0 forbids two characters that a terminal does not mind: U+FFFE and U+FFFF. */
static char *svg_clean(const char *text)
{
  char *clean = plain_dup(text, strlen(text));

  for (char *p = clean; (p = strstr(p, "\xef\xbf"));) {
    if (p[2] == '\xbe' || p[2] == '\xbf')
      p[2] = '\xbd';
    p += 3;
  }
  return clean;
}

void svg_put(FILE *out, const char *text)
{
  char *clean = svg_clean(text);

  svg_escape(out, clean, strlen(clean));
  free(clean);
}

void svg_put_cut(FILE *out, const char *text, unsigned width)
{
  char *clean = svg_clean(text), *p = clean;
  size_t n = strlen(clean);

  if (text_width(clean, n) > width) {
    unsigned taken = 0;

    while (*p) {
      size_t length = 1;

      while (((unsigned char)p[length] & 0xc0) == 0x80)
        length++;
      taken += text_width(p, length);
      if (taken + 1 > width)
        break;
      p += length;
    }
    svg_escape(out, clean, (size_t)(p - clean));
    fputs("\u2026", out);
  } else {
    svg_escape(out, clean, n);
  }
  free(clean);
}

void svg_begin(FILE *out, unsigned height, const char *title)
{
  fprintf(out,
          "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%u\" viewBox=\"0 0 %d %u\""
          " font-family=\"sans-serif\" font-size=\"12\">\n",
          SVG_WIDTH, height, SVG_WIDTH, height);
  fputs("<title>", out);
  svg_put(out, title);
  fputs("</title>\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n", out);
}

void svg_end(FILE *out)
{
  fputs("</svg>\n", out);
}

const struct format format_svg = {
    .name = "svg",
    .ending = ".svg",
    .meaning = "a figure for browsers",
    .graph = svg_flame,
    .space = svg_space,
};
