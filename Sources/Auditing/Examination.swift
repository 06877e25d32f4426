import Archives
import Checkpoints
import Datasets
import Glibc
import Modularity
import Networks
import Scoring
import Tensors
import Text

/// The examination of one checkpoint: its row of an audit.
///
/// Every tensor is read once for its digest, NaN and infinities. A weight matrix is then read as a matrix for dead and repeated neurons and for
/// the scores; small models keep their matrices for the scores. Memory is that of the largest layer.
package struct Examination {
    private let checkpoint: Checkpoint
    private let catalog: LayerCatalog
    private let settings: AuditSettings
    private let threads: Int
    private var findings = FindingList()
    /// The matrices that are kept, by the layer's name.
    private var matrices: [String: WeightMatrix] = [:]

    /// Models of so many weights keep their matrices.
    private static let keptWeights = 1 << 22

    /// The row of a checkpoint. One that cannot be opened or scored has the status failed and the reason, with what is known anyway.
    ///
    /// - Parameter threads: bounds the cores used; changes nothing else.
    package static func row(of found: FoundCheckpoint, settings: AuditSettings, threads: Int = 1) -> AuditRow {
        var row = AuditRow(checkpoint: found, status: .ok, reason: nil)
        do {
            let checkpoint = try open(found)
            if let refusal = checkpoint.refusal { throw refusal }
            var examination = Examination(checkpoint: checkpoint, catalog: LayerCatalog(checkpoint), settings: settings, threads: threads)
            try examination.fill(&row)
        } catch {
            row.status = .failed
            row.reason = Self.reason(Problem(error), of: found)
            if row.sha256 == nil { describeFiles(of: found, in: &row) }
        }
        return row
    }

    /// What the files of a checkpoint that cannot be opened say: the hash of a single one, and what a pickle would call.
    private static func describeFiles(of found: FoundCheckpoint, in row: inout AuditRow) {
        let files = found.files.compactMap { file in PathText.plain(file.path).flatMap { try? ByteRegion.mapping(path: $0) } }
        if found.files.count == 1, files.count == 1 { row.sha256 = ByteRegion.sha256(of: files) }
        var findings = FindingList()
        findings.add(PickleScan(files), foreign: [])
        row.findings = findings.ordered
    }

    private init(checkpoint: Checkpoint, catalog: LayerCatalog, settings: AuditSettings, threads: Int) {
        self.checkpoint = checkpoint
        self.catalog = catalog
        self.settings = settings
        self.threads = threads
    }

    private static func open(_ found: FoundCheckpoint) throws -> Checkpoint {
        let checkpoint = try Checkpoint.open(found.path)
        guard let base = found.base else { return checkpoint }
        return try checkpoint.merged(into: Checkpoint.open(base))
    }

    /// What is wrong, without the path of the checkpoint, which the row has.
    private static func reason(_ problem: Problem, of found: FoundCheckpoint) -> String {
        var problem = problem
        if problem.path == found.path {
            problem.path = nil
        } else if let path = problem.path, path.hasPrefix(found.path + "/") {
            problem.path = String(path.dropFirst(found.path.count + 1))
        }
        return problem.summary
    }

    /// - Throws: ``Problem`` of scoring, when everything else is in the row.
    private mutating func fill(_ row: inout AuditRow) throws {
        row.sha256 = ByteRegion.sha256(of: checkpoint.sources + (checkpoint.base?.sources ?? []))
        findPickles()
        let unseen = TransformerFamilies.assumption(of: checkpoint, catalog: catalog)
        for assumption in checkpoint.assumptions + [unseen].compactMap({ $0 }) { findings.add(.assumed, detail: assumption) }
        for tensor in checkpoint.unreadable + catalog.misfits { findings.add(.unread, subject: tensor.name, detail: tensor.reason) }
        let (choice, problem) = scoredLayers()
        row.model = model(scored: choice)
        row.weightsSHA256 = readTensors()
        readMatrices()
        row.findings = findings.ordered
        if let problem { throw problem }
        row.results = try scores(choice)
        // What is left of the model is scored, but it is not the model.
        if let problem = checkpoint.incompleteness { throw problem }
    }

    // MARK: - What it is

    private func scoredLayers() -> (layers: [Layer], problem: (any Error)?) {
        do {
            return (try catalog.layers(matching: patterns, path: checkpoint.path), nil)
        } catch {
            return ([], error)
        }
    }

    /// The patterns of the settings without those that exclude nothing here: of many models, not all have the layers that are left out.
    private var patterns: [String] {
        let effective = settings.layers.filter { pattern in
            !pattern.hasPrefix("!") || (try? catalog.select([String(pattern.dropFirst())])) != nil
        }
        return effective.isEmpty && !settings.layers.isEmpty ? ["all"] : effective
    }

    private func model(scored: [Layer]) -> AuditRow.Model {
        let repeated = Set(checkpoint.tensors.tied.flatMap { $0.dropFirst() })
        let isAlone = checkpoint.adapter != nil && checkpoint.base == nil
        let counted =
            isAlone
            ? checkpoint.stored : checkpoint.tensors.filter { catalog.isParameter($0) && !repeated.contains($0.name) }
        let chosen = Set(scored.map(\.tensorName))
        var leftOut: [LeftOut: Int] = [:]
        for tensor in checkpoint.tensors {
            guard let reason = catalog.leftOut(tensor, chosen: chosen, isDefault: settings.layers.isEmpty) else { continue }
            leftOut[reason, default: 0] += 1
        }
        return AuditRow.Model(
            container: checkpoint.container, family: catalog.family.name,
            parameters: counted.reduce(0) { $0.addingReportingOverflow($1.elementCount).partialValue },
            dtypes: Set(checkpoint.stored.map(\.dtype.rawValue)).sorted(),
            encodings: Set(checkpoint.tensors.compactMap(\.encoding)).sorted(), step: checkpoint.training?.step,
            leftOut: LeftOut.allCases.compactMap { reason in leftOut[reason].map { .init(reason: reason.rawValue, count: $0) } })
    }

    private mutating func findPickles() {
        findings.add(PickleScan(checkpoint.sources + (checkpoint.base?.sources ?? [])), foreign: checkpoint.foreignGlobals)
    }

    // MARK: - Tensors

    /// Reads every tensor once.
    ///
    /// - Returns: the digest of the weights; nil if a tensor cannot be read.
    private mutating func readTensors() -> String? {
        var digest = WeightsDigest()
        var isComplete = checkpoint.unreadable.isEmpty
        let tied = checkpoint.tensors.tied
        let firsts = Dictionary(tied.flatMap { group in group.dropFirst().map { ($0, group[0]) } }, uniquingKeysWith: { first, _ in first })
        /// What the tensors say that others are tied to, by name.
        var shared: [String: String] = [:]
        var tables: [(name: String, shape: [Int], digest: String, isOutput: Bool)] = []
        var contents: [String: [String]] = [:]
        // The digest is the same whatever else a file says.
        let named = checkpoint.module == nil && checkpoint.graph == nil ? catalog : LayerCatalog(checkpoint, judgesByNames: true)
        for tensor in checkpoint.tensors {
            let reason = named.role(of: tensor.name)
            if let first = firsts[tensor.name] {
                if let content = shared[first] { digest.add(tensor.name, reason: reason, shape: tensor.shape, digest: content) }
                continue
            }
            guard !tensor.repeatsStorage else {
                findings.add(.unread, subject: tensor.name, detail: "a view that repeats its storage without bound")
                isComplete = false
                continue
            }
            let reading = TensorReading(tensor)
            findings.add(.nan, subject: tensor.name, count: reading.nan)
            findings.add(.infinite, subject: tensor.name, count: reading.infinite)
            digest.add(tensor.name, reason: reason, shape: tensor.shape, digest: reading.digest)
            shared[tensor.name] = reading.digest
            let isMatrix = tensor.shape.count { $0 > 1 } >= 2
            guard isMatrix, tensor.dtype.isFloatingPoint, catalog.isParameter(tensor) else { continue }
            if reading.isZero {
                if catalog[tensor.name] != nil { findings.add(.zero, subject: tensor.name) }
                continue
            }
            contents["\(tensor.shape) \(reading.digest)", default: []].append(tensor.name)
            let name = TensorName(tensor.name)
            let isOutput = WeightsDigest.outputNames.contains(String(name.bare))
            if isOutput || reason == .embedding { tables.append((tensor.name, tensor.shape, reading.digest, isOutput)) }
        }
        for names in contents.values.filter({ $0.count > 1 }).sorted(by: { $0[0] < $1[0] }) {
            findings.add(.copy, subject: names[0], count: names.count - 1, detail: names.dropFirst().listed(atMost: 4))
        }
        findUntied(tables)
        return isComplete && !checkpoint.tensors.isEmpty ? digest.hexadecimal : nil
    }

    private mutating func findUntied(_ tables: [(name: String, shape: [Int], digest: String, isOutput: Bool)]) {
        guard let configuration = checkpoint.configuration,
            configuration.withUnsafeBytes({ JSONCursor.member("tie_word_embeddings", of: $0) })?.flag == true
        else { return }
        for output in tables where output.isOutput {
            let embeddings = tables.filter { !$0.isOutput && $0.shape == output.shape }
            guard let first = embeddings.first, !embeddings.contains(where: { $0.digest == output.digest }) else { continue }
            findings.add(.untied, subject: output.name, detail: "differs from '\(first.name)'")
        }
    }

    // MARK: - Neurons

    /// Looks for dead and repeated neurons in the matrices that have neurons on both sides.
    private mutating func readMatrices() {
        let layers = catalog.weightMatrices.filter { layer in
            guard let tensor = checkpoint[layer.tensorName] else { return false }
            return !tensor.repeatsStorage && catalog.leftOut(tensor, chosen: [], isDefault: false) == .notNamed
        }
        let repeated = Set(checkpoint.tensors.tied.flatMap { $0.dropFirst() })
        let isSmall = layers.reduce(0) { $0.addingReportingOverflow($1.tensor.elementCount).partialValue } <= Self.keptWeights
        for layer in layers where !repeated.contains(layer.tensorName) {
            // A matrix that does not fit into memory is a problem of its scores.
            guard let weights = try? layer.weights(), let sums = try? weights.absoluteSums(threads: threads) else { continue }
            if isSmall { matrices[layer.name] = weights }
            let (deadRows, deadColumns) = (Self.zeros(sums.rows), Self.zeros(sums.columns))
            if deadRows.count == weights.rows {
                if layer.isPart { findings.add(.zero, subject: layer.name) }
                continue
            }
            findings.add(.dead, subject: layer.name, side: .out, count: deadRows.count, detail: FindingList.names(deadRows))
            findings.add(.dead, subject: layer.name, side: .in, count: deadColumns.count, detail: FindingList.names(deadColumns))
            let repeats = RepeatedNeurons(weights)
            findings.add(
                .duplicate, subject: layer.name, side: .out, count: repeats.equal.count,
                detail: FindingList.names(repeats.equal, "equals"))
            findings.add(
                .proportional, subject: layer.name, side: .out, count: repeats.proportional.count,
                detail: FindingList.names(repeats.proportional, "is a multiple of"))
        }
    }

    private static func zeros(_ sums: [Double]) -> [Int] { sums.indices.filter { sums[$0] == 0 } }

    // MARK: - Scores

    private func scores(_ layers: [Layer]) throws -> [AuditRow.Result] {
        guard !settings.method.readsData else {
            throw Problem("the method \(settings.method.rawValue) needs data, which an audit has not", expected: "another method")
        }
        let graph = WeightGraph(
            layers: layers.map { layer in
                guard let kept = matrices[layer.name] else { return WeightGraph([layer]).layers[0] }
                return WeightGraph.Layer(name: layer.name, place: layer.place, weights: kept)
            })
        let options = ClusteringOptions(
            method: settings.method, alignment: settings.alignment, coupling: settings.coupling, seed: settings.seed)
        let counts = settings.counts.isEmpty ? [ClusterCount.automatic] : settings.counts.map(ClusterCount.fixed)
        let analysis = try ModelAnalysis(
            graph, labels: .clustering(options, counts: counts), nullSamples: settings.nullSamples, threads: threads)
        return analysis.sweeps.map(AuditRow.Result.init)
    }
}

extension AuditRow.Result {
    fileprivate init(_ sweep: ModelAnalysis.Sweep) {
        let counts = Set(sweep.layers.map(\.clustering.clusterCount))
        k = counts.count == 1 ? counts.first : nil
        layers = sweep.layers.map { layer in
            AuditRow.Scores(
                layer: layer.clustering.layer, k: layer.clustering.clusterCount, measures: Measure.allCases.map { layer.measures[$0] },
                null: layer.null.map(AuditRow.Null.init))
        }
        mean = AuditRow.Scores(
            layer: nil, k: k, measures: Measure.allCases.map { measure in sweep.mean { $0[measure] } },
            null: sweep.null.map(AuditRow.Null.init))
        networkNcut = sweep.networkCut
    }
}

extension AuditRow.Null {
    fileprivate init(_ null: NullModel) {
        self.init(samples: null.samples, mean: null.mean, sd: null.standardDeviation, z: null.z, p: null.p, q: nil)
    }
}
