import Archives
import Checkpoints
import Datasets
import Glibc

/// One of the inputs that determine a run's numbers.
package enum RunPart: Hashable, Sendable {
    case checkpoint(Checkpoint.Part)
    case architecture
    case data(DatasetSource.Part)
    /// A part of the data that the model is evaluated on.
    case evaluated(DatasetSource.Part)
    case settings(Trainer.Settings.Part)
    case order(BatchOrder.Part)
    case plan(TrainingRun.Plan.Part)
    case term(ClusteredTerm.Part)
    case frozenParameters
    case trainedParameters
    case seed
    case keptWeights
}

/// The inputs that determine the numbers of a run, described part by part: a run is resumed only if all of it is unchanged.
///
/// It consists of the dependencies that the parts of the run declare.
struct RunIdentity {
    private(set) var words: [RunPart: String] = [:]

    /// - Parameter samples: the samples, for data that can be read only once.
    mutating func add(_ part: RunPart, _ dependency: Dependency?, samples: Dataset? = nil) throws {
        switch dependency {
        case .words(let text): words[part] = text
        case .content(let regions): words[part] = Self.digest(regions)
        case .file(let path): words[part] = try path + Self.content(of: path, samples)
        case nil: words[part] = nil
        }
    }

    /// The hash of a file's content, or of the samples if the path is not that of a file.
    private static func content(of path: String, _ samples: Dataset?) throws -> String {
        var status = stat()
        if path != "-", stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG {
            return " (sha256 \(digest([try ByteRegion.contents(path: path)])))"
        }
        guard let samples else { return "" }
        var digest = ContentDigest()
        samples.forEachPiece { digest.update($0) }
        return " (sha256 \(digest.hexadecimal.prefix(12)))"
    }

    private static func digest(_ regions: [ByteRegion]) -> String { String(ByteRegion.sha256(of: regions).prefix(12)) }
}

extension Finetuning {
    /// The identity of the run; reads every file.
    ///
    /// The data of the guard, how often the state is saved, and where and in which type the result is written do not affect any number.
    func identity() throws -> [RunPart: String] {
        var identity = RunIdentity()
        for part in Checkpoint.Part.allCases { try identity.add(.checkpoint(part), request.model.checkpoint[dependency: part]) }
        try identity.add(.architecture, Dependency.setting(request.model.architecture))
        let source = request.model.completed(request.data)
        for part in DatasetSource.Part.allCases { try identity.add(.data(part), source[dependency: part], samples: data.dataset) }
        if let evaluated = request.evaluated, let samples = self.evaluated?.batches.dataset {
            // The parts of the data already describe how samples are read.
            for part in [DatasetSource.Part.data, .labels, .limit] {
                try identity.add(.evaluated(part), evaluated[dependency: part], samples: samples)
            }
        }
        for part in Trainer.Settings.Part.allCases { try identity.add(.settings(part), trainer.settings[dependency: part]) }
        for part in BatchOrder.Part.allCases { try identity.add(.order(part), trainer.order[dependency: part]) }
        for part in TrainingRun.Plan.Part.allCases { try identity.add(.plan(part), plan[dependency: part]) }
        for part in ClusteredTerm.Part.allCases { try identity.add(.term(part), term[dependency: part]) }
        try identity.add(.frozenParameters, request.frozen.isEmpty ? nil : .words(request.frozen.joined(separator: ",")))
        try identity.add(.trainedParameters, request.only.isEmpty ? nil : .words(request.only.joined(separator: ",")))
        try identity.add(.seed, Dependency.setting(request.seed))
        try identity.add(.keptWeights, .words(request.keptWeights.rawValue))
        return identity.words
    }
}
