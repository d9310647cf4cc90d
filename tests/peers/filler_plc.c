/* The filler, station FILL30: a Modbus TCP PLC built on libmodbus, with one req-ack handshake for each bottle.

   usage: filler_plc TRUTH SERIES CYCLE_MS PORTS

   A bottle: the truth gets a line `{"asked": …}`, its words and its number are there, bit 2 of the flags is set; when the host has set the
   ack coil the bit falls, the truth gets its line, and when the coil has fallen the next bottle comes.

   The ports are kept in the file PORTS, and nothing else: a filler that was killed begins its program anew, its words cleared, its numbers
   from 1, with other serials. The truth has a line for each run. */
#include <errno.h>
#include <modbus.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <arpa/inet.h>
#include <time.h>
#include <unistd.h>

enum { LIFE = 0, BOOT = 1, FLAGS = 2, NUMBER = 12, SERIAL = 20, TORQUE = 60, SIZE = 128, ACK = 18, REQUEST = 4 };

static modbus_mapping_t *map;
static FILE *truth;
static unsigned long bottle;
static int run, paused, waiting, released;
static int64_t asked, due;
static char serial[17];
static float torque;

static int64_t now_ns(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* A line of the truth about the bottle that is there. */
static void note(const char *before, const char *after) {
    fprintf(truth, "%s\"serial\": \"%s\", \"done_number\": %lu, \"t_done\": %lld, \"torque\": %.6f%s", before, serial, bottle & 0xFFFF,
            (long long)asked, (double)torque, after);
    fflush(truth);
}

static void present(const char *series) {
    bottle += 1;
    if (run)
        snprintf(serial, sizeof serial, "BT-%s%d-%05lu", series, run, bottle % 100000);
    else
        snprintf(serial, sizeof serial, "BT-%s%05lu", series, bottle % 100000);
    char text[16] = {0};
    memcpy(text, serial, strlen(serial));
    for (int i = 0; i < 8; i += 1)
        map->tab_registers[SERIAL + i] = (uint16_t)((uint8_t)text[2 * i] << 8 | (uint8_t)text[2 * i + 1]);
    torque = 11.0f + (float)(bottle % 200) / 100.0f;
    uint32_t bits;
    memcpy(&bits, &torque, sizeof bits);
    asked = now_ns(CLOCK_REALTIME);
    note("{\"asked\": {", "}}\n");
    map->tab_registers[TORQUE] = (uint16_t)bits; /* CDAB: the low word first */
    map->tab_registers[TORQUE + 1] = (uint16_t)(bits >> 16);
    map->tab_registers[NUMBER] = (uint16_t)bottle;
    map->tab_registers[FLAGS] |= REQUEST;
    waiting = 1;
}

/* One look of the PLC at its words. */
static void cycle(const char *series, int cycle_ms) {
    int64_t now = now_ns(CLOCK_MONOTONIC);
    map->tab_registers[LIFE] = (uint16_t)(now / 200000000);
    if (waiting && map->tab_bits[ACK]) {
        map->tab_registers[FLAGS] &= (uint16_t)~REQUEST;
        note("{", "}\n");
        fsync(fileno(truth));
        waiting = 0;
        released = 1;
    } else if (released && !map->tab_bits[ACK]) {
        released = 0;
        due = now + (int64_t)cycle_ms * 1000000;
    } else if (!waiting && !released && !paused && now >= due) {
        present(series);
    }
}

/* How often it was started before. */
static int runs_of(const char *path) {
    char line[512];
    int runs = 0;
    FILE *before = fopen(path, "r");
    while (before && fgets(line, sizeof line, before))
        runs += strncmp(line, "{\"run\"", 6) == 0;
    if (before)
        fclose(before);
    return runs;
}

/* Port 0 takes a free one. */
static int listen_on(uint16_t *port) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(*port)};
    socklen_t size = sizeof at;
    int s = socket(AF_INET, SOCK_STREAM, 0), again = 1;
    if (s < 0 || setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &again, sizeof again) < 0 || bind(s, (void *)&at, size) < 0 || listen(s, 16) < 0 || getsockname(s, (void *)&at, &size) < 0) {
        perror("listen");
        exit(1);
    }
    *port = ntohs(at.sin_port);
    return s;
}

static void command(int socket) {
    char line[256], answer[128];
    ssize_t n = recv(socket, line, sizeof line - 1, 0);
    line[n > 0 ? n : 0] = 0;
    if (strncmp(line, "stats", 5) == 0)
        snprintf(answer, sizeof answer, "{\"done\": %lu, \"waits\": %s}\nok\n", bottle - (unsigned long)waiting, waiting || released ? "true" : "false");
    else if (strncmp(line, "pause on", 8) == 0 || strncmp(line, "pause off", 9) == 0) {
        paused = line[7] == 'n';
        snprintf(answer, sizeof answer, "ok\n");
    } else
        snprintf(answer, sizeof answer, "err no such command\n");
    send(socket, answer, strlen(answer), MSG_NOSIGNAL);
    close(socket);
}

int main(int count, char **words) {
    if (count != 5)
        return 2;
    run = runs_of(words[1]);
    if (!(truth = fopen(words[1], "a")))
        return 2;
    map = modbus_mapping_new(SIZE, SIZE, SIZE, SIZE);
    modbus_t *modbus = modbus_new_tcp("127.0.0.1", 0);
    map->tab_registers[BOOT] = (uint16_t)(1 + run);
    fprintf(truth, "{\"run\": %d, \"at\": %lld}\n", run, (long long)now_ns(CLOCK_REALTIME));
    fflush(truth);
    uint16_t port = 0, control = 0;
    FILE *ports = fopen(words[4], "r");
    if (ports && fscanf(ports, "%hu %hu", &port, &control) != 2)
        return 2;
    int plant = listen_on(&port), desk = listen_on(&control);
    if (!ports && (ports = fopen(words[4], "w")))
        fprintf(ports, "%hu %hu\n", port, control);
    if (!ports || fclose(ports))
        return 2;
    printf("{\"port\": %u, \"control\": %u, \"pid\": %d}\n", port, control, (int)getpid());
    fflush(stdout);
    fd_set all;
    FD_ZERO(&all);
    FD_SET(plant, &all);
    FD_SET(desk, &all);
    int last = plant > desk ? plant : desk;
    for (;;) {
        struct timeval tick = {.tv_usec = 5000};
        fd_set ready = all;
        if (select(last + 1, &ready, 0, 0, &tick) < 0)
            FD_ZERO(&ready);
        for (int s = 0; s <= last; s += 1) {
            if (!FD_ISSET(s, &ready))
                continue;
            if (s == desk) {
                command(accept(s, 0, 0));
            } else if (s == plant) {
                int client = accept(s, 0, 0);
                if (client >= 0 && client < FD_SETSIZE) {
                    FD_SET(client, &all);
                    last = client > last ? client : last;
                }
            } else {
                uint8_t request[MODBUS_TCP_MAX_ADU_LENGTH];
                modbus_set_socket(modbus, s);
                int n = modbus_receive(modbus, request);
                if (n > 0)
                    modbus_reply(modbus, request, n, map);
                if (n < 0) {
                    close(s);
                    FD_CLR(s, &all);
                }
            }
        }
        cycle(words[2], atoi(words[3]));
    }
}
