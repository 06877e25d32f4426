import Text

/// The names of a model's classes, by which labels in words become numbers.
package struct ClassNames: Sendable {
    /// The class of each name; empty if the model names none.
    private let classes: [String: Int32]
    /// The class of each name that a library gave to a class without one.
    private let defaults: [String: Int32]
    /// The name of each class that has one to itself.
    package let names: [Int: String]
    /// The number of the model's outputs.
    private let count: Int
    /// Whether the model gives each sample any number of classes, each with a probability of its own.
    package var areSeveralEach = false
    /// Why the model's names are not to be relied on, an error where labels are such names; nil if they are.
    package var problem: Problem?

    /// - Parameters:
    ///   - names: by class, as a `config.json` has them; names such as `LABEL_0` say no more than the number and are not shown.
    ///   - count: the number of the model's outputs.
    package init(_ names: [(name: String, label: Int32)], count: Int) {
        let telling = names.filter { !Self.isDefault($0.name, of: $0.label) }
        classes = Dictionary(telling.map { ($0.name, $0.label) }) { first, _ in first }
        let others = names.filter { Self.isDefault($0.name, of: $0.label) }
        // Without names in the configuration, transformers calls the classes so.
        defaults = Dictionary(
            names.isEmpty ? (0..<Int32(clamping: count)).map { (Self.defaultPrefix + "\($0)", $0) } : others.map { ($0.name, $0.label) }
        ) { first, _ in first }
        let counts = Dictionary(telling.map { ($0.name, 1) }, uniquingKeysWith: +)
        self.names = Dictionary(
            telling.filter { counts[$0.name] == 1 && !$0.name.isEmpty }.map { (Int($0.label), $0.name) },
            uniquingKeysWith: { first, _ in first })
        self.count = count
    }

    /// Whether the name is the one that a library gives to this class if nobody else does.
    package static func isDefault(_ name: String, of label: Int32) -> Bool { name == defaultPrefix + "\(label)" }

    private static let defaultPrefix = "LABEL_"

    /// The numbers of labels that stand in a file, one for each sample, and what was assumed.
    struct Numbering {
        let labels: [Int32]
        /// A sentence for the user; nil if nothing was assumed.
        let note: String?
        /// Whether the model itself names the labels.
        let isNamed: Bool
        /// What the labels themselves call the classes; empty for numbers.
        var names: [Int: String] = [:]
    }

    /// The numbers of `labels`: by the model's names, otherwise as whole numbers, otherwise in sorted order.
    ///
    /// - Parameters:
    ///   - areNumbers: whether they were written as numbers, which are classes whatever the names are.
    ///   - areGroups: whether they may be any names, and any number of them, because the model is not asked for them.
    ///   - place: how a message names a sample.
    /// - Throws: ``Problem`` that names the first label that is none of these.
    func numbering(
        _ labels: [String], areNumbers: Bool = false, areGroups: Bool = false, path: String, place: (Int) -> String
    ) throws(Problem) -> Numbering {
        let distinct = Set(labels)
        if !areNumbers, !areGroups, let problem, labels.contains(where: { Int64($0) == nil && Self.wholeNumber($0) == nil }) {
            throw problem
        }
        if !areNumbers, !(classes.isEmpty && defaults.isEmpty), let found = byName(labels) {
            let unlike = zip(labels, found).first { Int32($0) != nil && Int32($0) != $1 }
            return Numbering(
                labels: found,
                note: unlike.map { "the labels are taken for the model's names of classes: \($0.quotedInMessage) is \($1)" }, isNamed: true,
                names: names)
        }
        let numbers = labels.map { Int64($0) ?? Self.wholeNumber($0) }
        if let other = numbers.firstIndex(of: nil) {
            if areGroups { return inOrder(distinct.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }, of: labels) }
            let known = classes.sorted { ($0.value, $0.key) < ($1.value, $1.key) }.map { $0.key.quotedInMessage }
            guard known.isEmpty else {
                let unknown = labels.indices.first { byName([labels[$0]]) == nil } ?? other
                throw Problem(
                    path: path, problem: "\(place(unknown)) has a label that the model does not name", expected: known.listed(),
                    found: labels[unknown].quotedInMessage)
            }
            if let number = numbers.firstIndex(where: { $0 != nil }) {
                let (first, second) = (min(other, number), max(other, number))
                throw Problem(
                    path: path, problem: "some labels are numbers and others are names", expected: "one kind",
                    found: "\(labels[first].quotedInMessage) at \(place(first)) and \(labels[second].quotedInMessage) at \(place(second))")
            }
            return try inOrder(labels, distinct, path)
        }
        return Numbering(
            labels: try numbers.enumerated().map { (sample, number) throws(Problem) in
                guard let number, let label = Int32(exactly: number), label >= 0 else {
                    throw Problem(
                        path: path, problem: "\(place(sample)) has a label that is no class", expected: "0 to \(Int32.max)",
                        found: labels[sample].quotedInMessage)
                }
                return label
            }, note: nil, isNamed: false)
    }

    /// A whole number written with a fraction of 0, as `1.0`.
    private static func wholeNumber(_ label: String) -> Int64? {
        guard label.contains("."), label.utf8.allSatisfy({ (0x30...0x39).contains($0) || $0 == 0x2E || $0 == 0x2D }),
            let number = Double(label)
        else { return nil }
        return abs(number) < 1e15 ? Int64(exactly: number) : nil
    }

    /// The classes of the labels if the model names them all, whatever the case of their letters.
    private func byName(_ labels: [String]) -> [Int32]? {
        let exact = labels.compactMap { classes[$0] ?? defaults[$0] }
        if exact.count == labels.count { return exact }
        let folded = Dictionary(grouping: classes.merging(defaults) { name, _ in name }, by: { $0.key.lowercased() })
        let found = labels.compactMap { label in folded[label.lowercased()].flatMap { $0.count == 1 ? $0[0].value : nil } }
        return found.count == labels.count ? found : nil
    }

    /// Names that the model does not know, numbered in the order of their bytes.
    ///
    /// This needs all of them: otherwise another file of the same data, in which one is missing, would be numbered differently.
    private func inOrder(_ labels: [String], _ distinct: Set<String>, _ path: String) throws(Problem) -> Numbering {
        let names = distinct.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        guard names.count == count else {
            throw Problem(
                path: path, problem: "the labels are names that the model does not have, and not as many as its outputs",
                expected: "\(count) names, numbers, or names in config.json under id2label",
                found: "\(names.count): \(names.map(\.quotedInMessage).listed())")
        }
        return inOrder(names, of: labels)
    }

    /// The labels as their places among the names.
    private func inOrder(_ names: [String], of labels: [String]) -> Numbering {
        let numbers = Dictionary(uniqueKeysWithValues: names.enumerated().map { ($1, Int32($0)) })
        let shown = names.enumerated().map { "\($1.quotedInMessage) is \($0)" }.listed()
        let reason = classes.isEmpty ? "the model names no classes" : "the model does not name all of these classes"
        return Numbering(
            labels: labels.map { numbers[$0] ?? 0 }, note: "\(reason); the labels are numbered in sorted order: \(shown)", isNamed: false,
            names: Dictionary(uniqueKeysWithValues: names.enumerated().map { ($0, $1) }))
    }
}
