import Contract
import Domain
import HTTPTypes
import Manage

enum StatusRoutes {
    static let list: [Route] = [
        Route(.get, "status", .readStatus) { request, operations in
            guard request.actor.may(.readStatus) else { throw OperationError.forbidden(.readStatus) }
            return try .json(operations.status())
        }
    ]
}
