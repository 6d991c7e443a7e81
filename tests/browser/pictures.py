#!/usr/bin/env python3
"""Makes the pictures of the shop in the READMEs: deploy/shop.png and deploy/shop-phone.png.

    /usr/bin/python3 tests/browser/pictures.py [--url URL]

Starts tools/demo, unless --url names a shop that runs, and walks through it as a visitor. Needs
chromium, chromium-driver, python3-selenium and fonts-nanum ('tools/setup test')."""

import argparse
import base64
import contextlib
import os
import sys
import time

from chromium import Checks, Chromium
from shop_page import CLICK, ROOT, Shop, demo

VISIT = (4, 7, 2)  # places in the home list that the visitor opens


def save(browser, name):
    time.sleep(6)  # until the marks of new products are gone
    browser.wait("return document.fonts.status === 'loaded'")
    path = os.path.join(ROOT, "deploy", name)
    with open(path, "wb") as file:
        file.write(base64.b64decode(browser.cdp("Page.captureScreenshot")["data"]))
    print(os.path.relpath(path, ROOT))


def take(url):
    with Chromium(1280, 800) as browser:
        shop = Shop(browser, Checks(), url)
        shop.load()
        browser.run("document.querySelector('#agree').click()")
        for place in VISIT:
            shop.acted(CLICK, "home", place)
            shop.go("")
        save(browser, "shop.png")
        browser.run("localStorage['mall.language'] = '\"ko\"'")
        browser.size(390, 780, dark=True, scale=1.5)
        shop.load()
        shop.acted(CLICK, "home", 0)
        browser.wait("return document.querySelector('[data-placement=product] .card')")
        browser.run("document.querySelector('[data-placement=product]').scrollIntoView()")
        save(browser, "shop-phone.png")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--url", help="of a shop that runs already")
    chosen = parser.parse_args()
    with contextlib.nullcontext(chosen.url) if chosen.url else demo() as url:
        take(url)
    return 0


if __name__ == "__main__":
    sys.exit(main())
