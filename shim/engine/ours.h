/*
 * ours.h - descriptors of the engine's own, and which numbers they have
 *
 * Each belongs to a variable that holds its number.  A program that puts one
 * of its own there (dup2) gets the number, and the variable another one: so
 * it is read anew for each use and never copied.  A thread that has just read
 * it while another one's dup2 takes the number would meet the program's file;
 * a program would have to aim at a number that it does not know of.
 */
#ifndef ENGINE_OURS_H
#define ENGINE_OURS_H

#include <stdbool.h>

struct fault;

/*
 * Takes fd, open and close-on-exec, under another number where it is out of
 * the program's way; *at, valid until ours_close, holds that from now on.
 * fd itself is closed.  0, or -1 (fd stays the caller's) where there is none.
 */
int ours_take(int fd, _Atomic int *at);

/* The same for a copy of fd, which stays what it is. */
int ours_copy(int fd, _Atomic int *at);

/* A new eventfd that is not waited for; one number is lent if need be. */
int ours_event(_Atomic int *at);

/* Closes what at holds, if anything; *at is -1 then. */
void ours_close(_Atomic int *at);

/* The program wants this number: one of ours moves away from it. */
void ours_yield(int number);

/*
 * /dev/null by O_PATH, through which nothing is read or written; made by
 * calls_descriptor, since a daemon may leave for where there is none.
 */
extern _Atomic int ours_nothing;

/*
 * Some numbers are kept for when the program has used up all it may have: a
 * connect() reads the files of its rule, an epoll set gets a doorbell, and
 * TCP would need no number for that.  ours_lend frees them until
 * ours_reclaim, which takes as many as that has returned, or what there is.
 */
#define OURS_SPARE 3 /* policy/file.c: two folders of a path, and the file */
int ours_lend(void);
void ours_reclaim(int n);

/* file_open_own, which may have the numbers that are kept. */
int ours_open_own(const char *path, bool create, struct fault *f);

#endif
