import Archives
import Text

/// Checkpoints of DeepSpeed's ZeRO: the weights are stored flat, in single precision, in the optimiser states of all processes.
///
/// As DeepSpeed's own `zero_to_fp32.py` puts them together: in stages 1 and 2 the processes' parts of a group follow each other; in stage 3
/// every parameter is cut into one part for each process, the last ones filled up.
struct DeepSpeedCheckpoint {
    /// A process's flat weights, one tensor for each group of parameters.
    private struct Partition {
        let groups: [TensorRecord]
        let isStage3: Bool
    }

    private let states: [DeepSpeedState]
    private let partitions: [Partition]

    static let modelEnding = "_model_states.pt"
    static let optimizerEnding = "_optim_states.pt"

    /// Whether the file is a description of a model, with the processes' flat weights in the same folder.
    static func isIndex(_ file: ContainerFile, in files: [ContainerFile]) -> Bool {
        file.baseName.hasSuffix(modelEnding) && files.contains { $0.folder == file.folder && $0.baseName.hasSuffix(optimizerEnding) }
    }

    /// Reads the checkpoint in the folder of `index`.
    ///
    /// - Returns: the model, and the bytes that were read.
    /// - Throws: ``Problem`` if a process's file is missing, or if the parts are not those that the parameters need.
    static func read(_ container: some Container, index: ContainerFile) throws -> (WeightFile, [ByteRegion]) {
        // The processes' numbers are in the files' names.
        let beside = container.files.filter { $0.folder == index.folder }.sorted { $0.name.precedesNaturally($1.name) }
        if let slice = beside.first(where: { $0.baseName.contains("mp_rank_01") }) {
            throw Problem(
                path: container.displayPath(slice.name),
                problem: "is one of several slices of a tensor-parallel model, which are not supported",
                hint: "convert the checkpoint with DeepSpeed's ds_to_universal.py, or save the model whole")
        }
        let modelFiles = beside.filter { $0.baseName.hasSuffix(modelEnding) }
        let optimizerFiles = beside.filter { $0.baseName.hasSuffix(optimizerEnding) }
        let folder = container.displayPath(index.folder)
        try DeepSpeedProcesses.check(optimizerFiles, count: optimizerFiles.count, what: "optimiser states", folder: folder)
        let contents = try container.contents(of: Set((modelFiles + optimizerFiles).map(\.name)))
        func open(_ file: ContainerFile) throws(Problem) -> TorchFile {
            let path = container.displayPath(file.name)
            guard let bytes = contents[file.name] else { throw Problem(path: path, problem: "cannot be read") }
            return try TorchFile(bytes, path: path)
        }
        let states = try modelFiles.map { try DeepSpeedState(open($0), path: container.displayPath($0.name)) }
        let partitions = try optimizerFiles.map { file in
            try partition(open(file), of: optimizerFiles, folder: folder, path: container.displayPath(file.name))
        }
        if partitions.contains(where: \.isStage3) {
            // Every process has written a description.
            try DeepSpeedProcesses.check(modelFiles, count: partitions.count, what: "the description of the model", folder: folder)
        }
        let path = container.displayPath(index.name)
        let checkpoint = DeepSpeedCheckpoint(states: states, partitions: partitions)
        let file: WeightFile
        do throws(Problem) {
            file = try checkpoint.weights(path: path)
        } catch {
            throw error.at(path: path)
        }
        return (file, (modelFiles + optimizerFiles).compactMap { contents[$0.name] })
    }

    private static func partition(
        _ file: TorchFile, of files: [ContainerFile], folder: String, path: String
    ) throws(Problem) -> Partition {
        let count = files.count
        let pickle = file.pickle
        guard let state = file["optimizer_state_dict"], let members = pickle.members(state) else {
            throw Problem(path: path, problem: "holds no state of an optimiser")
        }
        func member(_ name: String) -> PickleValue? { members.first { $0.key == name }?.value }
        if let counts = member("partition_count") {
            guard let found = pickle.integer(counts) ?? pickle.sequence(counts)?.compactMap({ pickle.integer($0) }).max() else {
                throw Problem(path: path, problem: "'partition_count' is not a number of processes", expected: "\(count)")
            }
            try DeepSpeedProcesses.check(files, count: found, what: "optimiser states", folder: folder)
            guard found == count else {
                throw Problem(
                    path: path, problem: "this checkpoint was written by a different number of processes",
                    expected: "\(found) files of optimiser states",
                    found: "\(count)")
            }
        }
        let flat = member("fp32_flat_groups")
        guard let list = flat ?? member("single_partition_of_fp32_groups"), let values = pickle.sequence(list) else {
            throw Problem(path: path, problem: "holds no weights of single precision", expected: "the states of ZeRO's stages 1 to 3")
        }
        // DeepSpeed's own enumeration, or its number.
        let stage = member("zero_stage").flatMap { value in
            pickle.integer(value) ?? pickle.object(value).flatMap { pickle.sequence($0.arguments)?.first }.flatMap { pickle.integer($0) }
        }
        let expected = flat == nil ? 1...2 : 3...3
        if let stage, !expected.contains(stage) {
            throw Problem(
                path: path, problem: "the stage of ZeRO and the weights contradict each other",
                expected: flat == nil ? "stage 1 or 2" : "stage 3", found: "stage \(stage)")
        }
        var groups: [TensorRecord] = []
        for (place, value) in values.enumerated() {
            guard let record = try file.record(value, name: "group \(place)") else {
                throw Problem(path: path, problem: "group \(place) of the flat weights is not a tensor")
            }
            groups.append(record)
        }
        return Partition(groups: groups, isStage3: flat != nil)
    }

    private func weights(path: String) throws(Problem) -> WeightFile {
        guard let first = states.first, let isStage3 = partitions.first?.isStage3, !partitions.contains(where: { $0.isStage3 != isStage3 })
        else { throw Problem("the processes' files are of different stages") }
        for partition in partitions where partition.groups.map(\.elementCount).count != partitions[0].groups.count {
            throw Problem(
                "the processes' files have different groups of weights", expected: "\(partitions[0].groups.count)",
                found: "\(partition.groups.count)")
        }
        var tensors: [TensorRecord] = first.buffers
        tensors += try frozen(first)
        tensors += try isStage3 ? stage3(first) : stage2(first)
        var places = Dictionary(tensors.enumerated().map { ($1.name, $0) }) { first, _ in first }
        for (name, other) in first.shared where places[name] == nil {
            guard let place = places[other] else { continue }
            places[name] = tensors.count
            tensors.append(tensors[place].named(name))
        }
        var order: [String: Int] = [:]
        for (place, name) in first.moduleNames.enumerated() { order[name] = place }
        // Parameters are stored group by group; the module's own dictionary, if there is one, has the model's order.
        let isOrdered = tensors.allSatisfy { order[$0.name] != nil }
        if isOrdered { tensors.sort { (order[$0.name] ?? 0) < (order[$1.name] ?? 0) } }
        var file = WeightFile(
            format: "DeepSpeed ZeRO checkpoint", models: [.init(key: "", tensors: tensors)],
            keepsOrder: isOrdered || first.groups.count == 1, foreignGlobals: first.foreignGlobals)
        file.training = first.training
        return file
    }

    /// The parameters that are not trained: whole in stages 1 and 2, in stage 3 one part in each process's description.
    private func frozen(_ first: DeepSpeedState) throws(Problem) -> [TensorRecord] {
        var tensors: [TensorRecord] = []
        for (name, shape) in first.frozenShapes {
            do throws(Problem) {
                let parts = states.compactMap { $0.frozenParts[name] }
                guard parts.count == states.count else {
                    throw Problem("is frozen and misses parts", expected: "\(states.count)", found: "\(parts.count)")
                }
                let count = try TensorRecord.byteCount(dtype: .u8, shape: shape)
                if partitions[0].isStage3 {
                    let part = Self.part(of: count, among: parts.count)
                    if let other = parts.first(where: { $0.elementCount != part }) {
                        throw Problem(
                            "is frozen and has a part of another length", expected: "\(part) elements", found: "\(other.elementCount)")
                    }
                } else if parts[0].shape != shape {
                    throw Problem("is frozen and has another shape than its description", expected: "\(shape)", found: "\(parts[0].shape)")
                }
                let holders = partitions[0].isStage3 ? parts : [parts[0]]
                tensors.append(try .joined(name: name, shape: shape, runs: Self.first(count, of: holders), summary: summary))
            } catch {
                throw error.about("tensor '\(name)'")
            }
        }
        return tensors
    }

    private static func first(_ count: Int, of parts: [TensorRecord]) -> [JoinedValues.Run] {
        var rest = count
        var runs: [JoinedValues.Run] = []
        for part in parts where rest > 0 {
            let taken = min(rest, part.elementCount)
            runs.append(.init(record: part, elements: 0..<taken))
            rest -= taken
        }
        return runs
    }

    private func stage2(_ first: DeepSpeedState) throws(Problem) -> [TensorRecord] {
        guard first.groups.count == partitions[0].groups.count else {
            throw Problem(
                "the optimiser and the model have different numbers of groups", expected: "\(first.groups.count)",
                found: "\(partitions[0].groups.count)")
        }
        var tensors: [TensorRecord] = []
        for (place, group) in first.groups.enumerated() {
            let parts = partitions.map { $0.groups[place] }
            try checkLengths(of: parts, group, first)
            let available = try Self.sum(parts.map(\.elementCount))
            let flat = Flat(parts)
            var offset = 0
            for (name, shape) in group {
                let count = try TensorRecord.byteCount(dtype: .u8, shape: shape)
                guard count <= available - offset else { throw Self.shortage(name, count, available - offset) }
                tensors.append(try tensor(name, shape, flat.runs(offset..<offset + count)))
                offset += count
            }
            // Groups are filled up to twice the number of processes.
            let unit = 2 * partitions.count
            guard (offset + unit - 1) / unit == (available + unit - 1) / unit else {
                throw Problem("the flat weights hold more than the parameters need", expected: "\(offset) elements", found: "\(available)")
            }
        }
        return tensors
    }

    /// All processes hold parts of one length. What fills up the last ones may have been left out.
    private func checkLengths(
        of parts: [TensorRecord], _ group: [(String, [Int])], _ first: DeepSpeedState
    ) throws(Problem) {
        var counts: [Int] = []
        for (name, shape) in group {
            if let other = first.moduleShapes[name], other != shape {
                throw Problem(
                    "the module and the description of the weights have different shapes", subject: "tensor '\(name)'",
                    expected: "\(other)", found: "\(shape)")
            }
            counts.append(try TensorRecord.byteCount(dtype: .u8, shape: shape))
        }
        let length = parts[0].elementCount
        var rest = try Self.sum(counts)
        for part in parts {
            guard part.elementCount == length || part.elementCount == min(length, rest) else {
                throw Problem(
                    "the processes hold parts of different lengths", expected: "\(length) elements", found: "\(part.elementCount)")
            }
            rest = max(0, rest - length)
        }
    }

    /// The elements that each of several processes holds of a tensor in stage 3.
    private static func part(of count: Int, among processes: Int) -> Int {
        count / processes + (count.isMultiple(of: processes) ? 0 : 1)
    }

    private func stage3(_ first: DeepSpeedState) throws(Problem) -> [TensorRecord] {
        let flats = partitions.map { Flat($0.groups) }
        let available = try partitions.map { partition throws(Problem) in try Self.sum(partition.groups.map(\.elementCount)) }
        guard available.allSatisfy({ $0 == available[0] }) else { throw Problem("the processes hold parts of different lengths") }
        var tensors: [TensorRecord] = []
        var offset = 0
        for (name, shape) in first.groups.joined() {
            let count = try TensorRecord.byteCount(dtype: .u8, shape: shape)
            let part = Self.part(of: count, among: partitions.count)
            guard part <= available[0] - offset else { throw Self.shortage(name, part, available[0] - offset) }
            var runs: [JoinedValues.Run] = []
            for (process, flat) in flats.enumerated() where count > process * part {
                runs += flat.runs(offset..<offset + min(part, count - process * part))
            }
            tensors.append(try tensor(name, shape, runs))
            offset += part
        }
        guard offset == available[0] else {
            throw Problem("the flat weights hold more than the parameters need", expected: "\(offset) elements", found: "\(available[0])")
        }
        return tensors
    }

    private func tensor(_ name: String, _ shape: [Int], _ runs: [JoinedValues.Run]) throws(Problem) -> TensorRecord {
        do throws(Problem) {
            return try .joined(name: name, shape: shape, runs: runs, summary: summary)
        } catch {
            throw error.about("tensor '\(name)'")
        }
    }

    private var summary: String { "parts of \(partitions.count) processes" }

    private static func shortage(_ name: String, _ count: Int, _ rest: Int) -> Problem {
        Problem("the flat weights end before it does", subject: "tensor '\(name)'", expected: "\(count) elements", found: "\(rest)")
    }

    private static func sum(_ counts: [Int]) throws(Problem) -> Int {
        var sum = 0
        for count in counts {
            let (next, overflow) = sum.addingReportingOverflow(count)
            guard !overflow else { throw Problem("the flat weights overflow") }
            sum = next
        }
        return sum
    }

    /// Tensors as one line of elements.
    private struct Flat {
        private let parts: [TensorRecord]
        private let starts: [Int]

        init(_ parts: [TensorRecord]) {
            self.parts = parts
            var starts = [0]
            for part in parts { starts.append(starts[starts.count - 1] + part.elementCount) }
            self.starts = starts
        }

        func runs(_ range: Range<Int>) -> [JoinedValues.Run] {
            parts.indices.compactMap { place in
                let held = range.clamped(to: starts[place]..<starts[place + 1])
                guard !held.isEmpty else { return nil }
                return .init(record: parts[place], elements: held.lowerBound - starts[place]..<held.upperBound - starts[place])
            }
        }
    }
}
