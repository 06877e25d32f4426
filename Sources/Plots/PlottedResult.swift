import Text

/// A result of one kind, gathered record by record.
protocol DrawnResult: Sendable {
    init()
    mutating func add(_ record: ResultRow)
    /// Takes in another result of the kind where both belong into the same pictures; false where each has pictures of its own.
    mutating func join(_ other: Self) -> Bool
    /// The pictures; there is at least one.
    func figures() -> [PlotFigure]
}

extension DrawnResult {
    mutating func join(_ other: Self) -> Bool { false }
}

extension ResultKind {
    /// An empty result of the kind.
    var empty: any DrawnResult {
        switch self {
        case .score: ScoreResult()
        case .cluster: ClusterResult()
        case .ablate: AblationResult()
        case .patch: PatchResult()
        case .circuit: CircuitResult()
        case .edges: EdgeResult()
        case .overlap: OverlapResult()
        case .compare: CompareResult()
        case .series: SeriesResult()
        case .eval: EvalResult()
        case .finetune: FinetuneLog()
        case .audit: AuditResult()
        }
    }
}

/// What a subcommand wrote, as the pictures need it: the same whether it came as json, jsonl or tsv.
package struct PlottedResult: Sendable {
    /// The file that it was read from.
    package let path: String
    package let kind: ResultKind
    /// What of the file was left out, in words; nil where all was read.
    package let leftOut: String?
    let result: any DrawnResult

    /// The longest text that is read.
    package static let maximumLength = ResultReader.maximumLength

    /// Reads a result.
    ///
    /// - Throws: ``Problem`` where the text is no result that has a picture.
    package init(_ bytes: UnsafeRawBufferPointer, path: String) throws {
        var kind: ResultKind?
        var result: (any DrawnResult)?
        do {
            leftOut = try ResultReader.read(bytes) { found in
                kind = found
                result = found.empty
            } _: { record, _ in
                result?.add(record)
            }
        } catch {
            throw Problem(error).at(path: path)
        }
        guard let kind, let result else { throw Problem("is empty", path: path, expected: ResultKind.expectation) }
        self.path = path
        self.kind = kind
        self.result = result
    }

    package init(_ bytes: [UInt8], path: String) throws {
        self = try bytes.withUnsafeBytes { try PlottedResult($0, path: path) }
    }

    /// The pictures of several results, in their order; results of one kind that belong together share pictures.
    package static func figures(of results: [PlottedResult]) -> [PlotFigure] {
        var groups: [(result: any DrawnResult, leftOut: [String])] = []
        for found in results {
            let leftOut = found.leftOut.map { [results.count > 1 ? "\(found.path): \($0)" : $0] } ?? []
            if let place = groups.indices.first(where: { Self.join(&groups[$0].result, found) }) {
                groups[place].leftOut += leftOut
            } else {
                var result = found.result
                if var circuits = result as? CircuitResult {
                    circuits.name(found.path)
                    result = circuits
                }
                groups.append((result, leftOut))
            }
        }
        var names = UniqueNames(separator: "-")
        return groups.flatMap { group in
            group.result.figures().map { figure in
                var figure = figure
                figure.remarks = group.leftOut
                figure.name = names.unused(figure.name)
                return figure
            }
        }
    }

    private static func join(_ result: inout any DrawnResult, _ other: PlottedResult) -> Bool {
        func join<Result: DrawnResult>(_ one: Result) -> Result? {
            guard var second = other.result as? Result else { return nil }
            if var circuits = second as? CircuitResult {
                circuits.name(other.path)
                second = circuits as? Result ?? second
            }
            var joined = one
            return joined.join(second) ? joined : nil
        }
        guard let joined = join(result) else { return false }
        result = joined
        return true
    }
}
