import Text

/// The files that the processes of a training with DeepSpeed write, each with its process's number in its name, and those that are missing.
enum DeepSpeedProcesses {
    private static let mark = "zero_pp_rank_"
    /// The processes whose files are looked for; a file can claim any number.
    private static let mostProcesses = 1 << 16

    /// The number of the process that wrote a file, by its name.
    private static func rank(_ baseName: String) -> Int? {
        guard let range = baseName.firstRange(of: mark) else { return nil }
        return Int(baseName[range.upperBound...].prefix { $0.isASCII && $0.isNumber })
    }

    /// The name of another process's file.
    private static func name(_ baseName: String, rank: Int) -> String? {
        guard let range = baseName.firstRange(of: mark) else { return nil }
        let rest = baseName[range.upperBound...].drop { $0.isASCII && $0.isNumber }
        return baseName[..<range.upperBound] + String(rank) + rest
    }

    /// Checks that the files of the processes from 0 to `count` - 1 are there.
    ///
    /// - Parameters:
    ///   - what: what the files hold.
    ///   - folder: the folder, for messages.
    /// - Throws: ``Problem`` that names the first missing file.
    static func check(_ files: [ContainerFile], count: Int, what: String, folder: String) throws(Problem) {
        guard let example = files.first?.baseName else { return }
        let present = Set(files.compactMap { rank($0.baseName) })
        guard present.count == files.count else { return }
        let needed = max(count, (present.max() ?? 0) + 1)
        for process in 0..<min(needed, mostProcesses) where !present.contains(process) {
            throw Problem(
                path: folder, problem: "the file of process \(process) of \(needed) with \(what) is missing",
                expected: name(example, rank: process),
                found: MemberList(files.map(\.baseName)).text)
        }
    }

    /// The error for a folder in which only the optimiser's states are left.
    ///
    /// - Parameter files: those of the container, none of which is a model.
    static func missingDescription(_ files: [ContainerFile], _ container: some Container) -> Problem? {
        guard let state = files.first(where: { $0.baseName.hasSuffix(DeepSpeedCheckpoint.optimizerEnding) }) else { return nil }
        let empty = files.first { $0.folder == state.folder && $0.baseName.hasSuffix(DeepSpeedCheckpoint.modelEnding) }
        if let empty {
            return Problem(
                path: container.displayPath(empty.name),
                problem: empty.size == 0 ? "the file is empty" : "the description of the model is not a PyTorch file")
        }
        let own = String(state.baseName.dropLast(DeepSpeedCheckpoint.optimizerEnding.count)) + DeepSpeedCheckpoint.modelEnding
        return Problem(
            path: container.displayPath(state.folder), problem: "the description of the model is missing",
            expected: "mp_rank_00\(DeepSpeedCheckpoint.modelEnding), or \(own) in stage 3", found: MemberList(files.map(\.name)).text)
    }

    /// The error for descriptions of stage 3 without the states that hold the weights.
    static func missingStates(_ candidates: [ContainerFile], _ container: some Container) -> Problem? {
        let descriptions = candidates.filter { $0.baseName.hasSuffix(DeepSpeedCheckpoint.modelEnding) && rank($0.baseName) != nil }
        guard let first = descriptions.min(by: { $0.name.precedesNaturally($1.name) }), descriptions.count == candidates.count,
            !container.files.contains(where: { $0.folder == first.folder && $0.baseName.hasSuffix(DeepSpeedCheckpoint.optimizerEnding) })
        else { return nil }
        return missingStates(path: container.displayPath(first.folder), baseName: first.baseName)
    }

    /// The error for a description of stage 3 by itself.
    static func missingStates(path: String, baseName: String) -> Problem {
        let name =
            baseName.hasSuffix(DeepSpeedCheckpoint.modelEnding)
            ? baseName.dropLast(DeepSpeedCheckpoint.modelEnding.count) + DeepSpeedCheckpoint.optimizerEnding
            : "zero_pp_rank_0_mp_rank_00" + DeepSpeedCheckpoint.optimizerEnding
        return Problem(
            path: path, problem: "the weights of ZeRO's stage 3 are in the optimiser states of its processes, which are not here",
            expected: String(name), hint: "give the directory that holds both")
    }

    /// Whether a pickle describes the parameters of a training without holding them, as in stage 3.
    static func isDescription(_ pickle: Pickle, _ models: [WeightFile.Model]) -> Bool {
        guard let shapes = pickle.member("param_shapes", of: pickle.root), pickle.member("module", of: pickle.root) != nil else {
            return false
        }
        let groups = pickle.sequence(shapes).map(Array.init) ?? [shapes]
        let names = Set(groups.flatMap { pickle.members($0)?.map(\.key) ?? [] })
        let held = models.filter { $0.key == "module" }.flatMap { model in
            model.tensors.filter { $0.elementCount > 0 }.map(\.name) + model.unreadable.map(\.name)
        }
        return !names.isEmpty && names.isDisjoint(with: held)
    }
}
