"""A page in a real browser, as whoever looks at it would use it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


class Page:
    """A file opened in the browser of the fixture ``browser``."""

    def __init__(self, session: Any, path: Path) -> None:
        from selenium.webdriver import ActionChains

        self.session = session
        self.actions = lambda: ActionChains(session, duration=20)
        self.resize(1280, 900)
        for log in ("browser", "performance"):
            session.get_log(log)
        session.get(path.as_uri())
        self.settle()

    def js(self, script: str) -> Any:
        return self.session.execute_script(f"return ({script})")

    def settle(self) -> None:
        """Wait until what was asked for is painted."""
        self.session.execute_async_script(
            "const [done] = arguments, next = requestAnimationFrame; next(() => next(() => setTimeout(done)))"
        )

    def resize(self, width: int, height: int, scheme: str = "light") -> None:
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self.session.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        feature = {"name": "prefers-color-scheme", "value": scheme}
        self.session.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})

    def until(self, condition: Callable[[], bool]) -> None:
        """Wait for what takes time of the clock; fails after five seconds."""
        for _ in range(100):
            if condition():
                return
            time.sleep(0.05)
        pytest.fail("the page did not do it")

    def find(self, selector: str) -> Any:
        return self.session.find_element("css selector", selector)

    def all(self, selector: str) -> list[Any]:
        return self.session.find_elements("css selector", selector)

    def click(self, selector: str) -> None:
        self.find(selector).click()
        self.settle()

    def key(self, *keys: str) -> None:
        self.actions().send_keys(*keys).perform()
        self.settle()

    def pixel(self, canvas: str, x: float, y: float) -> tuple[int, ...]:
        # Read from a copy: reading a canvas itself makes the browser warn on its console.
        script = """
            const copy = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
            copy.drawImage(document.querySelector(arguments[0]), -arguments[1], -arguments[2]);
            return Array.from(copy.getImageData(0, 0, 1, 1).data);
        """
        return tuple(self.session.execute_script(script, canvas, x, y))

    def picture(self, canvas: str = "#scene") -> str:
        return str(self.js(f"document.querySelector('{canvas}').toDataURL()"))

    def requests(self) -> list[str]:
        messages = [json.loads(line["message"])["message"] for line in self.session.get_log("performance")]
        sent = [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]
        return [url for url in sent if not url.startswith(("file:", "data:"))]
