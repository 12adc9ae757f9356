"""Secret variables: written, used, never read."""

import itertools

import pytest

import checks

BOTH = pytest.mark.parametrize("javascript", [True, False], ids=["with JavaScript", "without JavaScript"])
NUMBERS = itertools.count(1)


@pytest.fixture
def enter(console, new_page):
    def open_page(role="admin", **options):
        page = new_page(**options)
        page.session = console.sign_in(page.context, console.new_person(f"Variable {role}", role))
        return page

    return open_page


@BOTH
def test_E11_a_value_is_written_replaced_and_deleted_but_never_shown(console, enter, javascript):
    page, name = enter(javascript=javascript), f"WAREHOUSE_KEY_{next(NUMBERS)}"
    page.goto(f"{console.url}/settings")
    page.get_by_role("link", name="Secret variables").click()
    checks.check_page(page)
    page.get_by_role("link", name="New secret variable").first.click()
    checks.check_page(page)
    page.get_by_label("Name").fill("warehouse key")
    page.get_by_label("Value").fill("a value that nobody reads")
    page.get_by_role("button", name="Save variable").click()
    assert "begin with a letter" in page.locator(".error").inner_text()
    assert "a value that nobody reads" not in page.content()
    checks.check_page(page, status=422)
    page.get_by_label("Name").fill(name)
    page.get_by_label("Value").fill("a value that nobody reads")
    page.get_by_role("button", name="Save variable").click()
    page.wait_for_url("**/settings/variables?done=variable_new")
    checks.check_page(page)
    row = page.locator("tbody tr").filter(has_text=f"{{{{{name}}}}}")
    assert "Nowhere" in row.inner_text() and "nobody reads" not in page.content()
    # A second one of that name would replace the first by a slip.
    page.goto(f"{console.url}/settings/variables/new")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Value").fill("another value")
    page.get_by_role("button", name="Save variable").click()
    assert "Is taken" in page.locator(".error").inner_text()
    checks.check_page(page, status=422)
    page.goto(f"{console.url}/settings/variables")
    row.get_by_role("link", name="Replace value").click()
    checks.check_page(page)
    page.get_by_label("Value").fill("a new value\nof two lines")
    page.get_by_role("button", name="Replace value").click()
    page.wait_for_url("**/settings/variables?done=variable_replaced")
    row.get_by_role("link", name="Delete").click()
    checks.check_page(page)
    page.get_by_role("button", name="Delete").click()
    page.wait_for_url("**/settings/variables?done=variable_deleted")
    assert row.count() == 0


@BOTH
def test_E11_what_is_in_use_is_not_deleted_and_its_uses_are_listed(console, api, enter, javascript):
    number = next(NUMBERS)
    name = f"USED_{number}"
    api.expect([200, 201], "PUT", f"/api/v1/secret-variables/{name}", {"value": "x" * 20})
    api.expect([200], "PATCH", "/api/v1/organization", {
        "notification_url": f"https://example.com/{{{{{name}}}}}", "notification_headers": {"X-Key": f"{{{{{name}}}}}"}})
    try:
        page = enter(javascript=javascript)
        page.goto(f"{console.url}/settings/variables")
        checks.check_page(page)
        row = page.locator("tbody tr").filter(has_text=name)
        assert "Address for warnings of the organization" in row.inner_text()
        row.get_by_role("link", name="Delete").click()
        checks.check_page(page)
        text = page.locator("main").inner_text()
        assert "in use" in text and "Header field X-Key of the organization’s warnings" in text
        assert page.locator("main button").count() == 0
        answer = page.context.request.post(
            f"{console.url}/settings/variables/{name}/delete", form={"csrf": page.session["csrf_token"]})
        assert answer.status == 409 and "X-Key" in answer.text()
    finally:
        api.expect([200], "PATCH", "/api/v1/organization", {"notification_url": None})
        api.expect([204], "DELETE", f"/api/v1/secret-variables/{name}")


def test_E11_others_see_names_alone(console, api, enter):
    name = f"READ_ONLY_{next(NUMBERS)}"
    api.expect([200, 201], "PUT", f"/api/v1/secret-variables/{name}", {"value": "x" * 20})
    page = enter("viewer")
    page.goto(f"{console.url}/settings/variables")
    checks.check_page(page)
    assert name in page.locator("main").inner_text()
    assert page.locator("main .button").count() == 0
    for path in ["new", f"{name}/replace", f"{name}/delete"]:
        assert page.context.request.get(f"{console.url}/settings/variables/{path}").status == 403
    api.expect([204], "DELETE", f"/api/v1/secret-variables/{name}")
