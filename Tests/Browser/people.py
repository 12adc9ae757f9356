"""People at the console: who they are, how they sign in, and in which language they are spoken to."""

import contextlib
import itertools

WIDE = {"width": 1280, "height": 900}
NARROW = {"width": 390, "height": 844}
NUMBERS = itertools.count(1)
OWNER_PASSWORD = "five quiet herons at dawn"


class Person:
    def __init__(self, login, password):
        self.login = login
        self.password = password


class Console:
    """The console of one server."""

    def __init__(self, server):
        self.server = server
        self.url = f"http://127.0.0.1:{server.admin_port}"
        self.api = server.api()
        self.known_owner = None

    def owner(self, browser):
        """Who set the server up. Where that was left to a one-time link, it is done now, on its page."""
        if self.known_owner is None:
            if "password" in self.server.info:
                self.known_owner = Person(self.server.info.get("owner", "owner"), self.server.info["password"])
            else:
                self.known_owner = self.set_up(browser)
        return self.known_owner

    def set_up(self, browser):
        """Opens the one-time link that `inlet init` printed and fills its page in."""
        [link] = [value for value in self.server.info.values() if isinstance(value, str) and "/set-up#" in value]
        owner = Person("owner", OWNER_PASSWORD)
        with contextlib.closing(browser.new_context()) as context:
            page = context.new_page()
            # The link names the address of the settings; this server listens on a port of its own.
            page.goto(f"{self.url}/set-up#{link.partition('#')[2]}")
            page.get_by_label("Your name").fill("Olga Owner")
            page.get_by_label("Login").fill(owner.login)
            page.get_by_label("Password").fill(owner.password)
            page.get_by_label("Name of the organization").fill("Corner shop")
            page.get_by_role("button", name="Finish set-up").click()
            page.wait_for_url(lambda url: "/set-up" not in url)
        return owner

    def sign_in(self, context, person):
        """Signs in beside the pages: quick, and it leaves no page behind. Returns the session, with its `csrf_token`."""
        answer = context.request.post(
            f"{self.url}/api/v1/sessions", data={"login": person.login, "password": person.password})
        assert answer.status == 201, f"{answer.status} {answer.text()}"
        return answer.json()

    def sign_in_by_page(self, page, person):
        """Signs in as a person does."""
        page.goto(f"{self.url}/sign-in")
        page.get_by_label("Login").fill(person.login)
        page.get_by_label("Password").fill(person.password)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url(lambda url: "/sign-in" not in url)

    def new_person(self, name, role="admin", password="seven brown owls at noon"):
        """An account that can sign in, with the given role."""
        login = f"{name.lower().replace(' ', '.')}.{next(NUMBERS)}@example.com"
        asked = {"kind": "person", "name": name, "login": login, "role": role}
        made = self.api.expect([201], "POST", "/api/v1/accounts", asked).json()
        code = made["invitation"]["code"]
        self.api.expect([204], "POST", "/api/v1/passwords", {"code": code, "password": password})
        return Person(login, password)

    def speak(self, context, session, language):
        """Makes a language the own one of the person who is signed in; whether pages speak it says their `lang`."""
        return context.request.patch(
            f"{self.url}/api/v1/me", data={"language": language}, headers={"Inlet-CSRF": session["csrf_token"]})
