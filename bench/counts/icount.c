// A plugin for Debian's qemu-user (7.2): what an AArch64 program executes between two marks.
//
//   gcc -shared -fPIC -O2 icount.c -o icount.so
//   qemu-aarch64 -cpu cortex-a72 -plugin ./icount.so -d plugin -D counts.txt bramble_counts --marks SCENARIO
//
// Marks are writes to descriptor -1, told apart by their size (gauge.cc): 1 and 2 leave out what runs between them, 3 is
// an edge. The second edge writes one line: instructions; loads and stores; among them atomic read-modify-writes, and loads
// and stores with acquire or release; barriers. One thread runs at a time.
// Debian has no qemu-plugin.h, so the few entry points in use are declared here.
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef uint64_t plugin_id;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
typedef void (*translated)(plugin_id, struct qemu_plugin_tb*);
typedef void (*executed)(unsigned cpu, void* data);
typedef void (*called)(plugin_id, unsigned cpu, int64_t number, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t,
                       uint64_t, uint64_t, uint64_t);
extern void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id, translated);
extern void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb*, executed, int flags, void* data);
extern void qemu_plugin_register_vcpu_syscall_cb(plugin_id, called);
extern size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb*);
extern struct qemu_plugin_insn* qemu_plugin_tb_get_insn(const struct qemu_plugin_tb*, size_t);
extern const void* qemu_plugin_insn_data(const struct qemu_plugin_insn*);
extern void qemu_plugin_outs(const char*);

__attribute__((visibility("default"))) int qemu_plugin_version = 1;

enum { kWrite = 64, kOutside = 1, kInside = 2, kEdge = 3 };

struct counts {
  uint64_t instructions, loads_and_stores, read_modify_writes, acquire_release, barriers;
};
static struct counts total;
static bool outside;
static bool begun;

static void on_executed(unsigned cpu, void* data) {
  (void)cpu;
  if (outside) return;
  const struct counts* block = data;
  total.instructions += block->instructions;
  total.loads_and_stores += block->loads_and_stores;
  total.read_modify_writes += block->read_modify_writes;
  total.acquire_release += block->acquire_release;
  total.barriers += block->barriers;
}

static void on_translated(plugin_id id, struct qemu_plugin_tb* block) {
  (void)id;
  struct counts* counts = calloc(1, sizeof *counts);  // qemu keeps the pointer as long as the block
  counts->instructions = qemu_plugin_tb_n_insns(block);
  for (size_t i = 0; i < counts->instructions; ++i) {
    uint32_t word;
    memcpy(&word, qemu_plugin_insn_data(qemu_plugin_tb_get_insn(block, i)), sizeof word);
    if ((word & 0x0A000000) == 0x08000000) ++counts->loads_and_stores;
    if ((word & 0x3F000000) == 0x08000000) {
      const bool ordered = (word & 0x00800000) != 0, load = (word & 0x00400000) != 0, swap = (word & 0x00200000) != 0;
      if (ordered && !swap) ++counts->acquire_release;              // LDAR, STLR
      if (ordered ? swap : !load) ++counts->read_modify_writes;     // CAS; a store-exclusive for each STXR loop
    }
    if ((word & 0x3B200C00) == 0x38200000) ++counts->read_modify_writes;  // LDADD, SWP and their like of later chips
    const uint32_t kind = word >> 5 & 7;
    if ((word & 0xFFFFF01F) == 0xD503301F && kind >= 4 && kind <= 6) ++counts->barriers;  // DSB, DMB, ISB
  }
  qemu_plugin_register_vcpu_tb_exec_cb(block, on_executed, 0, counts);
}

static void on_edge(void) {
  if (begun) {
    char line[250];
    snprintf(line, sizeof line,
             "instructions %" PRIu64 " loads_stores %" PRIu64 " atomic_rmw %" PRIu64 " acquire_release %" PRIu64
             " barriers %" PRIu64 "\n",
             total.instructions, total.loads_and_stores, total.read_modify_writes, total.acquire_release,
             total.barriers);
    qemu_plugin_outs(line);
  }
  begun = true;
  memset(&total, 0, sizeof total);
}

static void on_call(plugin_id id, unsigned cpu, int64_t number, uint64_t descriptor, uint64_t bytes, uint64_t size,
                    uint64_t a4, uint64_t a5, uint64_t a6, uint64_t a7, uint64_t a8) {
  (void)id, (void)cpu, (void)bytes, (void)a4, (void)a5, (void)a6, (void)a7, (void)a8;
  if (number != kWrite || (int32_t)descriptor != -1) return;
  if (size == kEdge) on_edge();
  if (size == kOutside || size == kInside) outside = size == kOutside;
}

__attribute__((visibility("default"))) int qemu_plugin_install(plugin_id id, const void* info, int argc, char** argv) {
  (void)info, (void)argc, (void)argv;
  qemu_plugin_register_vcpu_tb_trans_cb(id, on_translated);
  qemu_plugin_register_vcpu_syscall_cb(id, on_call);
  return 0;
}
