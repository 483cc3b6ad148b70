/*
 * A TCP proxy that adds to every round trip: each chunk is passed on a fixed time after it arrived, in each direction, and
 * any number of chunks may be on their way.
 *
 *   delay-proxy TARGET_ADDRESS TARGET_PORT MICROSECONDS
 *
 * MICROSECONDS are for one direction. It listens on 127.0.0.1, prints the port, and ends when its standard input does.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MAX_SOCKETS 1024
#define CHUNK (256 * 1024)
#define WRITE_TIMEOUT 10000

/* A chunk on its way, or the end of the stream when it has no bytes. As all wait equally long, one queue orders them. */
struct chunk {
  struct chunk *next;
  int64_t due;
  int to;
  size_t length;
  char bytes[];
};

static struct chunk *first, **last = &first;
static struct pollfd polled[MAX_SOCKETS + 2];
static int peer[MAX_SOCKETS * 4], ended[MAX_SOCKETS * 4], sockets = 2;

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static int64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static void add(int socket, int other) {
  int on = 1;
  if (sockets >= MAX_SOCKETS || socket >= MAX_SOCKETS * 4) fail("too many connections");
  setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  peer[socket] = other;
  ended[socket] = 0;
  polled[sockets++] = (struct pollfd){.fd = socket, .events = POLLIN};
}

static void forget(int socket) {
  for (int i = 2; i < sockets; i++) {
    if (polled[i].fd == socket) polled[i] = polled[--sockets];
  }
  close(socket);
}

static void receive(int from, int64_t delay) {
  struct chunk *chunk = malloc(sizeof *chunk + CHUNK);
  if (chunk == NULL) fail("malloc");
  ssize_t length = recv(from, chunk->bytes, CHUNK, 0);
  chunk = realloc(chunk, sizeof *chunk + (length > 0 ? length : 0));
  *chunk = (struct chunk){.due = now() + delay, .to = peer[from], .length = length > 0 ? length : 0};
  *last = chunk;
  last = &chunk->next;
  if (length > 0) return;
  for (int i = 2; i < sockets; i++) {
    if (polled[i].fd == from) polled[i].events = 0;
  }
}

static void deliver(struct chunk *chunk) {
  if (chunk->length == 0) {
    ended[chunk->to] = 1;
    shutdown(chunk->to, SHUT_WR);
    if (!ended[peer[chunk->to]]) return;
    forget(peer[chunk->to]);
    forget(chunk->to);
    return;
  }
  for (size_t sent = 0; sent < chunk->length;) {
    ssize_t count = send(chunk->to, chunk->bytes + sent, chunk->length - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
    struct pollfd writable = {.fd = chunk->to, .events = POLLOUT};
    if (count > 0) sent += count;
    else if (poll(&writable, 1, WRITE_TIMEOUT) <= 0 || (writable.revents & (POLLERR | POLLHUP))) return;
  }
}

int main(int count, char **arguments) {
  if (count != 4) {
    fprintf(stderr, "usage: delay-proxy TARGET_ADDRESS TARGET_PORT MICROSECONDS\n");
    return 2;
  }
  int64_t delay = atoll(arguments[3]) * 1000;
  struct sockaddr_in target = {.sin_family = AF_INET, .sin_port = htons(atoi(arguments[2]))}, own = {.sin_family = AF_INET};
  own.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof own;
  int listener = socket(AF_INET, SOCK_STREAM, 0);
  if (inet_pton(AF_INET, arguments[1], &target.sin_addr) != 1) fail("TARGET_ADDRESS");
  if (bind(listener, (struct sockaddr *)&own, size) != 0 || listen(listener, 128) != 0) fail("listen");
  if (getsockname(listener, (struct sockaddr *)&own, &size) != 0) fail("getsockname");
  printf("%d\n", ntohs(own.sin_port));
  fflush(stdout);
  prctl(PR_SET_TIMERSLACK, 1);
  polled[0] = (struct pollfd){.fd = STDIN_FILENO, .events = POLLIN};
  polled[1] = (struct pollfd){.fd = listener, .events = POLLIN};
  for (;;) {
    int64_t wait = first == NULL ? 0 : first->due - now();
    if (wait < 0) wait = 0;
    struct timespec timeout = {wait / 1000000000, wait % 1000000000};
    if (ppoll(polled, sockets, first == NULL ? NULL : &timeout, NULL) < 0) fail("ppoll");
    if (polled[0].revents != 0) return 0;
    if (polled[1].revents != 0) {
      int client = accept(listener, NULL, NULL), server = socket(AF_INET, SOCK_STREAM, 0);
      if (client < 0 || connect(server, (struct sockaddr *)&target, sizeof target) != 0) fail("connect");
      add(client, server);
      add(server, client);
    }
    for (int i = 2; i < sockets; i++) {
      if (polled[i].events != 0 && polled[i].revents != 0) receive(polled[i].fd, delay);
      polled[i].revents = 0;
    }
    while (first != NULL && first->due <= now()) {
      struct chunk *chunk = first;
      first = chunk->next;
      if (first == NULL) last = &first;
      deliver(chunk);
      free(chunk);
    }
  }
}
