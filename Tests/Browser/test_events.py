"""Events at the console: the list as it grows, the search, one event byte by byte, and sending it again."""

import http.client
import json
import signal

import pytest

import checks
from inlet_server import LOOPBACK, call_once, own_server, until
from people import Console

BOTH = pytest.mark.parametrize("javascript", [True, False], ids=["with JavaScript", "without JavaScript"])
SEATS_PER_SESSION = 12


@pytest.fixture(scope="module")
def stream(console, api):
    """A webhook with a token, and how to call it: `stream.call(body, **headers)` gives the event's id."""

    class Stream:
        webhook = api.new_webhook("Greenhouse sensors")
        token = api.new_token("app", "Greenhouse gateway", webhook)

        def call(self, body, **headers):
            fields = {"Authorization": f"Bearer {self.token['secret']}", "Content-Type": "application/json"}
            fields |= {name.replace("_", "-"): value for name, value in headers.items()}
            answer = call_once(console.server.ingest_port, "POST", f"/in/{self.webhook}", body, fields)
            assert answer.status == 202, answer
            return answer.json()["id"]

    return Stream()


@pytest.fixture
def go(console, new_page):
    """Opens a page of the owner: `go("/events", javascript=False)`."""

    def open_page(path, **options):
        page = new_page(**options)
        page.session = console.sign_in(page.context, console.owner())
        page.goto(console.url + path)
        return page

    return open_page


def test_events_appear_as_they_come_and_wait_while_paused(stream, go):
    """The list of events is live."""
    stream.call('{"plant": "basil"}')
    page = go(f"/events?webhook={stream.webhook}")
    page.get_by_text("Live", exact=True).wait_for()
    first = stream.call('{"plant": "thyme"}')
    page.locator(f"#{first}").wait_for()
    assert page.locator("tbody tr").first.get_attribute("id") == first
    page.get_by_role("button", name="Pause").click()
    second = stream.call('{"plant": "sage"}')
    page.get_by_role("button", name="Resume (1)").wait_for()
    assert page.locator(f"#{second}").count() == 0
    page.get_by_role("button", name="Resume (1)").click()
    page.locator(f"#{second}").wait_for()
    checks.check_page(page)


def test_what_came_meanwhile_is_not_lost_and_never_twice(stream, go, console):
    """Who comes again with the last id gets what came behind it, as rows of the same list."""
    page = go("/events")
    first, second = stream.call('{"n": 1}'), stream.call('{"n": 2}')
    rows = read_stream(console, page, f"/live/events?webhook={stream.webhook}", 1, last=first)
    assert [row["id"] for row in rows] == [second]
    assert f'<tr id="{second}">' in rows[0]["data"]


@BOTH
def test_a_search_finds_by_text_header_and_place_in_the_body(stream, go, javascript):
    wanted = stream.call('{"plant": {"name": "rosemary", "shelf": 7}}', X_Shelf="north", Inlet_Context="night shift")
    for query in ["text=rosemary", "text=night+shift", "header=X-Shelf:+north", "path=$.plant.shelf&value=7"]:
        page = go(f"/events?{query}", javascript=javascript)
        assert page.locator(f"tr#{wanted}").count() == 1, query
    page.get_by_label("Text or event id").fill("nothing holds this")
    page.get_by_role("button", name="Search").click()
    page.get_by_role("heading", name="No event matches").wait_for()
    page.get_by_label("Text or event id").fill(wanted)
    page.get_by_label("Path in the body").fill("")
    page.get_by_label("Value at that path").fill("")
    page.get_by_role("button", name="Search").click()
    page.get_by_role("heading", name=wanted).wait_for()
    checks.check_page(page)


def test_a_wrong_search_says_what_is_wrong_with_what_was_typed(stream, go):
    page = go("/events?path=nowhere&header=X")
    assert page.get_by_label("Path in the body").input_value() == "nowhere"
    page.get_by_text("Must be a path such as").wait_for()
    checks.check_page(page, status=422)
    page = go("/events?from=yesterday")
    page.get_by_text("Must be a moment in UTC.").wait_for()
    checks.WATCHES[page].forget()


@BOTH
def test_an_event_shows_everything_that_came_with_it(stream, go, javascript):
    """P9, D12: context, headers without credentials, text, layout, bytes and fields."""
    stream.call('{"plant": "basil", "height": 12}')
    body = '{"plant":"mint","water":{"litres":1.50}}'
    event = stream.call(body, Inlet_Context='{"run": 3}', Idempotency_Key=f"mint-{javascript}", Cookie="secret=1")
    page = go(f"/events/{event}", javascript=javascript)
    assert page.get_by_role("region", name="Body as text").inner_text() == body
    text = page.get_by_role("main").inner_text()
    assert "Greenhouse sensors" in text and "Greenhouse gateway" in text and '{"run": 3}' in text
    assert f"mint-{javascript}" in text and "40 bytes" in text
    assert stream.token["secret"] not in page.content() and "secret=1" not in page.content()
    page.get_by_role("link", name="Laid out").click()
    assert '"litres": 1.50' in page.get_by_role("region", name="Body laid out").inner_text()
    page.get_by_role("link", name="Hex").click()
    assert page.get_by_role("region", name="Body in hexadecimal").inner_text().startswith("00000000  7b 22 70 6c 61 6e 74 22  3a 22")
    page.get_by_role("link", name="Fields").click()
    page.wait_for_url("**view=fields")
    table = page.get_by_role("region", name="Fields of the body")
    # Fields are learned in the background.
    known = until(lambda: page.goto(page.url) and table.get_by_role("row", name="$.height").count())
    assert known and "Missing" in table.get_by_role("row", name="$.height").inner_text()
    assert "$.water.litres" in table.inner_text()
    checks.check_page(page, keys=False)


def test_bytes_that_are_no_text_are_shown_in_hexadecimal_and_saved_as_they_came(stream, go):
    """The exact bytes are a file to keep, never a page of ours."""
    body = bytes(range(256)) * 3
    event = stream.call(body, Content_Type="text/html")
    page = go(f"/events/{event}")
    page.get_by_text("These bytes are not UTF-8 text").wait_for()
    with page.expect_download() as saved:
        page.get_by_role("link", name="Download body").click()
    assert saved.value.path().read_bytes() == body
    answer = page.context.request.get(f"{page.url}/body")
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.headers["x-content-type-options"] == "nosniff"
    checks.check_page(page)


def test_nothing_in_a_body_becomes_markup_or_steers_the_page(stream, go):
    body = "\n<script>alert(1)</script>\u202e\x00\x07 end\r"
    event = stream.call(body.encode(), Content_Type="text/plain", Inlet_Context="<b>bold</b>", X_Sly="<i>")
    page = go(f"/events/{event}")
    assert page.get_by_role("region", name="Body as text").inner_text() == "\n<script>alert(1)</script>‹U+202E›␀␇ end␍"
    page.get_by_text("written as signs here").wait_for()
    checks.check_page(page)
    page.goto(page.url.partition("/events/")[0] + "/events")
    page.get_by_text("<b>bold</b>").wait_for()
    checks.check_page(page)


def test_a_large_body_is_shown_in_part_and_says_so(stream, go):
    event = stream.call(("é" * 50_000).encode(), Content_Type="text/plain")
    page = go(f"/events/{event}")
    page.get_by_text("Only the first 66 kB of 100 kB are shown.").wait_for()
    assert page.get_by_role("region", name="Body as text").inner_text() == "é" * 32_768
    page.get_by_role("link", name="Hex").click()
    page.get_by_text("Only the first 66 kB of 100 kB are shown.").wait_for()
    checks.check_page(page)


@BOTH
def test_an_event_is_sent_again_after_it_was_said_where_to(stream, go, api, javascript):
    """N10: one event, byte-exact, and marked."""
    event = stream.call('{"plant": "chives"}')
    page = go(f"/events/{event}/replay", javascript=javascript)
    name = f"Watering {javascript}"
    if "No flow sends" in page.get_by_role("main").inner_text():
        assert page.get_by_role("button", name="Send again").count() == 0
        checks.check_page(page)
        page.get_by_role("link", name="New flow").click()
        page.get_by_role("heading", name="New flow").wait_for()
        page.go_back()
    destination = api.expect([201], "POST", "/api/v1/destinations", {
        "name": f"{name} log", "kind": "log", "settings": {}}).json()["id"]
    api.expect([201], "POST", "/api/v1/flows", {"name": name, "webhook": stream.webhook, "destinations": [destination]})
    page.goto(page.url.removesuffix("/replay"))
    page.get_by_role("link", name="Send again").click()
    page.get_by_text(f"{name} → {name} log").wait_for()
    page.get_by_role("button", name="Send again").click()
    page.get_by_text("The event is on its way again.").wait_for()
    page.get_by_role("link", name=f"{name} log").wait_for()
    page.get_by_text("replay").first.wait_for()
    checks.check_page(page)


def test_who_may_only_read_gets_no_button(stream, console, new_page):
    event = stream.call("{}")
    page = new_page()
    console.sign_in(page.context, console.new_person("Reader", "viewer"))
    page.goto(f"{console.url}/events/{event}")
    assert page.get_by_role("link", name="Send again").count() == 0
    assert page.goto(f"{console.url}/events/{event}/replay").status == 403
    checks.WATCHES[page].forget()


# --- the streams themselves ---


def open_stream(console, cookies, path, last=None):
    connection = http.client.HTTPConnection(LOOPBACK, console.server.admin_port)
    fields = {"Cookie": cookies} | ({"Last-Event-ID": last} if last else {})
    connection.request("GET", path, headers=fields)
    return connection, connection.getresponse()


def cookies_of(page):
    return "; ".join(f"{cookie['name']}={cookie['value']}" for cookie in page.context.cookies())


def read_stream(console, page, path, count, last=None):
    """The first messages of a stream, as name to value."""
    connection, answer = open_stream(console, cookies_of(page), path, last)
    assert (answer.status, answer.getheader("content-type")) == (200, "text/event-stream")
    messages, current = [], {}
    while len(messages) < count:
        line = answer.readline().decode().rstrip("\n")
        if line.startswith(":"):
            continue
        if line:
            name, _, value = line.partition(": ")
            current[name] = current.get(name, "") + value
        elif current:
            messages.append(current)
            current = {}
    connection.close()
    return messages


def test_a_session_has_so_many_streams_and_gets_them_back(go, console):
    """A stream ends when its browser leaves: nothing of it goes on, so its place is free again."""
    cookies = cookies_of(go("/replays"))

    def seat():
        connection, answer = open_stream(console, cookies, "/live/events")
        if answer.status == 200:
            return connection, answer
        answer.close()
        connection.close()
        return None

    for _ in range(2):
        # A seat whose browser left is free a moment later.
        streams = [until(seat) for _ in range(SEATS_PER_SESSION)]
        assert all(streams), "the streams of a browser that left are still there"
        refused, answer = open_stream(console, cookies, "/live/events")
        assert answer.status == 429
        refused.close()
        for connection, answer in streams:
            answer.close()
            connection.close()


def test_a_stream_ends_with_its_session(go, console):
    page = go("/replays")
    connection, answer = open_stream(console, cookies_of(page), "/live/events")
    assert answer.readline().startswith(b":")
    page.get_by_text(console.owner().login).count()
    ended = page.context.request.post(f"{console.url}/sign-out", form={"csrf": page.session["csrf_token"]})
    assert ended.status < 400
    # A stream does not end by itself: one that goes on is stopped by the bound of this test.
    while answer.readline():
        pass
    connection.close()


def test_a_stream_of_nobody_is_not_opened(console):
    connection, answer = open_stream(console, "", "/live/events")
    assert answer.status in {302, 303} and "sign-in" in answer.getheader("location")
    connection.close()


def test_the_server_stops_at_once_though_streams_are_open():
    """SIGTERM with open streams: none of them keeps the server from ending."""
    with own_server() as server:
        server.start(flags=["--log-level", "debug"])
        console = Console(server)
        password = server.owner_password()
        answer = call_once(server.admin_port, "POST", "/api/v1/sessions", json.dumps(
            {"login": server.info["owner"], "password": password}), {"Content-Type": "application/json"})
        cookies = "; ".join(
            value.partition(";")[0] for name, value in answer.headers if name.lower() == "set-cookie")
        streams = [open_stream(console, cookies, "/live/events") for _ in range(3)]
        assert {answer.status for _, answer in streams} == {200}
        for _, answer in streams:
            assert answer.readline().startswith(b":")
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait() == 0
        server.process = None
        # It would have ended as well once its patience with what goes on was at an end, and said so.
        log = server.log.read_text()
        assert "Graceful shutdown caught" in log and "took longer than" not in log
        for connection, _ in streams:
            connection.close()
