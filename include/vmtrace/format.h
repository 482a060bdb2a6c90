/*
 * The trace file: its constants and fixed-width structures.  FORMAT.md beside
 * this file is the specification; codec.h packs and unpacks single records.
 *
 * A file is one header (struct vt_file_header, VT_HEADER_SIZE bytes), then
 * chunks.  Every chunk belongs to one stream (one thread), starts on a 4096
 * byte boundary and can be decoded by itself.  All numbers are little-endian.
 *
 * The chunks of a stream follow each other by vt_chunk_header.number, NOT by
 * their place in the file: a stream fills one place in the file over and over
 * (its stage) and copies it away when it is full.  A kill in the middle of
 * that leaves two chunks of the same stream and number: the one that comes
 * first in the file is complete, any other is to be ignored.  Between chunks
 * there may be gaps of whole 4096 byte blocks, zeros or stale.
 *
 * Shared by the preload library and the analyzer; must not include anything
 * of either.
 */
#ifndef VMTRACE_FORMAT_H
#define VMTRACE_FORMAT_H

#include <stdint.h>

#define VT_MAGIC "VMTRACE\n"
#define VT_VERSION 2u
#define VT_HEADER_SIZE 8192u
#define VT_CHUNK_ALIGN 4096u
#define VT_CHUNK_MAGIC 0x4b434d56u /* "VMCK" */
#define VT_CHUNK_MAX (1u << 20)    /* no chunk is larger, header included */

/* Set by `vmtrace run` for what it starts: 32 hexadecimal digits, for vt_file_header.run_id.  Random, so that nobody
 * else can write a trace that it takes for its own. */
#define VT_RUN_VARIABLE "_VMTRACE_RUN"

/* vt_file_header.flags */
#define VT_F_HEAP_NEXT 1u   /* VMTRACE_HEAP=next: the program's own allocator, observed */
#define VT_F_EVERY_TIME 2u  /* every event carries its own time: order across threads by time is exact */
#define VT_F_PFN_VISIBLE 4u /* frame numbers could be read when tracing began */
#define VT_F_PACKED 8u      /* chunks are stored compressed (vmtrace pack) */
#define VT_F_SAMPLER 16u    /* a sampler thread was started */

/* vt_file_header.clock_offset: it could not be found out, times are on a clock of the process's own. */
#define VT_CLOCK_UNKNOWN INT64_MIN

/* vt_file_header.ended */
enum vt_ended { VT_ENDED_UNKNOWN = 0, VT_ENDED_EXIT = 1, VT_ENDED_SIGNAL = 2, VT_ENDED_EXEC = 3 };

/* vt_file_header.origin: how the image came to be.  Only the child of a fork begins with memory of its parent's. */
enum vt_origin { VT_ORIGIN_UNKNOWN = 0, VT_ORIGIN_FORK = 1, VT_ORIGIN_IMAGE = 2 };

/* Why events are missing, or why tracing stopped: vt_file_header.stop_reason and VT_R_LOSS. */
enum vt_loss {
  VT_LOSS_NONE = 0,
  VT_LOSS_DISK_FULL = 1,  /* no space left for another chunk */
  VT_LOSS_FILE_LIMIT = 2, /* RLIMIT_FSIZE reached */
  VT_LOSS_FD = 3,         /* the program closed the trace's descriptor and its path cannot be opened again */
  VT_LOSS_MEMORY = 4,     /* no address space or memory for another chunk (RLIMIT_AS, overcommit) */
  VT_LOSS_IO = 5,         /* any other error from the file system */
  VT_LOSS_SIGNAL = 6,     /* calls from signal handlers in the middle of a hook */
  VT_LOSS_THREADS = 7,    /* more streams than the trace can number */
  VT_LOSS_CONFINED = 8,   /* the program gave up all system calls but read, write and exit (strict seccomp) */
  VT_LOSS_FILTER = 9,     /* a seccomp filter does not let a system call pass that the trace needs */
  VT_LOSS_MAX
};

/* Why addresses stopped being reproducible: vt_file_header.nondet_reason and VT_R_NONDET. */
enum vt_nondet {
  VT_NONDET_NONE = 0,
  VT_NONDET_TAKEN = 1,    /* an address of the plan was already occupied */
  VT_NONDET_REGION = 2,   /* a thread used up its region */
  VT_NONDET_THREAD = 3,   /* a thread of unknown creator (raw clone, or made inside libc) */
  VT_NONDET_SIGNAL = 4,   /* an allocation from a signal handler in the middle of another */
  VT_NONDET_LOW = 5,      /* the executable occupies 0x200000: the fallback region is used throughout */
  VT_NONDET_NEXT = 6,     /* VMTRACE_HEAP=next: addresses are those of the program's own allocator */
  VT_NONDET_RECYCLED = 7, /* memory that other threads freed or left was used again, because too much of it lay idle */
  VT_NONDET_OVER = 8,     /* the program mapped, unmapped or protected memory of the heap that was in use */
  VT_NONDET_PLACED = 9,   /* the kernel chose the address of a mapping */
  VT_NONDET_HINT = 10,    /* the program asked for an address of its own where the next run may have something else */
  VT_NONDET_BREAK = 11,   /* more than one thread moved the program break */
  VT_NONDET_SHARED = 12,  /* threads took addresses from a range that they share (MAP_32BIT) */
  VT_NONDET_JOIN = 13,    /* which thread was joined first depended on time (pthread_tryjoin_np, timed joins) */
  VT_NONDET_MAX
};

struct vt_file_header {
  char magic[8];          /* VT_MAGIC */
  uint32_t version;       /* VT_VERSION */
  uint32_t header_size;   /* VT_HEADER_SIZE: the first chunk starts here */
  uint32_t page_size;     /* bytes per page */
  uint32_t addr_shift;    /* VT_K_* records count addresses in units of 1 << addr_shift bytes */
  uint64_t flags;         /* VT_F_* */
  uint8_t trace_id[16];   /* random, names this file */
  uint8_t parent_id[16];  /* trace_id of the process image this one was forked or exec'ed from; zero: none */
  uint8_t boot_id[16];    /* /proc/sys/kernel/random/boot_id; zero: unknown */
  uint64_t start_ns;      /* CLOCK_MONOTONIC when the image began to be traced */
  uint64_t start_real_ns; /* CLOCK_REALTIME at the same instant */
  int32_t pid, ppid;
  uint32_t sample_ms;            /* VMTRACE_SAMPLE_MS in force */
  uint32_t stack_frames;         /* VMTRACE_STACK in force */
  uint64_t own_start, own_end;   /* address range that holds only the tracer's own memory */
  uint64_t heap_start, heap_end; /* high region of the pinned heap; 0,0 when it is not used */

  /* Written while the program runs and when it ends; each field is one aligned store. */
  uint64_t end_ns;        /* CLOCK_MONOTONIC of the end; 0: the program left no word */
  uint32_t ended;         /* enum vt_ended */
  int32_t end_status;     /* exit status, or signal number */
  uint64_t claimed;       /* the file was at least this long: a shorter one was cut */
  uint64_t lost;          /* events not recorded */
  uint32_t stop_reason;   /* enum vt_loss: why tracing stopped before the program did */
  uint32_t nondet_reason; /* enum vt_nondet: the first reason; 0: reproducible throughout */
  uint64_t stop_ns;       /* when it stopped */
  uint64_t nondet_ns;     /* when the first address was not kept */
  uint64_t last_ns;       /* CLOCK_MONOTONIC of the sampler's latest sign of life; 0: no sampler */
  uint64_t marks;         /* MARK records: at least as many as there are */
  uint64_t origin;        /* enum vt_origin; 0: unknown */
  int64_t clock_offset;   /* what CLOCK_MONOTONIC of the process's time namespace is ahead of the machine's, in ns */
  uint8_t run_id[16];     /* of the `vmtrace run` that started it or an ancestor: VT_RUN_VARIABLE; zero: none */
  uint64_t reserved[3];

  char host[64];  /* NUL-terminated, as all strings here */
  char exe[1024]; /* /proc/self/exe */
  char cwd[1024];
  uint32_t cmdline_len; /* bytes of cmdline in use: arguments, each ended by NUL; cut to fit */
  char cmdline[4096];
};

struct vt_chunk_header {
  uint32_t magic;    /* VT_CHUNK_MAGIC */
  uint32_t check;    /* vt_chunk_check() of the header with this field 0 */
  uint32_t size;     /* bytes from this header to the next chunk: a multiple of VT_CHUNK_ALIGN */
  uint32_t thread;   /* stream number, from 0 in order of creation; see VT_R_THREAD */
  uint32_t number;   /* number of this chunk within its stream, from 0: the order of a stream's chunks */
  uint32_t raw_size; /* packed: bytes of records when unpacked; else 0 */
  uint64_t start_ns; /* CLOCK_MONOTONIC that the first record's time counts from */
  uint64_t allocs;   /* allocation events of this stream before this chunk: the next one's seq */
  uint64_t lost;     /* events of this stream lost just before this chunk */
  uint32_t packed;   /* packed: bytes of packed data that follow the header; else 0 */
  uint32_t form;     /* packed: enum vt_packed; else 0 */
};

/* vt_chunk_header.form: how the records of a packed chunk are packed. */
enum vt_packed { VT_PACKED_ZSTD = 0, VT_PACKED_COLUMNS = 1 };

_Static_assert(sizeof(struct vt_file_header) <= VT_HEADER_SIZE, "header fits");
_Static_assert(sizeof(struct vt_chunk_header) == 56, "chunk header has no holes");

/* Checksum of a chunk header (FNV-1a over its bytes, check taken as 0): tells a chunk from data that looks like one. */
static inline uint32_t vt_chunk_check(const struct vt_chunk_header *h)
{
  struct vt_chunk_header copy = *h;
  const unsigned char *bytes = (const unsigned char *)&copy;
  uint32_t hash = 2166136261u;

  copy.check = 0;
  for (unsigned i = 0; i < sizeof copy; i++)
    hash = (hash ^ bytes[i]) * 16777619u;
  return hash;
}

/*
 * Hot records: the low two bits of the first byte.  VT_K_GENERAL starts a
 * general record (or, as a zero byte, ends the chunk's data).
 */
enum vt_kind { VT_K_GENERAL = 0, VT_K_ALLOC = 1, VT_K_FREE = 2, VT_K_ALLOC_STACK = 3 };

/*
 * General records: X(NAME, number, "op name", "field names", "kinds", CLASS, traits).  A record is one byte (number <<
 * 2), the payload's length as a LEB128 number, then the payload: the named fields, each a LEB128 number, in order.  A
 * name ending in '*' is the tail: all remaining bytes.  kinds has one letter for each name (enum vt_field_kind).  Later
 * versions may append fields to records that have no tail (VT_T_FIRST), and else only define a new number; readers skip
 * numbers they do not know.  What each field means is in FORMAT.md.
 *
 * This table is the only place that lists records by what they are: whoever needs a set of them asks for a class or a
 * trait.
 */
#define VT_RECORDS(X)                                                                                                  \
  X(TIME, 1, "time", "delta_ns", "d", CLOCK, 0)                                                                        \
  X(ALLOC, 2, "alloc", "addr size align", "abn", BLOCK, VT_T_CALL | VT_T_NUMBERED)                                     \
  X(FREE, 3, "free", "addr", "a", BLOCK, VT_T_PROGRAM)                                                                 \
  X(REALLOC, 4, "realloc", "old addr size", "aab", BLOCK, VT_T_CALL | VT_T_NUMBERED)                                   \
  X(MMAP, 5, "mmap", "addr size prot flags fd offset", "abxxib", MAPPING, VT_T_CALL)                                   \
  X(MUNMAP, 6, "munmap", "addr size", "ab", MAPPING, VT_T_CALL)                                                        \
  X(MREMAP, 7, "mremap", "old old_size addr size flags", "ababx", MAPPING, VT_T_CALL)                                  \
  X(MPROTECT, 8, "mprotect", "addr size prot", "abx", MAPPING, VT_T_CALL)                                              \
  X(MADVISE, 9, "madvise", "addr size advice", "abe", MAPPING, VT_T_CALL)                                              \
  X(BRK, 10, "brk", "old addr", "aa", MAPPING, VT_T_CALL)                                                              \
  X(SHMAT, 11, "shmat", "addr size shmid", "abn", MAPPING, VT_T_CALL)                                                  \
  X(SHMDT, 12, "shmdt", "addr", "a", MAPPING, VT_T_CALL)                                                               \
  X(MODULE, 13, "module", "addr size name*", "abm", MODULE, VT_T_PROGRAM)                                              \
  X(MODULE_GONE, 14, "module_gone", "addr size", "ab", MODULE, VT_T_PROGRAM)                                           \
  X(THREAD, 15, "thread", "parent ordinal tid role", "tnqe", THREAD, VT_T_PROGRAM)                                     \
  X(THREAD_END, 16, "thread_end", "tid", "q", THREAD, VT_T_PROGRAM)                                                    \
  X(THREAD_NAME, 17, "thread_name", "tid name*", "qs", THREAD, VT_T_PROGRAM)                                           \
  X(THREAD_JOIN, 18, "thread_join", "child", "t", THREAD, VT_T_PROGRAM)                                                \
  X(FORK, 19, "fork", "child", "p", PROCESS, VT_T_PROGRAM | VT_T_INSTANT)                                              \
  X(EXEC, 20, "exec", "path*", "s", PROCESS, VT_T_PROGRAM)                                                             \
  X(EXEC_FAILED, 21, "exec_failed", "errno", "e", PROCESS, VT_T_PROGRAM)                                               \
  X(SPAWN, 22, "spawn", "child path*", "ps", PROCESS, VT_T_PROGRAM)                                                    \
  X(EXIT, 23, "exit", "status how", "ie", PROCESS, VT_T_PROGRAM)                                                       \
  X(SIGNAL, 24, "signal", "signo", "e", PROCESS, VT_T_PROGRAM)                                                         \
  X(LOSS, 25, "loss", "reason events", "en", LOSS, 0)                                                                  \
  X(NONDET, 26, "nondet", "reason addr event", "ean", LOSS, VT_T_FIRST(2u))                                            \
  X(HEAP_ERROR, 27, "heap_error", "kind addr block stack alloc_stack free_stack", "eaakkk", ERROR,                     \
    VT_T_PROGRAM | VT_T_FIRST(2u))                                                                                     \
  X(SAMPLE, 28, "sample", "reason flags number", "exn", SAMPLE, 0)                                                     \
  X(PAGES, 29, "pages", "addr count state pfn", "anxf", SAMPLE, 0)                                                     \
  X(PFNS, 30, "pfns", "addr count state pfns*", "anxg", SAMPLE, 0)                                                     \
  X(SAMPLE_END, 31, "sample_end", "number pages cost_ns", "nnd", SAMPLE, 0)                                            \
  X(VMA, 32, "vma", "addr size flags dev inode offset path*", "abxxnbs", SAMPLE, 0)                                    \
  X(VMA_GONE, 33, "vma_gone", "addr size", "ab", SAMPLE, 0)                                                            \
  X(VALUE, 34, "value", "addr type bits", "aer", VALUE, 0)                                                             \
  X(STACK, 35, "stack", "id", "k", STACK, 0)                                                                           \
  X(STACK_NODE, 36, "stack_node", "id parent pc", "kka", STACK, 0)                                                     \
  X(FAULT, 37, "fault", "addr pfn ip tid kind time", "afaqed", FAULT, VT_T_PROGRAM)                                    \
  X(MARK, 38, "mark", "name*", "s", MARK, VT_T_PROGRAM | VT_T_INSTANT)                                                 \
  X(UNTRACED, 39, "untraced", "reason text*", "es", LOSS, 0)                                                           \
  X(RESIDENT, 40, "resident", "rss tracer tables", "nnn", SAMPLE, 0)                                                   \
  X(MODULE_FILE, 41, "module_file", "addr size mtime_ns dev inode name*", "abdxns", MODULE, 0)

/* What a record is about. */
#define VT_CLASSES(X)                                                                                                  \
  X(UNKNOWN, "unknown") /* numbers of later versions */                                                                \
  X(CLOCK, "clock")                                                                                                    \
  X(BLOCK, "block")     /* of the heap */                                                                              \
  X(MAPPING, "mapping") /* calls that change mappings */                                                               \
  X(MODULE, "module")                                                                                                  \
  X(THREAD, "thread")                                                                                                  \
  X(PROCESS, "process")                                                                                                \
  X(STACK, "stack")   /* names of call stacks */                                                                       \
  X(SAMPLE, "sample") /* the sampler's picture of pages and mappings */                                                \
  X(VALUE, "value")                                                                                                    \
  X(FAULT, "fault")                                                                                                    \
  X(MARK, "mark")                                                                                                      \
  X(ERROR, "error") /* misuse of the heap */                                                                           \
  X(LOSS, "loss")   /* what the trace lacks or cannot vouch for */

enum vt_record_class {
#define X(name, word) VT_CLASS_##name,
  VT_CLASSES(X)
#undef X
      VT_CLASS_LIMIT
};

/* Traits of a record. */
#define VT_T_PROGRAM 1u  /* the program did it; without: the tracer's own account */
#define VT_T_STACK 2u    /* its call stack is the one of the latest STACK record */
#define VT_T_NUMBERED 4u /* an allocation event: it has the stream's next number */
#define VT_T_INSTANT 8u  /* its time is exact for all threads of the process */
/* It had n fields at first: the others are missing in older files, and read as 0. */
#define VT_T_FIRST(n) ((n) << 8)
#define VT_T_FIRST_OF(traits) ((traits) >> 8) /* 0: all of them */
#define VT_T_CALL (VT_T_PROGRAM | VT_T_STACK)

/* What a field holds. */
enum vt_field_kind {
  VT_FIELD_ADDRESS = 'a',
  VT_FIELD_BYTES = 'b', /* a size or an offset */
  VT_FIELD_NUMBER = 'n',
  VT_FIELD_TIME = 'd',    /* nanoseconds */
  VT_FIELD_SIGNED = 'i',  /* 32 bits, two's complement */
  VT_FIELD_BITS = 'x',    /* flags */
  VT_FIELD_CODE = 'e',    /* of an enumeration */
  VT_FIELD_PROCESS = 'p', /* pid */
  VT_FIELD_TID = 'q',
  VT_FIELD_STREAM = 't', /* number of a stream, or VT_NO_THREAD */
  VT_FIELD_STACK = 'k',  /* id of a call stack */
  VT_FIELD_FRAME = 'f',  /* number of a page frame */
  VT_FIELD_RAW = 'r',    /* the bits of a value */
  VT_FIELD_TEXT = 's',   /* tails: any bytes */
  VT_FIELD_MODULE = 'm', /* a path, a zero byte, a build id */
  VT_FIELD_FRAMES = 'g'  /* LEB128 numbers, zigzag of the difference from the frame before */
};

enum vt_record_type {
#define X(name, number, op, fields, kinds, class, traits) VT_R_##name = number,
  VT_RECORDS(X)
#undef X
      VT_R_LIMIT = 64 /* numbers are below this */
};

/* VT_T_* of a record type; 0 for those that this version does not know. */
static inline uint32_t vt_record_traits(uint32_t type)
{
  switch (type) {
#define X(name, number, op, fields, kinds, class, traits)                                                              \
  case number:                                                                                                         \
    return traits;
    VT_RECORDS(X)
#undef X
  default:
    return 0;
  }
}

static inline enum vt_record_class vt_record_class(uint32_t type)
{
  switch (type) {
#define X(name, number, op, fields, kinds, class, traits)                                                              \
  case number:                                                                                                         \
    return VT_CLASS_##class;
    VT_RECORDS(X)
#undef X
  default:
    return VT_CLASS_UNKNOWN;
  }
}

#define VT_FIELDS_MAX 6  /* numeric fields of a general record */
#define VT_TAIL_MAX 8192 /* bytes of a tail */

/*
 * Call stacks are ids of nodes (VT_R_STACK_NODE); a node's parent is the next
 * frame outwards, or one of these, which say how the walk ended.
 */
enum vt_stack_root {
  VT_STACK_NONE = 0,     /* the event carries no stack */
  VT_STACK_COMPLETE = 1, /* walked to the thread's first function */
  VT_STACK_LIMIT = 2,    /* VMTRACE_STACK frames kept, more were there */
  VT_STACK_BROKEN = 3,   /* the unwinder could not go on */
  VT_STACK_FIRST = 16    /* ids of nodes start here */
};

/* VT_R_THREAD.role */
enum vt_role { VT_ROLE_PROGRAM = 0, VT_ROLE_SAMPLER = 1, VT_ROLE_ADOPTED = 2 };
#define VT_NO_THREAD UINT32_MAX

/* VT_R_EXIT.how */
enum vt_exit_how { VT_EXIT_EXIT = 0, VT_EXIT_UNDERSCORE = 1, VT_EXIT_QUICK = 2 };

/* VT_R_UNTRACED.reason */
enum vt_untraced {
  VT_UNTRACED_MALLOC = 1, /* the program calls the malloc of the object named by text: what that serves is not seen */
  VT_UNTRACED_FAULTS = 2, /* exact page faults were asked for and are not recorded; text: why */
  VT_UNTRACED_MAX
};

/* VT_R_HEAP_ERROR.kind */
enum vt_heap_error {
  VT_HEAP_DOUBLE_FREE = 1,
  VT_HEAP_INVALID_FREE = 2,
  VT_HEAP_INTERIOR_FREE = 3,
  VT_HEAP_SIZE_MISMATCH = 4
};

/* VT_R_SAMPLE.reason */
enum vt_sample_reason {
  VT_SAMPLE_TICK = 0,
  VT_SAMPLE_START = 1,
  VT_SAMPLE_FORK = 2,
  VT_SAMPLE_EXIT = 3,
  VT_SAMPLE_MARK = 4
};
/* VT_R_SAMPLE.flags */
#define VT_SAMPLE_PFN 1u     /* frame numbers are visible in this sample */
#define VT_SAMPLE_FLAGS 2u   /* kpageflags was readable */
#define VT_SAMPLE_SCAN 4u    /* found by PAGEMAP_SCAN; else by reading pagemap alone */
#define VT_SAMPLE_PARTIAL 8u /* cut short to keep the sampler's cost within its bound */

/*
 * State of a page (VT_R_PAGES.state, VT_R_PFNS.state).  0 means not present:
 * the page was there in an earlier sample and is gone.
 */
#define VT_PG_PRESENT 1u
#define VT_PG_EXCLUSIVE 2u    /* pagemap bit 56: mapped exactly once on this machine */
#define VT_PG_FILE 4u         /* pagemap bit 61: page of a file or shared anonymous memory */
#define VT_PG_SWAPPED 8u      /* pagemap bit 62 */
#define VT_PG_ZERO 16u        /* the kernel's zero page */
#define VT_PG_KSM 32u         /* kpageflags */
#define VT_PG_HUGE 64u        /* part of a huge page (kpageflags, or PAGEMAP_SCAN) */
#define VT_PG_ZERO_KNOWN 128u /* whether it is the zero page was determined (flag 16 means something when clear) */

/* VT_R_VMA.flags */
#define VT_VMA_R 1u
#define VT_VMA_W 2u
#define VT_VMA_X 4u
#define VT_VMA_SHARED 8u
#define VT_VMA_HUGETLB 16u /* pages of a pool that the kernel keeps apart and does not count as resident */

/* VT_R_VALUE.type */
enum vt_value_type {
  VT_VALUE_INT,
  VT_VALUE_UINT,
  VT_VALUE_LONG,
  VT_VALUE_ULONG,
  VT_VALUE_DOUBLE,
  VT_VALUE_PTR,
  VT_VALUE_TYPES
};

#endif
