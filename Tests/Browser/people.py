"""People at the console: who they are, how they sign in, and in which language they are spoken to."""

import itertools

WIDE = {"width": 1280, "height": 900}
NARROW = {"width": 390, "height": 844}
NUMBERS = itertools.count(1)


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

    def owner(self):
        """Who set the server up; it is set up now, if nobody asked before."""
        return Person(self.server.info["owner"], self.server.owner_password())

    def set_up_by_page(self, page, person, name, organization):
        """Opens the one-time link that `inlet init` printed and fills its page in."""
        page.goto(f"{self.url}/set-up#{self.server.info['set_up_code']}")
        page.get_by_label("Your name").fill(name)
        page.get_by_label("Login").fill(person.login)
        page.get_by_label("Password").fill(person.password)
        page.get_by_label("Name of the organization").fill(organization)
        page.get_by_role("button", name="Finish set-up").click()
        page.wait_for_url(lambda url: "/set-up" not in url)
        self.server.password = person.password

    def sign_in(self, context, person):
        """Signs in beside the pages: quick, and it leaves no page behind. Returns the session, with its `csrf_token`.

        Names the organization, for who does not comes back to the one used last, by whatever test.
        """
        organization = self.api.expect([200], "GET", "/api/v1/organization").json()["id"]
        answer = context.request.post(f"{self.url}/api/v1/sessions", data={
            "login": person.login, "password": person.password, "organization": organization})
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
        """Makes a language that of the person who is signed in."""
        answer = context.request.patch(
            f"{self.url}/api/v1/me", data={"language": language}, headers={"Inlet-CSRF": session["csrf_token"]})
        assert answer.status == 200, f"{answer.status} {answer.text()}"
