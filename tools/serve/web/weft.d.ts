/* weft.js: events from a shop's pages to `weft serve`, and the visitor's lists from it.
 *
 *     <script src="https://lists.example.com/weft.js" defer></script>
 *
 * The script has no dependencies, and works under a Content-Security-Policy without unsafe-inline.
 * The policy needs the endpoint in script-src and in connect-src.
 *
 * Before consent(true) it stores nothing and sends no event; functions that send give null. Then the
 * cookie weft_visitor of this site has the visitor's id. The cookie is the consent: it holds on later
 * pages too, until consent(false) deletes it.
 *
 * Events wait in a queue of 200. An event that the server has not acknowledged is sent again, after
 * 1 to 60 s or the server's Retry-After, and from the next page of the tab. Each has an event_id, so
 * repeats do no harm. When the queue is full, the oldest event goes. A page that is left sends its
 * queue with sendBeacon. */

export interface Settings {
    /** Origin of `weft serve`, such as "https://lists.example.com". Empty: this page's own. */
    endpoint?: string;
    /** A token that reads and writes (http.token.read.file and http.token.write.file with the same
     * token). Everybody who opens the page can read it. */
    token?: string;
    /** How the visitor came: web, app, a partner's site. Default "web". */
    channel?: string;
    /** The customer, once known; becomes the key of the visitor's events. */
    user_id?: string | null;
    /** How long the cookie lives. Default 390. */
    days?: number;
    /** The server has refused events for good (400, 413, 422); `body` has the reasons. */
    failed?(status: number, body: string, events: object[]): void;
}

export interface Item {
    item_id: string;
    price?: number;
    /** Amount taken off the price, per unit. */
    discount?: number;
    quantity?: number;
    currency?: string;
}

/** What GET /v1/visitors/{id}/lists gives. */
export interface Lists {
    visitor: string;
    /** False: weft has no lists of this visitor; those here are for everybody. */
    known: boolean;
    recommendation_id?: string;
    generated_time?: number;
    /** Time of the newest event that the lists know, ms. */
    source_event_time?: number;
    lists: {
        placement: string;
        /** Whose list it is: the visitor's own, a ranking, or one of an item. */
        source: "visitor" | "ranking" | "item";
        context_item_id?: string;
        search_term?: string;
        context_category?: string;
        items: ListItem[];
    }[];
}

export interface ListItem {
    item_id: string;
    score?: number;
    reason?: string;
    because_item_id?: string;
    because_title?: string;
    product?: { title?: string; price?: number; [field: string]: unknown };
}

/** What watch() needs of a list. */
export interface Watched {
    /** Of the answer that the list came in; leave it out for lists that are not the visitor's own. */
    recommendation_id?: string;
    placement: string;
}

export interface Weft {
    /** Call it once on each page, before the other functions. */
    init(settings?: Settings): void;

    /** true: the visitor agreed; `id` is the shop's own id for them (default: a random one, or that
     * of the cookie). false: they did not, or no longer do. The cookie, the queue and requests under
     * way end. What the server has stays: erasing it is the shop's request to `weft serve`. */
    consent(yes: boolean, id?: string): void;

    /** The visitor's id, or null without consent. */
    visitor(): string | null;

    /** For shops that change pages without loading them: another page is there. Lists on it are
     * seen again, and the queue is sent. weft has no event for a page without a product. */
    page(): void;

    /** A product page. `list` says which list led to it; not needed where watch() saw the click.
     * This function and the next three give the event's event_id, or null without consent. */
    view(item: Item | string, list?: { recommendation_id: string; placement: string }): string | null;

    search(term: string, more?: { result_count?: number }): string | null;

    /** `items`: what came or went. update sets quantities; clear has no items. */
    cart(action: "add" | "remove" | "update" | "clear",
        items?: Item | string | (Item | string)[]): string | null;

    /** An order counts once by its transaction_id. A return has the status refunded. */
    purchase(transaction_id: string, items: Item | string | (Item | string)[], more?: {
        value?: number; currency?: string; status?: "completed" | "refunded" | "cancelled";
    }): string | null;

    /** Watches a list on the page. Its items are the elements in `container` with data-item-id, in
     * their order. An item of which half is visible for a second is sent in an impression, once a
     * page; a click on it is sent as a click. Call it again when the items have changed. A list
     * without recommendation_id (a ranking) is not watched. */
    watch(container: Element, list: Watched): void;

    /** Puts the items of one of the answer's lists into `container`: the elements that `draw` makes,
     * each with its data-item-id, and watches them. */
    fill(container: Element, answer: Lists, placement: string,
        draw: (item: ListItem) => HTMLElement): void;

    /** GET /v1/visitors/{id}/lists, or of one placement. Without consent the id is "-", which
     * nobody has: the lists are then the same for all. Rejects if the server cannot answer. */
    lists(placement?: string, parameters?: { limit?: number; context?: string }): Promise<Lists>;

    /** Calls `changed` with the visitor's lists, now and whenever they change, from GET
     * /v1/visitors/{id}/stream. The browser connects again by itself. A second call ends the first;
     * null without consent. */
    follow(changed: (lists: Lists) => void): EventSource | null;
}

declare global {
    const weft: Weft;
    interface Window {
        weft: Weft;
    }
}
