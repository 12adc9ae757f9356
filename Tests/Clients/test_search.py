"""Search, export, retention and fields, as a stranger's program and the command line see them."""

import csv
import io
import json
import stat
from urllib.parse import quote, urlencode

import pytest

from inlet_server import call_once, until
from test_commands import Shell, folder, one_line, shell  # noqa: F401  (fixtures)

JSON = {"Content-Type": "application/json"}


def post(target, body, **headers):
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = target.post(body, target.bearer | JSON | headers)
    assert answer.status == 202, answer
    return answer.json()["id"]


def found(api, **query):
    """The ids of all pages, newest first."""
    ids, after = [], None
    while True:
        # A plus sign stands for itself.
        asked = urlencode(query | ({"after": after} if after else {}), quote_via=quote)
        page = api.expect([200], "GET", "/api/v1/events?" + asked).json()
        ids += [item["id"] for item in page["items"]]
        after = page["next"]
        if after is None:
            return ids


def test_events_are_found_by_what_is_in_them(api, target):
    ids = [post(target, {"order": {"id": number, "country": "nl"}}, **{"X-Shop": f"shop {number}"}) for number in range(4)]
    webhook = {"webhook": target.webhook}

    assert found(api, **webhook, limit=2) == ids[::-1]
    assert found(api, **webhook, path="$.order.id", value="2") == [ids[2]]
    assert found(api, **webhook, path="$.order.country", value="nl", limit=1) == ids[::-1]
    assert found(api, **webhook, header="x-shop: shop 3") == [ids[3]]
    assert found(api, **webhook, text='"id": 1') == [ids[1]]
    assert found(api, **webhook, filter='{"path":"$.order.id","at_least":3}') == [ids[3]]
    assert found(api, token=target.token["id"]) == ids[::-1]


@pytest.mark.parametrize("query", [
    "text=%ff%fe", "text=%ED%A0%80", "header=X-A:%20%ff", "path=%24.%ff", "filter=%ff", "text=%2525", "header=%0D%0AX", "value=1&path=",
    "path=%24" + "%5B0%5D" * 33, "filter=" + "%7B%22not%22%3A" * 300, "text=" + "%F0%9F%92%A9" * 51, "after=%ff&text=a",
])
def test_a_hostile_search_is_answered_and_hurts_nobody(api, target, query):
    post(target, b"\xff\x00" + "e\u0301".encode() * 1000)

    answer = api.request("GET", f"/api/v1/events?webhook={target.webhook}&{query}")

    assert answer.status in (200, 400), answer
    target.assert_good_call_works()


def test_an_export_can_be_read_by_the_csv_module_and_starts_no_formula(api, target):
    bodies = [b"=HYPERLINK(1)", b'a,"b"\r\nc', "é".encode(), b"", b"\xff\xfe", b"-1", b"\t=1"]
    ids = [post(target, body) for body in bodies]

    answer = api.expect([200], "GET", f"/api/v1/events/export?format=csv&webhook={target.webhook}")
    rows = list(csv.DictReader(io.StringIO(answer.body.decode(), newline=""), strict=True))

    assert answer.header("Content-Type") == "text/csv; charset=utf-8"
    assert [row["id"] for row in rows] == ids[::-1]
    assert [row["body"] for row in rows] == ["'\t=1", "'-1", "", "", "é", 'a,"b"\r\nc', "'=HYPERLINK(1)"]
    assert rows[2]["body_base64"] == "//4="
    assert not any(cell[:1] in ("=", "+", "-", "@", "\t") for row in rows for cell in row.values())


def test_events_are_exported_and_listed_by_the_command_line(shell, folder, target):  # noqa: F811
    ids = [post(target, {"n": number}) for number in range(3)]

    listed = shell.json("event", "list", "--webhook", target.webhook, "--path", "$.n", "--value", "1")
    assert [it["id"] for it in listed["items"]] == [ids[1]]
    assert "--path" in shell.run("event", "list", "--help").stdout.decode()
    written = shell.json("event", "export", "--webhook", target.webhook, "--output", "events.jsonl")
    file = folder / "events.jsonl"
    assert written["bytes"] == file.stat().st_size and stat.S_IMODE(file.stat().st_mode) == 0o600
    lines = [json.loads(line) for line in file.read_bytes().splitlines()]
    assert [line["id"] for line in lines] == ids[::-1] and json.loads(lines[0]["body"]) == {"n": 2}
    assert "exists already" in one_line(shell.run("event", "export", "--output", "events.jsonl"))
    table = shell.run("event", "export", "--webhook", target.webhook, "--format", "csv").stdout
    assert table.startswith(b"id,webhook,") and table.count(b"\r\n") == 4
    assert "format" in one_line(shell.run("event", "export", "--format", "xml"))
    assert "path" in one_line(shell.run("event", "list", "--value", "1"))


def test_N2_the_ledger_is_exported_by_the_command_line(shell, target):  # noqa: F811
    event = post(target, {})
    refused = call_once(target.port, "POST", target.path, b"", {"Authorization": "Bearer no"})
    assert refused.status == 401

    def exported():
        done = shell.run("call", "export", "--webhook", target.webhook)
        calls = [json.loads(line) for line in done.stdout.splitlines()]
        return calls if len(calls) == 2 else None

    calls = until(exported)
    assert {call["outcome"]: call["id"] for call in calls}["accepted"] == event


def test_retention_is_shown_set_and_lifted_by_the_command_line(shell, target):  # noqa: F811
    edited = shell.json("webhook", "edit", target.webhook, "--retention-days", "7", "--retention-bytes", "1000")
    assert (edited["retention_days"], edited["retention_bytes"]) == (7, 1000)
    assert b"7 days, at most 1000 bytes" in shell.run("webhook", "show", target.webhook).stdout
    lifted = shell.json("webhook", "edit", target.webhook, "--default-retention-days", "--no-retention-bytes", "--name", "other")
    assert "retention_days" not in lifted and "retention_bytes" not in lifted and lifted["name"] == "other"
    assert "retention_days" in one_line(shell.run("webhook", "edit", target.webhook, "--retention-days", "0"))


def test_D12_fields_are_learned_and_shown_by_the_command_line(shell, target):  # noqa: F811
    event = post(target, {"order": {"id": 1}})

    learned = until(lambda: (it := shell.json("webhook", "fields", target.webhook))["items"] and it, 20)

    assert [it["path"] for it in learned["items"]] == ["$", "$.order", "$.order.id"]
    assert learned["items"][2]["merge_field"] == "{{event.body.order.id}}" and learned["last_event"] == event
    later = post(target, {"order": {"total": 2}})
    fields = shell.json("event", "fields", later)
    assert [it["path"] for it in fields["items"] if it["is_new"]] == ["$.order.total"]
    assert fields["missing"] == ["$.order.id"]
    assert b"missing" in shell.run("event", "fields", later).stdout


def test_D12_a_webhook_echoes_the_body(shell, target):  # noqa: F811
    assert shell.json("webhook", "edit", target.webhook, "--echo-body")["echo_body"]
    answer = target.post(b'{"a": 1.50}', target.bearer | JSON)
    assert answer.status == 202 and b'"body":{"a": 1.50}}' in answer.body
    assert set(target.post(b"x" * 65_537, target.bearer).json()) == {"id", "body_truncated"}
    assert not shell.json("webhook", "edit", target.webhook, "--no-echo-body")["echo_body"]
    assert set(target.post(b"x", target.bearer).json()) == {"id"}
