/* The Mall: a shop on the lists of weft serve. The address after # names the page; lists come by the
 * visitor's stream and move on the page that is open. */

import * as api from "./api.js";
import { fill, linkOf, moving, price, section, show } from "./cards.js";
import { colourOf, definitions, draw } from "./draw.js";
import { make } from "./make.js";
import * as panel from "./panel.js";
import { CATEGORIES, categoryName, language, money, nameOf, speak, text, value } from "./words.js";

const SEQUENCE_MAX = 60, QUANTITY_MAX = 9;
const $ = (selector) => document.querySelector(selector);
const main = $("#main");

function stored(name, otherwise) {
    try {
        return JSON.parse(localStorage.getItem("mall." + name)) ?? otherwise;
    } catch {
        return otherwise;
    }
}
const store = (name, thing) => localStorage.setItem("mall." + name, JSON.stringify(thing));

let lists = new Map();
let sequence = stored("sequence", []); // newest first: {kind, item_id, term}
let bag = stored("bag", []); // {item_id, quantity, product}
let page = { parts: new Map(), redraw() {} };
let pending = null; // the last act: {input_at, event_time}
let input_at = 0; // of the last click or key, as performance.now() counts

for (const { product } of [...bag, ...sequence]) api.remember(product);

// ---- what the visitor does ----

const line = (product, quantity = 1) => ({
    item_id: product.item_id, price: product.price, quantity,
    ...(product.original_price > product.price ? { discount: product.original_price - product.price } : {}),
});

function act(step, send) {
    if (!weft.visitor()) return;
    const now = performance.now();
    pending = { input_at: now - input_at < 2000 ? input_at : now, event_time: Date.now() };
    performance.mark("mall:click", { startTime: pending.input_at });
    send();
    const product = api.known(step.item_id);
    sequence = [{ ...step, product }, ...sequence].slice(0, SEQUENCE_MAX);
    store("sequence", sequence);
    panel.clicked();
    queueMicrotask(drawSide); // behind the sending
}

function put(product) {
    const present = bag.find((each) => each.item_id === product.item_id);
    if (present) return setQuantity(present, Math.min(QUANTITY_MAX, present.quantity + 1), product);
    bag = [...bag, { item_id: product.item_id, quantity: 1, product }];
    act({ kind: "cart", item_id: product.item_id }, () => weft.cart("add", line(product)));
    return bagChanged(product);
}

function setQuantity(entry, quantity, added) {
    bag = quantity ? bag.map((each) => each === entry ? { ...each, quantity } : each) : bag.filter((each) => each !== entry);
    act({ kind: quantity ? "cart" : "remove", item_id: entry.item_id }, () =>
        weft.cart(quantity ? "update" : "remove", line(entry.product, quantity || 1)));
    bagChanged(added);
}

function bagChanged(added) {
    store("bag", bag);
    if (added) toast(text.added(nameOf(added)));
    drawTop();
    page.redraw();
}

function toast(words) {
    const place = $(".toast");
    place.textContent = words;
    place.classList.add("there");
    clearTimeout(toast.timer);
    toast.timer = setTimeout(() => place.classList.remove("there"), 3200);
}

// ---- lists that change ----

function changesOf(before, after) {
    const changes = [];
    for (const placement of new Set([...after.keys(), ...before.keys()])) {
        const old = before.get(placement), list = after.get(placement);
        const ids = (each) => each.items.slice(0, 12).map((item) => item.item_id);
        if (!list) changes.push({ placement, gone: true });
        else if (!old) changes.push({ placement, began: true, first: list.items[0]?.product });
        else if (ids(old).join() !== ids(list).join()) {
            const had = new Set(ids(old));
            const fresh = list.items.slice(0, 12).filter((item) => !had.has(item.item_id));
            changes.push({ placement, fresh: fresh.length, all: ids(list).length, first: (fresh[0] || list.items[0])?.product });
        }
    }
    return changes;
}

async function names() { // the products that reasons name, and that nobody has shown yet
    const ids = new Set();
    for (const list of lists.values())
        for (const item of list.items.slice(0, 20))
            if (item.because_item_id && !api.known(item.because_item_id)) ids.add(item.because_item_id);
    if (!ids.size) return;
    await Promise.all([...ids].map((id) => api.product(id).catch(() => null)));
    drawLists(false);
}

function arrive(message) {
    const at = performance.now();
    const before = lists;
    lists = api.listsOf(message);
    const mine = pending && (message.source_event_time || 0) >= pending.event_time ? pending : null;
    const changes = changesOf(before, lists);
    if (before.size) moving([...page.parts.values()], () => drawLists(true));
    else drawLists(false);
    if (mine) {
        pending = null;
        requestAnimationFrame(() => {
            const drawn = performance.now();
            performance.measure("mall:click-to-message", { start: mine.input_at, end: at });
            performance.measure("mall:click-to-list", { start: mine.input_at, end: drawn });
            panel.arrived(drawn - mine.input_at, at - mine.input_at, changes);
            drawSide();
        });
    }
    names();
}

function headings(placement, list) {
    const personal = list && list.recommendation_id;
    const context = list && list.context_item_id && api.known(list.context_item_id);
    if (placement === "home") return personal ? [text.home, text.home_text] : [text.home_new, text.home_text_new];
    if (placement === "product") return [context ? text.product_of(nameOf(context)) : text.product, text.product_text];
    if (placement === "goes_with") return [context ? text.goes_with_of(nameOf(context)) : text.goes_with, text.goes_with_text];
    if (placement === "search") return [list?.search_term ? text.list_search_of(list.search_term) : text.list_search, text.search_text];
    return [text[placement] || placement, text[placement + "_text"]];
}

function drawLists(mark) {
    for (const [placement, part] of page.parts) {
        const list = lists.get(placement);
        const fits = !list || !page.item || !list.context_item_id || list.context_item_id === page.item;
        show(part, fits ? list : null, ...headings(placement, list), { max: part.dataset.max || 12, mark });
    }
}

async function follow() {
    if ([...lists.values()].some((list) => list.recommendation_id)) lists = new Map(); // another's
    drawLists(false);
    if (weft.visitor()) {
        weft.follow(arrive);
    } else {
        try {
            arrive(await weft.lists());
        } catch { /* the pages have rankings besides */ }
    }
}

// ---- the pages ----

function place(placement, options = {}) {
    const part = section(placement, options);
    part.dataset.max = options.max || (options.wide ? 12 : 16);
    page.parts.set(placement, part);
    return part;
}

async function chart(name, options) {
    const part = section(name, options);
    try {
        const list = await (name === "trending" ? api.everybody() : api.ranking(name));
        show(part, list, text[list.placement] || text[name], text[list.placement + "_text"], { max: options?.max || 16 });
    } catch {
        part.hidden = true;
    }
    return part;
}

/* A part that comes when its data have come; its place is there at once. */
function later(promise) {
    const hole = make("div", { class: "later" });
    promise.then((part) => hole.replaceWith(part || ""), () => hole.remove());
    return hole;
}

const sample = (path, at) => ({ // stands for a category
    categories: [path], colors: [["Beige", "Navy", "Red", "Green", "Grey", "Brown", "Blue", "Pink"][at % 8]],
    attributes: { material: ["Wool", "Cotton", "Linen", "Leather"][at % 4], cut: ["Classic", "Plain"][at % 2] },
});

const categoryLink = (path) => "#/category/" + encodeURIComponent(path);

function kinds(of) {
    return make("ul", { class: "kinds" }, ...CATEGORIES.map(([path], at) => path.startsWith(of) ?
        make("li", {}, make("a", { href: categoryLink(path) }, make("span", { class: "tile" }, draw(sample(path, at))),
            make("span", { class: "name" }, categoryName(path)))) : null));
}

function home() {
    const looks = [["Women > Outerwear > Coats", "Beige", "Wool", "Classic"], ["Women > Dresses", "Green", "Silk", "Slim"],
        ["Accessories > Bags", "Brown", "Leather", "Plain"], ["Women > Shoes > Sneakers", "White", "Leather", "Plain"]];
    const hero = make("section", { class: "hero" },
        make("div", { class: "hero-text" }, make("h1", {}, text.hero), make("p", {}, text.hero_text),
            make("p", {}, make("a", { class: "button", href: "#/trending" }, text.hero_link))),
        make("div", { class: "looks", "aria-hidden": "true" }, ...looks.map(([path, colour, material, cut]) =>
            draw({ categories: [path], colors: [colour], attributes: { material, cut } }))));
    main.replaceChildren(hero, place("home", { wide: true, max: 12 }), place("cart"), place("product"), place("goes_with"),
        place("search"), place("email"), kinds(""),
        later(chart("trending")), later(chart("bought")));
}

/* After each wait, another page may be open. */

async function productPage(id) {
    const mine = page;
    const product = await api.product(id).catch(() => null);
    if (mine !== page) return null;
    if (!product) return main.replaceChildren(make("h1", { class: "title" }, text.unknown), later(chart("trending")));
    page.item = id;
    act({ kind: "view", item_id: id }, () => weft.view(line(product)));
    await null; // it is sent before the page is drawn
    if (mine !== page) return null;
    const { material, cut } = product.attributes || {};
    const path = (product.categories || [])[0] || "";
    const row = (name, of) => of ? [make("dt", {}, name), make("dd", {}, of)] : [];
    const swatch = make("i", { class: "swatch" });
    swatch.style.background = colourOf(product);
    const colours = (product.colors || []).map(value).join(", ");
    return main.replaceChildren(
        make("nav", { class: "trail", "aria-label": text.title }, ...path.split(" > ").flatMap((name, at, parts) =>
            [at ? " / " : "", make("a", { href: categoryLink(parts.slice(0, at + 1).join(" > ")) }, categoryName(parts.slice(0, at + 1).join(" > ")))])),
        make("article", { class: "product" },
            make("div", { class: "tile" }, draw(product)),
            make("div", { class: "about" },
                make("p", { class: "brand" }, product.item_brand || ""),
                make("h1", {}, nameOf(product)),
                price(product),
                product.rating_count ? make("p", { class: "stars" }, make("span", { "aria-hidden": "true" },
                    "★★★★★".slice(0, Math.round(product.rating)) + "☆☆☆☆☆".slice(Math.round(product.rating))),
                " ", make("span", { class: "quiet" }, text.rating(product.rating.toFixed(1), product.rating_count))) : null,
                make("button", { class: "button", type: "button", id: "add", onclick: () => put(product) }, text.add),
                make("dl", {}, ...(colours ? [make("dt", {}, text.colour), make("dd", {}, swatch, colours)] : []),
                    ...row(text.material, material && value(material)), ...row(text.cut, cut && value(cut)),
                    ...row(text.brand, product.item_brand), ...row(text.number, product.item_id)))),
        place("goes_with"), place("product"), place("category"), place("home", { max: 16 }), place("cart"));
}

function sorted(items, order) {
    if (order !== "low" && order !== "high") return items;
    return [...items].sort((a, b) => (a.product.price - b.product.price) * (order === "low" ? 1 : -1));
}

/* Products with a choice of order and colour. */
function stock(list) {
    const cards = make("ol", { class: "cards wide", "aria-label": text.search });
    const count = make("p", { class: "quiet", role: "status" });
    const colours = [...new Set(list.items.flatMap((item) => item.product.colors || []))];
    const order = make("select", { id: "order" }, ...[list.search_term ? "best" : "popular", "low", "high"].map((each) =>
        make("option", { value: each }, text["sort_" + each])));
    const colour = make("select", { id: "colour" }, make("option", { value: "" }, text.any),
        ...colours.map((each) => make("option", { value: each }, value(each))));
    const redraw = () => {
        const items = sorted(list.items.filter((item) => !colour.value || (item.product.colors || []).includes(colour.value)), order.value);
        count.textContent = list.viewed ? text.most_viewed(items.length) : text.products(items.length);
        fill(cards, { ...list, items }, { max: 60 });
    };
    order.addEventListener("change", redraw);
    colour.addEventListener("change", redraw);
    redraw();
    return make("div", {}, make("div", { class: "choice" }, count, make("label", {}, text.colour, colour), make("label", {}, text.sort, order)), cards);
}

async function categoryPage(path) {
    const mine = page;
    const inside = CATEGORIES.filter(([each]) => each === path || each.startsWith(path + " > "));
    const leaf = inside.length === 1 && inside[0][0] === path;
    main.replaceChildren(make("h1", { class: "title" }, categoryName(path)), inside.length > 1 ? kinds(path) : "",
        place("home", { max: 16 }));
    const [viewed, found] = await Promise.all([api.everybody(path, 100),
        leaf ? api.search(inside[0][2], null) : { items: [] }]);
    if (mine !== page) return;
    const items = new Map();
    for (const item of [...viewed.items, ...found.items])
        if ((item.product.categories || []).some((each) => each.startsWith(path))) items.set(item.item_id, item);
    if (items.size || leaf)
        page.parts.get("home")?.before(items.size ? stock({ placement: "category", viewed: !leaf, items: [...items.values()] }) :
            make("p", { class: "quiet" }, text.nothing));
}

async function searchPage(term) {
    const mine = page;
    $("#find").value = term;
    main.replaceChildren(make("h1", { class: "title" }, text.results(term)), place("search"), place("home", { max: 16 }));
    const found = await api.search(term, weft.visitor());
    if (mine !== page) return;
    act({ kind: "search", term }, () => weft.search(term, { result_count: found.items.length }));
    page.parts.get("home")?.before(found.items.length ? stock(found) : make("p", { class: "quiet" }, text.no_results(term)));
}

async function trendingPage() {
    main.replaceChildren(make("h1", { class: "title" }, text.trending));
    main.append(later(chart("trending", { wide: true, max: 12 })), later(chart("bought", { wide: true, max: 12 })));
    main.append(place("home", { max: 16 }));
}

const total = () => bag.reduce((sum, { product, quantity }) => sum + product.price * quantity, 0);

function bagLines(change) {
    return make("ul", { class: "lines" }, ...bag.map((entry) => make("li", {},
        make("a", { class: "tile", href: linkOf(entry.product), tabindex: -1, "aria-hidden": "true" }, draw(entry.product)),
        make("div", {}, make("p", { class: "brand" }, entry.product.item_brand || ""),
            make("a", { class: "name", href: linkOf(entry.product) }, nameOf(entry.product)), price(entry.product)),
        change ? make("div", { class: "amount" },
            make("select", { "aria-label": text.quantity_of(nameOf(entry.product)), onchange: (event) => setQuantity(entry, Number(event.target.value)) },
                ...Array.from({ length: QUANTITY_MAX }, (_, at) => make("option", { value: at + 1, selected: at + 1 === entry.quantity }, String(at + 1)))),
            make("button", { class: "plain", type: "button", "aria-label": text.remove_of(nameOf(entry.product)),
                onclick: () => setQuantity(entry, 0) }, text.remove)) : make("p", { class: "amount" }, `× ${entry.quantity}`))));
}

function sum() {
    const saved = bag.reduce((all, { product, quantity }) => all + Math.max(0, (product.original_price || 0) - product.price) * quantity, 0);
    return make("div", { class: "sum" }, make("p", {}, text.total, " ", make("b", {}, money(total()))),
        saved > 0 ? make("p", { class: "off" }, text.saved(money(saved))) : null);
}

function bagPage() {
    const top = make("div", {});
    main.replaceChildren(make("h1", { class: "title" }, text.your_bag), top, place("cart"), place("home", { max: 16 }));
    page.redraw = () => top.replaceChildren(bag.length ? make("div", {}, bagLines(true), sum(),
        make("p", {}, make("a", { class: "button", href: "#/checkout" }, text.checkout))) :
        make("div", { class: "quiet" }, make("p", {}, text.empty), make("p", {}, make("a", { href: "#/" }, text.go_on))));
    page.redraw();
}

function checkoutPage() {
    if (!bag.length) return bagPage();
    const field = (id, words, autocomplete) => make("label", { for: id }, words, make("input", { id, autocomplete, maxlength: 100 }));
    return main.replaceChildren(make("h1", { class: "title" }, text.checkout),
        make("form", { class: "checkout", onsubmit: order }, bagLines(false), sum(), field("name", text.name, "name"),
            field("address", text.address, "street-address"), make("p", { class: "quiet" }, text.pay_text),
            make("button", { class: "button", id: "place", type: "submit" }, text.place)));
}

function order(event) {
    event.preventDefault();
    const id = "mall-" + Array.from(crypto.getRandomValues(new Uint8Array(8)), (byte) => byte.toString(16).padStart(2, "0")).join("");
    const lines = bag.map(({ product, quantity }) => line(product, quantity)), value_of = total();
    const bought = bag;
    bag = [];
    store("bag", bag);
    for (const { item_id } of bought.slice(1)) sequence = [{ kind: "purchase", item_id, product: api.known(item_id) }, ...sequence];
    act({ kind: "purchase", item_id: bought[0].item_id }, () => weft.purchase(id, lines, { value: value_of, currency: "USD" }));
    drawTop();
    location.hash = "#/thanks";
}

function thanksPage() {
    main.replaceChildren(make("h1", { class: "title" }, text.thanks), make("p", { class: "quiet" }, text.thanks_text),
        place("home", { wide: true }), place("goes_with"));
}

const PAGES = { product: productPage, category: categoryPage, search: searchPage, trending: trendingPage,
    bag: bagPage, checkout: checkoutPage, thanks: thanksPage };

let opened = 0;

async function open(keep) {
    const [, name = "", of = ""] = location.hash.split("/");
    const mine = ++opened;
    const former = page;
    page = { parts: new Map(), redraw() {} };
    weft.page();
    if (!keep) scrollTo(0, 0);
    if (name !== "search") $("#find").value = "";
    try {
        const made = (PAGES[name] || home)(decodeURIComponent(of));
        drawLists(false);
        await made;
    } catch (error) {
        if (mine === opened) main.append(make("p", { class: "quiet" }, String(error.message)));
    }
    if (mine !== opened) return;
    drawLists(false);
    const title = main.querySelector("h1");
    document.title = name && title ? `${title.textContent} – ${text.title}` : text.title;
    if (former.name !== undefined && !keep) main.focus({ preventScroll: true });
    page.name = name;
    for (const link of document.querySelectorAll(".departments a"))
        link.toggleAttribute("aria-current", location.hash === link.getAttribute("href"));
}

// ---- around the pages ----

function drawTop() {
    for (const place of document.querySelectorAll("[data-text]")) place.textContent = text[place.dataset.text];
    $("#find").placeholder = text.find;
    $(".departments").replaceChildren(...["Women", "Men", "Accessories"].map((each) =>
        make("a", { href: categoryLink(each) }, text.departments[each])), make("a", { href: "#/trending" }, text.trending));
    $(".language").textContent = text.other_language;
    $(".language").lang = language() === "ko" ? "en" : "ko";
    const count = bag.reduce((all, each) => all + each.quantity, 0);
    $(".bag").replaceChildren(text.bag, " ", make("span", { class: "count", hidden: !count }, String(count)));
    $(".bag").href = "#/bag";
    $(".bag").setAttribute("aria-label", text.bag_of(count));
}

function drawSide() {
    panel.drawPanel($("#panel"), $(".opener"), sequence, {
        visitor: weft.visitor(), agree, another: () => agree(true, true), close: () => openPanel(false),
    });
}

function openPanel(yes) {
    document.body.classList.toggle("paneled", yes);
    $(".opener").setAttribute("aria-expanded", yes);
    $(yes ? "#panel-close" : ".opener").focus();
}

function drawAsking() {
    const place = $(".asking");
    place.hidden = Boolean(weft.visitor()) || stored("refused", false);
    place.setAttribute("aria-label", text.asking);
    place.replaceChildren(make("p", {}, text.asking), make("p", { class: "buttons" },
        make("button", { class: "button", type: "button", id: "agree", onclick: () => agree(true) }, text.agree),
        make("button", { class: "plain", type: "button", id: "refuse", onclick: () => agree(false) }, text.refuse)));
}

function agree(yes, another) {
    if (!yes || another) {
        weft.consent(false);
        sequence = [];
        localStorage.removeItem("mall.sequence");
        panel.forget();
    }
    if (another) {
        bag = [];
        store("bag", bag);
    }
    if (yes) weft.consent(true);
    if (yes) localStorage.removeItem("mall.refused");
    else store("refused", true);
    pending = null;
    drawAsking();
    drawTop();
    drawSide();
    follow();
    if (another && location.hash !== "#/") location.hash = "#/";
    else open(true);
}

function start() {
    document.body.prepend(definitions());
    speak(stored("language", navigator.language.startsWith("ko") ? "ko" : "en"));
    weft.init({ failed: (status, body) => console.warn("weft serve refused events", status, body) });
    for (const kind of ["click", "submit", "keydown"])
        addEventListener(kind, (event) => { input_at = event.timeStamp; }, true);
    addEventListener("hashchange", () => open(false));
    $(".find").addEventListener("submit", (event) => {
        event.preventDefault();
        const term = $("#find").value.trim();
        if (term) location.hash = "#/search/" + encodeURIComponent(term);
    });
    $(".language").addEventListener("click", () => {
        store("language", language() === "ko" ? "en" : "ko");
        location.reload();
    });
    $(".opener").addEventListener("click", () => openPanel(!document.body.classList.contains("paneled")));
    addEventListener("keydown", (event) => {
        if (event.key === "/" && !/INPUT|SELECT|TEXTAREA/.test(document.activeElement.tagName)) {
            event.preventDefault();
            $("#find").focus();
        }
        if (event.key === "Escape" && document.body.classList.contains("paneled")) openPanel(false);
    });
    drawTop();
    drawAsking();
    drawSide();
    follow();
    open(false);
}

start();
