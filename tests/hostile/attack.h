/* attack.h - what a hostile peer does with its connections */
#ifndef ATTACK_H
#define ATTACK_H

/* What the victim is: by the rule, a peer of action detect or native too. */
enum side { AT_SERVER = 1, AT_CLIENT = 2, AT_DETECT = 4, AT_NATIVE = 8 };

struct attack {
	const char *name;
	int sides; /* of enum side */
	void (*run)(int server);
};

extern const struct attack attacks[]; /* the last one has no name */

extern int attack_scale; /* percent of the full size */
extern long attack_least; /* bytes, before which nothing is a handshake */
extern long attack_wrong; /* what had to work and did not, or the reverse */

/* Which certificates foe_credentials shows from now on. */
enum chain { CHAIN_GOOD, CHAIN_LONG, CHAIN_FULL, CHAIN_BIG, CHAINS };
extern enum chain attack_chain;

#endif
