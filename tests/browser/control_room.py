"""The control room at /ui/ of `weft serve`: looks up visitors, items, searches and rankings."""

import time
import urllib.parse

ROWS = "return document.querySelectorAll('main table tbody tr').length"
SEND = """
    const done = arguments[2];
    fetch("/v1/events", {method: "POST", headers: {"Content-Type": "application/json"},
        body: JSON.stringify([{type: "view", event_id: "room-" + Date.now(),
                               visitor_id: arguments[0],
                               event_time: Date.now(), item: {item_id: arguments[1]}}])})
        .then(answer => done(answer.status));"""


def look(browser, checks, url, visitor, contrast):
    """`url`: of the shop; `visitor`: one with lists; `contrast`: the script that measures it."""
    page = urllib.parse.urljoin(url, "/ui/")
    browser.driver.get(page + "#/visitor/" + urllib.parse.quote(visitor))
    checks.check("the control room shows a visitor's lists", browser.wait(ROWS + " > 10"))
    checks.check("with their reasons", browser.run(
        "return document.querySelector('main').textContent.includes('viewed by similar')"))
    status = browser.driver.execute_async_script(SEND, visitor, "M00020")
    checks.check("it shows a change as it comes", status == 202 and browser.wait(
        "return document.querySelector('.log li') && document.querySelector('tr.new')"), status)
    checks.check("it shows what is known of the visitor", browser.wait(
        "return [...document.querySelectorAll('h2')].some(e => "
        "e.textContent.startsWith('Known')) && "
        "document.querySelector('main').textContent.includes('Tastes: brands')"))
    for hash, what in (("item/M00020", "an item"), ("search/red%20dress", "a search"),
                       ("rankings", "a ranking"),
                       ("rankings/bought%7Ccategory%7CWomen", "another")):
        browser.run("location.hash = arguments[0]", "#/" + hash)
        good = browser.wait("return document.querySelector('main dl') && (arguments[0] || "
                            + ROWS[7:] + " > 5)", hash.startswith("item"))
        checks.check(f"it shows {what}", good, browser.run("return document.body.innerText"))
        count, poor = browser.run(contrast)
        checks.check(f"contrast of {what} in the control room", count > 10 and not poor, poor)
    errors = browser.errors()
    checks.check("the console of the control room has no error", not errors, errors)
    text = "<img src=x onerror=window.hacked=1>"
    for hash in ("visitor", "item", "search", "rankings"):
        browser.run("location.hash = arguments[0]", f"#/{hash}/{urllib.parse.quote(text, safe='')}")
        time.sleep(0.3)
    checks.check("a script in a text does not run in the control room",
                 not browser.run("return window.hacked"))
    browser.errors()
