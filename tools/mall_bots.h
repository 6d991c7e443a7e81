/* Bots of the mall: programs that come beside its visitors and make a share of all events. The
 * mall's own events stay the same. A twentieth of all visitors are bots of three kinds, in turn:
 *
 *     fast     views products one after another, all day, as fast as the share needs
 *     slow     views a product every 30 s, give or take the half
 *     stuffer  puts a product into the cart every 10 s, give or take the half, and never buys
 *
 * Their visitor_ids begin with "bot-" and the kind. The same settings give the same events. Thread:
 * one. */
#ifndef WEFT_TOOLS_MALL_BOTS_H
#define WEFT_TOOLS_MALL_BOTS_H

#include "tools/mall.h"

#define MALL_BOTS_OF 20 /* one of so many visitors is a bot */

struct mall_bots;

/* `share`, below 1, of all events are theirs, if the slow ones alone make fewer. */
struct mall_bots *mall_bots_new(const struct mall_settings *settings, double share);
void mall_bots_free(struct mall_bots *bots);

/* The time of their next event. */
int64_t mall_bots_time(const struct mall_bots *bots);
/* The next event; slices hold until the next call, and as long as the mall. */
void mall_bots_next(struct mall_bots *bots, const struct mall *mall, struct event *ret_event);

#endif
