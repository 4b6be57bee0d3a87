/* empty.c - a preloaded object with nothing in it: what any of them costs */
