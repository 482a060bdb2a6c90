/*
 * Messages on stderr and formatting, without malloc, stdio or locale.  One
 * message is one write(2) and one line, prefixed "vmtrace: ".  Safe in signal
 * handlers and in the sampler's thread.
 */
#ifndef VMTRACE_LOG_H
#define VMTRACE_LOG_H

#include <stdarg.h>
#include <stddef.h>

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

void log_set_level(enum log_level level);
enum log_level log_level(void);

/* At the start: whether there is a stderr.  Where its number was free, what the program opens there is no place for
 * messages. */
void log_find_stderr(void);
/* The program has put something at fd: at stderr's number, that is the new stderr. */
void log_note_dup(int fd);
/* Text for stderr as it is: whole lines.  No SIGPIPE comes of it. */
void log_write(const char *text, size_t size);

/* Formats %s %c %d %u %x %ld %lu %lx %zu %p %% (with width and 0-fill for numbers); the line's end is added.  Strings
 * are taken to be from outside: of them, what clean.h does not let pass is shown as a question mark. */
void log_message(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...) log_message(LOG_ERROR, __VA_ARGS__)
#define log_warn(...) log_message(LOG_WARN, __VA_ARGS__)
#define log_info(...) log_message(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_message(LOG_DEBUG, __VA_ARGS__)

/* As snprintf with the conversions above: always NUL-terminated; the length that the whole would have had. */
int text_format(char *buf, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));
int text_vformat(char *buf, size_t size, const char *format, va_list args);
/* The same for a message, with strings as in log_message. */
int text_vmessage(char *buf, size_t size, const char *format, va_list args);

#endif
