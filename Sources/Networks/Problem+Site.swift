import Text

extension Problem {
    init(_ shapes: Problem, at site: String) { self = shapes.about("site '\(site)'") }
}

/// A shape in the form of messages: `8x512x768`.
func words(_ shape: [Int]) -> String { shape.isEmpty ? "a scalar" : shape.map(String.init).joined(separator: "x") }
