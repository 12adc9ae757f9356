import Client
import Contract
import Domain
import Foundation
import HTTPTypes
import Manage
import NIOHTTP1
import ServerSupport
import TestSupport
import Testing

/// Flows: which events go where, and as what. Row P8.
@Suite(.tags(.store)) struct FlowTests {
    // MARK: Records

    @Test func `P8 a flow is made, found by id and name, edited and listed by its webhook`() async throws {
        try await TestHouse.open { house async throws in
            let client = house.client()
            let other = try await client.createWebhook(NewWebhook(name: "other"))
            for name in ["a", "b"] { _ = try await client.createDestination(NewDestination(name: name, kind: "listen")) }
            let ids = try await ["a", "b"].asyncMap { try await client.destination($0).id }

            let made = try await client.createFlow(
                NewFlow(name: "orders", description: "d", webhook: "other", destinations: ["b", ids[0]]))

            #expect(made.webhook == other.id && made.destinations == [ids[1], ids[0]] && made.state == "active")
            #expect(made.filter == nil && made.template == nil && made.createdAt == house.clock.now().text)
            #expect(try await client.flow("orders") == made)
            #expect(try await client.flow(made.id) == made)
            #expect(try await client.flows(webhook: "other").items == [made])
            #expect(try await client.flows(webhook: house.made.webhook.text).items.isEmpty)
            let filter = try JSONValue(json: #"{"path":"$.n","at_least":3}"#)
            let edited = try await client.editFlow(
                made.id, FlowEdit(name: "all", filter: .set(filter), template: .set(.text("{}")), destinations: ["a"]))
            #expect(edited.name == "all" && edited.description == "d" && edited.destinations == [ids[0]])
            #expect(edited.filter == filter && edited.template == .object([:]))
            let lifted = try await client.editFlow("all", FlowEdit(filter: .lift, template: .lift))
            #expect(lifted.filter == nil && lifted.template == nil)
            #expect(try await client.flows().items == [lifted])
            let acts = try await client.auditEntries(subject: made.id).items.map(\.action)
            #expect(acts == ["flow.edit", "flow.edit", "flow.create"])
        }
    }

    @Test func `P8 names are unique, and what a flow or destination cannot be is refused with the field`() async throws {
        try await TestHouse.open { house async throws in
            for name in ["a", "b"] {
                _ = try await house.client().createDestination(NewDestination(name: name, kind: "listen"))
            }
            try await house.flow("taken", to: ["a"])
            try await house.flow("mine", to: ["a"])
            let webhook = house.made.webhook.text
            let many = Array(repeating: #""a""#, count: 11).joined(separator: ",")

            for (body, field) in [
                (#"{"name":"","webhook":"\#(webhook)","destinations":["a"]}"#, "name"),
                (#"{"name":"\#(String(repeating: "x", count: 101))","webhook":"\#(webhook)","destinations":["a"]}"#, "name"),
                (#"{"name":"n","webhook":"\#(webhook)","destinations":[]}"#, "destinations"),
                (#"{"name":"n","webhook":"\#(webhook)","destinations":["nowhere"]}"#, "destinations"),
                (#"{"name":"n","webhook":"\#(webhook)","destinations":["a","a"]}"#, "destinations"),
                (#"{"name":"n","webhook":"\#(webhook)","destinations":[\#(many)]}"#, "destinations"),
                (#"{"name":"n","webhook":"\#(webhook)","destinations":["a"],"colour":1}"#, "colour"),
                (#"{"name":"n","webhook":"\#(webhook)","destinations":["a"],"template":"{{NO_SUCH}}"}"#, "template"),
                (#"{"name":"n","webhook":"\#(webhook)","destinations":["a"],"template":{"k":"{{NO_SUCH}}"}}"#, "template"),
            ] {
                let refused = try await house.api(.POST, "flows", body)
                #expect(refused.status == 400 && refused.problem?.field == field, "\(body) \(refused.text)")
            }
            for (method, path, body) in [
                (HTTPMethod.POST, "flows", #"{"name":"taken","webhook":"\#(webhook)","destinations":["a"]}"#),
                (.PATCH, "flows/mine", #"{"name":"taken"}"#), (.POST, "destinations", #"{"name":"a","kind":"listen"}"#),
                (.PATCH, "destinations/b", #"{"name":"a"}"#),
            ] {
                let refused = try await house.api(method, path, body)
                #expect(refused.status == 409 && refused.problem?.code == "name_taken", "\(body)")
            }
            #expect(try await house.client().flows().items.count == 2)
        }
    }

    @Test func `P8 a destination that cannot be is refused with the field`() async throws {
        let cases: [(body: String, field: String)] = [
            (#"{"name":"n","kind":"pigeon"}"#, "kind"),
            (#"{"name":"n","kind":"http"}"#, "settings.url"),
            (#"{"name":"n","kind":"http","settings":{"url":"ftp://example.com/"}}"#, "settings.url"),
            (#"{"name":"n","kind":"http","settings":{"url":"https://u:p@example.com/"}}"#, "settings.url"),
            (#"{"name":"n","kind":"http","settings":{"url":"https://example.com/","colour":"red"}}"#, "settings.colour"),
            (#"{"name":"n","kind":"http","settings":{"url":"https://example.com/","method":"GET"}}"#, "settings.method"),
            (
                #"{"name":"n","kind":"http","settings":{"url":"https://example.com/","timeout_seconds":"61"}}"#,
                "settings.timeout_seconds"
            ),
            (#"{"name":"n","kind":"http","settings":{"url":"https://example.com/","headers":"nothing"}}"#, "settings.headers"),
            (
                #"{"name":"n","kind":"http","settings":{"url":"https://example.com/","headers":"Host: elsewhere"}}"#,
                "settings.headers"
            ),
            (
                #"{"name":"n","kind":"http","settings":{"url":"https://example.com/","headers":"webhook-id: 1"}}"#,
                "settings.headers"
            ),
            (#"{"name":"n","kind":"http","settings":{"url":"https://{{V}}/"}}"#, "settings.url"),
            (#"{"name":"n","kind":"http","settings":{"url":"https://example.com/{{NO_SUCH}}"}}"#, "settings.url"),
            (#"{"name":"n","kind":"log","settings":{"file":"../x"}}"#, "settings.file"),
            (#"{"name":"n","kind":"log","settings":{"file":"{{V}}"}}"#, "settings.file"),
            (#"{"name":"n","kind":"listen","schedule":"soon"}"#, "schedule"),
            (#"{"name":"n","kind":"listen","schedule":"8d"}"#, "schedule"),
            (#"{"name":"n","kind":"listen","concurrency":65}"#, "concurrency"),
            (#"{"name":"n","kind":"listen","rate_per_second":0}"#, "rate_per_second"),
            (#"{"name":"n","kind":"listen","ordered_by":"$."}"#, "ordered_by"),
            (#"{"name":"n","kind":"listen","ordered_by":"Authorization"}"#, "ordered_by"),
        ]
        try await TestHouse.open { house async throws in
            _ = try await house.client().setSecretVariable("V", NewSecretVariable(value: "v"))

            for (body, field) in cases {
                let refused = try await house.api(.POST, "destinations", body)

                #expect(refused.status == 400 && refused.problem?.field == field, "\(body) \(field) \(refused.text)")
                #expect(try await house.client().destinations().items.isEmpty, "\(body) \(field)")
            }
        }
    }

    @Test func `P8 a filter or template that cannot be is refused with the field and the place`() async throws {
        let cases: [(field: String, json: String, place: String, words: String)] = [
            ("filter", #"{"path":"$.a"}"#, "filter", "must hold a test"),
            (
                "filter", #"{"all":[{"header":"X","equals":1},{"path":"$.a","equal":1}]}"#, "filter.all[1].equal",
                "is no name of a filter"
            ),
            ("filter", #"{"not":{"any":[{"path":"$..a","exists":true}]}}"#, "filter.not.any[0].path", "is no path"),
            ("filter", "7", "filter", "must be an object"), ("filter", #""{""#, "filter", "is no JSON"),
            ("template", #"{"a":{"b":["{{event.colour}}"]}}"#, "template.a.b[0]", "no merge field"),
            ("template", #"{"a":"{{event.id"}"#, "template.a", "no merge field"),
            ("template", #""not json""#, "template", "is no JSON"),
        ]
        try await TestHouse.open { house async throws in
            _ = try await house.client().createDestination(NewDestination(name: "far", kind: "listen"))
            try await house.flow("kept")
            let event = try await house.event()
            let webhook = house.made.webhook.text

            for (field, json, place, words) in cases {
                for (method, path, body) in [
                    (
                        HTTPMethod.POST, "flows",
                        #"{"name":"n","webhook":"\#(webhook)","destinations":["far"],"\#(field)":\#(json)}"#
                    ),
                    (.PATCH, "flows/kept", #"{"\#(field)":\#(json)}"#),
                    (.POST, "flows/kept/dry-run", #"{"event":"\#(event)","\#(field)":\#(json)}"#),
                ] {
                    let refused = try await house.api(method, path, body)
                    #expect(
                        refused.status == 400 && refused.problem?.field == place,
                        "\(field) \(json) \(place) \(words) \(refused.text)")
                    #expect(
                        refused.problem?.detail.contains(words) ?? false, "\(field) \(json) \(place) \(words) \(refused.text)")
                    #expect(!refused.text.contains("Domain."), "\(field) \(json) \(place) \(words) \(refused.text)")
                }
            }
        }
    }

    @Test func `P8 what is another organization's is not found, whichever way it is named`() async throws {
        try await TestHouse.open { house async throws in
            let client = house.client()
            let destination = try await client.createDestination(
                NewDestination(name: "far", kind: "standard-webhooks", settings: ["url": "https://example.com/"]))
            let flow = try await house.flow()
            _ = try await client.disableDestination("far")
            let event = try await house.event()
            let delivery = try await house.delivery(of: event, "waiting").id
            let replay = try await client.startReplay(NewReplay(webhook: flow.webhook)).id
            let there = try await client.createOrganization(NewOrganization(name: "Elsewhere"))
            let theirs = there.managementToken
            let theirClient = house.client(theirs)
            let webhook = try await theirClient.createWebhook(NewWebhook(name: "w"))
            _ = try await theirClient.createDestination(NewDestination(name: "own", kind: "listen"))
            _ = try await theirClient.createFlow(NewFlow(name: "own", webhook: "w", destinations: ["own"]))

            for (method, path, body) in [
                (HTTPMethod.GET, "flows/\(flow.id)", nil), (.GET, "flows/flow", nil),
                (.PATCH, "flows/\(flow.id)", #"{"name":"x"}"#),
                (.POST, "flows/\(flow.id)/pause", nil), (.POST, "flows/\(flow.id)/resume", nil),
                (.POST, "flows/\(flow.id)/archive", nil), (.POST, "flows/\(flow.id)/dry-run", #"{"event":"\#(event)"}"#),
                (.POST, "flows/own/dry-run", #"{"event":"\#(event)"}"#),
                (.GET, "destinations/\(destination.id)", nil), (.GET, "destinations/far", nil),
                (.PATCH, "destinations/\(destination.id)", #"{"name":"x"}"#), (.DELETE, "destinations/\(destination.id)", nil),
                (.POST, "destinations/\(destination.id)/disable", nil), (.POST, "destinations/\(destination.id)/enable", nil),
                (.POST, "destinations/\(destination.id)/rotate", nil), (.POST, "destinations/\(destination.id)/reveal", "{}"),
                (.POST, "destinations/\(destination.id)/claims", nil), (.GET, "deliveries/\(delivery)", nil),
                (.POST, "deliveries/\(delivery)/retry", nil), (.POST, "deliveries/\(delivery)/cancel", nil),
                (.POST, "deliveries/\(delivery)/attempts/1", #"{"status":200}"#), (.POST, "events/\(event)/replay", nil),
                (.GET, "replays/\(replay)", nil), (.POST, "replays/\(replay)/cancel", nil),
                (.POST, "replays", #"{"webhook":"\#(flow.webhook)"}"#),
                (.POST, "replays", #"{"webhook":"w","flow":"\#(flow.id)"}"#),
                (.POST, "flows", #"{"name":"x","webhook":"\#(flow.webhook)","destinations":["own"]}"#),
            ] as [(HTTPMethod, String, String?)] {
                let answer = try await house.api(method, path, body, token: theirs)
                #expect(answer.status == 404, "\(method) \(path) \(answer.text)")
            }
            for (path, body, field) in [
                ("flows", #"{"name":"x","webhook":"\#(webhook.id)","destinations":["\#(destination.id)"]}"#, "destinations"),
                ("replays", #"{"webhook":"w","destination":"\#(destination.id)"}"#, "destination"),
            ] {
                let answer = try await house.api(.POST, path, body, token: theirs)
                #expect(answer.status == 400 && answer.problem?.field == field, "\(answer.text)")
            }
            #expect(try await theirClient.deliveries().items.isEmpty)
            #expect(try await theirClient.replays().items.isEmpty)
            #expect(try await theirClient.deliveries(event: event).items.isEmpty)
            #expect(try await theirClient.flows().items.map(\.name) == ["own"])
            #expect(try await theirClient.destinations().items.map(\.name) == ["own"])
            let kept = try await house.client().deliveries(event: event, state: "waiting").items
            #expect(kept.map(\.id).contains(delivery) && kept.allSatisfy { $0.flow == flow.id })
        }
    }

    // MARK: What goes

    @Test func `P8 each event goes to every destination of every flow of its webhook, and to no other`() async throws {
        try await Receiver.open { receiver async throws in
            try await TestHouse.open(TestHouse.near) { house async throws in
                for name in ["a", "b", "c"] { try await house.destination(name, at: receiver) }
                try await house.flow("both", to: ["a", "b"])
                try await house.flow("again", to: ["b"])
                let other = try await house.client().createWebhook(NewWebhook(name: "other"))
                _ = try await house.client().createFlow(NewFlow(name: "other", webhook: other.id, destinations: ["c"]))

                let event = try await house.event("one")

                try await house.until("three deliveries") {
                    try await house.client().deliveries(event: event, state: "delivered").items.count == 3
                }
                #expect(receiver.posts.map(\.target).sorted() == ["/hook/a", "/hook/b", "/hook/b"])
                #expect(Set(receiver.posts.map(\.text)) == ["one"])
                #expect(try await house.client().deliveries(destination: "c").items.isEmpty)
                #expect(try await house.client().deliveries(flow: "again").items.count == 1)
            }
        }
    }

    @Test func `P8 a filter lets through what matches; the rest is listed as filtered and was never tried`() async throws {
        try await Receiver.open { receiver async throws in
            try await TestHouse.open(TestHouse.near) { house async throws in
                try await house.destination(at: receiver)
                // As a text, whose numbers are read exactly.
                try await house.flow(
                    filter: .text(#"{"all":[{"path":"$.n","equals":9007199254740993},{"header":"X-Shop","equals":"nl"}]}"#))

                let good = try await house.event(#"{"n":9007199254740993}"#, headers: [("X-Shop", "nl")])
                let near = try await house.event(#"{"n":9007199254740992}"#, headers: [("X-Shop", "nl")])
                let other = try await house.event(#"{"n":9007199254740993}"#, headers: [("X-Shop", "de")])

                try await house.delivery(of: good, "delivered")
                for event in [near, other] {
                    let filtered = try await house.delivery(of: event, "filtered")
                    #expect(filtered.attempts == 0 && filtered.attemptList == [] && filtered.settledAt != nil)
                }
                #expect(receiver.posts.map { $0.headers["inlet-event"] } == [good])
                _ = try await house.client().editFlow("flow", FlowEdit(filter: .lift))
                let late = try await house.event()
                try await house.delivery(of: late, "delivered")
            }
        }
    }

    @Test func `P8 a template makes JSON of the event; as a text its numbers stay as they are`() async throws {
        try await Receiver.open { receiver async throws in
            try await TestHouse.open(TestHouse.near) { house async throws in
                try await house.destination(at: receiver)
                _ = try await house.client().setSecretVariable("SHOP_KEY", NewSecretVariable(value: "line\nbreak \"q\""))
                try await house.flow(
                    template: .text(
                        #"{"id":"{{event.id}}","big":12345678901234567890.10,"n":"{{event.body.n}}","key":"{{SHOP_KEY}}","from":"at {{event.headers.X-Shop}}"}"#
                    ))

                let event = try await house.event(#"{"n":0.30000000000000000001}"#, headers: [("X-Shop", "nl")])

                try await house.delivery(of: event, "delivered")
                let post = try #require(receiver.posts.first)
                #expect(
                    post.text
                        == #"{"id":"\#(event)","big":12345678901234567890.10,"n":0.30000000000000000001,"key":"line\nbreak \"q\"","from":"at nl"}"#
                )
                #expect(post.contentType == "application/json")
            }
        }
    }

    // MARK: Pause, resume, archive

    @Test func `P8 events that come while a flow is paused wait, and go afterwards, none lost or doubled`() async throws {
        try await Receiver.open { receiver async throws in
            try await TestHouse.open(TestHouse.near) { house async throws in
                try await house.destination(at: receiver)
                try await house.flow()
                #expect(try await house.client().pauseFlow("flow").state == "paused")
                #expect(try await house.client().pauseFlow("flow").state == "paused")

                let events = try await (0..<30).asyncMap { try await house.event("\($0)") }
                try await house.round()
                #expect(receiver.posts.isEmpty)
                #expect(try await house.client().deliveries(flow: "flow", state: "waiting", limit: 50).items.count == 30)
                #expect(try await house.client().destination("far").waiting == 30)
                #expect(try await house.client().resumeFlow("flow").state == "active")
                let last = try await house.event("last")

                for event in events + [last] { try await house.delivery(of: event, "delivered") }
                try await house.round()
                #expect(receiver.posts.map(\.text).sorted() == ((0..<30).map(String.init) + ["last"]).sorted())
                #expect(try await house.client().destination("far").waiting == 0)
            }
        }
    }

    @Test func `P8 a pause holds what is on its way between attempts, for as long as it lasts`() async throws {
        try await Receiver.open { receiver async throws in
            try await TestHouse.open(TestHouse.near) { house async throws in
                receiver.status = 500
                try await house.destination(at: receiver)
                try await house.flow()
                let event = try await house.event()
                try await house.delivery(of: event, "due", attempts: 1)
                _ = try await house.client().pauseFlow("flow")
                receiver.status = 204

                try await house.pass(.days(3))

                try await house.delivery(of: event, "waiting", attempts: 1)
                #expect(receiver.posts.count == 1)
                _ = try await house.client().resumeFlow("flow")
                try await house.delivery(of: event, "delivered", attempts: 2)
            }
        }
    }

    @Test func `P8 an archived flow takes no more events, cancels what is open, and stays so`() async throws {
        try await Receiver.open { receiver async throws in
            try await TestHouse.open(TestHouse.near) { house async throws in
                receiver.status = 500
                let destination = try await house.destination(at: receiver)
                let flow = try await house.flow()
                let failed = try await house.event("failed")
                try await house.delivery(of: failed, "due", attempts: 1)
                _ = try await house.client().pauseFlow("flow")
                let waiting = try await house.event("waiting")

                #expect(try await house.client().archiveFlow("flow").state == "archived")

                for event in [failed, waiting] {
                    let cancelled = try await house.delivery(of: event, "cancelled")
                    #expect(cancelled.reason == "flow_archived" && cancelled.settledAt == house.clock.now().text)
                }
                #expect(try await house.client().archiveFlow(flow.id).state == "archived")
                let late = try await house.event("late")
                try await house.pass(.days(1))
                #expect(try await house.client().deliveries(event: late).items.isEmpty)
                #expect(receiver.posts.count == 1)
                for (method, path, body) in [
                    (HTTPMethod.POST, "flows/\(flow.id)/pause", nil), (.POST, "flows/\(flow.id)/resume", nil),
                    (.PATCH, "flows/\(flow.id)", #"{"name":"x"}"#),
                    (.POST, "deliveries/\(try await house.deliveryNow(of: failed).id)/retry", nil),
                ] as [(HTTPMethod, String, String?)] {
                    let refused = try await house.api(method, path, body)
                    #expect(refused.status == 409 && refused.problem?.code == "flow_archived", "\(path) \(refused.text)")
                }
                try await house.client().deleteDestination(destination.id)
                #expect(try await house.deliveryNow(of: failed).state == "cancelled")
                #expect(try await house.api(.POST, "events/\(failed)/replay").problem?.code == "no_flow")
            }
        }
    }

    @Test func `P8 a destination that is taken out of a flow gets nothing more of it; the others do`() async throws {
        try await Receiver.open { receiver async throws in
            try await TestHouse.open(TestHouse.near) { house async throws in
                receiver.status = 500
                for name in ["far", "near"] { try await house.destination(name, at: receiver) }
                try await house.flow(to: ["far", "near"])
                let event = try await house.event()
                for name in ["far", "near"] { try await house.delivery(of: event, "due", attempts: 1, to: name) }
                let refused = try await house.api(.DELETE, "destinations/far")
                #expect(refused.status == 409 && refused.problem?.code == "destination_in_use")
                #expect(refused.problem?.detail.contains("flow") ?? false)

                _ = try await house.client().editFlow("flow", FlowEdit(destinations: ["near"]))

                let cancelled = try await house.delivery(of: event, "cancelled", to: "far")
                #expect(cancelled.reason == "flow_archived" && cancelled.attempts == 1)
                receiver.status = 204
                try await house.pass(.seconds(10))
                try await house.delivery(of: event, "delivered", attempts: 2, to: "near")
                #expect(receiver.posts.filter { $0.target == "/hook/far" }.count == 1)
                let late = try await house.event()
                try await house.delivery(of: late, "delivered", to: "near")
                #expect(try await house.client().deliveries(event: late).items.count == 1)
                let again = try await house.api(.POST, "deliveries/\(cancelled.id)/retry")
                #expect(again.status == 409 && again.problem?.code == "destination_gone")
            }
        }
    }

    @Test func `N3 a held call that is released goes by the flows that are there then`() async throws {
        try await Receiver.open { receiver async throws in
            try await TestHouse.open(TestHouse.near) { house async throws in
                let token = try await house.client().createToken(NewToken(kind: "api", name: "t"))
                _ = try await house.client().deactivateToken(token.id)
                let secret = try #require(token.secret)
                #expect(try await house.call(bearer: secret, body: Data("held".utf8)).status == 401)
                try await house.settle()
                try await house.destination(at: receiver)
                try await house.flow()
                try await house.round()
                #expect(receiver.posts.isEmpty)
                _ = try await house.client().activateToken(token.id)

                let released = try await house.client().releaseHeldCalls(ReleaseHeld(all: true))

                let event = try #require(released.events.first)
                let delivered = try await house.delivery(of: event, "delivered")
                #expect(receiver.posts.map(\.text) == ["held"] && !delivered.isReplay)
            }
        }
    }

    // MARK: Dry run

    @Test func `P8 a dry run shows what would be sent, by the flow or by other rules, and sends nothing`() async throws {
        try await Receiver.open { receiver async throws in
            try await TestHouse.open(TestHouse.near) { house async throws in
                _ = try await house.client().setSecretVariable("KEY", NewSecretVariable(value: "hidden 51f3"))
                try await house.destination(
                    at: receiver,
                    settings: ["url": "\(receiver.base)/hook/{{KEY}}", "headers": "X-Key: {{KEY}}", "method": "PUT"])
                _ = try await house.client().createDestination(
                    NewDestination(name: "signed", kind: "standard-webhooks", settings: ["url": "https://example.com/in"]))
                let event = try await house.event(#"{"n":1}"#, headers: [("Inlet-Context", "tag")])
                try await house.flow(to: ["far", "signed"], filter: try JSONValue(json: #"{"path":"$.n","equals":1}"#))

                let run = try await house.client().dryRunFlow("flow", DryRunRequest(event: event))
                let answers = try await [
                    #"{"event":"\#(event)"}"#, #"{"event":"\#(event)","template":{"k":"{{KEY}}","n":"{{event.body.n}}"}}"#,
                ].asyncMap { try await house.api(.POST, "flows/flow/dry-run", $0) }
                let other = try await house.client().dryRunFlow(
                    "flow", DryRunRequest(event: event, filter: .text(#"{"path":"$.n","equals":2}"#)))

                #expect(run.isLetThrough && run.why != nil && run.messages.count == 2)
                let plain = try #require(run.messages.first)
                #expect(plain.method == "PUT" && plain.url == "\(receiver.base)/hook/KEY" && plain.body == #"{"n":1}"#)
                let headers = try #require(plain.headers)
                #expect(headers.contains(["X-Key", "{{KEY}}"]) && headers.contains(["Inlet-Event", event]))
                #expect(headers.contains(["Inlet-Context", "tag"]) && headers.contains(["Inlet-Attempt", "1"]))
                #expect(run.messages[1].headers?.contains { $0[0] == "webhook-signature" } ?? false)
                for answer in answers { #expect(answer.status == 200 && !answer.text.contains("hidden 51f3")) }
                let made = try Wire.decode(DryRunView.self, from: answers[1].body)
                #expect(made.messages.map(\.body) == Array(repeating: #"{"k":"{{KEY}}","n":1}"#, count: 2))
                #expect(!other.isLetThrough && other.messages.isEmpty && other.why?.contains("$.n") ?? false)
                try await house.round()
                #expect(receiver.posts.isEmpty)
                #expect(try await house.client().deliveries(event: event).items.isEmpty)
                #expect(try await house.client().flow("flow").template == nil)
            }
        }
    }

    // MARK: Secret variables

    @Test func `E11 secret variables fill settings and template, and while they do they cannot be deleted`() async throws {
        try await Receiver.open { receiver async throws in
            try await TestHouse.open(TestHouse.near) { house async throws in
                let client = house.client()
                for name in ["PATH_KEY", "FIELD_KEY", "BODY_KEY"] {
                    _ = try await client.setSecretVariable(name, NewSecretVariable(value: "\(name.lowercased())-77c1"))
                }
                receiver.status = 200
                receiver.text = "you sent field_key-77c1 and body_key-77c1"
                try await house.destination(
                    at: receiver,
                    settings: ["url": "\(receiver.base)/hook/{{PATH_KEY}}", "headers": "X-Key: Bearer {{FIELD_KEY}}"])
                try await house.flow(template: try JSONValue(json: #"{"k":"{{BODY_KEY}}"}"#))

                let event = try await house.event()
                let delivery = try await house.delivery(of: event, "delivered")

                let post = try #require(receiver.posts.first)
                #expect(post.target == "/hook/path_key-77c1" && post.headers["x-key"] == "Bearer field_key-77c1")
                #expect(post.text == #"{"k":"body_key-77c1"}"#)
                let answer = try #require(delivery.attemptList?.first?.answer)
                #expect(answer.contains("you sent") && !answer.contains("77c1"), "\(answer)")
                for (name, use) in [
                    ("PATH_KEY", "destination far: url"), ("FIELD_KEY", "destination far: headers"),
                    ("BODY_KEY", "flow flow: template"),
                ] {
                    let refused = try await house.api(.DELETE, "secret-variables/\(name)")
                    #expect(refused.status == 409 && refused.problem?.uses == [use], "\(refused.text)")
                }
                let shown = try await client.secretVariables().items.flatMap(\.uses)
                #expect(shown.count == 3)
                _ = try await client.setSecretVariable("BODY_KEY", NewSecretVariable(value: "new"))
                try await house.delivery(of: try await house.event(), "delivered")
                #expect(receiver.posts.last?.text == #"{"k":"new"}"#)
                _ = try await client.archiveFlow("flow")
                #expect(try await house.api(.DELETE, "secret-variables/BODY_KEY").status == 204)
            }
        }
    }

    @Test func `E11 a line break in a secret variable begins no header field of its own`() async throws {
        try await Receiver.open { receiver async throws in
            try await TestHouse.open(TestHouse.near) { house async throws in
                let value = "good\r\nX-Injected: 1"
                _ = try await house.client().setSecretVariable("KEY", NewSecretVariable(value: value))
                try await house.destination(at: receiver, settings: ["headers": "X-Key: {{KEY}}"])
                try await house.flow()

                let event = try await house.event()

                let delivery = try await house.delivery(of: event, "due", attempts: 1)
                let attempt = try #require(delivery.attemptList?.first)
                #expect(attempt.outcome == "not_built" && attempt.status == nil)
                #expect(attempt.error?.contains("KEY") ?? false)
                #expect(!(attempt.error?.contains("Injected") ?? true))
                #expect(receiver.posts.isEmpty)
                _ = try await house.client().setSecretVariable("KEY", NewSecretVariable(value: "good"))
                try await house.pass(.seconds(7))
                try await house.delivery(of: event, "delivered", attempts: 2)
                #expect(receiver.posts.first?.headers["x-key"] == "good")
            }
        }
    }
}
