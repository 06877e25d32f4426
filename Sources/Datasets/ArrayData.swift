import Archives
import Checkpoints
import Text

/// The arrays of an `.npz`, `.npy` or IDX file as samples and answers.
struct ArrayData {
    /// Which integers are token ids.
    enum TokenRule {
        /// One or two dimensions and at least 16 bits: narrower ones are pixels.
        case wide
        /// One or two dimensions, of any width.
        case any
        /// None.
        case never
    }

    /// The names of samples and of answers in an `.npz`.
    private static let sampleNames = ["x", "X", "images"]
    private static let targetNames = ["y", "Y", "labels"]

    let path: String
    let samples: TensorRecord
    let tokenRule: TokenRule
    /// The name of the samples' array, if the file has names.
    private let array: String?
    /// The answers, and where they were found.
    private(set) var targets: (record: TensorRecord, array: String?, path: String)?
    /// What the answers are read for; nil if the arrays decide.
    var task: DataTask?

    /// The array of an `.npy` file.
    init(npy file: DataFile, hasLabels: Bool) throws {
        path = file.path
        samples = try Self.npy(file.content, name: "", path: path)
        tokenRule = hasLabels ? .wide : .any
        array = nil
    }

    /// The array of an IDX file.
    init(idx file: DataFile) throws {
        path = file.path
        samples = try IDX.read(file.content, path: path)
        tokenRule = .never
        array = nil
    }

    /// The arrays of an `.npz` file that are samples and answers; others are not looked at. Stored arrays are used in place.
    init(npz file: DataFile) throws {
        path = file.path
        let arrays = try NPZMembers(file)
        guard let name = try arrays.name(among: Self.sampleNames) else {
            throw Problem(path: path, problem: "no samples", expected: "an array x, X or images", found: arrays.list)
        }
        let targetName = try arrays.name(among: Self.targetNames)
        let records = try arrays.records([name] + (targetName.map { [$0] } ?? []))
        samples = records[0]
        tokenRule = .wide
        array = name
        if let targetName { targets = (records[1], targetName, path) }
    }

    /// Reads the answers from a separate file.
    ///
    /// - Throws: ``Problem`` if there are some already, or the file holds none.
    mutating func readTargets(from labelsPath: String) throws {
        if let targets {
            throw Problem(
                "cannot be combined with the labels in the file itself, array '\(targets.array ?? "")'", path: path, setting: .labels,
                found: labelsPath)
        }
        let file = try DataFile(path: labelsPath)
        switch try file.kind(context: nil) {
        case .npy: targets = (try Self.npy(file.content, name: "", path: labelsPath), nil, labelsPath)
        case .idx: targets = (try IDX.read(file.content, path: labelsPath), nil, labelsPath)
        case .npz:
            let arrays = try NPZMembers(file)
            guard let name = try arrays.name(among: Self.targetNames) else {
                throw Problem(path: labelsPath, problem: "no labels", expected: "an array y, Y or labels", found: arrays.list)
            }
            targets = (try arrays.records([name])[0], name, labelsPath)
        case .text, .labelledText, .pairs, .flatTokens, .images:
            throw Problem(path: labelsPath, problem: "no labels", expected: "IDX, npy or npz")
        }
    }

    /// Samples and answers together.
    ///
    /// - Throws: ``Problem`` if they do not fit one another or the options.
    func dataset(normalization: Normalization?, context: Int?) throws -> Dataset {
        guard !samples.shape.contains(0) else {
            throw refusal("holds no samples", expected: "no dimension of 0", found: "\(samples.shape)")
        }
        if isTokens { return try tokenDataset(normalization: normalization, context: context) }
        if context != nil {
            throw refusal("is for token ids", .context, expected: "integers", found: "\(samples.dtype.rawValue) \(samples.shape)")
        }
        guard samples.shape.count > 1 else {
            throw refusal(
                "samples without a shape", expected: "[N, ...]", found: "\(samples.shape)",
                hint: tokenRule == .never ? .giveLabels : nil)
        }
        let values = try Self.values(
            samples, shape: Array(samples.shape.dropFirst()), scale: samples.dtype == .u8 ? .byte : .plain, normalization: normalization,
            array: array, path: path)
        return Dataset(name: path, inputs: .values(values), targets: try answers(count: values.count) { .labels($0) } ?? .none)
    }

    /// The answers as the task reads them; nil if there are none, or if none are read.
    private func answers(count: Int, _ classes: ([Int32]) -> Dataset.Targets) throws -> Dataset.Targets? {
        switch task {
        case .nextToken, .masked, .reconstruction: return nil
        case .classify, nil: return try checkedTargets(count: count).map(classes)
        case .regression:
            guard let targets else {
                throw refusal("has no numbers to compare with", expected: "an array y", found: "none", hint: .giveLabels)
            }
            let numbers = try StoredNumbers.targets(targets.record, array: targets.array, path: targets.path)
            try checkCount(numbers.count, count: count, of: targets)
            return .numbers(numbers)
        }
    }

    private func checkCount(_ found: Int, count: Int, of targets: (record: TensorRecord, array: String?, path: String)) throws {
        guard found == count else {
            throw Problem(
                path: targets.path, array: targets.array, problem: "the number of labels differs from the number of samples",
                expected: "\(count)",
                found: "\(found)")
        }
    }

    /// Stored numbers as samples, with a normalisation that fits their channels.
    static func values(
        _ record: TensorRecord, shape: [Int], scale: SampleValues.Scale, normalization: Normalization?, array: String?, path: String
    ) throws -> SampleValues {
        if let normalization, normalization.means.count > 1, normalization.means.count != shape.first {
            throw Problem(
                "does not fit the channels of a sample \(shape)", path: path, setting: .normalization,
                expected: "1 or \(shape.first ?? 1) means", found: "\(normalization.means.count)")
        }
        return SampleValues(record, shape: shape, scale: scale, normalization: normalization)
    }

    /// Whether the samples are images whose values were not scaled yet.
    var areImagesOfIntegers: Bool { !samples.dtype.isFloatingPoint && samples.dtype != .bool && samples.shape.count > 2 }
    /// Whether these are divided by 255.
    var areImagesOfBytes: Bool { samples.dtype == .u8 && samples.shape.count > 2 }

    /// The shape of a sample as stored.
    var sampleShape: [Int] { Array(samples.shape.dropFirst()) }
    var sampleType: String { samples.dtype.rawValue }

    var isTokens: Bool {
        guard samples.shape.count == 1 || samples.shape.count == 2, !samples.dtype.isFloatingPoint, samples.dtype != .bool else {
            return false
        }
        switch tokenRule {
        case .wide: return samples.dtype.bytesPerBlock > 1
        case .any: return true
        case .never: return false
        }
    }

    private func tokenDataset(normalization: Normalization?, context: Int?) throws -> Dataset {
        if normalization != nil {
            throw refusal("is for values", .normalization, expected: "real numbers or bytes", found: "token ids")
        }
        if samples.shape.count == 1 {
            if let targets {
                throw refusal("labels for token ids without samples", expected: "[N, T]", found: "\(samples.shape) and \(targets.path)")
            }
            return try FlatTokens(samples, array: array, path: path).dataset(context: context)
        }
        let length = samples.shape[1]
        guard context == nil || context == length else {
            throw refusal(
                "cannot cut sequences that already have a length", .context, expected: "\(length) or none",
                found: "\(context.map(String.init) ?? "none")")
        }
        try StoredIntegers.checkTokens(samples, length: length, array: array, path: path)
        let tokens = TokenSequences(checked: samples, length: length, total: samples.elementCount)
        if let answers = try answers(count: tokens.count, { .answers($0) }) {
            return Dataset(name: path, inputs: .tokens(tokens), targets: answers)
        }
        guard length > 1 || task == .masked else {
            throw refusal("sequences of one token predict nothing", expected: "[N, T] or answers", found: "\(samples.shape)")
        }
        return Dataset(name: path, inputs: .tokens(tokens), targets: .nextToken)
    }

    private func checkedTargets(count: Int) throws -> [Int32]? {
        guard let targets else { return nil }
        let list = try StoredIntegers.targets(targets.record, array: targets.array, path: targets.path)
        try checkCount(list.count, count: count, of: targets)
        return list
    }

    private func refusal(_ problem: String, expected: String, found: String, hint: Hint? = nil) -> Problem {
        Problem(path: path, array: array, problem: problem, expected: expected, found: found, hint: hint)
    }

    /// Refuses a setting.
    private func refusal(_ problem: String, _ setting: Setting, expected: String, found: String) -> Problem {
        Problem(problem, path: path, setting: setting, expected: expected, found: found)
    }

    fileprivate static func npy(_ content: ByteRegion, name: String, path: String) throws -> TensorRecord {
        do {
            return try NPY.record(content, name: name, path: path)
        } catch var error as Problem {
            error.subject = name.isEmpty ? nil : "array '\(name)'"
            throw error
        }
    }
}

/// The arrays of an `.npz`, none read before it is requested.
private struct NPZMembers {
    private let file: DataFile
    private let directory: ZipDirectory
    private let entries: [String: ZipDirectory.Entry]

    init(_ file: DataFile) throws {
        self.file = file
        do throws(Problem) {
            guard let directory = try ZipDirectory(file.content) else { throw Problem("is not a zip file") }
            if let problem = directory.trailingProblem { throw problem }
            self.directory = directory
        } catch {
            throw error.at(path: file.path)
        }
        let arrays = directory.entries.filter { $0.name.hasSuffix(".npy") }
        entries = Dictionary(arrays.map { (String($0.name.dropLast(4)), $0) }) { first, _ in first }
    }

    /// The arrays' names for a message.
    var list: String {
        let names = entries.keys.sorted()
        if names.isEmpty { return "no arrays" }
        return names.listed()
    }

    /// The one of `names` that exists, nil if none is.
    func name(among names: [String]) throws -> String? {
        let present = names.filter { entries[$0] != nil }
        guard present.count < 2 else {
            throw Problem(
                path: file.path, problem: "several arrays for one purpose", expected: "one of \(names.joined(separator: ", "))",
                found: present.joined(separator: ", "))
        }
        return present.first
    }

    /// The arrays called `names`, which must exist.
    func records(_ names: [String]) throws -> [TensorRecord] {
        let chosen = names.compactMap { entries[$0] }
        let unpacked: [String: ByteRegion]
        do {
            unpacked = try directory.inflate(Set(chosen.filter { !$0.isStored }.map(\.name)), from: file.content)
        } catch {
            throw error.at(path: file.path)
        }
        let damage = directory.damage(in: Set(chosen.map(\.name)), of: file.content)
        return try zip(names, chosen).map { name, entry in
            if let problem = damage[entry.name] { throw problem.at(path: file.path) }
            guard let bytes = entry.region ?? unpacked[entry.name] else {
                throw Problem(path: file.path, array: name, problem: "has no content")
            }
            return try ArrayData.npy(bytes, name: name, path: file.path)
        }
    }
}
