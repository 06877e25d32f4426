import Text

/// Shapes that do not go together; whoever knows the node says where.
package typealias ShapeProblem = Problem

/// Why a network could not be built or run; the caller knows the checkpoint's path.
package typealias NetworkError = Problem

extension Problem {
    init(_ shapes: ShapeProblem, at site: String) { self = shapes.about("site '\(site)'") }
}

/// A shape as it is written in messages: `8x512x768`.
func words(_ shape: [Int]) -> String { shape.isEmpty ? "a scalar" : shape.map(String.init).joined(separator: "x") }
