import Domain
import HTTPTypes
import Manage
import WebSupport

/// What concerns the whole server: master keys and backups. For owners of the organization made first.
enum InstallationPages {
    private static let path = "/settings/installation"

    static let list: [PageRoute] = [
        PageRoute(.get, path, .manageInstallation) { request in
            let keys = try await request.operations.keys.list(request.actor).map { key -> Model in
                [
                    "name": request.words("installation.key", ["number": key.number]),
                    "state": request.input.badge(
                        key.isCurrent ? "installation.key_current" : "installation.key_old", key.isCurrent ? .good : .quiet),
                    "addedAt": request.input.time(key.addedAt), "secrets": request.words.number(key.secrets),
                    "sealed": request.words.number(key.sealed),
                    "retire": key.isCurrent ? false : "\(path)/keys/\(key.number)/retire" as Any,
                ]
            }
            return try request.page(
                "installation", title: request.words["installation.title"], in: .settings,
                [
                    "tabs": request.settingsTabs(path), "keys": keys, "rotate": "\(path)/keys/rotate",
                    "backup": "\(path)/backup",
                ])
        },
        PageRoute(.get, "\(path)/keys/rotate", .manageInstallation) { request in
            let words = request.words
            return try request.confirm(
                Confirmation(
                    title: words["installation.rotate_title"], text: words["installation.rotate_text"],
                    action: "\(path)/keys/rotate", button: words["installation.rotate"], back: path),
                in: .settings, crumbs: crumbs(request))
        },
        PageRoute(.post, "\(path)/keys/rotate", .manageInstallation) { request in
            _ = try await request.operations.keys.rotate(request.actor)
            return .go(to: path, done: "key_rotated")
        },
        PageRoute(.get, "\(path)/keys/:id/retire", .manageInstallation) { request in try retirePage(request, fault: nil) },
        PageRoute(.post, "\(path)/keys/:id/retire", .manageInstallation) { request in
            try await request.attempt {
                guard let number = Int(request.id) else { throw OperationError.notFound("key") }
                try await request.operations.keys.retire(number, force: request.form.isTicked("force"), request.actor)
                return .go(to: path, done: "key_retired")
            } orShow: { fault in
                try retirePage(request, fault: fault)
            }
        },
        PageRoute(.post, "\(path)/backup", .manageInstallation) { request in
            try await request.attempt {
                let copy = try await request.operations.backups.make(request.actor)
                return PageAnswer(
                    headers: [
                        (.contentType, "application/vnd.sqlite3"),
                        (.contentDisposition, "attachment; filename=\"inlet-backup.db\""),
                    ], body: .file(copy.bytes, byteCount: copy.byteCount))
            } orShow: { fault in
                try request.page(
                    "error", title: request.words["installation.no_backup"], in: .settings,
                    ["text": fault.summary, "hasNumber": false], status: 409)
            }
        },
    ]

    private static func retirePage(_ request: PageRequest, fault: Fault?) throws -> PageAnswer {
        let words = request.words
        guard let number = Int(request.id) else { throw OperationError.notFound("key") }
        var asked = Confirmation(
            title: words("installation.retire_title", ["number": number]), text: words["installation.retire_text"],
            action: "\(path)/keys/\(number)/retire", button: words["installation.retire"], back: path, isDanger: true)
        asked.fields = [Field("force", .check, key: "installation.force")]
        return try request.confirm(asked, in: .settings, crumbs: crumbs(request), fault: fault)
    }

    private static func crumbs(_ request: PageRequest) -> [PageRequest.Crumb] {
        [request.crumb(.settings), PageRequest.Crumb(path, request.words["installation.title"])]
    }
}
