import Datasets
import Text

/// What a `config.json` says of a classifier's classes: their names, in `id2label` and `label2id`, and how many of them a sample has.
///
/// Names such as `LABEL_0` are those that libraries write where nobody gave any; they contradict nothing.
struct ConfiguredClasses {
    /// By class; of a class that `id2label` gives no name of its own, what `label2id` says.
    private(set) var names: [(name: String, label: Int32)] = []
    /// Why the names are not to be relied on; nil if they are.
    private(set) var problem: Problem?
    /// What the outputs are, `regression` or one of two kinds of classes; nil if the file does not say.
    let problemType: String?

    static let regression = "regression"
    /// Any number of classes for a sample, each with a probability of its own.
    static let severalEach = "multi_label_classification"
    static let problemTypes = [regression, "single_label_classification", severalEach]

    /// - Parameters:
    ///   - bytes: the file's.
    ///   - count: the number of the model's outputs.
    init(_ bytes: UnsafeRawBufferPointer, count: Int) {
        problemType = JSONCursor.member("problem_type", of: bytes)?.text
        do throws(Problem) {
            let byClass = try Self.byClass(JSONCursor.member("id2label", of: bytes), count: count)
            let byName = try Self.byName(JSONCursor.member("label2id", of: bytes), count: count)
            names = byClass
            var known = Dictionary(byClass.map { ($0.label, $0.name) }) { first, _ in first }
            let own = Dictionary(byClass.map { ($0.name, $0.label) }) { first, _ in first }
            for (name, label) in byName where !ClassNames.isDefault(name, of: label) {
                if let other = own[name], other != label {
                    throw Self.contradiction("label2id", "gives \(name.quotedInMessage) another class", "\(other), as id2label", "\(label)")
                }
                if let other = known[label], !ClassNames.isDefault(other, of: label), other != name {
                    throw Self.contradiction(
                        "label2id", "calls class \(label) otherwise", "\(other.quotedInMessage), as id2label", name.quotedInMessage)
                }
                names.removeAll { $0.label == label }
                names.append((name, label))
                known[label] = name
            }
            if let problemType, !Self.problemTypes.contains(problemType) {
                throw Self.contradiction(
                    "problem_type", "is not known", Self.problemTypes.joined(separator: ", "), problemType.quotedInMessage)
            }
        } catch {
            problem = error
        }
    }

    private static func contradiction(_ name: String, _ what: String, _ expected: String, _ found: String) -> Problem {
        Problem(what, subject: "config.json: '\(name)'", expected: expected, found: found)
    }

    /// The names of `id2label`, in the order of the classes.
    private static func byClass(_ value: JSONValue?, count: Int) throws(Problem) -> [(name: String, label: Int32)] {
        guard case .object(let members)? = value else { return [] }
        var found: [Int32: String] = [:]
        var first: [String: Int32] = [:]
        for member in members {
            guard let label = Int32(member.name), 0..<count ~= Int(label), found[label] == nil else {
                throw contradiction("id2label", "names no class", "each of 0 to \(max(0, count - 1)) once", member.name.quotedInMessage)
            }
            guard let name = member.value.text else {
                throw contradiction("id2label", "has a name that is no text", "text for class \(label)", "another kind of value")
            }
            found[label] = name
        }
        for (label, name) in found.sorted(by: { $0.key < $1.key }) {
            if let other = first[name] {
                throw contradiction(
                    "id2label", "gives several classes one name", "a name for each class",
                    "\(name.quotedInMessage) for \(other) and \(label)")
            }
            first[name] = label
        }
        return found.sorted { $0.key < $1.key }.map { ($0.value, $0.key) }
    }

    /// The names of `label2id`.
    private static func byName(_ value: JSONValue?, count: Int) throws(Problem) -> [(name: String, label: Int32)] {
        guard case .object(let members)? = value else { return [] }
        var names: [Int32: String] = [:]
        return try members.map { member throws(Problem) in
            guard case .integer(let id) = member.value, let label = Int32(exactly: id), 0..<count ~= Int(label) else {
                // A library's own names may be left over from a model of other classes.
                if case .integer(let id) = member.value, let label = Int32(exactly: id), ClassNames.isDefault(member.name, of: label) {
                    return (member.name, label)
                }
                throw contradiction("label2id", "names no class", "0 to \(max(0, count - 1))", "\(member.name.quotedInMessage)")
            }
            if let other = names[label] {
                throw contradiction(
                    "label2id", "gives one class several names", "a name for each class",
                    "\(other.quotedInMessage) and \(member.name.quotedInMessage) for \(label)")
            }
            names[label] = member.name
            return (member.name, label)
        }
    }
}
