import Contract
import Domain
import EmbeddedFiles
import Foundation
import HTTPTypes
import Manage
import WebSupport

enum InstallationRoutes {
    static let list: [Route] = [
        Route(.get, "status", .readStatus) { _, operations in
            try .json(operations.status())
        },
        Route(open: .get, "openapi.yaml") { _, _ in
            RestAnswer(
                status: 200, headers: [(.contentType, "application/yaml")], body: EmbeddedFiles.all["openapi.yaml"] ?? Data())
        },
        Route(.get, "keys", .manageInstallation) { request, operations in
            try .json(PageView(items: try await operations.keys.list(request.actor).map(KeyView.init), next: nil))
        },
        Route(.post, "keys/rotate", .manageInstallation) { request, operations in
            try .json(KeyView(try await operations.keys.rotate(request.actor)), status: 201)
        },
        Route(.post, "keys/:id/retire", .manageInstallation) { request, operations in
            let asked = try request.decode(RetireKey.self, fields: ["force"], mayBeEmpty: true)
            guard let number = Int(request.id) else { throw OperationError.notFound("key") }
            try await operations.keys.retire(number, force: asked.force ?? false, request.actor)
            return .nothing
        },
        Route(.post, "backup", .manageInstallation) { request, operations in
            let copy = try await operations.backups.make(request.actor)
            return RestAnswer(
                headers: [
                    (.contentType, "application/vnd.sqlite3"), (.inletBackupSHA256, copy.sha256),
                    (.contentDisposition, "attachment; filename=\"inlet-backup.db\""), (.cacheControl, "no-store"),
                ], pieces: copy.bytes, byteCount: copy.byteCount)
        },
    ]
}

extension KeyView {
    init(_ key: KeyOperations.Shown) {
        self.init(
            number: key.number, state: key.isCurrent ? "current" : "old", addedAt: key.addedAt.text,
            secrets: key.secrets, sealed: key.sealed)
    }
}
