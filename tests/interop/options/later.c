// Preloaded into the broker: its monotonic clock is ahead by the seconds that stand in the file LATER, so that a test
// sees an hour pass without waiting for it.
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static volatile const long* ahead;

__attribute__((constructor)) static void begin(void) {
  const char* const path = getenv("LATER");
  const int file = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return;
  void* const mapped = mmap(NULL, sizeof(long), PROT_READ, MAP_SHARED, file, 0);
  if (mapped != MAP_FAILED) ahead = mapped;
  close(file);
}

int clock_gettime(clockid_t clock, struct timespec* to) {
  const int result = (int)syscall(SYS_clock_gettime, clock, to);
  if (result == 0 && clock == CLOCK_MONOTONIC && ahead != NULL) to->tv_sec += *ahead;
  return result;
}
