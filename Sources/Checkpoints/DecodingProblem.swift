/// A key of a JSON object whose names are data.
struct AnyKey: CodingKey {
    let stringValue: String
    var intValue: Int? { nil }

    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
}

/// What is wrong with a JSON text, in a few words.
package struct DecodingProblem {
    package let text: String

    package init(_ error: any Error) {
        guard let error = error as? DecodingError else {
            text = "it cannot be read as JSON"
            return
        }
        func place(_ context: DecodingError.Context) -> String {
            let path = context.codingPath.map { key in key.intValue.map { "\($0)" } ?? key.stringValue }
            return path.isEmpty ? "" : " at '\(path.joined(separator: "."))'"
        }
        switch error {
        case .keyNotFound(let key, let context): text = "no '\(key.stringValue)'" + place(context)
        case .typeMismatch(let type, let context): text = "not \(Self.words(type))" + place(context)
        case .valueNotFound(_, let context): text = "no value" + place(context)
        case .dataCorrupted(let context): text = "it is not JSON, or a number is out of range" + place(context)
        @unknown default: text = "it cannot be read as JSON"
        }
    }

    /// What a value of a type is in JSON.
    private static func words(_ type: any Any.Type) -> String {
        switch type {
        case is String.Type: "a text"
        case is Bool.Type: "true or false"
        case is any BinaryInteger.Type: "an integer"
        case is any BinaryFloatingPoint.Type: "a number"
        case is [Any].Type: "a list"
        default: "an object"
        }
    }
}
