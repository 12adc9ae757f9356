import Contract
import Deliver
import Destinations
import Domain
import Foundation
import HTTPTypes
import Manage
import WebSupport

enum FlowRoutes {
    static let list: [Route] = records + acts

    private static let records: [Route] = [
        Route(.get, "flows", .readFlows, query: ["webhook", "after", "limit"]) { request, operations in
            let page = try await operations.flows.list(
                webhook: request.query["webhook"], after: request.after, limit: request.limit(), request.actor)
            return try .json(PageView(items: page.items.map(FlowView.init), next: page.next))
        },
        Route(.post, "flows", .changeFlows) { request, operations in
            let (asked, own) = try request.input.decode(
                NewFlow.self, fields: ["name", "description", "webhook", "filter", "template", "destinations"],
                own: ["filter", "template"])
            let draft = FlowOperations.Draft(
                name: asked.name, description: asked.description, webhook: asked.webhook,
                filter: .some(own["filter"]), template: .some(own["template"]),
                destinations: asked.destinations)
            return try .json(FlowView(try await operations.flows.create(draft, request.actor)), status: 201)
        },
        Route(.get, "flows/:id", .readFlows) { request, operations in
            try .json(FlowView(try await operations.flows.show(request.id, request.actor)))
        },
        Route(.patch, "flows/:id", .changeFlows) { request, operations in
            let (asked, own) = try request.input.decode(
                FlowEdit.self, fields: ["name", "description", "filter", "template", "destinations"],
                own: ["filter", "template"])
            let draft = FlowOperations.Draft(
                name: asked.name, description: asked.description,
                filter: asked.filter == .keep ? nil : .some(own["filter"]),
                template: asked.template == .keep ? nil : .some(own["template"]),
                destinations: asked.destinations)
            return try .json(FlowView(try await operations.flows.edit(request.id, draft, request.actor)))
        },
    ]

    private static let acts: [Route] = [
        Route(.post, "flows/:id/pause", .changeFlows) { request, operations in
            try .json(FlowView(try await operations.flows.pause(request.id, request.actor)))
        },
        Route(.post, "flows/:id/resume", .changeFlows) { request, operations in
            try .json(FlowView(try await operations.flows.resume(request.id, request.actor)))
        },
        Route(.post, "flows/:id/archive", .changeFlows) { request, operations in
            try .json(FlowView(try await operations.flows.archive(request.id, request.actor)))
        },
        Route(.post, "flows/:id/dry-run", .readFlows) { request, operations in
            let (asked, own) = try request.input.decode(
                DryRunRequest.self, fields: ["event", "filter", "template"], own: ["filter", "template"])
            let draft = FlowOperations.Draft(filter: own["filter"].map { .some($0) }, template: own["template"].map { .some($0) })
            return try .json(
                DryRunView(try await operations.flows.dryRun(request.id, event: asked.event, draft, request.actor)))
        },
    ]
}

extension OpenRequest {
    /// Reads the body like ``decode(_:fields:mayBeEmpty:)``, but for members that hold JSON of the sender's own: their names and numbers
    /// are not ours to judge.
    ///
    /// - Parameter own: the names of these members; each is `true` in the value, if it is there and not null.
    /// - Returns: the value, and each of these members as the text of its JSON, exactly as it was written; of a text, the text itself.
    func decode<Value: Decodable>(
        _ type: Value.Type, fields: Set<String>, own: Set<String>
    ) throws -> (value: Value, own: [String: String]) {
        guard case .object(let object)? = try? JSONNode(body) else {
            // What is wrong is said there.
            return (try decode(type, fields: fields), [:])
        }
        var texts: [String: String] = [:]
        let members = object.members.map { member in
            // Bytes decide: none of our names looks like another.
            guard own.contains(where: { $0.utf8.elementsEqual(member.name.utf8) }) else { return member }
            switch member.value {
            case .null: return member
            case .text(let text): texts[member.name] = text
            default: texts[member.name] = member.value.text
            }
            return JSONObject.Member(name: member.name, value: .bool(true))
        }
        let rest = OpenRequest(
            parameters: parameters, query: query, body: Data(JSONNode.object(JSONObject(members)).bytes), address: address,
            userAgent: userAgent, device: device, stay: stay)
        return (try rest.decode(type, fields: fields), texts)
    }
}

extension JSONValue {
    /// Reads the text of a filter or template; what the wire cannot say, numbers beyond a double for example, is given as the text.
    init(kept text: String) {
        self = (try? JSONDecoder().decode(JSONValue.self, from: Data(text.utf8))) ?? .text(text)
    }
}

extension FlowView {
    init(_ flow: Flow) {
        self.init(
            id: flow.id.text, webhook: flow.webhook.text, name: flow.name.text, description: flow.description.text,
            filter: flow.filterText.map(JSONValue.init(kept:)), template: flow.templateText.map(JSONValue.init(kept:)),
            destinations: flow.destinations.map(\.text), state: flow.state.rawValue, createdAt: flow.createdAt.text)
    }
}

extension DryRunView {
    init(_ run: FlowOperations.DryRun) {
        self.init(isLetThrough: run.isLetThrough, why: run.why, messages: run.messages.map(DryRunMessageView.init))
    }
}

extension DryRunMessageView {
    init(_ message: FlowOperations.Message) {
        self.init(destination: message.destination.id.text, kind: message.destination.kind)
        switch message.request {
        case .failure(let fault):
            self.fault = fault.words
        case .success(.http(let outgoing)):
            method = outgoing.method
            url = outgoing.url.absoluteString
            headers = outgoing.headers.map { [$0.name, $0.value] }
            show(outgoing.body)
        case .success(.line(let line, _)):
            show(Data(line.utf8))
        case .success(.handed(let fields, let bytes)):
            headers = fields.map { [$0.name, $0.value] }
            show(bytes)
        }
    }

    private static let bytesShown = 64 << 10

    // Enough to see what it is; many destinations get the same, and it may be large.
    private mutating func show(_ bytes: Data) {
        (body, bodyBase64) = textOrBase64(bytes.beginning(ofAtMost: Self.bytesShown))
        bodyBytes = Int64(bytes.count)
    }
}

extension Data {
    /// So many bytes at most, and no half of a character in UTF-8 at the end.
    fileprivate func beginning(ofAtMost most: Int) -> Data {
        guard count > most else { return self }
        let cut = prefix(most)
        // A character has four bytes at most; all but its first begin with the bits 10.
        let tail = cut.suffix(4).reversed().prefix { $0 & 0xC0 == 0x80 }.count
        let whole = String(validating: cut, as: UTF8.self) == nil ? cut.dropLast(tail + 1) : cut
        return Data(String(validating: whole, as: UTF8.self) == nil ? cut : whole)
    }
}

/// Bytes as text if they are some in UTF-8, else in base64.
func textOrBase64(_ bytes: Data) -> (text: String?, base64: String?) {
    if let text = String(validating: bytes, as: UTF8.self) { (text, nil) } else { (nil, bytes.base64EncodedString()) }
}
