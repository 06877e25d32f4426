import Modularity
import Text

extension AuditRow {
    /// The name and version of the format of a row.
    package static let schema = "modinspect.audit/1"

    /// The row as JSON on one line, without a line end. Reading it gives the same row, and writing that the same bytes.
    package var line: [UInt8] {
        var text = ByteText()
        do {
            try tree.write(to: &text, isIndented: false)
        } catch {
            preconditionFailure("\(error)")
        }
        return text.bytes
    }

    private var tree: JSONTree {
        .object([
            ("schema", .text(Self.schema)), ("path", .text(name)), ("status", .text(status.rawValue)), ("reason", .text(reason)),
            ("base", .text(base)), ("size", .whole(size)), ("modified", .whole(modified)), ("fingerprint", .text(fingerprint)),
            ("sha256", .text(sha256)), ("weightsSha256", .text(weightsSHA256)), ("sameAs", .text(sameAs)),
            ("container", .text(model?.container)), ("family", .text(model?.family)), ("parameters", .whole(model?.parameters)),
            ("dtypes", .texts(model?.dtypes ?? [])), ("encodings", .texts(model?.encodings ?? [])), ("step", .whole(model?.step)),
            (
                "leftOut",
                .array((model?.leftOut ?? []).map { .object([("reason", .text($0.reason)), ("count", .whole($0.count))]) })
            ),
            ("findings", .array(findings.map(\.tree))), ("results", .array(results.map(\.tree))),
        ])
    }

    /// Reads what ``line`` wrote.
    ///
    /// - Throws: ``Problem`` for anything else.
    package init(line: [UInt8]) throws(Problem) {
        let value = try JSONValue(line: line)
        let schema = try value.required("schema").text
        guard schema == Self.schema else {
            throw Problem("is not a row of an audit", expected: "schema '\(Self.schema)'", found: schema?.quotedInMessage)
        }
        let statusName = try value.requiredText("status")
        guard let status = AuditStatus(rawValue: statusName) else {
            throw Problem(
                "the status is not known", expected: Hint.list(AuditStatus.allCases.map(\.rawValue)), found: statusName.quotedInMessage)
        }
        self.init(
            name: try value.requiredText("path"), status: status, reason: value["reason"]?.text, base: value["base"]?.text,
            size: try value.requiredWhole("size"), modified: try value.requiredWhole("modified"),
            fingerprint: try value.requiredText("fingerprint"))
        sha256 = value["sha256"]?.text
        weightsSHA256 = value["weightsSha256"]?.text
        sameAs = value["sameAs"]?.text
        if let container = value["container"]?.text {
            var leftOut: [LeftOutCount] = []
            for element in value["leftOut"]?.elements ?? [] {
                leftOut.append(
                    LeftOutCount(reason: try element.requiredText("reason"), count: try element.requiredWhole("count")))
            }
            guard let dtypes = value["dtypes"]?.elements.texts, let encodings = value["encodings"]?.elements.texts else {
                throw .wrongMember("dtypes", "strings")
            }
            model = Model(
                container: container, family: try value.requiredText("family"), parameters: try value.requiredWhole("parameters"),
                dtypes: dtypes, encodings: encodings, step: value["step"]?.whole, leftOut: leftOut)
        }
        for element in value["findings"]?.elements ?? [] { findings.append(try Finding(element)) }
        for element in value["results"]?.elements ?? [] { results.append(try Result(element)) }
    }
}

extension Problem {
    fileprivate static func wrongMember(_ name: String, _ expected: String) -> Problem {
        Problem("the member '\(name)' is not valid", expected: expected)
    }
}

extension JSONValue {
    fileprivate func required(_ name: String) throws(Problem) -> JSONValue {
        guard let value = self[name] else { throw Problem("the member '\(name)' is missing") }
        return value
    }

    fileprivate func requiredText(_ name: String) throws(Problem) -> String {
        guard let text = try required(name).text else { throw .wrongMember(name, "a string") }
        return text
    }

    fileprivate func requiredWhole(_ name: String) throws(Problem) -> Int {
        guard let whole = try required(name).whole else { throw .wrongMember(name, "a whole number") }
        return whole
    }
}

extension JSONTree {
    fileprivate static func text(_ text: String?) -> JSONTree { .literal(text.map(JSONText.string) ?? "null") }
    fileprivate static func whole(_ number: Int?) -> JSONTree { .literal(number.map { "\($0)" } ?? "null") }
    fileprivate static func number(_ number: Double?) -> JSONTree { .literal(number.map(JSONText.number) ?? "null") }
    fileprivate static func texts(_ texts: [String]) -> JSONTree { .array(texts.map { text($0) }) }
}

extension Finding {
    fileprivate var tree: JSONTree {
        .object([
            ("finding", .text(kind.rawValue)), ("subject", .text(subject)), ("side", .text(side?.rawValue)), ("count", .whole(count)),
            ("detail", .text(detail)),
        ])
    }

    fileprivate init(_ value: JSONValue) throws(Problem) {
        let name = try value.requiredText("finding")
        guard let kind = Kind(rawValue: name) else { throw Problem("the finding is not known", found: name.quotedInMessage) }
        self.init(
            kind, subject: value["subject"]?.text, side: value["side"]?.text.flatMap(Side.init(rawValue:)),
            count: try value.requiredWhole("count"), detail: value["detail"]?.text)
    }
}

extension AuditRow.Result {
    fileprivate var tree: JSONTree {
        .object([
            ("k", .whole(k)), ("layers", .array(layers.map(\.tree))), ("mean", mean.tree), ("networkNcut", .number(networkNcut)),
        ])
    }

    fileprivate init(_ value: JSONValue) throws(Problem) {
        k = value["k"]?.whole
        layers = []
        for layer in value["layers"]?.elements ?? [] { layers.append(try AuditRow.Scores(layer)) }
        mean = try AuditRow.Scores(value.required("mean"))
        networkNcut = value["networkNcut"]?.real
    }
}

extension AuditRow.Scores {
    fileprivate var tree: JSONTree {
        .object(
            [("layer", .text(layer)), ("k", .whole(k))]
                + zip(Measure.allCases, measures).map { ($0.rawValue, .number($1)) } + [("null", null?.tree ?? .literal("null"))])
    }

    fileprivate init(_ value: JSONValue) throws(Problem) {
        layer = value["layer"]?.text
        k = value["k"]?.whole
        measures = Measure.allCases.map { value[$0.rawValue]?.real }
        null = try value["null"].map { null throws(Problem) in
            AuditRow.Null(
                samples: try null.requiredWhole("samples"), mean: null["mean"]?.real, sd: null["sd"]?.real, z: null["z"]?.real,
                p: null["p"]?.real, q: null["q"]?.real)
        }
    }
}

extension AuditRow.Null {
    fileprivate var tree: JSONTree {
        .object([
            ("samples", .whole(samples)), ("mean", .number(mean)), ("sd", .number(sd)), ("z", .number(z)), ("p", .number(p)),
            ("q", .number(q)),
        ])
    }
}
