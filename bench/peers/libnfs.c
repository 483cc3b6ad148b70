/*
 * What bench/nfs/client.ts does with our client, done with libnfs over NFSv4, the way libnfs is fastest at it.
 *
 *   libnfs HOST PORT DIRECTORY reads  AT_ONCE FILES BYTES
 *   libnfs HOST PORT DIRECTORY writes AT_ONCE FILES BYTES
 *   libnfs HOST PORT DIRECTORY list
 *   libnfs HOST PORT DIRECTORY walk
 *   libnfs HOST PORT DIRECTORY read NAME
 *   libnfs HOST PORT DIRECTORY write NAME BYTES
 *
 * For each line of standard input it measures once, and prints one JSON object. The line says for how many seconds small
 * files are read or written. DIRECTORY is mounted itself, so that every path is one name long. One file at a time goes
 * through the synchronous API; many at once through as many contexts (a context has one open-owner, whose OPENs may not
 * overlap) and one poll loop. A written file is overwritten in place, and readers can see it half written.
 *
 * A file that goes into one WRITE is opened with O_SYNC: open, write, close are three COMPOUNDs, where an fsync would be
 * a fourth. But libnfs 4.0 (Debian 12) encodes an NFSv4 request into 4 KiB, and has no WRITE of 4 KiB of data; there, the
 * parts are written unstable, and fsynced.
 */
#if !__has_include(<nfsc/libnfs.h>)
#error libnfs is missing (apt-get install libnfs-dev)
#endif

#include <fcntl.h>
#include <stddef.h>
#include <sys/time.h>
/* libnfs.h needs those above */
#include <nfsc/libnfs.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* libnfs 6 reads into the caller's buffer, and changed the order of the parameters. */
#ifdef LIBNFS_API_V2
#define PREAD(nfs, file, offset, count, buffer) nfs_pread(nfs, file, buffer, count, offset)
#define PWRITE(nfs, file, offset, count, buffer) nfs_pwrite(nfs, file, buffer, count, offset)
#define PREAD_ASYNC(nfs, file, offset, count, buffer, cb, data) nfs_pread_async(nfs, file, buffer, count, offset, cb, data)
#define PWRITE_ASYNC(nfs, file, offset, count, buffer, cb, data) nfs_pwrite_async(nfs, file, buffer, count, offset, cb, data)
#else
#define PREAD(nfs, file, offset, count, buffer) nfs_pread(nfs, file, offset, count, buffer)
#define PWRITE(nfs, file, offset, count, buffer) nfs_pwrite(nfs, file, offset, count, buffer)
#define PREAD_ASYNC(nfs, file, offset, count, buffer, cb, data) nfs_pread_async(nfs, file, offset, count, cb, data)
#define PWRITE_ASYNC(nfs, file, offset, count, buffer, cb, data) nfs_pwrite_async(nfs, file, offset, count, buffer, cb, data)
#endif

#define CHUNK (1024 * 1024)
#define WINDOW 8
#define MAX_AT_ONCE 256
/* Seconds; the first OPEN of a context has to be confirmed. */
#define WARM_UP 0.2

static const char *host, *port, *directory;

static void fail(const char *what, struct nfs_context *nfs) {
  fprintf(stderr, "libnfs: %s: %s\n", what, nfs == NULL ? "out of memory" : nfs_get_error(nfs));
  exit(1);
}

static struct nfs_context *mount_directory(int number) {
  struct nfs_context *nfs = nfs_init_context();
  if (nfs == NULL) fail("context", NULL);
  char text[4096], name[64];
  snprintf(text, sizeof text, "nfs://%s%s?version=4&nfsport=%s", host, directory, port);
  struct nfs_url *url = nfs_parse_url_dir(nfs, text);
  if (url == NULL) fail(text, nfs);
  snprintf(name, sizeof name, "libnfs bench %d %d", (int)getpid(), number);
  nfs4_set_client_name(nfs, name);
  if (nfs_mount(nfs, url->server, url->path) != 0) fail("mount", nfs);
  nfs_destroy_url(url);
  return nfs;
}

/* ---- what is measured ---- */

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec + time.tv_nsec / 1e9;
}

static double cpu_seconds(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_utime.tv_sec + usage.ru_stime.tv_sec + (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static long resident_bytes(void) {
  long pages = 0;
  FILE *file = fopen("/proc/self/statm", "r");
  if (file == NULL || fscanf(file, "%*d %ld", &pages) != 1) fail("/proc/self/statm", NULL);
  fclose(file);
  return pages * sysconf(_SC_PAGESIZE);
}

/* The most that was resident. ru_maxrss begins with what the process that started this one held. */
static long peak_bytes(void) {
  long kibibytes = 0;
  char line[256];
  FILE *file = fopen("/proc/self/status", "r");
  if (file == NULL) fail("/proc/self/status", NULL);
  while (kibibytes == 0 && fgets(line, sizeof line, file) != NULL) sscanf(line, "VmHWM: %ld kB", &kibibytes);
  fclose(file);
  return kibibytes * 1024;
}

/* Bytes of data in one WRITE. */
static size_t part;

/* Measures `operate`, which returns how much it did, for each line of standard input. */
static void measure(long (*operate)(double seconds)) {
  long idle = resident_bytes();
  char line[64];
  while (fgets(line, sizeof line, stdin) != NULL) {
    double start = now(), cpu = cpu_seconds();
    long operations = operate(atof(line));
    double seconds = now() - start, cpu_taken = cpu_seconds() - cpu;
    printf("{\"operations\":%ld,\"seconds\":%.6f,\"cpuSeconds\":%.6f,\"peakBytes\":%ld,\"bytesInWrite\":%zu}\n", operations,
           seconds, cpu_taken, peak_bytes() - idle, part);
    fflush(stdout);
  }
}

/* ---- writing ---- */

/* Finds the largest WRITE, up to `most` bytes, that this libnfs can send. */
static void find_part(struct nfs_context *nfs, const char *path, char *data, size_t most) {
  struct nfsfh *file;
  if (nfs_open(nfs, path, O_WRONLY, &file) != 0) fail("open", nfs);
  size_t works = 0, fails = most + 1;
  for (size_t next = most; works + 1 < fails; next = (works + fails) / 2) {
    if (PWRITE(nfs, file, 0, next, data) == (int)next) works = next;
    else fails = next;
  }
  if (works == 0) fail("write", nfs);
  if (nfs_close(nfs, file) != 0) fail("close", nfs);
  part = works;
}

static size_t part_at(size_t offset, size_t end) { return end - offset < part ? end - offset : part; }

/* ---- small files ---- */

static struct {
  int writing, flags, commits;
  long files, next;
  size_t bytes;
  char *data;
  double end;
} small;

static void next_path(char path[32]) { snprintf(path, 32, "/%ld", small.next++ % small.files); }

static void read_or_write(struct nfs_context *nfs, struct nfsfh *file) {
  if (!small.writing) {
    if (PREAD(nfs, file, 0, small.bytes, small.data) != (int)small.bytes) fail("read", nfs);
    return;
  }
  for (size_t at = 0; at < small.bytes; at += part) {
    size_t length = part_at(at, small.bytes);
    if (PWRITE(nfs, file, at, length, small.data) != (int)length) fail("write", nfs);
  }
  if (small.commits && nfs_fsync(nfs, file) != 0) fail("fsync", nfs);
}

static struct worker {
  struct nfs_context *nfs;
  struct nfsfh *file;
  int busy, under_way;
  size_t left;
} workers[MAX_AT_ONCE];

static int at_once;

static long one_at_a_time(double seconds) {
  struct nfs_context *nfs = workers[0].nfs;
  char path[32];
  long done = 0;
  for (double end = now() + seconds; now() < end; done++) {
    struct nfsfh *file;
    next_path(path);
    if (nfs_open(nfs, path, small.flags, &file) != 0) fail("open", nfs);
    read_or_write(nfs, file);
    if (nfs_close(nfs, file) != 0) fail("close", nfs);
  }
  return done;
}

static long finished;

static void open_next(struct worker *worker);

static void closed(int status, struct nfs_context *nfs, void *data, void *worker) {
  (void)data;
  if (status < 0) fail("close", nfs);
  finished++;
  open_next(worker);
}

static void close_file(struct worker *worker) {
  if (nfs_close_async(worker->nfs, worker->file, closed, worker) != 0) fail("close", worker->nfs);
}

static void synced(int status, struct nfs_context *nfs, void *data, void *worker) {
  (void)data;
  if (status < 0) fail("fsync", nfs);
  close_file(worker);
}

static void moved(int count, struct nfs_context *nfs, void *data, void *private) {
  struct worker *worker = private;
  (void)data;
  if (count < 0) fail(small.writing ? "write" : "read", nfs);
  worker->left -= count;
  if (--worker->under_way > 0) return;
  if (worker->left != 0) fail("part of a file", nfs);
  if (!small.commits) close_file(worker);
  else if (nfs_fsync_async(nfs, worker->file, synced, worker) != 0) fail("fsync", nfs);
}

static void opened(int status, struct nfs_context *nfs, void *file, void *private) {
  struct worker *worker = private;
  if (status < 0) fail("open", nfs);
  worker->file = file;
  worker->left = small.bytes;
  worker->under_way = 0;
  if (!small.writing) {
    worker->under_way = 1;
    if (PREAD_ASYNC(nfs, file, 0, small.bytes, small.data, moved, worker) != 0) fail("read", nfs);
    return;
  }
  for (size_t at = 0; at < small.bytes; at += part) {
    worker->under_way++;
    if (PWRITE_ASYNC(nfs, file, at, part_at(at, small.bytes), small.data, moved, worker) != 0) fail("write", nfs);
  }
}

static void open_next(struct worker *worker) {
  char path[32];
  worker->busy = now() < small.end;
  if (!worker->busy) return;
  next_path(path);
  if (nfs_open_async(worker->nfs, path, small.flags, opened, worker) != 0) fail("open", worker->nfs);
}

static long many_at_once(double seconds) {
  struct pollfd polled[MAX_AT_ONCE];
  finished = 0;
  small.end = now() + seconds;
  for (int i = 0; i < at_once; i++) open_next(&workers[i]);
  for (;;) {
    int busy = 0;
    for (int i = 0; i < at_once; i++) {
      polled[i].fd = workers[i].busy ? nfs_get_fd(workers[i].nfs) : -1;
      polled[i].events = nfs_which_events(workers[i].nfs);
      busy += workers[i].busy;
    }
    if (busy == 0) return finished;
    if (poll(polled, at_once, 1000) < 0) fail("poll", NULL);
    for (int i = 0; i < at_once; i++) {
      if (polled[i].revents != 0 && nfs_service(workers[i].nfs, polled[i].revents) < 0) fail("service", workers[i].nfs);
    }
  }
}

static void small_files(char **arguments) {
  at_once = atoi(arguments[0]);
  if (at_once < 1 || at_once > MAX_AT_ONCE) fail("AT_ONCE", NULL);
  small.files = atol(arguments[1]);
  small.bytes = atol(arguments[2]);
  small.data = malloc(small.bytes);
  memset(small.data, 'n', small.bytes);
  for (int i = 0; i < at_once; i++) workers[i].nfs = mount_directory(i);
  if (small.writing) {
    find_part(workers[0].nfs, "/0", small.data, small.bytes);
    small.commits = part < small.bytes;
    small.flags = small.commits ? O_WRONLY : O_WRONLY | O_SYNC;
  }
  many_at_once(WARM_UP);
  measure(at_once == 1 ? one_at_a_time : many_at_once);
}

/* ---- one large file ---- */

static struct nfs_context *mounted;

static struct {
  struct nfsfh *file;
  const char *name;
  char *data;
  uint64_t size, next, done;
  int under_way;
} large;

static void large_moved(int count, struct nfs_context *nfs, void *data, void *length) {
  (void)data;
  if (count != (int)(intptr_t)length) fail("transfer", nfs);
  large.done += count;
  large.under_way--;
}

static void transfer(int writing) {
  size_t most = writing ? part : CHUNK;
  large.next = large.done = 0;
  while (large.done < large.size) {
    while (large.next < large.size && large.under_way < (int)(WINDOW * CHUNK / most)) {
      uint64_t left = large.size - large.next;
      size_t length = left < most ? left : most;
      void *expected = (void *)(intptr_t)length;
      int failed = writing ? PWRITE_ASYNC(mounted, large.file, large.next, length, large.data, large_moved, expected)
                           : PREAD_ASYNC(mounted, large.file, large.next, length, large.data, large_moved, expected);
      if (failed != 0) fail("transfer", mounted);
      large.next += length;
      large.under_way++;
    }
    struct pollfd polled = {.fd = nfs_get_fd(mounted), .events = nfs_which_events(mounted)};
    if (poll(&polled, 1, 1000) < 0) fail("poll", NULL);
    if (nfs_service(mounted, polled.revents) < 0) fail("service", mounted);
  }
}

static long read_large(double seconds) {
  (void)seconds;
  struct nfs_stat_64 attributes;
  if (nfs_open(mounted, large.name, O_RDONLY, &large.file) != 0) fail("open", mounted);
  if (nfs_fstat64(mounted, large.file, &attributes) != 0) fail("fstat", mounted);
  large.size = attributes.nfs_size;
  transfer(0);
  if (nfs_close(mounted, large.file) != 0) fail("close", mounted);
  return large.done;
}

static long write_large(double seconds) {
  (void)seconds;
  if (nfs_open(mounted, large.name, O_WRONLY, &large.file) != 0) fail("open", mounted);
  transfer(1);
  if (nfs_fsync(mounted, large.file) != 0) fail("fsync", mounted);
  if (nfs_close(mounted, large.file) != 0) fail("close", mounted);
  return large.done;
}

static void prepare_large(uint64_t size) {
  large.size = size;
  if (nfs_open(mounted, large.name, O_CREAT | O_EXCL | O_WRONLY, &large.file) != 0) fail("open", mounted);
  if (nfs_close(mounted, large.file) != 0) fail("close", mounted);
  find_part(mounted, large.name, large.data, CHUNK);
}

/* ---- a directory ---- */

static long list(double seconds) {
  (void)seconds;
  struct nfsdir *dir;
  if (nfs_opendir(mounted, "/", &dir) != 0) fail("opendir", mounted);
  long count = 0;
  for (struct nfsdirent *entry = nfs_readdir(mounted, dir); entry != NULL; entry = nfs_readdir(mounted, dir)) {
    if (strcmp(entry->name, ".") != 0 && strcmp(entry->name, "..") != 0) count++;
  }
  nfs_closedir(mounted, dir);
  return count;
}

/* ---- a tree ---- */

static long walk_below(const char *path) {
  struct nfsdir *dir;
  if (nfs_opendir(mounted, path, &dir) != 0) fail("opendir", mounted);
  long files = 0;
  for (struct nfsdirent *entry = nfs_readdir(mounted, dir); entry != NULL; entry = nfs_readdir(mounted, dir)) {
    if (strcmp(entry->name, ".") == 0 || strcmp(entry->name, "..") == 0) continue;
    if ((entry->mode & S_IFMT) != S_IFDIR) {
      files++;
      continue;
    }
    char below[4096];
    snprintf(below, sizeof below, "%s/%s", strcmp(path, "/") == 0 ? "" : path, entry->name);
    files += walk_below(below);
  }
  nfs_closedir(mounted, dir);
  return files;
}

static long walk(double seconds) {
  (void)seconds;
  return walk_below("/");
}

int main(int count, char **arguments) {
  const char *workload = count < 5 ? "" : arguments[4];
  host = count < 5 ? "" : arguments[1];
  port = count < 5 ? "" : arguments[2];
  directory = count < 5 ? "" : arguments[3];
  char **parameters = arguments + 5;
  small.writing = strcmp(workload, "writes") == 0;
  if (count == 8 && (small.writing || strcmp(workload, "reads") == 0)) {
    small_files(parameters);
    return 0;
  }
  mounted = count < 5 ? NULL : mount_directory(0);
  large.name = count < 6 ? "" : parameters[0];
  large.data = malloc(CHUNK);
  memset(large.data, 'n', CHUNK);
  if (count == 5 && strcmp(workload, "list") == 0) measure(list);
  else if (count == 5 && strcmp(workload, "walk") == 0) measure(walk);
  else if (count == 6 && strcmp(workload, "read") == 0) measure(read_large);
  else if (count == 7 && strcmp(workload, "write") == 0) {
    prepare_large(strtoull(parameters[1], NULL, 10));
    measure(write_large);
  } else {
    fprintf(stderr, "usage: libnfs HOST PORT DIRECTORY reads|writes|list|walk|read|write PARAMETERS\n");
    return 2;
  }
  return 0;
}
