import Domain

// What is wrong with a filter or template, for the person who wrote it.

extension FlowFilterError {
    var operationError: OperationError {
        .invalid(field: place.isEmpty ? "filter" : "filter.\(place)", fault.words)
    }
}

extension FlowFilterError.Fault {
    fileprivate var words: String {
        switch self {
        case .unreadable(let error): error.words
        case .tooDeep(let most): "nests deeper than \(most) levels of conditions."
        case .tooManyConditions(let most): "has more than \(most) conditions."
        case .noObject: "must be an object: a condition, or `all`, `any` or `not`."
        case .noList: "must be a list."
        case .empty: "must not be empty."
        case .unknownName: "is no name of a filter; there are: all, any, not, header, content_type, context, path and the tests."
        case .repeatedName: "stands there twice."
        case .noSubject: "must say what it looks at: `header`, `content_type`, `context` or `path`."
        case .severalSubjects: "must look at one thing only."
        case .noTest: "must hold a test: equals, contains, exists, in, less, at_most, greater or at_least."
        case .severalTests: "must hold one test only; join conditions with `all`."
        case .badHeaderName: "must be the name of a header field."
        case .badPath(let error): error.words
        case .notTrue: "must be true."
        case .noBool: "must be true or false."
        case .noNumber: "must be a number."
        case .noScalar: "must be a single value, no list and no object."
        }
    }
}

extension BodyTemplateError {
    var operationError: OperationError {
        .invalid(field: place.isEmpty ? "template" : "template.\(place)", fault.words)
    }
}

extension BodyTemplateError.Fault {
    fileprivate var words: String {
        switch self {
        case .unreadable(let error): error.words
        case .tooManyFields(let most): "has more than \(most) merge fields."
        case .badField(let beginning):
            "has `{{` with no merge field behind it, at `\(beginning)`; there are event.id, event.received_at, event.webhook, "
                + "event.context, event.content_type, event.headers.Name, event.body and paths below it, and secret variables."
        case .fieldInName: "has a merge field in a name; they stand in values only."
        case .repeatedName: "has a name twice."
        }
    }
}

extension JSONReadError {
    fileprivate var words: String {
        switch self {
        case .tooLong(let most): "is longer than \(most) bytes."
        case .tooDeep(let most): "nests deeper than \(most) levels."
        case .tooManyNodes(let most): "holds more than \(most) values."
        case .notUTF8: "must be UTF-8."
        case .ends: "is no JSON: it breaks off."
        case .unexpected(let offset): "is no JSON: at byte \(offset) stands what may not stand there."
        case .badEscape(let offset): "is no JSON: the escape at byte \(offset) is none."
        case .controlCharacter(let offset): "is no JSON: a control character stands at byte \(offset)."
        }
    }
}

extension JSONPathError {
    fileprivate var words: String {
        switch self {
        case .tooLong(let most): "is longer than \(most) bytes."
        case .tooManySteps(let most): "has more than \(most) steps."
        case .bad(let offset): "is no path such as `$.order.lines[0]`; it breaks off at byte \(offset)."
        }
    }
}
