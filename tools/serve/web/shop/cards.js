/* Products as cards, and lists of cards that move to their new order. */

import { draw } from "./draw.js";
import { known } from "./api.js";
import { money, nameOf, text } from "./words.js";

const STILL = matchMedia("(prefers-reduced-motion: reduce)");

/* make("p", {class: "price"}, "a", element) */
export function make(name, attributes = {}, ...children) {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes))
        if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
        else if (value === true) made.setAttribute(key, "");
        else if (value !== false && value !== null && value !== undefined) made.setAttribute(key, value);
    made.append(...children.filter((child) => child !== null && child !== undefined));
    return made;
}

export const linkOf = (product) => "#/product/" + encodeURIComponent(product.item_id);

export function price(product, name = "p") {
    if (!product.price) return null;
    const now = money(product.price, product.currency);
    if (!(product.original_price > product.price)) return make(name, { class: "price" }, now);
    const percent = Math.round(100 * (1 - product.price / product.original_price));
    return make(name, { class: "price" }, make("strong", { class: "reduced" }, now), " ",
        make("s", {}, make("span", { class: "hidden" }, text.was + " "), money(product.original_price, product.currency)),
        " ", make("span", { class: "off" }, text.save(percent)));
}

export function reason(item) {
    const words = text.because[item.reason];
    if (!words) return "";
    const cause = item.because_item_id && known(item.because_item_id);
    return words(cause ? nameOf(cause) : "");
}

function card({ product }) {
    return make("li", { class: "card", "data-item-id": product.item_id },
        make("a", { href: linkOf(product) },
            make("span", { class: "tile" }, draw(product)),
            make("span", { class: "brand" }, product.item_brand || ""),
            make("span", { class: "name" }, nameOf(product)),
            price(product, "span")),
        make("p", { class: "why" }));
}

/* Puts the list's items into `container`, an ordered list. Cards that stay move to their new places;
 * with `mark`, new ones are marked. Says how many are new, of how many. */
export function fill(container, list, { max = 12, mark = false } = {}) {
    const shown = list.items.slice(0, max);
    const before = new Map([...container.children].map((each) => [each.dataset.itemId, each]));
    const rows = mark && !STILL.matches && container.isConnected;
    const places = rows ? new Map([...before].map(([id, each]) => [id, each.getBoundingClientRect()])) : new Map();
    const focused = document.activeElement;
    const fresh = [];
    const cards = shown.map((item) => {
        const old = before.get(item.item_id);
        before.delete(item.item_id);
        const each = old || card(item);
        each.classList.remove("fresh");
        if (!old) fresh.push(each);
        each.querySelector(".why").textContent = reason(item);
        return each;
    });
    before.forEach((each) => each.remove());
    cards.forEach((each, at) => {
        if (container.children[at] !== each) container.insertBefore(each, container.children[at] || null);
    });
    if (mark) fresh.forEach((each) => each.classList.add("fresh"));
    if (focused && focused !== document.activeElement && container.contains(focused))
        focused.focus({ preventScroll: true });
    if (rows) for (const each of cards) move(each, places.get(each.dataset.itemId));
    weft.watch(container, list);
    return [fresh.length, shown.length];
}

function move(each, from) {
    const to = each.getBoundingClientRect();
    const steps = from ? [{ transform: `translate(${from.left - to.left}px, ${from.top - to.top}px)` }, { transform: "none" }]
        : [{ opacity: 0, transform: "scale(.88)" }, { opacity: 1, transform: "none" }];
    if (!from || from.left !== to.left || from.top !== to.top)
        each.animate(steps, { duration: from ? 520 : 420, easing: "cubic-bezier(.2,.8,.2,1)" });
}

/* A headed list. `wide` ones fill the width in rows; the others are one row that scrolls. */
export function section(placement, { wide = false } = {}) {
    const heading = make("h2", { id: "of-" + placement });
    const cards = make("ol", { class: wide ? "cards wide" : "cards row", "aria-labelledby": heading.id,
        tabindex: wide ? null : 0 });
    const note = make("p", { class: "note" });
    const made = make("section", { class: "list", "data-placement": placement, hidden: true },
        make("div", { class: "heading" }, heading, note), cards);
    return made;
}

export function show(part, list, heading, note, options) {
    part.querySelector("h2").textContent = heading;
    part.querySelector(".note").textContent = note || "";
    part.hidden = !list || list.items.length === 0;
    return fill(part.querySelector("ol"), list || { items: [] }, options);
}
