"""What services report: hits, failures and deploys, as services, scripts and administrators do it."""

import itertools
import json
import os
import re
import subprocess
import threading
import time
from datetime import datetime, timedelta, timezone
from http.client import HTTPException
from urllib.parse import quote

import pytest
import yaml

from inlet_server import HANG_SECONDS, LOOPBACK, REPOSITORY, Connection, basic, call_once, made_up_secret, own_server, until
from test_commands import Shell, folder, one_line  # noqa: F401, folder is a fixture
from test_secrets import Browser

SECONDS = HANG_SECONDS
SENDERS = 50
REPORTS_MAX = 1_000
ACTIVATIONS_PER_MINUTE = 30
DOCUMENT = (REPOSITORY / "docs" / "integrations.md").read_text()

# --- who sends, and who looks ---


class Reporter:
    """Sends reports to the ingest listener of a server, and looks at them by its REST API."""

    def __init__(self, server, api):
        self.server = server
        self.api = api
        self.url = f"http://{LOOPBACK}:{server.ingest_port}"

    def make(self, path, body):
        return self.api.expect([201], "POST", f"/api/v1{path}", body).json()

    def look(self, path):
        return self.api.expect([200], "GET", f"/api/v1{path}").json()

    def hits_credential(self, name, **more):
        return self.make("/credentials", {"type": "hits_failure", "name": name, **more})

    def application(self, name):
        """An application with a deploy token."""
        credential = self.make("/credentials", {"type": "deploy", "name": f"deploys, {name}"})
        return self.make("/applications", {"name": name, "credential": credential["id"]})

    def send(self, path, secret=None, body=None, **headers):
        """One request on a connection of its own; the body is written as JSON unless it is text already."""
        if secret:
            headers["Authorization"] = f"Bearer {secret}"
        if body is not None and not isinstance(body, str):
            body = json.dumps(body)
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        return call_once(self.server.ingest_port, "POST", path, body, headers)

    def activate(self, credential):
        answer = self.send("/activations", credential["secret"])
        assert answer.status == 201, answer
        return answer.json()["activation_token"]

    def resource(self, name):
        return self.look(f"/resources/{quote(name, safe='')}")

    def has_resource(self, name):
        return self.api.request("GET", f"/api/v1/resources/{quote(name, safe='')}").status == 200

    def figures(self, name):
        found = self.resource(name)
        return found["hits"], found["failures"]


@pytest.fixture(scope="session")
def reporter(server, api):
    return Reporter(server, api)


NUMBERS = itertools.count(1)


@pytest.fixture
def name(request):
    """A name that only one test has."""
    return f"{request.node.originalname[:80]} {next(NUMBERS)}"


@pytest.fixture
def credential(reporter, name):
    return reporter.hits_credential(name)


@pytest.fixture
def activation(reporter, credential):
    return reporter.activate(credential)


@pytest.fixture(scope="session")
def session(server):
    """The owner, signed in at a browser."""
    browser = Browser(server.admin_port)
    signed_in = browser.expect(201, "POST", "/sessions", {"login": "owner", "password": server.owner_password()})
    browser.csrf = signed_in["csrf_token"]
    return browser


@pytest.fixture(scope="session")
def revealing(server, session):
    """A management token with the scope `reveal`."""
    asked = {"kind": "management", "name": "reveals", "scopes": ["reveal"], "password": server.owner_password()}
    made = session.expect(201, "POST", "/tokens", asked)
    assert made["scopes"] == ["reveal"]
    return made["secret"]


@pytest.fixture(scope="session")
def plain(api):
    """A management token of the owner without that scope; the one that `inlet init` makes has it."""
    return api.new_token("management", "does not reveal")["secret"]


def problem(answer, status, code, field=None):
    assert answer.status == status, answer
    assert answer.header("Content-Type") == "application/problem+json"
    found = answer.json()
    assert (found["status"], found["code"], found.get("field")) == (status, code, field), found
    return found


def minutes_ago(count):
    return (datetime.now(timezone.utc) - timedelta(minutes=count)).strftime("%Y-%m-%dT%H:%M:%SZ")


# --- shells ---


def run(words, **environment):
    """Runs a program as a sender has it, with nothing of ours in the environment, and returns what it printed as JSON."""
    done = subprocess.run(words, env={"PATH": os.environ["PATH"]} | environment, capture_output=True, timeout=SECONDS)
    assert done.returncode == 0, (done.stdout + done.stderr).decode()
    return json.loads(done.stdout)


def shell(script, **environment):
    return run(["sh", "-e", "-c", script], **environment)


def test_E3_E4_E5_the_curl_line_of_a_new_credential_run_as_text_gives_a_token_that_reports_hits(reporter, credential, name):
    assert credential["secret"] in credential["curl"]
    assert credential["header"] == f"Authorization: Bearer {credential['secret']}"
    given = shell(credential["curl"])
    assert set(given) == {"activation_token", "token_type", "expires_at", "organization", "hits_url"}
    assert given["hits_url"] == f"{reporter.url}/hits" and given["expires_at"] is None
    answer = reporter.send("/hits", given["activation_token"], {"resource": name, "hits": 120, "failures": 3})
    assert answer.status == 202 and answer.json()["reports"] == 1
    assert re.fullmatch(r"rep_[0-9a-z]{13}", answer.json()["id"])
    assert reporter.figures(name) == (120, 3)
    shown = until(lambda: (it := reporter.look(f"/credentials/{credential['id']}"))["use_count"] and it)
    assert (shown["use_count"], shown["activation_count"], shown["last_address"]) == (1, 1, LOOPBACK)


def test_E6_the_curl_line_of_a_new_application_run_as_text_reports_a_deploy(reporter, name):
    made = reporter.application(name)
    reported = shell(made["curl"])
    assert set(reported) == {"id"}
    [deploy] = reporter.look(f"/applications/{made['id']}/deploys")["items"]
    assert (deploy["id"], deploy["application"]) == (reported["id"], made["id"])
    assert deploy["status"] in {"started", "succeeded"}


def test_E7_the_curl_line_of_a_look_at_a_secret_works_as_well(reporter, credential, revealing):
    answer = reporter.api.request("POST", f"/api/v1/credentials/{credential['id']}/reveal", {}, revealing)
    assert "activation_token" in shell(answer.json()["curl"])


# --- the snippets of the document ---


def blocks(language):
    """The fenced blocks of the section about senders."""
    section = DOCUMENT.split("\n## Senders\n")[1].split("\n## ")[0]
    return re.findall(rf"^```{language}\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)


def snippet(path):
    """The one shell block that posts to a path."""
    [found] = [it for it in blocks("sh") if f'"$INLET_URL{path}"' in it]
    return found


def manifest(holds):
    """What the one YAML block says of which that is true."""
    [found] = [it for it in map(yaml.safe_load, blocks("yaml")) if holds(it)]
    return found


def test_the_document_has_a_snippet_for_each_sender():
    assert len(blocks("sh")) == 3 and len(blocks("yaml")) == 3
    for block in blocks("sh") + blocks("yaml"):
        assert "curl --fail-with-body --silent --show-error" in block


def test_E4_E5_the_curl_snippets_exchange_a_token_and_report_hits(reporter, credential):
    given = shell(snippet("/activations"), INLET_URL=reporter.url, INLET_INTEGRATION_TOKEN=credential["secret"])
    before = reporter.figures("checkout") if reporter.has_resource("checkout") else (0, 0)
    for _ in range(2):
        kept = shell(snippet("/hits"), INLET_URL=reporter.url, INLET_ACTIVATION_TOKEN=given["activation_token"])
        assert kept["reports"] == 1
    # Each run makes a key of its own.
    assert reporter.figures("checkout") == (before[0] + 240, before[1] + 6)


def test_E6_the_curl_snippet_reports_a_deploy(reporter, name):
    made = reporter.application(name)
    first, again = (shell(snippet("/deploys"), INLET_URL=reporter.url, INLET_DEPLOY_TOKEN=made["secret"]) for _ in range(2))
    assert first == again
    [deploy] = reporter.look(f"/applications/{made['id']}/deploys?environment=production")["items"]
    assert (deploy["version"], deploy["status"]) == ("1.4.2", "succeeded")


def test_a_snippet_fails_and_says_why_when_the_report_is_refused(reporter):
    done = subprocess.run(
        ["sh", "-c", snippet("/deploys")], capture_output=True, timeout=SECONDS,
        env={"PATH": os.environ["PATH"], "INLET_URL": reporter.url, "INLET_DEPLOY_TOKEN": made_up_secret("d")})
    assert done.returncode != 0 and json.loads(done.stdout)["code"] == "unauthorized"


ODD_TAG = 'v1.4.2-"quoted"\\and\'more\''


@pytest.mark.parametrize("kind, ref, version, committed_at, status", [
    ("tag", ODD_TAG, ODD_TAG, "2026-11-20T09:08:07+02:00", "succeeded"),
    ("branch", "main", "9fceb02d0ae598e95dc970b74767f19372d61af8", "", "failed"),
])
def test_E6_the_step_for_GitHub_Actions_reports_a_deploy(reporter, name, kind, ref, version, committed_at, status):
    made = reporter.application(name)
    [step] = manifest(lambda it: isinstance(it, list))
    environment = {
        "INLET_URL": reporter.url, "INLET_DEPLOY_TOKEN": made["secret"], "ENVIRONMENT": step["env"]["ENVIRONMENT"],
        "STATUS": status, "COMMITTED_AT": committed_at,
    }
    assert set(step["env"]) == set(environment) and "${{" not in step["run"]
    shell(
        step["run"], **environment, GITHUB_REF_TYPE=kind, GITHUB_REF_NAME=ref,
        GITHUB_SHA="9fceb02d0ae598e95dc970b74767f19372d61af8", GITHUB_SERVER_URL="https://forge.example",
        GITHUB_REPOSITORY="shop/checkout", GITHUB_RUN_ID="17")
    [deploy] = reporter.look(f"/applications/{made['id']}/deploys")["items"]
    assert (deploy["version"], deploy["status"], deploy["environment"]) == (version, status, "production")
    assert deploy["commit"] == "9fceb02d0ae598e95dc970b74767f19372d61af8"
    assert deploy["url"] == "https://forge.example/shop/checkout/actions/runs/17"
    if committed_at:
        assert deploy["committed_at"].startswith("2026-11-20T07:08:07")
        assert reporter.look(f"/applications/{made['id']}/measures")["lead_time"]["value"] > 0
    else:
        assert "committed_at" not in deploy


@pytest.mark.parametrize("job, status", [("report-deploy", "succeeded"), ("report-failed-deploy", "failed")])
@pytest.mark.parametrize("tag", ["", ODD_TAG])
def test_E6_the_jobs_for_GitLab_CI_report_a_deploy(reporter, name, job, status, tag):
    made = reporter.application(name)
    jobs = manifest(lambda it: "report-deploy" in it)
    base = jobs[jobs[job].get("extends", job)]
    variables = base["variables"] | jobs[job]["variables"]
    assert variables["DEPLOY_STATUS"] == status
    commit = "1ecfd275763eff1d6b4844ea3168962458c9f27a"
    shell(
        "\n".join(base["script"]), **variables, INLET_URL=reporter.url, INLET_DEPLOY_TOKEN=made["secret"],
        **({"CI_COMMIT_TAG": tag} if tag else {}), CI_COMMIT_SHA=commit, CI_COMMIT_TIMESTAMP="2026-11-20T09:08:07+00:00",
        CI_JOB_URL="https://forge.example/shop/checkout/-/jobs/17")
    [deploy] = reporter.look(f"/applications/{made['id']}/deploys")["items"]
    assert (deploy["version"], deploy["status"], deploy["environment"]) == (tag or commit, status, "production")
    assert (deploy["commit"], deploy["url"]) == (commit, "https://forge.example/shop/checkout/-/jobs/17")
    assert deploy["committed_at"].startswith("2026-11-20T09:08:07")


@pytest.mark.parametrize("is_well", [True, False])
def test_E5_the_CronJob_for_Kubernetes_reports_whether_a_service_is_well(server, reporter, activation, name, is_well):
    job = manifest(lambda it: "kind" in it)
    assert (job["kind"], job["apiVersion"]) == ("CronJob", "batch/v1")
    [container] = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    probe = f"http://{LOOPBACK}:{server.admin_port}/health/{'live' if is_well else 'nowhere'}"
    environment = {
        "INLET_URL": reporter.url, "INLET_ACTIVATION_TOKEN": activation, "RESOURCE": name, "PROBE_URL": probe, "REPORT_KEY": name}
    assert {it["name"] for it in container["env"]} == set(environment)
    words = container["command"] + container["args"]
    first = run(words, **environment)
    # The same pod again: nothing is counted twice.
    assert run(words, **environment)["id"] == first["id"]
    assert reporter.figures(name) == (1, 0 if is_well else 1)


# --- exchanging ---


def test_E4_an_activation_is_not_stored_by_anybody_between_and_lives_as_long_as_the_credential_says(reporter, name):
    credential = reporter.hits_credential(name, activation_lifetime_seconds=60)
    before = datetime.now(timezone.utc)
    answer = reporter.send("/activations", credential["secret"])
    assert answer.status == 201 and answer.header("Cache-Control") == "no-store"
    given = answer.json()
    ends = datetime.fromisoformat(given["expires_at"].replace("Z", "+00:00"))
    assert timedelta(seconds=58) < ends - before < timedelta(seconds=62)
    [listed] = reporter.look(f"/credentials/{credential['id']}/activations")["items"]
    assert (listed["state"], listed["expires_at"], listed["created_address"]) == ("active", given["expires_at"], LOOPBACK)
    assert given["activation_token"].startswith(listed["hint"]) and listed["id"].startswith("itk_")
    ending = [it["subject"] for it in reporter.look("/outlook?days=1")["items"] if it["kind"] == "activation_expires"]
    assert listed["id"] in ending


def test_E4_the_token_may_also_be_the_password_of_Basic_authentication(reporter, credential, name):
    given = reporter.send("/activations", Authorization=basic("checkout", credential["secret"]))
    assert given.status == 201
    sent = reporter.send("/hits", body={"resource": name, "hits": 1}, Authorization=basic("", given.json()["activation_token"]))
    assert sent.status == 202


def test_E4_an_integration_token_is_exchanged_at_most_30_times_a_minute(reporter, credential):
    for _ in range(ACTIVATIONS_PER_MINUTE):
        reporter.activate(credential)
    refused = reporter.send("/activations", credential["secret"])
    problem(refused, 429, "rate_limited")
    assert 0 < int(refused.header("Retry-After")) <= 60
    path = f"/credentials/{credential['id']}/activations?limit=500"
    assert len(reporter.look(path)["items"]) == ACTIVATIONS_PER_MINUTE


def test_E4_a_revoked_activation_token_ends_at_once_and_the_others_go_on(reporter, credential, name):
    first, second = reporter.activate(credential), reporter.activate(credential)
    path = f"/credentials/{credential['id']}/activations"
    [listed] = [it for it in reporter.look(path)["items"] if first.startswith(it["hint"])]
    reporter.api.expect([204], "DELETE", f"/api/v1{path}/{listed['id']}")
    report = {"resource": name, "hits": 1}
    assert [reporter.send("/hits", it, report).status for it in [first, second]] == [401, 202]
    assert reporter.api.request("DELETE", f"/api/v1{path}/{listed['id']}").status == 404


def test_no_token_opens_anything_but_its_own_path(server, reporter, target, name):
    hits = reporter.hits_credential(name)
    secrets = {
        "integration": hits["secret"], "activation": reporter.activate(hits), "deploy": reporter.application(name)["secret"],
        "app": target.secret, "api": server.info["api_token"], "management": reporter.api.token,
        **{f"made up {kind}": made_up_secret(kind) for kind in "aomhvd"},
    }
    opens = {"/activations": {"integration"}, "/hits": {"activation"}, "/deploys": {"deploy"}, target.path: {"app", "api"}}
    bodies = {
        "/hits": {"resource": name, "hits": 1}, "/deploys": {"version": "1", "environment": "production", "status": "succeeded"}}
    for path, kinds in opens.items():
        without = reporter.send(path, None, bodies.get(path))
        problem(without, 401, "unauthorized")
        for kind, secret in secrets.items():
            answer = reporter.send(path, secret, bodies.get(path))
            if kind in kinds:
                assert answer.status in (201, 202), (path, kind, answer)
            else:
                assert answer.status == 401 and answer.body == without.body, (path, kind, answer)
    for kind in ["integration", "activation", "deploy"]:
        assert reporter.api.request("GET", "/api/v1/me", token=secrets[kind]).status == 401
    assert reporter.figures(name) == (1, 0)


# --- hits ---


def test_E5_the_same_key_again_counts_nothing_and_is_answered_with_the_first_id(reporter, activation, credential, name):
    report = {"resource": name, "hits": 10, "failures": 1}
    first = reporter.send("/hits", activation, report, Idempotency_Key="one")
    again = [reporter.send("/hits", token, report, **{header: "one"}) for token, header in [
        (activation, "Idempotency_Key"), (activation, "webhook_id"), (reporter.activate(credential), "Idempotency_Key")]]
    assert first.status == 202 and {it.status for it in again} == {200}
    assert {it.json()["id"] for it in again} == {first.json()["id"]}
    assert reporter.figures(name) == (10, 1)
    # Keys are those of a credential.
    other = reporter.activate(reporter.hits_credential(f"another, {name}"))
    assert reporter.send("/hits", other, report, Idempotency_Key="one").status == 202
    assert reporter.send("/hits", activation, report, Idempotency_Key="two").status == 202
    assert reporter.figures(name) == (30, 3)


@pytest.mark.parametrize("wrong, field", [
    ({"hits": -1}, "hits"), ({"hits": 1.5}, "hits"), ({"hits": "1"}, "hits"), ({"hits": 1_000_000_000_001}, "hits"),
    ({"hits": None}, "hits"), ({"failures": 2}, "failures"), ({"failures": -1}, "failures"), ({"resource": ""}, "resource"),
    ({"resource": "x" * 101}, "resource"), ({"at": "yesterday"}, "at"), ({"at": "2020-01-01T00:00:00Z"}, "at"),
    ({"at": "2999-01-01T00:00:00Z"}, "at"),
])
def test_E5_one_bad_object_refuses_all_and_the_field_is_named(reporter, activation, name, wrong, field):
    good = {"resource": name, "hits": 1, "failures": 0}
    problem(reporter.send("/hits", activation, [good, good, good, good | wrong, good]), 400, "bad_report", f"[3].{field}")
    problem(reporter.send("/hits", activation, good | wrong), 400, "bad_report", field)
    assert not reporter.has_resource(name)


@pytest.mark.parametrize("body", [
    "", "x", "[]", "[1]", "1", "null", '{"resource": "a"}', '{"hits": 1}', '{"resource": "a", "hits": 1, "colour": "red"}',
    '[{"resource": "a", "hits": 1}', "[" * 100_000, '{"resource": "a", "hits": 1e400}', '{"resource": "a\\u0000b", "hits": 1}',
])
def test_E5_what_is_no_report_is_refused_with_a_field(reporter, activation, body):
    answer = reporter.send("/hits", activation, body)
    assert answer.status == 400 and answer.json()["code"] == "bad_report" and answer.json()["field"], answer


def test_N2_a_refused_report_stands_in_the_ledger_with_its_cause(reporter, credential, activation):
    [token] = reporter.look(f"/credentials/{credential['id']}/activations")["items"]
    reporter.send("/hits", activation, {"resource": "", "hits": 1})
    reporter.send("/deploys", activation, {})

    def calls():
        refused = reporter.look("/calls?outcome=refused&limit=500")["items"]
        own = [it for it in refused if it.get("integration_token") == token["id"]]
        return sorted((it["webhook"], it["cause"], it["status"], it["remote_address"]) for it in own)

    assert until(lambda: len(calls()) == 2)
    assert calls() == [("/deploys", "wrong_kind_of_token", 401, LOOPBACK), ("/hits", "bad_report", 400, LOOPBACK)]


def test_E5_an_array_has_at_most_1000_objects(reporter, activation, name):
    report = {"resource": name, "hits": 2, "failures": 1}
    answer = reporter.send("/hits", activation, [report] * REPORTS_MAX)
    assert answer.status == 202 and answer.json()["reports"] == REPORTS_MAX
    assert reporter.figures(name) == (2 * REPORTS_MAX, REPORTS_MAX)
    refused = reporter.send("/hits", activation, [report] * (REPORTS_MAX + 1))
    assert refused.status == 400 and refused.json()["code"] == "bad_report" and refused.json()["field"]
    assert reporter.figures(name) == (2 * REPORTS_MAX, REPORTS_MAX)


def test_E5_a_body_of_hits_may_have_a_MiB_and_one_of_a_deploy_64_KiB(reporter, activation, name):
    report = json.dumps({"resource": name, "hits": 1})
    assert reporter.send("/hits", activation, report.ljust(1 << 20)).status == 202
    problem(reporter.send("/hits", activation, report.ljust((1 << 20) + 1)), 413, "body_too_large")
    deploy = json.dumps({"version": "1", "environment": "production", "status": "started"})
    secret = reporter.application(name)["secret"]
    assert reporter.send("/deploys", secret, deploy.ljust(64 << 10)).status == 202
    problem(reporter.send("/deploys", secret, deploy.ljust((64 << 10) + 1)), 413, "body_too_large")


def test_E5_the_figures_stand_in_the_minute_they_are_of(reporter, activation, name):
    ago = [1, 2, 3, 5, 90]
    reports = [{"resource": name, "hits": 100 * it, "failures": it, "at": minutes_ago(it)} for it in ago]
    assert reporter.send("/hits", activation, reports).status == 202
    shown = reporter.resource(name)
    assert (shown["hits"], shown["failures"], shown["objective"], shown["days"]) == (100 * sum(ago), sum(ago), 99.9, 30)
    assert shown["availability"] == pytest.approx(0.99)
    assert shown["error_budget_left"] == pytest.approx(-9) and shown["burn_rate_day"] == pytest.approx(10)
    by_minute = reporter.look(f"/resources/{quote(name)}/availability?from={minutes_ago(10)}&to={minutes_ago(0)}&step=60")
    assert [it["hits"] for it in by_minute["points"] if it["hits"]] == [500, 300, 200, 100]
    assert (by_minute["hits"], by_minute["step_seconds"]) == (1100, 60)
    assert all("availability" not in it for it in by_minute["points"] if not it["hits"])
    edited = reporter.api.expect([200], "PATCH", f"/api/v1/resources/{quote(name)}", {"objective": 90}).json()
    assert edited["burn_rate_day"] == pytest.approx(0.1) and edited["state"] == "healthy"
    problem(reporter.api.request("GET", f"/api/v1/resources/{quote(name)}/availability?step=61"), 400, "invalid", "step")


def test_E5_a_deleted_resource_is_made_anew_by_the_next_report(reporter, activation, name):
    report = {"resource": name, "hits": 5}
    reporter.send("/hits", activation, report)
    first = reporter.resource(name)
    reporter.api.expect([204], "DELETE", f"/api/v1/resources/{first['id']}")
    assert not reporter.has_resource(name)
    reporter.send("/hits", activation, report)
    assert reporter.figures(name) == (5, 0) and reporter.resource(name)["id"] != first["id"]


# --- deploys ---


def test_E6_a_deploy_that_is_known_changes_nothing_and_each_status_is_a_report(reporter, name):
    made = reporter.application(name)
    report = {"version": "7", "environment": "production"}
    first = reporter.send("/deploys", made["secret"], report | {"status": "failed"})
    again = reporter.send("/deploys", made["secret"], report | {"status": "failed", "commit": "9fceb02"})
    assert [first.status, again.status] == [202, 200] and first.json() == again.json() == {"id": first.json()["id"]}
    for other in [{"status": "succeeded"}, {"status": "failed", "environment": "staging"}, {"status": "failed", "version": "8"}]:
        assert reporter.send("/deploys", made["secret"], report | other).status == 202
    deploys = reporter.look(f"/applications/{made['id']}/deploys")["items"]
    assert len(deploys) == 4 and deploys[-1]["id"] == first.json()["id"] and "commit" not in deploys[-1]
    measures = reporter.look(f"/applications/{quote(name)}/measures")
    assert measures["change_failure_rate"]["value"] == 1 and measures["deployment_frequency"]["count"] == 1
    assert "value" not in measures["lead_time"] and measures["lead_time"]["note"] == "not enough data"


@pytest.mark.parametrize("wrong, field", [
    ({"version": ""}, "version"), ({"status": "done"}, "status"), ({"environment": None}, "environment"),
    ({"commit": ""}, "commit"), ({"url": "javascript:alert(1)"}, "url"), ({"started_at": "soon"}, "started_at"),
    ({"finished_at": "2999-01-01T00:00:00Z"}, "finished_at"),
    ({"started_at": "2026-11-02T00:00:00Z", "finished_at": "2026-11-01T00:00:00Z"}, "finished_at"),
])
def test_E6_a_bad_deploy_is_refused_with_its_field(reporter, name, wrong, field):
    made = reporter.application(name)
    good = {"version": "1", "environment": "production", "status": "succeeded"}
    problem(reporter.send("/deploys", made["secret"], good | wrong), 400, "bad_report", field)
    assert reporter.look(f"/applications/{made['id']}/deploys")["items"] == []


def test_E6_an_application_waits_for_a_Deploy_credential_and_gets_its_token_with_it():
    # The other tests' server has one already.
    with own_server() as server:
        server.start()
        reporter = Reporter(server, server.api())
        waiting = reporter.make("/applications", {"name": "checkout"})
        assert "secret" not in waiting and "credential" not in waiting and "hint" not in waiting
        problem(reporter.api.request("POST", "/api/v1/applications/checkout/token/regenerate"), 409, "no_deploy_credential")
        made = reporter.make("/credentials", {"type": "deploy", "name": "all deploys"})
        assert made["application_count"] == 1 and "secret" not in made
        assert reporter.look("/applications/checkout")["credential"] == made["id"]
        token = reporter.make("/applications/checkout/token/regenerate", None)
        assert "id" in shell(token["curl"])
        assert server.stop() == 0


# --- secrets that end, and looks at them ---


def test_E8_no_report_that_starts_after_a_regeneration_was_answered_is_accepted(reporter, credential, activation, name):
    """50 senders on kept connections, all the time."""
    done, under_way = threading.Event(), threading.Semaphore(0)
    accepted, starts, unexpected = [], [], []

    def send():
        connection = Connection(reporter.server.ingest_port)
        headers = {"Authorization": f"Bearer {activation}"}
        body = json.dumps({"resource": name, "hits": 1})
        while not done.is_set():
            start = time.monotonic()
            try:
                answer = connection.request("POST", "/hits", body, headers)
            except (OSError, HTTPException):
                # The server may close after a refusal.
                connection.close()
                connection = Connection(reporter.server.ingest_port)
                continue
            starts.append(start)
            if answer.status == 202:
                accepted.append(start)
                under_way.release()
            elif answer.status != 401:
                unexpected.append(answer)
        connection.close()

    senders = [threading.Thread(target=send) for _ in range(SENDERS)]
    for sender in senders:
        sender.start()
    try:
        for _ in range(20 * SENDERS):
            assert under_way.acquire(timeout=SECONDS)
        made = reporter.make(f"/credentials/{credential['id']}/regenerate", None)
        answered = time.monotonic()
        assert until(lambda: len([start for start in list(starts) if start > answered]) >= 10 * SENDERS)
    finally:
        done.set()
        for sender in senders:
            sender.join(SECONDS)
    assert not unexpected
    assert max(accepted) <= answered
    assert reporter.figures(name) == (len(accepted), 0)

    assert made["secret"] != credential["secret"] and made["activation_count"] == 0
    assert reporter.send("/activations", credential["secret"]).status == 401
    assert reporter.send("/hits", reporter.activate(made), {"resource": name, "hits": 1}).status == 202


def test_E8_a_regenerated_deploy_token_ends_at_once_and_that_of_another_application_goes_on(reporter, name):
    first = reporter.application(name)
    second = reporter.make("/applications", {"name": f"another, {name}", "credential": first["credential"]})
    new = reporter.make(f"/applications/{first['id']}/token/regenerate", None)["secret"]
    report = {"version": "1", "environment": "production", "status": "succeeded"}
    assert [reporter.send("/deploys", it, report).status for it in [first["secret"], new, second["secret"]]] == [401, 202, 202]


def test_E7_a_look_at_a_secret_needs_the_scope_or_the_password_and_is_written_down(
        server, reporter, credential, session, revealing, plain, name):
    made = reporter.application(name)
    for path, thing in [
        (f"/credentials/{credential['id']}/reveal", credential), (f"/applications/{made['id']}/token/reveal", made),
    ]:
        problem(reporter.api.request("POST", f"/api/v1{path}", {}, plain), 403, "forbidden")
        shown = reporter.api.request("POST", f"/api/v1{path}", {}, revealing)
        assert shown.status == 200 and shown.header("Cache-Control") == "no-store"
        assert shown.json() == {it: thing[it] for it in ["secret", "header", "curl"]}
        assert session.request("POST", path, {}).status == 400
        assert session.request("POST", path, {"password": "not it at all"}).status == 400
        assert session.expect(200, "POST", path, {"password": server.owner_password()})["secret"] == thing["secret"]
        entries = reporter.look(f"/audit?subject={thing['id']}")["items"]
        noun = "credential" if thing is credential else "application"
        assert [it["action"] for it in entries[:-1]] == [
            f"{noun}.reveal", "reveal.refuse", "reveal.refuse", f"{noun}.reveal", "reveal.refuse"]
        assert thing["secret"] not in json.dumps(entries)
    deploy = reporter.api.request("POST", f"/api/v1/credentials/{made['credential']}/reveal", {}, revealing)
    problem(deploy, 409, "no_secret")


def test_E7_only_a_token_that_may_reveal_gives_that_scope(reporter, revealing, plain):
    asked = {"kind": "management", "name": "more", "scopes": ["reveal"]}
    problem(reporter.api.request("POST", "/api/v1/tokens", asked, plain), 403, "forbidden")
    assert reporter.api.request("POST", "/api/v1/tokens", asked, revealing).json()["scopes"] == ["reveal"]
    app = {"kind": "api", "name": "more", "scopes": ["reveal"]}
    problem(reporter.api.request("POST", "/api/v1/tokens", app, revealing), 400, "invalid", "scopes")


def test_E9_a_new_name_asks_for_a_new_secret_if_that_is_the_rule(reporter, credential, activation, name):
    path = f"/api/v1/credentials/{quote(name)}"
    other = reporter.hits_credential(f"another, {name}")
    problem(reporter.api.request("PATCH", path, {"name": other["name"]}), 409, "name_taken")
    problem(reporter.api.request("POST", "/api/v1/credentials", {"type": "deploy", "name": name}), 409, "name_taken")
    reporter.api.expect([200], "PATCH", "/api/v1/organization", {"rename_regenerates": True})
    try:
        assert "regenerate" in problem(
            reporter.api.request("PATCH", path, {"name": f"new {name}"}), 409, "rename_regenerates")["detail"]
        assert reporter.send("/hits", activation, {"resource": name, "hits": 1}).status == 202
        renamed = reporter.api.expect([200], "PATCH", path, {"name": f"new {name}", "regenerate": True}).json()
        assert reporter.send("/hits", activation, {"resource": name, "hits": 1}).status == 401
        assert reporter.send("/activations", renamed["secret"]).status == 201
    finally:
        reporter.api.expect([200], "PATCH", "/api/v1/organization", {"rename_regenerates": False})
    kept = reporter.api.expect([200], "PATCH", f"/api/v1/credentials/{renamed['id']}", {"name": name}).json()
    assert "secret" not in kept and reporter.send("/activations", renamed["secret"]).status == 201


def test_E10_a_deleted_credential_takes_its_tokens_along_and_its_name_must_be_given(reporter, credential, activation, name):
    path = f"/api/v1/credentials/{credential['id']}"
    problem(reporter.api.request("DELETE", path, {"confirm_name": "another"}), 400, "invalid", "confirm_name")
    assert reporter.api.request("DELETE", path).status == 400
    assert reporter.send("/hits", activation, {"resource": name, "hits": 1}).status == 202
    reporter.api.expect([204], "DELETE", path, {"confirm_name": name})
    assert reporter.send("/hits", activation, {"resource": name, "hits": 1}).status == 401
    assert reporter.send("/activations", credential["secret"]).status == 401
    problem(reporter.api.request("GET", path), 404, "not_found")
    # What was reported stays.
    assert reporter.figures(name) == (1, 0)


# --- durability ---


def test_E5_N1_no_acknowledged_hits_are_lost_by_kill_9_and_repeating_the_others_makes_the_sum_exact():
    with own_server(is_durable=True) as server:
        server.start()
        reporter = Reporter(server, server.api())
        token = reporter.activate(reporter.hits_credential("crash"))
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        sent, acknowledged = {}, set()
        under_way = threading.Event()

        def send(number):
            connection = Connection(server.ingest_port)
            try:
                for turn in itertools.count():
                    key = f"{number}-{turn}"
                    sent[key] = [{"resource": "crash", "hits": 10 + number, "failures": number}, {"resource": "other", "hits": 1}]
                    answer = connection.request(
                        "POST", "/hits", json.dumps(sent[key]), headers | {"Idempotency-Key": key})
                    if answer.status == 202:
                        acknowledged.add(key)
                    if len(acknowledged) > 500:
                        under_way.set()
            except (OSError, HTTPException):
                pass  # that is the crash
            finally:
                connection.close()

        def total(keys):
            return sum(sent[key][0]["hits"] for key in keys), sum(sent[key][0]["failures"] for key in keys)

        senders = [threading.Thread(target=send, args=(number,)) for number in range(8)]
        for sender in senders:
            sender.start()
        assert under_way.wait(SECONDS)
        server.kill()
        for sender in senders:
            sender.join(SECONDS)
        server.start()

        for kept, least, most in zip(reporter.figures("crash"), total(acknowledged), total(sent)):
            assert least <= kept <= most
        assert len(acknowledged) <= reporter.figures("other")[0] <= len(sent)
        connection = Connection(server.ingest_port)
        for key, report in sent.items():
            repeated = connection.request("POST", "/hits", json.dumps(report), headers | {"Idempotency-Key": key})
            assert repeated.status == 200 or repeated.status == 202 and key not in acknowledged
        connection.close()
        assert reporter.figures("crash") == total(sent) and reporter.figures("other") == (len(sent), 0)
        assert server.stop() == 0


# --- secret variables ---


def test_E11_a_secret_variable_that_is_used_stays_and_its_value_is_never_shown(reporter):
    value = made_up_secret("z")
    path = "/api/v1/secret-variables/CHAT_TOKEN"
    first = reporter.api.expect([201], "PUT", path, {"value": "first"})
    again = reporter.api.expect([200], "PUT", path, {"value": value})
    problem(reporter.api.request("PATCH", "/api/v1/organization", {"notification_url": "http://127.0.0.1:9/{{NO_SUCH}}"}),
            400, "invalid", "notification_url")
    setting = {"notification_url": "http://127.0.0.1:9/{{CHAT_TOKEN}}", "notification_headers": {"X-Key": "Key {{CHAT_TOKEN}}"}}
    changed = reporter.api.expect([200], "PATCH", "/api/v1/organization", setting)
    try:
        assert {it: changed.json()[it] for it in setting} == setting
        listed = reporter.api.expect([200], "GET", "/api/v1/secret-variables")
        [variable] = [it for it in listed.json()["items"] if it["name"] == "CHAT_TOKEN"]
        assert set(variable) == {"name", "created_at", "updated_at", "uses"} and variable["uses"]
        refused = reporter.api.request("DELETE", path)
        assert problem(refused, 409, "variable_in_use")["uses"] == variable["uses"]
    finally:
        reporter.api.expect([200], "PATCH", "/api/v1/organization", {"notification_url": None, "notification_headers": {}})
    reporter.api.expect([204], "DELETE", path)
    assert reporter.api.request("DELETE", path).status == 404
    audit = reporter.api.expect([200], "GET", "/api/v1/audit?limit=500")
    for answer in [first, again, changed, listed, refused, audit]:
        assert value.encode() not in answer.body and b'"first"' not in answer.body


@pytest.mark.parametrize("variable, value, field", [
    ("lower", "x", "name"), ("1ST", "x", "name"), ("A" * 65, "x", "name"), ("EMPTY", "", "value"), ("LONG", "é" * 4097, "value")])
def test_E11_a_name_or_value_out_of_bounds_is_refused(reporter, variable, value, field):
    problem(reporter.api.request("PUT", f"/api/v1/secret-variables/{variable}", {"value": value}), 400, "invalid", field)


# --- the command line ---


@pytest.fixture
def command(folder, server, revealing):  # noqa: F811
    return Shell(folder, server, revealing)


def test_N9_credentials_by_the_command_line(command, reporter, name):
    made = command.json("credential", "create", name, "--type", "hits_failure", "--activation-lifetime", "24h")
    assert made["activation_lifetime_seconds"] == 86_400
    assert made["id"] in {it["id"] for it in command.json("credential", "list", "--limit", "500")["items"]}
    assert command.json("credential", "show", name)["id"] == made["id"]
    edited = command.json("credential", "edit", name, "--description", "of the shop", "--no-activation-lifetime")
    assert edited["description"] == "of the shop" and "activation_lifetime_seconds" not in edited
    assert command.json("credential", "reveal", made["id"])["secret"] == made["secret"]
    token = shell(made["curl"])["activation_token"]
    [activation] = command.json("credential", "activations", name)["items"]
    command.json("credential", "revoke-activation", name, activation["id"], "--yes")
    assert reporter.send("/hits", token, {"resource": name, "hits": 1}).status == 401
    assert "--yes" in one_line(command.run("credential", "regenerate", name))
    new = command.json("credential", "regenerate", name, "--yes")
    assert new["secret"] != made["secret"] and reporter.send("/activations", made["secret"]).status == 401
    assert made["secret"].encode() not in command.run("credential", "show", name).stdout
    one_line(command.run("credential", "delete", name))
    one_line(command.run("credential", "delete", name, "--confirm-name", "another"))
    command.json("credential", "delete", name, "--confirm-name", name)
    one_line(command.run("credential", "show", name))


def test_N9_applications_by_the_command_line(command, reporter, name):
    credential = command.json("credential", "create", name, "--type", "deploy")
    made = command.json("application", "create", name, "--credential", name)
    assert made["credential"] == credential["id"]
    assert made["id"] in {it["id"] for it in command.json("application", "list", "--limit", "500")["items"]}
    assert command.json("application", "show", name)["hint"] == made["hint"]
    assert command.json("application", "edit", name, "--description", "the shop")["description"] == "the shop"
    assert command.json("application", "reveal", name)["secret"] == made["secret"]
    new = command.json("application", "regenerate", name, "--yes")
    assert reporter.send("/deploys", made["secret"], {}).status == 401
    deploy = shell(new["curl"])["id"]
    assert [it["id"] for it in command.json("application", "deploys", name)["items"]] == [deploy]
    assert command.json("application", "deploys", name, "--environment", "nowhere")["items"] == []
    measures = command.json("application", "measures", name, "--days", "7")
    assert measures["days"] == 7 and measures["deployment_frequency"]["unit"] == "per_day"
    assert b"lead time" in command.run("application", "measures", name).stdout
    one_line(command.run("application", "delete", name, "--confirm-name", "another"))
    command.json("application", "delete", name, "--confirm-name", name)
    assert reporter.send("/deploys", new["secret"], {}).status == 401


def test_N9_resources_by_the_command_line(command, reporter, activation, name):
    reporter.send("/hits", activation, {"resource": name, "hits": 200, "failures": 1})
    [listed] = [it for it in command.json("resource", "list", "--limit", "500")["items"] if it["name"] == name]
    assert command.json("resource", "show", name)["id"] == listed["id"]
    edited = command.json("resource", "edit", name, "--objective", "99.5")
    assert edited["objective"] == 99.5 and edited["error_budget_left"] == pytest.approx(0, abs=1e-9)
    shown = command.json("resource", "availability", name, "--from", minutes_ago(60), "--step", "5m")
    assert (shown["hits"], shown["failures"], shown["step_seconds"]) == (200, 1, 300)
    assert b"99.5" in command.run("resource", "show", name).stdout
    one_line(command.run("resource", "delete", name))
    command.json("resource", "delete", name, "--yes")
    one_line(command.run("resource", "show", name))


def test_N9_E11_secret_variables_by_the_command_line(command):
    value = made_up_secret("z")
    made = command.run("secret", "set", "BY_COMMAND", "--json", lines=[value])
    assert json.loads(made.stdout)["name"] == "BY_COMMAND" and value.encode() not in made.stdout + made.stderr
    listed = command.run("secret", "list", "--json")
    assert "BY_COMMAND" in {it["name"] for it in json.loads(listed.stdout)["items"]} and value.encode() not in listed.stdout
    code, screen = command.at_terminal("secret", "set", "BY_COMMAND", answers=[("Value: ", value), ("Again: ", value)])
    assert code == 0 and value not in screen
    command.json("secret", "delete", "BY_COMMAND", "--yes")
    one_line(command.run("secret", "delete", "BY_COMMAND", "--yes"))
