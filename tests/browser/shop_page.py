#!/usr/bin/env python3
"""The shop of `weft serve` in Chromium, as visitors use it: lists follow clicks without a reload,
with reasons that name what was clicked; carts, searches, orders, a second visitor, a refusal; then
basics: keyboard, contrast, weight, no other host, no script from texts; then the control room.

    /usr/bin/python3 tests/browser/shop_page.py [--long] [--url URL]

Starts tools/demo, unless --url names a shop that runs. Needs chromium, chromium-driver and
python3-selenium ('tools/setup test'). Prints 'N passed, N failed'."""

import argparse
import contextlib
import os
import re
import signal
import subprocess
import sys
import time
import urllib.parse

import control_room
from chromium import Checks, Chromium

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
PAGE_BYTES_MAX = 200_000

CARDS = """return [...document.querySelectorAll(
    `[data-placement="${arguments[0]}"]:not([hidden]) .card`)]
    .map(card => ({id: card.dataset.itemId, name: card.querySelector(".name").textContent,
                   why: card.querySelector(".why").textContent}))"""
CARD = """return document.querySelectorAll(
    `[data-placement="${arguments[0]}"] .card a`)[arguments[1]]"""
CLICK = CARD[7:] + ".click()"
MEASURES = """return performance.getEntriesByName("mall:click-to-list").length"""

# Texts with too little contrast to what is behind them (WCAG 2, 1.4.3).
CONTRAST = r"""
    const parse = colour => (colour.match(/[\d.]+/g) || []).map(Number);
    const light = ([r, g, b]) => [r, g, b].map(c => c / 255)
        .map(c => c <= .04045 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4)
        .reduce((sum, c, at) => sum + c * [.2126, .7152, .0722][at], 0);
    const ratio = (a, b) =>
        (Math.max(light(a), light(b)) + .05) / (Math.min(light(a), light(b)) + .05);
    function behind(element) {
        for (let at = element; at; at = at.parentElement) {
            const style = getComputedStyle(at);
            if (style.backgroundImage.includes("gradient"))
                return style.backgroundImage.match(/rgba?\([^)]*\)/g).map(parse);
            const colour = parse(style.backgroundColor);
            if (colour.length === 3 || colour[3] > 0) return [colour];
        }
        return [[255, 255, 255]];
    }
    const poor = [], walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    let count = 0;
    while (walker.nextNode()) {
        const element = walker.currentNode.parentElement, style = getComputedStyle(element);
        if (!walker.currentNode.data.trim() || !element.checkVisibility({visibilityProperty: true,
            opacityProperty: true}) || element.closest("svg, .hidden, .toast, noscript")) continue;
        count++;
        const size = parseFloat(style.fontSize), bold = Number(style.fontWeight) >= 700;
        const least = size >= 24 || bold && size >= 18.66 ? 3 : 4.5;
        const worst = Math.min(...behind(element).map(each => ratio(parse(style.color), each)));
        if (worst < least) poor.push(`${walker.currentNode.data.trim()}: ${worst.toFixed(2)}`);
    }
    return [count, poor];"""


@contextlib.contextmanager
def demo():
    """The URL of a shop that tools/demo has started; it ends with the test."""
    process = subprocess.Popen([os.path.join(ROOT, "tools", "demo")], stdout=subprocess.PIPE,
                               stdin=subprocess.DEVNULL, text=True, start_new_session=True)
    try:
        for line in process.stdout:
            found = re.search(r"http://\S+/shop/", line)
            if found:
                yield found.group()
                break
        else:
            sys.exit("tools/demo told no page")
    finally:
        os.killpg(process.pid, signal.SIGINT)
        process.wait(30)


class Shop:
    def __init__(self, browser, checks, url):
        self.browser, self.checks, self.url = browser, checks, url
        self.check = checks.check

    def load(self):
        self.browser.driver.get(self.url)
        self.browser.wait("return document.querySelectorAll('[data-placement=home] .card').length")

    def go(self, page):
        self.browser.run("location.hash = arguments[0]", "#/" + page)
        self.browser.wait("return document.querySelector('main h1')")

    def cards(self, placement):
        return self.browser.run(CARDS, placement)

    def acted(self, act, *arguments):
        """Runs a script that clicks, and waits until its lists are drawn."""
        if act is CLICK:
            self.browser.wait(CARD, *arguments)
        before = self.browser.run(MEASURES)
        self.browser.run(act, *arguments)
        return self.browser.wait(MEASURES + " > arguments[0]", before)

    def first_page(self):
        self.load()
        sizes = self.browser.run("""return performance.getEntriesByType("resource")
            .concat(performance.getEntriesByType("navigation"))
            .map(e => [new URL(e.name).pathname, e.decodedBodySize, new URL(e.name).origin])""")
        page = sum(size for path, size, _ in sizes if not path.startswith("/v1/"))
        self.check("the page is under 200 KB, unpacked", 10_000 < page < PAGE_BYTES_MAX, page)
        self.check("a new visitor sees what is popular, with reasons",
                   len(self.cards("home")) >= 8 and all(card["why"] for card in
                                                        self.cards("home")), self.cards("home"))
        self.check("every product is drawn", self.browser.run(
            "return [...document.querySelectorAll('.card')].every("
            "c => c.querySelector('svg path'))"))

    def refused(self):
        self.browser.requests()
        self.browser.run("document.querySelector('#refuse').click()")
        self.browser.wait(CARD, "home", 2)
        self.browser.run(CLICK, "home", 2)
        self.browser.wait("return document.querySelector('#add')")
        self.browser.run("document.querySelector('#add').click()")
        self.go("search/coat")
        self.browser.wait("return document.querySelector('.choice')")
        self.go("bag")
        time.sleep(0.5)
        sent = self.browser.requests()
        self.check("a refusal: the shop works, and no event is sent", sent and
                   not [each for each in sent if each[0] != "GET"], sent)
        others = [url for _, url, _ in sent if "/visitors/" in url and "/visitors/-/" not in url or
                  "visitor=" in url]
        self.check("a refusal: no request names a visitor", not others, others)
        self.check("a refusal: no cookie", self.browser.run("return document.cookie") == "")
        self.browser.run("localStorage.clear()")

    def list_follows(self):
        self.load()
        self.browser.run("window.mark = 1; document.querySelector('#agree').click()")
        before = [card["id"] for card in self.cards("home")]
        chosen = self.cards("home")[1]
        changed = self.acted(CLICK, "home", 1)
        self.check("a click on a product changes lists", changed)
        self.go("")
        after = self.cards("home")
        self.check("the home list has changed, without a reload",
                   [card["id"] for card in after] != before and
                   self.browser.run("return window.mark === 1"), after)
        self.check("its reasons name what was clicked",
                   [card for card in after if chosen["name"] in card["why"]],
                   (chosen["name"], [card["why"] for card in after]))
        self.acted(CLICK, "home", 3)
        self.go("")
        self.check("the next click changes it again", [card["id"] for card in self.cards("home")] !=
                   [card["id"] for card in after])
        self.check("the panel tells the milliseconds and what changed", self.browser.run("""
            const panel = document.querySelector(".panel");
            return parseInt(panel.querySelector(".figure").textContent) > 0 &&
                panel.querySelectorAll(".changes li").length > 0 &&
                panel.querySelectorAll(".steps li").length === 2"""))

    def cart(self):
        self.acted(CLICK, "home", 0)
        self.acted("document.querySelector('#add').click()")
        self.go("bag")
        first = self.cards("cart")
        self.check("the cart has a list of products that go with it", len(first) > 2, first)
        self.acted(CLICK, "cart", 0)
        self.acted("document.querySelector('#add').click()")
        self.go("bag")
        second = self.cards("cart")
        self.check("another product in the cart changes that list", second and
                   [card["id"] for card in second] != [card["id"] for card in first], second)
        in_bag = self.browser.run("return JSON.parse(localStorage['mall.bag']).map(e => e.item_id)")
        self.check("no list of the cart has what is in it", len(in_bag) == 2 and
                   not {card["id"] for card in second} & set(in_bag), (in_bag, second))

    def search(self, term, words):
        self.go("")
        self.browser.run("document.querySelector('#find').value = arguments[0]; "
                         "document.querySelector('.find').requestSubmit()", term)
        names = self.browser.wait("return document.querySelector('.choice') && [...document"
                                  ".querySelectorAll('.choice + ol .name')]"
                                  ".map(e => e.textContent)")
        self.check(f"a search for {term} finds it", names and len(names) >= 5 and
                   all(all(word in name for word in words) for name in names[:5]), names)
        self.check(f"a search for {term} makes a list of the visitor's",
                   self.browser.wait("""return document.querySelector("[data-placement=search] h2")
                       ?.textContent.includes(arguments[0])""", term))

    def buy(self):
        self.go("checkout")
        bought = self.browser.run(
            "return JSON.parse(localStorage['mall.bag']).map(e => e.item_id)")
        self.acted("document.querySelector('#place').click()")
        self.browser.wait("return location.hash === '#/thanks'")
        seen = {card["id"] for name in ("home", "goes_with") for card in self.cards(name)}
        self.go("")
        seen |= {card["id"] for name in ("home", "product", "goes_with", "cart", "search")
                 for card in self.cards(name)}
        self.check("what was bought is in no list", bought and seen and not seen & set(bought),
                   (bought, seen & set(bought)))
        self.check("the bag is empty, and has no list", not self.cards("cart"))

    def second_visitor(self):
        first = [card["id"] for card in self.cards("home")]
        cookie = self.browser.run("return document.cookie")
        self.browser.run("document.querySelector('#another').click()")
        self.browser.wait("return document.querySelector('[data-placement=home]:not([hidden])"
                          " h2')?.textContent.startsWith('Popular')")
        self.check("a second visitor begins with what is popular", self.cards("home") and
                   [card["id"] for card in self.cards("home")] != first)
        self.check("they are somebody else, with an empty bag and visit", self.browser.run(
            "return document.cookie !== arguments[0] && !document.querySelector('.steps') && "
            "localStorage['mall.bag'] === '[]'", cookie))
        self.acted(CLICK, "home", 5)
        self.go("")
        self.check("after their own click they see other lists", self.cards("home") and
                   [card["id"] for card in self.cards("home")] != first)

    def scripts(self):
        text = "<img src=x onerror=window.hacked=1><script>window.hacked=1</script>"
        for page in ("search/", "category/", "product/"):
            self.go(page + urllib.parse.quote(text, safe=""))
            time.sleep(0.3)
        self.go("")
        time.sleep(0.3)
        self.check("a script in a text does not run", not self.browser.run("return window.hacked"))

    def keyboard(self):
        self.load()
        keys, order = self.browser.driver.switch_to, []
        self.browser.run("document.activeElement.blur()")
        for _ in range(12):
            keys.active_element.send_keys("\ue004")  # Tab
            order.append(self.browser.run("""const at = document.activeElement;
                return [at.className || at.id || at.textContent,
                        getComputedStyle(at).outlineStyle]"""))
        names = [name for name, _ in order]
        self.check("Tab goes from the skip link to the head, then to the products",
                   names[:2] == ["skip", "mark"] and names.index("find") < names.index("bag") <
                   names.index("button"), names)
        self.check("the focus is visible", all(style != "none" for _, style in order), order)
        self.browser.run("document.activeElement.blur()")
        keys.active_element.send_keys("/")
        self.check("/ goes to the search", self.browser.run(
            "return document.activeElement.id === 'find'"))
        keys.active_element.send_keys("boots\ue007")
        self.check("Enter searches", self.browser.wait("return location.hash === "
                                                       "'#/search/boots' && "
                                                       "document.querySelector('.choice')"))
        self.browser.run("document.querySelector('.card a').focus()")
        keys.active_element.send_keys("\ue007")
        self.check("Enter opens a product, and the focus goes to it", self.browser.wait(
            "return document.querySelector('#add') && document.activeElement.id === 'main'"))

    def looks(self, all_pages):
        pages = ("", "product/" + self.cards("home")[0]["id"] if self.cards("home") else "bag",
                 "category/Women", "bag", "search/coat")
        views = ((390, True, "ko"), (1280, False, "en"), (1280, True, "ko"), (390, False, "en"))
        for width, dark, language in views if all_pages else views[:1]:
            self.browser.size(width, 844, dark)
            self.browser.run("localStorage['mall.language'] = JSON.stringify(arguments[0])",
                             language)
            for page in pages if all_pages else pages[1:2]:
                self.browser.driver.get(self.url + "#/" + page)
                self.browser.driver.refresh()
                self.browser.wait("return document.querySelector('main h1') && "
                                  "document.querySelector('.card')")
                if width == 390:
                    self.browser.run("document.querySelector('.opener').click()")
                    time.sleep(0.4)
                count, poor = self.browser.run(CONTRAST)
                what = f"#/{page}, {width} wide, {language}, {'dark' if dark else 'light'}"
                self.check(f"contrast: {what}", count > 20 and not poor, (count, poor[:5]))
                self.check(f"no scrolling sideways: {what}", self.browser.run(
                    "return document.documentElement.scrollWidth <= innerWidth"))
        self.browser.run("localStorage.removeItem('mall.language')")
        self.browser.size(1280, 900)


def run(url, checks, all_pages):
    with Chromium() as browser:
        shop = Shop(browser, checks, url)
        requests = []
        shop.first_page()
        requests += browser.requests()
        shop.refused()
        shop.list_follows()
        shop.cart()
        shop.search("red dress", ("Red", "Dress"))
        shop.search("레드 원피스", ("Red", "Dress"))
        shop.buy()
        shop.second_visitor()
        requests += browser.requests()
        errors = browser.errors()
        checks.check("the console has no error", not errors, errors)
        shop.scripts()
        shop.keyboard()
        browser.errors()
        visitor = browser.run("return weft.visitor()")
        control_room.look(browser, checks, url, visitor, CONTRAST)
        browser.errors()
        shop.load()
        shop.looks(all_pages)
        requests += browser.requests()
        errors = browser.errors()
        checks.check("the console has no error, in dark, narrow and in Korean", not errors, errors)
        home = urllib.parse.urlsplit(url).netloc
        others = [each for each in requests if urllib.parse.urlsplit(each[1]).netloc != home and
                  not each[1].startswith(("data:", "chrome:", "about:"))]
        checks.check("no request goes anywhere else", len(requests) > 20 and not others, others)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--url", help="of a shop that runs already")
    parser.add_argument("--long", action="store_true",
                        help="look at all pages, light and dark, wide "
                        "and narrow, in both languages")
    chosen = parser.parse_args()
    checks = Checks()
    with contextlib.nullcontext(chosen.url) if chosen.url else demo() as url:
        run(url, checks, chosen.long)
    return checks.end()


if __name__ == "__main__":
    sys.exit(main())
