#include "state/cart.h"

#include "schemas/byte_order.h"

#include <stdlib.h>

#define LENGTH_BYTES 2

struct bytes cart_next(const struct cart *cart, uint32_t *at)
{
    if (*at >= cart->size)
        return bytes_of(NULL, 0);
    uint32_t size = (uint32_t)get_le(cart->text + *at, LENGTH_BYTES);
    struct bytes item_id = bytes_of(cart->text + *at + LENGTH_BYTES, size);
    *at += LENGTH_BYTES + size;
    return item_id;
}

/* Where the item begins; the cart's size: it is not there. */
static uint32_t find(const struct cart *cart, struct bytes item_id)
{
    uint32_t at = 0, next = 0;
    for (struct bytes id; (id = cart_next(cart, &next)).at; at = next)
        if (bytes_equal(id, item_id))
            return at;
    return cart->size;
}

bool cart_has(const struct cart *cart, struct bytes item_id)
{
    return find(cart, item_id) < cart->size;
}

static void take_out(struct cart *cart, uint32_t at)
{
    if (at >= cart->size)
        return;
    uint32_t next = at;
    (void)cart_next(cart, &next);
    memmove(cart->text + at, cart->text + next, cart->size - next);
    cart->size -= next - at;
    cart->count--;
}

static void put_in(struct cart *cart, struct bytes item_id)
{
    uint32_t needed = cart->size + LENGTH_BYTES + (uint32_t)item_id.size;
    if (needed > cart->capacity) {
        cart->capacity = cart->capacity ? 2 * cart->capacity : 32;
        if (cart->capacity < needed)
            cart->capacity = needed;
        cart->text = memory_resize(cart->text, cart->capacity);
    }
    put_le(cart->text + cart->size, item_id.size, LENGTH_BYTES);
    if (item_id.size > 0)
        memcpy(cart->text + cart->size + LENGTH_BYTES, item_id.at, item_id.size);
    cart->size = needed;
    cart->count++;
}

void cart_apply(struct cart *cart, enum kind kind, struct bytes item_id, struct cart_bound *bound)
{
    if (kind == KIND_CART_CLEAR)
        cart_release(cart);
    if (kind == KIND_CART || cart_takes_out(kind))
        take_out(cart, find(cart, item_id));
    if (!cart_puts_in(kind) || item_id.size == 0 ||
        (kind == KIND_CART_UPDATE && cart_has(cart, item_id)))
        return;
    put_in(cart, item_id);
    uint32_t items_max = bound ? bound->items_max : CART_ITEMS_MAX;
    for (; cart->count > items_max || cart->size > CART_BYTES_MAX; take_out(cart, 0))
        if (bound)
            bound->fallen++;
}

bool cart_restore(struct cart *cart, struct bytes item_id)
{
    if (cart->count == CART_ITEMS_MAX ||
        cart->size + LENGTH_BYTES + item_id.size > CART_BYTES_MAX || cart_has(cart, item_id))
        return false;
    put_in(cart, item_id);
    return true;
}

void cart_release(struct cart *cart)
{
    free(cart->text);
    *cart = (struct cart){0};
}
