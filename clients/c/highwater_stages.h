/* Stages of a Highwater worker, for programs in C: one header for Linux, without dependencies and without allocations.
 *
 *     #include "highwater_stages.h"
 *
 *     int main(void) {
 *         struct highwater worker;
 *         highwater_open(&worker);
 *         highwater_stage(&worker, "loaded");
 *         size_t made = 0;
 *         for (size_t i = 0; i < worker.scales; i++) {
 *             for (; made < worker.ladder[i]; made++) make();
 *             highwater_rung(&worker, "live", worker.ladder[i]);
 *         }
 *         highwater_end(&worker);
 *     }
 *
 * At each stage the program waits until Highwater has read its memory. Outside a Highwater run, the calls do nothing and
 * the ladder is empty, so they can stay in the program. The protocol is docs/protocol.md of Highwater. */
#ifndef HIGHWATER_STAGES_H
#define HIGHWATER_STAGES_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { HIGHWATER_FD = 3, HIGHWATER_LINE = 8192, HIGHWATER_SCALES = 1000, HIGHWATER_INPUTS = 16 };

/* The connection to Highwater, and the job that it sent. */
struct highwater {
    int is_open;                               /* whether this is a Highwater run */
    char case_id[HIGHWATER_LINE];              /* the id of the case, or "" */
    unsigned long ladder[HIGHWATER_SCALES];    /* the scales */
    size_t scales;                             /* their number */
    char inputs[HIGHWATER_INPUTS][4096];       /* the paths of prepared files */
    size_t input_count;                        /* their number */
};

/* Reads a line without its line break. A line that does not fit ends the program. */
static inline void highwater_line(char *line) {
    size_t length = 0;
    for (;;) {
        ssize_t count = read(HIGHWATER_FD, line + length, 1);
        if (count < 0 && errno == EINTR) continue;
        if (count != 1 || length + 1 == HIGHWATER_LINE) {
            fputs("highwater: the harness closed the connection\n", stderr);
            exit(1);
        }
        if (line[length] == '\n') break;
        length++;
    }
    line[length] = 0;
}

static inline void highwater_send(struct highwater *worker, const char *line) {
    size_t length = strlen(line), sent = 0;
    while (worker->is_open && sent < length) {
        ssize_t count = write(HIGHWATER_FD, line + sent, length - sent);
        if (count < 0 && errno != EINTR) exit(1);
        if (count > 0) sent += (size_t)count;
    }
}

/* Reads the job. */
static inline void highwater_open(struct highwater *worker) {
    char line[HIGHWATER_LINE];
    memset(worker, 0, sizeof *worker);
    /* The variable is in the environment of every worker, and descriptor 3 may be anything elsewhere. */
    if (!getenv("HIGHWATER_PADDING")) return;
    worker->is_open = 1;
    for (highwater_line(line); strcmp(line, "go") != 0; highwater_line(line)) {
        if (strncmp(line, "case ", 5) == 0) {
            strcpy(worker->case_id, line + 5);
        } else if (strncmp(line, "ladder ", 7) == 0) {
            char *rest = line + 7, *end;
            while (worker->scales < HIGHWATER_SCALES) {
                unsigned long scale = strtoul(rest, &end, 10);
                if (end == rest) break;
                worker->ladder[worker->scales++] = scale;
                rest = end;
            }
        } else if (strncmp(line, "input ", 6) == 0 && worker->input_count < HIGHWATER_INPUTS) {
            snprintf(worker->inputs[worker->input_count++], sizeof worker->inputs[0], "%s", line + 6);
        }
    }
}

/* Waits at a stage until the memory of this program has been read. */
static inline void highwater_stage(struct highwater *worker, const char *name) {
    char line[HIGHWATER_LINE];
    snprintf(line, sizeof line, "reached %s\n", name);
    highwater_send(worker, line);
    if (worker->is_open) highwater_line(line);
}

/* The same with a scale: the stage `name@scale`. */
static inline void highwater_rung(struct highwater *worker, const char *name, unsigned long scale) {
    char stage[256];
    snprintf(stage, sizeof stage, "%s@%lu", name, scale);
    highwater_stage(worker, stage);
}

/* Stores a non-negative integer with the next stage. */
static inline void highwater_figure(struct highwater *worker, const char *name, unsigned long long value) {
    char line[512];
    snprintf(line, sizeof line, "figure %s %llu\n", name, value);
    highwater_send(worker, line);
}

/* Stores a text with the case. */
static inline void highwater_note(struct highwater *worker, const char *name, const char *text) {
    char line[HIGHWATER_LINE];
    snprintf(line, sizeof line - 1, "note %s %s", name, text);
    strcat(line, "\n");
    highwater_send(worker, line);
}

/* Ends the program: the case cannot run here. */
static inline void highwater_skip(struct highwater *worker, const char *reason) {
    char line[HIGHWATER_LINE];
    snprintf(line, sizeof line - 1, "skip %s", reason);
    strcat(line, "\n");
    highwater_send(worker, line);
    exit(0);
}

/* Says that all stages are done; the program then exits with status 0. */
static inline void highwater_end(struct highwater *worker) {
    highwater_send(worker, "end\n");
    worker->is_open = 0;
}

#endif
