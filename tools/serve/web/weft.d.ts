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
    /** Sent as a bearer token. Everybody who opens the page can read it. */
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

/** One of the visitor's lists, as GET /v1/visitors/{id}/lists gives it. */
export interface List {
    recommendation_id?: string;
    placement: string;
    items: { item_id: string; reason?: string; because_item_id?: string }[];
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
    watch(container: Element, list: List): void;

    /** GET /v1/visitors/{id}/lists, or of one placement. Without consent the id is "-", which
     * nobody has: the lists are then the same for all. Rejects if the server cannot answer. */
    lists(placement?: string, parameters?: { limit?: number; context?: string }): Promise<any>;

    /** Calls `changed` with each message of GET /v1/visitors/{id}/stream. The browser connects again
     * by itself. A second call ends the first; null without consent. */
    follow(changed: (message: any) => void): EventSource | null;
}

declare global {
    const weft: Weft;
    interface Window {
        weft: Weft;
    }
}
