/* attack.h - what a hostile peer does with its connections */
#ifndef ATTACK_H
#define ATTACK_H

struct attack {
	const char *name;
	int sides; /* 1: the attacker is the client, 2: the server, 3: either */
	void (*run)(int server);
};

extern const struct attack attacks[]; /* the last one has no name */

extern int attack_scale; /* percent of the full size */
extern long attack_wrong; /* what had to work and did not, or the reverse */

/* Which certificates foe_credentials shows from now on. */
enum chain { CHAIN_GOOD, CHAIN_LONG, CHAIN_BIG, CHAINS };
extern enum chain attack_chain;

#endif
