"""A webhook of one test, and how it is called."""

from inlet_server import HANG_SECONDS, Wire, call_once, sha256


class Target:
    """A webhook of one test, with a token that opens it."""

    def __init__(self, server, api, name):
        self.api = api
        self.port = server.ingest_port
        self.host = f"127.0.0.1:{self.port}"
        self.webhook = api.new_webhook(name)
        self.path = f"/in/{self.webhook}"
        self.url = f"http://{self.host}{self.path}"
        self.token = api.new_token("app", name, self.webhook)
        self.secret = self.token["secret"]
        self.bearer = {"Authorization": f"Bearer {self.secret}"}

    def post(self, body=b"", headers=None, path=None, method="POST"):
        """A call with exactly these headers on a connection of its own."""
        return call_once(self.port, method, path or self.path, body, headers)

    def wire(self, timeout=HANG_SECONDS):
        return Wire(self.port, timeout)

    def fill(self, template):
        """A raw request with this webhook's path, host and secret in the places named @PATH@, @HOST@, @SECRET@."""
        for name, value in {"@PATH@": self.path, "@HOST@": self.host, "@SECRET@": self.secret}.items():
            template = template.replace(name.encode(), value.encode())
        return template

    def newest(self):
        items, _ = self.api.events(self.webhook, limit=1)
        return items[0]["id"] if items else None

    def event_ids(self):
        return [item["id"] for item in self.api.all_events(self.webhook)]

    def assert_kept(self, event, body):
        """The event can be read back, and its bytes are exactly those that were sent."""
        detail = self.api.event(event)
        assert detail["id"] == event
        assert detail["webhook"] == self.webhook
        assert detail["body_bytes"] == len(body)
        assert detail["body_sha256"] == sha256(body)
        kept = self.api.body(event)
        # Not `kept.body == body`: for 25 MiB the failure report would be as long.
        assert len(kept.body) == len(body) and sha256(kept.body) == sha256(body), "the body read back differs"
        assert kept.header("Content-Disposition").startswith("attachment")
        return detail

    def assert_good_call_works(self):
        answer = self.post(b"still there?", self.bearer)
        assert answer.status == 202, f"a good call is no longer accepted: {answer}"
        return answer.json()["id"]
