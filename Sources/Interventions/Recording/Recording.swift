import Datasets
import Evaluation
import Networks
import Tensors
import Text

/// A recording whose inputs have all been read: the arrays with their final shapes, and the run that fills them.
///
/// All samples of one shape give a site [samples, ...] as the network makes it. Where positions or a token are chosen, or sequences differ in
/// length, a site with positions gives a row for each position that is recorded, sample by sample.
package struct Recording: Sendable {
    /// The names of the data's classes that have one.
    package var classNames: [Int: String] { parts.first?.batches.dataset.classNames ?? [:] }

    /// What was decided for the user as the data was read, in sentences.
    package var dataNotes: [String] { parts.flatMap(\.batches.dataset.notes) }

    /// The samples of one run over the data: all, or the clean or the corrupted ones of pairs.
    struct Part: Sendable {
        let prefix: String
        /// The samples in the order of the data.
        let batches: SampleBatches
        /// The samples as they run, those of one length together, and which they are; nil if they run in the order of the data.
        private let sorted: (batches: SampleBatches, samples: [Int])?
        /// Whether sites with positions have a row for each position.
        let hasRows: Bool
        private let positions: PositionChoice?
        private let token: Int32?
        /// The number of rows; of samples where there are none.
        let rows: Int
        /// The samples that have no chosen position.
        let empty: Int

        init(_ prefix: String, _ batches: SampleBatches, _ sites: [RecordedSite], _ positions: PositionChoice?, _ token: Int32?) throws {
            self.prefix = prefix
            self.batches = batches
            (self.positions, self.token) = (positions, token)
            let dataset = batches.dataset
            let isTokens = if case .tokens = dataset.inputs { true } else { false }
            let isChosen = positions != nil || token != nil
            if token != nil, !isTokens { throw Problem("the model reads numbers, which have no tokens", subject: dataset.name) }
            if isChosen, let site = sites.first(where: { !$0.hasPositions }) {
                throw Problem("site '\(site.name)' has no positions", expected: "sites with an output for each position of a sequence")
            }
            let lengths = Set((0..<dataset.count).map(batches.length))
            hasRows = isChosen || lengths.count > 1
            let own = isTokens ? nil : try Self.commonLength(sites, batches, isChosen: isChosen)
            length = own
            let order = lengths.count > 1 ? LengthOrder(dataset, window: try Self.window(sites, batches)) : nil
            sorted = try order.map { (batches: try batches.selecting($0.samples), samples: $0.samples) }
            guard hasRows else {
                (rows, empty) = (dataset.count, 0)
                return
            }
            var (rows, empty) = (0, 0)
            for sample in 0..<dataset.count {
                let count = Self.places(sample, batches, own, positions, token).count
                rows += count
                if count == 0 { empty += 1 }
            }
            guard rows > 0 else {
                throw Problem(
                    "has no such position", subject: dataset.name,
                    expected: "positions from 0 to \((own ?? lengths.max() ?? 0) - 1)" + (token.map { " that hold the token \($0)" } ?? ""))
            }
            (self.rows, self.empty) = (rows, empty)
        }

        /// The positions of every sample's sites where samples are numbers: patches of an image.
        private let length: Int?

        /// The numbers that may wait for those of samples before them.
        private static let waiting = 1 << 23

        /// The samples that may change places, so that what waits stays bounded.
        private static func window(_ sites: [RecordedSite], _ batches: SampleBatches) throws -> Int {
            guard let longest = (0..<batches.dataset.count).max(by: { batches.length(of: $0) < batches.length(of: $1) }) else { return 1 }
            let shapes = try batches.network.shapes(for: batches.shape(samples: 1, like: longest))
            return max(1, waiting / max(1, sites.reduce(0) { $0 + shapes[$1.node.index].reduce(1, *) }))
        }

        /// The batches that run.
        var running: SampleBatches { sorted?.batches ?? batches }

        /// The samples of a batch that runs, by their place in the data.
        func samples(_ place: Int) -> [Int] {
            guard let sorted else { return Array(batches.ranges[place]) }
            return Array(sorted.samples[sorted.batches.ranges[place]])
        }

        /// Whether the samples run in another order than that of the data.
        var isReordered: Bool { sorted != nil }

        /// The number of positions that all the sites have.
        private static func commonLength(_ sites: [RecordedSite], _ batches: SampleBatches, isChosen: Bool) throws -> Int? {
            guard isChosen else { return nil }
            let shapes = try batches.network.shapes(for: batches.shape(samples: 1, like: 0))
            let lengths = sites.map { SiteLayout(shapes[$0.node.index], $0).positions }
            if let place = lengths.firstIndex(where: { $0 != lengths[0] }) {
                throw Problem(
                    "sites '\(sites[0].name)' and '\(sites[place].name)' differ in their positions", expected: "sites of one length",
                    found: "\(lengths[0]) and \(lengths[place])")
            }
            return lengths.first
        }

        /// The positions of a sample that are recorded.
        func places(_ sample: Int) -> [Int] { Self.places(sample, batches, length, positions, token) }

        private static func places(
            _ sample: Int, _ batches: SampleBatches, _ length: Int?, _ positions: PositionChoice?, _ token: Int32?
        ) -> [Int] {
            let length = length ?? batches.length(of: sample)
            let places = positions?.places(in: length) ?? Array(0..<length)
            guard let token, case .tokens(let tokens) = batches.dataset.inputs else { return places }
            let ids = tokens.tokens(of: sample)
            return places.filter { ids[ids.startIndex + $0] == token }
        }

        /// The shape of a site's array in the file.
        func shape(_ site: RecordedSite) throws -> [Int] {
            var found: [Int]?
            for (place, shape) in try distinctShapes() {
                let output = shape[site.node.index]
                guard output.first == batches.shape(place).samples else {
                    throw Problem(
                        "site '\(site.name)' has no output for each sample", found: output.map(String.init).joined(separator: "x"))
                }
                let layout = SiteLayout(output, site)
                let inner = usesRows(site) ? layout.positionShape : layout.sampleShape
                if let found, found != inner {
                    throw Problem(
                        "site '\(site.name)' has another shape for each length of a sequence", subject: batches.dataset.name,
                        expected: "sequences of one length",
                        found: [found, inner].map { $0.map(String.init).joined(separator: "x") }.joined(separator: " and "))
                }
                found = inner
            }
            return [usesRows(site) ? rows : batches.dataset.count] + (found ?? [])
        }

        func usesRows(_ site: RecordedSite) -> Bool { hasRows && site.hasPositions }

        /// The shapes of all outputs for one batch of each length.
        private func distinctShapes() throws -> [(Int, [[Int]])] {
            var seen: Set<Int> = []
            return try batches.ranges.indices.filter { seen.insert(batches.length(of: batches.ranges[$0].lowerBound)).inserted }
                .map { ($0, try batches.network.shapes(for: batches.shape($0))) }
        }
    }

    package let sites: [RecordedSite]
    let parts: [Part]
    let answers: (right: [[Int32]], wrong: [[Int32]])?
    let request: RunRequest
    let threads: Int
    /// Those of the sites, part by part.
    package let activations: [RecordedArray]

    init(
        sites: [RecordedSite], parts: [Part], answers: (right: [[Int32]], wrong: [[Int32]])?, request: RunRequest, threads: Int
    ) throws {
        self.sites = sites
        self.parts = parts
        self.answers = answers
        self.request = request
        self.threads = threads
        activations = try parts.flatMap { part in
            try sites.map { site in
                // What is written beside the sites has the short names.
                let name = RecordedLabels.names.contains(site.name) ? "site." + site.name : site.name
                return RecordedArray(name: part.prefix + name, element: .float32, shape: try part.shape(site), site: site.name)
            }
        }
    }

    /// The number of samples, or of pairs.
    package var count: Int { parts.first?.batches.dataset.count ?? 0 }
    /// The data's name.
    package var data: String { parts.first?.batches.dataset.name ?? "" }
    /// Whether the data are pairs.
    package var arePairs: Bool { answers != nil }
    /// The samples that a run passes, those of both sides of pairs.
    package var runCount: Int { parts.reduce(0) { $0 + $1.batches.dataset.count } }
    /// The samples without any of the positions.
    package var emptyCount: Int { parts.reduce(0) { $0 + $1.empty } }
    /// Whether sites with positions have a row for each.
    package var hasRows: Bool { parts.contains { $0.hasRows } }

    /// Runs the model and hands on the activations: for each array its numbers in their order, in pieces.
    ///
    /// At one time as many batches as threads are in memory.
    ///
    /// - Parameters:
    ///   - progress: called with the number of samples done.
    ///   - write: called with the place of an array in ``activations`` and its next numbers.
    package func run(progress: (Int) -> Void = { _ in }, write: (Int, [Float]) throws -> Void) throws {
        var (waiting, current) = (Reordering<[[Float]]>(), 0)
        try run(progress: progress, reduce: { _, _, _, values in values }) { number, samples, found in
            var found = found
            let part = parts[number]
            if part.isReordered {
                if number != current { (waiting, current) = (Reordering(), number) }
                let pieces = zip(sites, found).map { part.pieces(of: $1, $0, samples) }
                for (place, sample) in samples.enumerated() { waiting.add(pieces.map { Array($0[place]) }, number: sample) }
                let ready = waiting.ready()
                found = sites.indices.map { site in ready.flatMap { $0[site] } }
            }
            for (index, values) in found.enumerated() where !values.isEmpty { try write(number * sites.count + index, values) }
        }
    }

    /// Runs the model, reduces what each site holds of each batch, and hands on the results in the order of the batches.
    ///
    /// - Parameters:
    ///   - reduce: called from any thread with a part, a site, the samples of a batch, and the site's numbers, sample by sample.
    ///   - consume: called with a part's number, the samples of a batch, and the results of all sites.
    func run<Result: Sendable>(
        progress: (Int) -> Void, reduce: @Sendable (Part, RecordedSite, [Int], [Float]) -> Result,
        consume: (Int, [Int], [Result]) throws -> Void
    ) throws {
        for (number, part) in parts.enumerated() {
            let batches = part.running
            try BatchLoop(count: batches.ranges.count, threads: threads, wave: threads).run(
                worker: { BatchWorker(batches, team: $0) },
                compute: { worker, place in
                    let run = try worker.run(place, request: request)
                    let samples = part.samples(place)
                    let places = part.hasRows ? samples.map(part.places) : []
                    return sites.map { site in
                        guard let output = run[site.node] else { preconditionFailure("'\(site.name)' was not recorded") }
                        return reduce(
                            part, site, samples, part.kept(output, site, samples: samples.count, places: part.usesRows(site) ? places : nil)
                        )
                    }
                },
                consume: { place, found in
                    try consume(number, part.samples(place), found)
                    progress(batches.ranges[place].count)
                })
        }
    }
}

extension Recording.Part {
    /// The numbers of each sample of a batch in what was kept of a site: as many rows as the sample has where there are rows.
    func pieces(of values: [Float], _ site: RecordedSite, _ samples: [Int]) -> [ArraySlice<Float>] {
        let rows = samples.map { usesRows(site) ? places($0).count : 1 }
        let width = values.count / max(1, rows.reduce(0, +))
        var start = 0
        return rows.map { count in
            defer { start += count * width }
            return values[start..<start + count * width]
        }
    }

    /// What is kept of a batch's output, sample by sample.
    func kept(_ output: Tensor, _ site: RecordedSite, samples: Int, places: [[Int]]?) -> [Float] {
        let layout = SiteLayout(output.shape, site)
        return output.withElements { values in
            if places == nil, layout.neurons == nil { return Array(values) }
            var kept: [Float] = []
            for sample in 0..<samples {
                if let places {
                    for position in places[sample] { layout.append(values, sample: sample, position: position, to: &kept) }
                } else {
                    layout.append(values, sample: sample, position: nil, to: &kept)
                }
            }
            return kept
        }
    }
}
