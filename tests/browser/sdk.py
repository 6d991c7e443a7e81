#!/usr/bin/env python3
"""weft.js in Chromium, under a strict Content-Security-Policy: what it sends, and when it is
silent.

    /usr/bin/python3 tests/browser/sdk.py

Needs chromium, chromium-driver and python3-selenium ('tools/setup test'). Prints 'N passed, N
failed'."""

import gzip
import os
import re
import sys
import time

from chromium import Checks, Chromium
from fake_serve import WEB, FakeServe

LIST = {"recommendation_id": "r1", "placement": "home"}
FILL = """
    const [id, count, list] = arguments;
    const element = document.getElementById(id);
    element.textContent = "";
    for (let i = 0; i < count; i++) {
        const item = document.createElement("li");
        const link = document.createElement("a");
        link.href = "#" + i;
        link.textContent = "item " + i;
        item.dataset.itemId = "M" + i;
        item.append(link);
        element.append(item);
    }
    weft.watch(element, list);"""


def open_page(browser, fake, consent=True, **settings):
    browser.driver.get(fake.url + "/")
    browser.driver.delete_all_cookies()
    browser.run("sessionStorage.clear()")
    browser.driver.get(fake.url + "/")
    browser.run("window.refused = []; weft.init({...arguments[0], "
                "failed: (status, body, events) => "
                "refused.push([status, events.length])})", settings)
    if consent:
        browser.run("weft.consent(true)")
    fake.clear()


def size(checks):
    with open(os.path.join(WEB, "weft.js"), "rb") as file:
        source = file.read()
    packed = len(gzip.compress(source, 9))
    checks.check("weft.js is under 4 KB with gzip", packed < 4096, packed)
    with open(os.path.join(WEB, "weft.d.ts"), encoding="utf-8") as file:
        types = file.read()
    public = source.decode()[source.decode().rindex("return {"):]
    names = set(re.findall(r"^ {8}(\w+)[(:]", public, re.M)) | \
        set(re.findall(r"\b(\w+)(?=[,:])", re.search(r"^ {8}consent,.*", public, re.M).group()))
    names -= {"read"}
    declared = set(re.findall(r"^ {4}(\w+)\(", types[types.index("interface Weft"):], re.M))
    checks.check("weft.d.ts declares the functions of weft.js", names == declared,
                 names ^ declared)


def without_consent(checks, browser, fake):
    open_page(browser, fake, consent=False)
    browser.requests()
    sent = browser.run("return [weft.visitor(), weft.view('M1'), weft.search('coat'), "
                       "weft.cart('add', 'M1'), weft.purchase('t1', ['M1']), weft.follow(() => 0)]")
    browser.run(FILL, "list", 3, LIST)
    browser.run("document.querySelector('#list a').click()")
    time.sleep(1.8)
    checks.check("without consent every function gives null", sent == [None] * 6, sent)
    checks.check("without consent there is no cookie and nothing stored", browser.run(
        "return document.cookie === '' && sessionStorage.length + localStorage.length === 0"))
    browser.driver.get(fake.url + "/next")
    checks.check("without consent nothing is sent, also on leaving", not fake.posts and
                 not [each for each in browser.requests() if "/v1/" in each[1]], fake.posts)


def kinds(checks, browser, fake):
    open_page(browser, fake, channel="app", user_id="u7")
    ids = browser.run("""return [weft.visitor(),
        weft.view({item_id: 'M1', price: 5.5}, {recommendation_id: 'r1', placement: 'home'}),
        weft.search('울 코트', {result_count: 3}),
        weft.cart('add', ['M1', {item_id: 'M2', quantity: 2}]), weft.cart('clear'),
        weft.purchase('t1', 'M1', {value: 5.5})]""")
    fake.wait(lambda: len(fake.taken()) >= 5)
    taken = fake.taken()
    checks.check("five events arrive, in order", [each["type"] for each in taken] ==
                 ["view", "search", "cart", "cart", "purchase"], taken)
    checks.check("the functions give the event_ids", [each["event_id"] for each in taken] ==
                 ids[1:], ids)
    for each in taken:
        checks.check(f"a {each['type']} says who, when and how",
                     (each["visitor_id"], each["user_id"], each["channel"]) == (ids[0], "u7", "app")
                     and abs(each["event_time"] - time.time() * 1000) < 60000, each)
    extra = [{name: value for name, value in each.items() if name not in
              ("type", "event_id", "visitor_id", "user_id", "event_time", "channel")}
             for each in taken]
    checks.check("the events' own fields", extra == [
        {"item": {"item_id": "M1", "price": 5.5}, "recommendation_id": "r1", "placement": "home"},
        {"search_term": "울 코트", "result_count": 3},
        {"action": "add", "items": [{"item_id": "M1"}, {"item_id": "M2", "quantity": 2}]},
        {"action": "clear", "items": []},
        {"transaction_id": "t1", "items": [{"item_id": "M1"}], "value": 5.5}], extra)
    browser.driver.get(fake.url + "/next")
    checks.check("the next page has the same visitor",
                 browser.run("return weft.visitor()") == ids[0])
    browser.run("weft.consent(true, 'shop 1;ä')")
    checks.check("the shop's own id stands", browser.run("return weft.visitor()") == "shop 1;ä")


def seen(checks, browser, fake):
    open_page(browser, fake)
    browser.run(FILL, "list", 3, LIST)
    browser.run(FILL, "below", 2, {"recommendation_id": "r1", "placement": "product"})
    time.sleep(0.6)
    checks.check("nothing is seen before a second", not fake.posts, fake.posts)
    fake.wait(lambda: fake.taken("impression"))
    time.sleep(0.5)
    shown = [(each["placement"], each["items"]) for each in fake.taken("impression")]
    checks.check("a visible list is one impression, the list below is none", shown == [
        ("home", [{"item_id": f"M{i}", "index": i} for i in range(3)])], shown)
    fake.clear()
    browser.run("scrollTo(0, 9999)")
    time.sleep(0.4)
    browser.run("scrollTo(0, 0)")
    time.sleep(1.8)
    checks.check("what is scrolled past is not seen, and nothing is seen twice", not fake.posts,
                 fake.posts)
    browser.run(FILL, "list", 3, LIST)
    time.sleep(1.8)
    checks.check("nor when the page draws the list again", not fake.posts, fake.posts)
    browser.run("weft.page()")
    checks.check("on another page the list is seen again",
                 fake.wait(lambda: len(fake.taken("impression")) == 1), fake.posts)
    fake.clear()
    browser.run("document.getElementById('below').scrollIntoView()")
    browser.wait("return scrollY > 1000")
    time.sleep(1.15)
    browser.driver.get(fake.url + "/next")
    checks.check("leaving sends what was seen",
                 fake.wait(lambda: [each["placement"] for each in fake.taken("impression")] ==
                           ["product"]), fake.posts)


def clicked(checks, browser, fake):
    open_page(browser, fake)
    browser.run(FILL, "list", 3, LIST)
    browser.run("document.querySelectorAll('#list a')[1].click()")
    browser.run("document.querySelectorAll('#list a')[2].focus()")
    browser.driver.switch_to.active_element.send_keys("\ue007")  # Enter
    fake.wait(lambda: len(fake.taken("click")) == 2)
    clicks = [(each["recommendation_id"], each["placement"], each["item"])
              for each in fake.taken("click")]
    checks.check("clicks by pointer and by key", clicks == [
        ("r1", "home", {"item_id": "M1", "index": 1}),
        ("r1", "home", {"item_id": "M2", "index": 2})], clicks)
    fake.clear()
    browser.run(FILL, "list", 2, {**LIST, "recommendation_id": "r2"})
    browser.run("document.querySelector('#list a').click()")
    fake.wait(lambda: fake.taken("click"))
    time.sleep(0.2)
    checks.check("after a change the click is one, of the new list",
                 [each["recommendation_id"] for each in fake.taken("click")] == ["r2"], fake.posts)
    fake.clear()
    browser.run(FILL, "list", 2, {"placement": "home"})
    browser.run("document.querySelector('#list a').click()")
    time.sleep(1.8)
    checks.check("a ranking is not watched", not fake.posts, fake.posts)


def failing(checks, browser, fake):
    open_page(browser, fake)
    fake.answers = [(503, ()), (500, ())]
    browser.run("weft.view('M1')")
    fake.wait(lambda: len(fake.posts) == 1)
    browser.run("weft.view('M2')")
    fake.wait(lambda: len(fake.taken()) == 2)
    checks.check("a failed send is repeated with the same event_id, and waits longer",
                 [post["status"] for post in fake.posts] == [503, 500, 202] and
                 len({post["events"][0]["event_id"] for post in fake.posts}) == 1 and
                 fake.posts[1]["at"] - fake.posts[0]["at"] > 0.4 and
                 fake.posts[2]["at"] - fake.posts[1]["at"] > 0.9, fake.posts)
    checks.check("what came meanwhile goes with it",
                 [each["item"]["item_id"] for each in fake.taken()] == ["M1", "M2"])
    fake.clear()
    fake.answers = [(429, (("Retry-After", "2"),))]
    browser.run("weft.view('M3')")
    fake.wait(lambda: fake.taken())
    checks.check("Retry-After is waited for", len(fake.posts) == 2 and
                 fake.posts[1]["at"] - fake.posts[0]["at"] >= 1.9, fake.posts)
    fake.clear()
    fake.answers = [(400, ())]
    browser.run("weft.view('M4')")
    browser.wait("return refused.length")
    browser.run("weft.view('M5')")
    fake.wait(lambda: fake.taken())
    checks.check("a refused event is told and does not come again",
                 browser.run("return refused") == [[400, 1]] and
                 [each["item"]["item_id"] for each in fake.taken()] == ["M5"], fake.posts)
    fake.clear()
    fake.events_max = 4
    browser.run("for (let i = 0; i < 10; i++) weft.view('N' + i)")
    fake.wait(lambda: len(fake.taken()) == 10)
    checks.check("after 413 the requests are smaller",
                 [each["item"]["item_id"] for each in fake.taken()] == [f"N{i}" for i in range(10)],
                 [(post["status"], len(post["events"])) for post in fake.posts])
    fake.events_max = 1000


def bounded(checks, browser, fake):
    open_page(browser, fake)
    fake.answers = [(503, (("Retry-After", "60"),))]
    browser.run("weft.view('first')")
    fake.wait(lambda: fake.posts)
    browser.wait("return JSON.parse(sessionStorage.weft_queue).length === 1")
    browser.run("for (let i = 0; i < 300; i++) weft.view('M' + i)")
    stored = browser.run("return JSON.parse(sessionStorage.weft_queue).map(e => e.item.item_id)")
    checks.check("the queue has the newest 200 events",
                 stored == [f"M{i}" for i in range(100, 300)], (len(stored), stored[:2]))
    fake.clear()
    browser.driver.get(fake.url + "/next")
    browser.run("weft.init()")
    fake.wait(lambda: len(fake.taken()) >= 200)
    checks.check("leaving sends the queue in small parts, each event once",
                 sorted(each["item"]["item_id"] for each in fake.taken()) == sorted(stored) and
                 max(post["bytes"] for post in fake.posts) < 65536,
                 [len(post["events"]) for post in fake.posts])


def leaving(checks, browser, fake):
    open_page(browser, fake)
    fake.answers = [(503, (("Retry-After", "60"),))]
    browser.run("weft.view('M1')")
    fake.wait(lambda: fake.posts)
    browser.wait("return document.cookie && JSON.parse(sessionStorage.weft_queue).length === 1")
    browser.run("weft.view('M2'); const send = navigator.sendBeacon.bind(navigator); "
                "navigator.sendBeacon = (...a) => (sessionStorage.beacons = 1, send(...a))")
    fake.clear()
    browser.driver.get(fake.url + "/next")
    fake.wait(lambda: len(fake.taken()) == 2)
    checks.check("leaving sends what waits, by sendBeacon, as JSON",
                 [each["item"]["item_id"] for each in fake.taken()] == ["M1", "M2"] and
                 browser.run("return sessionStorage.beacons") == "1" and
                 fake.posts[0]["kind"] == "application/json", fake.posts)
    open_page(browser, fake)
    fake.delay_s = 1
    browser.run("weft.view('M3')")
    fake.wait(lambda: fake.posts)
    browser.driver.get(fake.url + "/next")
    fake.delay_s = 0
    browser.run("weft.init()")
    fake.wait(lambda: len(fake.taken()) == 2)
    checks.check("a send that the page did not hear of comes again with the same event_id",
                 [each["item"]["item_id"] for each in fake.taken()] == ["M3", "M3"] and
                 len({each["event_id"] for each in fake.taken()}) == 1, fake.posts)


def refusing(checks, browser, fake):
    open_page(browser, fake)
    fake.answers = [(503, ())]
    browser.run("weft.view('M1')")
    fake.wait(lambda: fake.posts)
    browser.run(FILL, "list", 3, LIST)
    time.sleep(0.3)
    browser.run("weft.consent(false)")
    fake.clear()
    browser.run("weft.view('M2')")
    time.sleep(2.2)
    checks.check("a refusal ends the queue, the cookie and the storage", browser.run(
        "return document.cookie === '' && sessionStorage.length === 0"))
    browser.driver.get(fake.url + "/next")
    browser.run("weft.init()")
    time.sleep(0.3)
    checks.check("after a refusal nothing is sent", not fake.posts, fake.posts)


def reading(checks, browser, fake):
    open_page(browser, fake, token="secret")
    browser.run("weft.view('M1')")
    fake.wait(lambda: fake.posts)
    checks.check("the token goes with events", fake.posts[0]["token"] == "Bearer secret")
    browser.run("weft.consent(true, 'a/b'); weft.lists('home', {limit: 3}); "
                "weft.follow(m => window.message = m)")
    checks.check("the stream's messages arrive", browser.wait("return window.message"))
    checks.check("lists and the stream are read with the token", {
        ("/v1/visitors/a%2Fb/lists/home?limit=3", "Bearer secret"),
        ("/v1/visitors/a%2Fb/stream?token=secret", None)} <= set(fake.reads), fake.reads)


def readme_page(checks, browser, fake):
    """The lines of deploy/README.md, as they are, with this server as the endpoint."""
    with open(os.path.join(WEB, "..", "..", "..", "deploy", "README.md"), encoding="utf-8") as file:
        section = file.read().split("## Lists on your product page\n")[1].split("\n## ")[0]
    page, script = re.findall(r"(?:^    .*\n)+", section, re.M)
    checks.check("deploy/README.md needs ten lines", page.count("\n") + script.count("\n") <= 10)
    open_page(browser, fake)
    browser.run("document.querySelector('#list').id = 'beside'")
    browser.run(script.replace("https://lists.example.com", fake.url))
    browser.wait("return document.querySelectorAll('#beside a').length")
    links = browser.run("return [...document.querySelectorAll('#beside a')].map(a => "
                        "[a.getAttribute('href'), a.textContent, a.dataset.itemId])")
    checks.check("the lines show the list", links == [
        ["/p/M1", "<b>Coat</b>", "M1"], ["/p/M2", "Boots", "M2"]], links)
    browser.run("document.querySelector('#beside a').click()")
    fake.wait(lambda: fake.taken("click") and fake.taken("view"))
    checks.check("the lines send the view and the click", {  # perhaps twice, as the page is left
        (each["recommendation_id"], each["placement"], each["item"]["item_id"])
        for each in fake.taken("click")} == {("r1", "product", "M1")} and
        len({each["event_id"] for each in fake.taken("click")}) == 1 and
        [each["item"]["item_id"] for each in fake.taken("view")] == ["M00089"],
        fake.posts)


def main():
    checks, fake = Checks(), FakeServe()
    size(checks)
    with Chromium() as browser:
        browser.driver.get(fake.url + "/")
        browser.errors()
        for test in (without_consent, kinds, seen, clicked, bounded, leaving, refusing, reading,
                     readme_page):
            test(checks, browser, fake)
        errors = [each for each in browser.errors() if "503" not in each]
        checks.check("the console has no error", not errors, errors)
        failing(checks, browser, fake)
    fake.close()
    return checks.end()


if __name__ == "__main__":
    sys.exit(main())
