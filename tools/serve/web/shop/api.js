/* Reads lists and products from weft serve, in one form: an item is {item_id, reason,
 * because_item_id, product}. Products that came once stay, since reasons name them. */

const products = new Map();

function item(each) {
    const { item_id, reason, because_item_id, product } = each;
    if (product || !products.has(item_id)) // a shop may have no catalogue
        products.set(item_id, { title: item_id, ...product, item_id });
    return { item_id, reason, because_item_id, product: products.get(item_id) };
}

const items = (each) => (each || []).map(item);

async function get(path, parameters = {}) {
    const query = new URLSearchParams(parameters).toString();
    const answer = await fetch("../v1/" + path + (query && "?" + query));
    if (answer.status === 404) return null;
    if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
    return answer.json();
}

/* The lists of a visitor by placement. Those that are for everybody have no recommendation_id. */
export function listsOf(message) {
    const lists = new Map();
    for (const list of message.lists || [])
        lists.set(list.placement, {
            ...list, items: items(list.items), source_event_time: message.source_event_time || 0,
            recommendation_id: list.source === "visitor" ? message.recommendation_id : undefined,
        });
    return lists;
}

/* What everybody is shown, or the visitors of a category: a ranking, trending if there is one. The
 * server always has an answer; a ranking asked by its name may not be there yet. */
export async function everybody(category = "", limit = 50) {
    const answer = await get("visitors/-/lists", category ? { category, limit } : { limit });
    const list = answer && answer.lists[0];
    const fits = list && (!category || list.scope === "category" && list.name === category);
    return { placement: list ? list.ranking : "", items: items(fits && list.items) };
}

export async function ranking(name, scope = "shop", value = "", limit = 50) {
    const answer = await get(`rankings/${name}/${scope}` + (value && "/" + encodeURIComponent(value)), { limit });
    return { placement: name, items: items(answer && answer.items) };
}

export async function search(q, visitor, limit = 60) {
    const answer = await get("search", visitor ? { q, visitor, limit } : { q, limit });
    return { placement: "search", search_term: q, items: items(answer && answer.items) };
}

export const known = (id) => products.get(id);

export function remember(product) {
    if (product && !products.has(product.item_id)) products.set(product.item_id, product);
}

export async function product(id) {
    if (!products.has(id)) {
        const answer = await get("products/" + encodeURIComponent(id));
        if (answer) item({ item_id: id, product: answer.product || answer });
    }
    return products.get(id);
}
