/* Sends what a visitor does in a shop to weft serve, and reads the visitor's lists. weft.d.ts is
 * the manual. Before consent(true) nothing is stored and no event is sent. */
window.weft = (() => {
    "use strict";
    const COOKIE = "weft_visitor";
    const STORE = "weft_queue"; // of this tab; it outlives the page, not the tab
    const QUEUE_MAX = 200; // events; the oldest that are not under way go first
    const BATCH_MAX = 50; // events of one request
    const BATCH_CHARS = 20000; // three bytes each at most: under the 64 KiB of keepalive
    const RETRY_MS = 1000, RETRY_MS_MAX = 60000;
    const SEEN_MS = 1000; // half of an item is visible for so long: it counts as seen
    const GATHER_MS = 500; // items seen within this time are one impression

    const options = { endpoint: "", channel: "web", days: 390, failed() {} };
    let queue = [], loaded = false, batch_max = BATCH_MAX;
    let sending = 0; // the first events of the queue, which are under way
    let failures = 0, timer = 0, due = 0, request = null, stream = null;

    const token = () => // for requests without headers
        options.token ? "?token=" + encodeURIComponent(options.token) : "";
    const random = () => Array.from(crypto.getRandomValues(new Uint8Array(16)),
        (byte) => byte.toString(16).padStart(2, "0")).join("");

    // ---- who ----

    function visitor() {
        const match = document.cookie.match(/(?:^|; )weft_visitor=([^;]+)/);
        return match ? decodeURIComponent(match[1]) : null;
    }

    function cookie(value, days) {
        document.cookie = COOKIE + "=" + encodeURIComponent(value) + "; path=/; SameSite=Lax; max-age=" +
            days * 86400 + (location.protocol === "https:" ? "; Secure" : "");
    }

    function consent(yes, id) {
        if (yes) {
            cookie(id || visitor() || random(), options.days);
            return;
        }
        cookie("", 0);
        queue = [];
        sending = failures = 0;
        clearTimeout(timer);
        timer = 0;
        seen.clear();
        if (request) request.abort();
        if (stream) stream.close();
        sessionStorage.removeItem(STORE);
    }

    // ---- the queue ----

    const save = () => {
        try {
            sessionStorage.setItem(STORE, JSON.stringify(queue));
        } catch { /* full or forbidden: the queue is in memory only */ }
    };

    function load() {
        if (loaded) return;
        loaded = true;
        try {
            queue = JSON.parse(sessionStorage.getItem(STORE)) || [];
        } catch { /* damaged or forbidden */ }
    }

    function add(type, fields, wait_ms = 0) {
        const visitor_id = visitor();
        if (!visitor_id) return null;
        load();
        const event = {
            type, event_id: random(), visitor_id, event_time: Date.now(), channel: options.channel,
            ...fields,
        };
        if (options.user_id) event.user_id = options.user_id;
        queue.push(event);
        if (queue.length > QUEUE_MAX) queue.splice(sending, 1);
        save();
        plan(wait_ms);
        return event.event_id;
    }

    // From `start` on, at least one event.
    function batch(start) {
        let chars = 0, end = start;
        while (end < queue.length && end - start < batch_max) {
            chars += JSON.stringify(queue[end]).length;
            if (end > start && chars > BATCH_CHARS) break;
            end++;
        }
        return queue.slice(start, end);
    }

    function plan(wait_ms) {
        const at = Date.now() + wait_ms;
        if (sending || timer && (due <= at || failures)) return;
        clearTimeout(timer);
        due = at;
        if (wait_ms) timer = setTimeout(send, wait_ms);
        else queueMicrotask(send, timer = -1); // before the page draws what comes next
    }

    function post(events, signal) {
        const headers = { "Content-Type": "application/json" };
        if (options.token) headers.Authorization = "Bearer " + options.token;
        return fetch(options.endpoint + "/v1/events",
            { method: "POST", keepalive: true, headers, body: JSON.stringify(events), signal });
    }

    async function send() {
        timer = 0;
        if (sending || !queue.length || !visitor()) return;
        const events = batch(0), mine = request = new AbortController();
        sending = events.length;
        let done = false, wait_ms = 0, answer = null;
        try {
            answer = await post(events, mine.signal);
            const status = answer.status;
            if (status === 413 && sending > 1) {
                batch_max = Math.ceil(sending / 2);
            } else if (answer.ok || status === 400 || status === 413 || status === 422) {
                done = true;
                if (!answer.ok) options.failed(status, await answer.text(), events);
            } else {
                wait_ms = 1000 * (parseInt(answer.headers.get("Retry-After"), 10) || 0);
                answer = null;
            }
        } catch {
            answer = null;
        }
        if (mine !== request || mine.signal.aborted) return;
        if (done) queue.splice(0, sending);
        sending = 0;
        save();
        failures = answer ? 0 : failures + 1;
        if (failures)
            wait_ms = Math.max(wait_ms, Math.min(RETRY_MS * 2 ** (failures - 1), RETRY_MS_MAX) *
                (0.5 + Math.random() / 2));
        if (queue.length) plan(wait_ms);
    }

    // The page goes, or is hidden and may never come back. A request that is under way goes on; its
    // events stay in the queue, and come again on the next page if nobody hears of the answer.
    function leave() {
        pending.forEach((id, element) => hide(element));
        impressions();
        while (visitor() && queue.length > sending) {
            const events = batch(sending);
            if (!navigator.sendBeacon(options.endpoint + "/v1/events" + token(),
                new Blob([JSON.stringify(events)], { type: "application/json" }))) break;
            queue.splice(sending, events.length);
        }
        if (visitor()) save();
    }

    // ---- what is seen and clicked ----

    const lists = new WeakMap(); // container: its list
    const items = new Map(); // element: [container, item_id, index]
    const pending = new Map(); // element: the timer that makes it seen
    const seen = new Map(); // recommendation_id, placement: [list, items]
    let told = new Set(); // what was seen on this page

    const observer = new IntersectionObserver((entries) => {
        for (const { target, intersectionRatio } of entries)
            if (intersectionRatio < 0.5) hide(target);
            else if (!pending.has(target))
                pending.set(target, setTimeout(() => see(target), SEEN_MS));
    }, { threshold: 0.5 });

    function hide(element) {
        clearTimeout(pending.get(element));
        pending.delete(element);
    }

    function see(element) {
        hide(element);
        const [container, item_id, index] = items.get(element) || [];
        const list = lists.get(container);
        if (!list || !visitor()) return;
        const name = list.recommendation_id + " " + list.placement;
        if (told.has(name + " " + item_id)) return;
        told.add(name + " " + item_id);
        if (!seen.has(name)) seen.set(name, [list, []]);
        seen.get(name)[1].push({ item_id, index });
        setTimeout(impressions, GATHER_MS);
    }

    function impressions() {
        for (const [{ recommendation_id, placement }, shown] of seen.values())
            add("impression", { recommendation_id, placement, items: shown });
        seen.clear();
    }

    function click(event) {
        const element = event.target.closest("[data-item-id]");
        const [container, item_id, index] = items.get(element) || [];
        const list = lists.get(container);
        if (list && event.button < 2)
            add("click", {
                recommendation_id: list.recommendation_id, placement: list.placement,
                item: { item_id, index },
            });
    }

    function watch(container, list) {
        for (const element of items.keys()) // what has left the page, and this list's former items
            if (!element.isConnected || items.get(element)[0] === container) {
                observer.unobserve(element);
                hide(element);
                items.delete(element);
            }
        if (!lists.has(container)) {
            container.addEventListener("click", click);
            container.addEventListener("auxclick", click);
        }
        lists.set(container, list.recommendation_id ? list : null);
        container.querySelectorAll("[data-item-id]").forEach((element, index) => {
            items.set(element, [container, element.dataset.itemId, index]);
            observer.observe(element);
        });
    }

    function fill(container, answer, placement, draw) {
        const list = answer.lists.find((each) => each.placement === placement);
        const mine = list && list.source === "visitor" ? answer.recommendation_id : null;
        container.replaceChildren(...(list ? list.items : []).map((item) => {
            const element = draw(item);
            element.dataset.itemId = item.item_id;
            return element;
        }));
        watch(container, { recommendation_id: mine, placement });
    }

    function page() {
        told = new Set();
        for (const element of items.keys()) { // what is visible still is seen on this page too
            observer.unobserve(element);
            hide(element);
            observer.observe(element);
        }
        if (!visitor()) return;
        load();
        if (queue.length) plan(0);
    }

    // ---- lists ----

    async function read(placement, parameters = {}) {
        const query = new URLSearchParams(parameters).toString();
        const headers = options.token ? { Authorization: "Bearer " + options.token } : {};
        const answer = await fetch(options.endpoint + "/v1/visitors/" +
            encodeURIComponent(visitor() || "-") + "/lists" +
            (placement ? "/" + encodeURIComponent(placement) : "") + (query && "?" + query),
        { headers });
        if (!answer.ok) throw new Error("weft: lists: " + answer.status);
        return answer.json();
    }

    function follow(changed) {
        if (stream) stream.close();
        if (!visitor()) return null;
        stream = new EventSource(options.endpoint + "/v1/visitors/" +
            encodeURIComponent(visitor()) + "/stream" + token());
        stream.addEventListener("lists", (message) => changed(JSON.parse(message.data)));
        return stream;
    }

    addEventListener("pagehide", leave);
    document.addEventListener("visibilitychange", () => {
        if (document.visibilityState === "hidden") leave();
        else for (const element of items.keys()) {
            observer.unobserve(element);
            observer.observe(element);
        }
    });

    const many = (items) => [].concat(items).map(one);
    const one = (item) => typeof item === "object" ? item : { item_id: item };

    return {
        init(settings) {
            Object.assign(options, settings);
            page();
        },
        consent, visitor, page, watch, fill, follow, lists: read,
        view: (item, list) => add("view", { item: one(item), ...list }),
        search: (search_term, more) => add("search", { search_term, ...more }),
        cart: (action, items = []) => add("cart", { action, items: many(items) }),
        purchase: (transaction_id, items, more) =>
            add("purchase", { transaction_id, items: many(items), ...more }),
    };
})();
