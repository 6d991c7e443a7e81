"""Chromium without a window, driven by selenium; 'tools/setup test' installs both."""

import json
import shutil
import sys
import tempfile
import time

try:
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service
except ImportError:
    sys.exit("selenium is missing: run 'tools/setup test', and this with /usr/bin/python3")


class Chromium:
    """A browser with a profile of its own. `requests` and `errors` tell what it did since the last
    call."""

    def __init__(self, width=1280, height=900, language="en-US", settings=()):
        if not (shutil.which("chromium") and shutil.which("chromedriver")):
            sys.exit("chromium is missing: run 'tools/setup test'")
        self.profile = tempfile.mkdtemp(prefix="weft-chromium-")
        options = webdriver.ChromeOptions()
        options.binary_location = shutil.which("chromium")
        for argument in ("--headless=new", "--no-sandbox", "--disable-gpu",
                         "--disable-dev-shm-usage",
                         "--disable-background-networking", "--disable-component-update",
                         "--hide-scrollbars", "--force-device-scale-factor=1",
                         f"--user-data-dir={self.profile}", f"--window-size={width},{height}",
                         f"--lang={language}", f"--accept-lang={language}", *settings):
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        self.driver = webdriver.Chrome(options=options,
                                       service=Service(shutil.which("chromedriver")))
        self.driver.set_script_timeout(30)
        self.size(width, height)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.driver.quit()
        shutil.rmtree(self.profile, ignore_errors=True)

    def size(self, width, height, dark=False, scale=1):
        """The page's own size, and whether the visitor prefers dark pages."""
        self.cdp("Emulation.setDeviceMetricsOverride", width=width, height=height,
                 deviceScaleFactor=scale, mobile=width < 600)
        self.cdp("Emulation.setEmulatedMedia", features=[
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])

    def cdp(self, command, **parameters):
        return self.driver.execute_cdp_cmd(command, parameters)

    def run(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    def wait(self, script, *arguments, seconds=15):
        """Until the script gives something true; gives it, or None when the time is over."""
        end = time.monotonic() + seconds
        while True:
            value = self.run(script, *arguments)
            if value or time.monotonic() > end:
                return value or None
            time.sleep(0.02)

    def requests(self):
        """(method, URL, body) of each request that left the page."""
        sent = []
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                request = message["params"]["request"]
                sent.append((request["method"], request["url"], request.get("postData", "")))
        return sent

    def errors(self):
        return [entry["message"] for entry in self.driver.get_log("browser")
                if entry["level"] in ("SEVERE", "WARNING")]


class Checks:
    """Counts what holds; the last line is 'N passed, N failed'."""

    def __init__(self):
        self.passed = self.failed = 0

    def check(self, what, good, seen=None):
        if good:
            self.passed += 1
        else:
            self.failed += 1
            print(f"FAIL  {what}" + ("" if seen is None else f": {seen!r}"[:600]))
        return good

    def end(self):
        print(f"{self.passed} passed, {self.failed} failed")
        return 1 if self.failed else 0
