/*
 * See filter.h.  Runs the filters' programs as the kernel does (classic BPF over
 * struct seccomp_data, of 32-bit words alone).  Called by sys_call, in any thread, and by entry/.
 */
#include "base/filter.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdint.h>
#include <string.h>

#include "base/own.h"
#include "base/sys.h"

#define WORDS (sizeof(struct seccomp_data) / sizeof(uint32_t))

struct filter {
  const struct filter *older;
  unsigned length; /* 0: unknown, permits nothing */
  struct sock_filter code[BPF_MAXINSNS];
};

bool filter_any;

static __thread const struct filter *mine __attribute__((tls_model("initial-exec")));
static const struct filter *of_all; /* atomic: in force for every thread */
static const struct filter *latest; /* atomic */
static const struct filter unknown = {0};

struct filter *filter_prepare(void)
{
  return own_map(sizeof(struct filter));
}

void filter_cancel(struct filter *prepared)
{
  own_unmap(prepared, prepared ? sizeof *prepared : 0);
}

void filter_install(struct filter *prepared, const struct sock_fprog *program, bool everywhere)
{
  const struct filter *f = prepared ? prepared : &unknown;

  if (prepared) {
    prepared->older = mine;
    prepared->length = program->len;
    memcpy(prepared->code, program->filter, program->len * sizeof *program->filter);
  }
  mine = f;
  __atomic_store_n(&latest, f, __ATOMIC_RELEASE);
  if (everywhere)
    __atomic_store_n(&of_all, f, __ATOMIC_RELEASE);
  __atomic_store_n(&filter_any, true, __ATOMIC_RELEASE);
}

const struct filter *filter_get(void)
{
  return mine ? mine : __atomic_load_n(&of_all, __ATOMIC_ACQUIRE);
}

void filter_inherit(const struct filter *filter)
{
  mine = filter;
}

void filter_assume(void)
{
  mine = __atomic_load_n(&latest, __ATOMIC_ACQUIRE);
}

/* ---- running a program ---- */

struct machine {
  uint32_t a, x, memory[BPF_MEMWORDS];
  const uint32_t *data;
};

static uint32_t operate(const struct machine *m, uint16_t code, uint32_t k)
{
  uint32_t operand = BPF_SRC(code) == BPF_X ? m->x : k;

  switch (BPF_OP(code)) {
  case BPF_ADD:
    return m->a + operand;
  case BPF_SUB:
    return m->a - operand;
  case BPF_MUL:
    return m->a * operand;
  case BPF_DIV:
    return operand ? m->a / operand : 0;
  case BPF_AND:
    return m->a & operand;
  case BPF_OR:
    return m->a | operand;
  case BPF_XOR:
    return m->a ^ operand;
  case BPF_LSH:
    return operand < 32 ? m->a << operand : 0;
  case BPF_RSH:
    return operand < 32 ? m->a >> operand : 0;
  default:
    return -m->a;
  }
}

static bool holds(const struct machine *m, uint16_t code, uint32_t k)
{
  uint32_t operand = BPF_SRC(code) == BPF_X ? m->x : k;

  switch (BPF_OP(code)) {
  case BPF_JEQ:
    return m->a == operand;
  case BPF_JGT:
    return m->a > operand;
  case BPF_JGE:
    return m->a >= operand;
  default:
    return m->a & operand;
  }
}

static uint32_t load(const struct machine *m, uint16_t code, uint32_t k)
{
  switch (BPF_MODE(code)) {
  case BPF_IMM:
    return k;
  case BPF_MEM:
    return k < BPF_MEMWORDS ? m->memory[k] : 0;
  case BPF_LEN:
    return sizeof(struct seccomp_data);
  default:
    return k / 4 < WORDS ? m->data[k / 4] : 0;
  }
}

/* All but jumps and returns. */
static void machine_step(struct machine *m, const struct sock_filter *f)
{
  switch (BPF_CLASS(f->code)) {
  case BPF_LD:
    m->a = load(m, f->code, f->k);
    break;
  case BPF_LDX:
    m->x = load(m, f->code, f->k);
    break;
  case BPF_ST:
    m->memory[f->k % BPF_MEMWORDS] = m->a;
    break;
  case BPF_STX:
    m->memory[f->k % BPF_MEMWORDS] = m->x;
    break;
  case BPF_ALU:
    m->a = operate(m, f->code, f->k);
    break;
  default:
    if (BPF_MISCOP(f->code) == BPF_TAX)
      m->x = m->a;
    else
      m->a = m->x;
  }
}

/* What the program returns.  The kernel has checked it: it ends, and no jump leads out of it. */
static uint32_t program_run(const struct filter *filter, const struct seccomp_data *data)
{
  struct machine m = {.data = (const uint32_t *)data};

  for (unsigned pc = 0; pc < filter->length; pc++) {
    const struct sock_filter *f = &filter->code[pc];

    if (BPF_CLASS(f->code) == BPF_RET)
      return BPF_RVAL(f->code) == BPF_A ? m.a : f->k;
    if (BPF_CLASS(f->code) != BPF_JMP)
      machine_step(&m, f);
    else if (BPF_OP(f->code) == BPF_JA)
      pc += f->k;
    else
      pc += holds(&m, f->code, f->k) ? f->jt : f->jf;
  }
  return SECCOMP_RET_KILL_PROCESS;
}

static bool chain_permits(const struct filter *f, const struct seccomp_data *data)
{
  for (; f; f = f->older) {
    uint32_t action = program_run(f, data) & SECCOMP_RET_ACTION_FULL;

    if (action != SECCOMP_RET_ALLOW)
      return false;
  }
  return true;
}

bool filter_permits(long number, const long args[6])
{
  const struct filter *all = __atomic_load_n(&of_all, __ATOMIC_ACQUIRE);
  struct seccomp_data data = {.nr = (int)number, .arch = sys_audit_arch};

  data.instruction_pointer = (uint64_t)(uintptr_t)sys_call_raw;
  for (int i = 0; i < 6; i++)
    data.args[i] = (uint64_t)args[i];
  return chain_permits(mine, &data) && (all == mine || chain_permits(all, &data));
}
