// A disk that can be cut off and that can fail, for the broker under test: loaded into it with LD_PRELOAD, it looks at
// what is done to the files of BRAMBLE_DISK_FOLDER whose names begin with bramble.db.
//
// BRAMBLE_DISK_LOG: every write, truncation, sync and removal is appended to this file, from which disk.py makes what a
// power cut would have left: what was synced, and of the rest some, torn at 512 bytes.
// BRAMBLE_DISK_FAULT: while this file is there, it says how writes and syncs fail: ENOSPC, EIO or EROFS; or HANG: they
// wait until it is gone. READ in it: bramble.db cannot be read behind its first pages (EIO), with READLOG its log cannot.
// FLAKY: one in 50 of the reads of either fails, and works when it is tried again. What hangs or cannot be read adds a
// byte to a file of that name with ".met" at its end.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

enum { kFiles = 65536 };
static char names[kFiles];  // by descriptor: 'd' bramble.db, 'w' its log, 'j' its journal, 'n' one to replace it; 0: another
static int log_file = -1;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static char name_of(const char* path) {
  const char* folder = getenv("BRAMBLE_DISK_FOLDER");
  if (!folder || strncmp(path, folder, strlen(folder)) != 0) return 0;
  const char* file = strrchr(path, '/');
  file = file ? file + 1 : path;
  if (strcmp(file, "bramble.db") == 0) return 'd';
  if (strcmp(file, "bramble.db-wal") == 0) return 'w';
  if (strcmp(file, "bramble.db-journal") == 0) return 'j';
  if (strncmp(file, "bramble.db.new", 14) == 0) return 'n';
  return 0;
}

static ssize_t (*real_pwrite(void))(int, const void*, size_t, off64_t) {
  static ssize_t (*real)(int, const void*, size_t, off64_t);
  if (!real) *(void**)&real = dlsym(RTLD_NEXT, "pwrite64");
  return real;
}

static void record(char what, char name, uint64_t at, const void* bytes, size_t size) {
  const char* path = getenv("BRAMBLE_DISK_LOG");
  if (!path) return;
  pthread_mutex_lock(&mutex);
  if (log_file < 0) log_file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  struct {
    char what, name;
    uint32_t size;
    uint64_t at;
  } __attribute__((packed)) head = {what, name, (uint32_t)size, at};
  struct iovec parts[2] = {{&head, sizeof head}, {(void*)bytes, size}};
  if (writev(log_file, parts, bytes ? 2 : 1) < 0) abort();
  pthread_mutex_unlock(&mutex);
}

static void met(const char* path) {
  char file[4096];
  snprintf(file, sizeof file, "%s.met", path);
  const int met = open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (write(met, "", 1) < 0) abort();
  close(met);
}

static void hang(const char* path) {
  met(path);
  while (access(path, F_OK) == 0) usleep(1000);
}

// What is in the file; null: it is not there, or empty.
static const char* fault(char text[16]) {
  const char* path = getenv("BRAMBLE_DISK_FAULT");
  if (!path) return NULL;
  const int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return NULL;
  memset(text, 0, 16);
  const ssize_t size = read(file, text, 15);
  close(file);
  return size > 0 ? text : NULL;
}

// 0: all is well.
static int write_fault(void) {
  char text[16];
  if (!fault(text)) return 0;
  if (strncmp(text, "HANG", 4) == 0) return hang(getenv("BRAMBLE_DISK_FAULT")), 0;
  if (strncmp(text, "READ", 4) == 0 || strncmp(text, "FLAKY", 5) == 0) return 0;
  return strncmp(text, "ENOSPC", 6) == 0 ? ENOSPC : strncmp(text, "EROFS", 5) == 0 ? EROFS : EIO;
}

enum { kFirstPages = 4 * 4096 };

static int unread(char name, off64_t at) {
  char text[16];
  if ((name != 'd' && name != 'w') || at < kFirstPages || !fault(text)) return 0;
  const int flaky = strncmp(text, "FLAKY", 5) == 0;
  if (flaky ? rand() % 50 != 0 : !strstr(text, "READ")) return 0;
  if ((name == 'w') != (strstr(text, "READLOG") != NULL)) return 0;
  met(getenv("BRAMBLE_DISK_FAULT"));
  errno = EIO;
  return 1;
}

static int failed(char name) {
  const int code = name ? write_fault() : 0;
  if (code) errno = code;
  return code != 0;
}

static void opened(int file, const char* path) {
  if (file >= 0 && file < kFiles) names[file] = name_of(path);
}

#define OPEN(function)                                                        \
  int function(const char* path, int flags, ...) {                            \
    static int (*real)(const char*, int, ...);                                \
    if (!real) *(void**)&real = dlsym(RTLD_NEXT, #function);                  \
    va_list more;                                                             \
    va_start(more, flags);                                                    \
    const mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, int) : 0; \
    va_end(more);                                                             \
    const int file = real(path, flags, mode);                                 \
    opened(file, path);                                                       \
    return file;                                                              \
  }
OPEN(open)
OPEN(open64)

int close(int file) {
  static int (*real)(int);
  if (!real) *(void**)&real = dlsym(RTLD_NEXT, "close");
  if (file >= 0 && file < kFiles) names[file] = 0;
  return real(file);
}

static char name(int file) { return file >= 0 && file < kFiles ? names[file] : 0; }

ssize_t pwrite64(int file, const void* bytes, size_t size, off64_t at) {
  if (failed(name(file))) return -1;
  const ssize_t done = real_pwrite()(file, bytes, size, at);
  if (done > 0 && name(file)) record('W', name(file), (uint64_t)at, bytes, (size_t)done);
  return done;
}
ssize_t pwrite(int file, const void* bytes, size_t size, off_t at) { return pwrite64(file, bytes, size, at); }

#define READ(function, offset)                                     \
  ssize_t function(int file, void* into, size_t size, offset at) { \
    static ssize_t (*real)(int, void*, size_t, offset);            \
    if (!real) *(void**)&real = dlsym(RTLD_NEXT, #function);       \
    return unread(name(file), at) ? -1 : real(file, into, size, at); \
  }
READ(pread, off_t)
READ(pread64, off64_t)

#define TRUNCATE(function, offset)                               \
  int function(int file, offset size) {                          \
    static int (*real)(int, offset);                             \
    if (!real) *(void**)&real = dlsym(RTLD_NEXT, #function);     \
    if (failed(name(file))) return -1;                           \
    const int done = real(file, size);                           \
    if (done == 0 && name(file)) record('T', name(file), (uint64_t)size, NULL, 0); \
    return done;                                                 \
  }
TRUNCATE(ftruncate, off_t)
TRUNCATE(ftruncate64, off64_t)

#define SYNC(function)                                           \
  int function(int file) {                                       \
    static int (*real)(int);                                     \
    if (!real) *(void**)&real = dlsym(RTLD_NEXT, #function);     \
    if (failed(name(file))) return -1;                           \
    const int done = real(file);                                 \
    if (done == 0 && name(file)) record('S', name(file), 0, NULL, 0); \
    return done;                                                 \
  }
SYNC(fsync)
SYNC(fdatasync)

int unlink(const char* path) {
  static int (*real)(const char*);
  if (!real) *(void**)&real = dlsym(RTLD_NEXT, "unlink");
  const char of = name_of(path);
  if (failed(of)) return -1;
  const int done = real(path);
  if (done == 0 && of) record('U', of, 0, NULL, 0);
  return done;
}
