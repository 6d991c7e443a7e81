/* The side panel: the visitor's last clicks, what they changed, and how fast. */

import { known } from "./api.js";
import { linkOf } from "./cards.js";
import { colourOf, draw, element } from "./draw.js";
import { make } from "./make.js";
import { categoryName, nameOf, text, value } from "./words.js";

const TIMES_MAX = 24, SHOWN = 14;
const times = []; // ms of the last clicks
let changes = [], waiting = false, streamed = 0;

export function clicked() {
    waiting = true;
}

export function arrived(to_list_ms, to_message_ms, changed) {
    waiting = false;
    streamed = to_message_ms;
    times.push(to_list_ms);
    if (times.length > TIMES_MAX) times.shift();
    changes = changed;
}

export function forget() {
    times.length = 0;
    changes = [];
    waiting = false;
}

const latest = () => times[times.length - 1];

function speed() {
    if (!times.length && !waiting) return make("p", { class: "quiet" }, text.no_click);
    const most = Math.max(100, ...times);
    const bars = make("div", { class: "bars", "aria-hidden": "true" }, ...times.map((ms) => {
        const bar = make("i", {});
        bar.style.height = Math.max(6, 100 * ms / most) + "%";
        return bar;
    }));
    return make("div", { class: "speed" },
        make("p", { class: "figure" }, times.length ? make("b", {}, String(Math.round(latest()))) : "…", times.length ? " ms" : ""),
        make("p", { class: "quiet" }, waiting ? text.waiting : text.to_list),
        bars,
        streamed && !waiting ? make("p", { class: "quiet small" }, `${text.lists_at} ${Math.round(streamed)} ms`) : null);
}

function changed() {
    if (!changes.length) return null;
    return make("section", {}, make("h3", {}, text.changed), make("ul", { class: "changes" }, ...changes.map((each) =>
        make("li", {}, make("b", {}, text.placements[each.placement] || each.placement), " ",
            make("span", { class: "quiet" }, each.gone ? text.gone : each.began ? text.began :
                each.fresh ? text.changed_of(each.fresh, each.all) : text.same),
            each.first ? make("span", { class: "first" }, `${text.first}: ${nameOf(each.first)}`) : null))));
}

const glass = () => element("svg", { viewBox: "0 0 20 20", "aria-hidden": "true" }, element("path",
    { d: "M12.6,12.6L18,18M14,8A6,6 0 1 1 2,8A6,6 0 1 1 14,8Z", fill: "none", stroke: "currentColor", "stroke-width": 2 }));

function visit(sequence) {
    const steps = sequence.slice(0, SHOWN).map((step) => {
        const product = step.item_id && known(step.item_id);
        return make("li", {},
            make("span", { class: product ? "thumb" : "thumb glass" }, product ? draw(product) : glass()),
            make("span", {}, make("span", { class: "quiet" }, text.did[step.kind]), " ",
                product ? make("a", { href: linkOf(product) }, nameOf(product)) : make("q", {}, step.term || "")));
    });
    return make("section", {}, make("h3", {}, text.visit),
        steps.length ? make("ol", { class: "steps" }, ...steps) : make("p", { class: "quiet" }, text.visit_none));
}

const WEIGHTS = { view: 1, cart: 3, purchase: 6, remove: -2, search: 0 };

function tastes(sequence) {
    const sums = new Map();
    for (const step of sequence) {
        const product = known(step.item_id);
        if (!product) continue;
        for (const [kind, name] of [["brand", product.item_brand], ["colour", (product.colors || [])[0]],
            ["category", (product.categories || [])[0]]])
            if (name) sums.set(`${kind}:${name}`, (sums.get(`${kind}:${name}`) || 0) + WEIGHTS[step.kind]);
    }
    const chips = [...sums].filter(([, sum]) => sum > 1).sort((a, b) => b[1] - a[1]).slice(0, 8).map(([key, sum]) => {
        const [kind, name] = [key.slice(0, key.indexOf(":")), key.slice(key.indexOf(":") + 1)];
        const dot = kind === "colour" ? make("i", {}) : null;
        if (dot) dot.style.background = colourOf({ colors: [name] });
        return make("li", {}, dot, kind === "category" ? categoryName(name) : kind === "colour" ? value(name) : name,
            make("span", { class: "quiet" }, ` ${sum}`));
    });
    return chips.length ? make("section", {}, make("h3", {}, text.tastes), make("ul", { class: "chips" }, ...chips)) : null;
}

export function drawPanel(panel, opener, sequence, { visitor, another, agree, close }) {
    const focus = document.activeElement && panel.contains(document.activeElement) ? document.activeElement.id : "";
    const button = (id, words, does) => make("button", { type: "button", class: "plain", id, onclick: does }, words);
    panel.replaceChildren(...[
        make("div", { class: "panel-top" }, make("h2", { id: "panel-title" }, text.panel), button("panel-close", text.panel_close, close)),
        visitor ? speed() : null, visitor ? changed() : null, visit(sequence), tastes(sequence),
        make("section", { class: "who" },
            visitor ? make("p", { class: "quiet" }, `${text.visitor} `, make("code", {}, visitor.slice(0, 8))) : null,
            make("p", { class: "quiet" }, visitor ? text.consent_is : text.consent_not),
            make("p", { class: "buttons" }, visitor ? button("another", text.else, another) : null,
                button("consent", visitor ? text.withdraw : text.agree_now, () => agree(!visitor)))),
    ].filter(Boolean));
    if (focus && document.getElementById(focus)) document.getElementById(focus).focus();
    opener.textContent = times.length && visitor ? `${text.panel_open} · ${Math.round(latest())} ms` : text.panel_open;
}
