/* Lets a process see a wall clock that differs from the machine's by a number of seconds.
 *
 * Loaded with LD_PRELOAD. The seconds stand as one signed 64-bit number in the file `seconds` beside the library,
 * which is mapped, so that a change is seen by all running processes at once. Only the wall clock is shifted: time
 * since boot, by which processes wait, goes on as it does when somebody sets a machine's clock.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile const int64_t *offset;
static int (*wait_condition)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *);
static int (*wait_semaphore)(sem_t *, const struct timespec *);
static int (*wait_mutex)(pthread_mutex_t *, const struct timespec *);
static int (*read_clock)(clockid_t, struct timespec *);

/* The first version of this function in libc has other structures; dlsym may return it. */
static void *find(const char *name, const char *version) {
  void *found = dlvsym(RTLD_NEXT, name, version);
  return found ? found : dlsym(RTLD_NEXT, name);
}

__attribute__((constructor)) static void start(void) {
  Dl_info own;
  char name[PATH_MAX];
  int file = -1;
  if (dladdr((void *)&offset, &own) && strrchr(own.dli_fname, '/')) {
    int length = (int)(strrchr(own.dli_fname, '/') - own.dli_fname);
    snprintf(name, sizeof name, "%.*s/seconds", length, own.dli_fname);
    file = open(name, O_RDONLY | O_CLOEXEC);
  }
  if (file >= 0) {
    void *mapped = mmap(NULL, sizeof *offset, PROT_READ, MAP_SHARED, file, 0);
    if (mapped != MAP_FAILED) offset = mapped;
    close(file);
  }
  wait_condition = find("pthread_cond_timedwait", "GLIBC_2.3.2");
  wait_semaphore = dlsym(RTLD_NEXT, "sem_timedwait");
  wait_mutex = dlsym(RTLD_NEXT, "pthread_mutex_timedlock");
  read_clock = dlsym(RTLD_NEXT, "clock_gettime");
}

static int64_t shift(void) { return offset ? *offset : 0; }

/* Other libraries may ask for the time before `start` has run. */
static int read_true(clockid_t clock, struct timespec *now) {
  return read_clock ? read_clock(clock, now) : (int)syscall(SYS_clock_gettime, clock, now);
}

int clock_gettime(clockid_t clock, struct timespec *now) {
  int status = read_true(clock, now);
  if (!status && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) now->tv_sec += shift();
  return status;
}

time_t time(time_t *result) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (result) *result = now.tv_sec;
  return now.tv_sec;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
  struct timespec precise;
  (void)zone;
  clock_gettime(CLOCK_REALTIME, &precise);
  now->tv_sec = precise.tv_sec;
  now->tv_usec = precise.tv_nsec / 1000;
  return 0;
}

int timespec_get(struct timespec *now, int base) {
  if (base != TIME_UTC) return 0;
  return clock_gettime(CLOCK_REALTIME, now) ? 0 : base;
}

/* The kernel waits until a moment of its own clock. A moment of the clock since boot is far smaller, and stays. */
static const struct timespec *unshift(const struct timespec *until, struct timespec *own) {
  if (!until || until->tv_sec < 1000000000) return until;
  *own = *until;
  own->tv_sec -= shift();
  return own;
}

int pthread_cond_timedwait(pthread_cond_t *restrict condition, pthread_mutex_t *restrict mutex,
                           const struct timespec *restrict until) {
  struct timespec own;
  return wait_condition(condition, mutex, unshift(until, &own));
}

int sem_timedwait(sem_t *restrict semaphore, const struct timespec *restrict until) {
  struct timespec own;
  return wait_semaphore(semaphore, unshift(until, &own));
}

int pthread_mutex_timedlock(pthread_mutex_t *restrict mutex, const struct timespec *restrict until) {
  struct timespec own;
  return wait_mutex(mutex, unshift(until, &own));
}
