"""The audit log as people read and check it: row N8 of the product."""

import json

import pytest
from playwright.sync_api import expect

import checks


@pytest.fixture(params=[True, False], ids=["with-scripts", "without-scripts"])
def owner(request, new_page, shop):
    page = new_page(javascript=request.param)
    shop.console.sign_in(page.context, shop.console.owner())
    return page


def test_N8_entries_are_narrowed_by_action_and_subject(owner, shop):
    owner.goto(f"{shop.console.url}/audit")
    checks.check_page(owner)
    assert owner.get_by_role("row").count() == 51
    owner.get_by_label("What", exact=True).select_option("token.rotate")
    owner.get_by_role("button", name="Search").or_(owner.locator("form.filters > button")).first.click()
    checks.check_page(owner)
    rows = owner.get_by_role("row").filter(has_text="token.rotate")
    assert rows.count() == owner.get_by_role("row").count() - 1 == 1
    assert rows.get_by_role("link", name="Payments").get_attribute("href") == f"/tokens/{shop.tokens['Payments']['id']}"


def test_N8_a_page_leads_to_the_older_entries(owner, shop):
    owner.goto(f"{shop.console.url}/audit")
    owner.get_by_role("link", name="Older").click()
    checks.check_page(owner)
    expect(owner.get_by_role("link", name="Newer")).to_be_visible()


def test_N8_an_action_that_there_is_not_is_said_at_its_field(owner, shop):
    owner.goto(f"{shop.console.url}/audit?action=painting")
    checks.check_page(owner, status=422)
    expect(owner.get_by_role("alert")).to_be_visible()


def test_N8_the_chain_is_verified_in_plain_words(owner, shop):
    owner.goto(f"{shop.console.url}/audit")
    owner.get_by_role("link", name="Verify").click()
    checks.check_page(owner)
    expect(owner.get_by_text("The chain is intact.")).to_be_visible()
    assert len(owner.locator("#head").inner_text()) == 64


def test_N8_the_export_is_the_whole_chain(owner, shop):
    owner.goto(f"{shop.console.url}/audit")
    with owner.expect_download() as waiting:
        owner.get_by_role("link", name="Export").click()
    assert waiting.value.suggested_filename.endswith(".jsonl")
    lines = [json.loads(line) for line in waiting.value.path().read_text().splitlines()]
    assert lines[-1]["entries"] == len(lines) - 1
    assert [line["sequence"] for line in lines[:-1]] == list(range(1, len(lines)))


def test_N8_a_member_does_not_see_it(new_page, shop):
    page = new_page()
    shop.console.sign_in(page.context, shop.console.new_person("Curious Member", "member"))
    page.goto(shop.console.url)
    assert page.get_by_role("link", name="Audit log").count() == 0
    assert page.goto(f"{shop.console.url}/audit").status == 403
    checks.WATCHES[page].forget()
