import Checkpoints
import Text

extension ONNXModel.Node {
    func integer(_ name: String) -> Int? { if case .integer(let value)? = attributes[name] { value } else { nil } }
    func integers(_ name: String) -> [Int]? { if case .integers(let values)? = attributes[name] { values } else { nil } }
    func text(_ name: String) -> String? { if case .text(let value)? = attributes[name] { value } else { nil } }
    func real(_ name: String) -> Double? { if case .real(let value)? = attributes[name] { value } else { nil } }

    /// Refuses settings that the conversion does not follow.
    ///
    /// - Parameter names: those that it does.
    func checkAttributes(_ names: String...) throws(Problem) {
        guard let other = attributes.keys.filter({ !names.contains($0) }).min() else { return }
        throw Problem(
            "the setting '\(other)' is not known", subject: subject, expected: names.isEmpty ? "none" : names.joined(separator: ", "))
    }
}
