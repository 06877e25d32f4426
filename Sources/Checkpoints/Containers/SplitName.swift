import Text

/// The name of one file of a model that llama.cpp has split: `NAME-00001-of-00003.gguf`.
struct SplitName {
    /// The part before the numbers.
    let stem: String
    /// Counted from 1.
    let number: Int
    let count: Int

    init?(_ baseName: String) {
        guard baseName.hasSuffix(".gguf"), ModelFiles.isShard(baseName) else { return nil }
        let parts = MemberPath.stem(baseName).split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count >= 4, parts[parts.count - 1].utf8.count == 5, parts[parts.count - 3].utf8.count == 5,
            let count = Int(parts[parts.count - 1]), let number = Int(parts[parts.count - 3]), number >= 1, number <= count
        else { return nil }
        stem = parts.dropLast(3).joined(separator: "-")
        self.number = number
        self.count = count
    }

    /// The names of all the files, in their order.
    var all: [String] { (1...count).map { "\(stem)-\(Self.digits($0))-of-\(Self.digits(count)).gguf" } }

    private static func digits(_ number: Int) -> String {
        let text = String(number)
        return String(repeating: "0", count: max(0, 5 - text.utf8.count)) + text
    }
}

extension WeightFile {
    /// The parts of a split model as one.
    ///
    /// - Parameters:
    ///   - files: in their order.
    ///   - path: how errors name the part that was given.
    /// - Throws: ``Problem`` if they do not belong together.
    static func joining(_ files: [WeightFile], paths: [String], path: String) throws(Problem) -> WeightFile {
        var tensors: [TensorRecord] = []
        var unreadable: [UnreadableTensor] = []
        for (place, file) in files.enumerated() {
            guard let part = file.part, part.count == files.count, part.number == place else {
                throw Problem(
                    path: paths[place], problem: "is not the part that its name indicates",
                    expected: "part \(place + 1) of \(files.count)",
                    found: file.part.map { "part \($0.number + 1) of \($0.count)" } ?? "a file that is not split")
            }
            tensors += file.models.first?.tensors ?? []
            unreadable += file.models.first?.unreadable ?? []
        }
        if let expected = files.first?.part?.tensorCount, expected != tensors.count + unreadable.count {
            throw Problem(
                path: path, problem: "the parts do not hold all tensors", expected: "\(expected)",
                found: "\(tensors.count + unreadable.count)")
        }
        return WeightFile(
            format: "\(files.count) GGUF parts", models: [.init(key: "", tensors: tensors, unreadable: unreadable)], keepsOrder: true,
            metadata: files.first?.metadata ?? [])
    }

    /// The error for a single part whose name does not lead to the others.
    func nameProblem(_ baseName: String, path: String) -> Problem {
        let (number, count) = (part.map { $0.number + 1 } ?? 1, part?.count ?? 1)
        return Problem(
            path: path, problem: "is part \(number) of \(count) of a split model, and its name does not say so",
            expected: "a name such as model-00001-of-00003.gguf", found: baseName.quotedInMessage)
    }
}
