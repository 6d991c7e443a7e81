#!/usr/bin/env python3
"""Measures the time from a click in the browser to the changed list on the page, while the mall
sends other events; 'tools/bench click' builds and calls it.

    /usr/bin/python3 tests/browser/click_times.py [--rate N] [--clicks N] [--set KEY=VALUE]...

Apache Kafka, weft run, weft serve, the mall and Chromium share this machine. Prints p50 and p99 of:
the mall's events to their lists in the topic; the clicks to their lists in the page's stream; the
clicks to the changed list on the page (performance marks of the shop)."""

import argparse
import os
import subprocess
import sys
import time

from chromium import Chromium

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "kafka"))
from shop import WEFT, Kafka, Shop  # noqa: E402

PAUSE_S = 0.15  # from a changed list to the next click
OPEN_CARD = """
    const cards = [...document.querySelectorAll(".list:not([hidden]) .card a")];
    const next = cards.find(card => !window.opened.has(card.hash)) || cards[0];
    window.opened.add(next.hash);
    next.click();"""


def serve(shop):
    port = os.path.join(shop.folder, "port")
    log = open(os.path.join(shop.folder, "serve.txt"), "w")
    shop.serving = subprocess.Popen(
        [WEFT, "serve", *shop.common(), "--set", f"state.dir={shop.folder}/serve",
         "--listen", "127.0.0.1:0", "--port-file", port], stderr=log)
    log.close()
    while not os.path.exists(port) or not open(port).read().strip():
        if shop.serving.poll() is not None:
            raise RuntimeError(open(os.path.join(shop.folder, "serve.txt")).read())
        time.sleep(0.05)
    return f"http://127.0.0.1:{open(port).read().strip()}/shop/"


def measured(browser, name):
    return browser.run(
        "return performance.getEntriesByName(arguments[0]).map(e => e.duration)", name)


def click(browser, url, clicks):
    browser.driver.get(url)
    browser.wait("return document.querySelector('.card')", seconds=60)
    browser.run("window.opened = new Set(); document.querySelector('#agree').click()")
    lost = 0
    for number in range(clicks):
        browser.wait("return document.querySelector('.list:not([hidden]) .card')")
        browser.run(OPEN_CARD)
        if not browser.wait("return performance.getEntriesByName('mall:click-to-list').length > "
                            "arguments[0]", number - lost, seconds=10):
            lost += 1
        time.sleep(PAUSE_S)
    return measured(browser, "mall:click-to-message"), measured(browser, "mall:click-to-list"), lost


def told(name, times):
    times = sorted(times)
    at = lambda share: times[min(len(times) - 1, int(share * len(times)))]
    print(f"  {name}: p50 {at(.5):.0f} ms, p99 {at(.99):.0f} ms of {len(times)}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--rate", type=int, default=1000, help="other events a second")
    parser.add_argument("--clicks", type=int, default=200)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", dest="settings")
    chosen = parser.parse_args()
    name = f"click-{time.time_ns() % 1000}"
    with Kafka(19392) as kafka, Shop(name, kafka.address, 4, chosen.settings) as shop:
        shop.start(0)
        shop.ready()
        mall = ["simulate", *shop.common(), "--rate", str(chosen.rate), "--products", "3000"]
        subprocess.run([WEFT, *mall, "--minutes", "0.5"], check=True, stdout=subprocess.DEVNULL)
        url = serve(shop)
        minutes = 0.3 + chosen.clicks * 0.5 / 60
        others = subprocess.Popen([WEFT, *mall, "--no-catalogue", "--seed", "2", "--minutes",
                                   f"{minutes:.2f}", "--measure"],
                                  stdout=subprocess.PIPE, text=True)
        print(f"{chosen.rate} other events/s, {os.cpu_count()} cores", flush=True)
        try:
            with Chromium() as browser:
                in_stream, on_page, lost = click(browser, url, chosen.clicks)
            line = [each for each in others.communicate()[0].splitlines() if "p99" in each][-1]
        finally:
            others.kill()
            shop.serving.terminate()
            shop.serving.wait(30)
        print(f"  the mall's events to their lists in the topic: {line}")
        told("clicks to their lists in the page's stream", in_stream)
        told("clicks to the changed list on the page", on_page)
        if lost:
            print(f"  {lost} clicks changed no list within 10 s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
