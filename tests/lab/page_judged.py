#!/usr/bin/env python3
"""A page as a browser shows it: headless Chromium, spoken to over pipes (Chrome DevTools Protocol).

    page_judged.py PAGE WIDTH SCREENSHOT

Loads the file with scripts switched off, in a window WIDTH pixels wide (as a telephone's), and prints

    requests N      of what was asked for besides the page itself
    width N         of the content, in pixels
    smallest N      pixels of the smallest text
    text …          what can be read
"""
import base64
import fcntl
import json
import os
import shutil
import subprocess
import sys
import tempfile

PROGRAMS = ("chromium-headless-shell", "chromium")


class Browser:
    def __init__(self, program, folder):
        to_read, to_write = os.pipe()
        from_read, from_write = os.pipe()

        def connect():  # the browser reads from 3 and writes to 4
            ends = [fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in (to_read, from_write)]
            os.dup2(ends[0], 3)
            os.dup2(ends[1], 4)

        self.process = subprocess.Popen(
            [program, "--headless", "--no-sandbox", "--disable-gpu",
             "--remote-debugging-pipe", f"--user-data-dir={folder}", "--no-first-run",
             "--disable-background-networking", "--disable-dev-shm-usage"],
            preexec_fn=connect, pass_fds=(3, 4), stderr=open(folder + "/stderr", "wb"),
            stdin=subprocess.DEVNULL)
        self.folder = folder
        os.close(to_read)
        os.close(from_write)
        self.output = os.fdopen(to_write, "wb", buffering=0)
        self.input = os.fdopen(from_read, "rb")
        self.buffer = b""
        self.number = 0
        self.events = []

    def receive(self):
        while b"\0" not in self.buffer:
            piece = self.input.read1(65536)
            if not piece:
                with open(self.folder + "/stderr", errors="replace") as file:
                    sys.exit("the browser has ended: " + file.read())
            self.buffer += piece
        message, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(message)

    def call(self, method, session=None, **parameters):
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        self.output.write(json.dumps(message).encode() + b"\0")
        while True:
            answer = self.receive()
            if answer.get("id") == self.number:
                if "error" in answer:
                    sys.exit(f"{method}: {answer['error']}")
                return answer["result"]
            self.events.append(answer)

    def wait_for(self, event):
        while not any(seen.get("method") == event for seen in self.events):
            self.events.append(self.receive())


def main():
    page, width, screenshot = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        print("there is no Chromium")
        sys.exit(77)
    with tempfile.TemporaryDirectory() as folder:
        browser = Browser(program, folder)
        target = browser.call("Target.createTarget", url="about:blank")["targetId"]
        session = browser.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        browser.call("Emulation.setDeviceMetricsOverride", session, width=width, height=800,
                     deviceScaleFactor=1, mobile=True)
        browser.call("Emulation.setScriptExecutionDisabled", session, value=True)
        browser.call("Page.enable", session)
        browser.call("Network.enable", session)
        browser.events.clear()
        url = "file://" + os.path.abspath(page)
        browser.call("Page.navigate", session, url=url)
        browser.wait_for("Page.loadEventFired")
        size = browser.call("Page.getLayoutMetrics", session)["cssContentSize"]
        # The tools' own script runs all the same.
        texts = json.loads(browser.call("Runtime.evaluate", session, returnByValue=True, expression="""
            JSON.stringify({
                smallest: Math.min(...[...document.querySelectorAll('body *')].filter(
                    element => [...element.childNodes].some(
                        node => node.nodeType === 3 && node.textContent.trim()))
                    .map(element => parseFloat(getComputedStyle(element).fontSize))),
                text: document.body.innerText})""")["result"]["value"])
        picture = browser.call("Page.captureScreenshot", session, captureBeyondViewport=True,
                               clip={"x": 0, "y": 0, "width": size["width"],
                                     "height": size["height"], "scale": 1})
        with open(screenshot, "wb") as file:
            file.write(base64.b64decode(picture["data"]))
        asked = [event["params"]["request"]["url"] for event in browser.events
                 if event.get("method") == "Network.requestWillBeSent"]
        print("requests", len([one for one in asked if one != url]))
        print("width", int(size["width"]))
        print("smallest", texts["smallest"])
        print("text", " ".join(texts["text"].split()))
        browser.call("Browser.close")
        browser.process.wait(30)


main()
