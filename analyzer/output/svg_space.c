/*
 * The textbook's figure from real data: address spaces as columns, equal addresses at equal height, and arrows to the
 * page frames behind them.  With two processes the frames stand between them, with more at their right.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "output/svg.h"
#include "reader/xalloc.h"

#define TOP 78
#define LEFT 104     /* of the first column: addresses stand before it */
#define ROW 30       /* height of a box */
#define ROW_GAP 6    /* between pages that follow each other */
#define RANGE_GAP 20 /* between those that do not */
#define FRAME_WIDTH 148
#define FRAME 24 /* height */
#define FRAME_GAP 8
#define ARROW_ROOM 110 /* between processes and frames */
#define FOOT 46

#define GREEN "#2e7d32"

static const char *const inks[] = {"#1f5fa8", "#c4570c", "#7b3fa0", "#007c83", "#a3195b", "#5d5d00"};
static const char *const tints[] = {"#dbe8f7", "#fbe3d0", "#ecdff4", "#d3eff0", "#f8dbe7", "#eeeed0"};
#define INKS (sizeof inks / sizeof *inks)

struct figure {
  FILE *out;
  const struct address_space *s;
  double column, gap; /* width of a process's column; between two of them */
  double frames_x;
  unsigned *row_y, *frame_y;
  size_t *holder; /* per frame: a process that has it */
  unsigned bottom;
};

static double column_x(const struct figure *f, size_t process)
{
  if (f->s->process_count == 2 && process == 1)
    return f->frames_x + FRAME_WIDTH + ARROW_ROOM;
  return LEFT + (double)process * (f->column + f->gap);
}

static void figure_widths(struct figure *f)
{
  size_t n = f->s->process_count ? f->s->process_count : 1;
  double room = SVG_WIDTH - LEFT - FRAME_WIDTH - ARROW_ROOM - 10;

  f->gap = n == 2 ? 0 : 8;
  if (n == 2)
    room -= ARROW_ROOM;
  f->column = (room - (double)(n - 1) * f->gap) / (double)n;
  f->frames_x = n == 2 ? LEFT + f->column + ARROW_ROOM : SVG_WIDTH - FRAME_WIDTH - 10;
}

/* Rows from the top in the order of addresses; frames evenly over the same height. */
static void figure_heights(struct figure *f)
{
  const struct address_space *s = f->s;
  unsigned y = TOP, frames = (unsigned)s->frame_count * (FRAME + FRAME_GAP), first = TOP;

  for (size_t i = 0; i < s->row_count; i++) {
    bool follows = i && s->rows[i - 1].start + s->rows[i - 1].pages * s->page_size == s->rows[i].start;

    if (i)
      y += follows ? ROW_GAP : RANGE_GAP;
    f->row_y[i] = y;
    y += ROW;
  }
  f->bottom = y;
  if (TOP + frames < y)
    first += (y - TOP - frames) / 2;
  for (size_t i = 0; i < s->frame_count; i++)
    f->frame_y[i] = first + (unsigned)i * (FRAME + FRAME_GAP);
  if (TOP + frames > f->bottom)
    f->bottom = TOP + frames;
}

static void put_heads(const struct figure *f)
{
  const struct address_space *s = f->s;

  fputs("<text x=\"10\" y=\"24\" font-size=\"16\" font-weight=\"bold\">", f->out);
  svg_put_cut(f->out, s->title, 110);
  fprintf(f->out, "</text>\n<g font-size=\"13\" font-weight=\"bold\" text-anchor=\"middle\">\n");
  for (size_t i = 0; i < s->process_count; i++) {
    fprintf(f->out, "<text x=\"%.1f\" y=\"%d\" fill=\"%s\">", column_x(f, i) + f->column / 2, TOP - 14, inks[i % INKS]);
    svg_put_cut(f->out, s->processes[i], (unsigned)(f->column / 7.5));
    fputs("</text>\n", f->out);
  }
  fprintf(f->out, "<text x=\"%.1f\" y=\"%d\">page frames</text>\n</g>\n", f->frames_x + FRAME_WIDTH / 2.0, TOP - 14);
  fprintf(f->out, "<text x=\"10\" y=\"%d\" font-size=\"12\" fill=\"#555\">address</text>\n", TOP - 14);
}

static void put_rows(const struct figure *f)
{
  for (size_t i = 0; i < f->s->row_count; i++) {
    const struct space_row *row = &f->s->rows[i];

    fprintf(f->out, "<text x=\"10\" y=\"%u\" font-family=\"monospace\" font-size=\"%d\">0x%" PRIx64 "</text>\n",
            f->row_y[i] + ROW / 2 + 4, row->start >> 36 ? 10 : 12, row->start);
  }
}

static void put_pages(FILE *out, uint64_t pages)
{
  fprintf(out, "%" PRIu64 " page%s", pages, pages == 1 ? "" : "s");
}

static void put_box(const struct figure *f, const struct space_box *b)
{
  const struct space_row *row = &f->s->rows[b->row];
  double x = column_x(f, b->process);
  const char *ink = b->sharing == SPACE_SHARED ? GREEN : inks[b->process % INKS];
  unsigned y = f->row_y[b->row];

  fprintf(f->out, "<g><title>0x%" PRIx64 ", ", row->start);
  put_pages(f->out, row->pages);
  fputs(" of ", f->out);
  svg_put(f->out, f->s->processes[b->process]);
  fputs(": ", f->out);
  svg_put(f->out, row->what);
  fputs(", ", f->out);
  svg_put(f->out, row->verdict);
  fprintf(f->out,
          "</title><rect x=\"%.1f\" y=\"%u\" width=\"%.1f\" height=\"%d\" rx=\"3\" fill=\"%s\" stroke=\"%s\"%s/>"
          "<text x=\"%.1f\" y=\"%u\">",
          x, y, f->column, ROW, b->sharing == SPACE_SHARED ? "#e0f1e1" : tints[b->process % INKS], ink,
          b->sharing == SPACE_UNKNOWN ? " stroke-dasharray=\"4 3\"" : "", x + 8, y + ROW / 2 + 4);
  svg_put_cut(f->out, row->what, (unsigned)(f->column > 70 ? (f->column - 66) / 6.6 : 1));
  fprintf(f->out, "</text><text x=\"%.1f\" y=\"%u\" text-anchor=\"end\" fill=\"#555\" font-size=\"11\">",
          x + f->column - 8, y + ROW / 2 + 4);
  put_pages(f->out, row->pages);
  fputs("</text></g>\n", f->out);
}

/* From the inner edge of a box to the nearer edge of the frame. */
static void put_arrow(const struct figure *f, const struct space_box *b)
{
  bool from_right = f->s->process_count == 2 && b->process == 1;
  double x1 = column_x(f, b->process) + (from_right ? 0 : f->column);
  double x2 = f->frames_x + (from_right ? FRAME_WIDTH + 2 : -2),
         bend = from_right ? -ARROW_ROOM / 2.0 : ARROW_ROOM / 2.0;
  double y1 = f->row_y[b->row] + ROW / 2.0, y2 = f->frame_y[b->frame] + FRAME / 2.0;
  bool shared = b->sharing == SPACE_SHARED;

  fprintf(f->out,
          "<path d=\"M%.1f %.1fC%.1f %.1f %.1f %.1f %.1f %.1f\" fill=\"none\" stroke=\"%s\" stroke-width=\"%s\""
          " marker-end=\"url(#%s%zu)\"/>\n",
          x1, y1, x1 + bend, y1, x2 - bend, y2, x2, y2, shared ? GREEN : inks[b->process % INKS], shared ? "2" : "1.4",
          shared ? "s" : "p", shared ? (size_t)0 : b->process % INKS);
}

static void put_frame(const struct figure *f, size_t i)
{
  const struct space_frame *frame = &f->s->frames[i];
  bool shared = frame->holders > 1;
  size_t owner = f->holder[i] % INKS;

  fprintf(f->out, "<g><title>");
  put_pages(f->out, frame->count);
  fprintf(f->out, " from frame 0x%" PRIx64 " on, %s</title>", frame->pfn,
          shared ? "of more than one process" : "of one process");
  fprintf(
      f->out,
      "<rect x=\"%.1f\" y=\"%u\" width=\"%d\" height=\"%d\" rx=\"3\" fill=\"%s\" stroke=\"%s\" stroke-width=\"%s\"/>"
      "<text x=\"%.1f\" y=\"%u\" font-family=\"monospace\" text-anchor=\"middle\">0x%" PRIx64,
      f->frames_x, f->frame_y[i], FRAME_WIDTH, FRAME, shared ? "#c5e4c7" : tints[owner], shared ? GREEN : inks[owner],
      shared ? "2" : "1", f->frames_x + FRAME_WIDTH / 2.0, f->frame_y[i] + FRAME / 2 + 4, frame->pfn);
  if (frame->count > 1)
    fprintf(f->out, " +%" PRIu64, frame->count - 1);
  fputs("</text></g>\n", f->out);
}

static void put_marker(FILE *out, const char *kind, size_t number, const char *ink)
{
  fprintf(out,
          "<marker id=\"%s%zu\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"8\" markerHeight=\"8\""
          " markerUnits=\"userSpaceOnUse\" orient=\"auto\"><path d=\"M0 0L8 4L0 8z\" fill=\"%s\"/></marker>\n",
          kind, number, ink);
}

static void put_foot(const struct figure *f)
{
  unsigned y = f->bottom + 26;

  fprintf(
      f->out,
      "<g font-size=\"12\" fill=\"#333\"><rect x=\"10\" y=\"%u\" width=\"14\" height=\"14\" rx=\"3\" fill=\"#c5e4c7\""
      " stroke=\"" GREEN
      "\" stroke-width=\"2\"/><text x=\"30\" y=\"%u\">one frame behind pages of several processes</text>",
      y - 11, y);
  fprintf(f->out,
          "<rect x=\"340\" y=\"%u\" width=\"14\" height=\"14\" rx=\"3\" fill=\"%s\" stroke=\"%s\"/>"
          "<text x=\"360\" y=\"%u\">a frame of its own</text>",
          y - 11, tints[0], inks[0], y);
  if (f->s->pages_left_out)
    fprintf(f->out, "<text x=\"%d\" y=\"%u\" text-anchor=\"end\">%" PRIu64 " more pages are not drawn</text>",
            SVG_WIDTH - 10, y, f->s->pages_left_out);
  fputs("</g>\n", f->out);
}

static void find_holders(struct figure *f)
{
  for (size_t i = f->s->box_count; i-- > 0;) {
    if (f->s->boxes[i].frame != SPACE_NO_FRAME)
      f->holder[f->s->boxes[i].frame] = f->s->boxes[i].process;
  }
}

int svg_space(FILE *out, const struct address_space *s, const struct style *style)
{
  struct figure f = {.out = out, .s = s};

  (void)style;
  f.row_y = xcalloc(s->row_count + 1, sizeof *f.row_y);
  f.frame_y = xcalloc(s->frame_count + 1, sizeof *f.frame_y);
  f.holder = xcalloc(s->frame_count + 1, sizeof *f.holder);
  find_holders(&f);
  figure_widths(&f);
  figure_heights(&f);
  svg_begin(out, f.bottom + FOOT, s->title);
  fputs("<defs>\n", out);
  put_marker(out, "s", 0, GREEN);
  for (size_t i = 0; i < INKS; i++)
    put_marker(out, "p", i, inks[i]);
  fputs("</defs>\n", out);
  put_heads(&f);
  put_rows(&f);
  for (size_t i = 0; i < s->box_count; i++) {
    if (s->boxes[i].frame != SPACE_NO_FRAME)
      put_arrow(&f, &s->boxes[i]);
  }
  for (size_t i = 0; i < s->box_count; i++)
    put_box(&f, &s->boxes[i]);
  for (size_t i = 0; i < s->frame_count; i++)
    put_frame(&f, i);
  put_foot(&f);
  svg_end(out);
  free(f.row_y);
  free(f.frame_y);
  free(f.holder);
  return ferror(out) ? -1 : 0;
}
