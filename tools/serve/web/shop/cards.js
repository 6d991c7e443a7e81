/* Products as cards, and lists of cards that move to their new order. */

import { draw } from "./draw.js";
import { known } from "./api.js";
import { make } from "./make.js";
import { money, nameOf, text } from "./words.js";

const STILL = matchMedia("(prefers-reduced-motion: reduce)");

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

/* Puts the list's items into `container`, an ordered list; `mark`: new ones are marked. */
export function fill(container, list, { max = 12, mark = false } = {}) {
    const before = new Map([...container.children].map((each) => [each.dataset.itemId, each]));
    const focused = document.activeElement;
    const cards = list.items.slice(0, max).map((item) => {
        const old = before.get(item.item_id);
        before.delete(item.item_id);
        const each = old || card(item);
        each.classList.toggle("fresh", mark && !old);
        each.querySelector(".why").textContent = reason(item);
        return each;
    });
    before.forEach((each) => each.remove());
    cards.forEach((each, at) => {
        if (container.children[at] !== each) container.insertBefore(each, container.children[at] || null);
    });
    if (focused && focused !== document.activeElement && container.contains(focused))
        focused.focus({ preventScroll: true });
    weft.watch(container, list);
}

const visible = (part) => {
    const box = part.getBoundingClientRect();
    return !part.hidden && box.bottom > 0 && box.top < innerHeight;
};
const cardsOf = (parts) => [...parts].filter(visible).flatMap((part) => [...part.querySelectorAll(".card")]);

/* Cards that stay move to their new places, and new ones come in, where the visitor sees it. All
 * places are read together: each reading behind a change is a layout. */
export function moving(parts, change) {
    if (STILL.matches) return change();
    const from = new Map(cardsOf(parts).map((each) => [each, each.getBoundingClientRect()]));
    change();
    const to = cardsOf(parts).map((each) => [each, each.getBoundingClientRect()]);
    for (const [each, now] of to) {
        const then = from.get(each);
        if (!then)
            each.animate([{ opacity: 0, transform: "scale(.88)" }, { opacity: 1, transform: "none" }],
                { duration: 420, easing: "ease-out" });
        else if (then.left !== now.left || then.top !== now.top)
            each.animate([{ transform: `translate(${then.left - now.left}px, ${then.top - now.top}px)` },
                { transform: "none" }], { duration: 520, easing: "cubic-bezier(.2,.8,.2,1)" });
    }
}

/* A headed list. `wide` ones fill the width in rows; the others are one row that scrolls. */
export function section(placement, { wide = false } = {}) {
    const heading = make("h2", { id: "of-" + placement });
    const cards = make("ol", { class: wide ? "cards wide" : "cards row", "aria-labelledby": heading.id,
        tabindex: wide ? null : 0 });
    const note = make("p", { class: "note" });
    return make("section", { class: "list", "data-placement": placement, hidden: true },
        make("div", { class: "heading" }, heading, note), cards);
}

export function show(part, list, heading, note, options) {
    part.querySelector("h2").textContent = heading;
    part.querySelector(".note").textContent = note || "";
    part.hidden = !list || list.items.length === 0;
    fill(part.querySelector("ol"), list || { items: [] }, options);
}
