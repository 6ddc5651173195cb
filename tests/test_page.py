"""The page of ``cloud-events serve``, in a real Chromium without a screen."""

import json
import os
import shutil
import time

import pytest

pytest.importorskip("selenium", reason="the dependency group page is not installed")

from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select, WebDriverWait

from test_serve import served

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="there is no Chromium, or no driver for it")

FLAGS = ("headless", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run", "disable-background-networking",
         "disable-component-update", "disable-sync", "window-size=1400,1000")  # fmt: skip
SCRIPT = "<img src=x onerror=\"document.title='run'\">"
OUTCOME = {
    # what the application does → how the page calls and colours it
    "201": ("done", "good"),
    "409": ("done", "warn"),
    "500": ("retry", "warn"),
    "raise": ("retry", "warn"),
}


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in (*FLAGS, f"user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(f"--{flag}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    browser = webdriver.Chrome(options, webdriver.ChromeService(DRIVER))
    yield browser
    browser.quit()


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    settings = {"CLOUD_EVENTS_RESPONSE": "native", "CLOUD_EVENTS_FAILURE_STATUSES": "300-408,410-599"}
    with served(tmp_path_factory.mktemp("shop"), **settings) as server:
        yield server


@pytest.fixture
def page(browser, server):
    """The page, just opened. Nothing may have gone wrong in it in the end."""
    browser.get_log("browser")
    browser.get(server.url)
    opened = Page(browser)
    opened.until(lambda: opened.editor.get_property("value"))
    yield opened
    assert browser.get_log("browser") == []
    assert browser.title == "Events · cloud-events"


class Page:
    def __init__(self, browser):
        self.browser = browser
        self.find = lambda name: browser.find_element(By.ID, name)
        self.until = lambda holds: WebDriverWait(browser, 20).until(lambda _: holds())
        self.editor, self.kinds = self.find("event"), Select(self.find("kind"))

    def send(self, event):
        """Type *event*, send it by the keyboard, and return (the word, the colour) of the outcome."""
        text = event if isinstance(event, str) else json.dumps(event)
        script = "arguments[0].value = arguments[1]; document.getElementById('outcome').textContent = ''"
        self.browser.execute_script(script, self.editor, text)
        self.editor.send_keys(Keys.CONTROL, Keys.ENTER)
        return self.outcome()

    def outcome(self):
        self.until(lambda: self.find("outcome").find_elements(By.CSS_SELECTOR, ".outcome b"))
        box = self.find("outcome").find_element(By.CLASS_NAME, "outcome")
        return box.find_element(By.TAG_NAME, "b").text, box.get_attribute("class").removeprefix("outcome ")

    @property
    def sections(self):
        """{heading, without times: text of each block under it}."""
        found = {}
        for block in self.find("details").find_elements(By.CSS_SELECTOR, "h2, pre"):
            if block.tag_name == "h2":
                texts = found.setdefault(block.text.partition(",")[0], [])
            else:
                texts.append(block.get_property("textContent"))
        return found


def test_samples(page):
    """Each kind is offered; the one that is chosen stands in the editor."""
    kinds = [option.text for option in page.kinds.options]
    assert {"s3", "sqs", "cognito.userpool", "s3_in_sns_in_sqs"} <= {*kinds}
    page.kinds.select_by_visible_text("sns")
    assert json.loads(page.editor.get_property("value"))["Records"][0]["EventSource"] == "aws:sns"


def test_what_became_of_an_event(page):
    """What matched and why, the request as the application saw it, the answer, the reply. Long numbers are exact."""
    sent = {"source": "shop", "say": "201", "long": 12345678901234567890, "list": [1, {}]}
    assert page.send(sent) == ("answer", "good")
    found = page.sections
    assert [*found] == ["Matched", "Request", "Answer", "The function returned"]
    assert found["Matched"][0].startswith("the event: POST /shop, by row source\n    $.source passes text()\n")
    assert found["Request"][0].startswith("POST /shop\n")
    assert "\ncontent-type: application/json\n" in found["Request"][0]
    body = found["Request"][0].partition("\n\n")[2]
    assert json.loads(body) == sent
    assert '\n  "long": 12345678901234567890,\n' in body
    assert found["Answer"] == ['201\nContent-Type: application/json\n\n{\n  "path": "/shop"\n}']
    assert found["The function returned"] == ['{\n  "path": "/shop"\n}']


@pytest.mark.parametrize("said", OUTCOME)
def test_outcomes(page, said):
    """The outcome is named and coloured as what AWS would do."""
    event = {"source": "shop", "detail-type": "Sold", "detail": {}, "say": said}
    assert page.send(event) == OUTCOME[said]
    assert ("dropped: your settings do not count it as a failure" in page.sections["Answer"][0]) == (said == "409")
    assert ("The function raised" in page.sections) == (said in ("500", "raise"))


def test_markup_in_an_event(page):
    """What stands in an event or an answer is text: no element is made of it, and no script runs."""
    page.send({"source": f"shop/{SCRIPT}", "say": SCRIPT})
    assert SCRIPT in page.sections["Request"][0].replace('\\"', '"')
    assert page.sections["The function raised"] == [f"LookupError: {SCRIPT}"]
    assert page.browser.find_elements(By.TAG_NAME, "img") == []
    time.sleep(0.2)  # an image that cannot be loaded would say so by now


def test_the_keyboard(page):
    """From the sample to the results by Tab alone; Space presses the button."""
    page.find("kind").send_keys(Keys.TAB)
    reached = [page.browser.switch_to.active_element.get_attribute("id")]
    page.editor.send_keys(Keys.TAB)
    button = page.browser.switch_to.active_element
    button.send_keys(Keys.SPACE)
    assert [*reached, button.get_attribute("id"), page.outcome()] == ["event", "send", ("done", "good")]
    button.send_keys(Keys.TAB)
    assert page.browser.switch_to.active_element.tag_name == "pre"


def test_what_is_not_sent(page):
    """What is not JSON is not sent, and what is wrong with it is said."""
    assert page.send("{") == ("not sent", "bad")
    assert "This is not JSON: " in page.find("outcome").text
    assert page.sections == {}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours(page, scheme):
    """The page is light or dark as the system is; text and its background differ by 4.5 to 1 (WCAG 2.2, 1.4.3)."""
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    page.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    seen = []
    for said in ("201", "409", "500"):
        page.send({"source": "shop", "say": said})
        for selector in (".outcome", "pre", "textarea", "button", "body"):
            element = page.browser.find_element(By.CSS_SELECTOR, selector)
            colours = [element.value_of_css_property(name) for name in ("color", "background-color")]
            lighter, darker = sorted(map(luminance, colours), reverse=True)
            assert (lighter + 0.05) / (darker + 0.05) >= 4.5, (selector, colours)
            seen.append(luminance(colours[1]))
    assert (seen[-1] > 0.5) == (scheme == "light")
    if folder := os.environ.get("SCREENSHOTS"):
        page.browser.save_screenshot(f"{folder}/{scheme}.png")


def luminance(colour):
    """The relative luminance of "rgba(0, 0, 0, 1)"."""
    parts = [float(part) / 255 for part in colour[colour.index("(") + 1 : -1].split(",")[:3]]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
