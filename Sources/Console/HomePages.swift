import Domain
import HTTPTypes
import Manage

enum HomePages {
    static let list: [PageRoute] = [
        PageRoute(.get, "/", .readOrganization) { request in
            try request.page("home", title: request.words["home.title"], in: .home)
        }
    ]
}
