/* The control room: looks up a visitor's lists with their reasons, as they change, what is known of
 * them, an item's lists, a search, and rankings. It shows what weft serve answers; it stores nothing, and the token is
 * forgotten with the page. */

import { definitions, draw } from "../shop/draw.js";
import { make } from "../shop/make.js";

const LOG_MAX = 50, LIMIT = 50;
const KNOWN_MS = 200; // the copy of a visitor follows its lists
const KINDS = ["viewed", "carted", "bought", "trending", "taken"];
const SCOPES = ["shop", "category", "brand", "gender", "age_group", "term"];
const $ = (selector) => document.querySelector(selector);
const main = $("#main");
let stream = null, opened = 0;

const token = () => $("#token").value.trim();
const encode = encodeURIComponent;

async function get(path, method = "GET") {
    const began = performance.now();
    const answer = await fetch("../v1/" + path, { method, headers: token() ? { Authorization: "Bearer " + token() } : {} });
    const body = answer.headers.get("Content-Type")?.includes("json") ? await answer.json() : {};
    if (!answer.ok) throw new Error(`${answer.status} ${body.title || ""}: ${body.detail || ""}`);
    return { ...body, ms: performance.now() - began };
}

const time = (ms) => ms ? new Date(ms).toLocaleTimeString("en-GB") + "." + String(ms % 1000).padStart(3, "0") : "–";
const link = (page, id, text) => make("a", { href: `#/${page}/${encode(id)}` }, text || id);
const number = (value, digits) => typeof value === "number" ? value.toFixed(digits) : "";

function about(pairs) {
    return make("dl", { class: "about" }, ...pairs.filter(([, value]) => value !== undefined && value !== null && value !== "")
        .map(([name, value]) => make("div", {}, make("dt", {}, name), make("dd", {}, value))));
}

/* `before`: the item_ids that were there before; the others are marked. */
function table(items, before) {
    const had = before && new Set(before);
    return make("table", {}, make("thead", {}, make("tr", {}, ...["", "", "product", "score", "reason", "because of"].map((name) => make("th", {}, name)))),
        make("tbody", {}, ...items.map((item, at) => make("tr", { class: had && !had.has(item.item_id) ? "new" : null },
            make("td", { class: "number quiet" }, String(at + 1)),
            make("td", { class: "picture" }, item.product ? draw(item.product) : ""),
            make("td", {}, link("item", item.item_id, item.product?.title || item.item_id),
                item.product?.title ? make("div", { class: "quiet" }, item.item_id + (item.product.price ? `, ${item.product.price}` : "")) : null),
            make("td", { class: "number" }, number(item.score, 3)),
            make("td", {}, (item.reason || "").replaceAll("_", " ") + (item.propensity ? ` (${number(item.propensity, 3)})` : "")),
            make("td", {}, item.because_item_id ? link("item", item.because_item_id, item.because_title) : "")))));
}

function listOf(list, before) {
    const context = list.context_item_id || list.search_term || list.context_category || list.name;
    return make("section", {}, make("h2", {}, list.placement || list.list),
        make("p", { class: "quiet" }, [list.source && list.source !== "visitor" ? `for everybody (${list.ranking || list.source})` : "",
            context ? `about ${context}` : "", `${list.items.length} items`].filter(Boolean).join(" · ")),
        table(list.items, before));
}

const TASTES = ["brands", "categories", "colors", "genders", "age_groups"];

/* All that weft knows of a visitor; needs the admin token, or loopback without one. */
function known(answer) {
    const product = ({ item_id, product: of }) => link("item", item_id, of?.title || item_id);
    const tastes = answer.tastes || {};
    return [make("h2", {}, "Known of this visitor"),
        about([["activities", String(answer.accepted)], ["channel", answer.channel], ["gender", answer.gender], ["age group", answer.age_group],
            ["lists seen", answer.impressions && String(answer.impressions)], ["clicks", answer.clicks && String(answer.clicks)],
            ["usual price", number(tastes.price, 2)], ["usual discount", tastes.discount ? `${number(100 * tastes.discount, 0)} %` : ""],
            ["consent", answer.refused ? "refused; nothing else is stored" : ""]]),
        make("div", { class: "lists" },
            make("section", {}, make("h3", {}, "Last activities"), make("table", {}, make("tbody", {}, ...answer.activities.map((each) =>
                make("tr", {}, make("td", { class: "number quiet" }, time(each.event_time)), make("td", {}, each.kind),
                    make("td", { class: "picture" }, each.product ? draw(each.product) : ""),
                    make("td", {}, each.item_id ? product(each) : each.search_term || "")))))),
            make("section", {}, make("h3", {}, "Cart"), answer.cart.length ? make("ul", {}, ...answer.cart.map((each) => make("li", {}, product(each)))) :
                make("p", { class: "quiet" }, "empty"),
            ...TASTES.filter((name) => tastes[name]?.length).flatMap((name) => [make("h3", {}, "Tastes: " + name.replace("_", " ")),
                make("table", {}, make("tbody", {}, ...tastes[name].sort((a, b) => b.weight - a.weight).map((each) => make("tr", {}, make("td", {}, each.name),
                    make("td", { class: "number" }, number(each.weight, 2))))))])))];
}

// ---- the pages ----

async function visitor(id, mine) {
    if (!id) return [make("p", { class: "quiet" }, "Enter the id of a visitor: the user_id where the shop knows it, or else the visitor_id. " +
        "The shop's cookie is weft_visitor.")];
    const parts = make("div", { class: "lists" }), facing = make("div", {}), whole = make("div", {}), log = make("ul", { class: "log", "aria-live": "polite" });
    let before = new Map(), newest, before_known = null;
    const show = (answer) => {
        if (mine !== opened) return;
        const changed = [];
        for (const list of answer.lists) {
            const had = before.get(list.placement), fresh = list.items.filter((item) => had && !had.includes(item.item_id)).length;
            if (had && fresh) changed.push(`${list.placement}: ${fresh} of ${list.items.length} new`);
        }
        const making = answer.generated_time - answer.source_event_time;
        if (before.size && answer.known && answer.recommendation_id !== newest) {
            log.prepend(make("li", {}, `${time(Date.now())}  lists ${answer.recommendation_id || ""}, made ${making} ms after their newest event. `,
                changed.join("; ") || "The order changed."));
            while (log.children.length > LOG_MAX) log.lastChild.remove();
        }
        facing.replaceChildren(about([["visitor", answer.visitor], ["known", answer.known ? "yes" : "no: lists for everybody"],
            ["lists made", time(answer.generated_time)], ["newest event", time(answer.source_event_time)],
            ["event to lists", answer.known ? `${making} ms` : ""], ["recommendation_id", answer.recommendation_id]]));
        parts.replaceChildren(...answer.lists.map((list) => listOf(list, before.get(list.placement))));
        newest = answer.recommendation_id;
        before = new Map(answer.lists.map((list) => [list.placement, list.items.map((item) => item.item_id)]));
    };
    const tell = () => get("visitors/" + encode(id)).then((answer) => whole.replaceChildren(...known(answer)),
        (error) => whole.replaceChildren(make("p", { class: "quiet" }, "What is known of this visitor: " + error.message)));
    show(await get(`visitors/${encode(id)}/lists?limit=${LIMIT}`));
    if (mine !== opened) return null;
    stream = new EventSource(`../v1/visitors/${encode(id)}/stream?limit=${LIMIT}` + (token() ? "&token=" + encode(token()) : ""));
    stream.addEventListener("lists", (message) => {
        show(JSON.parse(message.data));
        if (newest && before_known !== newest) setTimeout(tell, KNOWN_MS);
        before_known = newest;
    });
    const erase = make("button", { type: "button", onclick: async () => {
        if (!confirm(`Erase ${id}? weft forgets this visitor's events and lists.`)) return;
        try {
            await get("visitors/" + encode(id), "DELETE");
            log.prepend(make("li", {}, `${time(Date.now())}  erased: Kafka has the request.`));
        } catch (error) {
            log.prepend(make("li", { class: "bad" }, error.message));
        }
    } }, "Erase this visitor");
    return [facing, make("p", { class: "quiet" }, "Changes, as they come:"), log, parts, whole, make("h3", {}, "Erasure"), make("p", {}, erase)];
}

async function item(id) {
    if (!id) return [make("p", { class: "quiet" }, "Enter an item_id.")];
    const answer = await get(`items/${encode(id)}/lists?limit=${LIMIT}`);
    const product = answer.product || {};
    return [about([["item", id], ["title", product.title], ["brand", product.item_brand], ["categories", (product.categories || []).join(", ")],
        ["price", product.price && String(product.price)], ["instead of", product.original_price && String(product.original_price)],
        ["colours", (product.colors || []).join(", ")], ["attributes", Object.entries(product.attributes || {}).map(([name, value]) => `${name}: ${value}`).join(", ")]]),
    answer.lists.length ? make("div", { class: "lists" }, ...answer.lists.map((list) => listOf(list))) :
        make("p", { class: "quiet" }, "weft writes lists of items with items.lists=on.")];
}

async function search(q, mine, visitor_id) {
    if (!q) return [make("p", { class: "quiet" }, "Enter a search term.")];
    const answer = await get(`search?q=${encode(q)}&limit=${LIMIT}` + (visitor_id ? "&visitor=" + encode(visitor_id) : ""));
    return [about([["query", answer.query], ["as weft reads it", answer.term], ["found", String(answer.items.length)], ["answered in", `${answer.ms.toFixed(0)} ms`]]),
        table(answer.items)];
}

async function rankings(path) {
    const [kind = "viewed", scope = "shop", ...rest] = path ? path.split("|") : [];
    const name = rest.join("|");
    const select = (id, names, value) => make("select", { id, "aria-label": id }, ...names.map((each) =>
        make("option", { value: each, selected: each === value }, each)));
    const of = make("input", { "aria-label": "name", value: name, placeholder: "Women > Jeans" });
    const choice = make("form", { class: "choice", onsubmit: (event) => {
        event.preventDefault();
        location.hash = "#/rankings/" + encode([$("#ranking").value, $("#scope").value, of.value].join("|"));
    } }, select("ranking", KINDS, kind), select("scope", SCOPES, scope), of, make("button", {}, "Show"));
    try {
        const answer = await get(`rankings/${kind}/${scope}` + (scope === "shop" ? "" : "/" + encode(name)) + `?limit=${LIMIT}`);
        return [choice, about([["ranking", answer.ranking], ["of", answer.name || "the whole shop"], ["stands for", time(answer.event_time)]]), table(answer.items)];
    } catch (error) {
        return [choice, make("p", { class: "bad" }, error.message)];
    }
}

const PAGES = { visitor: [visitor, "Visitor"], item: [item, "Item"], search: [search, "Search"], rankings: [rankings, ""] };

async function open() {
    const [, name = "visitor", of = ""] = location.hash.split("/");
    const [draw_page, what] = PAGES[name] || PAGES.visitor;
    const mine = ++opened, id = decodeURIComponent(of);
    if (stream) stream.close();
    stream = null;
    $("nav").replaceChildren(...Object.keys(PAGES).map((each) => make("a", { href: "#/" + each,
        "aria-current": each === name ? "page" : null }, each[0].toUpperCase() + each.slice(1))));
    $("#ask").hidden = !what;
    $("#what").textContent = what;
    $("#id").value = what ? id : "";
    document.title = `weft: ${name}${id ? " " + id : ""}`;
    let parts;
    try {
        parts = await draw_page(id, mine);
    } catch (error) {
        parts = [make("p", { class: "bad" }, error.message)];
    }
    if (mine === opened && parts) main.replaceChildren(...parts);
}

document.body.prepend(definitions());
$("#ask").addEventListener("submit", (event) => {
    event.preventDefault();
    const name = location.hash.split("/")[1] || "visitor", next = `#/${name}/${encode($("#id").value.trim())}`;
    if (location.hash === next) open();
    else location.hash = next;
});
$("#token").addEventListener("change", open);
addEventListener("hashchange", open);
open();
